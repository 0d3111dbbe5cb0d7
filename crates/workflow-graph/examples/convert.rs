//! Converts saved workflows: `convert OBJECT_INFO OUT_DIR FILE...` writes `OUT_DIR/<name>.json`.

use std::{error::Error, fs, path::Path};

use workflow_graph::{Json, catalog::NodeCatalog, convert::convert, ui::UiWorkflow};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: convert OBJECT_INFO OUT_DIR FILE...";
    let catalog = NodeCatalog::from_bytes(&fs::read(arguments.next().ok_or(usage)?)?)?;
    let folder = arguments.next().ok_or(usage)?;
    fs::create_dir_all(&folder)?;
    for file in arguments {
        let workflow = UiWorkflow::from_json(Json::parse(&fs::read(&file)?)?)?;
        let name = Path::new(&file).file_name().ok_or("a file has a name")?;
        let conversion = convert(&workflow, &catalog);
        fs::write(Path::new(&folder).join(name), conversion.workflow.to_string())?;
    }
    Ok(())
}

//! Lays API workflows out for the front end: `lift OBJECT_INFO OUT_DIR FILE...` writes
//! `OUT_DIR/<name>.json` and prints what each cannot hold.
#![expect(clippy::print_stdout, reason = "it is a program that prints")]

use std::{error::Error, fs, path::Path};

use workflow_graph::{Json, Workflow, catalog::NodeCatalog, lift::lift};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: lift OBJECT_INFO OUT_DIR FILE...";
    let catalog = NodeCatalog::from_bytes(&fs::read(arguments.next().ok_or(usage)?)?)?;
    let folder = arguments.next().ok_or(usage)?;
    fs::create_dir_all(&folder)?;
    for file in arguments {
        let workflow = Workflow::from_json(&Json::parse(&fs::read(&file)?)?)?;
        let name = Path::new(&file).file_name().ok_or("a file has a name")?;
        let lifted = lift(&workflow, &catalog);
        fs::write(Path::new(&folder).join(name), lifted.workflow.as_json().to_string())?;
        let numbers = lifted.renamed.iter().map(|(id, number)| (id.as_str(), Json::from(*number)));
        let findings = lifted.findings.iter().map(|finding| Json::from(finding.to_string()));
        let told = Json::object([
            ("file", Json::from(file)),
            ("renamed", Json::object(numbers)),
            ("findings", Json::Array(findings.collect())),
        ]);
        println!("{told}");
    }
    Ok(())
}

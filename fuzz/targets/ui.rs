//! Any JSON as a workflow of the front end: read whole, converted without a guess or a crash.
#![no_main]

use fuzz::{CATALOG, documents, json_target, next, small_catalog};
use std::sync::LazyLock;
use workflow_graph::{
    Json,
    catalog::NodeCatalog,
    convert::convert,
    ui::UiWorkflow,
    validate::{Profile, Targets, validate},
};

static SMALL: LazyLock<NodeCatalog> = LazyLock::new(small_catalog);

json_target!(|input| {
    let json = next(&mut documents(input))?;
    let written = json.to_string();
    let ui = UiWorkflow::from_json(json).ok()?;
    assert_eq!(ui.as_json().to_string(), written);
    for catalog in [&*CATALOG, &*SMALL] {
        let conversion = convert(&ui, catalog);
        let _ = conversion.findings.iter().map(ToString::to_string).collect::<Vec<_>>();
        let text = conversion.workflow.to_string();
        assert_eq!(Json::parse(text.as_bytes()).expect("what was written").to_string(), text);
        let again = convert(&ui, catalog);
        assert_eq!(again.workflow.to_string(), text);
        let _ = validate(&conversion.workflow, catalog, Targets::All, Profile::V0_33);
        if let Ok(workflow) = conversion.to_workflow() {
            assert_eq!(workflow.to_json().to_string(), text);
        }
    }
    Some(())
});

//! Any JSON as a server's classes, then a prompt and a saved workflow held against them.
#![no_main]

use fuzz::{documents, json_target, next};
use workflow_graph::{
    Json,
    catalog::NodeCatalog,
    convert::convert,
    fix::{apply, fix},
    ui::UiWorkflow,
    validate::{Profile, Targets, validate},
};

json_target!(|input| {
    let mut documents = documents(input);
    let catalog = NodeCatalog::from_json(next(&mut documents)?).ok()?;
    let prompt = next(&mut documents).unwrap_or_else(|| one_of_each(&catalog));
    let ui = next(&mut documents).and_then(|json| UiWorkflow::from_json(json).ok());
    let catalog = match next(&mut documents) {
        Some(replacements) => catalog.with_replacements(&replacements),
        None => catalog,
    };
    for profile in [Profile::V0_33, Profile::V0_8] {
        let _ = validate(&prompt, &catalog, Targets::All, profile).to_json().to_string();
        let fixes = fix(&prompt, &catalog, Targets::All, profile);
        assert_eq!(apply(&prompt, &fixes.proposals).expect("its own proposals"), fixes.fixed);
    }
    if let Some(ui) = ui {
        let _ = convert(&ui, &catalog).workflow.to_string();
    }
    Some(())
});

fn one_of_each(catalog: &NodeCatalog) -> Json {
    let classes: Vec<&str> = catalog.classes().map(|class| class.name.as_str()).collect();
    let node = |class: &str| {
        Json::object([("class_type", Json::from(class)), ("inputs", Json::object([]))])
    };
    Json::object(classes.into_iter().map(|class| (class, node(class))))
}

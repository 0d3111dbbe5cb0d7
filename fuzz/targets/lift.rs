//! Any workflow laid out for the front end: what no finding names comes back when it is converted.
#![no_main]

use std::collections::BTreeMap;

use fuzz::{CATALOG, documents, json_target, next, next_workflow};
use workflow_graph::{Input, Json, Workflow, convert::convert, lift::lift, ui::UiWorkflow};

json_target!(|input| {
    let mut documents = documents(input);
    let workflow = match next_workflow(&mut documents) {
        Some(workflow) => workflow,
        None => convert(&UiWorkflow::from_json(next(&mut documents)?).ok()?, &CATALOG)
            .to_workflow()
            .ok()?,
    };
    let lifted = lift(&workflow, &CATALOG);
    let _ = lifted.findings.iter().map(ToString::to_string).collect::<Vec<_>>();
    let text = lifted.workflow.as_json().to_string();
    let read = UiWorkflow::from_json(Json::parse(text.as_bytes()).expect("what was written"));
    let read = read.expect("a workflow of the front end");
    assert_eq!(read.root().unreadable(), 0);
    assert_eq!(read.root().nodes().count(), workflow.nodes().len());
    let again = convert(&read, &CATALOG);
    if lifted.findings.is_empty() && lifted.renamed.is_empty() {
        let again = again.to_workflow().expect("a workflow");
        assert_eq!(in_effect(&again), in_effect(&workflow));
    }
    Some(())
});

/// What the server makes of a workflow: it takes one wrapping off each value. Pictures of a scene
/// or of a comparison are made anew by each front end, also where there was none.
fn in_effect(workflow: &Workflow) -> BTreeMap<String, (String, BTreeMap<String, String>)> {
    let value = |input: &Input| match input {
        Input::Link { .. } => format!("link {}", input.to_json()),
        Input::Literal(value) => value.get("__value__").unwrap_or(value).to_string(),
    };
    let nodes = workflow.nodes().map(|(id, node)| {
        let class = node.class_type().as_str();
        let inputs = node.inputs().filter(|(name, input)| !is_picture(class, name, input));
        let inputs = inputs.map(|(name, input)| (name.to_owned(), value(input)));
        (id.to_string(), (class.to_owned(), inputs.collect()))
    });
    nodes.collect()
}

/// By its type; or by being the empty text of a view that only the front end's scripts know.
fn is_picture(class: &str, name: &str, input: &Input) -> bool {
    let Some(class) = CATALOG.class(class) else { return false };
    match class.input(name) {
        Some(spec) => matches!(spec.type_name(), Some("LOAD_3D" | "IMAGECOMPARE")),
        None => name == "image" && input.as_literal().and_then(Json::as_str) == Some(""),
    }
}

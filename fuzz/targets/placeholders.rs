//! Any workflow as a template: values fill its places and change nothing else.
#![no_main]

use std::collections::BTreeMap;

use fuzz::{documents, json_target, next, next_workflow, text};
use workflow_graph::{
    Json, Workflow,
    placeholders::{Mapping, Placeholders},
};

json_target!(|input| {
    let mut documents = documents(input);
    let workflow = next_workflow(&mut documents)?;
    let given = next(&mut documents);
    let mapping = next(&mut documents);
    if let Ok(template) = Placeholders::find(&workflow) {
        check(&workflow, &template, given.as_ref());
    }
    let mapping = Mapping::from_json(&mapping?).ok()?;
    check(&workflow, &mapping.on(&workflow).ok()?, given.as_ref());
    Some(())
});

fn check(workflow: &Workflow, template: &Placeholders, given: Option<&Json>) {
    assert_eq!(template.workflow(), workflow);
    let values = given.and_then(Json::as_object).into_iter().flatten();
    let values: BTreeMap<String, Json> =
        values.map(|(name, value)| (name.clone(), value.clone())).collect();
    // What fits is given to each name, so that filling is reached whatever the values are.
    let fitting = |kind| {
        let tried = [
            Json::from("{{X:int=5}}"),
            Json::from(7_u64),
            Json::from(true),
            Json::Array(vec![]),
            Json::object([]),
        ];
        tried
            .into_iter()
            .find(|value| workflow_graph::placeholders::Kind::accept(kind, value).is_ok())
    };
    let all = template.parameters().filter_map(|p| Some((p.name.clone(), fitting(p.kind)?)));
    for values in [values, BTreeMap::new(), all.collect()] {
        let Ok(filled) = template.fill(&values) else { continue };
        assert_eq!(shape(&filled), shape(workflow));
        let text = text(&filled);
        let again = Workflow::from_json(&Json::parse(text.as_bytes()).expect("what was written"));
        assert_eq!(again.expect("a workflow"), filled);
    }
}

/// Everything but the values: the nodes, their classes, their inputs and where these are linked.
fn shape(workflow: &Workflow) -> Vec<(String, String, Vec<(String, Option<String>)>)> {
    let node = |(id, node): (&workflow_graph::NodeId, &workflow_graph::Node)| {
        let inputs = node.inputs().map(|(name, input)| {
            let link = input.as_link().map(|(from, slot)| format!("{from} {slot}"));
            (name.to_owned(), link)
        });
        (id.to_string(), node.class_type().to_string(), inputs.collect())
    };
    workflow.nodes().map(node).collect()
}

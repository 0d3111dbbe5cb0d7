use std::borrow::Cow;

use super::UiWorkflow;
use crate::json::Json;

#[track_caller]
fn refused(text: &str, expected: &str) {
    let json = Json::parse(text.as_bytes()).unwrap();
    assert_eq!(UiWorkflow::from_json(json).unwrap_err().to_string(), expected);
}

#[test]
fn refusals_say_what_to_do() {
    refused("[1]", "a saved workflow must be an object with `nodes`, but is a list");
    refused(
        r#"{"1": {"class_type": "A", "inputs": {}}}"#,
        "this is a workflow in API format already; it can be used as it is",
    );
    refused(
        r#"{"extra_data": {"extra_pnginfo": {"workflow": {"nodes": []}}}}"#,
        "this is not a saved workflow, but has one as `extra_data.extra_pnginfo.workflow`; take that",
    );
    refused("{}", "a saved workflow must have a list `nodes`; this has no members");
    refused(
        r#"{"nodes": {}, "x": 1}"#,
        "a saved workflow must have a list `nodes`; this has nodes, x",
    );
}

#[test]
fn nested_definitions_are_one_list() {
    let text = r#"{"nodes": [], "definitions": {"subgraphs": [
        {"id": "a", "nodes": [], "definitions": {"subgraphs": [{"id": "b", "nodes": []}]}}, null, {"id": "c", "nodes": []}]}}"#;
    let workflow = UiWorkflow::from_json(Json::parse(text.as_bytes()).unwrap()).unwrap();
    let ids: Vec<String> =
        workflow.subgraphs().iter().filter_map(|graph| graph.id()).map(Cow::into_owned).collect();
    assert_eq!(ids, ["a", "c", "b"]);
}

#[test]
fn ids_and_types_are_read_in_every_spelling() {
    let text = r#"{"nodes": [
        {"id": 3.0, "type": "A", "inputs": [{"name": "x", "type": ["IMAGE", "MASK"], "link": "4"}]},
        {"id": "x:1", "type": "A", "inputs": [{"name": "x", "type": 0}, null]},
        {"id": null, "type": "A"}, {"type": 3}, 5]}"#;
    let workflow = UiWorkflow::from_json(Json::parse(text.as_bytes()).unwrap()).unwrap();
    let nodes: Vec<_> = workflow.root().nodes().collect();
    assert_eq!(
        nodes.iter().map(|node| node.id()).map(|id| id.map(Cow::into_owned)).collect::<Vec<_>>(),
        [Some("3".to_owned()), Some("x:1".to_owned()), None]
    );
    let input = nodes[0].inputs().next().unwrap();
    assert_eq!((&*input.type_name, input.link), ("IMAGE,MASK", Some(4)));
    let types: Vec<String> = nodes[1].inputs().map(|input| input.type_name.into_owned()).collect();
    assert_eq!(types, ["*", "*"]);
    assert_eq!(workflow.root().unreadable(), 2);
}

//! What is large, given to everything that reads or goes over it: time and memory follow its size.
//! What grows faster would not end here, or not fit.

use std::{collections::BTreeMap, fmt::Write as _};

use workflow_graph::{
    Json, Workflow,
    catalog::NodeCatalog,
    check,
    convert::convert,
    diff,
    draw::Picture,
    fix,
    lift::lift,
    merge::{self, Strategy},
    patch::Patch,
    placeholders::{Mapping, Placeholders},
    roles,
    validate::{Profile, Targets, validate},
};

use crate::bad_input::classes;

/// As large as a tool takes it.
const MEGABYTES_100: usize = 100 * 1024 * 1024;

fn node(class: &str, inputs: &[(&str, Json)]) -> Json {
    let inputs = Json::object(inputs.iter().map(|(name, value)| (*name, value.clone())));
    Json::object([("class_type", Json::from(class)), ("inputs", inputs)])
}

fn link(from: usize) -> Json {
    Json::from(vec![Json::from(from.to_string()), Json::from(0_u64)])
}

/// A graph of blurs, each linked from the one that `source` tells, with an output behind some.
fn graph(nodes: usize, source: impl Fn(usize) -> usize) -> Json {
    let members = (0..nodes).map(|at| {
        let image = ("image", link(source(at)));
        let node = match at % 8 {
            7 => node("Save", &[image, ("prefix", Json::from("x"))]),
            _ => {
                node("Blur", &[image, ("radius", Json::from(if at % 5 == 0 { 99.0 } else { 2.0 }))])
            }
        };
        (at.to_string(), node)
    });
    Json::Object(members.collect())
}

/// Everything that goes over a graph.
fn go_over(json: &Json) {
    let catalog = classes();
    for profile in [Profile::V0_33, Profile::V0_8] {
        let verdict = validate(json, &catalog, Targets::All, profile);
        let bytes = verdict.to_json().to_string().len();
        assert!(bytes < 200 << 20, "{bytes} bytes of verdict");
    }
    let fixes = fix::fix(json, &catalog, Targets::All, Profile::V0_33);
    assert!(fix::fix(&fixes.fixed, &catalog, Targets::All, Profile::V0_33).proposals.is_empty());
    let workflow = Workflow::from_json(json).unwrap();
    let other = Workflow::from_json(&fixes.fixed).unwrap();
    let _found = (check::dangling_links(&workflow), check::cycle(&workflow), roles::of(&workflow));
    let lifted = lift(&workflow, &catalog);
    assert!(!convert(&lifted.workflow, &catalog).workflow.as_object().unwrap().is_empty());
    let found = diff::between(&workflow, &other);
    let mut patched = workflow.clone();
    patched.apply(&found.to_patch()).unwrap();
    assert_eq!(patched, other);
    assert!(found.to_string().len() < 10 << 20);
    merge::three_way(&workflow, &other, &workflow, &Strategy::Ours);
    let picture = Picture::of_diff(&found);
    assert!(picture.to_mermaid().len() + picture.to_svg().len() < 50 << 20);
}

const NODES: usize = 5_000;

#[test]
fn a_long_chain() {
    go_over(&graph(NODES, |at| at.saturating_sub(1)));
}

#[test]
fn one_circle_of_all() {
    go_over(&graph(NODES, |at| (at + NODES - 1) % NODES));
}

/// Each node of a circle names all of them: thousands of circles have a verdict of gigabytes.
#[test]
fn circles_as_long_as_a_server_follows_them() {
    go_over(&graph(NODES, |at| if at % 900 == 0 { (at + 899).min(NODES - 1) } else { at - 1 }));
}

#[test]
fn every_node_linked_to_itself() {
    go_over(&graph(NODES, |at| at));
}

/// Each error lists the outputs that fail, and every output does.
#[test]
fn every_link_from_nowhere() {
    go_over(&graph(NODES, |at| NODES + at));
}

#[test]
fn all_linked_from_one() {
    go_over(&graph(NODES, |_| 1));
}

#[test]
fn a_million_nodes_have_a_verdict() {
    let mut text = r#"{"0":{"class_type":"Load","inputs":{"name":"a.png"}}"#.to_owned();
    for at in 1..1_000_000 {
        let class = if at % 64 == 0 { "Save" } else { "Blur" };
        let source = at / 64;
        write!(text, r#","{at}":{{"class_type":"{class}","inputs":{{"image":["{source}",0]}}}}"#)
            .unwrap();
    }
    text.push('}');
    let json = Json::parse(text.as_bytes()).unwrap();
    let verdict = validate(&json, &classes(), Targets::All, Profile::V0_33);
    // Every output and every node that one is linked from: each lacks its other input.
    assert_eq!(verdict.node_errors().len(), 31_004);
    assert_eq!((verdict.is_accepted(), verdict.outputs().len()), (false, 0));
}

#[test]
fn a_hundred_megabytes_of_text() {
    let text =
        format!(r#"{{"1":{{"class_type":"A","inputs":{{"x":"{}"}}}}}}"#, "x".repeat(MEGABYTES_100));
    let json = Json::parse(text.as_bytes()).unwrap();
    let workflow = Workflow::from_json(&json).unwrap();
    assert_eq!(workflow.digest(), Workflow::from_json(&json).unwrap().digest());
    let cut = &text.as_bytes()[..text.len() - 4];
    let error = Json::parse(cut).unwrap_err();
    assert_eq!(
        (error.line, error.column, error.problem),
        (1, cut.len() + 1, "the text ends inside a string")
    );
    let catalog = NodeCatalog::from_bytes(cut).unwrap_err();
    assert_eq!(catalog.to_string(), "node definitions cannot be read");
}

/// Braces that are never closed, and such that are far away.
#[test]
fn a_megabyte_of_braces() {
    for text in ["{{", "{{A=", "{{ {{a}", "}}{{"] {
        let text = text.repeat((1 << 20) / text.len());
        for text in [format!("{text}}}}}"), text] {
            let json = Json::object([("1", node("A", &[("x", Json::from(text))]))]);
            let workflow = Workflow::from_json(&json).unwrap();
            let template = Placeholders::find(&workflow).unwrap();
            assert!(template.parameters().len() <= 1);
            let value = ("A".to_owned(), Json::from("a"));
            assert!(
                template.fill(&BTreeMap::from([value])).is_ok() || template.parameters().len() == 0
            );
        }
    }
}

#[test]
fn one_parameter_in_many_places() {
    let places = 20_000;
    let long = "n".repeat(20_000);
    let texts = Json::Array(vec![Json::from("{{A}} and {{A}}"); places]);
    let one = node("A", &[("x", Json::object([(&*long, texts)]))]);
    let nodes = (0..places).map(|at| (at.to_string(), node("A", &[("x", Json::from("{{A}}"))])));
    let many = Json::Object(nodes.collect());
    for (json, expected) in [(Json::object([("1", one)]), 1), (many.clone(), places)] {
        let template = Placeholders::find(&Workflow::from_json(&json).unwrap()).unwrap();
        assert_eq!(template.parameters().next().unwrap().places.len(), expected);
        let filled = template.fill(&BTreeMap::from([("A".to_owned(), Json::from("a"))])).unwrap();
        assert!(!filled.to_json().to_string().contains("{{A}}"));
    }
    let entries = (0..places).map(|at| {
        let node = ("comfyui_node_id", Json::from(at.to_string()));
        Json::object([("name", Json::from("a")), node, ("comfyui_widget_name", Json::from("x"))])
    });
    let mapping = Mapping::from_json(&Json::Array(entries.collect())).unwrap();
    let template = mapping.on(&Workflow::from_json(&many).unwrap()).unwrap();
    assert_eq!(template.parameters().next().unwrap().places.len(), places);
}

#[test]
fn a_node_with_many_inputs_that_nobody_declares() {
    let inputs: Vec<(String, Json)> =
        (0..50_000).map(|at| (format!("radius_{at}"), Json::from(1.0))).collect();
    let inputs: Vec<(&str, Json)> =
        inputs.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    let blur = node("Blur", &inputs);
    let save = node("Save", &[("image", link(1)), ("prefix", Json::from("x"))]);
    go_over(&Json::object([("1", blur), ("2", save)]));
}

/// A walk from each of them leads over all before it.
#[test]
fn a_chain_of_prompts() {
    let prompt = |at: usize| match at {
        0 => Json::from("a fox"),
        _ => link(at - 1),
    };
    let node = |at: usize| (at.to_string(), node("Tell", &[("prompt", prompt(at))]));
    let json = Json::Object((0..20_000).map(node).collect());
    let roles = roles::of(&Workflow::from_json(&json).unwrap());
    assert_eq!(roles.first(roles::Role::PositivePrompt).unwrap().node.as_str(), "0");
}

#[test]
fn a_class_with_many_inputs() {
    let inputs = |from: usize| {
        let names = (from..from + 20_000).map(|at| format!("x{at}"));
        Json::Object(names.map(|name| (name, Json::from(vec![Json::from("INT")]))).collect())
    };
    let groups = Json::object([("required", inputs(0)), ("optional", inputs(10_000))]);
    let class = Json::object([("input", groups), ("output", Json::from(vec![]))]);
    let catalog = NodeCatalog::from_json(Json::object([("A", class)])).unwrap();
    assert_eq!(catalog.class("A").unwrap().declared_inputs().count(), 30_000);
}

#[test]
fn a_long_patch() {
    let set =
        |at: usize| format!(r#"{{"op": "set", "node": "{at}", "input": "radius", "value": {at}}}"#);
    let blurs = (0..NODES).filter(|at| at % 8 != 7);
    let operations: Vec<String> = blurs.map(set).collect();
    let text = format!(r#"{{"version": 1, "operations": [{}]}}"#, operations.join(","));
    let patch = Patch::from_json(&Json::parse(text.as_bytes()).unwrap()).unwrap();
    let before = Workflow::from_json(&graph(NODES, |at| at / 2)).unwrap();
    let mut after = before.clone();
    let inverse = after.apply(&patch).unwrap();
    after.apply(&inverse).unwrap();
    assert_eq!(after, before);
}

//! Conversions held against what ComfyUI's own front end made of the same files.

use std::fmt::Write as _;

use proptest::prelude::*;
use workflow_graph::{
    Json,
    catalog::{InputSpec, NodeCatalog},
    convert::convert,
    lift::lift,
    ui::UiWorkflow,
};

use crate::{
    graphs::{any_id, any_input_name, any_value},
    ground_truth::{folder, json_files},
};

pub(crate) fn catalog() -> Option<NodeCatalog> {
    let text = std::fs::read(folder()?.join("comfyui/object_info-0.33.0.json")).unwrap();
    Some(NodeCatalog::from_bytes(&text).unwrap())
}

/// Equal as the front end's JavaScript sees it: numbers as doubles.
fn alike(one: &Json, other: &Json) -> bool {
    match (one, other) {
        (Json::Number(one), Json::Number(other)) => {
            one.as_f64().partial_cmp(&other.as_f64()) == Some(std::cmp::Ordering::Equal)
        }
        (Json::Array(one), Json::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| alike(one, other))
        }
        (Json::Object(one), Json::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(name, value)| other.get(name).is_some_and(|own| alike(value, own)))
        }
        _ => one == other,
    }
}

/// The first difference between two prompts, but for titles, order, and pictures of 3D scenes.
fn difference(truth: &Json, ours: &Json, catalog: &NodeCatalog) -> Option<String> {
    let (truth, ours) = (truth.as_object().unwrap(), ours.as_object().unwrap());
    if let Some(extra) = ours.keys().find(|id| !truth.contains_key(id)) {
        return Some(format!("node {extra} is too much"));
    }
    for (id, node) in truth {
        let Some(own) = ours.get(id) else { return Some(format!("node {id} is missing")) };
        if node.get("class_type") != own.get("class_type") {
            return Some(format!("node {id} has another class"));
        }
        let class = catalog.class(own.get("class_type").unwrap().as_str().unwrap());
        let is_scene = |input: &str| {
            let spec = class.and_then(|class| class.input(input));
            spec.and_then(InputSpec::type_name) == Some("LOAD_3D")
        };
        let inputs = node.get("inputs").unwrap().as_object().unwrap();
        let own = own.get("inputs").unwrap().as_object().unwrap();
        if let Some(extra) = own.keys().find(|name| !inputs.contains_key(name)) {
            return Some(format!("input {extra} of node {id} is too much"));
        }
        for (name, value) in inputs {
            match own.get(name) {
                None => return Some(format!("input {name} of node {id} is missing")),
                Some(own) if alike(value, own) || is_scene(name) => {}
                Some(own) => return Some(format!("input {name} of node {id}: {own} for {value}")),
            }
        }
    }
    None
}

#[track_caller]
fn check_share(ui: &str, api: &str, share_min: f64) {
    let Some(catalog) = catalog() else { return };
    let truths = json_files(api);
    let mut report = String::new();
    let mut same = 0_u32;
    for ((name, truth), (_, saved)) in truths.iter().zip(json_files(ui)) {
        let conversion = convert(&UiWorkflow::from_json(saved).unwrap(), &catalog);
        match difference(truth, &conversion.workflow, &catalog) {
            None => same += 1,
            Some(difference) => writeln!(report, "{name}: {difference}").unwrap(),
        }
    }
    let share = f64::from(same) / f64::from(u32::try_from(truths.len()).unwrap());
    assert!(share >= share_min, "{share} of {ui} is as the front end has it:\n{report}");
}

#[test]
fn official_workflows_convert_as_in_the_front_end() {
    check_share("corpus/ui", "corpus/api", 0.99);
}

#[test]
fn changed_workflows_convert_as_in_the_front_end() {
    check_share("corpus/changed-ui", "corpus/changed-api", 0.98);
}

#[test]
fn older_workflows_convert_as_in_the_front_end() {
    check_share("corpus/legacy-ui", "corpus/legacy-api", 0.97);
}

#[test]
fn saved_workflows_are_written_as_they_were_read() {
    for part in ["corpus/ui", "corpus/legacy-ui", "corpus/changed-ui"] {
        for (name, json) in json_files(part) {
            let text = json.to_string();
            let workflow = UiWorkflow::from_json(json).unwrap();
            assert_eq!(workflow.root().unreadable(), 0, "{name}");
            assert_eq!(workflow.into_json().to_string(), text, "{name}");
        }
    }
}

/// What the lifted workflow sends: the same, but for ids that are not numbers and for what
/// the findings say.
#[test]
fn lifted_workflows_convert_back() {
    let Some(catalog) = catalog() else { return };
    for part in ["corpus/api", "corpus/legacy-api", "corpus/changed-api"] {
        for (name, json) in json_files(part) {
            if json.as_object().unwrap().is_empty() {
                continue;
            }
            let workflow = workflow_graph::Workflow::from_json(&json).unwrap();
            let lifted = lift(&workflow, &catalog);
            let again = convert(&lifted.workflow, &catalog);
            let expected = crate::lift::expected(&workflow, &lifted);
            if let Some(difference) = difference(&expected, &again.workflow, &catalog) {
                panic!("{name}: {difference}");
            }
        }
    }
}

fn any_slot() -> impl Strategy<Value = Json> {
    let link = prop_oneof![Just("null".to_owned()), (0_u8..9).prop_map(|link| link.to_string())];
    (any_input_name(), any_value(), link).prop_map(|(name, value, link)| {
        let link = Json::parse(link.as_bytes()).unwrap();
        let widget = Json::object([("name", Json::from(name.as_str()))]);
        Json::object([
            ("name", Json::from(name)),
            ("type", value),
            ("link", link.clone()),
            ("widget", widget),
            ("links", Json::Array(vec![link.clone()])),
            ("linkIds", Json::Array(vec![link])),
        ])
    })
}

fn any_node() -> impl Strategy<Value = Json> {
    const CLASSES: [&str; 12] = [
        "KSampler",
        "Reroute",
        "PrimitiveNode",
        "Note",
        "SetNode",
        "GetNode",
        "sub",
        "other",
        "CustomCombo",
        "Resize",
        "workflow>G",
        "nowhere",
    ];
    let slots = || prop::collection::vec(any_slot(), 0..4);
    let values = prop::collection::vec(any_value(), 0..9);
    (any_id(), prop::sample::select(CLASSES.to_vec()), slots(), slots(), values, 0_u8..6).prop_map(
        |(id, class, inputs, outputs, values, mode)| {
            let id =
                id.as_str().parse::<u64>().map_or_else(|_| Json::from(id.as_str()), Json::from);
            let shown = Json::Array(vec![Json::Array(vec![Json::from("1"), Json::from("seed")])]);
            Json::object([
                ("id", id),
                ("type", Json::from(class)),
                ("mode", Json::from(u64::from(mode))),
                ("inputs", Json::Array(inputs)),
                ("outputs", Json::Array(outputs)),
                ("widgets_values", Json::Array(values)),
                ("properties", Json::object([("proxyWidgets", shown)])),
            ])
        },
    )
}

fn any_graph() -> impl Strategy<Value = Vec<(&'static str, Json)>> {
    let end = || prop_oneof![Just(-10_i64), Just(-20_i64), 1_i64..9];
    let link =
        (0_i64..9, end(), 0_i64..3, end(), 0_i64..3).prop_map(|(id, from, out, to, input)| {
            Json::Array(vec![
                id.into(),
                from.into(),
                out.into(),
                to.into(),
                input.into(),
                "*".into(),
            ])
        });
    let nodes = prop::collection::vec(any_node(), 0..7);
    let links = prop::collection::vec(link, 0..9);
    let slots = || prop::collection::vec(any_slot(), 0..3);
    (nodes, links, slots(), slots()).prop_map(|(nodes, links, inputs, outputs)| {
        vec![
            ("nodes", Json::Array(nodes)),
            ("links", Json::Array(links)),
            ("inputs", Json::Array(inputs)),
            ("outputs", Json::Array(outputs)),
        ]
    })
}

fn any_workflow() -> impl Strategy<Value = UiWorkflow> {
    (any_graph(), any_graph(), any_graph(), any_graph()).prop_map(
        |(mut root, sub, other, group)| {
            let definition = |id: &str, mut graph: Vec<(&'static str, Json)>| {
                graph.push(("id", Json::from(id)));
                Json::object(graph)
            };
            let subgraphs = Json::Array(vec![definition("sub", sub), definition("other", other)]);
            root.push(("definitions", Json::object([("subgraphs", subgraphs)])));
            let groups = Json::object([("G", Json::object(group))]);
            root.push(("extra", Json::object([("groupNodes", groups)])));
            UiWorkflow::from_json(Json::object(root)).unwrap()
        },
    )
}

fn small_catalog() -> NodeCatalog {
    let text = br#"{
      "KSampler": {"input": {"required": {"model": ["MODEL"], "seed": ["INT", {"control_after_generate": true}], "a": [["x"]]}}, "output": ["LATENT"]},
      "Resize": {"input": {"required": {"b": ["COMFY_DYNAMICCOMBO_V3", {"options": [{"key": "1", "inputs": {"required": {"c": ["INT"]}}}]}],
        "d": ["COMFY_AUTOGROW_V3", {"template": {"prefix": "i", "min": 1, "max": 3, "input": {"required": {"x": ["IMAGE"]}}}}]}}, "output": ["IMAGE"]},
      "CustomCombo": {"input": {"required": {"choice": ["COMBO", {"options": []}]}}, "output": []}}"#;
    NodeCatalog::from_bytes(text).unwrap()
}

proptest! {
    #[test]
    fn no_workflow_makes_the_conversion_panic(workflow in any_workflow()) {
        let conversion = convert(&workflow, &small_catalog());
        // Every link of the prompt leads to a node of the prompt.
        if let Ok(prompt) = conversion.to_workflow() {
            prop_assert_eq!(workflow_graph::check::dangling_links(&prompt), vec![]);
        }
    }
}

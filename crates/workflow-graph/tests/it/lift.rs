//! Workflows laid out for the front end.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use proptest::prelude::*;
use workflow_graph::{
    Input, Json, Workflow,
    catalog::NodeCatalog,
    convert::convert,
    json::Object,
    lift::{LiftFinding, Lifted, lift},
    ui::UiNode,
};

use crate::{
    graphs::{any_workflow, workflow},
    ground_truth,
};

/// What the front end sends of a lifted workflow, by the word of its findings.
pub(crate) fn expected(workflow: &Workflow, lifted: &Lifted) -> Json {
    let renamed: HashMap<&str, String> =
        lifted.renamed.iter().map(|(id, number)| (id.as_str(), number.to_string())).collect();
    let new = |id: &str| renamed.get(id).cloned().unwrap_or_else(|| id.to_owned());
    let mut nodes = Object::new();
    for (id, node) in workflow.nodes() {
        let mut inputs = Object::new();
        for (name, input) in node.inputs() {
            let value = match input {
                Input::Link { from, slot } => {
                    Json::Array(vec![Json::from(new(from.as_str())), Json::from(u64::from(*slot))])
                }
                Input::Literal(value) => value.clone(),
            };
            inputs.insert(name.to_owned(), value);
        }
        for finding in &lifted.findings {
            if let LiftFinding::Added { node, input, value }
            | LiftFinding::Chosen { node, input, value } = finding
                && node == id
            {
                inputs.insert(input.clone(), value.clone());
            }
            if let LiftFinding::Dropped { node, input, .. }
            | LiftFinding::LinkLost { node, input }
            | LiftFinding::DanglingLink { node, input, .. } = finding
                && node == id
            {
                inputs.shift_remove(input);
            }
        }
        let node = [
            ("inputs", Json::Object(inputs)),
            ("class_type", Json::from(node.class_type().as_str())),
        ];
        nodes.insert(new(id.as_str()), Json::object(node));
    }
    Json::Object(nodes)
}

fn catalog() -> NodeCatalog {
    let text = br#"{
      "Load": {"input": {"required": {"name": [["a", "b"], {"image_upload": true}]}}, "output": ["IMAGE"], "display_name": "Load it"},
      "Sample": {"input": {"required": {"seed": ["INT", {"control_after_generate": true}], "steps": ["INT", {"default": 20}]},
        "optional": {"image": ["IMAGE"]}}, "output": ["IMAGE"]},
      "Resize": {"input": {"required": {"mode": ["COMFY_DYNAMICCOMBO_V3", {"options": [{"key": "one", "inputs": {}},
        {"key": "two", "inputs": {"required": {"width": ["INT"], "like": ["IMAGE"]}}}]}]}}, "output": ["IMAGE"]},
      "Batch": {"input": {"required": {"images": ["COMFY_AUTOGROW_V3", {"template": {"prefix": "image", "min": 1, "max": 4,
        "input": {"required": {"image": ["IMAGE"]}}}}]}}, "output": ["IMAGE"]}}"#;
    NodeCatalog::from_bytes(text).unwrap()
}

#[test]
fn dynamic_inputs_seeds_and_lists_come_back() {
    let workflow = workflow(
        r#"{"1": {"class_type": "Load", "inputs": {"name": "b"}, "_meta": {"title": "Mine"}},
            "2": {"class_type": "Sample", "inputs": {"seed": 18446744073709551615, "steps": {"__value__": [1, 2]}, "image": ["1", 0]}},
            "3": {"class_type": "Resize", "inputs": {"mode.width": 64, "mode.like": ["2", 0], "mode": "two"}},
            "4": {"class_type": "Batch", "inputs": {"images.image2": ["2", 0], "images.image1": ["1", 0], "images.image0": ["3", 0]}}}"#,
    );
    let lifted = lift(&workflow, &catalog());
    assert_eq!(lifted.findings, vec![]);
    let again = convert(&lifted.workflow, &catalog()).to_workflow().unwrap();
    assert_eq!(again.digest(), workflow.digest());
    let title = lifted.workflow.root().nodes().next().and_then(UiNode::title);
    assert_eq!(title, Some("Mine"));
}

#[test]
fn what_a_saved_workflow_cannot_hold_is_said() {
    let workflow = workflow(
        r#"{"12:3": {"class_type": "Sample", "inputs": {"seed": 1, "wrong": 5, "image": ["9", 0]}},
            "7": {"class_type": "Nowhere", "inputs": {"x": 1, "y": ["12:3", 0]}}}"#,
    );
    let lifted = lift(&workflow, &catalog());
    let said: Vec<String> = lifted.findings.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "input `image` of node 12:3 is linked from node 9, which does not exist",
            "node 12:3 sets `wrong`, for which the front end has no widget",
            "node 12:3 sets no `steps`; the front end sends 20",
            "node 7 has class `Nowhere`, which the server does not have",
        ]
    );
    assert_eq!(lifted.renamed, vec![("12:3".parse().unwrap(), 8)]);
    let again = convert(&lifted.workflow, &catalog()).workflow;
    let inputs = again.at(&["7", "inputs"]).map(ToString::to_string);
    assert_eq!(inputs.as_deref(), Some(r#"{"x":1,"y":["8",0]}"#));
}

#[test]
fn a_value_that_the_server_reads_in_its_own_way_is_kept_or_said() {
    let lifted = |value: &str| {
        let text = format!(r#"{{"1": {{"class_type": "Load", "inputs": {{"name": {value}}}}}}}"#);
        let lifted = lift(&workflow(&text), &catalog());
        let said: Vec<String> = lifted.findings.iter().map(ToString::to_string).collect();
        let again = convert(&lifted.workflow, &catalog()).workflow;
        (said.join("; "), again.at(&["1", "inputs", "name"]).unwrap().to_string())
    };
    let kept =
        |value: &str, sent: &str| assert_eq!(lifted(value), (String::new(), sent.to_owned()));
    kept(r#"{"__value__":"b"}"#, r#""b""#);
    kept(r#"{"__value__":["1",0]}"#, r#"{"__value__":["1",0]}"#);
    kept(r#"{"__value__":{"__value__":"b"}}"#, r#"{"__value__":{"__value__":"b"}}"#);
    kept("[1,2]", r#"{"__value__":[1,2]}"#);
    let (said, _) = lifted(r#"["",0]"#);
    assert_eq!(
        said,
        r#"input `name` of node 1 is ["",0], which the server takes for a link; the front end sends a value"#
    );
}

/// The box of each node, by its id: left, top without the title, width, height.
#[test]
fn a_combo_that_is_null_gets_what_the_front_end_chooses() {
    let workflow = workflow(
        r#"{"1": {"class_type": "Load", "inputs": {"name": null}},
            "2": {"class_type": "Resize", "inputs": {"mode": "three", "mode.tint": null}}}"#,
    );
    let definitions = r#"{"Load": {"input": {"required": {"name": [["a", "b"]]}}, "output": []},
        "Resize": {"input": {"required": {"mode": ["COMFY_DYNAMICCOMBO_V3", {"options": [
            {"key": "three", "inputs": {"required": {"tint": [["red", "blue"]]}}}]}]}}, "output": []}}"#;
    let catalog = NodeCatalog::from_bytes(definitions.as_bytes()).unwrap();
    let lifted = lift(&workflow, &catalog);
    let said: Vec<String> = lifted.findings.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            r#"input `name` of node 1 is null; the front end chooses "a""#,
            r#"input `mode.tint` of node 2 is null; the front end chooses "red""#,
        ]
    );
    let again = convert(&lifted.workflow, &catalog).to_workflow().unwrap();
    let expected = Workflow::from_json(&expected(&workflow, &lifted)).unwrap();
    assert_eq!(again.digest(), expected.digest());
}

fn boxes(lifted: &Lifted) -> HashMap<String, [i64; 4]> {
    let nodes = lifted.workflow.as_json().get("nodes").and_then(Json::as_array).unwrap();
    let number = |node: &Json, member: &str, at: usize| {
        let number = node.get(member).and_then(Json::as_array).and_then(|pair| pair.get(at));
        number.and_then(|number| number.to_string().parse().ok()).unwrap()
    };
    let one = |node: &Json| {
        let shape =
            [("pos", 0), ("pos", 1), ("size", 0), ("size", 1)].map(|(of, at)| number(node, of, at));
        (node.get("id").unwrap().to_string(), shape)
    };
    nodes.iter().map(one).collect()
}

#[test]
fn a_node_leaves_room_for_its_title_and_for_the_picture_it_will_show() {
    const TITLE_AND_PICTURE: i64 = 30 + 224;
    let workflow = workflow(
        r#"{"1": {"class_type": "Load", "inputs": {"name": "a"}},
            "2": {"class_type": "Load", "inputs": {"name": "b"}},
            "3": {"class_type": "Batch", "inputs": {"images.image0": ["1", 0], "images.image1": ["2", 0]}}}"#,
    );
    let boxes = boxes(&lift(&workflow, &catalog()));
    let ([x, y, _, height], [below_x, below_y, ..]) = (boxes["1"], boxes["2"]);
    assert_eq!(x, below_x);
    assert!(below_y >= y + height + TITLE_AND_PICTURE, "{boxes:?}");
}

#[test]
fn a_view_and_a_long_title_get_their_place() {
    let text = br#"{"Show": {"input": {"required": {"model": ["MESH"], "image": ["PREVIEW_3D"]}}, "output": []},
        "Paint": {"input": {"required": {"mask": ["STRING", {"widgetType": "PAINTER"}]}}, "output": []},
        "Plain": {"input": {"required": {}}, "output": []}}"#;
    let workflow = workflow(
        r#"{"1": {"class_type": "Show", "inputs": {}}, "2": {"class_type": "Paint", "inputs": {}},
            "3": {"class_type": "Plain", "inputs": {}, "_meta": {"title": "A title that says all there is to say of this one node"}}}"#,
    );
    let boxes = boxes(&lift(&workflow, &NodeCatalog::from_bytes(text).unwrap()));
    let ([.., shown], [.., painted], [_, _, titled, _]) = (boxes["1"], boxes["2"], boxes["3"]);
    assert!(shown > 400 && painted > 640, "{boxes:?}");
    assert!(titled > 400, "{boxes:?}");
}

#[test]
fn what_is_used_late_stands_beside_what_uses_it() {
    let workflow = workflow(
        r#"{"1": {"class_type": "Load", "inputs": {"name": "a"}},
            "2": {"class_type": "Sample", "inputs": {"seed": 1, "steps": 2, "image": ["1", 0]}},
            "3": {"class_type": "Sample", "inputs": {"seed": 1, "steps": 2, "image": ["2", 0]}},
            "4": {"class_type": "Load", "inputs": {"name": "b"}},
            "5": {"class_type": "Batch", "inputs": {"images.image0": ["3", 0], "images.image1": ["4", 0]}}}"#,
    );
    let boxes = boxes(&lift(&workflow, &catalog()));
    assert_eq!(boxes["4"][0], boxes["3"][0]);
    assert_eq!(boxes["1"][1], boxes["2"][1], "a chain runs level");
}

/// Links drawn straight from the right edge of a node to the left edge of another.
#[test]
fn links_of_official_workflows_lead_right_and_rarely_cross() {
    const CROSSINGS_MAX: usize = 1_000;
    let Some(folder) = ground_truth::folder() else { return };
    let facts = std::fs::read(folder.join("comfyui/object_info-0.33.0.json")).unwrap();
    let catalog = NodeCatalog::from_bytes(&facts).unwrap();
    let mut crossings = 0;
    for (name, workflow) in ground_truth::api_workflows("corpus/api") {
        let lifted = lift(&workflow, &catalog);
        let boxes = boxes(&lifted);
        let mut lines: Vec<[(i64, i64); 2]> = Vec::new();
        for link in lifted.workflow.root().links() {
            let ([x, y, width, _], [to_x, to_y, ..]) = (boxes[&*link.origin], boxes[&*link.target]);
            assert!(x + width < to_x, "{name}: a link leads back");
            lines.push([(x + width, y), (to_x, to_y)]);
        }
        for (at, one) in lines.iter().enumerate() {
            crossings += lines[..at].iter().filter(|other| cross(*one, **other)).count();
        }
    }
    assert!(crossings < CROSSINGS_MAX, "{crossings} crossings");
}

fn cross([from, to]: [(i64, i64); 2], [other_from, other_to]: [(i64, i64); 2]) -> bool {
    let side = |start: (i64, i64), end: (i64, i64), point: (i64, i64)| {
        (end.0 - start.0) * (point.1 - start.1) - (end.1 - start.1) * (point.0 - start.0)
    };
    side(from, to, other_from) * side(from, to, other_to) < 0
        && side(other_from, other_to, from) * side(other_from, other_to, to) < 0
}

proptest! {
    #[test]
    fn any_workflow_can_be_lifted_and_every_link_has_two_ends(workflow in any_workflow()) {
        let lifted = lift(&workflow, &catalog());
        let root = lifted.workflow.root();
        prop_assert_eq!(root.unreadable(), 0);
        let ids: HashSet<String> = root.nodes().filter_map(UiNode::id).map(Cow::into_owned).collect();
        prop_assert_eq!(ids.len(), workflow.nodes().len());
        for link in root.links() {
            let target = root.nodes().find(|node| node.id().as_deref() == Some(&*link.target)).unwrap();
            prop_assert_eq!(target.inputs().nth(link.target_slot).and_then(|input| input.link), Some(link.id));
            prop_assert!(ids.contains(&*link.origin));
        }
    }
}

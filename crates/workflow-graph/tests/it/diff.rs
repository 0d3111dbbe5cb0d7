//! Differences: what they say, and that applying them makes the one of the other.

use proptest::prelude::*;
use workflow_graph::{
    Input, Json, Node, NodeId, Workflow,
    diff::{self, NodeDiff},
    patch::{Operation, Patch},
};

use crate::{
    graphs::{TEXT_TO_IMAGE, any_workflow, id, workflow},
    ground_truth,
};

/// The small graph edited by operations, and the difference as a person reads it.
fn edited(operations: &str) -> (Workflow, Workflow) {
    let before = workflow(TEXT_TO_IMAGE);
    let operations = Json::parse(operations.as_bytes()).unwrap();
    let patch = Patch::from_operations(operations.as_array().unwrap()).unwrap();
    let mut after = before.clone();
    after.apply(&patch).unwrap();
    (before, after)
}

#[track_caller]
fn check(operations: &str, expected: &str) {
    let (before, after) = edited(operations);
    let diff = diff::between(&before, &after);
    assert_eq!(diff.to_string().trim_end(), expected);
    assert_applies(&before, &after);
}

#[track_caller]
fn assert_applies(before: &Workflow, after: &Workflow) {
    let diff = diff::between(before, after);
    let mut patched = before.clone();
    let inverse = patched.apply(&diff.to_patch()).unwrap_or_else(|error| panic!("{error}\n{diff}"));
    assert!(patched == *after, "{diff}\n{}\n{}", patched.to_json(), after.to_json());
    patched.apply(&inverse).unwrap();
    assert_eq!(patched.to_json().to_string(), before.to_json().to_string());
}

/// The same graph under other ids, in another order.
fn renumbered(workflow: &Workflow, new_id: impl Fn(usize) -> String) -> Workflow {
    let ids: std::collections::HashMap<&NodeId, String> =
        workflow.nodes().enumerate().map(|(at, (id, _))| (id, new_id(at))).collect();
    let node = |node: &Node| {
        let inputs = node.inputs().map(|(name, input)| match input {
            Input::Link { from, slot } => {
                let from = ids.get(from).cloned().unwrap_or_else(|| from.to_string());
                (name, Json::Array(vec![Json::from(from), Json::from(u64::from(*slot))]))
            }
            Input::Literal(value) => (name, value.clone()),
        });
        let mut json = node.to_json();
        if let Json::Object(members) = &mut json {
            members.insert("inputs", Json::object(inputs));
        }
        json
    };
    let mut nodes: Vec<(String, Json)> =
        workflow.nodes().map(|(id, found)| (ids.get(id).unwrap().clone(), node(found))).collect();
    nodes.reverse();
    Workflow::from_json(&Json::Object(nodes.into_iter().collect())).unwrap()
}

#[test]
fn values_links_titles_and_classes_are_told() {
    check(
        r#"[{"op":"set","node":"3","input":"seed","value":6},
            {"op":"unset","node":"5","input":"batch_size"},
            {"op":"link","node":"3","input":"negative","from":"6","slot":0},
            {"op":"set_title","node":"4","title":"Base"},
            {"op":"replace_class","node":"8","class_type":"VAEDecodeTiled"}]"#,
        "~ 3 KSampler: seed 5 -> 6\n\
         ~ 3 KSampler: negative node 7 output 0 -> node 6 output 0\n\
         ~ 4 CheckpointLoaderSimple \"Base\": _meta {\"title\":\"Load Checkpoint\"} -> {\"title\":\"Base\"}\n\
         ~ 5 EmptyLatentImage: batch_size 1 -> (none)\n\
         ~ 8 VAEDecodeTiled: class VAEDecode -> VAEDecodeTiled",
    );
}

#[test]
fn a_node_put_between_is_one_addition_and_one_link() {
    check(
        r#"[{"op":"splice","id":"10","node":{"class_type":"LoraLoaderModelOnly","inputs":{"lora_name":"a"}},
             "through":[{"from":"4","slot":0,"input":"model","output":0}]}]"#,
        "+ 10 LoraLoaderModelOnly\n~ 3 KSampler: model node 4 output 0 -> node 10 output 0",
    );
}

#[test]
fn a_renamed_node_is_not_a_new_one() {
    check(r#"[{"op":"rename_id","node":"8","to":"80"}]"#, "= 8 -> 80 VAEDecode");
}

#[test]
fn changed_values_of_a_renamed_node_are_told() {
    check(
        r#"[{"op":"rename_id","node":"5","to":"50"},{"op":"set","node":"50","input":"width","value":640}]"#,
        "= 5 -> 50 EmptyLatentImage\n~ 50 EmptyLatentImage: width 512 -> 640",
    );
}

#[test]
fn two_texts_that_changed_places_are_two_changed_texts() {
    check(
        r#"[{"op":"set","node":"6","input":"text","value":"blurry"},{"op":"set","node":"7","input":"text","value":"a red fox"}]"#,
        "~ 6 CLIPTextEncode \"Positive\": text \"a red fox\" -> \"blurry\"\n\
         ~ 7 CLIPTextEncode \"Negative\": text \"blurry\" -> \"a red fox\"",
    );
}

#[test]
fn the_json_form_tells_the_same() {
    let (before, after) = edited(
        r#"[{"op":"set","node":"3","input":"seed","value":6},{"op":"rename_id","node":"8","to":"80"},
            {"op":"link","node":"3","input":"negative","from":"6","slot":0},{"op":"remove_node","node":"7"},
            {"op":"add_node","id":"20","node":{"class_type":"Note","inputs":{}}},
            {"op":"set_title","node":"4","title":null}]"#,
    );
    insta::assert_snapshot!(diff::between(&before, &after).to_json());
}

#[test]
fn a_shifted_graph_is_only_renumbered() {
    let before = workflow(TEXT_TO_IMAGE);
    let after = renumbered(&before, |at| (at + 4).to_string());
    let diff = diff::between(&before, &after);
    assert!(diff.added.is_empty() && diff.removed.is_empty());
    assert!(diff.modified.iter().all(NodeDiff::is_only_renamed), "{diff}");
    assert_applies(&before, &after);
}

#[test]
fn ids_that_go_round_in_a_circle_are_renamed_over_a_detour() {
    let before = workflow(TEXT_TO_IMAGE);
    let count = before.nodes().len();
    let after = renumbered(&before, |at| ((at + 1) % count + 3).to_string());
    assert!(diff::between(&before, &after).modified.iter().all(NodeDiff::is_only_renamed));
    assert_applies(&before, &after);
}

#[test]
fn links_to_nowhere_are_kept_apart_from_links_to_new_nodes() {
    let before = workflow(r#"{"1":{"class_type":"A","inputs":{"x":["9",0],"y":["8",0]}}}"#);
    let after = workflow(
        r#"{"1":{"class_type":"A","inputs":{"x":["9",0],"y":["8",0]}},"9":{"class_type":"B","inputs":{"z":["7",1]}}}"#,
    );
    assert_eq!(
        diff::between(&before, &after).to_string(),
        "+ 9 B\n~ 1 A: x node 9 output 0 -> node 9 output 0\n"
    );
    assert_applies(&before, &after);
    assert_applies(&after, &before);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn a_difference_applied_gives_the_later_workflow(before in any_workflow(), after in any_workflow()) {
        assert_applies(&before, &after);
    }

    #[test]
    fn a_workflow_does_not_differ_from_itself(workflow in any_workflow()) {
        prop_assert!(diff::between(&workflow, &workflow).is_empty());
        prop_assert!(diff::between(&workflow, &workflow).to_patch().is_empty());
    }

    #[test]
    fn a_renumbered_workflow_can_be_patched(workflow in any_workflow(), shift in 0_usize..9) {
        let after = renumbered(&workflow, |at| ((at * 5 + shift) % 11).to_string());
        assert_applies(&workflow, &after);
    }
}

#[test]
fn every_official_workflow_renumbered_is_only_renumbered() {
    for part in ["corpus/api", "corpus/legacy-api"] {
        for (name, before) in ground_truth::api_workflows(part) {
            let count = before.nodes().len();
            let shuffled = renumbered(&before, |at| ((at * 7 + 3) % 1009).to_string());
            let moved = renumbered(&before, |at| (at + 1000 + count).to_string());
            for after in [shuffled, moved] {
                let diff = diff::between(&before, &after);
                let only = diff.modified.iter().all(NodeDiff::is_only_renamed);
                assert!(only && diff.added.is_empty() && diff.removed.is_empty(), "{name}\n{diff}");
                assert_applies(&before, &after);
            }
        }
    }
}

#[test]
fn one_edit_of_a_renumbered_official_workflow_is_one_difference() {
    let mut checked = 0;
    for (name, before) in ground_truth::api_workflows("corpus/api") {
        let Some((node, input)) = before.nodes().find_map(|(id, node)| {
            let number = node.inputs().find(|(_, input)| {
                input.as_literal().is_some_and(|value| value.as_number().is_some())
            });
            Some((id.clone(), number?.0.to_owned()))
        }) else {
            continue;
        };
        let mut after = before.clone();
        let value = Json::from(987_654_321_u64);
        after.apply(&Patch::new([Operation::Set { node, input, value }])).unwrap();
        let after = renumbered(&after, |at| (at + 1000).to_string());
        let diff = diff::between(&before, &after);
        let changed: Vec<_> = diff.modified.iter().filter(|node| !node.is_only_renamed()).collect();
        assert!(changed.len() == 1 && changed[0].inputs.len() == 1, "{name}\n{diff}");
        assert!(diff.added.is_empty() && diff.removed.is_empty(), "{name}\n{diff}");
        checked += 1;
    }
    assert!(checked == 0 || checked > 200, "{checked}");
}

#[test]
fn pairs_of_official_workflows_can_be_patched_into_each_other() {
    let workflows = ground_truth::api_workflows("corpus/api");
    for pair in workflows.windows(2) {
        let [(_, before), (_, after)] = pair else { continue };
        assert_applies(before, after);
    }
}

#[test]
fn a_value_that_looks_like_a_link_does_not_stop_a_patch() {
    let node = |value: &str| {
        let value = Input::Literal(Json::parse(value.as_bytes()).unwrap());
        let mut workflow = workflow(r#"{"1":{"class_type":"A","inputs":{}}}"#);
        let write = workflow_graph::patch::Exact::WriteInput {
            node: id("1"),
            input: "x".into(),
            value,
            at: None,
        };
        workflow.apply(&Patch::new([Operation::Exact(write)])).unwrap();
        workflow
    };
    assert_applies(&node("1"), &node(r#"["7",0]"#));
}

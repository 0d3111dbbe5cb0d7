//! Merging: independent edits are both kept, and what is not independent is told.

use std::collections::HashMap;

use proptest::prelude::*;
use workflow_graph::{
    Json, NodeId, Workflow,
    lora::{self, Lora},
    merge::{self, Merge, Part, Side, Spot, Strategy},
    patch::{Operation, Patch},
};

use crate::{
    graphs::{TEXT_TO_IMAGE, any_workflow, id, workflow},
    ground_truth,
};

fn edited(base: &Workflow, operations: &str) -> Workflow {
    let operations = Json::parse(operations.as_bytes()).unwrap();
    let mut edited = base.clone();
    edited.apply(&Patch::from_operations(operations.as_array().unwrap()).unwrap()).unwrap();
    edited
}

fn merged(ours: &str, theirs: &str, strategy: &Strategy) -> Merge {
    let base = workflow(TEXT_TO_IMAGE);
    merge::three_way(&base, &edited(&base, ours), &edited(&base, theirs), strategy)
}

fn at<'a>(json: &'a Json, node: &str, input: &str) -> Option<&'a Json> {
    json.at(&[node, "inputs", input])
}

fn told(merge: &Merge) -> Vec<String> {
    merge.conflicts.iter().map(ToString::to_string).collect()
}

#[test]
fn edits_of_different_inputs_of_one_node_are_both_kept() {
    let merge = merged(
        r#"[{"op":"set","node":"3","input":"seed","value":6}]"#,
        r#"[{"op":"set","node":"3","input":"steps","value":30},{"op":"set_title","node":"3","title":"S"}]"#,
        &Strategy::default(),
    );
    assert_eq!(told(&merge), Vec::<String>::new());
    let json = merge.workflow.to_json();
    assert_eq!(at(&json, "3", "seed"), Some(&Json::from(6_u64)));
    assert_eq!(at(&json, "3", "steps"), Some(&Json::from(30_u64)));
    assert_eq!(json.at(&["3", "_meta", "title"]), Some(&Json::from("S")));
}

#[test]
fn the_same_edit_on_both_sides_is_no_conflict() {
    let edit = r#"[{"op":"set","node":"3","input":"seed","value":6},
        {"op":"add_node","id":"20","node":{"class_type":"A","inputs":{"x":["3",0]}}},
        {"op":"add_node","id":"21","node":{"class_type":"B","inputs":{"x":["20",0]}}}]"#;
    let merge = merged(edit, edit, &Strategy::default());
    assert!(merge.conflicts.is_empty() && merge.renumbered.is_empty());
    assert_eq!(merge.workflow, edited(&workflow(TEXT_TO_IMAGE), edit));
}

#[test]
fn a_conflict_lists_both_values_and_is_settled_as_asked() {
    let (ours, theirs) = (
        r#"[{"op":"set","node":"3","input":"seed","value":6},{"op":"link","node":"3","input":"positive","from":"7","slot":0}]"#,
        r#"[{"op":"set","node":"3","input":"seed","value":7},{"op":"unlink","node":"3","input":"positive"}]"#,
    );
    let seed = |merge: &Merge| at(&merge.workflow.to_json(), "3", "seed").cloned();
    let open = merged(ours, theirs, &Strategy::default());
    assert_eq!(
        told(&open),
        [
            "input `seed` of node 3: was 5, ours 6, theirs 7; open",
            "input `positive` of node 3: was [\"6\",0], ours [\"7\",0], theirs (none); open",
        ]
    );
    assert!(!open.is_settled());
    assert_eq!(seed(&open), Some(Json::from(5_u64)));
    assert_eq!(open.workflow, workflow(TEXT_TO_IMAGE));

    assert_eq!(seed(&merged(ours, theirs, &Strategy::Ours)), Some(Json::from(6_u64)));
    let by_theirs = merged(ours, theirs, &Strategy::Theirs);
    assert_eq!(seed(&by_theirs), Some(Json::from(7_u64)));
    assert_eq!(at(&by_theirs.workflow.to_json(), "3", "positive"), None);
    assert!(by_theirs.is_settled() && by_theirs.conflicts.len() == 2);

    let choices = HashMap::from([
        (open.conflicts[0].spot.clone(), Side::Theirs),
        (open.conflicts[1].spot.clone(), Side::Ours),
    ]);
    let chosen = merged(ours, theirs, &Strategy::Manual(choices));
    assert!(chosen.is_settled());
    assert_eq!(seed(&chosen), Some(Json::from(7_u64)));
    assert_eq!(at(&chosen.workflow.to_json(), "3", "positive").unwrap().to_string(), r#"["7",0]"#);
}

#[test]
fn a_node_taken_away_and_changed_is_a_conflict() {
    let (ours, theirs) = (
        r#"[{"op":"remove_node","node":"8"}]"#,
        r#"[{"op":"replace_class","node":"8","class_type":"VAEDecodeTiled"}]"#,
    );
    let by_ours = merged(ours, theirs, &Strategy::Ours);
    assert!(by_ours.workflow.node(&id("8")).is_none());
    let spot = Spot { node: id("8"), part: Part::Node };
    assert_eq!(by_ours.conflicts.iter().map(|c| c.spot.clone()).collect::<Vec<_>>(), [spot]);
    let by_theirs = merged(ours, theirs, &Strategy::Theirs);
    let kept = by_theirs.workflow.node(&id("8")).unwrap();
    assert_eq!(kept.class_type().as_str(), "VAEDecodeTiled");
    let open = merged(ours, theirs, &Strategy::default());
    assert_eq!(open.workflow.node(&id("8")).unwrap().class_type().as_str(), "VAEDecode");
}

#[test]
fn a_node_taken_away_and_newly_linked_is_a_conflict() {
    let (ours, theirs) = (
        r#"[{"op":"remove_node","node":"7"}]"#,
        r#"[{"op":"add_node","id":"20","node":{"class_type":"ConditioningCombine","inputs":{"conditioning_1":["7",0]}}}]"#,
    );
    let by_ours = merged(ours, theirs, &Strategy::Ours);
    assert_eq!(by_ours.conflicts.len(), 1);
    assert_eq!(at(&by_ours.workflow.to_json(), "20", "conditioning_1"), None);
    let by_theirs = merged(ours, theirs, &Strategy::Theirs);
    assert!(by_theirs.workflow.node(&id("7")).is_some());
    assert!(at(&by_theirs.workflow.to_json(), "20", "conditioning_1").is_some());
}

#[test]
fn different_nodes_of_one_new_id_are_both_kept() {
    let splice = |file: &str, output: u32| {
        format!(
            r#"[{{"op":"splice","id":"10","node":{{"class_type":"LoraLoaderModelOnly","inputs":{{"lora_name":"{file}"}}}},
                "through":[{{"from":"4","slot":{output},"input":"model","output":0}}]}}]"#
        )
    };
    let merge = merged(&splice("a", 0), &splice("b", 2), &Strategy::default());
    assert_eq!(told(&merge), Vec::<String>::new());
    assert_eq!(merge.renumbered, [(id("10"), id("11"))]);
    let json = merge.workflow.to_json();
    assert_eq!(at(&json, "10", "lora_name"), Some(&Json::from("a")));
    assert_eq!(at(&json, "11", "lora_name"), Some(&Json::from("b")));
    assert_eq!(at(&json, "8", "vae").unwrap().to_string(), r#"["11",0]"#);
}

#[test]
fn edits_of_a_renumbered_graph_reach_the_nodes_they_were_made_on() {
    let merge = merged(
        r#"[{"op":"set","node":"3","input":"seed","value":6},{"op":"set","node":"8","input":"vae","value":"x"}]"#
            .replace(r#"{"op":"set","node":"8","input":"vae","value":"x"}"#, r#"{"op":"unlink","node":"8","input":"vae"}"#)
            .as_str(),
        r#"[{"op":"rename_id","node":"8","to":"80"},{"op":"rename_id","node":"3","to":"30"},{"op":"set","node":"30","input":"steps","value":9}]"#,
        &Strategy::default(),
    );
    assert_eq!(told(&merge), Vec::<String>::new());
    let json = merge.workflow.to_json();
    assert_eq!(at(&json, "30", "seed"), Some(&Json::from(6_u64)));
    assert_eq!(at(&json, "30", "steps"), Some(&Json::from(9_u64)));
    assert_eq!(at(&json, "80", "samples").unwrap().to_string(), r#"["30",0]"#);
    assert_eq!(at(&json, "80", "vae"), None);
    assert_eq!(at(&json, "9", "images").unwrap().to_string(), r#"["80",0]"#);
}

#[test]
fn the_json_form_tells_all() {
    let merge = merged(
        r#"[{"op":"set","node":"3","input":"seed","value":6},{"op":"add_node","id":"10","node":{"class_type":"A","inputs":{}}}]"#,
        r#"[{"op":"set","node":"3","input":"seed","value":7},{"op":"set_title","node":"3","title":"S"},
            {"op":"add_node","id":"10","node":{"class_type":"B","inputs":{}}},{"op":"remove_node","node":"6"}]"#,
        &Strategy::Theirs,
    );
    insta::assert_snapshot!(merge.to_json());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn an_unchanged_side_changes_nothing(base in any_workflow(), changed in any_workflow()) {
        let ours = merge::three_way(&base, &changed, &base, &Strategy::default());
        prop_assert_eq!(told(&ours), Vec::<String>::new());
        prop_assert_eq!(ours.workflow, changed.clone());
        let theirs = merge::three_way(&base, &base, &changed, &Strategy::default());
        prop_assert_eq!(told(&theirs), Vec::<String>::new());
        prop_assert_eq!(theirs.workflow, changed);
    }

    #[test]
    fn two_equal_sides_have_no_conflict(base in any_workflow(), changed in any_workflow()) {
        let merge = merge::three_way(&base, &changed, &changed, &Strategy::default());
        prop_assert_eq!(told(&merge), Vec::<String>::new());
        prop_assert_eq!(merge.workflow, changed);
    }

    #[test]
    fn any_three_workflows_merge_and_choices_settle_them(
        base in any_workflow(), ours in any_workflow(), theirs in any_workflow(),
    ) {
        let open = merge::three_way(&base, &ours, &theirs, &Strategy::default());
        let choices = open.conflicts.iter().map(|conflict| (conflict.spot.clone(), Side::Ours));
        let chosen = merge::three_way(&base, &ours, &theirs, &Strategy::Manual(choices.collect()));
        let by_ours = merge::three_way(&base, &ours, &theirs, &Strategy::Ours);
        prop_assert!(by_ours.is_settled());
        prop_assert!(chosen.conflicts.len() >= open.conflicts.len());
    }
}

/// The literal numbers of a workflow, as places to edit.
fn numbers(workflow: &Workflow) -> Vec<(NodeId, String)> {
    let of_node = |(id, node): (&NodeId, &workflow_graph::Node)| {
        let number = node
            .inputs()
            .find(|(_, input)| input.as_literal().is_some_and(|value| value.as_number().is_some()));
        number.map(|(name, _)| (id.clone(), name.to_owned()))
    };
    workflow.nodes().filter_map(of_node).collect()
}

/// Ours sets every second number and puts a LoRA in, theirs sets the others, titles a node and
/// gives another a new id: together they are what one person would have made of both.
#[test]
fn independent_edits_of_official_workflows_make_both() {
    for (name, base) in ground_truth::api_workflows("corpus/api") {
        let set = |(node, input): &(NodeId, String), value: u64| Operation::Set {
            node: node.clone(),
            input: input.clone(),
            value: Json::from(value),
        };
        let places = numbers(&base);
        let evens = places.iter().step_by(2).map(|place| set(place, 111));
        let odds = places.iter().skip(1).step_by(2).map(|place| set(place, 222));
        let mut ours_patch: Vec<Operation> = evens.collect();
        if let Ok(lora) = lora::inject(&base, &[Lora::new("x.safetensors", 1.0)]) {
            ours_patch.extend(lora.operations().iter().cloned());
        }
        let mut theirs_patch: Vec<Operation> = odds.collect();
        let last = base.nodes().last().unwrap().0.clone();
        theirs_patch.push(Operation::SetTitle { node: last.clone(), title: Some("T".into()) });
        theirs_patch.push(Operation::RenameId { node: last, to: id("99999") });

        let apply = |operations: &[Operation], to: &Workflow| {
            let mut edited = to.clone();
            edited.apply(&Patch::new(operations.to_vec())).unwrap();
            edited
        };
        let (ours, theirs) = (apply(&ours_patch, &base), apply(&theirs_patch, &base));
        let both = apply(&theirs_patch, &ours);
        for strategy in [Strategy::Ours, Strategy::Theirs, Strategy::default()] {
            let merge = merge::three_way(&base, &ours, &theirs, &strategy);
            assert_eq!(told(&merge), Vec::<String>::new(), "{name}");
            assert!(merge.workflow == both, "{name}");
            let other_way = merge::three_way(&base, &theirs, &ours, &strategy);
            assert!(other_way.workflow == both, "{name}");
        }
    }
}

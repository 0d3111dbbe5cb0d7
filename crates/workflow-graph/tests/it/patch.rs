//! Patches: what each operation does, what it refuses, and that all can be taken back.

use proptest::prelude::*;
use workflow_graph::{
    Json, Workflow,
    patch::{Exact, Operation, Patch, Place, Reroute, Through},
};

use crate::{
    graphs::{
        TEXT_TO_IMAGE, any_id, any_input, any_input_name, any_node, any_value, any_workflow,
        workflow,
    },
    ground_truth,
};

fn patch(operations: &str) -> Patch {
    let json = Json::parse(operations.as_bytes()).unwrap();
    Patch::from_operations(json.as_array().unwrap()).unwrap()
}

/// Applies operations to the small graph, takes them back, and shows the nodes that changed.
#[track_caller]
fn check(operations: &str, expected: &str) {
    let before = workflow(TEXT_TO_IMAGE);
    let mut edited = before.clone();
    let inverse = edited.apply(&patch(operations)).unwrap();
    let changed: Vec<String> = edited
        .nodes()
        .filter(|(id, node)| before.node(id) != Some(node))
        .map(|(id, node)| format!("{id} {}", node.to_json()))
        .chain(
            before
                .nodes()
                .filter(|(id, _)| edited.node(id).is_none())
                .map(|(id, _)| format!("-{id}")),
        )
        .collect();
    assert_eq!(changed.join("\n"), expected.trim());
    edited.apply(&inverse).unwrap();
    assert_eq!(edited.to_json().to_string(), before.to_json().to_string());
}

#[track_caller]
fn check_refused(operations: &str, expected: &str) {
    let before = workflow(TEXT_TO_IMAGE);
    let mut edited = before.clone();
    let error = edited.apply(&patch(operations)).unwrap_err();
    assert_eq!(error.to_string(), expected);
    assert_eq!(edited.to_json().to_string(), before.to_json().to_string());
}

#[test]
fn values_are_set_added_and_taken_away() {
    check(
        r#"[{"op":"set","node":5,"input":"width","value":1024},
            {"op":"unset","node":"5","input":"batch_size"},
            {"op":"add_input","node":"5","input":"depth","value":1.0}]"#,
        r#"5 {"inputs":{"width":1024,"height":768,"depth":1.0},"class_type":"EmptyLatentImage"}"#,
    );
}

#[test]
fn links_are_made_and_cut() {
    check(
        r#"[{"op":"link","node":"7","input":"text","from":"9","slot":2},
            {"op":"unlink","node":"7","input":"clip"}]"#,
        r#"7 {"inputs":{"text":["9",2]},"class_type":"CLIPTextEncode","_meta":{"title":"Negative"}}"#,
    );
}

#[test]
fn a_node_leaves_with_the_links_from_it() {
    check(
        r#"[{"op":"remove_node","node":"8"}]"#,
        "9 {\"inputs\":{\"filename_prefix\":\"fox\"},\"class_type\":\"SaveImage\"}\n-8",
    );
}

#[test]
fn a_new_node_may_link_to_one_that_comes_later() {
    check(
        r#"[{"op":"add_node","id":"20","node":{"class_type":"A","inputs":{"x":["21",0]}},"place":"first"},
            {"op":"add_node","id":"21","node":{"class_type":"B","inputs":{}},"place":{"after":"3"}}]"#,
        "20 {\"class_type\":\"A\",\"inputs\":{\"x\":[\"21\",0]}}\n21 {\"class_type\":\"B\",\"inputs\":{}}",
    );
}

#[test]
fn a_class_is_replaced_and_inputs_swap_names() {
    check(
        r#"[{"op":"replace_class","node":"5","class_type":"EmptySD3LatentImage","rename":{"width":"height","height":"width"}}]"#,
        r#"5 {"inputs":{"height":512,"width":768,"batch_size":1},"class_type":"EmptySD3LatentImage"}"#,
    );
}

#[test]
fn links_follow_a_renamed_node() {
    check(
        r#"[{"op":"rename_id","node":"8","to":"80"}]"#,
        "80 {\"inputs\":{\"samples\":[\"3\",0],\"vae\":[\"4\",2]},\"class_type\":\"VAEDecode\"}\n\
         9 {\"inputs\":{\"filename_prefix\":\"fox\",\"images\":[\"80\",0]},\"class_type\":\"SaveImage\"}\n-8",
    );
}

#[test]
fn a_node_is_spliced_behind_two_outputs() {
    check(
        r#"[{"op":"splice","id":"20","node":{"class_type":"LoraLoader","inputs":{"lora_name":"x"}},"through":[
             {"from":"4","slot":0,"input":"model","output":0},
             {"from":"4","slot":1,"input":"clip","output":1,"only":[{"node":"6","input":"clip"}]}]}]"#,
        r#"3 {"inputs":{"seed":5,"steps":20,"cfg":7.0,"sampler_name":"euler","scheduler":"normal","denoise":1.0,"model":["20",0],"positive":["6",0],"negative":["7",0],"latent_image":["5",0]},"class_type":"KSampler","_meta":{"title":"KSampler"}}
20 {"class_type":"LoraLoader","inputs":{"lora_name":"x","model":["4",0],"clip":["4",1]}}
6 {"inputs":{"text":"a red fox","clip":["20",1]},"class_type":"CLIPTextEncode","_meta":{"title":"Positive"}}"#,
    );
}

#[test]
fn titles_come_and_go() {
    check(
        r#"[{"op":"set_title","node":"3","title":null},{"op":"set_title","node":"5","title":"Size"}]"#,
        r#"3 {"inputs":{"seed":5,"steps":20,"cfg":7.0,"sampler_name":"euler","scheduler":"normal","denoise":1.0,"model":["4",0],"positive":["6",0],"negative":["7",0],"latent_image":["5",0]},"class_type":"KSampler"}
5 {"inputs":{"width":512,"height":768,"batch_size":1},"class_type":"EmptyLatentImage","_meta":{"title":"Size"}}"#,
    );
}

#[test]
fn one_refused_operation_changes_nothing() {
    check_refused(
        r#"[{"op":"set","node":"5","input":"width","value":1},{"op":"remove_node","node":"77"}]"#,
        "operation 2 of 2 (remove_node): there is no node 77; the workflow has 3, 4, 5, 6, 7, 8, 9",
    );
}

#[test]
fn every_refusal_says_what_would_have_worked() {
    let refused = |operations: &str| {
        workflow(TEXT_TO_IMAGE).apply(&patch(operations)).unwrap_err().reason.to_string()
    };
    let refusals = [
        r#"[{"op":"set","node":"5","input":"widht","value":1}]"#,
        r#"[{"op":"set","node":"3","input":"model","value":1}]"#,
        r#"[{"op":"set","node":"5","input":"width","value":["4",0]}]"#,
        r#"[{"op":"unset","node":"3","input":"model"}]"#,
        r#"[{"op":"unlink","node":"3","input":"seed"}]"#,
        r#"[{"op":"unlink","node":"5","input":"width"}]"#,
        r#"[{"op":"add_input","node":"5","input":"width","value":1}]"#,
        r#"[{"op":"link","node":"8","input":"vae","from":"10","slot":0}]"#,
        r#"[{"op":"add_node","id":"3","node":{"class_type":"A","inputs":{}}}]"#,
        r#"[{"op":"add_node","id":"20","node":{"class_type":"A","inputs":{}},"place":{"after":"30"}}]"#,
        r#"[{"op":"rename_id","node":"3","to":"4"}]"#,
        r#"[{"op":"erase_node","node":"4"},{"op":"rename_id","node":"3","to":"4"}]"#,
        r#"[{"op":"replace_class","node":"5","class_type":"A","rename":{"width":"height"}}]"#,
        r#"[{"op":"splice","id":"20","node":{"class_type":"A","inputs":{}},"through":[{"from":"4","slot":7,"input":"x","output":0}]}]"#,
        r#"[{"op":"splice","id":"20","node":{"class_type":"A","inputs":{}},"through":[{"from":"4","slot":1,"input":"x","output":0,"only":[{"node":"3","input":"model"}]}]}]"#,
        r#"[{"op":"write_member","node":"3","member":"inputs","value":{}}]"#,
        r#"[{"op":"erase_member","node":"3","member":"is_changed"}]"#,
    ];
    insta::assert_snapshot!(refusals.map(refused).join("\n"));
}

#[test]
fn a_patch_that_cannot_be_read_says_where_and_what_it_takes() {
    let read = |text: &str| {
        Patch::from_json(&Json::parse(text.as_bytes()).unwrap()).unwrap_err().to_string()
    };
    let texts = [
        "[]",
        r#"{"version":2,"operations":[]}"#,
        r#"{"version":1,"operations":{}}"#,
        r#"{"version":1,"operations":[1]}"#,
        r#"{"version":1,"operations":[{"op":"sett"}]}"#,
        r#"{"version":1,"operations":[{"op":"set","node":"3","input":"seed","value":1,"force":true}]}"#,
        r#"{"version":1,"operations":[{"op":"link","node":"3","input":"a","from":"4","slot":-1}]}"#,
        r#"{"version":1,"operations":[{"op":"add_node","id":"3","node":{"inputs":{}}}]}"#,
        r#"{"version":1,"operations":[{"op":"rename_id","node":"","to":"4"}]}"#,
        r#"{"version":1,"operations":[{"op":"add_node","id":"3","node":{"class_type":"A","inputs":{}},"place":"middle"}]}"#,
    ];
    insta::assert_snapshot!(texts.map(read).join("\n"));
}

fn any_operation() -> impl Strategy<Value = Operation> {
    let node_input = || (any_id(), any_input_name());
    let title = || proptest::option::of("[a-c]{0,2}");
    let rename = || proptest::collection::vec((any_input_name(), any_input_name()), 0..3);
    let reroute = prop_oneof![
        3 => Just(Reroute::All),
        1 => proptest::collection::vec((any_id(), any_input_name()), 0..2).prop_map(Reroute::Only),
    ];
    let through = (any_id(), 0_u32..2, any_input_name(), 0_u32..2, reroute).prop_map(
        |(from, slot, input, output, reroute)| Through { from, slot, input, output, reroute },
    );
    prop_oneof![
        (node_input(), any_value()).prop_map(|((node, input), value)| Operation::Set {
            node,
            input,
            value
        }),
        (node_input(), any_value()).prop_map(|((node, input), value)| Operation::AddInput {
            node,
            input,
            value
        }),
        node_input().prop_map(|(node, input)| Operation::Unset { node, input }),
        node_input().prop_map(|(node, input)| Operation::Unlink { node, input }),
        (node_input(), any_id(), 0_u32..3)
            .prop_map(|((node, input), from, slot)| Operation::Link { node, input, from, slot }),
        (any_id(), any_node(), any_place()).prop_map(|(id, node, place)| Operation::AddNode {
            id,
            node,
            place
        }),
        any_id().prop_map(|node| Operation::RemoveNode { node }),
        (any_id(), "[A-C]", rename()).prop_map(|(node, class, mut rename)| {
            let mut names = std::collections::HashSet::new();
            rename.retain(|(old, _)| names.insert(old.clone()));
            Operation::ReplaceClass { node, class_type: class.parse().unwrap(), rename }
        }),
        (any_id(), any_id()).prop_map(|(node, to)| Operation::RenameId { node, to }),
        (any_id(), any_node(), proptest::collection::vec(through, 1..3))
            .prop_map(|(id, node, through)| Operation::Splice { id, node, through }),
        (any_id(), title()).prop_map(|(node, title)| Operation::SetTitle { node, title }),
        any_exact().prop_map(Operation::Exact),
    ]
}

fn any_place() -> impl Strategy<Value = Place> {
    prop_oneof![Just(Place::First), Just(Place::Last), any_id().prop_map(Place::After)]
}

fn any_exact() -> impl Strategy<Value = Exact> {
    let at = || proptest::option::of(0_usize..6);
    let member = || prop_oneof![Just("_meta".to_owned()), Just("is_changed".to_owned())];
    prop_oneof![
        (any_id(), any_input_name(), any_input(), at())
            .prop_map(|(node, input, value, at)| Exact::WriteInput { node, input, value, at }),
        (any_id(), any_input_name()).prop_map(|(node, input)| Exact::EraseInput { node, input }),
        (any_id(), member(), any_value(), at())
            .prop_map(|(node, member, value, at)| Exact::WriteMember { node, member, value, at }),
        (any_id(), member()).prop_map(|(node, member)| Exact::EraseMember { node, member }),
        (any_id(), "[A-C]").prop_map(|(node, class)| Exact::WriteClass {
            node,
            class_type: class.parse().unwrap(),
        }),
        (any_id(), any_node(), any_place()).prop_map(|(id, node, place)| Exact::WriteNode {
            id,
            node,
            place
        }),
        any_id().prop_map(|node| Exact::EraseNode { node }),
    ]
}

/// Applies one operation after the other, leaving out what is refused, so that most of any
/// list takes effect; then all of them as one patch.
fn applicable(workflow: &Workflow, operations: &[Operation]) -> Patch {
    let mut edited = workflow.clone();
    let mut kept = Vec::new();
    for operation in operations {
        if edited.apply(&Patch::new([operation.clone()])).is_ok() {
            kept.push(operation.clone());
        }
    }
    Patch::new(kept)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn an_inverse_restores_the_same_bytes(
        before in any_workflow(),
        operations in proptest::collection::vec(any_operation(), 1..12),
    ) {
        let patch = applicable(&before, &operations);
        let mut edited = before.clone();
        // A removed node can leave a promise of an earlier operation unkept.
        if let Ok(inverse) = edited.apply(&patch) {
            let after = edited.to_json().to_string();
            let again = edited.apply(&inverse).unwrap();
            prop_assert_eq!(edited.to_json().to_string(), before.to_json().to_string());
            edited.apply(&again).unwrap();
            prop_assert_eq!(edited.to_json().to_string(), after);
        }
    }

    #[test]
    fn a_refused_patch_changes_nothing(
        before in any_workflow(),
        operations in proptest::collection::vec(any_operation(), 1..6),
    ) {
        let mut edited = before.clone();
        if edited.apply(&Patch::new(operations)).is_err() {
            prop_assert_eq!(edited.to_json().to_string(), before.to_json().to_string());
        }
    }

    #[test]
    fn a_patch_is_the_same_after_writing_and_reading(
        operations in proptest::collection::vec(any_operation(), 0..6),
    ) {
        let patch = Patch::new(operations);
        let text = patch.to_json().to_string();
        let read = Patch::from_json(&Json::parse(text.as_bytes()).unwrap()).unwrap();
        prop_assert_eq!(read.to_json().to_string(), text);
        prop_assert_eq!(read, patch);
    }
}

#[test]
fn every_node_of_every_official_workflow_can_be_renamed_removed_and_brought_back() {
    for (name, before) in ground_truth::api_workflows("corpus/api") {
        let text = before.to_json().to_string();
        let free = before.free_id();
        for (id, _) in before.nodes() {
            let mut edited = before.clone();
            let renamed = Operation::RenameId { node: id.clone(), to: free.clone() };
            let removed = Operation::RemoveNode { node: free.clone() };
            let inverse = edited.apply(&Patch::new([renamed, removed])).unwrap();
            assert_eq!(edited.nodes().len(), before.nodes().len() - 1, "{name} {id}");
            edited.apply(&inverse).unwrap();
            assert_eq!(edited.to_json().to_string(), text, "{name} {id}");
        }
    }
}

#[test]
fn taking_out_ten_thousand_nodes_and_bringing_them_back_is_linear() {
    let chain = |length: u32| {
        let nodes = (0..length).map(|number| {
            let text = if number == 0 {
                r#"{"class_type":"A","inputs":{}}"#.to_owned()
            } else {
                format!(r#"{{"class_type":"A","inputs":{{"x":["{}",0]}}}}"#, number - 1)
            };
            (number.to_string(), Json::parse(text.as_bytes()).unwrap())
        });
        Workflow::from_json(&Json::Object(nodes.collect())).unwrap()
    };
    let before = chain(10_000);
    let all_but_one: Vec<Operation> =
        before.nodes().skip(1).map(|(id, _)| Operation::RemoveNode { node: id.clone() }).collect();
    let mut edited = before.clone();
    let inverse = edited.apply(&Patch::new(all_but_one)).unwrap();
    assert_eq!(edited.nodes().len(), 1);
    edited.apply(&inverse).unwrap();
    assert!(edited.to_json() == before.to_json());
}

#[test]
fn no_value_makes_a_link() {
    let mut edited = workflow(TEXT_TO_IMAGE);
    let value = Json::parse(br#"["4", 1]"#).unwrap();
    let error = edited.set(&"6".parse().unwrap(), "text", value).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the value for input `text` of node 6 is a list of a text and a number, which is a link in \
         API format; link the input, or wrap the list as {\"__value__\": [..]}"
    );
    assert_eq!(edited, workflow(TEXT_TO_IMAGE));
}

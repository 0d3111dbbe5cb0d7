//! Any three workflows: each difference is a patch that makes one of the other, and every merge
//! of them holds what its sides agree on.
#![no_main]

use fuzz::{documents, json_target, next_workflow, text};
use workflow_graph::{
    Workflow, diff,
    draw::Picture,
    merge::{self, Side, Strategy},
};

/// Above this a picture costs more than it tells.
const DRAWN_NODES_MAX: usize = 20;

json_target!(|input| {
    let mut documents = documents(input);
    let base = next_workflow(&mut documents)?;
    let ours = next_workflow(&mut documents)?;
    let theirs = next_workflow(&mut documents).unwrap_or_else(|| base.clone());
    assert_applies(&base, &ours);
    assert_applies(&ours, &theirs);
    assert!(diff::between(&base, &base).is_empty());

    let alone = merge::three_way(&base, &ours, &base, &Strategy::default());
    assert!(alone.conflicts.is_empty());
    assert_eq!(alone.workflow, ours);
    let alone = merge::three_way(&base, &base, &theirs, &Strategy::default());
    assert!(alone.conflicts.is_empty());
    assert_eq!(alone.workflow, theirs);
    let alike = merge::three_way(&base, &ours, &ours, &Strategy::default());
    assert!(alike.conflicts.is_empty());
    assert_eq!(alike.workflow, ours);

    let open = merge::three_way(&base, &ours, &theirs, &Strategy::default());
    let _ = open.to_json().to_string();
    let choices = open.conflicts.iter().map(|conflict| (conflict.spot.clone(), Side::Ours));
    let chosen = merge::three_way(&base, &ours, &theirs, &Strategy::Manual(choices.collect()));
    assert!(chosen.conflicts.len() >= open.conflicts.len());
    for strategy in [Strategy::Ours, Strategy::Theirs] {
        assert!(merge::three_way(&base, &ours, &theirs, &strategy).is_settled());
    }
    Some(())
});

fn assert_applies(before: &Workflow, after: &Workflow) {
    let diff = diff::between(before, after);
    let _ = (diff.to_string(), diff.to_json().to_string());
    let mut patched = before.clone();
    let inverse = patched.apply(&diff.to_patch()).expect("the patch of a difference");
    assert!(patched == *after, "{diff}\n{}\n{}", text(&patched), text(after));
    patched.apply(&inverse).expect("an inverse");
    assert_eq!(text(&patched), text(before));
    if before.nodes().len() + after.nodes().len() <= DRAWN_NODES_MAX {
        assert!(!Picture::of_diff(&diff).to_svg().is_empty());
    }
}

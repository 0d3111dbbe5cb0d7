//! Any JSON as a patch for any workflow: refused whole, or applied and taken back to the byte.
#![no_main]

use fuzz::{documents, json_target, next, next_workflow, text};
use workflow_graph::{Json, patch::Patch};

json_target!(|input| {
    let mut documents = documents(input);
    let before = next_workflow(&mut documents)?;
    let json = next(&mut documents)?;
    let patch = match json.as_array() {
        Some(operations) => Patch::from_operations(operations),
        None => Patch::from_json(&json),
    };
    let patch = patch.ok()?;
    let written = patch.to_json().to_string();
    let read = Patch::from_json(&Json::parse(written.as_bytes()).expect("what was written"));
    assert_eq!(read.expect("what was written").to_json().to_string(), written);

    let mut edited = before.clone();
    let Ok(inverse) = edited.apply(&patch) else {
        assert_eq!(text(&edited), text(&before));
        return None;
    };
    let after = text(&edited);
    let again = edited.apply(&inverse).expect("an inverse");
    assert_eq!(text(&edited), text(&before));
    edited.apply(&again).expect("the inverse of an inverse");
    assert_eq!(text(&edited), after);
    Some(())
});

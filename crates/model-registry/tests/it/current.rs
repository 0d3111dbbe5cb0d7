//! What is current, on the repository's data.

use model_registry::{State, Task};

use crate::registry;

#[test]
fn what_is_current_by_task() {
    let registry = registry();
    let mut told = Vec::new();
    for task in Task::ALL {
        let names: Vec<_> = registry
            .current(*task)
            .iter()
            .take(6)
            .map(|current| format!("{}/{}", current.family.name, current.variant.name))
            .collect();
        told.push(format!("{task}: {}", names.join(", ")));
    }
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn the_reasons_are_facts_of_the_data() {
    let registry = registry();
    let current = registry.current(Task::TextToImage);
    let z_image = current.iter().find(|found| found.family.name == "z-image-turbo").unwrap();
    assert_eq!(
        z_image.reasons,
        [
            "the official index recommends it: highly recommended",
            "its official template was used 15150 times",
            "nothing has taken its place; out since 2025-11-27 at the latest",
        ]
    );
}

#[test]
fn freshness_has_three_states() {
    let registry = registry();
    let told: Vec<_> = ["flux3-klein", "z-image-turbo", "qwen-image"]
        .iter()
        .map(|name| registry.freshness(registry.family(name).unwrap()))
        .map(|freshness| (freshness.state, freshness.reason))
        .collect();
    insta::assert_debug_snapshot!(told);
    let states: Vec<_> = told.iter().map(|(state, _)| *state).collect();
    assert_eq!(states, [State::New, State::Current, State::Superseded]);
}

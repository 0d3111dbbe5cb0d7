//! Any JSON as a workflow in API format: read, checked, told apart, edited, drawn.
#![no_main]

use fuzz::{documents, json_target, next, text};
use workflow_graph::{
    Json, Workflow, check,
    draw::Picture,
    lora::{self, Lora},
    roles,
};

/// Above this a picture costs more than it tells.
const DRAWN_NODES_MAX: usize = 40;

json_target!(|input| {
    let json = next(&mut documents(input))?;
    let workflow = Workflow::from_json(&json).ok()?;
    assert_eq!(text(&workflow), json.to_string());
    let digest = workflow.digest();

    let dangling = check::dangling_links(&workflow);
    assert!(dangling.iter().all(|link| workflow.node(&link.from).is_none()));
    if let Some(circle) = check::cycle(&workflow) {
        assert!(circle.nodes.iter().all(|id| workflow.node(id).is_some()));
    }
    assert!(workflow.node(&workflow.free_id()).is_none());
    let _ = roles::of(&workflow).to_json().to_string();

    for (id, node) in workflow.nodes() {
        for (name, input) in node.inputs() {
            let mut edited = workflow.clone();
            let set = edited.set(id, name, Json::from("edited"));
            match input.as_literal() {
                Some(literal) => {
                    assert_eq!(set.expect("a literal"), Some(literal.clone()));
                    assert_eq!(edited.digest() == digest, literal.as_str() == Some("edited"));
                }
                None => assert!(set.is_err()),
            }
        }
    }

    let loras = [Lora::new("a.safetensors", 1.0), Lora::new("b.safetensors", f64::NAN)];
    if let Ok(patch) = lora::inject(&workflow, &loras) {
        let mut edited = workflow.clone();
        let inverse = edited.apply(&patch).expect("a patch made for it");
        edited.apply(&inverse).expect("an inverse");
        assert_eq!(text(&edited), text(&workflow));
    }

    if workflow.nodes().len() <= DRAWN_NODES_MAX {
        let picture = Picture::of(&workflow);
        let drawn =
            [picture.to_mermaid(), picture.to_dot(), picture.to_svg(), picture.to_html("any")];
        assert!(drawn.iter().all(|text| !text.is_empty()));
    }
    Some(())
});

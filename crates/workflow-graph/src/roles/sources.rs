//! Where the models and text encoders of samplers come from.

use indexmap::IndexSet;

use super::{
    names, sampling,
    walk::{Graph, Output, links},
};
use crate::{
    ids::NodeId,
    workflow::{Input, Node, Workflow},
};

/// The outputs that give the models of samplers, in the order the samplers run.
pub(crate) fn models(workflow: &Workflow) -> Vec<(NodeId, u32)> {
    let graph = Graph::new(workflow);
    let mut found = IndexSet::new();
    for sampler in sampling::samplers(&graph) {
        let Some((_, node)) = graph.node(&sampler) else { continue };
        let mut entering: Vec<Output<'_>> = outputs(node, is_model);
        graph.upstream(outputs(node, |name| name == "guider"), |_, node, _| {
            entering.extend(outputs(node, is_model));
            passing(node, |name| name == "guider")
        });
        trace(&graph, entering, is_model, &mut found);
    }
    found.into_iter().map(|(node, slot)| (node.clone(), slot)).collect()
}

/// The outputs that give the text encoders of what samplers are told.
pub(crate) fn text_encoders(workflow: &Workflow) -> Vec<(NodeId, u32)> {
    let graph = Graph::new(workflow);
    let mut found = IndexSet::new();
    for sampler in sampling::samplers(&graph) {
        let Some((_, node)) = graph.node(&sampler) else { continue };
        let conditions = |name: &str| {
            name == "guider" || names::is_negative(name) || names::is_conditioning(name)
        };
        let mut entering: Vec<Output<'_>> = outputs(node, is_clip);
        graph.upstream(outputs(node, conditions), |_, node, _| {
            entering.extend(outputs(node, is_clip));
            passing(node, conditions)
        });
        trace(&graph, entering, is_clip, &mut found);
    }
    found.into_iter().map(|(node, slot)| (node.clone(), slot)).collect()
}

/// From some outputs upstream to the nodes that take no input of the kind: they are the sources.
fn trace<'a>(
    graph: &Graph<'a>,
    entering: Vec<Output<'a>>,
    is_kind: impl Fn(&str) -> bool + Copy,
    found: &mut IndexSet<Output<'a>>,
) {
    graph.upstream(entering, |id, node, slot| {
        let passed = passing(node, is_kind);
        if passed.is_empty() {
            found.insert((id, slot));
        }
        passed
    });
}

fn is_model(name: &str) -> bool {
    name.starts_with("model") && !name.contains("patch")
}

fn is_clip(name: &str) -> bool {
    name == "clip"
}

fn outputs(node: &Node, chosen: impl Fn(&str) -> bool) -> Vec<Output<'_>> {
    links(node).filter(|(name, _)| chosen(name)).map(|(_, output)| output).collect()
}

/// The linked inputs of a kind; of a node that has none, those of a switch.
fn passing(node: &Node, is_kind: impl Fn(&str) -> bool) -> Vec<&str> {
    let linked = |name: &&str| node.input(name).and_then(Input::as_link).is_some();
    let names = || node.inputs().map(|(name, _)| name).filter(linked);
    let of_kind: Vec<&str> = names().filter(|name| is_kind(name)).collect();
    if of_kind.is_empty() {
        names().filter(|name| names::is_choice(name)).collect()
    } else {
        of_kind
    }
}

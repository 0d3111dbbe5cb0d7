//! Nodes that sample, and what they are told.

use super::{
    Role, Roles, names,
    values::{self, Written},
    walk::{Graph, Output, links},
};
use crate::{
    ids::NodeId,
    workflow::{Input, Node},
};

/// The nodes that sample, in the order they run.
pub(super) fn samplers(graph: &Graph<'_>) -> Vec<NodeId> {
    let ordered = graph.sources_first().into_iter();
    ordered.filter(|(_, node)| is_sampler(node)).map(|(id, _)| id.clone()).collect()
}

/// A sampler has conditioning or a guider, and chance or a schedule of its own. What only
/// changes conditioning has neither of these.
fn is_sampler(node: &Node) -> bool {
    let has = |name: &str| node.input(name).is_some();
    let linked = |name: &str| node.input(name).is_some_and(|input| input.as_link().is_some());
    let conditioned = linked("guider") || linked("positive") || linked("conditioning");
    let samples = ["seed", "noise_seed", "noise", "sigmas", "sampler_name", "sampler", "steps"];
    conditioned && samples.iter().any(|name| has(name))
}

/// Which side of the guidance a conditioning is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Positive,
    Negative,
}

/// Finds everything that one sampler is told.
pub(super) fn walk_from(graph: &Graph<'_>, sampler: &NodeId, roles: &mut Roles) {
    let Some((id, node)) = graph.node(sampler) else { return };
    for side in [Side::Positive, Side::Negative] {
        for output in conditionings(graph, node, side) {
            walk_conditioning(graph, output, side, id, roles);
        }
    }
    walk_settings(graph, id, node, roles);
    for name in ["latent_image", "latent", "samples", "latents", "image"] {
        if let Some(output) = node.input(name).and_then(Input::as_link) {
            walk_latent(graph, output, id, roles);
        }
    }
}

/// Where the conditioning of one side enters: at the sampler, or at its guider.
fn conditionings<'a>(graph: &Graph<'a>, sampler: &'a Node, side: Side) -> Vec<Output<'a>> {
    let mut found = entering(sampler, side);
    if let Some(guider) = sampler.input("guider").and_then(Input::as_link) {
        graph.upstream([guider], |_, node, _| {
            found.extend(entering(node, side));
            links(node).map(|(name, _)| name).filter(|name| guides(name)).collect()
        });
    }
    found
}

fn guides(name: &str) -> bool {
    name == "guider" || names::is_choice(name)
}

fn entering(node: &Node, side: Side) -> Vec<Output<'_>> {
    let enters = |name: &str| match side {
        Side::Negative => names::is_negative(name),
        Side::Positive => !names::is_choice(name) && names::is_conditioning(name),
    };
    links(node).filter(|(name, _)| enters(name)).map(|(_, output)| output).collect()
}

/// From a conditioning to the texts it was made of.
fn walk_conditioning<'a>(
    graph: &Graph<'a>,
    from: Output<'a>,
    side: Side,
    user: &NodeId,
    roles: &mut Roles,
) {
    graph.upstream([from], |id, node, slot| {
        // What is zeroed has lost its text: it is nobody's prompt.
        if node.class_type().as_str().contains("ZeroOut") {
            return Vec::new();
        }
        if let Some(guidance) = values::number(graph, id, node, "guidance") {
            roles.add(Role::Guidance, guidance, Some(user));
        }
        let prompts: Vec<&str> = prompt_inputs(node, side);
        for name in &prompts {
            for text in values::texts(graph, id, node, name) {
                roles.add(prompt_role(side), text, Some(user));
            }
        }
        if !prompts.is_empty() && !links(node).any(|(name, _)| names::is_conditioning(name)) {
            return Vec::new();
        }
        passing(node, side, slot)
    });
}

fn prompt_role(side: Side) -> Role {
    match side {
        Side::Positive => Role::PositivePrompt,
        Side::Negative => Role::NegativePrompt,
    }
}

/// The text inputs of a node that encodes. Where it has texts for both sides, those of one.
fn prompt_inputs(node: &Node, side: Side) -> Vec<&str> {
    let is_conditioning_link = |name: &str| {
        matches!(name, "positive" | "negative")
            && node.input(name).is_some_and(|input| input.as_link().is_some())
    };
    let all = node.inputs().map(|(name, _)| name);
    let all = all.filter(|name| names::is_prompt(name) && !is_conditioning_link(name));
    let (negative, positive): (Vec<&str>, Vec<&str>) =
        all.partition(|name| names::is_negative(name));
    match side {
        Side::Negative if !negative.is_empty() => negative,
        Side::Negative | Side::Positive => positive,
    }
}

/// The inputs whose conditioning comes out at a slot. Nodes that take both sides give them
/// out in the same order.
fn passing(node: &Node, side: Side, slot: u32) -> Vec<&str> {
    let has = |name: &str| node.input(name).is_some_and(|input| input.as_link().is_some());
    if has("positive") && has("negative") {
        return vec![match (slot, side) {
            (0, _) => "positive",
            (1, _) => "negative",
            (_, Side::Positive) => "positive",
            (_, Side::Negative) => "negative",
        }];
    }
    let passes =
        |name: &str| names::is_conditioning(name) || (side == Side::Negative && name == "negative");
    links(node).map(|(name, _)| name).filter(|name| passes(name)).collect()
}

/// Seed, steps and scales, at the sampler or at the node that was made for one of them.
fn walk_settings<'a>(graph: &Graph<'a>, id: &'a NodeId, node: &'a Node, roles: &mut Roles) {
    let mut settle = |owner: &'a NodeId, node: &'a Node| {
        for (name, _) in node.inputs() {
            let Some(role) = names::setting_role(name) else { continue };
            if let Some(written) = values::number(graph, owner, node, name) {
                roles.add(role, written, Some(id));
            }
        }
    };
    settle(id, node);
    for (part, through) in
        [("noise", "noise"), ("guider", "guider"), ("sigmas", "sigmas"), ("sampler", "sampler")]
    {
        let Some(output) = node.input(part).and_then(Input::as_link) else { continue };
        graph.upstream([output], |owner, node, _| {
            settle(owner, node);
            let passes = |name: &str| name.starts_with(through) || names::is_choice(name);
            links(node).map(|(name, _)| name).filter(|name| passes(name)).collect()
        });
    }
}

/// From a latent back to the node that gave it its size, and no further.
fn walk_latent<'a>(graph: &Graph<'a>, from: Output<'a>, user: &NodeId, roles: &mut Roles) {
    graph.upstream([from], |id, node, _| {
        let shape: Vec<(Role, Written<'_>)> = shape_of(graph, id, node).collect();
        let sized = shape.iter().any(|(role, _)| {
            matches!(role, Role::Width | Role::Height | Role::Resolution | Role::Duration)
        });
        for (role, written) in shape {
            roles.add(role, written, Some(user));
        }
        if sized {
            return Vec::new();
        }
        links(node).map(|(name, _)| name).filter(|name| names::shapes_latent(name)).collect()
    });
}

/// What a node says of the shape of its result.
pub(super) fn shape_of<'a>(
    graph: &Graph<'a>,
    id: &'a NodeId,
    node: &'a Node,
) -> impl Iterator<Item = (Role, Written<'a>)> {
    node.inputs().filter_map(move |(name, _)| {
        let role = names::shape_role(name)?;
        Some((role, values::number(graph, id, node, name)?))
    })
}

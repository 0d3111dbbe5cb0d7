//! Nodes that are no samplers but are told what to make: services, language models, tools.

use super::{Role, Roles, names, sampling, values, walk::Graph};
use crate::{
    json::Json,
    workflow::{Input, Node},
};

/// Finds what is left when samplers have been walked from. The nodes nearest to the results
/// come first: what they are told is what the user wants.
pub(super) fn find(graph: &Graph<'_>, roles: &mut Roles) {
    let nodes: Vec<_> = graph.sources_first().into_iter().rev().collect();
    for &(id, node) in &nodes {
        for (name, input) in node.inputs() {
            if is_told(name, input) {
                let role = if names::is_negative(name) {
                    Role::NegativePrompt
                } else {
                    Role::PositivePrompt
                };
                for text in values::texts(graph, id, node, name) {
                    roles.add(role, text, Some(id));
                }
            }
            if names::is_seed(name)
                && let Some(seed) = values::number(graph, id, node, name)
                && matches!(seed.value, Json::Number(_))
            {
                roles.add(Role::Seed, seed, Some(id));
            }
            if matches!(names::last_part(name), "fps" | "frame_rate")
                && let Some(rate) = values::number(graph, id, node, name)
            {
                roles.add(Role::FrameRate, rate, None);
            }
        }
        if is_service(node) {
            for (name, _) in node.inputs() {
                if let Some(role) = names::setting_role(name)
                    && let Some(written) = values::number(graph, id, node, name)
                {
                    roles.add(role, written, Some(id));
                }
            }
            for (role, written) in sampling::shape_of(graph, id, node) {
                roles.add(role, written, Some(id));
            }
        }
    }
    if roles.has(Role::Width) || roles.has(Role::Resolution) {
        return;
    }
    for &(id, node) in &nodes {
        for (role, written) in sampling::shape_of(graph, id, node) {
            roles.add(role, written, None);
        }
    }
}

/// Whether an input is an instruction. Text that is only shown or written to a file is linked
/// under the same name, so `text` counts where it is written.
fn is_told(name: &str, input: &Input) -> bool {
    match (names::last_part(name), input) {
        ("text" | "tags" | "caption" | "positive" | "negative", Input::Link { .. }) => false,
        _ => names::is_prompt(name),
    }
}

fn is_service(node: &Node) -> bool {
    node.inputs().any(|(name, input)| {
        is_told(name, input)
            || names::is_seed(name)
            || (name == "model" && input.as_literal().is_some_and(|model| model.as_str().is_some()))
    })
}

/// Whether an input names a model of a service.
pub(super) fn names_service_model(name: &str, value: &str) -> bool {
    matches!(
        names::last_part(name),
        "model" | "model_name" | "model_version" | "upscaler_model" | "model_id"
    ) && !names::is_model_file(value)
}

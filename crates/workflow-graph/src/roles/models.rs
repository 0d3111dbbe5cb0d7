//! Files that a workflow reads and writes.

use super::{ModelKind, Role, Roles, names, services, values, walk::Graph};
use crate::{json::Json, workflow::Node};

pub(super) fn find(graph: &Graph<'_>, roles: &mut Roles) {
    for (id, node) in graph.sources_first() {
        for (name, _) in node.inputs() {
            let Some(written) = values::literal(id, node, name) else { continue };
            if let Json::String(value) = written.value
                && let Some(role) = role(node, name, value)
            {
                roles.add(role, written, None);
            }
        }
    }
}

fn role(node: &Node, name: &str, value: &str) -> Option<Role> {
    if let Some(kind) = names::model_kind(name) {
        return Some(Role::Model(narrowed(kind, node)));
    }
    if names::is_model_file(value) {
        return Some(Role::Model(kind_by_class(node)));
    }
    if services::names_service_model(name, value) {
        return Some(Role::Model(ModelKind::Service));
    }
    let class = node.class_type().as_str();
    let loads = class.contains("Load");
    Some(match name {
        "filename_prefix" => Role::OutputName,
        "image" if loads => Role::Image,
        "video" if loads => Role::Video,
        "audio" if loads => Role::Audio,
        "file" if loads && class.contains("Video") => Role::Video,
        "file" if loads && class.contains("Audio") => Role::Audio,
        "model_file" if loads => Role::Mesh,
        _ => return None,
    })
}

/// `clip_name` names text encoders and image encoders alike.
fn narrowed(kind: ModelKind, node: &Node) -> ModelKind {
    let class = node.class_type().as_str();
    let is = |wanted, part: &str| kind == wanted && class.contains(part);
    if is(ModelKind::TextEncoder, "Vision") {
        ModelKind::ClipVision
    } else if is(ModelKind::Checkpoint, "VAE") {
        ModelKind::Vae
    } else if is(ModelKind::Checkpoint, "TextEncoder") {
        ModelKind::TextEncoder
    } else {
        kind
    }
}

fn kind_by_class(node: &Node) -> ModelKind {
    let class = node.class_type().as_str();
    let kinds = [
        ("ControlNet", ModelKind::ControlNet),
        ("CLIPVision", ModelKind::ClipVision),
        ("Upscale", ModelKind::Upscaler),
        ("Lora", ModelKind::Lora),
        ("LoRA", ModelKind::Lora),
        ("VAE", ModelKind::Vae),
        ("CLIP", ModelKind::TextEncoder),
        ("TextEncoder", ModelKind::TextEncoder),
        ("Checkpoint", ModelKind::Checkpoint),
        ("UNET", ModelKind::Diffusion),
        ("Unet", ModelKind::Diffusion),
        ("Diffusion", ModelKind::Diffusion),
    ];
    kinds
        .into_iter()
        .find(|(part, _)| class.contains(part))
        .map_or(ModelKind::Other, |(_, kind)| kind)
}

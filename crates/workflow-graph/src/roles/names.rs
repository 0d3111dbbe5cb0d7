//! What the names of inputs say. Every list holds names that ComfyUI's own nodes use for the
//! purpose, and those that common packs use.

use super::{ModelKind, Role};

/// The last part of a name: the members of a dynamic input are `model.prompt`, `values.a`.
pub(super) fn last_part(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// Text that conditions: what a text encoder or a service is told.
pub(super) fn is_prompt(name: &str) -> bool {
    matches!(
        last_part(name),
        "text"
            | "prompt"
            | "prompt_text"
            | "text_prompt"
            | "positive_prompt"
            | "positive"
            | "negative_prompt"
            | "negative_text"
            | "negative"
            | "text_positive"
            | "text_negative"
            | "text_g"
            | "text_l"
            | "clip_l"
            | "clip_g"
            | "t5xxl"
            | "llama"
            | "bert"
            | "mt5xl"
            | "tags"
            | "lyrics"
            | "caption"
            | "instruction"
            | "texture_prompt"
            | "user_prompt"
            | "edit_prompt"
    )
}

pub(super) fn is_negative(name: &str) -> bool {
    last_part(name).contains("negative")
}

/// Text on its way to a prompt: the inputs of nodes that hold, join, change or write text.
pub(super) fn carries_text(name: &str) -> bool {
    let name = last_part(name);
    is_prompt(name)
        || is_choice(name)
        || matches!(name, "value" | "string" | "json_string" | "source")
        || name.starts_with("string_")
        || name.starts_with("text")
}

/// The inputs of switches and reroutes, where any kind of value passes.
pub(super) fn is_choice(name: &str) -> bool {
    let name = last_part(name);
    matches!(name, "" | "on_true" | "on_false" | "input" | "any" | "anything" | "value" | "*")
        || ["input", "any", "value"].iter().any(|start| {
            name.strip_prefix(start)
                .is_some_and(|rest| rest.trim_start_matches('_').parse::<u16>().is_ok())
        })
}

pub(super) fn is_seed(name: &str) -> bool {
    let name = last_part(name);
    name.eq_ignore_ascii_case("seed") || name.ends_with("_seed")
}

pub(super) fn is_conditioning(name: &str) -> bool {
    let name = last_part(name);
    name == "positive" || name.starts_with("cond") || is_choice(name)
}

/// Where a latent comes from, back to the node that gave it its size.
pub(super) fn shapes_latent(name: &str) -> bool {
    let name = last_part(name);
    !matches!(
        name,
        "model"
            | "clip"
            | "vae"
            | "audio_vae"
            | "positive"
            | "negative"
            | "guider"
            | "sigmas"
            | "sampler"
            | "noise"
            | "clip_vision_output"
            | "upscale_model"
            | "control_net"
            | "mask"
            | "bypass"
    ) && !name.starts_with("cond")
}

/// The role of a setting of sampling by the name of its input.
pub(super) fn setting_role(name: &str) -> Option<Role> {
    Some(match last_part(name) {
        "steps" => Role::Steps,
        "cfg" | "cfg_conds" | "cfg_cond2_negative" | "cfg_scale" => Role::Cfg,
        "guidance" | "guidance_scale" => Role::Guidance,
        "denoise" => Role::Denoise,
        "sampler_name" => Role::Sampler,
        "scheduler" => Role::Scheduler,
        other if is_seed(other) => Role::Seed,
        _ => return None,
    })
}

/// The role of a number or a choice by the name of its input, where the name alone tells.
pub(super) fn shape_role(name: &str) -> Option<Role> {
    Some(match last_part(name) {
        "width" | "custom_width" | "empty_latent_width" | "output_width" | "target_width" => {
            Role::Width
        }
        "height" | "custom_height" | "empty_latent_height" | "output_height" | "target_height" => {
            Role::Height
        }
        "megapixels"
        | "resolution"
        | "aspect_ratio"
        | "ratio"
        | "size"
        | "size_preset"
        | "longer_edge"
        | "largest_size"
        | "image_size"
        | "shorter_size"
        | "longer_size"
        | "target_resolution"
        | "output_resolution"
        | "upscaler_resolution"
        | "video_resolution"
        | "resolution_preset"
        | "scale_by"
        | "multiplier"
        | "upscale_factor"
        | "scale_factor"
        | "scale"
        | "target_megapixels" => Role::Resolution,
        "length" | "frames" | "num_frames" | "frames_number" | "video_frames" | "frame_count"
        | "video_length" => Role::Frames,
        "seconds" | "duration" | "duration_seconds" | "seconds_total" | "duration_s" => {
            Role::Duration
        }
        "fps" | "frame_rate" => Role::FrameRate,
        "batch_size" | "number_of_images" | "num_images" => Role::BatchSize,
        _ => return None,
    })
}

/// The kind of model that an input names, where its name tells.
pub(super) fn model_kind(name: &str) -> Option<ModelKind> {
    let name = last_part(name);
    Some(match name {
        "ckpt_name" | "checkpoint" | "checkpoint_name" => ModelKind::Checkpoint,
        "unet_name" | "diffusion_model" | "diffusion_model_name" | "unet" => ModelKind::Diffusion,
        "text_encoder" | "text_encoder_name" => ModelKind::TextEncoder,
        "vae_name" => ModelKind::Vae,
        "control_net_name" | "controlnet_name" => ModelKind::ControlNet,
        "clip_vision_name" | "clip_vision" => ModelKind::ClipVision,
        "upscale_model" | "upscale_model_name" => ModelKind::Upscaler,
        _ if name.starts_with("clip_name") => ModelKind::TextEncoder,
        _ if name.starts_with("lora") && !name.contains("strength") => ModelKind::Lora,
        _ => return None,
    })
}

/// Whether a value is the name of a file of weights.
pub(super) fn is_model_file(value: &str) -> bool {
    let extension = value.rsplit_once('.').map(|(_, extension)| extension);
    let known = ["safetensors", "sft", "ckpt", "pt", "pt2", "pth", "bin", "pkl", "gguf", "onnx"];
    extension.is_some_and(|found| known.iter().any(|known| known.eq_ignore_ascii_case(found)))
}

//! What the server says of itself, of its nodes and of its models.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::{blocking, empty, reply};
use crate::server::{self, Server};

/// The renamed classes of ComfyUI 0.33.0, as its `/node_replacements` gives them.
pub(super) const NODE_REPLACEMENTS: &str = include_str!("../../data/node_replacements.json");

/// The model folders in the order of the real server, with the input that lists the files of each.
const MODEL_FOLDERS: &[(&str, Option<(&str, &str)>)] = &[
    ("checkpoints", Some(("CheckpointLoaderSimple", "ckpt_name"))),
    ("configs", Some(("CheckpointLoader", "config_name"))),
    ("loras", Some(("LoraLoader", "lora_name"))),
    ("vae", Some(("VAELoader", "vae_name"))),
    ("text_encoders", Some(("CLIPLoader", "clip_name"))),
    ("diffusion_models", Some(("UNETLoader", "unet_name"))),
    ("clip_vision", Some(("CLIPVisionLoader", "clip_name"))),
    ("style_models", Some(("StyleModelLoader", "style_model_name"))),
    ("embeddings", None),
    ("diffusers", None),
    ("vae_approx", None),
    ("controlnet", Some(("ControlNetLoader", "control_net_name"))),
    ("gligen", Some(("GLIGENLoader", "gligen_name"))),
    ("upscale_models", Some(("UpscaleModelLoader", "model_name"))),
    ("latent_upscale_models", Some(("LatentUpscaleModelLoader", "model_name"))),
    ("custom_nodes", None),
    ("datasets", None),
    ("hypernetworks", Some(("HypernetworkLoader", "hypernetwork_name"))),
    ("photomaker", Some(("PhotoMakerLoader", "photomaker_model_name"))),
    ("classifiers", None),
    ("model_patches", Some(("ModelPatchLoader", "name"))),
    ("audio_encoders", Some(("AudioEncoderLoader", "audio_encoder_name"))),
    ("background_removal", Some(("LoadBackgroundRemovalModel", "bg_removal_name"))),
    ("frame_interpolation", None),
    ("geometry_estimation", None),
    ("optical_flow", None),
    ("detection", None),
];

/// Names that a VAE loader offers although no file stands behind them.
const VAE_WITHOUT_FILE: &[&str] = &["pixel_space", "taesd", "taesdxl", "taesd3", "taef1"];

pub(super) async fn object_info(State(server): State<Arc<Server>>) -> Response {
    blocking(move || reply::json(&Value::Object(server.catalog.object_info(&server.folders)))).await
}

pub(super) async fn object_info_of(
    State(server): State<Arc<Server>>,
    Path(class): Path<String>,
) -> Response {
    blocking(move || {
        reply::json(&Value::Object(server.catalog.object_info_of(&class, &server.folders)))
    })
    .await
}

pub(super) async fn model_folders() -> Response {
    let names: Vec<&str> = MODEL_FOLDERS.iter().map(|(name, _)| *name).collect();
    reply::json(&json!(names))
}

pub(super) async fn models(
    State(server): State<Arc<Server>>,
    Path(folder): Path<String>,
) -> Response {
    let Some(names) = models_of(&server, &folder) else { return empty(StatusCode::NOT_FOUND) };
    reply::json(&Value::Array(names))
}

fn models_of(server: &Server, folder: &str) -> Option<Vec<Value>> {
    let (_, listed) = MODEL_FOLDERS.iter().find(|(name, _)| *name == folder)?;
    let mut names =
        listed.map(|(class, input)| server.catalog.choices(class, input)).unwrap_or_default();
    names.retain(|name| !name.as_str().is_some_and(|name| VAE_WITHOUT_FILE.contains(&name)));
    Some(names)
}

/// The same with what is known of the files: there are none, and so they were never changed, and are empty unless a
/// test has said otherwise.
pub(super) async fn models_in_detail(
    State(server): State<Arc<Server>>,
    Path(folder): Path<String>,
) -> Response {
    let Some(names) = models_of(&server, &folder) else { return empty(StatusCode::NOT_FOUND) };
    let size = server.options.model_bytes;
    let detail = |name: Value| json!({"name": name, "pathIndex": 0, "modified": 0.0, "created": 0.0, "size": size});
    reply::json(&names.into_iter().map(detail).collect())
}

pub(super) async fn embeddings() -> Response {
    reply::json(&json!([]))
}

pub(super) async fn extensions() -> Response {
    reply::json(&json!([]))
}

pub(super) async fn features(State(server): State<Arc<Server>>) -> Response {
    reply::json(&server::features(&server.options))
}

pub(super) async fn node_replacements() -> Response {
    reply::with_body(StatusCode::OK, "application/json; charset=utf-8", NODE_REPLACEMENTS)
}

/// There are no model files here, and so no metadata in them.
pub(super) async fn view_metadata() -> Response {
    empty(StatusCode::NOT_FOUND)
}

pub(super) async fn users() -> Response {
    reply::json(&json!({"storage": "server", "migrated": true}))
}

pub(super) async fn settings() -> Response {
    reply::json(&json!({}))
}

/// Translations come with custom nodes, of which there are none.
pub(super) async fn none_of_these() -> Response {
    reply::json(&json!({}))
}

/// No user files are kept.
pub(super) async fn userdata(Query(query): Query<HashMap<String, String>>) -> Response {
    if query.get("dir").is_none_or(String::is_empty) {
        return reply::text(StatusCode::BAD_REQUEST, "Directory not provided");
    }
    reply::text(StatusCode::NOT_FOUND, "Directory not found")
}

pub(super) async fn assets() -> Response {
    let message =
        "Assets system is disabled. Start the server with --enable-assets to use this feature.";
    let error = json!({"error": {"code": "SERVICE_DISABLED", "message": message, "details": {}}});
    reply::json_with(StatusCode::SERVICE_UNAVAILABLE, &error)
}

/// The shape of the real server, and the truth about this one: no Python, no `torch`, no device.
pub(super) async fn system_stats(State(server): State<Arc<Server>>) -> Response {
    let memory = server.memory.ask();
    let package =
        |name: &str, version: &str| json!({"name": name, "installed": null, "required": version});
    let system = json!({
        "os": std::env::consts::OS,
        "ram_total": 0,
        "ram_free": 0,
        "comfyui_version": "0.33.0",
        "required_frontend_version": "1.49.6",
        "installed_templates_version": null,
        "required_templates_version": "0.11.44",
        "comfy_package_versions": [
            package("comfyui-frontend-package", "1.49.6"),
            package("comfyui-workflow-templates", "0.11.44"),
            package("comfyui-embedded-docs", "0.5.10"),
            package("comfy-kitchen", "0.2.31"),
            package("comfy-aimdo", "0.4.13"),
        ],
        "python_version": "none (comfy-sim)",
        "pytorch_version": "none (comfy-sim)",
        "embedded_python": false,
        "deploy_environment": "comfy-sim",
        "argv": ["comfy-sim"],
    });
    let device = json!({
        "name": "comfy-sim (no device)",
        "type": memory.kind,
        "index": (memory.kind != "cpu").then_some(0),
        "vram_total": memory.total_bytes,
        "vram_free": memory.total_bytes.saturating_sub(memory.used_bytes),
        "torch_vram_total": memory.torch_bytes,
        "torch_vram_free": 0,
    });
    reply::json(&json!({"system": system, "devices": [device]}))
}

//! What models need, and whether it fits.

use std::sync::LazyLock;

use model_registry::{
    Registry,
    memory::{Device, Estimate, Report, StageKind, StageMemory, WeightFiles},
};
use workflow_graph::{Json, Workflow};

mod admission;
mod devices;
mod headers;
mod properties;
mod table;
mod variants;
mod workflows;
mod workloads;

const GIB: u64 = 1 << 30;

/// The registry of the repository's data, read once for all of these tests.
static REGISTRY: LazyLock<Registry> = LazyLock::new(crate::registry);

fn registry() -> &'static Registry {
    &REGISTRY
}

/// A card of the Ada generation with so much memory, all of it free.
fn card(bytes: u64) -> Device {
    device("linux", "cuda:0 NVIDIA GeForce RTX 4090 : cudaMallocAsync", bytes, &["main.py"])
}

fn device(os: &str, name: &str, bytes: u64, argv: &[&str]) -> Device {
    let kind = name.split([':', ' ']).next().unwrap();
    let bytes = real(bytes);
    let report = Report { vram_total: bytes, vram_free: bytes, ..Report::new(os, kind, name) };
    Device::new(&report, argv).unwrap()
}

/// Bytes as a server tells them. Those in tests are far below 2^53.
fn real(bytes: u64) -> f64 {
    let [high, low] = [bytes >> 32, bytes & 0xffff_ffff].map(|half| u32::try_from(half).unwrap());
    f64::from(high) * 4_294_967_296.0 + f64::from(low)
}

fn workflow(text: &str) -> Workflow {
    Workflow::from_json(&Json::parse(text.as_bytes()).unwrap()).unwrap()
}

fn estimate(registry: &Registry, text: &str, device: &Device, files: &WeightFiles) -> Estimate {
    registry.estimate(&workflow(text), device, files)
}

fn stage(estimate: &Estimate, kind: StageKind) -> &StageMemory {
    estimate.stages.iter().find(|stage| stage.kind == kind).unwrap()
}

/// FLUX.1 schnell's parts as files of their own, as their makers publish them.
fn flux_files() -> WeightFiles {
    let mut files = WeightFiles::default();
    files.insert("diffusion_models", "flux1-dev.safetensors", 23_802_932_552);
    files.insert("text_encoders", "clip_l.safetensors", 246_144_152);
    files.insert("text_encoders", "t5xxl_fp16.safetensors", 9_787_841_024);
    files.insert("vae", "ae.safetensors", 335_304_388);
    files
}

/// FLUX.1 [dev] at a size, as the node graph of everybody.
fn flux(width: u64, height: u64, batch: u64) -> String {
    format!(
        r#"{{
        "1": {{"class_type": "UNETLoader", "inputs": {{"unet_name": "flux1-dev.safetensors", "weight_dtype": "default"}}}},
        "2": {{"class_type": "DualCLIPLoader", "inputs": {{"clip_name1": "clip_l.safetensors", "clip_name2": "t5xxl_fp16.safetensors", "type": "flux"}}}},
        "3": {{"class_type": "VAELoader", "inputs": {{"vae_name": "ae.safetensors"}}}},
        "4": {{"class_type": "CLIPTextEncode", "inputs": {{"text": "a fox", "clip": ["2", 0]}}}},
        "5": {{"class_type": "EmptySD3LatentImage", "inputs": {{"width": {width}, "height": {height}, "batch_size": {batch}}}}},
        "6": {{"class_type": "KSampler", "inputs": {{"model": ["1", 0], "positive": ["4", 0], "negative": ["4", 0], "latent_image": ["5", 0], "seed": 1, "steps": 20, "cfg": 1.0, "sampler_name": "euler", "scheduler": "simple", "denoise": 1.0}}}},
        "7": {{"class_type": "VAEDecode", "inputs": {{"samples": ["6", 0], "vae": ["3", 0]}}}},
        "8": {{"class_type": "SaveImage", "inputs": {{"images": ["7", 0], "filename_prefix": "fox"}}}}
    }}"#
    )
}

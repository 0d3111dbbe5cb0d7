//! What jobs are compared by.

use super::{registry, workflow};

/// A workflow of Stable Diffusion XL, whose latent comes from node 3.
fn sdxl(latent: &str) -> String {
    format!(
        r#"{{"1": {{"class_type": "CheckpointLoaderSimple", "inputs": {{"ckpt_name": "xl/sd_xl_base_1.0.safetensors"}}}},
            "2": {{"class_type": "CLIPTextEncode", "inputs": {{"text": "a fox", "clip": ["1", 1]}}}},
            {latent},
            "4": {{"class_type": "KSampler", "inputs": {{"seed": 7, "steps": 20, "cfg": 7.0, "sampler_name": "euler",
                "scheduler": "simple", "denoise": 1.0, "model": ["1", 0], "positive": ["2", 0], "negative": ["2", 0], "latent_image": ["3", 0]}}}},
            "5": {{"class_type": "VAEDecode", "inputs": {{"samples": ["4", 0], "vae": ["1", 2]}}}},
            "6": {{"class_type": "SaveImage", "inputs": {{"images": ["5", 0], "filename_prefix": "t"}}}}}}"#
    )
}

fn empty_latent(width: u32) -> String {
    format!(
        r#""3": {{"class_type": "EmptyLatentImage", "inputs": {{"width": {width}, "height": 1024, "batch_size": 2}}}}"#
    )
}

fn told(text: &str) -> String {
    registry().workload(&workflow(text)).to_string()
}

#[test]
fn files_and_latents_make_a_workload_and_seeds_do_not() {
    let text = sdxl(&empty_latent(1024));
    assert_eq!(told(&text), "checkpoints/xl/sd_xl_base_1.0.safetensors at [2, 4, 128, 128]");
    assert_eq!(told(&text.replace("\"seed\": 7", "\"seed\": 8")), told(&text));
    assert_ne!(told(&sdxl(&empty_latent(512))), told(&text));
    let tiled = text.replace(
        r#""VAEDecode", "inputs": {"#,
        r#""VAEDecodeTiled", "inputs": {"tile_size": 512, "#,
    );
    assert!(
        told(&tiled).ends_with(" at [2, 4, 128, 128]; in tiles of 512 pixels"),
        "{}",
        told(&tiled)
    );
}

#[test]
fn what_a_picture_decides_has_no_size() {
    let read = r#""7": {"class_type": "LoadImage", "inputs": {"image": "a.png"}},
        "3": {"class_type": "VAEEncode", "inputs": {"pixels": ["7", 0], "vae": ["1", 2]}}"#;
    let workload = registry().workload(&workflow(&sdxl(read)));
    assert_eq!((workload.files.len(), workload.sizes), (1, None));
}

#[test]
fn weights_of_another_type_are_another_workload_and_loras_are_files() {
    let text = r#"{"1": {"class_type": "UNETLoader", "inputs": {"unet_name": "flux1-dev.safetensors", "weight_dtype": "fp8_e4m3fn"}},
        "2": {"class_type": "LoraLoaderModelOnly", "inputs": {"model": ["1", 0], "lora_name": "fox.safetensors", "strength_model": 1.0}},
        "3": {"class_type": "EmptySD3LatentImage", "inputs": {"width": 1024, "height": 1024, "batch_size": 1}},
        "4": {"class_type": "KSampler", "inputs": {"model": ["2", 0], "positive": ["9", 0], "negative": ["9", 0], "latent_image": ["3", 0], "seed": 1}}}"#;
    let workload = registry().workload(&workflow(text));
    assert_eq!(workload.files, ["diffusion_models/flux1-dev.safetensors", "loras/fox.safetensors"]);
    assert_eq!(workload.sizes.as_deref(), Some("[1, 16, 128, 128]; weights as f8"));
}

#[test]
fn what_loads_nothing_and_what_nobody_knows() {
    let none = r#"{"1": {"class_type": "PreviewAny", "inputs": {"source": "a fox"}}}"#;
    assert_eq!(told(none), "");
    let text = sdxl(&empty_latent(1024)).replace("sd_xl_base_1.0", "nobody-knows-this");
    assert_eq!(told(&text), "checkpoints/xl/nobody-knows-this.safetensors at 1024x1024, 2 at once");
}

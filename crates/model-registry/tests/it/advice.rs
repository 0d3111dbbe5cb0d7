//! Advice on workflows, by the repository's data.

use model_registry::Rule;
use workflow_graph::{Json, Workflow};

use crate::registry;

#[track_caller]
fn check(workflow: &str, expected: &[(Rule, &str, &str)]) {
    let workflow = Workflow::from_json(&Json::parse(workflow.as_bytes()).unwrap()).unwrap();
    let advice = registry().advise(&workflow);
    let told: Vec<_> =
        advice.iter().map(|one| (one.rule, one.node.as_str(), one.message.as_str())).collect();
    assert_eq!(told, expected);
}

/// A text-to-image graph of Z-Image-Turbo with the values that matter.
fn z_image(width: u32, cfg: &str, encoder: &str) -> String {
    format!(
        r#"{{
        "1": {{"class_type": "UNETLoader", "inputs": {{"unet_name": "z_image_turbo_bf16.safetensors"}}}},
        "2": {{"class_type": "CLIPLoader", "inputs": {{"clip_name": "qwen_3_4b.safetensors", "type": "{encoder}"}}}},
        "3": {{"class_type": "CLIPTextEncode", "inputs": {{"text": "a fox", "clip": ["2", 0]}}}},
        "4": {{"class_type": "EmptySD3LatentImage", "inputs": {{"width": {width}, "height": 1024, "batch_size": 1}}}},
        "5": {{"class_type": "KSampler", "inputs": {{"model": ["1", 0], "positive": ["3", 0],
              "negative": ["3", 0], "latent_image": ["4", 0], "cfg": {cfg}, "steps": 8, "seed": 1}}}}
    }}"#
    )
}

#[test]
fn an_official_graph_gets_none() {
    check(&z_image(1024, "1", "lumina2"), &[]);
    check(&z_image(1024, "1.0", "lumina2"), &[]);
}

#[test]
fn a_size_that_is_no_multiple() {
    check(
        &z_image(1000, "1", "lumina2"),
        &[(
            Rule::Size,
            "4",
            "1000 pixels: Z-Image-Turbo takes multiples of 16 from 16 to 16384, such as 992 (nodes)",
        )],
    );
}

#[test]
fn guidance_for_a_model_that_is_run_without() {
    check(
        &z_image(1024, "3.5", "lumina2"),
        &[(
            Rule::Cfg,
            "5",
            "cfg 3.5: these files of Z-Image-Turbo are run at cfg 1 by the official template \
             image_z_image_turbo; more costs twice the time, and a negative prompt has an effect \
             only then",
        )],
    );
}

#[test]
fn an_encoder_loaded_for_another_model() {
    check(
        &z_image(1024, "1", "flux2"),
        &[(
            Rule::EncoderType,
            "2",
            "the text encoder is loaded for `flux2`; Z-Image-Turbo takes `lumina2`",
        )],
    );
}

#[test]
fn frames_that_the_latent_does_not_have() {
    let workflow = r#"{
        "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "ltx-2-19b-dev-fp8.safetensors"}},
        "3": {"class_type": "CLIPTextEncode", "inputs": {"text": "a fox", "clip": ["1", 1]}},
        "4": {"class_type": "EmptyLTXVLatentVideo", "inputs": {"width": 1280, "height": 704, "length": 120, "batch_size": 1}},
        "5": {"class_type": "KSampler", "inputs": {"model": ["1", 0], "positive": ["3", 0],
              "negative": ["3", 0], "latent_image": ["4", 0], "cfg": 4, "steps": 20, "seed": 1}}
    }"#;
    check(
        workflow,
        &[(
            Rule::Frames,
            "4",
            "120 frames: LTX-2 19B (video+audio) makes 8n+1 frames, such as 121 (nodes)",
        )],
    );
}

#[test]
fn a_lora_of_a_model_that_is_built_differently() {
    let workflow = r#"{
        "1": {"class_type": "UNETLoader", "inputs": {"unet_name": "z_image_turbo_bf16.safetensors"}},
        "2": {"class_type": "LoraLoaderModelOnly", "inputs": {"model": ["1", 0], "strength_model": 1,
              "lora_name": "Qwen-Image-Edit-2509-Lightning-4steps-V1.0-bf16.safetensors"}}
    }"#;
    check(
        workflow,
        &[(
            Rule::Lora,
            "2",
            "the LoRA `Qwen-Image-Edit-2509-Lightning-4steps-V1.0-bf16.safetensors` is one of \
             Qwen-Image-Edit 2509, which is built differently from Z-Image-Turbo",
        )],
    );
}

#[test]
fn models_that_nobody_knows_or_of_two_families_get_none() {
    check(&z_image(1000, "7", "sd3").replace("z_image_turbo_bf16", "my_own_merge"), &[]);
    let two = r#"{
        "1": {"class_type": "UNETLoader", "inputs": {"unet_name": "z_image_turbo_bf16.safetensors"}},
        "2": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd_xl_base_1.0.safetensors"}},
        "4": {"class_type": "EmptyLatentImage", "inputs": {"width": 1001, "height": 1024, "batch_size": 1}}
    }"#;
    check(two, &[]);
}

//! Workflows walked: which models, how large, with what besides.

use model_registry::memory::{Basis, LatentShape, StageKind, Verdict, WeightFiles};
use workflow_graph::Workflow;

use super::{GIB, card, estimate, flux, flux_files, registry, stage};

#[test]
fn a_whole_estimate() {
    let estimate = estimate(registry(), &flux(1024, 1024, 1), &card(16 * GIB), &flux_files());
    insta::assert_debug_snapshot!("flux_on_16_gib", estimate);
}

#[test]
fn the_latent_is_as_large_as_the_workflow_says() {
    let registry = registry();
    let latent = |text: &str| {
        let estimate = estimate(registry, text, &card(24 * GIB), &flux_files());
        stage(&estimate, StageKind::Sampling).latent.clone().unwrap()
    };
    assert_eq!(latent(&flux(1344, 768, 3)), LatentShape::new(3, 16, [96, 168]));
    // Numbers that stand in nodes of their own.
    let linked = flux(1344, 768, 1).replace(r#""width": 1344"#, r#""width": ["20", 0]"#).replace(
        r#""8": {"#,
        r#""20": {"class_type": "PrimitiveInt", "inputs": {"value": 512}}, "8": {"#,
    );
    assert_eq!(latent(&linked), LatentShape::new(1, 16, [96, 64]));
    // Enlarged on the way.
    let larger = flux(1024, 1024, 1).replace(r#""latent_image": ["5", 0]"#, r#""latent_image": ["21", 0]"#).replace(
        r#""8": {"#,
        r#""21": {"class_type": "LatentUpscaleBy", "inputs": {"samples": ["5", 0], "upscale_method": "bilinear", "scale_by": 1.5}}, "8": {"#,
    );
    assert_eq!(latent(&larger), LatentShape::new(1, 16, [192, 192]));
    // A size that is chosen by its area.
    let area = flux(1024, 1024, 1)
        .replace(r#""width": 1024"#, r#""width": ["22", 0]"#)
        .replace(r#""height": 1024"#, r#""height": ["22", 1]"#)
        .replace(
            r#""8": {"#,
            r#""22": {"class_type": "ResolutionSelector", "inputs": {"aspect_ratio": "16:9", "megapixels": 4.0}}, "8": {"#,
        );
    assert_eq!(latent(&area), LatentShape::new(1, 16, [256, 256]));
}

#[test]
fn a_size_that_is_written_nowhere_is_assumed_aloud() {
    let text = flux(1024, 1024, 1).replace(
        r#""class_type": "EmptySD3LatentImage", "inputs": {"width": 1024, "height": 1024, "batch_size": 1}"#,
        r#""class_type": "VAEEncode", "inputs": {"pixels": ["30", 0], "vae": ["3", 0]}"#,
    );
    let estimate = estimate(registry(), &text, &card(24 * GIB), &flux_files());
    assert_eq!(
        stage(&estimate, StageKind::Sampling).latent,
        Some(LatentShape::new(1, 16, [128, 128]))
    );
    let told = estimate.assumptions.join("\n");
    assert!(told.contains("node 6 makes what the template"), "{told}");
    assert!(told.contains("the picture that node 5 encodes counts as 1024x1024"), "{told}");
}

const WAN: &str = r#"{
    "1": {"class_type": "UNETLoader", "inputs": {"unet_name": "wan2.2_t2v_high_noise_14B_fp8_scaled.safetensors", "weight_dtype": "default"}},
    "2": {"class_type": "UNETLoader", "inputs": {"unet_name": "wan2.2_t2v_low_noise_14B_fp8_scaled.safetensors", "weight_dtype": "default"}},
    "3": {"class_type": "CLIPLoader", "inputs": {"clip_name": "umt5_xxl_fp8_e4m3fn_scaled.safetensors", "type": "wan"}},
    "4": {"class_type": "VAELoader", "inputs": {"vae_name": "wan_2.1_vae.safetensors"}},
    "5": {"class_type": "CLIPTextEncode", "inputs": {"text": "a fox", "clip": ["3", 0]}},
    "6": {"class_type": "EmptyHunyuanLatentVideo", "inputs": {"width": 832, "height": 480, "length": 81, "batch_size": 1}},
    "7": {"class_type": "ModelSamplingSD3", "inputs": {"model": ["1", 0], "shift": 5.0}},
    "8": {"class_type": "KSamplerAdvanced", "inputs": {"model": ["7", 0], "positive": ["5", 0], "negative": ["5", 0], "latent_image": ["6", 0], "noise_seed": 1, "steps": 20, "cfg": 3.5}},
    "9": {"class_type": "KSamplerAdvanced", "inputs": {"model": ["2", 0], "positive": ["5", 0], "negative": ["5", 0], "latent_image": ["8", 0], "noise_seed": 1, "steps": 20, "cfg": 3.5}},
    "10": {"class_type": "VAEDecode", "inputs": {"samples": ["9", 0], "vae": ["4", 0]}}
}"#;

#[test]
fn two_samplers_of_one_video_are_two_stages() {
    let estimate = estimate(registry(), WAN, &card(24 * GIB), &WeightFiles::default());
    let sampling: Vec<_> =
        estimate.stages.iter().filter(|stage| stage.kind == StageKind::Sampling).collect();
    let files: Vec<_> = sampling.iter().map(|stage| stage.models[0].file.as_str()).collect();
    assert_eq!(
        files,
        [
            "wan2.2_t2v_high_noise_14B_fp8_scaled.safetensors",
            "wan2.2_t2v_low_noise_14B_fp8_scaled.safetensors"
        ]
    );
    for stage in sampling {
        assert_eq!(stage.latent, Some(LatentShape::new(1, 16, [21, 60, 104])));
        assert_eq!(stage.activations.unwrap().minimum >> 20, 6038);
        assert_eq!(stage.models[0].basis, Basis::Data);
    }
    let decoding = stage(&estimate, StageKind::VaeDecode);
    assert_eq!(decoding.activations.unwrap().minimum, 7000 * 60 * 104 * 64 * 2);
    let encoder = &stage(&estimate, StageKind::TextEncoding).models[0];
    assert_eq!((encoder.basis, encoder.bytes), (Basis::Data, Some(6_730_000_000)));
}

#[test]
fn what_a_template_downloads_bounds_what_nobody_has_weighed() {
    let registry = registry();
    let family = registry.family("qwen-image").unwrap();
    let (device, files) = (card(24 * GIB), WeightFiles::default());
    let estimate = registry.estimate_variant(family, &family.variants[0], &device, &files);
    let encoder = &stage(&estimate, StageKind::TextEncoding).models[0];
    assert_eq!(encoder.basis, Basis::DownloadTotal);
    let told = estimate.assumptions.join("\n");
    assert!(told.contains("`qwen_2.5_vl_7b_fp8_scaled.safetensors` is "), "{told}");
    assert!(told.contains("at most, what its official template is to download"), "{told}");
}

#[test]
fn what_a_program_wrote_is_read_in_linear_time() {
    let loader =
        r#"{"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "a.safetensors"}}"#;
    let sampler = |at: usize| {
        format!(
            r#"{{"class_type": "KSampler", "inputs": {{"model": ["{}", 0], "positive": ["{}", 0], "latent_image": ["{}", 0], "seed": 1}}}}"#,
            at,
            at + 1,
            at + 2
        )
    };
    let nodes: Vec<_> = (0..20_000)
        .map(|at| {
            format!(r#""{at}": {}"#, if at % 2 == 0 { loader.to_owned() } else { sampler(at) })
        })
        .collect();
    let text = format!("{{{}}}", nodes.join(","));
    let estimate = estimate(registry(), &text, &card(24 * GIB), &WeightFiles::default());
    assert!(estimate.stages.len() <= 256);
}

#[test]
fn frames_and_size_that_fit_are_computed() {
    let small = estimate(registry(), WAN, &card(5 * GIB), &WeightFiles::default());
    assert_eq!(small.verdict(), Verdict::Fails);
    let told: Vec<_> = small.suggestions.iter().map(|one| one.told.as_str()).collect();
    insta::assert_debug_snapshot!("what_helps_wan_on_5_gib", told);
}

#[test]
fn what_is_suggested_holds_when_it_is_done() {
    let verdict =
        |text: &str| estimate(registry(), text, &card(5 * GIB), &WeightFiles::default()).verdict();
    let frames = |count: u64| WAN.replace(r#""length": 81"#, &format!(r#""length": {count}"#));
    assert_eq!(verdict(&frames(65)), Verdict::Partly);
    assert_eq!(verdict(&frames(69)), Verdict::Fails, "there is no longer one");
    let smaller = WAN.replace(r#""width": 832, "height": 480"#, r#""width": 752, "height": 432"#);
    assert_eq!(verdict(&smaller), Verdict::Partly);
    let fp8 = flux(1024, 1024, 1)
        .replace(r#""weight_dtype": "default""#, r#""weight_dtype": "fp8_e4m3fn""#);
    let estimate = estimate(registry(), &fp8, &card(16 * GIB), &flux_files());
    assert_eq!((estimate.verdict(), estimate.suggestions.len()), (Verdict::Fits, 0));
}

#[test]
fn references_count_where_the_model_counts_them() {
    let text = flux(1024, 1024, 1)
        .replace(r#""positive": ["4", 0]"#, r#""positive": ["40", 0]"#)
        .replace(
            r#""8": {"#,
            r#""40": {"class_type": "ReferenceLatent", "inputs": {"conditioning": ["4", 0], "latent": ["41", 0]}},
               "41": {"class_type": "VAEEncode", "inputs": {"pixels": ["42", 0], "vae": ["3", 0]}},
               "42": {"class_type": "ImageScaleToTotalPixels", "inputs": {"image": ["43", 0], "upscale_method": "area", "megapixels": 1.0}},
               "43": {"class_type": "LoadImage", "inputs": {"image": "a.png"}},
               "8": {"#,
        );
    let estimate = estimate(registry(), &text, &card(24 * GIB), &flux_files());
    let activations = stage(&estimate, StageKind::Sampling).activations.unwrap();
    // Two latents at least; for both prompts at once the reference is there once.
    assert_eq!((activations.minimum >> 20, activations.preferred >> 20), (2031, 3047));
}

#[test]
fn a_controlnet_is_loaded_with_the_model() {
    let mut files = flux_files();
    files.insert("controlnet", "fox_control.safetensors", 4_000_000_000);
    let text = flux(1024, 1024, 1)
        .replace(r#""positive": ["4", 0]"#, r#""positive": ["50", 0]"#)
        .replace(
            r#""8": {"#,
            r#""50": {"class_type": "ControlNetApplyAdvanced", "inputs": {"positive": ["4", 0], "negative": ["4", 0], "control_net": ["51", 0], "image": ["52", 0], "strength": 1.0}},
               "51": {"class_type": "ControlNetLoader", "inputs": {"control_net_name": "fox_control.safetensors"}},
               "52": {"class_type": "LoadImage", "inputs": {"image": "a.png"}},
               "8": {"#,
        );
    let estimate = estimate(registry(), &text, &card(48 * GIB), &files);
    let sampling = stage(&estimate, StageKind::Sampling);
    assert_eq!(sampling.models.len(), 2);
    assert_eq!(sampling.weights, Some(23_802_932_552 + 4_000_000_000));
}

#[test]
fn a_file_of_a_family_with_two_sizes_counts_as_the_larger() {
    let of = |file: &str| {
        let text = WAN.replace("wan2.2_t2v_high_noise_14B_fp8_scaled.safetensors", file);
        let estimate = estimate(registry(), &text, &card(48 * GIB), &WeightFiles::default());
        let sampling = stage(&estimate, StageKind::Sampling);
        let told = estimate.assumptions.iter().any(|told| told.contains("the largest model of"));
        (sampling.activations.unwrap().minimum >> 20, told)
    };
    assert_eq!(of("wan2.1_t2v_1.3B_fp16.safetensors"), (1811, false));
    assert_eq!(of("wan2.1_t2v_14B_Q4_K_M.gguf"), (6038, true));
}

#[test]
fn a_checkpoint_without_header_counts_whole_in_every_stage() {
    let text = r#"{
        "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd_xl_base_1.0.safetensors"}},
        "2": {"class_type": "CLIPTextEncode", "inputs": {"text": "a fox", "clip": ["1", 1]}},
        "3": {"class_type": "EmptyLatentImage", "inputs": {"width": 1024, "height": 1024, "batch_size": 1}},
        "4": {"class_type": "KSampler", "inputs": {"model": ["1", 0], "positive": ["2", 0], "negative": ["2", 0], "latent_image": ["3", 0], "seed": 1}},
        "5": {"class_type": "VAEDecodeTiled", "inputs": {"samples": ["4", 0], "vae": ["1", 2], "tile_size": 512, "overlap": 64}}
    }"#;
    let estimate = estimate(registry(), text, &card(12 * GIB), &WeightFiles::default());
    assert!(estimate.stages.iter().all(|stage| stage.weights == Some(6_980_000_000)));
    assert!(estimate.assumptions.iter().any(|told| told.contains("every part of")));
    // Decoding in tiles takes what one tile takes.
    let decoding = stage(&estimate, StageKind::VaeDecode);
    assert_eq!(decoding.activations.unwrap().minimum, 2178 * 64 * 64 * 64 * 2);
}

#[test]
fn what_is_not_known_is_said() {
    let text = flux(1024, 1024, 1).replace("flux1-dev.safetensors", "somebodys_merge.safetensors");
    let estimate = estimate(registry(), &text, &card(24 * GIB), &flux_files());
    assert_eq!(estimate.verdict(), Verdict::Unknown);
    let sampling = stage(&estimate, StageKind::Sampling);
    assert_eq!((sampling.weights, sampling.activations, sampling.total), (None, None, None));
    assert_eq!(sampling.reason, "too little is known of it");
    let told = estimate.unknown.join("\n");
    assert!(told.contains("which family `somebodys_merge.safetensors` belongs to"), "{told}");
    assert!(told.contains("how large `diffusion_models/somebodys_merge.safetensors` is"), "{told}");
    assert!(estimate.needs().is_none());
    assert!(estimate.suggestions.is_empty(), "nothing is suggested for what is not known");
}

#[test]
fn a_workflow_without_models_needs_nothing_that_is_known() {
    let text = r#"{"1": {"class_type": "LoadImage", "inputs": {"image": "a.png"}}}"#;
    let estimate = estimate(registry(), text, &card(24 * GIB), &WeightFiles::default());
    assert_eq!((estimate.verdict(), estimate.stages.len()), (Verdict::Unknown, 0));
    assert_eq!(estimate.unknown.len(), 1);
}

#[test]
fn the_templates_of_this_repository_are_understood() {
    for name in ["flux2_txt2img", "sd15_txt2img", "sdxl_txt2img"] {
        let path = format!("{}/../../templates/{name}/workflow.json", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read(path).unwrap();
        let json = workflow_graph::Json::parse(&text).unwrap();
        let workflow = Workflow::from_json(&json).unwrap();
        let estimate = registry().estimate(&workflow, &card(24 * GIB), &WeightFiles::default());
        let kinds: Vec<_> = estimate.stages.iter().map(|stage| stage.kind).collect();
        assert_eq!(
            kinds,
            [StageKind::TextEncoding, StageKind::Sampling, StageKind::VaeDecode],
            "{name}"
        );
        for stage in &estimate.stages {
            assert!(stage.activations.is_some(), "{name}: {:?}", estimate.unknown);
        }
    }
}

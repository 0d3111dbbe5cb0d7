//! `mediafactory models` and `mediafactory workflow estimate`.

use crate::process::{Home, Simulator};

const WORKFLOW: &str = r#"{
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd_xl_base_1.0.safetensors"}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 1024, "height": 1024, "batch_size": 1}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a fox", "clip": ["4", 1]}},
    "3": {"class_type": "KSampler", "inputs": {"seed": 7, "steps": 4, "cfg": 7.0, "sampler_name": "euler",
        "scheduler": "normal", "denoise": 1.0, "model": ["4", 0], "positive": ["6", 0],
        "negative": ["6", 0], "latent_image": ["5", 0]}},
    "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
    "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "fox", "images": ["8", 0]}}
}"#;

#[test]
fn what_is_current_and_how_it_is_run_is_told() {
    let (home, server) = (Home::new(), Simulator::start());
    let list = home.run_at(&server, &["models", "list", "--task", "text-to-video"]);
    assert!(list.stdout.lines().all(|line| line.starts_with("text-to-video")), "{list:?}");
    assert!(list.stderr.contains("the youngest entry of the data is of 20"), "{list:?}");
    let videos = home.run_at(&server, &["models", "list", "--makes", "video", "--json"]).json();
    assert!(videos["items"].as_array().is_some_and(|items| items.len() > 5), "{videos}");

    let shown = home.run_at(&server, &["models", "show", "wan 2.2", "--variant", "t2v"]);
    assert!(shown.line("model").starts_with("wan-2.2-14b"), "{shown:?}");
    assert_eq!(shown.line("  frames").split_once(' ').map(|(rule, _)| rule), Some("4n+1"));
    let told = home.run_at(&server, &["models", "show", "wan-2.2-14b", "--json"]).json();
    assert!(told["sources"]["templates"].is_string(), "{told}");

    let fresh = home.run_at(&server, &["models", "freshness", "sdxl"]);
    assert!(fresh.stdout.starts_with("sdxl: "), "{fresh:?}");
    let found = home.run_at(&server, &["models", "search", "umt5", "xxl"]);
    assert!(found.stdout.lines().any(|line| line.starts_with("wan-2.2-14b")), "{found:?}");
}

#[test]
fn what_fits_is_computed() {
    let (home, server) = (Home::new(), Simulator::start());
    home.write("workflow.json", WORKFLOW);
    let small = ["workflow", "estimate", "workflow.json", "--vram", "24", "--json"];
    let told = home.run_at(&server, &small).json();
    assert_eq!(told["device"]["total_bytes"], 24_u64 << 30, "{told}");
    assert_eq!(told["stages"].as_array().map(Vec::len), Some(3), "{told}");
    let fits = home.run_at(&server, &["models", "fits", "sdxl", "--vram", "24"]);
    assert!(fits.stdout.starts_with("sdxl/"), "{fits:?}");
    let larger = ["models", "fits", "wan-2.2-14b/t2v", "--vram", "24", "--frames", "80"];
    let larger = home.run_at(&server, &larger);
    assert!(larger.stdout.contains("80 frames are not possible: 4n+1, such as 81"), "{larger:?}");
}

#[test]
fn what_is_wrong_is_told_with_what_would_work() {
    let (home, server) = (Home::new(), Simulator::start());
    let wrong = [
        (vec!["models", "show", "flux1-dve"], "did you mean `flux1-dev`?"),
        (vec!["models", "list", "--task", "text-to-vidoe"], "did you mean `text-to-video`?"),
        (vec!["models", "list", "--makes", "vidio"], "did you mean `video`?"),
        (vec!["models", "fits", "sdxl", "--vram", "-3"], "`total_vram_gb` is -3"),
        (vec!["models", "fits", "sdxl"], "total_vram_gb"),
        (vec!["models", "recommend", "make something nice"], "it is not clear what is to be made"),
        (vec!["models", "recommend", "a cat", "--priority", "sped"], "`speed`"),
        (vec!["models", "checkpoints", "show", "sdxl"], "`checkpoints` stands before a task"),
    ];
    for (words, told) in wrong {
        let ended = home.run_at(&server, &words);
        assert_ne!(ended.code, Some(0), "{ended:?}");
        assert!(ended.stderr.contains(told), "no `{told}` in {ended:?}");
    }
}

#[test]
fn what_to_take_is_recommended_with_reasons() {
    let (home, server) = (Home::new(), Simulator::start());
    // Settings may stand before the task as well.
    let words = ["models", "--comfyui-url", &server.url, "recommend", "portrait,", "8", "GB"];
    let told = home.run(&words);
    assert!(told.stdout.contains(" for text-to-image, confidence "), "{told:?}");
    assert!(told.stdout.contains("fits whole into 8.0 GB"), "{told:?}");
    let moving =
        ["models", "recommend", "make it move", "--with-picture", "--vram", "24", "--json"];
    let moving = home.run_at(&server, &moving).json();
    assert_eq!(moving["task"], "image-to-video", "{moving}");
    assert!(moving["missing_files"].is_array() && moving["reasoning"].is_array(), "{moving}");
}

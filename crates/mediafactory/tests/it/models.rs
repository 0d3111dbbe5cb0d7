//! What is known of models, held against a server.

use comfy_sim::{Sim, SimOptions};
use mediafactory::{
    Factory, FailureCode, Json,
    config::{Backend, Config},
    models::{FitQuestion, ModelQuery, OnDevice, Wish},
};

use crate::stage::Stage;

const SAVED: &str = r#"{"nodes": [
    {"id": 1, "type": "CheckpointLoaderSimple", "widgets_values": ["tiny-sd15.safetensors"],
     "outputs": [{"name": "MODEL", "type": "MODEL", "links": []}, {"name": "CLIP", "type": "CLIP", "links": []},
                 {"name": "VAE", "type": "VAE", "links": [2]}]},
    {"id": 2, "type": "EmptyLatentImage", "widgets_values": [64, 64, 1],
     "outputs": [{"name": "LATENT", "type": "LATENT", "links": [1]}]},
    {"id": 3, "type": "VAEDecode", "inputs": [{"name": "samples", "type": "LATENT", "link": 1},
     {"name": "vae", "type": "VAE", "link": 2}], "outputs": [{"name": "IMAGE", "type": "IMAGE", "links": [3]}]},
    {"id": 4, "type": "SaveImage", "widgets_values": ["x"], "inputs": [{"name": "images", "type": "IMAGE", "link": 3}]}],
    "links": [[1, 2, 0, 3, 0, "LATENT"], [2, 1, 2, 3, 1, "VAE"], [3, 3, 0, 4, 0, "IMAGE"]], "version": 0.4}"#;

fn card(total_vram_gb: f64) -> OnDevice {
    OnDevice { total_vram_gb: Some(total_vram_gb), ..OnDevice::default() }
}

#[tokio::test]
async fn what_is_current_says_what_the_server_lacks() {
    let stage = Stage::new().await;
    let query = ModelQuery { medium: Some("video".to_owned()), ..ModelQuery::default() };
    let current = stage.factory.current_models(&query).await.unwrap();
    assert!(current.items.len() > 10 && current.notes.is_empty());
    for model in &current.items {
        assert_eq!(model.family.makes.as_str(), "video");
        assert_eq!(model.installed.is_none(), model.family.runs.as_str() == "api");
        assert_eq!(
            model.installed == Some(true),
            model.installed.is_some() && model.missing.is_empty()
        );
        assert!(!model.reasons.is_empty());
    }
    let wrong = ModelQuery { runs: Some("locally".to_owned()), ..ModelQuery::default() };
    let error = stage.factory.current_models(&wrong).await.unwrap_err();
    assert_eq!(error.code(), FailureCode::ValidationError);
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn a_saved_workflow_is_converted_before_it_is_estimated() {
    let stage = Stage::new().await;
    let workflow = Json::parse(SAVED.as_bytes()).unwrap();
    let answer = stage.factory.estimate_vram(workflow, &card(8.0)).await.unwrap();
    assert_eq!(answer.estimate.stages.len(), 1, "{}", answer.summary());
    assert_eq!(answer.device.total(), 8 << 30);
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn sizes_come_from_the_server_and_empty_files_have_none() {
    for model_bytes in [0, 5 << 30] {
        let sim = Sim::start(SimOptions { model_bytes, ..SimOptions::default() }).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::new(folder.path());
        config.comfyui = Some(Backend { url: sim.url().parse().unwrap(), auth: None });
        let factory = Factory::open(config).await.unwrap();
        let hits = factory.search_models("safetensors", None).await.unwrap();
        let listed = hits.items.iter().filter(|hit| !hit.backends.is_empty()).count();
        assert!(listed > 3, "{listed}");
        let workflow = Json::parse(
            br#"{"1": {"class_type": "UNETLoader", "inputs": {"unet_name": "anima-base-v1.0.safetensors"}},
                 "2": {"class_type": "KSampler", "inputs": {"model": ["1", 0], "positive": ["9", 0], "latent_image": ["8", 0], "seed": 1}}}"#,
        );
        let answer = factory.estimate_vram(workflow.unwrap(), &card(8.0)).await.unwrap();
        let told = answer.to_json().to_string();
        let is_of_server = told.contains(r#""known_by":"size of the file""#);
        assert_eq!(is_of_server, model_bytes > 0, "{told}");
        factory.shutdown().await;
    }
}

#[tokio::test]
async fn headers_of_files_that_can_be_read_say_what_is_in_them() {
    let models = tempfile::tempdir().unwrap();
    let folder = models.path().join("diffusion_models");
    std::fs::create_dir(&folder).unwrap();
    let text = br#"{"blocks.0.weight":{"dtype":"F32","shape":[1000],"data_offsets":[0,4000]}}"#;
    let length = u64::try_from(text.len()).unwrap().to_le_bytes();
    let file = [&length[..], text, &[0; 4000]].concat();
    std::fs::write(folder.join("anima-base-v1.0.safetensors"), file).unwrap();
    let models_dir = Some(models.path().to_owned());
    let stage = Stage::with(|config| config.models_dir = models_dir).await;
    let workflow = Json::parse(
        br#"{"1": {"class_type": "UNETLoader", "inputs": {"unet_name": "anima-base-v1.0.safetensors"}},
             "2": {"class_type": "KSampler", "inputs": {"model": ["1", 0], "positive": ["9", 0], "latent_image": ["8", 0], "seed": 1}}}"#,
    );
    let answer = stage.factory.estimate_vram(workflow.unwrap(), &card(8.0)).await.unwrap();
    let told = answer.to_json().to_string();
    // A thousand numbers, held with 16 bits each.
    assert!(told.contains(r#""bytes":2000,"known_by":"header""#), "{told}");
    let question = FitQuestion { on: card(8.0), ..FitQuestion::new("anima") };
    let answer = stage.factory.check_model_fits(&question).await.unwrap();
    let told = answer.to_json().to_string();
    assert!(told.contains(r#""known_by":"header""#), "{told}");
    assert!(answer.notes.iter().any(|note| note.contains("was not read")), "{:?}", answer.notes);
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn what_the_caller_did_not_choose_is_said() {
    let stage = Stage::new().await;
    let question = FitQuestion { width: Some(1001), on: card(24.0), ..FitQuestion::new("wan 2.2") };
    let answer = stage.factory.check_model_fits(&question).await.unwrap();
    assert!(answer.notes[0].starts_with("computed for `"), "{:?}", answer.notes);
    assert!(answer.notes[1].starts_with("a width of 1001 is not possible: "), "{:?}", answer.notes);
    let nothing = FitQuestion { batch: Some(0), ..question.clone() };
    let error = stage.factory.check_model_fits(&nothing).await.unwrap_err();
    assert_eq!(error.to_string(), "`batch` is 0, but has to be at least 1");
    let on = OnDevice { backend: Some("nowhere".to_owned()), ..card(24.0) };
    let elsewhere = FitQuestion { on, ..question };
    assert!(stage.factory.check_model_fits(&elsewhere).await.is_err());
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn what_is_recommended_for_a_small_card_fits_into_it() {
    let stage = Stage::new().await;
    let advice = stage.factory.recommend_model(&Wish::new("portrait, 8 GB")).await.unwrap();
    let best = &advice.recommended.best;
    let memory = best.memory.unwrap();
    assert_eq!(advice.recommended.task.as_str(), "text-to-image");
    assert!(memory.fits_fully_bytes <= 8 << 30, "{}: {memory:?}", best.name());
    assert!(best.missing.is_some(), "the server says which files it has");
    assert_eq!(best.estimated_seconds(), None, "no job has been counted");
    // A picture to start from makes another task of the same words.
    let wish = Wish { has_reference_image: true, ..Wish::new("make it move gently") };
    let moving = stage.factory.recommend_model(&wish).await.unwrap();
    assert_eq!(moving.recommended.task.as_str(), "image-to-video");
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn a_wish_that_nobody_can_read_is_refused_with_what_would_help() {
    let stage = Stage::new().await;
    let factory = &stage.factory;
    let words = |wish: Wish| async move {
        let error = factory.recommend_model(&wish).await.unwrap_err();
        assert_eq!(error.code(), FailureCode::ValidationError);
        error.to_string()
    };
    let task = Wish { task: Some("txt-to-video".to_owned()), ..Wish::default() };
    assert!(words(task).await.contains("did you mean `text-to-video`"));
    let priority = Wish { priority: Some("sped".to_owned()), ..Wish::new("a cat") };
    assert!(words(priority).await.contains("`speed`"));
    let memory = Wish { available_vram_gb: Some(-1.0), ..Wish::new("a cat") };
    assert!(words(memory).await.starts_with("there is no memory of -1 GB"));
    assert!(words(Wish::default()).await.starts_with("neither a description nor a task"));
    assert!(words(Wish::new("make something nice")).await.starts_with("it is not clear"));
    stage.factory.shutdown().await;
}

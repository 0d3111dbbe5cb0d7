//! What is known of models, held against a server.

use std::time::Duration;

use comfy_sim::{Moment, Sim, SimMemory, SimOptions};
use mediafactory::{
    Factory, FailureCode, JobReport, Json, State, Waited,
    config::{Backend, Config},
    models::{FitQuestion, Likeness, ModelQuery, OnDevice, Wish},
};

use crate::stage::{Stage, run};

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
async fn a_small_card_is_not_given_a_model_with_a_file_larger_than_it() {
    let stage = Stage::new().await;
    for gigabytes in [4.0, 6.0, 8.0] {
        let wish = Wish { available_vram_gb: Some(gigabytes), ..Wish::new("a picture of a fox") };
        let advice = stage.factory.recommend_model(&wish).await.unwrap();
        let told = advice.recommended.to_string();
        let (best, others) = told.split_once("\nor ").unwrap();
        assert!(!best.contains("does not fit whole"), "{told}");
        assert!(!others.is_empty() && !best.contains("does not run in"), "{told}");
    }
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

/// A workflow of a model that the data knows, held at its first step.
const SAMPLING: &str = r#"{"1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd_xl_turbo_1.0_fp16.safetensors"}},
    "2": {"class_type": "CLIPTextEncode", "inputs": {"text": "a fox", "clip": ["1", 1]}},
    "3": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
    "4": {"class_type": "KSampler", "inputs": {"seed": 1, "steps": 2, "cfg": 1.0, "sampler_name": "euler",
        "scheduler": "simple", "denoise": 1.0, "model": ["1", 0], "positive": ["2", 0], "negative": ["2", 0], "latent_image": ["3", 0]}},
    "5": {"class_type": "VAEDecode", "inputs": {"samples": ["4", 0], "vae": ["1", 2]}},
    "6": {"class_type": "SaveImage", "inputs": {"images": ["5", 0], "filename_prefix": "t"}}}"#;

/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(20);

fn memory(used_gib: u64) -> SimMemory {
    let used_bytes = used_gib << 30;
    SimMemory { kind: "cuda", total_bytes: 24 << 30, used_bytes, torch_bytes: used_bytes / 2 }
}

/// Runs a workflow that the server holds until it was asked for its memory while that much was in use.
async fn run_with_memory(stage: &Stage, workflow: &str, used_gib: u64) -> JobReport {
    let gate = stage.sim.hold(Moment::AtStep(1));
    let started = stage.factory.start_workflow(run(workflow)).await.unwrap();
    gate.reached().await;
    let mut progress = stage.factory.progress(&started.job).unwrap();
    let running = progress.wait_for(|progress| progress.state == State::Running);
    tokio::time::timeout(PATIENCE, running).await.unwrap().unwrap();
    stage.sim.set_memory(memory(used_gib));
    let before = stage.sim.memory_asked();
    // The second question is sent after the first was answered.
    for asked in 1..=2 {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(2)).await;
        tokio::time::resume();
        let asked = async {
            while stage.sim.memory_asked() < before + asked {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, asked).await.unwrap();
    }
    stage.sim.set_memory(memory(2));
    gate.release();
    let Waited::Finished(report) = stage.factory.wait(&started.job, PATIENCE).await.unwrap() else {
        unreachable!("the server goes on at once")
    };
    report
}

#[tokio::test]
async fn what_past_jobs_took_is_told_beside_what_is_computed() {
    let stage = Stage::new().await;
    stage.sim.set_memory(memory(2));
    let estimate = |text: &str| {
        let workflow = Json::parse(text.as_bytes()).unwrap();
        let on = OnDevice::default();
        let factory = &stage.factory;
        async move { factory.estimate_vram(workflow, &on).await.unwrap() }
    };
    let before = estimate(SAMPLING).await;
    assert_eq!(before.measured, None);
    assert!(!before.to_json().to_string().contains("measured"), "nothing is told of nothing");
    let report = run_with_memory(&stage, SAMPLING, 17).await;
    let peak = report.memory.unwrap();
    assert_eq!((peak.used_bytes >> 30, peak.torch_bytes), (17, Some(17 << 29)));

    let same = estimate(&SAMPLING.replace("\"seed\": 1", "\"seed\": 2")).await.measured.unwrap();
    assert_eq!((same.likeness, same.jobs, &same.peak), (Likeness::Workload, 1, &peak));
    assert_eq!(Some(same.at), report.finished_at);
    let larger = estimate(&SAMPLING.replace("64", "128")).await;
    let measured = larger.measured.as_ref().unwrap();
    assert_eq!(
        (measured.likeness, &*measured.sizes),
        (Likeness::Files, &["[1, 4, 8, 8]".to_owned()][..])
    );
    assert!(
        larger.summary().contains("- measured: 17.0 GiB of 24.0 GiB video memory"),
        "{}",
        larger.summary()
    );
    let model = FitQuestion::new("sdxl-turbo");
    let fits = stage.factory.check_model_fits(&model).await.unwrap();
    assert_eq!(fits.measured.unwrap().likeness, Likeness::Model);
    let imagined = FitQuestion { on: card(24.0), ..model };
    let fits = stage.factory.check_model_fits(&imagined).await.unwrap();
    assert_eq!(fits.measured, None, "that card is no server's");

    let wish = Wish { alternatives: Some(10), ..Wish::new("portrait, 8 GB") };
    let advice = stage.factory.recommend_model(&wish).await.unwrap().recommended;
    let all = advice.alternatives.iter().chain([&advice.best]);
    let counted: Vec<_> = all.filter(|choice| choice.history.is_some()).collect();
    assert_eq!(counted.len(), 1, "one model ran");
    let history = counted[0].history.unwrap();
    assert_eq!(
        (counted[0].family.name.as_str(), history.jobs, history.ratings),
        ("sdxl-turbo", 1, 0)
    );
    assert_eq!(counted[0].estimated_seconds(), history.median_seconds);

    // What was answered from the server's cache is no time.
    let again = stage.factory.run_workflow(run(SAMPLING)).await.unwrap();
    assert!(again.memory.is_none() && again.nodes.iter().all(|node| node.cached));
    let advice = stage.factory.recommend_model(&wish).await.unwrap().recommended;
    let mut all = advice.alternatives.iter().chain([&advice.best]);
    assert!(all.any(|choice| choice.history == Some(history)));
    stage.factory.shutdown().await;
}

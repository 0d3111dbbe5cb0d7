//! Which template `generate` takes where none is named.

use std::{collections::BTreeMap, time::Duration};

use comfy_sim::SimMemory;
use mediafactory::{Error, FailureCode, GenerateRequest, Json, StartedJob, Waited};

use crate::stage::Stage;

fn named(model: &str) -> GenerateRequest {
    GenerateRequest { model: Some(model.to_owned()), ..GenerateRequest::new("a fox") }
}

fn of_task(task: &str, parameters: &[(&str, &str)]) -> GenerateRequest {
    let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).into()));
    let parameters: BTreeMap<String, Json> = parameters.collect();
    GenerateRequest { task: Some(task.to_owned()), parameters, ..GenerateRequest::new("a fox") }
}

async fn start(stage: &Stage, request: GenerateRequest) -> StartedJob {
    stage.factory.start_generate(request).await.unwrap()
}

async fn refusal(stage: &Stage, request: GenerateRequest) -> Error {
    let error = stage.factory.start_generate(request).await.unwrap_err();
    assert!(stage.sim.received_prompts().is_empty());
    error
}

#[tokio::test]
async fn the_recommended_of_the_models_that_are_there_is_picked_and_it_is_said_why() {
    let stage = Stage::new().await;
    let plain = start(&stage, GenerateRequest::new("a fox")).await;
    assert_eq!(plain.template.as_deref(), Some("z_image_turbo_txt2img"));
    insta::assert_snapshot!(plain.notes[0]);
    // The looks that the prompt asks for count.
    let anime = start(&stage, GenerateRequest::new("anime girl in the rain")).await;
    assert_eq!(anime.template.as_deref(), Some("anima_txt2img"));
    assert!(anime.notes[0].contains("it is made for anime"), "{}", anime.notes[0]);
    // Nobody reads so much, and it is a prompt all the same.
    let long = start(&stage, GenerateRequest::new("a fox ".repeat(2_000))).await;
    assert_eq!(long.template, plain.template);
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn what_fits_into_the_memory_of_the_server_is_preferred() {
    let stage = Stage::new().await;
    let note_on = async |total_bytes: u64| {
        let card = SimMemory { kind: "cuda", total_bytes, ..SimMemory::default() };
        stage.sim.set_memory(card);
        start(&stage, GenerateRequest::new("a fox")).await.notes[0].clone()
    };
    let large = note_on(96 << 30).await;
    assert!(large.contains("fits whole into 96"), "{large}");
    let small = note_on(8 << 30).await;
    assert!(small.contains("fits whole into 8"), "{small}");
    assert_ne!(large, small);
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn a_model_may_be_called_by_its_name() {
    let stage = Stage::new().await;
    for (model, template) in [
        ("sdxl", "sdxl_txt2img"),
        ("Qwen-Image-2512", "qwen_txt2img"),
        ("flux2-dev/t2i", "flux2_txt2img"),
    ] {
        assert_eq!(start(&stage, named(model)).await.template.as_deref(), Some(template));
    }
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn a_model_that_does_something_else_is_refused() {
    let stage = Stage::new().await;
    let video = refusal(&stage, named("ltx-2.3")).await;
    assert_eq!(
        video.to_string(),
        "the model `ltx-2.3` is not for text-to-image from what is given, but for ltx23_txt2vid \
         (text-to-video), ltx23_img2vid (image-to-video)"
    );
    // A checkpoint of a known family is not loaded as if it were of another.
    let song = refusal(&stage, named("ace_step_v1_3.5b.safetensors")).await;
    assert!(song.to_string().ends_with("ace_step_txt2music (text-to-music)"), "{song}");
    let none = refusal(&stage, named("hidream_o1_image_bf16.safetensors")).await;
    assert_eq!(none.code(), FailureCode::TemplateNotFound);
    assert!(none.to_string().ends_with("there is no template of text-to-image"), "{none}");
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn a_model_that_is_not_there_says_what_to_get() {
    let stage = Stage::new().await;
    let error = refusal(&stage, named("sd1.5")).await;
    assert_eq!(error.code(), FailureCode::ModelsMissing);
    insta::assert_snapshot!(format!("{error}\n{}", error.details()));
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn a_task_decides_what_is_made_and_says_what_it_needs() {
    let stage = Stage::new().await;
    let picture = start(&stage, GenerateRequest::new("a fox")).await;
    let ended = stage.factory.wait(&picture.job, Duration::from_secs(20)).await.unwrap();
    let Waited::Finished(made) = ended else { panic!("{ended:?}") };
    let bytes = stage.factory.asset_bytes(&made.assets[0].id).await.unwrap();
    std::fs::write(stage.sim.storage().join("input/example.png"), &bytes).unwrap();
    let upscaled = of_task("image-upscale", &[("image", "example.png")]);
    let upscaled = start(&stage, GenerateRequest { prompt: String::new(), ..upscaled }).await;
    assert_eq!(upscaled.template.as_deref(), Some("seedvr2_upscale"));
    stage.factory.shutdown().await;

    let stage = Stage::new().await;
    let words = |error: Error| format!("{error}; {}", error.hint().unwrap_or_default());
    let told = words(refusal(&stage, of_task("image-edit", &[])).await);
    assert!(told.starts_with("image-edit needs `image`, which is not given; template "), "{told}");
    let told = words(refusal(&stage, of_task("lip-sync", &[])).await);
    assert!(told.starts_with("there is no template for lip-sync; "), "{told}");
    let told = words(refusal(&stage, of_task("text-to-vidoe", &[])).await);
    assert!(told.contains("did you mean `text-to-video`"), "{told}");
    // A picture is given, and nobody said what for.
    let mut picture = of_task("", &[("image", "example.png")]);
    picture.task = None;
    let told = words(refusal(&stage, picture).await);
    insta::assert_snapshot!(told);
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn a_template_that_the_server_offers_can_be_named_by_its_id() {
    let stage = Stage::new().await;
    let offered = GenerateRequest {
        template: Some("server:sim_text_to_image".to_owned()),
        ..GenerateRequest::new("a fox")
    };
    let started = start(&stage, offered.clone()).await;
    assert_eq!(started.template.as_deref(), Some("server:sim_text_to_image"));
    assert_eq!(started.parameters.get("prompt"), Some(&Json::from("a fox")));
    stage.factory.shutdown().await;

    let stage = Stage::new().await;
    let of_another = GenerateRequest { task: Some("text-to-video".to_owned()), ..offered.clone() };
    let error = refusal(&stage, of_another).await;
    assert_eq!(
        error.to_string(),
        "template `server:sim_text_to_image` is not for text-to-video, but for text-to-image"
    );
    let lacking = Some("server:sim_missing_model".to_owned());
    let error = refusal(&stage, GenerateRequest { template: lacking, ..offered }).await;
    assert_eq!(error.code(), FailureCode::ModelsMissing, "{error}");
    stage.factory.shutdown().await;
}

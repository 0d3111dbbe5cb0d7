//! From words to a picture that knows where it came from.

use std::{collections::BTreeMap, time::Duration};

use comfy_sim::Moment;
use mediafactory::{AssetFilter, Error, FailureCode, GenerateRequest, Json, State, Waited};

use crate::stage::Stage;

fn small(prompt: &str) -> GenerateRequest {
    let size = |name: &str| (name.to_owned(), Json::from(64_u64));
    let steps = ("steps".to_owned(), Json::from(4_u64));
    let parameters = BTreeMap::from([size("width"), size("height"), steps]);
    GenerateRequest { parameters, ..GenerateRequest::new(prompt) }
}

fn by_sdxl(prompt: &str) -> GenerateRequest {
    GenerateRequest { template: Some("sdxl_txt2img".to_owned()), ..small(prompt) }
}

#[track_caller]
fn check(error: &Error, code: FailureCode, message: &str, hint: &str) {
    assert_eq!(error.code(), code, "{error}");
    assert_eq!(error.to_string(), message);
    assert_eq!(error.hint().unwrap_or_default(), hint);
}

#[tokio::test]
async fn a_picture_carries_its_whole_origin() {
    let stage = Stage::new().await;
    let mut request = by_sdxl("a red fox");
    request.parameters.insert("seed".to_owned(), Json::from(u64::MAX));
    let made = stage.factory.generate(request).await.unwrap();
    assert_eq!((made.state, made.seed), (State::Succeeded, Some(u64::MAX)));
    assert_eq!(made.template.as_deref(), Some("sdxl_txt2img"));
    let simulated =
        "the server is comfy-sim: where a model would run, the picture is drawn, not generated";
    assert_eq!(made.notes, [simulated]);

    let asset = &made.assets[0];
    assert_eq!((asset.width, asset.height, &*asset.media_type), (Some(64), Some(64), "image/png"));
    let origin = &asset.origin;
    assert_eq!((origin.job, origin.seed, &*origin.node), (made.job.as_uuid(), Some(u64::MAX), "9"));
    assert_eq!(origin.model.as_deref(), Some("sd_xl_base_1.0.safetensors"));
    assert_eq!(origin.parameters.get("prompt"), Some(&Json::from("a red fox")));
    assert_eq!(origin.workflow.at(&["3", "inputs", "seed"]), Some(&Json::from(u64::MAX)));
    assert_eq!(origin.server, format!("{}/", stage.sim.url()));
    assert!(origin.started_at.unwrap() <= origin.finished_at.unwrap());

    let file = std::fs::read(stage.factory.asset_path(asset)).unwrap();
    assert_eq!(file, stage.factory.asset_bytes(&asset.id).await.unwrap());
    let name = asset.file_name.strip_prefix(&format!("sdxl_txt2img_{}_", u64::MAX)).unwrap();
    assert_eq!(name.len(), "0123456789ab.png".len());
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn progress_reaches_a_hundred_and_names_the_node() {
    let stage = Stage::new().await;
    let gate = stage.sim.hold(Moment::AtStep(2));
    let started = stage.factory.start_generate(small("a fox")).await.unwrap();
    gate.reached().await;
    let mut progress = stage.factory.progress(&started.job).unwrap();
    let at_step = progress.wait_for(|now| now.node.as_ref().is_some_and(|node| node.step >= 1.0));
    let now = at_step.await.unwrap().clone();
    let node = now.node.unwrap();
    assert_eq!(
        (&*node.class_type, node.title.as_deref(), node.steps),
        ("KSampler", Some("Sample"), 4.0)
    );
    assert!(now.percent > 0.0 && now.percent < 100.0);
    let still = stage.factory.wait(&started.job, Duration::ZERO).await.unwrap();
    assert!(matches!(still, Waited::StillRunning(report) if report.progress.is_some()));
    gate.release();
    let ended = stage.factory.wait(&started.job, Duration::from_secs(20)).await.unwrap();
    assert!(matches!(ended, Waited::Finished(report) if report.state == State::Succeeded));
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn seeds_that_we_choose_survive_clients_whose_numbers_are_doubles() {
    let stage = Stage::new().await;
    let first = stage.factory.start_generate(small("a fox")).await.unwrap().seed.unwrap();
    let second = stage.factory.start_generate(small("a fox")).await.unwrap().seed.unwrap();
    assert_ne!(first, second);
    assert!(first < 1 << 53 && second < 1 << 53);
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn a_model_that_is_named_decides_the_template() {
    let stage = Stage::new().await;
    let with = |model: &str| GenerateRequest { model: Some(model.to_owned()), ..small("a fox") };
    let flux = stage.factory.start_generate(with("flux2_dev_fp8mixed.safetensors")).await.unwrap();
    assert_eq!(flux.template.as_deref(), Some("flux2_txt2img"));
    assert_eq!(flux.notes[0], "used template flux2_txt2img, whose model this is");
    let tiny = stage.factory.start_generate(with("tiny-sd15.safetensors")).await.unwrap();
    assert_eq!(tiny.template.as_deref(), Some("sdxl_txt2img"));
    assert!(tiny.notes[0].contains("name another one with `template`"), "{:?}", tiny.notes);
    let error = stage.factory.start_generate(with("sd_xl_base.safetensors")).await.unwrap_err();
    check(
        &error,
        FailureCode::ModelsMissing,
        "the server has no model file `sd_xl_base.safetensors`",
        "did you mean `sd_xl_base_1.0.safetensors`?",
    );
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn a_model_for_another_task_is_refused_with_the_templates_for_it() {
    let stage = Stage::new().await;
    let fill = Some("flux1-fill-dev.safetensors".to_owned());
    let request = GenerateRequest { model: fill, ..small("a fox") };
    let error = stage.factory.start_generate(request).await.unwrap_err();
    check(
        &error,
        FailureCode::ValidationError,
        "the model `flux1-fill-dev.safetensors` is not for text-to-image from what is given, but \
         for flux1_fill_inpaint (inpaint), flux1_fill_outpaint (outpaint)",
        "name that template with `template`, and give what it requires",
    );
    assert!(stage.sim.received_prompts().is_empty());
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn what_is_given_decides_which_templates_are_tried() {
    let stage = Stage::new().await;
    let lora = ("lora".to_owned(), Json::from("krea2_darkbrush.safetensors"));
    let mut request = small("a fox");
    request.parameters.extend([lora]);
    let started = stage.factory.start_generate(request).await.unwrap();
    assert_eq!(started.template.as_deref(), Some("sdxl_lora"));
    assert_eq!(started.model.as_deref(), Some("sd_xl_base_1.0.safetensors"));
    let guidance = ("guidance".to_owned(), Json::from(3.0));
    let mut request = small("a fox");
    request.parameters.extend([guidance]);
    let started = stage.factory.start_generate(request).await.unwrap();
    assert_eq!(started.template.as_deref(), Some("flux2_txt2img"));
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn a_template_that_is_named_may_be_of_any_task_and_without_words() {
    let stage = Stage::new().await;
    let picture = stage.factory.generate(small("a fox")).await.unwrap();
    let bytes = stage.factory.asset_bytes(&picture.assets[0].id).await.unwrap();
    std::fs::write(stage.sim.storage().join("input/fox.png"), &bytes).unwrap();
    let upscale = |prompt: &str, image: Option<&str>| {
        let image = image.map(|name| ("image".to_owned(), Json::from(name)));
        GenerateRequest {
            template: Some("upscale_image".to_owned()),
            parameters: image.into_iter().collect(),
            ..GenerateRequest::new(prompt)
        }
    };
    let larger = stage.factory.generate(upscale("", Some("fox.png"))).await.unwrap();
    assert_eq!((larger.assets[0].width, larger.assets[0].height), (Some(256), Some(256)));
    assert_eq!((larger.seed, larger.model), (None, None));
    for (request, message) in [
        (
            upscale("", None),
            "`image` must be given: the name of an image file in the server's input folder",
        ),
        (upscale("a fox", Some("fox.png")), "there is no parameter `prompt`"),
    ] {
        let error = stage.factory.start_generate(request).await.unwrap_err();
        assert_eq!(error.to_string(), format!("template `upscale_image`: {message}"));
    }
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn a_template_whose_model_is_missing_says_which_file_goes_where() {
    let stage = Stage::new().await;
    let request = GenerateRequest { template: Some("sd15_txt2img".to_owned()), ..small("a fox") };
    let error = stage.factory.start_generate(request.clone()).await.unwrap_err();
    assert_eq!(error.code(), FailureCode::ModelsMissing);
    insta::assert_snapshot!(format!("{error}\n{}\n{}", error.hint().unwrap(), error.details()));
    let instead = GenerateRequest { model: Some("tiny-sd15.safetensors".to_owned()), ..request };
    let made = stage.factory.generate(instead).await.unwrap();
    assert_eq!(made.model.as_deref(), Some("tiny-sd15.safetensors"));
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn a_wrong_parameter_starts_nothing() {
    let stage = Stage::new().await;
    let mut request = small("a fox");
    request.parameters.insert("width".to_owned(), Json::from(1001_u64));
    let error = stage.factory.start_generate(request).await.unwrap_err();
    assert_eq!(error.code(), FailureCode::ValidationError);
    let unknown = GenerateRequest { template: Some("sdxl_txt2image".to_owned()), ..small("a fox") };
    let error = stage.factory.start_generate(unknown).await.unwrap_err();
    check(
        &error,
        FailureCode::TemplateNotFound,
        "there is no template `sdxl_txt2image`",
        "did you mean `sdxl_txt2img`?",
    );
    let error = stage.factory.start_generate(by_sdxl("")).await.unwrap_err();
    assert_eq!(error.to_string(), "template `sdxl_txt2img`: `prompt` must not be empty");
    let error = stage.factory.start_generate(small("")).await.unwrap_err();
    assert_eq!(error.to_string(), "text-to-image needs `prompt`, which is not given");
    assert!(stage.sim.received_prompts().is_empty());
    assert_eq!(stage.factory.assets(AssetFilter::default()).await.unwrap().total, 0);
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn a_long_prompt_arrives_whole_and_one_of_a_megabyte_is_refused() {
    let stage = Stage::new().await;
    let prompt = "fox \u{1f98a}\"{{x}}\n".repeat(6_000);
    let made = stage.factory.generate(by_sdxl(&prompt)).await.unwrap();
    let sent = made.assets[0].origin.workflow.at(&["6", "inputs", "text"]);
    assert_eq!(sent, Some(&Json::from(prompt)));
    let error = stage.factory.generate(by_sdxl(&"f".repeat(1_000_000))).await.unwrap_err();
    let message =
        "template `sdxl_txt2img`: `prompt` must have at most 100000 bytes, but has 1000000";
    assert_eq!((error.code(), &*error.to_string()), (FailureCode::ValidationError, message));
    assert_eq!(stage.sim.received_prompts().len(), 1);
    stage.factory.shutdown().await;
}

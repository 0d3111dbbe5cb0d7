//! Workflows before they are jobs: what is foreseen, converted, inspected and imported.

use comfy_sim::Fault;
use mediafactory::{
    FailureCode, Json, State,
    workflows::{self, Container, Lora, MergeChoice, MergeStrategy},
};

use crate::stage::{Stage, one_color, run};

const SAVED: &str = r#"{"nodes": [
    {"id": 1, "type": "EmptyImage", "widgets_values": [64, 32, 1, 255],
     "outputs": [{"name": "IMAGE", "type": "IMAGE", "links": [1]}]},
    {"id": 2, "type": "SaveImage", "widgets_values": ["saved"],
     "inputs": [{"name": "images", "type": "IMAGE", "link": 1}]}],
    "links": [[1, 1, 0, 2, 0, "IMAGE"]], "version": 0.4}"#;

fn json(text: &str) -> Json {
    Json::parse(text.as_bytes()).unwrap()
}

#[tokio::test]
async fn a_saved_workflow_is_converted_run_and_embedded() {
    let stage = Stage::new().await;
    let made = stage.factory.run_workflow(run(SAVED)).await.unwrap();
    let asset = &made.assets[0];
    assert_eq!((asset.width, asset.height), (Some(64), Some(32)));
    assert_eq!(made.notes[0], "converted from UI format");

    let imported = stage.factory.import_asset(&asset.id).await.unwrap();
    assert_eq!((imported.container, imported.ui), (Container::Asset, Some(json(SAVED))));
    let bytes = stage.factory.asset_bytes(&asset.id).await.unwrap();
    let from_picture = workflows::import(&bytes).unwrap();
    assert_eq!(from_picture.container, Container::Png);
    assert_eq!(from_picture.api, imported.api);
    assert_eq!(from_picture.ui, Some(json(SAVED)));
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn what_does_not_convert_is_refused_with_its_findings() {
    let stage = Stage::new().await;
    let mut told = Vec::new();
    let unknown = SAVED.replace(
        "\"type\": \"EmptyImage\"",
        "\"type\": \"VideoMaker\", \"properties\": {\"cnr_id\": \"video-pack\"}",
    );
    let cut = SAVED.replace("[[1, 1, 0, 2, 0, \"IMAGE\"]]", "[]");
    let muted = SAVED.replace("\"id\":", "\"mode\": 2, \"id\":");
    for saved in [unknown, cut, muted] {
        let error = stage.factory.run_workflow(run(&saved)).await.unwrap_err();
        let hint = error.hint().unwrap_or_default();
        told.push(format!("{}: {error}\n  {hint}\n  {}", error.code(), error.details()));
    }
    insta::assert_snapshot!(told.join("\n"));
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn only_what_the_server_has_now_refuses() {
    let stage = Stage::new().await;
    stage.factory.rulebook().await.unwrap();
    let workflow = r#"{"1": {"class_type": "LoadImage", "inputs": {"image": "late.png"}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "a"}}}"#;
    let error = stage.factory.run_workflow(run(workflow)).await.unwrap_err();
    assert_eq!(error.code(), FailureCode::ValidationError, "{error}");

    let made = stage.factory.run_workflow(one_color(77)).await.unwrap();
    let picture = stage.factory.asset_bytes(&made.assets[0].id).await.unwrap();
    std::fs::write(stage.sim.storage().join("input/late.png"), picture).unwrap();
    let made = stage.factory.run_workflow(run(workflow)).await.unwrap();
    assert_eq!(made.state, State::Succeeded);
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn a_server_that_does_not_tell_its_classes_still_runs() {
    let stage = Stage::new().await;
    let body = "out of order".to_owned();
    stage.sim.script(Fault::FailRequest { path: "/object_info".to_owned(), status: 500, body });
    let made = stage.factory.run_workflow(one_color(78)).await.unwrap();
    assert!(made.notes[0].starts_with("it was not checked beforehand: "), "{:?}", made.notes);
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn a_workflow_that_runs_in_part_says_so() {
    let stage = Stage::new().await;
    let workflow = r#"{"1": {"class_type": "EmptyImage", "inputs": {"width": 16, "height": 16, "batch_size": 1, "color": 1, "wdith": 3}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "a"}},
        "3": {"class_type": "SaveImage", "inputs": {"filename_prefix": "b"}}}"#;
    let started = stage.factory.start_workflow(run(workflow)).await.unwrap();
    insta::assert_snapshot!(started.notes.join("\n"));
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn a_rulebook_answers_for_its_server() {
    let stage = Stage::new().await;
    let rulebook = stage.factory.rulebook().await.unwrap();
    let workflow = json(
        r#"{"3": {"class_type": "KSampler", "inputs": {"seed": 5, "steps": 0, "cfg": 7, "sampler_name": "Euler",
              "scheduler": "normal", "denoise": 1.0, "model": ["4", 0], "positive": ["6", 0], "negative": ["6", 0], "latent_image": ["5", 0]}},
            "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "no such.safetensors"}},
            "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 512, "batch_size": 1}},
            "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a fox", "clip": ["4", 1]}},
            "7": {"class_type": "FrameMaker", "inputs": {"image": ["99", 0]}},
            "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
            "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "a"}}}"#,
    );
    let seen = rulebook.inspect(&workflow).unwrap();
    insta::assert_json_snapshot!(seen.to_json().to_serde());

    let lifted = rulebook.lift(&workflow).unwrap();
    assert_eq!(rulebook.inspect(&lifted.workflow).unwrap().format, "ui");

    let edited = workflows::edit(&workflow, &json(r#"[{"op": "remove_node", "node": "7"}]"#));
    let known = edited.unwrap().workflow;
    let fixes = rulebook.fix_at(&known, &["/3/inputs/steps".to_owned()]).unwrap();
    assert_eq!(fixes.corrections.len(), 1);
    assert!(!fixes.after.valid, "the sampler is still spelled wrong: {:?}", fixes.after);
    let error = rulebook.fix_at(&known, &["/3/inputs/step".to_owned()]).unwrap_err();
    assert_eq!(error.to_string(), "there is no correction at `/3/inputs/step`");
    assert_eq!(error.hint(), Some("did you mean `/3/inputs/steps`?"));
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn files_are_imported_from_the_named_folders_only() {
    let inside = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    for folder in [&inside, &outside] {
        std::fs::write(folder.path().join("saved.json"), SAVED).unwrap();
    }
    let link = inside.path().join("link.json");
    #[cfg(unix)]
    std::os::unix::fs::symlink(outside.path().join("saved.json"), &link).unwrap();
    let stage = Stage::with(|config| config.import_dirs = vec![inside.path().to_owned()]).await;
    let import = async |path: std::path::PathBuf| stage.factory.import_file(&path).await;

    for path in ["saved.json".into(), inside.path().join("saved.json")] {
        assert_eq!(import(path).await.unwrap().ui, Some(json(SAVED)));
    }
    let parent = format!("../{}/saved.json", outside.path().file_name().unwrap().display());
    for path in [outside.path().join("saved.json"), link, parent.into(), "nothing.json".into()] {
        let error = import(path).await.unwrap_err();
        assert_eq!(error.code(), FailureCode::Forbidden, "{error}");
        assert!(error.hint().unwrap().starts_with("files are read from "), "{error}");
    }
    stage.factory.shutdown().await;

    let none = Stage::new().await;
    let error = none.factory.import_file(&inside.path().join("saved.json")).await.unwrap_err();
    assert!(error.hint().unwrap().contains("`import_dirs`"), "{error}");
    none.factory.shutdown().await;
}

#[test]
fn what_holds_no_workflow_says_what_would() {
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\0IEND\0\0\0\0";
    let broken = b"\x89PNG\r\n\x1a\n\0\0\0\x09tEXtprompt\0{]\0\0\0\0";
    let files: [&[u8]; 7] = [
        png,
        broken,
        b"\0\0\0\x18ftypmp42",
        b"",
        b"[1",
        b"{\"a\": 1}",
        b"\xff\xd8\xff\xe1\0\x08Exif\0\0",
    ];
    let told = files.map(|file| {
        let error = workflows::import(file).unwrap_err();
        assert_eq!(error.code(), FailureCode::ValidationError);
        format!("{error}\n  {}", error.hint().unwrap_or("no hint"))
    });
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn request_bodies_and_history_entries_hold_both_workflows() {
    let api = one_color(1).workflow.to_string();
    for text in [
        format!(
            r#"{{"prompt": {api}, "extra_data": {{"extra_pnginfo": {{"workflow": {SAVED}}}}}}}"#
        ),
        format!(r#"{{"prompt": {api}, "workflow": {SAVED}}}"#),
        format!(
            r#"{{"prompt": [1, "id", {api}, {{"extra_pnginfo": {{"workflow": {SAVED}}}}}, ["2"]]}}"#
        ),
    ] {
        let found = workflows::import(text.as_bytes()).unwrap();
        assert_eq!((found.api, found.ui), (Some(json(&api)), Some(json(SAVED))), "{text}");
    }
}

#[test]
fn a_conflict_is_settled_by_the_place_it_names() {
    let with_cfg = |cfg: u8| {
        json(&format!(r#"{{"3": {{"class_type": "KSampler", "inputs": {{"cfg": {cfg}}}}}}}"#))
    };
    let merge =
        |strategy| workflows::merge(&with_cfg(7), &with_cfg(5), &with_cfg(8), &strategy).unwrap();
    let open = merge(MergeStrategy::Open);
    assert_eq!((open.settled, open.workflow), (false, with_cfg(7)));
    let conflict = &open.conflicts.as_array().unwrap()[0];
    let text = |name| conflict.get(name).and_then(Json::as_str).unwrap().to_owned();
    let name = Some(text("name"));
    let choice = MergeChoice { node: text("node"), part: text("part"), name, theirs: true };
    let chosen = merge(MergeStrategy::Choose(vec![choice.clone()]));
    assert_eq!((chosen.settled, chosen.workflow), (true, with_cfg(8)));

    let wrong = MergeStrategy::Choose(vec![MergeChoice { part: "inputs".to_owned(), ..choice }]);
    let error = workflows::merge(&with_cfg(1), &with_cfg(2), &with_cfg(3), &wrong).unwrap_err();
    assert!(error.to_string().contains("`input` or `member` with one"), "{error}");
}

#[test]
fn loras_need_a_model_and_a_list() {
    let workflow = one_color(1).workflow;
    let error = workflows::apply_lora(&workflow, &[Lora::new("a", 1.0)]).unwrap_err();
    assert!(error.to_string().contains("samples with a model"), "{error}");
    let error = workflows::apply_lora(&workflow, &[]).unwrap_err();
    assert_eq!(error.to_string(), "the list of LoRAs is empty");
}

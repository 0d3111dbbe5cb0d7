//! Jobs and assets: what is kept, and for how long.

use std::{sync::Arc, time::Duration};

use comfy_sim::{Fault, Moment};
use mediafactory::{AssetFilter, Factory, FailureCode, Json, RunWorkflow, State};

use crate::stage::{Stage, one_color, run};

#[tokio::test]
async fn a_workflow_runs_as_it_is_and_its_picture_has_it_embedded() {
    let stage = Stage::new().await;
    let ui = Json::parse(br#"{"nodes": [], "links": [], "version": 0.4}"#).unwrap();
    let run = RunWorkflow { ui_workflow: Some(ui.clone()), ..one_color(255) };
    let made = stage.factory.run_workflow(run.clone()).await.unwrap();
    let asset = &made.assets[0];
    assert_eq!((asset.width, asset.height), (Some(48), Some(32)));
    assert!(asset.file_name.starts_with("one_color_"), "{}", asset.file_name);
    assert_eq!(asset.origin.workflow, run.workflow);
    let bytes = stage.factory.asset_bytes(&asset.id).await.unwrap();
    let reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
    let texts = &reader.info().uncompressed_latin1_text;
    let text = |keyword: &str| {
        let chunk = texts.iter().find(|chunk| chunk.keyword == keyword).unwrap();
        Json::parse(chunk.text.as_bytes()).unwrap()
    };
    assert_eq!((text("prompt"), text("workflow")), (run.workflow, ui));
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn only_the_outputs_that_are_asked_for_run() {
    let stage = Stage::new().await;
    let workflow = r#"{"1": {"class_type": "EmptyImage", "inputs": {"width": 16, "height": 16, "batch_size": 2, "color": 1}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "a"}},
        "3": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}}}"#;
    let only = RunWorkflow { targets: Some(vec!["2".to_owned()]), ..run(workflow) };
    let made = stage.factory.run_workflow(only).await.unwrap();
    let places: Vec<_> =
        made.assets.iter().map(|asset| (&*asset.origin.node, asset.origin.output_index)).collect();
    assert_eq!(places, [("2", 0), ("2", 1)]);
    let all = stage.factory.run_workflow(run(workflow)).await.unwrap();
    assert_eq!(all.assets.len(), 4);
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn what_is_no_workflow_is_refused_before_anything_is_written() {
    let stage = Stage::new().await;
    let mut refused = Vec::new();
    for workflow in [
        r#"{"nodes": [], "links": []}"#,
        r#"{"prompt": {"1": {"class_type": "A", "inputs": {}}}}"#,
        "{}",
        "[1]",
        r#"{"1": {"inputs": {}}}"#,
        r#"{"1": {"class_type": "A"}}"#,
    ] {
        let error = stage.factory.run_workflow(run(workflow)).await.unwrap_err();
        assert_eq!(error.code(), FailureCode::ValidationError);
        refused.push(error.to_string());
    }
    let no_target = RunWorkflow { targets: Some(vec!["7".to_owned()]), ..one_color(1) };
    let error = stage.factory.run_workflow(no_target).await.unwrap_err();
    refused.push(format!("{error}; {}", error.hint().unwrap()));
    insta::assert_snapshot!(refused.join("\n"));
    assert!(stage.sim.received_prompts().is_empty());
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn a_result_that_cannot_be_fetched_at_once_is_fetched_again() {
    let stage = Stage::new().await;
    let body = "busy".to_owned();
    stage.sim.script(Fault::FailRequest { path: "/view".to_owned(), status: 503, body });
    let made = stage.factory.run_workflow(one_color(3)).await.unwrap();
    assert_eq!((made.assets.len(), stage.sim.executions()), (1, 1));
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn a_result_that_the_server_does_not_have_any_more_fails_the_job() {
    let stage = Stage::new().await;
    let body = String::new();
    stage.sim.script(Fault::FailRequest { path: "/view".to_owned(), status: 404, body });
    let error = stage.factory.run_workflow(one_color(3)).await.unwrap_err();
    assert_eq!(error.code(), FailureCode::ComfyuiUnreachable);
    assert!(error.to_string().contains("cannot keep"), "{error}");
    assert!(error.is_retryable());
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn the_same_picture_twice_is_two_assets_and_one_blob() {
    let stage = Stage::new().await;
    let first = stage.factory.run_workflow(one_color(9)).await.unwrap();
    let second = stage.factory.run_workflow(one_color(9)).await.unwrap();
    let (first, second) = (&first.assets[0], &second.assets[0]);
    assert_eq!((&first.blob, &first.file_name), (&second.blob, &second.file_name));
    assert_ne!(first.id, second.id);
    let page = AssetFilter { limit: Some(1), ..AssetFilter::default() };
    let page = stage.factory.assets(page).await.unwrap();
    assert_eq!((page.total, page.items[0].id), (2, second.id));
    let next = AssetFilter { cursor: page.next_cursor, ..AssetFilter::default() };
    let next = stage.factory.assets(next).await.unwrap();
    assert_eq!((next.items[0].id, next.next_cursor), (first.id, None));
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn a_picture_is_shown_within_its_budget() {
    let stage = Stage::new().await;
    let made = stage.factory.run_workflow(one_color(0x33_66_99)).await.unwrap();
    let id = made.assets[0].id;
    let shown = stage.factory.view(&id, 5_000).await.unwrap();
    assert!(shown.bytes.len() <= 5_000);
    assert_eq!((shown.width, shown.height), (48, 32));
    let error = stage.factory.view(&id, 10).await.unwrap_err();
    assert_eq!(error.to_string(), "the budget must be from 1000 to 1000000 bytes, but is 10");
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn assets_whose_time_is_over_are_not_given_out() {
    let stage = Stage::with(|config| config.asset_ttl = Some(Duration::ZERO)).await;
    let made = stage.factory.run_workflow(one_color(9)).await.unwrap();
    let error = stage.factory.asset(&made.assets[0].id).await.unwrap_err();
    assert_eq!(error.code(), FailureCode::AssetNotFoundOrExpired);
    assert_eq!(stage.factory.assets(AssetFilter::default()).await.unwrap().total, 0);
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn cancelling_ends_a_job_here_and_there() {
    let stage = Stage::new().await;
    let gate = stage.sim.hold(Moment::AtStep(1));
    let request = mediafactory::GenerateRequest::new("a fox");
    let started = stage.factory.start_generate(request).await.unwrap();
    gate.reached().await;
    let report = stage.factory.cancel(&started.job).await.unwrap();
    assert_eq!(report.state, State::Cancelled);
    let error = Factory::require_success(report).unwrap_err();
    assert_eq!(error.code(), FailureCode::Cancelled);
    let health = stage.factory.health(None).await.unwrap();
    assert_eq!((health.queue_running, health.queue_pending), (0, 0));
    assert_eq!(health.jobs, [(State::Cancelled, 1)]);
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn two_factories_on_one_folder_share_jobs_and_results() {
    let stage = Arc::new(Stage::new().await);
    let other = stage.another_factory().await;
    let gate = stage.sim.hold(Moment::NextPrompt);
    let started = stage.factory.start_workflow(one_color(5)).await.unwrap();
    gate.reached().await;
    assert!(other.progress(&started.job).is_none(), "it is under way in the other one");
    let waiting = other.wait(&started.job, Duration::from_secs(20));
    gate.release();
    let mediafactory::Waited::Finished(report) = waiting.await.unwrap() else {
        unreachable!("it was released")
    };
    assert_eq!(report.assets.len(), 1);
    assert_eq!(stage.sim.submissions_of(&started.job.to_string()), 1);
    stage.factory.shutdown().await;
    other.shutdown().await;
}

#[tokio::test]
async fn a_job_goes_on_when_its_factory_is_closed_and_opened_again() {
    let stage = Stage::new().await;
    let gate = stage.sim.hold(Moment::NextPrompt);
    let started = stage.factory.start_workflow(one_color(5)).await.unwrap();
    gate.reached().await;
    stage.factory.shutdown().await;
    gate.release();
    let next = stage.another_factory().await;
    assert_eq!(next.resume().await.unwrap(), 1);
    let waited = next.wait(&started.job, Duration::from_secs(20)).await.unwrap();
    let mediafactory::Waited::Finished(report) = waited else { unreachable!("it was released") };
    assert_eq!((report.state, report.assets.len()), (State::Succeeded, 1));
    next.shutdown().await;
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let stage = Stage::new().await;
    let file = stage.folder().join("file");
    std::fs::write(&file, b"").unwrap();
    let error =
        Factory::open(mediafactory::config::Config::new(file.join("data"))).await.unwrap_err();
    assert_eq!(error.code(), FailureCode::StorageFailed);
    assert!(error.to_string().contains("file/data"), "{error}");
    stage.factory.shutdown().await;
}

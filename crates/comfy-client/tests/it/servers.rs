//! Whole runs against the simulator and, when `COMFYUI_URL` names one, a real ComfyUI. One check
//! needs a checkpoint.

use comfy_client::{
    Client, ClientOptions, Error, Event, FileRef, Folder, NodeOutput, OnConflict, Outcome,
    Previews, PromptId, Retry, Submission, Upload,
};
use comfy_sim::{Sim, SimOptions};
use uuid::Uuid;
use workflow_graph::{Json, Workflow};

#[expect(clippy::disallowed_methods, reason = "tests find a server by the environment")]
fn real() -> Option<Client> {
    let url = std::env::var("COMFYUI_URL").ok();
    if url.is_none() {
        eprintln!("skipped in part: COMFYUI_URL does not name a ComfyUI");
    }
    url.map(|url| client_of(&url))
}

pub(crate) fn client_of(url: &str) -> Client {
    Client::new(url.parse().unwrap(), ClientOptions::default()).unwrap()
}

pub(crate) async fn on_each(check: impl AsyncFn(Client)) {
    let sim = Sim::start(SimOptions::default()).await.unwrap();
    check(client_of(&sim.url())).await;
    sim.stop().await;
    if let Some(client) = real() {
        check(client).await;
    }
}

/// A picture that no cache has: its color is as good as random.
pub(crate) fn workflow(output: &str) -> Workflow {
    let color = Uuid::new_v4().as_fields().0 % 0xff_ffff;
    let text = format!(
        r#"{{"1": {{"class_type": "EmptyImage", "inputs": {{"width": 64, "height": 48, "batch_size": 1, "color": {color}}}, "_meta": {{"title": "A"}}}},
            "2": {{"class_type": "{output}", "inputs": {{"images": ["1", 0]}}}}}}"#
    );
    Workflow::from_json(&Json::parse(text.as_bytes()).unwrap()).unwrap()
}

pub(crate) fn fresh() -> PromptId {
    PromptId::from_uuid(Uuid::new_v4())
}

#[tokio::test]
async fn a_workflow_runs_to_its_picture() {
    on_each(async |client| {
        let session = client.open_session().await.unwrap();
        let (prompt_id, workflow) = (fresh(), workflow("PreviewImage"));
        let mut watch = session.watch(&prompt_id).await;
        let client_id = Some(session.client_id());
        let submission = Submission { client_id, ..Submission::new(prompt_id, &workflow) };
        assert_eq!(client.submit(&submission).await.unwrap().dropped, []);
        let mut executed = Vec::new();
        while let Some(event) = watch.next().await {
            if let Event::Executed { output, .. } = event {
                executed.push(output.node.to_string());
            }
        }
        assert_eq!(executed, ["2"]);
        let ended = watch.finish().await.unwrap();
        assert_eq!(ended.outcome, Outcome::Succeeded);
        let files: Vec<_> = ended.outputs().flat_map(NodeOutput::files).collect();
        let [file] = files[..] else { panic!("{files:?}") };
        assert_eq!(file.folder, Folder::Temp);
        let picture = client.view(file).await.unwrap().bytes().await.unwrap();
        assert!(picture.starts_with(b"\x89PNG"));
        assert!(!client.queue().await.unwrap().holds(&prompt_id));
        assert!(client.history(3).await.unwrap().len() <= 3);
        session.close().await;
    })
    .await;
}

/// A picture of noise.
pub(crate) fn sampling(checkpoint: &str, steps: u32) -> Workflow {
    let seed = Uuid::new_v4().as_u64_pair().0;
    let text = format!(
        r#"{{"3": {{"class_type": "KSampler", "inputs": {{"seed": {seed}, "steps": {steps}, "cfg": 7.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0, "model": ["4", 0], "positive": ["6", 0], "negative": ["6", 0], "latent_image": ["5", 0]}}}},
            "4": {{"class_type": "CheckpointLoaderSimple", "inputs": {{"ckpt_name": {checkpoint}}}}},
            "5": {{"class_type": "EmptyLatentImage", "inputs": {{"width": 128, "height": 128, "batch_size": 1}}}},
            "6": {{"class_type": "CLIPTextEncode", "inputs": {{"text": "a fox", "clip": ["4", 1]}}}},
            "8": {{"class_type": "VAEDecode", "inputs": {{"samples": ["3", 0], "vae": ["4", 2]}}}},
            "9": {{"class_type": "PreviewImage", "inputs": {{"images": ["8", 0]}}}}}}"#,
        checkpoint = Json::from(checkpoint)
    );
    Workflow::from_json(&Json::parse(text.as_bytes()).unwrap()).unwrap()
}

#[tokio::test]
async fn a_sampler_shows_previews_and_can_be_stopped() {
    on_each(async |client| {
        let checkpoints = client.models("checkpoints").await.unwrap().unwrap_or_default();
        let Some(checkpoint) = checkpoints.first() else {
            eprintln!("skipped: the server has no checkpoint");
            return;
        };
        let session = client.open_session().await.unwrap();
        let (prompt_id, workflow) = (fresh(), sampling(checkpoint, 1000));
        let mut watch = session.watch(&prompt_id).await;
        let submission = Submission {
            client_id: Some(session.client_id()),
            previews: Previews::Latent2Rgb,
            ..Submission::new(prompt_id, &workflow)
        };
        client.submit(&submission).await.unwrap();
        let (node, image) = loop {
            match watch.next().await {
                Some(Event::Preview { node, image, .. }) => break (node.unwrap(), image),
                Some(_) => {}
                None => panic!("it ended without a preview"),
            }
        };
        assert_eq!((node.as_str(), image.media_type.as_str()), ("3", "image/jpeg"));
        client.interrupt_prompt(&prompt_id).await.unwrap();
        let ended = watch.finish().await.unwrap();
        assert_eq!(ended.outcome, Outcome::Interrupted { node: "3".parse().ok() });
        session.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_refusal_names_the_node() {
    on_each(async |client| {
        let workflow = workflow("NoSuchNode");
        let error = client.submit(&Submission::new(fresh(), &workflow)).await.unwrap_err();
        assert_eq!(error.retry(), Retry::Never);
        let Error::Rejected { rejection, .. } = error else { panic!("{error:?}") };
        assert!(["missing_node_type", "invalid_prompt"].contains(&&*rejection.kind), "{rejection}");
        assert!(rejection.to_string().contains("NoSuchNode"), "{rejection}");
    })
    .await;
}

#[tokio::test]
async fn files_go_up_and_come_down() {
    on_each(async |client| {
        let contents = Uuid::new_v4().to_string();
        let upload = Upload {
            subfolder: "mediafactory tests/ä".to_owned(),
            on_conflict: OnConflict::Overwrite,
            ..Upload::new("a + ü #1.txt", contents.clone())
        };
        let file = client.upload_image(upload.clone()).await.unwrap();
        assert_eq!(file.to_string(), "mediafactory tests/ä/a + ü #1.txt [input]");
        assert_eq!(client.view(&file).await.unwrap().bytes().await.unwrap(), contents);
        let other = Upload { on_conflict: OnConflict::Rename, bytes: "other".into(), ..upload };
        assert_ne!(client.upload_image(other).await.unwrap(), file);
        let missing = FileRef { filename: "no such file".to_owned(), ..file };
        let error = client.view(&missing).await.unwrap_err();
        assert!(matches!(error, Error::NoSuchFile { .. }), "{error:?}");
        let error = client.upload_mask(Upload::new("m.png", "x"), &missing).await.unwrap_err();
        assert!(matches!(error, Error::NoSuchFile { .. }), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn a_server_tells_what_it_is_and_has() {
    on_each(async |client| {
        let stats = client.system_stats().await.unwrap();
        assert!(!stats.devices.is_empty() && stats.ram_total_bytes.is_some());
        assert!(client.features().await.unwrap().preview_metadata);
        assert!(client.model_folders().await.unwrap().contains(&"checkpoints".to_owned()));
        assert!(client.models("checkpoints").await.unwrap().is_some());
        assert_eq!(client.models("no such folder").await.unwrap(), None);
        let definition = client.object_info_of("KSampler").await.unwrap().unwrap();
        let seed = definition.at(&["input", "required", "seed"]).unwrap().as_array().unwrap();
        assert_eq!(seed[1].get("max").and_then(Json::as_u64), Some(u64::MAX));
        assert_eq!(client.object_info_of("no/such class").await.unwrap(), None);
        assert_eq!(client.history_of(&fresh()).await.unwrap(), None);
        if let Some(log) = client.log().await.unwrap() {
            assert!(log.iter().any(|line| !line.time.is_empty() && line.text.contains('\n')));
        }
        client.interrupt_prompt(&fresh()).await.unwrap();
        client.delete_from_queue(&[fresh()]).await.unwrap();
    })
    .await;
}

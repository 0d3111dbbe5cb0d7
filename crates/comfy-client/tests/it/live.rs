//! The same against a real ComfyUI, when `COMFYUI_URL` names one. It needs no model.

use comfy_client::{
    Client, ClientOptions, Error, Event, FileRef, Folder, OnConflict, Outcome, PromptId, Retry,
    Submission, Upload,
};
use uuid::Uuid;
use workflow_graph::{Json, Workflow};

#[expect(clippy::disallowed_methods, reason = "tests find a server by the environment")]
fn client() -> Option<Client> {
    let Ok(url) = std::env::var("COMFYUI_URL") else {
        eprintln!("skipped: COMFYUI_URL does not name a ComfyUI");
        return None;
    };
    Some(Client::new(url.parse().unwrap(), ClientOptions::default()).unwrap())
}

/// A picture that no cache has: its color is as good as random.
fn workflow(output: &str) -> Workflow {
    let color = Uuid::new_v4().as_fields().0 % 0xff_ffff;
    let text = format!(
        r#"{{"1": {{"class_type": "EmptyImage", "inputs": {{"width": 64, "height": 48, "batch_size": 1, "color": {color}}}, "_meta": {{"title": "A"}}}},
            "2": {{"class_type": "{output}", "inputs": {{"images": ["1", 0]}}}}}}"#
    );
    Workflow::from_json(&Json::parse(text.as_bytes()).unwrap()).unwrap()
}

fn fresh() -> PromptId {
    PromptId::from_uuid(Uuid::new_v4())
}

#[tokio::test]
async fn a_workflow_runs_to_its_picture() {
    let Some(client) = client() else { return };
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
    let files: Vec<_> = ended.outputs().flat_map(|output| output.files()).collect();
    let [file] = files[..] else { panic!("{files:?}") };
    assert_eq!(file.folder, Folder::Temp);
    let picture = client.view(file).await.unwrap().bytes().await.unwrap();
    assert!(picture.starts_with(b"\x89PNG"));
    assert!(!client.queue().await.unwrap().holds(&prompt_id));
    assert!(client.history(3).await.unwrap().len() <= 3);
    session.close().await;
}

#[tokio::test]
async fn a_refusal_names_the_node() {
    let Some(client) = client() else { return };
    let workflow = workflow("NoSuchNode");
    let error = client.submit(&Submission::new(fresh(), &workflow)).await.unwrap_err();
    assert_eq!(error.retry(), Retry::Never);
    let Error::Rejected { rejection, .. } = error else { panic!("{error:?}") };
    assert!(["missing_node_type", "invalid_prompt"].contains(&&*rejection.kind), "{rejection}");
    assert!(rejection.to_string().contains("NoSuchNode"), "{rejection}");
}

#[tokio::test]
async fn files_go_up_and_come_down() {
    let Some(client) = client() else { return };
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
}

#[tokio::test]
async fn a_server_tells_what_it_is_and_has() {
    let Some(client) = client() else { return };
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
    client.interrupt_prompt(&fresh()).await.unwrap();
    client.delete_from_queue(&[fresh()]).await.unwrap();
}

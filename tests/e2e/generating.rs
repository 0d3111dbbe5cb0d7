//! The main job: a prompt becomes a picture that can be traced.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::{
    cell::{Cell, Session, succeeded},
    comfy::Comfy,
    mcp::Progress,
    place::Place,
    requests::{fox, fresh_seed},
};

const INLINE_BYTES_MAX: usize = 200_000;

for_each_cell!(a_prompt_becomes_a_picture_that_can_be_traced);

async fn a_prompt_becomes_a_picture_that_can_be_traced(cell: Cell) {
    let comfy = Comfy::start().await;
    let place = Place::new(comfy.url());
    let mut session = cell.open(&place).await;
    let seed = fresh_seed();

    let making = session.begin("generate", fox(seed, 3)).await;
    let (told, answer) = making.progress_and_answer().await;
    check_progress(&told);
    let made = succeeded("generate", answer.expect("a result"));
    assert_eq!((&made["state"], &made["seed"]), (&json!("succeeded"), &json!(seed)), "{made}");
    assert_eq!(comfy.ended_with_seed(seed).await, [made["job_id"].as_str().unwrap()]);

    let asset = &made["assets"][0];
    let origin = check_origin(&mut session, &comfy, &made).await;
    let saved = comfy.view(&origin["server_file"]).await;
    assert!(saved.starts_with(b"\x89PNG"), "ComfyUI saved a PNG");
    let resource = session.read_resource(asset["uri"].as_str().unwrap()).await;
    let contents = &resource["contents"][0];
    assert_eq!(contents["mimeType"], "image/png");
    assert_eq!(decode(&contents["blob"]), saved, "the resource is what ComfyUI saved");
    assert_eq!(std::fs::read(asset["path"].as_str().unwrap()).unwrap(), saved);

    check_view(&mut session, asset).await;
    let list = session.succeed("list_assets", json!({"job_id": made["job_id"]})).await;
    assert_eq!((&list["total"], &list["items"][0]), (&json!(1), asset));
}

fn check_progress(told: &[Progress]) {
    assert!(!told.is_empty(), "progress was asked for");
    let percent: Vec<f64> = told.iter().map(|progress| progress.percent).collect();
    assert!(percent.is_sorted(), "{percent:?}");
    assert!(percent.iter().all(|percent| (0.0..=100.0).contains(percent)), "{percent:?}");
    let is_at_sampler = |progress: &Progress| progress.message.contains("KSampler");
    assert!(told.iter().any(is_at_sampler), "{told:?}");
}

async fn check_origin(session: &mut Session, comfy: &Comfy, made: &Value) -> Value {
    let asset = json!({"asset_id": made["assets"][0]["asset_id"]});
    let metadata = session.succeed("get_asset_metadata", asset).await;
    let origin = &metadata["origin"];
    assert_eq!(metadata["asset"], made["assets"][0]);
    assert_eq!((&origin["seed"], &origin["model"]), (&made["seed"], &made["model"]));
    assert_eq!(origin["parameters"]["prompt"], "a red fox in the snow");
    assert_eq!(origin["server"].as_str().unwrap().trim_end_matches('/'), comfy.url());
    let entry = comfy.history_of(made["job_id"].as_str().unwrap()).await.expect("it ran");
    assert_eq!(origin["workflow"], entry["prompt"][2], "the workflow is what ComfyUI ran");
    origin.clone()
}

async fn check_view(session: &mut Session, asset: &Value) {
    let view = session.call("view_output", json!({"asset_id": asset["asset_id"]})).await;
    let blocks = view["content"].as_array().expect("content");
    let picture = blocks.iter().find(|block| block["type"] == "image").expect("a picture");
    let bytes = decode(&picture["data"]);
    assert!((1..=INLINE_BYTES_MAX).contains(&bytes.len()), "{} bytes", bytes.len());
    let magic: &[u8] = match picture["mimeType"].as_str().unwrap() {
        "image/png" => b"\x89PNG",
        "image/jpeg" => b"\xff\xd8\xff",
        other => panic!("{other}"),
    };
    assert!(bytes.starts_with(magic));
    let link = blocks.iter().find(|block| block["type"] == "resource_link").expect("a link");
    assert_eq!(link["uri"], asset["uri"]);
}

fn decode(base64: &Value) -> Vec<u8> {
    BASE64_STANDARD.decode(base64.as_str().expect("base64")).unwrap()
}

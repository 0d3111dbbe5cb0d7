use serde_json::{Value, json};

use crate::client::{
    CLIENT, Frame, Socket, get, image_prompt, kinds, post, quick_sim, sampling_prompt, submit,
    texts,
};

async fn history_of(sim: &comfy_sim::Sim, id: &str) -> Value {
    get(sim, &format!("/history/{id}")).await.json()[id].clone()
}

async fn run(sim: &comfy_sim::Sim, prompt: Value) -> (String, Vec<Frame>) {
    let mut socket = Socket::open(sim, CLIENT).await;
    let id = submit(sim, &json!({"prompt": prompt, "client_id": CLIENT})).await;
    let frames = socket.until_done(&id).await;
    (id, frames)
}

#[tokio::test]
async fn a_saved_picture_has_its_pixels_and_its_prompt() {
    let sim = quick_sim().await;
    let body = json!({
        "prompt": image_prompt(0x0010_2030),
        "client_id": CLIENT,
        "extra_data": {"extra_pnginfo": {"workflow": {"id": "wf", "title": "é"}}},
    });
    let mut socket = Socket::open(&sim, CLIENT).await;
    let id = submit(&sim, &body).await;
    socket.until_done(&id).await;
    let item = history_of(&sim, &id).await["outputs"]["3"]["images"][0].clone();
    assert_eq!(item, json!({"filename": "img_00001_.png", "subfolder": "", "type": "output"}));
    let png = get(&sim, "/view?filename=img_00001_.png").await;
    assert_eq!((png.status, png.content_type.as_deref()), (200, Some("image/png")));
    let decoded = image::load_from_memory(&png.body).unwrap().to_rgb8();
    assert_eq!((decoded.dimensions(), decoded.get_pixel(5, 5).0), ((128, 96), [0x10, 0x20, 0x30]));
    let reader = png::Decoder::new(std::io::Cursor::new(&png.body)).read_info().unwrap();
    let texts = &reader.info().uncompressed_latin1_text;
    let text = |key: &str| {
        texts.iter().find(|chunk| chunk.keyword == key).map(|chunk| chunk.text.clone()).unwrap()
    };
    assert_eq!(serde_json::from_str::<Value>(&text("prompt")).unwrap(), image_prompt(0x0010_2030));
    assert_eq!(text("workflow"), r#"{"id": "wf", "title": "\u00e9"}"#);
    sim.stop().await;
}

#[tokio::test]
async fn a_second_run_is_cached_and_names_the_same_files() {
    let sim = quick_sim().await;
    let (_, first) = run(&sim, image_prompt(7)).await;
    let (id, second) = run(&sim, image_prompt(7)).await;
    let executed = |frames: &[Frame]| -> Vec<Value> {
        texts(frames)
            .into_iter()
            .filter(|event| event["type"] == "executed")
            .map(|event| event["data"]["output"].clone())
            .collect()
    };
    assert_eq!(executed(&second).len(), 2);
    assert!(executed(&second).iter().all(|output| executed(&first).contains(output)));
    let cached =
        texts(&second).into_iter().find(|event| event["type"] == "execution_cached").unwrap();
    assert_eq!(cached["data"]["nodes"], json!(["1", "2", "3", "4"]));
    assert_eq!(history_of(&sim, &id).await["status"]["status_str"], "success");
    // Freed memory forgets results, and new files are written.
    assert_eq!(post(&sim, "/free", &json!({"free_memory": true})).await.status, 200);
    let (_, third) = run(&sim, image_prompt(7)).await;
    assert!(executed(&third).iter().all(|output| !executed(&first).contains(output)));
    sim.stop().await;
}

#[tokio::test]
async fn a_sampled_picture_says_that_it_is_simulated_and_is_the_same_for_the_same_seed() {
    let sim = quick_sim().await;
    let mut files = Vec::new();
    for seed in [5, 6] {
        let (id, _) = run(&sim, sampling_prompt(seed, 2)).await;
        let name = history_of(&sim, &id).await["outputs"]["9"]["images"][0]["filename"]
            .as_str()
            .unwrap()
            .to_owned();
        files.push(get(&sim, &format!("/view?filename={name}")).await.body);
    }
    let pictures: Vec<_> =
        files.iter().map(|file| image::load_from_memory(file).unwrap().to_rgb8()).collect();
    assert_eq!(pictures[0].dimensions(), (128, 96));
    assert_ne!(pictures[0], pictures[1]);
    // The words stand in the one color that nothing else has.
    assert!(pictures[0].pixels().filter(|pixel| pixel.0 == [255, 220, 80]).count() > 50);
    sim.stop().await;
}

#[tokio::test]
async fn a_broken_file_and_a_class_that_cannot_be_done_end_in_an_error() {
    let sim = quick_sim().await;
    std::fs::write(sim.storage().join("input/broken.png"), b"not a picture").unwrap();
    let (id, frames) = run(
        &sim,
        json!({
            "1": {"class_type": "LoadImage", "inputs": {"image": "broken.png"}},
            "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}},
        }),
    )
    .await;
    let error = texts(&frames)
        .into_iter()
        .find(|event| event["type"] == "execution_error")
        .unwrap()["data"]
        .clone();
    assert_eq!(error["exception_type"], "PIL.UnidentifiedImageError");
    assert!(
        error["exception_message"].as_str().unwrap().starts_with("cannot identify image file '/"),
        "{error}"
    );
    assert_eq!(
        (&error["node_id"], &error["current_inputs"]),
        (&json!("1"), &json!({"image": ["broken.png"]}))
    );
    assert_eq!(get(&sim, &format!("/api/jobs/{id}")).await.json()["status"], "failed");
    let (_, frames) = run(
        &sim,
        json!({
            "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 2, "color": 0}},
            "2": {"class_type": "SaveAnimatedWEBP", "inputs": {"images": ["1", 0], "filename_prefix": "a", "fps": 6.0, "lossless": false, "quality": 80, "method": "default"}},
        }),
    )
    .await;
    let error =
        texts(&frames).into_iter().find(|event| event["type"] == "execution_error").unwrap();
    let message = "comfy-sim does not execute SaveAnimatedWEBP with loss; use a real ComfyUI\n";
    assert_eq!(error["data"]["exception_message"], message);
    sim.stop().await;
}

#[tokio::test]
async fn previews_carry_ids_only_for_clients_that_asked_for_them() {
    let sim = quick_sim().await;
    let body = |seed| json!({"prompt": sampling_prompt(seed, 2), "client_id": CLIENT, "extra_data": {"preview_method": "auto"}});
    let mut socket = Socket::open(&sim, CLIENT).await;
    let id = submit(&sim, &body(1)).await;
    let frames = socket.until_done(&id).await;
    let previews: Vec<&Vec<u8>> = frames
        .iter()
        .filter_map(|frame| if let Frame::Binary(bytes) = frame { Some(bytes) } else { None })
        .collect();
    assert_eq!(previews.len(), 2);
    assert_eq!(previews[0][..8], [0, 0, 0, 1, 0, 0, 0, 1]);
    assert_eq!(image::guess_format(&previews[0][8..]).unwrap(), image::ImageFormat::Jpeg);
    socket
        .send(&json!({"type": "feature_flags", "data": {"supports_preview_metadata": true}}))
        .await;
    assert_eq!(socket.next_event().await["type"], "feature_flags");
    let id = submit(&sim, &body(2)).await;
    assert_eq!(
        kinds(&socket.until_done(&id).await).iter().filter(|kind| *kind == "binary 4").count(),
        2
    );
    sim.stop().await;
}

#[tokio::test]
async fn a_prefix_that_leaves_the_output_folder_is_an_error_of_the_node() {
    let sim = quick_sim().await;
    let mut prompt = image_prompt(1);
    prompt["3"]["inputs"]["filename_prefix"] = json!("../../evil");
    let (id, _) = run(&sim, prompt).await;
    let status = history_of(&sim, &id).await["status"].clone();
    assert_eq!(status["status_str"], "error");
    assert!(
        status["messages"][2][1]["exception_message"]
            .as_str()
            .unwrap()
            .contains("outside the output folder"),
        "{status}"
    );
    sim.stop().await;
}

#[tokio::test]
async fn only_the_chosen_branch_of_a_switch_runs() {
    let sim = quick_sim().await;
    let empty = |color| json!({"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": color}});
    let prompt = json!({
        "1": empty(1),
        "2": empty(2),
        "3": {"class_type": "ComfySwitchNode", "inputs": {"switch": true, "on_false": ["1", 0], "on_true": ["2", 0]}},
        "4": {"class_type": "PreviewImage", "inputs": {"images": ["3", 0]}},
    });
    let (_, frames) = run(&sim, prompt).await;
    let executing: Vec<Value> = texts(&frames)
        .into_iter()
        .filter(|event| event["type"] == "executing")
        .map(|event| event["data"]["node"].clone())
        .collect();
    assert_eq!(executing, [json!("3"), json!("2"), json!("3"), json!("4"), Value::Null]);
    sim.stop().await;
}

#[tokio::test]
async fn dynamic_inputs_reach_the_node_that_resizes() {
    let sim = quick_sim().await;
    let prompt = json!({
        "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 32, "batch_size": 1, "color": 5}},
        "2": {"class_type": "ResizeImageMaskNode", "inputs": {"input": ["1", 0], "resize_type": "scale longer dimension", "resize_type.longer_size": 128, "scale_method": "area"}},
        "3": {"class_type": "GetImageSize", "inputs": {"image": ["2", 0]}},
        "4": {"class_type": "PreviewAny", "inputs": {"source": ["3", 1]}},
    });
    let (id, _) = run(&sim, prompt).await;
    assert_eq!(history_of(&sim, &id).await["outputs"]["4"], json!({"text": ["64"]}));
    sim.stop().await;
}

//! Placeholders of 3D models, from the decoder to the file.

use serde_json::{Value, json};

use crate::client::{CLIENT, Reply, Socket, get, quick_sim, submit, texts};

/// What a sampler would give, with a seed of its own.
fn sampled(seed: u64, batch: u32) -> Value {
    json!({
        "1": {"class_type": "ImageOnlyCheckpointLoader", "inputs": {"ckpt_name": "hunyuan_3d_v2.1.safetensors"}},
        "2": {"class_type": "EmptyImage", "inputs": {"width": 96, "height": 64, "batch_size": 1, "color": 0xff_0000}},
        "3": {"class_type": "CLIPVisionEncode", "inputs": {"clip_vision": ["1", 1], "image": ["2", 0], "crop": "none"}},
        "4": {"class_type": "Hunyuan3Dv2Conditioning", "inputs": {"clip_vision_output": ["3", 0]}},
        "5": {"class_type": "EmptyLatentHunyuan3Dv2", "inputs": {"resolution": 3072, "batch_size": batch}},
        "6": {"class_type": "KSampler", "inputs": {
            "model": ["1", 0], "seed": seed, "steps": 1, "cfg": 5.0, "sampler_name": "euler", "scheduler": "normal",
            "positive": ["4", 0], "negative": ["4", 1], "latent_image": ["5", 0], "denoise": 1.0,
        }},
    })
}

fn with(mut prompt: Value, nodes: &Value) -> Value {
    prompt.as_object_mut().unwrap().extend(nodes.as_object().unwrap().clone());
    prompt
}

fn mesh(seed: u64, batch: u32) -> Value {
    let nodes = json!({
        "7": {"class_type": "VAEDecodeHunyuan3D", "inputs": {
            "samples": ["6", 0], "vae": ["1", 2], "num_chunks": 8000, "octree_resolution": 256,
        }},
        "8": {"class_type": "VoxelToMesh", "inputs": {"voxel": ["7", 0], "algorithm": "surface net", "threshold": 0.6}},
        "9": {"class_type": "SaveGLB", "inputs": {"mesh": ["8", 0], "filename_prefix": "3d/thing"}},
    });
    with(sampled(seed, batch), &nodes)
}

fn splat(format: &str) -> Value {
    let nodes = json!({
        "7": {"class_type": "VAEDecodeTripoSplat", "inputs": {
            "samples": ["6", 0], "vae": ["1", 2], "num_gaussians": 262_144, "seed": 3,
        }},
        "8": {"class_type": "SplatToFile3D", "inputs": {"splat": ["7", 0], "format": format}},
        "9": {"class_type": "SaveGLB", "inputs": {"mesh": ["8", 0], "filename_prefix": "thing"}},
    });
    with(sampled(7, 1), &nodes)
}

/// What node 9 shows, or the message of the error.
async fn run(sim: &comfy_sim::Sim, prompt: Value) -> Result<Value, Value> {
    let mut socket = Socket::open(sim, CLIENT).await;
    let id = submit(sim, &json!({"prompt": prompt, "client_id": CLIENT})).await;
    let frames = socket.until_done(&id).await;
    if let Some(error) = texts(&frames).into_iter().find(|event| event["type"] == "execution_error")
    {
        return Err(error["data"].clone());
    }
    Ok(get(sim, &format!("/history/{id}")).await.json()[&id]["outputs"]["9"].clone())
}

async fn file(sim: &comfy_sim::Sim, item: &Value) -> Reply {
    let [name, subfolder] = ["filename", "subfolder"].map(|key| item[key].as_str().unwrap());
    let file = get(sim, &format!("/view?filename={name}&subfolder={subfolder}&type=output")).await;
    assert_eq!(file.status, 200);
    file
}

#[tokio::test]
async fn each_mesh_of_a_batch_is_a_file_that_says_that_it_is_a_placeholder() {
    let sim = quick_sim().await;
    let shown = run(&sim, mesh(7, 2)).await.unwrap();
    let item = |name: &str| json!({"filename": name, "subfolder": "3d", "type": "output"});
    assert_eq!(shown, json!({"3d": [item("thing_00001_.glb"), item("thing_00002_.glb")]}));
    let first = file(&sim, &shown["3d"][0]).await.body;
    assert!(first.starts_with(b"glTF\x02\0\0\0"));
    let length = usize::try_from(u32::from_le_bytes(first[12..16].try_into().unwrap())).unwrap();
    let scene: Value = serde_json::from_slice(&first[20..20 + length]).unwrap();
    assert!(scene["scenes"][0]["name"].as_str().unwrap().starts_with("SIMULATED"));
    let prompt = scene["asset"]["extras"]["prompt"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(prompt).unwrap(), mesh(7, 2));
    assert_ne!(first, file(&sim, &shown["3d"][1]).await.body);
    sim.stop().await;
}

#[tokio::test]
async fn a_splat_is_a_file_that_says_that_it_is_a_placeholder_in_the_one_format_that_is_written() {
    let sim = quick_sim().await;
    let shown = run(&sim, splat("ply")).await.unwrap();
    let item = json!({"filename": "thing_00001_.ply", "subfolder": "", "type": "output"});
    assert_eq!(shown, json!({"3d": [item]}));
    let ply = file(&sim, &shown["3d"][0]).await.body;
    assert!(ply.starts_with(b"ply\nformat binary_little_endian 1.0\ncomment SIMULATED"));
    for format in ["ksplat", "spz"] {
        let error = run(&sim, splat(format)).await.unwrap_err();
        assert_eq!(
            (&error["node_id"], &error["exception_type"]),
            (&json!("8"), &json!("NotImplementedError"))
        );
        assert!(error["exception_message"].as_str().unwrap().contains(format), "{error}");
    }
    sim.stop().await;
}

#[tokio::test]
async fn other_nodes_take_no_shape_for_a_real_one() {
    let sim = quick_sim().await;
    let mut prompt = mesh(7, 1);
    prompt["8b"] = json!({"class_type": "MeshToFile3D", "inputs": {"mesh": ["8", 0]}});
    prompt["9"]["inputs"]["mesh"] = json!(["8b", 0]);
    let error = run(&sim, prompt).await.unwrap_err();
    assert_eq!(
        (&error["node_id"], &error["exception_type"]),
        (&json!("8b"), &json!("NotImplementedError"))
    );
    sim.stop().await;
}

fn cutout(mask: &Value) -> Value {
    json!({
        "1": {"class_type": "EmptyImage", "inputs": {"width": 96, "height": 48, "batch_size": 1, "color": 0xff_0000}},
        "2": {"class_type": "LoadBackgroundRemovalModel", "inputs": {"bg_removal_name": "birefnet.safetensors"}},
        "3": {"class_type": "RemoveBackground", "inputs": {"bg_removal_model": ["2", 0], "image": ["1", 0]}},
        "4": {"class_type": "SolidMask", "inputs": {"value": 0.0, "width": 96, "height": 48}},
        "5": {"class_type": "TripoSplatPreprocessImage", "inputs": {
            "image": ["1", 0], "mask": mask, "erode_radius": 1, "size": 304,
        }},
        "9": {"class_type": "SaveImage", "inputs": {"images": ["5", 0], "filename_prefix": "cutout"}},
    })
}

#[tokio::test]
async fn nothing_is_cut_out_and_the_picture_for_a_splat_is_a_marked_square() {
    let sim = quick_sim().await;
    let listed = get(&sim, "/models/background_removal").await.json();
    assert_eq!(listed, json!(["birefnet.safetensors"]));
    let shown = run(&sim, cutout(&json!(["3", 0]))).await.unwrap();
    let png = file(&sim, &shown["images"][0]).await.body;
    let picture = image::load_from_memory(&png).unwrap().to_rgb8();
    assert_eq!(picture.dimensions(), (304, 304));
    let pixel = |x, y| picture.get_pixel(x, y).0;
    assert_eq!((pixel(152, 152), pixel(152, 290), pixel(10, 152)), ([255, 0, 0], [0; 3], [0; 3]));
    assert!(picture.pixels().any(|pixel| pixel.0 == [255; 3]), "it has no mark");
    let error = run(&sim, cutout(&json!(["4", 0]))).await.unwrap_err();
    assert_eq!((&error["node_id"], &error["exception_type"]), (&json!("5"), &json!("ValueError")));
    sim.stop().await;
}

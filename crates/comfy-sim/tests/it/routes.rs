use comfy_sim::{Moment, Sim, SimMemory, SimOptions};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::client::{
    CLIENT, Reply, get, http, image_prompt, post, quick_sim, sampling_prompt, submit,
};

fn png(width: u32, height: u32, pixel: [u8; 4]) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::RgbaImage::from_pixel(width, height, image::Rgba(pixel))
        .write_to(&mut bytes, image::ImageFormat::Png)
        .unwrap();
    bytes.into_inner()
}

async fn upload(
    sim: &Sim,
    route: &str,
    (name, bytes): (&str, Vec<u8>),
    fields: &[(&'static str, &str)],
) -> Reply {
    let form = fields
        .iter()
        .fold(Form::new(), |form, (name, value)| form.text(*name, (*value).to_owned()));
    let form = form.part("image", Part::bytes(bytes).file_name(name.to_owned()));
    Reply::of(http().post(format!("{}{route}", sim.url())).multipart(form).send().await.unwrap())
        .await
}

#[tokio::test]
async fn uploads_keep_names_apart_and_inside() {
    let sim = quick_sim().await;
    let (red, blue) = (png(32, 24, [255, 0, 0, 255]), png(32, 24, [0, 0, 255, 255]));
    let name = |reply: &Reply| reply.json()["name"].as_str().unwrap().to_owned();
    let image = "/upload/image";
    let first = upload(&sim, image, ("pic.png", red.clone()), &[]).await;
    assert_eq!(first.json(), json!({"name": "pic.png", "subfolder": "", "type": "input"}));
    assert_eq!(name(&upload(&sim, image, ("pic.png", red.clone()), &[]).await), "pic.png");
    assert_eq!(name(&upload(&sim, image, ("pic.png", blue.clone()), &[]).await), "pic (1).png");
    let fields = [("overwrite", "true"), ("subfolder", "sub/dir")];
    let deep = upload(&sim, image, ("pic.png", blue.clone()), &fields).await;
    assert_eq!(deep.json(), json!({"name": "pic.png", "subfolder": "sub/dir", "type": "input"}));
    let outside =
        upload(&sim, image, ("pic.png", red.clone()), &[("subfolder", "../../etc")]).await;
    assert_eq!((outside.status, outside.content_type), (400, None));
    assert_eq!(upload(&sim, image, ("pic.png", red), &[("type", "bogus")]).await.status, 500);
    let listed = get(&sim, "/object_info/LoadImage").await.json()["LoadImage"]["input"]["required"]
        ["image"][0]
        .clone();
    assert_eq!(listed, json!(["pic (1).png", "pic.png"]));
    sim.stop().await;
}

#[tokio::test]
async fn a_mask_gives_its_transparency_to_the_original() {
    let sim = quick_sim().await;
    upload(&sim, "/upload/image", ("pic.png", png(4, 4, [255, 0, 0, 255])), &[]).await;
    let mask = ("pic.png", png(4, 4, [0, 0, 0, 70]));
    let reference = r#"{"filename": "pic.png", "type": "input"}"#;
    let reply = upload(
        &sim,
        "/upload/mask",
        mask.clone(),
        &[("original_ref", reference), ("subfolder", "clipspace")],
    )
    .await;
    assert_eq!(reply.json(), json!({"name": "pic.png", "subfolder": "clipspace", "type": "input"}));
    let masked = get(&sim, "/view?filename=pic.png&type=input&subfolder=clipspace").await;
    assert_eq!(
        image::load_from_memory(&masked.body).unwrap().to_rgba8().get_pixel(1, 1).0,
        [255, 0, 0, 70]
    );
    // A reference to nothing is answered as if it had worked.
    let lost = r#"{"filename": "lost.png", "type": "input"}"#;
    assert_eq!(
        upload(&sim, "/upload/mask", ("lost.png", mask.1.clone()), &[("original_ref", lost)])
            .await
            .status,
        200
    );
    assert_eq!(get(&sim, "/view?filename=lost.png&type=input").await.status, 404);
    assert_eq!(upload(&sim, "/upload/mask", mask, &[]).await.status, 500);
    sim.stop().await;
}

#[tokio::test]
async fn files_are_viewed_as_they_are_or_encoded_anew() {
    let sim = quick_sim().await;
    upload(&sim, "/upload/image", ("pic.png", png(8, 6, [9, 8, 7, 100])), &[]).await;
    std::fs::write(sim.storage().join("input/evil.svg"), b"<svg/>").unwrap();
    let view = async |query: &str| get(&sim, &format!("/view?{query}")).await;
    let raw = view("filename=pic.png&type=input").await;
    assert_eq!((raw.status, raw.content_type.as_deref()), (200, Some("image/png")));
    assert_eq!(raw.headers["content-disposition"], "filename=\"pic.png\"");
    assert!(raw.headers["last-modified"].to_str().unwrap().ends_with(" GMT"));
    assert_eq!(view("filename=pic.png [input]").await.body, raw.body);
    for (query, content_type) in [
        ("preview=webp;80", "image/webp"),
        ("preview=jpeg;90", "image/jpeg"),
        ("channel=rgb", "image/png"),
    ] {
        let reply = view(&format!("filename=pic.png&type=input&{query}")).await;
        assert_eq!(
            (reply.status, reply.content_type.as_deref()),
            (200, Some(content_type)),
            "{query}"
        );
        assert_eq!(image::load_from_memory(&reply.body).unwrap().width(), 8, "{query}");
    }
    let alpha = view("filename=pic.png&type=input&channel=a").await;
    assert_eq!(
        image::load_from_memory(&alpha.body).unwrap().to_rgba8().get_pixel(0, 0).0,
        [0, 0, 0, 100]
    );
    let svg = view("filename=evil.svg&type=input").await;
    assert_eq!(svg.content_type.as_deref(), Some("application/octet-stream"));
    assert_eq!(svg.headers["content-disposition"], "attachment; filename=\"evil.svg\"");
    for (query, status) in [
        ("filename=nope.png&type=input", 404),
        ("filename=../../main.py&type=input", 400),
        ("filename=pic.png&type=bogus", 400),
        ("type=input", 404),
        ("filename=pic.png&type=input&subfolder=../..", 403),
        ("filename=evil.svg&type=input&preview=webp", 500),
    ] {
        assert_eq!(view(query).await.status, status, "{query}");
    }
    let part = http()
        .get(format!("{}/view?filename=pic.png&type=input", sim.url()))
        .header("range", "bytes=1-3")
        .send()
        .await
        .unwrap();
    let part = Reply::of(part).await;
    assert_eq!((part.status, part.body.as_slice()), (206, b"PNG".as_slice()));
    sim.stop().await;
}

#[tokio::test]
async fn unknown_paths_and_methods_are_those_of_the_static_root() {
    let sim = quick_sim().await;
    let missing = get(&sim, "/nope").await;
    assert_eq!(
        (missing.status, missing.content_type.as_deref(), missing.body.len()),
        (404, Some("application/octet-stream"), 0)
    );
    assert_eq!(get(&sim, "/interrupt").await.status, 404);
    let wrong = post(&sim, "/nope", &json!({})).await;
    assert_eq!((wrong.status, wrong.text()), (405, "405: Method Not Allowed".to_owned()));
    assert_eq!(wrong.headers["allow"], "GET,HEAD");
    assert_eq!(get(&sim, "/jobs").await.status, 404);
    assert_eq!(get(&sim, "/api/assets?limit=2").await.status, 503);
    let preflight = http()
        .request(reqwest::Method::OPTIONS, format!("{}/anything", sim.url()))
        .send()
        .await
        .unwrap();
    assert_eq!(preflight.status(), 200);
    sim.stop().await;
}

#[tokio::test]
async fn a_page_of_another_origin_is_turned_away() {
    let sim = quick_sim().await;
    let asked = async |origin: &str| {
        http()
            .get(format!("{}/queue", sim.url()))
            .header("origin", origin)
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    assert_eq!(asked("https://evil.example").await, 403);
    assert_eq!(asked(&sim.url()).await, 200);
    sim.stop().await;
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let sim =
        Sim::start(SimOptions { body_bytes_max: 1000, ..SimOptions::default() }).await.unwrap();
    let reply = post(&sim, "/prompt", &json!({"prompt": "x".repeat(2000)})).await;
    assert_eq!(
        (reply.status, reply.content_type.as_deref()),
        (413, Some("text/plain; charset=utf-8"))
    );
    assert!(
        reply.text().starts_with("Maximum request body size 1000 exceeded"),
        "{}",
        reply.text()
    );
    assert_eq!(upload(&sim, "/upload/image", ("a.png", vec![0; 2000]), &[]).await.status, 413);
    assert_eq!(get(&sim, "/features").await.json()["max_upload_size"], 1000);
    sim.stop().await;
}

#[tokio::test]
async fn the_queue_is_a_heap_and_numbers_come_back_as_they_were_made() {
    let sim = quick_sim().await;
    let gate = sim.hold(Moment::NextPrompt);
    let send = async |extra: Value| {
        let mut body = json!({"prompt": image_prompt(3)});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        post(&sim, "/prompt", &body).await.json()["number"].clone()
    };
    assert_eq!(send(json!({})).await, json!(0));
    gate.reached().await;
    assert_eq!(send(json!({"number": 5})).await.to_string(), "5.0");
    assert_eq!(send(json!({"number": "1"})).await.to_string(), "1.0");
    assert_eq!(send(json!({"front": true})).await, json!(-1));
    assert_eq!(send(json!({})).await, json!(2));
    let queue = get(&sim, "/queue").await.json();
    let numbers: Vec<f64> = queue["queue_pending"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item[0].as_f64().unwrap())
        .collect();
    assert_eq!(numbers, [-1.0, 2.0, 1.0, 5.0]);
    assert_eq!(get(&sim, "/prompt").await.json(), json!({"exec_info": {"queue_remaining": 5}}));
    let reply = post(&sim, "/queue", &json!({"clear": true})).await;
    assert_eq!((reply.status, reply.content_type, reply.body.len()), (200, None, 0));
    assert_eq!(get(&sim, "/queue").await.json()["queue_pending"], json!([]));
    drop(gate);
    sim.stop().await;
}

#[tokio::test]
async fn jobs_can_be_listed_filtered_and_cancelled() {
    let sim = quick_sim().await;
    let gate = sim.hold(Moment::AtStep(1));
    let running =
        submit(&sim, &json!({"prompt": sampling_prompt(1, 4), "client_id": CLIENT})).await;
    let pending = submit(&sim, &json!({"prompt": image_prompt(1), "extra_data": {"extra_pnginfo": {"workflow": {"id": "wf"}}}})).await;
    gate.reached().await;
    let listed = get(&sim, "/api/jobs?status=pending,in_progress&sort_order=asc").await.json();
    assert_eq!(
        listed["pagination"],
        json!({"offset": 0, "limit": null, "total": 2, "has_more": false})
    );
    assert_eq!(
        (&listed["jobs"][0]["id"], &listed["jobs"][0]["status"]),
        (&json!(running), &json!("in_progress"))
    );
    assert_eq!(get(&sim, "/api/jobs?workflow_id=wf").await.json()["jobs"][0]["id"], json!(pending));
    assert_eq!(
        get(&sim, "/api/jobs?limit=0").await.json(),
        json!({"error": "limit must be a positive integer"})
    );
    let cancel = async |ids: Value| post(&sim, "/api/jobs/cancel", &ids).await.json();
    assert_eq!(cancel(json!({"job_ids": [pending]})).await, json!({"cancelled": true}));
    assert_eq!(cancel(json!({"job_ids": [pending]})).await, json!({"cancelled": false}));
    assert_eq!(
        cancel(json!({"job_ids": ["x"]})).await,
        json!({"error": "job_ids contains invalid id(s)", "invalid_ids": ["x"]})
    );
    assert_eq!(get(&sim, &format!("/api/jobs/{pending}")).await.status, 404);
    gate.release();
    sim.stop().await;
}

#[tokio::test]
async fn the_server_says_what_it_is() {
    let sim = quick_sim().await;
    let stats = get(&sim, "/api/system_stats").await.json();
    assert_eq!(stats["system"]["deploy_environment"], "comfy-sim");
    assert_eq!(stats["system"]["comfyui_version"], "0.33.0");
    assert_eq!(stats["devices"][0]["name"], "comfy-sim (no device)");
    assert_eq!(
        (&stats["devices"][0]["type"], &stats["devices"][0]["vram_total"]),
        (&json!("cpu"), &json!(0))
    );
    sim.set_memory(SimMemory { kind: "cuda", total_bytes: 24, used_bytes: 17, torch_bytes: 15 });
    let stats = get(&sim, "/system_stats").await.json();
    assert_eq!(
        (&stats["devices"][0]["type"], &stats["devices"][0]["index"]),
        (&json!("cuda"), &json!(0))
    );
    assert_eq!(
        (&stats["devices"][0]["vram_free"], &stats["devices"][0]["torch_vram_total"]),
        (&json!(7), &json!(15))
    );
    assert_eq!(sim.memory_asked(), 2);
    assert!(get(&sim, "/object_info").await.json().as_object().unwrap().len() > 800);
    assert_eq!(get(&sim, "/object_info/NoSuchNode").await.json(), json!({}));
    assert!(get(&sim, "/models/checkpoints").await.json().as_array().unwrap().len() > 20);
    assert_eq!(get(&sim, "/models/nope").await.status, 404);
    sim.stop().await;
}

#[tokio::test]
async fn a_port_in_use_is_named_in_the_error() {
    let sim = quick_sim().await;
    let error = Sim::start(SimOptions { address: sim.address(), ..SimOptions::default() })
        .await
        .unwrap_err();
    let expected = format!("cannot listen on {}; port 0 takes any free port", sim.address());
    assert_eq!(error.to_string(), expected);
    assert!(std::error::Error::source(&error).is_some());
    sim.stop().await;
}

async fn patch(sim: &Sim, route: &str, body: &'static str) -> Reply {
    Reply::of(http().patch(format!("{}{route}", sim.url())).body(body).send().await.unwrap()).await
}

#[tokio::test]
async fn the_log_is_given_as_the_real_server_gives_it() {
    let sim = quick_sim().await;
    let subscribe = "/internal/logs/subscribe";
    let taken = patch(&sim, subscribe, r#"{"clientId": "x", "enabled": true}"#).await;
    assert_eq!((taken.status, taken.content_type, taken.body.len()), (200, None, 0));
    for body in
        ["{}", "[]", "nonsense", r#"{"clientId": "x"}"#, r#"{"clientId": [], "enabled": 1}"#]
    {
        assert_eq!(patch(&sim, subscribe, body).await.status, 500, "{body}");
    }
    assert_eq!(patch(&sim, subscribe, r#"{"clientId": 5, "enabled": true}"#).await.status, 200);
    assert_eq!(patch(&sim, &format!("/api{subscribe}"), "{}").await.status, 405);
    assert_eq!(get(&sim, subscribe).await.status, 405);

    submit(&sim, &json!({"prompt": image_prompt(5)})).await;
    let raw = get(&sim, "/internal/logs/raw").await.json();
    assert_eq!(raw["size"], json!({"cols": 80, "rows": 24}));
    let lines = raw["entries"].as_array().unwrap();
    assert_eq!(lines[1]["m"], "\u{1b}[32m[INFO]\u{1b}[0m got prompt\n", "{raw}");
    let whole = get(&sim, "/internal/logs").await.json();
    let first = format!("{} - ", lines[0]["t"].as_str().unwrap());
    assert!(whole.as_str().unwrap().starts_with(&first), "{whole}");
    sim.stop().await;
}

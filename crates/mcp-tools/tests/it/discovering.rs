//! Models, nodes, templates, health.

use serde_json::json;

use crate::bench::{Bench, sampling_workflow};

#[tokio::test]
async fn health_says_that_the_server_is_simulated() {
    let bench = Bench::start().await;
    let health = bench.wire().await.succeed("comfyui_health_check", json!({})).await;
    assert_eq!((&health["simulated"], &health["version"]), (&json!(true), &json!("0.33.0")));
}

#[tokio::test]
async fn models_are_listed_in_pages_and_by_kind() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    let kinds = wire.succeed("list_models", json!({"limit": 500})).await;
    assert!(kinds["items"].as_array().expect("a list").contains(&json!("checkpoints")));

    let total = kinds["total"].as_u64().expect("a number");
    let first = wire.succeed("list_models", json!({"limit": "1"})).await;
    assert_eq!(
        (first["items"].as_array().map(Vec::len), first["total"].as_u64()),
        (Some(1), Some(total))
    );
    let cursor = first["next_cursor"].clone();
    let second = wire.succeed("list_models", json!({"limit": 1.0, "cursor": cursor})).await;
    assert_eq!(second["items"][0], kinds["items"][1]);

    let files = wire.succeed("list_checkpoints", json!({})).await;
    assert_eq!(files["kind"], "checkpoints");
    assert_eq!(files, wire.succeed("list_models", json!({"kind": "checkpoints"})).await);
}

#[tokio::test]
async fn every_alias_answers() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    for (alias, arguments) in [
        ("list_checkpoints", json!({})),
        ("list_unets", json!({})),
        ("list_loras", json!({})),
        ("list_vaes", json!({})),
        ("list_controlnets", json!({})),
        ("list_templates", json!({})),
        ("health_check", json!({})),
        ("comfyui_status", json!({})),
        ("get_workflow_template", json!({"name": "sd15_txt2img"})),
        ("execute_workflow_with_progress", json!({"workflow": sampling_workflow()})),
    ] {
        wire.succeed(alias, arguments).await;
    }
    let job = json!({"job_id": "0197f1ce-3c5a-7000-8000-00000000002a"});
    for (alias, arguments, code) in [
        ("generate_image", json!({"prompt": "x", "template": "none"}), "TEMPLATE_NOT_FOUND"),
        ("query_job_status", job.clone(), "JOB_NOT_FOUND"),
        ("get_job", job, "JOB_NOT_FOUND"),
        ("view_image", json!({"asset_id": "x"}), "VALIDATION_ERROR"),
        ("list_loras", json!({"kind": "vae"}), "VALIDATION_ERROR"),
    ] {
        assert_eq!(wire.fail(alias, arguments).await["code"], code, "{alias}");
    }
}

#[tokio::test]
async fn nodes_are_found_and_described() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    let found = wire.succeed("search_nodes", json!({"query": "ksampler", "limit": 3})).await;
    assert_eq!(found["items"][0]["class_type"], "KSampler", "{found}");
    assert!(found["total"].as_u64().expect("a number") > 1);

    let info = wire.succeed("get_node_info", json!({"class_type": "KSampler"})).await;
    assert_eq!(info["definition"]["input"]["required"]["seed"][1]["max"], json!(u64::MAX));
}

#[tokio::test]
async fn a_template_can_be_filled_in_and_run() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    let list = wire.succeed("list_workflow_templates", json!({"task": "text-to-image"})).await;
    assert!(list["total"].as_u64().expect("a number") >= 3, "{list}");
    let template = wire.succeed("get_template", json!({"name": "sd15_txt2img"})).await;
    assert!(
        template["parameters"]
            .as_array()
            .expect("a list")
            .iter()
            .any(|parameter| { parameter["name"] == "prompt" && parameter["required"] == true })
    );

    let parameters = json!({"prompt": "a fox", "seed": "18446744073709551615", "steps": 2});
    let arguments = json!({"template": "sd15_txt2img", "parameters": parameters.to_string()});
    let filled = wire.succeed("create_workflow_from_template", arguments).await;
    assert_eq!(filled["seed"], json!(u64::MAX));
    assert_eq!(filled["parameters"]["steps"], 2);
    assert_eq!(filled["workflow"]["6"]["inputs"]["text"], "a fox");
}

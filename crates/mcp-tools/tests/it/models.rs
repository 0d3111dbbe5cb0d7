//! What is known of models, as a client asks for it.

use comfy_sim::{Sim, SimOptions};
use mcp_tools::{Selection, Server};
use serde_json::{Value, json};

use crate::{
    bench::{Bench, deserted, factory, sampling_workflow, telling_all},
    wire::Wire,
};

/// Larger answers fill the memory of an agent.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

fn check(name: &str, failure: &Value) {
    insta::assert_json_snapshot!(name, failure);
}

#[tokio::test]
async fn every_tool_answers_on_the_real_data_as_its_schema_says() {
    let bench = Bench::start().await;
    let schemas: Vec<(String, Value)> = telling_all(bench.factory.clone())
        .tools()
        .iter()
        .map(|tool| (tool.name.to_string(), json!(tool.output_schema)))
        .collect();
    let mut wire = bench.wire().await;
    let calls = [
        ("get_sota_models", json!({"category": "video", "limit": 5})),
        ("get_sota_models", json!({"task": "text-to-image", "runs": "local"})),
        ("get_sota_models", json!({})),
        ("check_model_freshness", json!({"model": "sd1.5"})),
        ("get_model_settings", json!({"model": "wan 2.2", "variant": "i2v"})),
        ("get_model_constraints", json!({"model": "wan-2.2-14b/t2v"})),
        ("get_model_settings", json!({"model": "kling"})),
        ("check_model_fits", json!({"model": "flux1-dev", "total_vram_gb": 24})),
        ("check_model_fits", json!({"model": "kling", "total_vram_gb": 24})),
        ("search_models", json!({"query": "wan 2.2"})),
        ("recommend_model", json!({"task_description": "a portrait in oil, 8 GB"})),
        ("recommend_model", json!({"task": "image-to-video", "alternatives": 10})),
        ("estimate_vram", json!({"workflow": sampling_workflow(), "total_vram_gb": "8"})),
    ];
    for (name, arguments) in calls {
        let result = wire.succeed(name, arguments.clone()).await;
        let bytes = result.to_string().len();
        assert!(bytes <= ANSWER_BYTES_MAX, "{name} {arguments}: {bytes} bytes");
        let listed = if name == "get_model_constraints" { "get_model_settings" } else { name };
        let schema = schemas.iter().find(|(known, _)| known == listed).expect("it is listed");
        jsonschema::validate(&schema.1, &result).expect("as it says");
    }
}

#[tokio::test]
async fn every_model_is_told_within_bounds() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    for family in mediafactory::models::registry().expect("good data").families() {
        let told = wire.succeed("get_model_settings", json!({"model": family.name})).await;
        assert_eq!(told["model"], family.name.as_str());
        let bytes = told.to_string().len();
        assert!(bytes <= ANSWER_BYTES_MAX, "{}: {bytes} bytes", family.name);
        let fits = json!({"model": family.name, "total_vram_gb": 24});
        let fits = wire.succeed("check_model_fits", fits).await;
        assert!(fits["verdict"].is_string(), "{fits}");
    }
}

#[tokio::test]
async fn what_is_wrong_is_told_with_the_nearest_choice() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    let cases = [
        ("unknown_category", "get_sota_models", json!({"category": "vidio"})),
        ("unknown_task", "get_sota_models", json!({"task": "text-to-vidoe"})),
        ("unknown_model", "get_model_settings", json!({"model": "flux1-dve"})),
        ("shared_file", "check_model_freshness", json!({"model": "clip_l.safetensors"})),
        ("unknown_variant", "get_model_settings", json!({"model": "wan 2.2", "variant": "i2w"})),
        ("negative_memory", "check_model_fits", json!({"model": "sdxl", "total_vram_gb": -8})),
        ("no_memory_at_all", "check_model_fits", json!({"model": "sdxl"})),
        (
            "more_free_than_there_is",
            "check_model_fits",
            json!({"model": "sdxl", "total_vram_gb": 8, "free_vram_gb": 9}),
        ),
        (
            "misspelt_argument",
            "estimate_vram",
            json!({"workflow": sampling_workflow(), "vram_gb": 8}),
        ),
    ];
    for (name, tool, arguments) in cases {
        check(name, &wire.fail(tool, arguments).await);
    }
}

#[tokio::test]
async fn the_data_answers_without_a_server() {
    let (server, _nowhere) = deserted().await;
    let mut wire = Wire::open(server).await;
    let current = wire.succeed("get_sota_models", json!({"task": "text-to-video"})).await;
    assert!(current["total"].as_u64() > Some(3), "{current}");
    assert!(current["items"][0].get("installed").is_none());
    let note = current["notes"][0].as_str().expect("a note");
    assert!(note.starts_with("which files default has is not known: "), "{note}");
    let fits = json!({"model": "sdxl", "total_vram_gb": 24});
    let fits = wire.succeed("check_model_fits", fits).await;
    let notes = fits["notes"].as_array().expect("notes");
    assert!(notes.iter().any(|told| told == note), "{fits}");
}

#[tokio::test]
async fn sizes_of_files_are_those_that_the_server_tells() {
    let options = SimOptions { model_bytes: 6 << 30, ..SimOptions::default() };
    let sim = Sim::start(options).await.expect("a free port");
    let (factory, _folder) = factory(&sim.url()).await;
    let server = Server::new(factory, &Selection::default()).expect("no names");
    let mut wire = Wire::open(server).await;
    let workflow = json!({
        "1": {"class_type": "UNETLoader", "inputs": {"unet_name": "anima-base-v1.0.safetensors"}},
        "2": {"class_type": "KSampler", "inputs": {
            "model": ["1", 0], "positive": ["9", 0], "latent_image": ["8", 0], "seed": 1}}
    });
    let given = json!({"workflow": workflow, "total_vram_gb": 8});
    let estimate = wire.succeed("estimate_vram", given).await;
    let stages = estimate["stages"].as_array().expect("a list");
    let sampling = stages.iter().find(|stage| stage["stage"] == "sampling").expect("one");
    let model = &sampling["models"][0];
    assert_eq!(
        (&model["bytes"], &model["known_by"]),
        (&json!(6_u64 << 30), &json!("size of the file"))
    );
}

#[tokio::test]
async fn advice_stands_beside_a_verdict_and_does_not_change_it() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    let workflow = json!({
        "1": {"class_type": "UNETLoader", "inputs": {"unet_name": "flux1-dev.safetensors", "weight_dtype": "default"}},
        "2": {"class_type": "DualCLIPLoader", "inputs": {
            "clip_name1": "clip_l.safetensors", "clip_name2": "t5xxl_fp16.safetensors", "type": "sdxl"}},
    });
    let told = wire.succeed("validate_workflow", json!({"workflow": workflow})).await;
    assert_eq!(told["advice"][0]["rule"], "encoder_type", "{told}");
    assert_eq!(
        (&told["advice"][0]["node"], &told["advice"][0]["input"]),
        (&json!("2"), &json!("type"))
    );
    assert!(told["advice"][0]["source"].as_str().is_some_and(|source| !source.is_empty()));
    let plain = wire.succeed("validate_workflow", json!({"workflow": sampling_workflow()})).await;
    assert_eq!((&plain["valid"], plain.get("advice")), (&json!(true), None));
}

#[tokio::test]
async fn tools_that_are_not_listed_can_be_called_unless_the_operator_chose() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    assert!(!bench.server.tools().iter().any(|tool| tool.name == "search_models"));
    let found = wire.succeed("search_models", json!({"query": "flux"})).await;
    assert!(found["total"].as_u64() > Some(3));
    let enabled = wire.succeed("enable_toolset", json!({"toolset": "models"})).await;
    assert_eq!(enabled["tools"].as_array().map(Vec::len), Some(5));
    let selection =
        Selection { toolsets: vec![mcp_tools::Toolset::Assets], ..Selection::default() };
    let server = Server::new(bench.factory.clone(), &selection).expect("no names");
    let call = json!({"name": "search_models", "arguments": {"query": "flux"}});
    let refused = Wire::open(server).await.request("tools/call", call).await;
    assert_eq!(refused["error"]["code"], -32602, "{refused}");
}

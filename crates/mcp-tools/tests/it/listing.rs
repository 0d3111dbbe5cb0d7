//! What the lists say, and how long they are.

use mcp_tools::{Profile, Selection, Server, Toolset};
use serde_json::{Value, json};

use crate::{
    bench::{Bench, telling_all},
    wire::Wire,
};

/// What an agent pays for the list of tools before it does anything.
const TOOLS_BYTES_MAX: usize = 24_000;

/// The same where only the router is listed.
const ROUTER_BYTES_MAX: usize = 2_000;

/// What it pays for the instructions.
const INSTRUCTIONS_BYTES_MAX: usize = 2_000;

async fn listed(selection: &Selection) -> Vec<String> {
    let (factory, _folder) = crate::bench::factory("http://127.0.0.1:9").await;
    let server = Server::new(factory, selection).expect("known names");
    server.tools().iter().map(|tool| tool.name.to_string()).collect()
}

#[tokio::test]
async fn every_tool_has_its_snapshot() {
    let (factory, _folder) = crate::bench::factory("http://127.0.0.1:9").await;
    let router = Selection { profile: Profile::Router, ..Selection::default() };
    let router = Server::new(factory.clone(), &router).expect("no names");
    let assets = Selection { toolsets: vec![Toolset::Assets], ..Selection::default() };
    let assets = Server::new(factory.clone(), &assets).expect("no names").tools();
    let switching = assets.into_iter().filter(|tool| tool.name == "enable_toolset");
    let all = telling_all(factory).tools().into_iter().chain(router.tools());
    for tool in all.chain(switching) {
        insta::assert_json_snapshot!(tool.name.to_string(), tool);
    }
}

#[tokio::test]
async fn core_lists_what_most_sessions_need_and_full_everything() {
    let everywhere = [
        "apply_lora",
        "cancel_job",
        "comfyui_health_check",
        "convert_workflow",
        "create_workflow_from_template",
        "diff_workflows",
        "edit_workflow",
        "estimate_vram",
        "execute_workflow",
        "free_memory",
        "generate",
        "get_asset_metadata",
        "get_job_result",
        "get_node_info",
        "get_queue_status",
        "get_template",
        "get_workflow_status",
        "import_workflow",
        "inspect_workflow",
        "interrupt_execution",
        "list_assets",
        "list_backends",
        "list_jobs",
        "list_models",
        "list_workflow_templates",
        "merge_workflows",
        "search_nodes",
        "validate_and_fix_workflow",
        "validate_workflow",
        "view_output",
        "visualize_workflow",
        "wait_for_completion",
    ];
    let models = [
        "check_model_fits",
        "check_model_freshness",
        "get_model_settings",
        "get_sota_models",
        "search_models",
    ];
    let sorted = |more: &[&'static str]| {
        let mut names = [&everywhere[..], more].concat();
        names.sort_unstable();
        names
    };
    assert_eq!(listed(&Selection::default()).await, sorted(&["enable_toolset"]));
    let full = Selection { profile: Profile::Full, ..Selection::default() };
    assert_eq!(listed(&full).await, sorted(&models));
    let router = Selection { profile: Profile::Router, ..Selection::default() };
    assert_eq!(listed(&router).await, ["call_tool", "describe_tool", "list_tools"]);
}

#[tokio::test]
async fn lists_stay_short() {
    let limits = [
        (Profile::Core, TOOLS_BYTES_MAX),
        (Profile::Router, ROUTER_BYTES_MAX),
        (Profile::Full, usize::MAX),
    ];
    let (factory, _folder) = crate::bench::factory("http://127.0.0.1:9").await;
    for (profile, bytes_max) in limits {
        let selection = Selection { profile, ..Selection::default() };
        let mut wire = Wire::new(Server::new(factory.clone(), &selection).expect("no names"));
        let client = json!({"name": "t", "version": "0"});
        let hello =
            json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client});
        let answer = wire.request("initialize", hello).await;
        let instructions = answer["result"]["instructions"].as_str().expect("there are some");
        assert!(instructions.len() <= INSTRUCTIONS_BYTES_MAX, "{} bytes", instructions.len());
        wire.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
        let result = wire.request("tools/list", json!({})).await["result"].clone();
        let bytes = result.to_string().len();
        assert!(bytes <= bytes_max, "{profile}: {bytes} bytes");
        let tools = result["tools"].as_array().expect("a list");
        let telling = tools.iter().filter(|tool| tool.get("outputSchema").is_some()).count();
        assert_eq!(telling, if profile == Profile::Full { tools.len() } else { 0 }, "{profile}");
    }
}

/// Walks a schema and names every place where clients are known to stumble.
fn stumbling_blocks(schema: &Value, path: &str, found: &mut Vec<String>) {
    match schema {
        Value::Object(members) => {
            for name in ["$ref", "$defs", "oneOf", "anyOf", "allOf", "format", "$schema"] {
                if members.contains_key(name) {
                    found.push(format!("{path}: {name}"));
                }
            }
            if members.get("type").is_some_and(Value::is_array) {
                found.push(format!("{path}: several types"));
            }
            for (name, member) in members {
                let path = format!("{path}/{name}");
                match member.as_object() {
                    // Its members are names of their own, whatever they are called.
                    Some(named) if name == "properties" => {
                        named.values().for_each(|member| stumbling_blocks(member, &path, found));
                    }
                    _ => stumbling_blocks(member, &path, found),
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                stumbling_blocks(item, path, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn schemas_are_plain_and_annotations_complete() {
    let (factory, _folder) = crate::bench::factory("http://127.0.0.1:9").await;
    for tool in telling_all(factory).tools() {
        let tool = serde_json::to_value(tool).expect("JSON");
        let name = tool["name"].as_str().expect("a name");
        let mut found = Vec::new();
        stumbling_blocks(&tool["inputSchema"], "input", &mut found);
        stumbling_blocks(&tool["outputSchema"], "output", &mut found);
        assert_eq!(found, Vec::<String>::new(), "{name}");
        assert_eq!(tool["inputSchema"]["type"], "object", "{name}");
        assert_eq!(tool["inputSchema"]["additionalProperties"], false, "{name}");
        assert_eq!(tool["outputSchema"]["type"], "object", "{name}");
        assert!(tool["title"].is_string() && tool["description"].is_string(), "{name}");
        for hint in ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"] {
            assert!(tool["annotations"][hint].is_boolean(), "{name} does not say {hint}");
        }
        assert_eq!(tool["annotations"]["title"], tool["title"], "{name}");
        jsonschema::meta::validate(&tool["inputSchema"]).expect("a schema");
        jsonschema::meta::validate(&tool["outputSchema"]).expect("a schema");
    }
}

#[tokio::test]
async fn a_selection_leaves_out_what_it_does_not_name() {
    let read_only = listed(&Selection { read_only: true, ..Selection::default() }).await;
    assert!(!read_only.iter().any(|name| {
        ["generate", "execute_workflow", "cancel_job", "interrupt_execution"]
            .contains(&name.as_str())
    }));
    assert!(read_only.iter().any(|name| name == "view_output"));

    let assets = Selection { toolsets: vec![Toolset::Assets], ..Selection::default() };
    let expected = ["enable_toolset", "get_asset_metadata", "list_assets", "view_output"];
    assert_eq!(listed(&assets).await, expected);

    let both = Selection {
        allow: vec!["generate".to_owned(), "view_image".to_owned()],
        deny: vec!["generate_image".to_owned()],
        ..Selection::default()
    };
    assert_eq!(listed(&both).await, ["view_output"], "an alias stands for its tool");
}

#[tokio::test]
async fn a_selection_names_only_tools_that_there_are() {
    let (factory, _folder) = crate::bench::factory("http://127.0.0.1:9").await;
    let selection = Selection { deny: vec!["genrate".to_owned()], ..Selection::default() };
    let error = Server::new(factory, &selection).expect_err("no such tool");
    assert_eq!(error.to_string(), "there is no tool `genrate`; did you mean `generate`?");
    let error = "exeuction".parse::<Toolset>().expect_err("no such toolset");
    assert_eq!(error.to_string(), "there is no toolset `exeuction`; did you mean `execution`?");
    let error = "rooter".parse::<Profile>().expect_err("no such profile");
    assert_eq!(error.to_string(), "there is no profile `rooter`; did you mean `router`?");
}

#[tokio::test]
async fn what_is_denied_is_denied_under_every_name() {
    let bench = Bench::start().await;
    let selection = Selection { deny: vec!["list_models".to_owned()], ..Selection::default() };
    let server = Server::new(bench.factory.clone(), &selection).expect("known names");
    let mut wire = Wire::open(server).await;
    for name in ["list_models", "list_checkpoints"] {
        let answer = wire.request("tools/call", json!({"name": name, "arguments": {}})).await;
        assert_eq!(answer["error"]["code"], -32602, "{answer}");
        let message = format!("tool `{name}` is left out by whoever runs this server");
        assert_eq!(answer["error"]["message"], message);
    }
}

//! The three tools that stand before all others.

use mcp_tools::{Profile, Selection, Server};
use serde_json::{Value, json};

use crate::{
    bench::{Bench, telling_all},
    wire::Wire,
};

async fn routed(bench: &Bench, selection: Selection) -> Wire {
    let selection = Selection { profile: Profile::Router, ..selection };
    Wire::open(Server::new(bench.factory.clone(), &selection).expect("known names")).await
}

fn names(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().expect("a list");
    items.iter().map(|item| item["name"].as_str().expect("a name")).collect()
}

#[tokio::test]
async fn tools_are_found_described_and_called() {
    let bench = Bench::start().await;
    let mut wire = routed(&bench, Selection::default()).await;
    let list = wire.succeed("list_tools", json!({"limit": 100})).await;
    let listed: Vec<String> = telling_all(bench.factory.clone())
        .tools()
        .iter()
        .map(|tool| tool.name.to_string())
        .collect();
    assert_eq!(names(&list), listed);
    let templates = wire.succeed("list_tools", json!({"toolset": "templates", "limit": 1})).await;
    assert_eq!((&templates["total"], names(&templates).len()), (&json!(3), 1));

    let described = wire.succeed("describe_tool", json!({"name": "view_image"})).await;
    assert_eq!(described["tool"]["name"], "view_output");
    assert_eq!(described["aliases"], json!(["view_image"]));
    assert_eq!(described["tool"]["inputSchema"]["required"], json!(["asset_id"]));

    let call = json!({"name": "list_checkpoints", "arguments": {"limit": "1"}});
    let called = wire.succeed("call_tool", call).await;
    assert_eq!(called["kind"], "checkpoints");
    assert_eq!(called["items"].as_array().map(Vec::len), Some(1));
    let text = json!({"name": "comfyui_health_check", "arguments": "{}"});
    assert_eq!(wire.succeed("call_tool", text).await["simulated"], true);
}

#[tokio::test]
async fn progress_and_pictures_come_through() {
    let bench = Bench::start().await;
    let mut wire = routed(&bench, Selection::default()).await;
    let workflow = crate::bench::sampling_workflow();
    let arguments = json!({"name": "execute_workflow", "arguments": {"workflow": workflow}});
    let params =
        json!({"name": "call_tool", "arguments": arguments, "_meta": {"progressToken": 7}});
    let answer = wire.request("tools/call", params).await;
    let made = &answer["result"]["structuredContent"];
    assert_eq!(made["state"], "succeeded", "{answer}");
    assert!(!wire.notifications.is_empty(), "there was progress");
    let view =
        json!({"name": "view_output", "arguments": {"asset_id": made["assets"][0]["asset_id"]}});
    let shown = wire.call("call_tool", view).await;
    assert_eq!(shown["content"][1]["type"], "image", "{shown}");
}

#[tokio::test]
async fn what_is_left_out_is_left_out_behind_the_router_too() {
    let bench = Bench::start().await;
    let selection =
        Selection { read_only: true, deny: vec!["list_models".to_owned()], ..Selection::default() };
    let mut wire = routed(&bench, selection).await;
    for name in ["generate", "generate_image", "list_models", "list_loras"] {
        for (tool, arguments) in [
            ("call_tool", json!({"name": name, "arguments": {}})),
            ("describe_tool", json!({"name": name})),
        ] {
            let failure = wire.fail(tool, arguments).await;
            assert_eq!(failure["code"], "FORBIDDEN", "{failure}");
        }
    }
    let list = wire.succeed("list_tools", json!({"limit": 100})).await;
    assert!(!names(&list).contains(&"generate") && names(&list).contains(&"validate_workflow"));
    let tools = wire.request("tools/list", json!({})).await;
    let call_tool = &tools["result"]["tools"][0];
    assert_eq!(call_tool["annotations"]["readOnlyHint"], true, "{call_tool}");
}

#[tokio::test]
async fn wrong_names_and_arguments_are_told() {
    let bench = Bench::start().await;
    let mut wire = routed(&bench, Selection::default()).await;
    let failure = wire.fail("call_tool", json!({"name": "genrate"})).await;
    assert_eq!(failure["code"], "VALIDATION_ERROR");
    assert_eq!(failure["message"], "there is no tool `genrate`; did you mean `generate`?");
    let failure =
        wire.fail("call_tool", json!({"name": "generate", "arguments": {"promt": "x"}})).await;
    assert!(
        failure["message"].as_str().is_some_and(|text| text.contains("did you mean `prompt`?"))
    );
    let failure = wire.fail("list_tools", json!({"toolset": "asets"})).await;
    assert_eq!(
        failure["message"],
        "argument `toolset` has to be one of discovery, workflow, execution, templates, assets, models, not \"asets\""
    );
    let params = json!({"name": "generate_image", "arguments": {"prompt": "x"}});
    let answer = wire.request("tools/call", params).await;
    assert_eq!(answer["error"]["message"], "tool `generate_image` is called through `call_tool`");
}

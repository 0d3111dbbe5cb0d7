//! Toolsets that are switched on during a session.

use mcp_tools::{Profile, Selection, Server, Toolset};
use serde_json::{Value, json};

use crate::{bench::factory, protocol::meta_2026, wire::Wire};

const CHANGED: &str = "notifications/tools/list_changed";

fn begins_with_assets() -> Selection {
    Selection { toolsets: vec![Toolset::Assets], ..Selection::default() }
}

fn names(list: &Value) -> Vec<&str> {
    let tools = list["result"]["tools"].as_array().expect("a list");
    tools.iter().map(|tool| tool["name"].as_str().expect("a name")).collect()
}

#[tokio::test]
async fn a_toolset_is_switched_on_for_the_session_and_the_client_hears_of_it() {
    let (factory, _folder) = factory("http://127.0.0.1:9").await;
    let server = Server::new(factory, &begins_with_assets()).expect("no names");
    let mut wire = Wire::open(server.clone()).await;
    let before = wire.request("tools/list", json!({})).await;
    let assets = ["enable_toolset", "get_asset_metadata", "list_assets", "view_output"];
    assert_eq!(names(&before), assets);

    let call = json!({"name": "list_templates", "arguments": {}});
    let refused = wire.request("tools/call", call.clone()).await;
    let message = "tool `list_templates` is one of templates, which is off; `enable_toolset` \
                   switches it on";
    assert_eq!(refused["error"]["message"], message);

    let enabled = wire.succeed("enable_toolset", json!({"toolset": "templates"})).await;
    assert_eq!(enabled["changed"], true);
    assert_eq!(enabled["on"], json!(["templates", "assets"]));
    let heard = wire.notifications.iter().filter(|message| message["method"] == CHANGED);
    assert_eq!(heard.count(), 1, "before the answer");
    let after = wire.request("tools/list", json!({})).await;
    assert_eq!(names(&after).len(), assets.len() + enabled["tools"].as_array().map_or(0, Vec::len));
    assert_eq!(wire.request("tools/call", call).await["result"]["isError"], false);

    let again = wire.succeed("enable_toolset", json!({"toolset": "templates"})).await;
    assert_eq!(again["changed"], false);
    assert_eq!(wire.notifications.len(), 1, "nothing has changed");
    let mut other = Wire::open(server).await;
    assert_eq!(names(&other.request("tools/list", json!({})).await), assets, "its own session");
}

#[tokio::test]
async fn later_clients_hear_of_it_where_they_listen() {
    let (factory, _folder) = factory("http://127.0.0.1:9").await;
    let server = Server::new(factory, &begins_with_assets()).expect("no names");
    let mut wire = Wire::new(server);
    let filter = json!({"toolsListChanged": true});
    let listening = json!({"notifications": filter, "_meta": meta_2026()});
    let listening = wire.begin("subscriptions/listen", listening).await;
    let acknowledged = "notifications/subscriptions/acknowledged";
    wire.notification(|message| message["method"] == acknowledged).await;

    let call = json!({"name": "enable_toolset", "arguments": {"toolset": "discovery"}, "_meta": meta_2026()});
    let switching = wire.begin("tools/call", call).await;
    // The change and the answer may come in either order.
    let answer = wire.answer(switching).await;
    assert_eq!(answer["result"]["structuredContent"]["changed"], true, "{answer}");
    if !wire.notifications.iter().any(|message| message["method"] == CHANGED) {
        wire.notification(|message| message["method"] == CHANGED).await;
    }
    let list = wire.request("tools/list", json!({"_meta": meta_2026()})).await;
    assert!(names(&list).contains(&"list_models"));
    let cancelled = json!({"requestId": listening, "_meta": meta_2026()});
    let method = "notifications/cancelled";
    wire.send(&json!({"jsonrpc": "2.0", "method": method, "params": cancelled})).await;
}

#[tokio::test]
async fn what_is_denied_or_routed_is_not_switched() {
    let (factory, _folder) = factory("http://127.0.0.1:9").await;
    let tools = |selection: Selection| {
        let server = Server::new(factory.clone(), &selection).expect("known names");
        server.tools().iter().map(|tool| tool.name.to_string()).collect::<Vec<_>>()
    };
    let deny = vec!["enable_toolset".to_owned()];
    let denied = tools(Selection { deny, ..begins_with_assets() });
    assert_eq!(denied, ["get_asset_metadata", "list_assets", "view_output"]);
    let routed = tools(Selection { profile: Profile::Router, ..begins_with_assets() });
    assert_eq!(routed, ["call_tool", "describe_tool", "list_tools"]);
    let full = Selection { profile: Profile::Full, ..Selection::default() };
    assert!(!tools(full).contains(&"enable_toolset".to_owned()), "all are on");

    let read_only = Selection { read_only: true, ..begins_with_assets() };
    let mut wire = Wire::open(Server::new(factory.clone(), &read_only).expect("no names")).await;
    let enabled = wire.succeed("enable_toolset", json!({"toolset": "execution"})).await;
    let tools = enabled["tools"].as_array().expect("a list");
    assert!(!tools.contains(&json!("generate")), "{tools:?}");
}

//! Both generations of the protocol, and what is wrong on their level.

use rmcp::{
    model::{CallToolRequestParams, ProtocolVersion},
    service::{ClientLifecycleMode, ClientServiceExt as _},
};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    bench::{Bench, deserted},
    wire::Wire,
};

/// What a request of 2026-07-28 carries instead of a handshake.
pub(crate) fn meta_2026() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "0"},
        "io.modelcontextprotocol/clientCapabilities": {}
    })
}

#[tokio::test]
async fn one_server_speaks_both_generations() {
    let (server, _folder) = deserted().await;
    let mut old = Wire::open(server.clone()).await;
    let mut new = Wire::new(server);
    let found = new.request("server/discover", json!({"_meta": meta_2026()})).await;
    assert!(
        found["result"]["supportedVersions"].as_array().is_some_and(|versions| {
            versions.contains(&json!("2026-07-28")) && versions.contains(&json!("2025-11-25"))
        }),
        "{found}"
    );
    let tools = new.request("tools/list", json!({"_meta": meta_2026()})).await;
    assert_eq!(
        tools["result"]["tools"],
        old.request("tools/list", json!({})).await["result"]["tools"]
    );
    let params = json!({"name": "list_templates", "arguments": {}, "_meta": meta_2026()});
    let called = new.request("tools/call", params).await;
    assert_eq!(called["result"]["isError"], false, "{called}");
}

#[tokio::test]
async fn the_client_library_gets_along_in_both_generations() {
    let bench = Bench::start().await;
    let modern =
        ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] };
    for lifecycle in [ClientLifecycleMode::Initialize, modern] {
        let (ours, theirs) = tokio::io::duplex(1024 * 1024);
        let (reader, writer) = tokio::io::split(theirs);
        let mut serving = JoinSet::new();
        let stop = CancellationToken::new();
        serving.spawn(mcp_tools::serve_pipes(bench.server.clone(), reader, writer, stop));
        let client = ().serve_with_lifecycle(ours, lifecycle).await.expect("a session");
        assert_eq!(client.list_all_tools().await.expect("tools").len(), 33);
        let request = CallToolRequestParams::new("comfyui_health_check");
        let result = client.call_tool(request).await.expect("a result");
        assert_eq!(result.structured_content.expect("there is some")["simulated"], true);
        client.cancel().await.expect("a good end");
        serving.join_next().await.expect("started").expect("no panic").expect("a good end");
    }
}

#[tokio::test]
async fn unknown_tools_are_protocol_errors_with_a_suggestion() {
    let (server, _folder) = deserted().await;
    let mut wire = Wire::open(server).await;
    let answer =
        wire.request("tools/call", json!({"name": "genrate_image", "arguments": {}})).await;
    assert_eq!(answer["error"]["code"], -32602);
    let message = "there is no tool `genrate_image`; did you mean `generate_image`?";
    assert_eq!(answer["error"]["message"], message);
}

#[tokio::test]
async fn resources_are_listed_and_read() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    let workflow = crate::bench::drawing_workflow(1);
    let made = wire.succeed("execute_workflow", json!({"workflow": workflow})).await;
    let templates = wire.request("resources/templates/list", json!({})).await;
    let uris: Vec<&Value> = templates["result"]["resourceTemplates"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|template| &template["uriTemplate"])
        .collect();
    assert_eq!(
        uris,
        [
            "mediafactory://asset/{id}",
            "mediafactory://job/{id}",
            "mediafactory://template/{name}",
            "mediafactory://model/{family}",
            "mediafactory://job/{id}/preview",
            "mediafactory://workflow/{digest}"
        ]
    );
    let list = wire.request("resources/list", json!({})).await;
    assert_eq!(list["result"]["resources"][0]["uri"], made["assets"][0]["uri"]);

    let cursor = &list["result"]["nextCursor"];
    let ready = wire.request("resources/list", json!({"cursor": cursor})).await;
    let ready = ready["result"]["resources"].as_array().expect("a list").clone();
    let has = |uri: &str| ready.iter().any(|resource| resource["uri"] == uri);
    assert!(has("mediafactory://template/sd15_txt2img") && has("mediafactory://model/flux1-dev"));

    let job = made["job_id"].as_str().expect("an id");
    for uri in [
        format!("mediafactory://job/{job}"),
        "mediafactory://template/sd15_txt2img".to_owned(),
        "mediafactory://model/wan-2.2-14b".to_owned(),
    ] {
        let read = wire.request("resources/read", json!({"uri": uri})).await;
        let contents = &read["result"]["contents"][0];
        assert_eq!(contents["mimeType"], "application/json", "{read}");
        let text = contents["text"].as_str().expect("text");
        assert!(serde_json::from_str::<Value>(text).is_ok_and(|json| json.is_object()));
    }
}

#[tokio::test]
async fn an_absent_resource_is_told_in_the_way_of_each_generation() {
    let (server, _folder) = deserted().await;
    let mut old = Wire::open(server.clone()).await;
    let mut new = Wire::new(server);
    for uri in [
        "mediafactory://template/none",
        "mediafactory://model/none",
        "mediafactory://job/0197f1ce-3c5a-7000-8000-00000000002a",
        "mediafactory://asset/none",
        "mediafactory://workflow/none",
        "file:///etc/passwd",
    ] {
        let answer = old.request("resources/read", json!({"uri": uri})).await;
        assert_eq!(answer["error"]["code"], -32002, "{answer}");
        assert_eq!(answer["error"]["data"]["uri"], uri);
        let params = json!({"uri": uri, "_meta": meta_2026()});
        let answer = new.request("resources/read", params).await;
        assert_eq!(answer["error"]["code"], -32602, "{answer}");
    }
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_server() {
    let (server, _folder) = deserted().await;
    let mut wire = Wire::open(server.clone()).await;
    wire.hang_up().await;
    wire.ended().await;
    let mut silent = Wire::new(server);
    silent.hang_up().await;
    silent.ended().await;
}

//! What a server offers itself, through the tools.

use serde_json::json;

use crate::{bench::Bench, wire::Wire};

async fn start() -> (Bench, Wire) {
    let bench = Bench::start().await;
    let wire = bench.wire().await;
    (bench, wire)
}

#[tokio::test]
async fn own_templates_are_listed_unless_a_server_is_asked_for() {
    let (bench, mut wire) = start().await;
    let own = wire.succeed("list_workflow_templates", json!({"limit": 100})).await;
    let count = bench.factory.templates().all().len();
    assert_eq!(own["total"], json!(count));
    let all = json!({"source": "all", "limit": 1, "query": "invert"});
    let all = wire.succeed("list_workflow_templates", all).await;
    assert_eq!(all["total"], json!(2), "{all}");
    let served = wire.succeed("list_workflow_templates", json!({"source": "server"})).await;
    insta::assert_json_snapshot!("served", served);
    let tools = json!({"source": "server", "category": "Image Tools"});
    let tools = wire.succeed("list_workflow_templates", tools).await;
    assert_eq!(tools["total"], json!(2));
}

#[tokio::test]
async fn a_template_of_a_server_tells_what_that_server_lacks() {
    let (_bench, mut wire) = start().await;
    let model = wire.succeed("get_template", json!({"name": "server:sim_missing_model"})).await;
    insta::assert_json_snapshot!("lacks_a_model", model, {
        ".parameters" => "…",
    });
    let nodes = wire.succeed("get_template", json!({"name": "server:sim_missing_nodes"})).await;
    insta::assert_json_snapshot!("lacks_nodes", nodes["here"]);
    let own =
        wire.succeed("get_template", json!({"name": "sdxl_txt2img", "backend": "auto"})).await;
    assert_eq!(own["here"], json!({"runnable": true}), "{own}");
}

#[tokio::test]
async fn a_template_of_a_server_is_filled_in_and_run() {
    let (_bench, mut wire) = start().await;
    let name = "pack:comfy-sim-example-pack/one_color";
    let arguments = json!({"template": name, "parameters": {"width": 64, "height": 48}});
    let filled = wire.succeed("create_workflow_from_template", arguments).await;
    let workflow = filled["workflow"].clone();
    assert_eq!(workflow["1"]["inputs"]["width"], json!(64));
    let made = wire.succeed("execute_workflow", json!({"workflow": workflow})).await;
    assert_eq!(made["state"], json!("succeeded"), "{made}");
}

#[tokio::test]
async fn wrong_names_and_values_say_what_would_do() {
    let (_bench, mut wire) = start().await;
    let name = "server:sim_text_to_image";
    let fill = |parameters: serde_json::Value| json!({"template": name, "parameters": parameters});
    let calls = [
        ("get_template", json!({"name": "server:sim_text_to_imag"})),
        ("list_workflow_templates", json!({"source": "servers"})),
        ("list_workflow_templates", json!({"source": "server", "category": "Vidoe"})),
        ("create_workflow_from_template", fill(json!({}))),
        ("create_workflow_from_template", fill(json!({"prompt": "a fox", "cfg": 1000}))),
        ("create_workflow_from_template", fill(json!({"prompt": "a fox", "scheduler": "karas"}))),
    ];
    let mut said = Vec::new();
    for (tool, arguments) in calls {
        let failed = wire.fail(tool, arguments).await;
        let told = &failed;
        said.push(format!("{}: {}\n  {}", told["code"], told["message"], told["hint"]));
    }
    insta::assert_snapshot!("wrong", said.join("\n"));
}

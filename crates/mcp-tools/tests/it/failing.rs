//! What a caller reads when something does not work.

use comfy_sim::{Fault, Sim};
use serde_json::{Value, json};

use crate::{
    bench::{Bench, deserted, drawing_workflow, sampling_workflow},
    wire::Wire,
};

/// Compares a failure.
fn check(name: &str, failure: Value) {
    insta::assert_json_snapshot!(name, failure);
}

/// Takes out a text that differs between runs.
fn without(failure: &Value, varying: &str, stands_for: &str) -> Value {
    let steady = failure.to_string().replace(varying, stands_for);
    serde_json::from_str(&steady).expect("still JSON")
}

#[tokio::test]
async fn arguments_that_are_wrong() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    let wrong = json!({"promt": "a fox", "steps": 0, "cfg": "much"});
    check("wrong_arguments", wire.fail("generate", wrong).await);
    let twice = json!({"prompt": "a fox", "width": 64, "parameters": {"width": 64}});
    check("given_twice", wire.fail("generate", twice).await);
    check("not_a_job_id", wire.fail("cancel_job", json!({"job_id": "7"})).await);
    check("not_an_asset_id", wire.fail("view_output", json!({"asset_id": "fox.png"})).await);
    check("not_a_workflow", wire.fail("execute_workflow", json!({"workflow": "{"})).await);
    check(
        "unknown_model_kind",
        wire.fail("list_models", json!({"kind": "checkpoint_files"})).await,
    );
    check("foreign_cursor", wire.fail("list_models", json!({"cursor": "2"})).await);
}

#[tokio::test]
async fn things_that_are_not_there() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    let id = "0197f1ce-3c5a-7000-8000-00000000002a";
    check("no_such_job", wire.fail("get_workflow_status", json!({"job_id": id})).await);
    check("no_such_asset", wire.fail("get_asset_metadata", json!({"asset_id": id})).await);
    check("no_such_template", wire.fail("get_template", json!({"name": "sd15"})).await);
    check("no_such_node", wire.fail("get_node_info", json!({"class_type": "KSampleer"})).await);
    let model = json!({"prompt": "a fox", "template": "sd15_txt2img", "model": "none.safetensors"});
    check("no_such_model", wire.fail("generate", model).await);
}

#[tokio::test]
async fn a_server_that_does_not_answer() {
    let (server, folder) = deserted().await;
    let mut wire = Wire::open(server).await;
    let failure = wire.fail("generate", json!({"prompt": "a fox"})).await;
    check("unreachable", without(&failure, &folder.address.to_string(), "[address]"));
    let listed = wire.succeed("list_workflow_templates", json!({})).await;
    assert!(listed["total"].as_u64() > Some(0), "what needs no server works without one");
}

#[tokio::test]
async fn a_workflow_that_the_server_would_refuse() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    let mut workflow = sampling_workflow();
    workflow["3"]["inputs"]["steps"] = json!(0);
    check("foreseen", wire.fail("execute_workflow", json!({"workflow": workflow})).await);
    assert!(bench.sim.received_prompts().is_empty(), "it was not sent");
}

async fn run_into(sim: &Sim, wire: &mut Wire, fault: Fault) -> Value {
    sim.script(fault);
    wire.fail("execute_workflow", json!({"workflow": drawing_workflow(3)})).await
}

#[tokio::test]
async fn nodes_that_fail() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    let error = Fault::ExecutionError {
        node: None,
        exception_type: "ValueError".to_owned(),
        message: "the fox ran away".to_owned(),
    };
    let failure = run_into(&bench.sim, &mut wire, error).await;
    assert_eq!(failure["code"], "EXECUTION_FAILED");
    assert!(
        failure["message"].as_str().is_some_and(|text| text.contains("the fox ran away")),
        "{failure}"
    );
    let failure = run_into(&bench.sim, &mut wire, Fault::OutOfMemory { node: None }).await;
    assert_eq!((&failure["code"], &failure["retry"]), (&json!("OUT_OF_MEMORY"), &json!("safe")));
}

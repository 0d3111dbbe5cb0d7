//! `execute_workflow`: a caller's own graph.

use serde_json::json;

use crate::bench::{Bench, drawing_workflow};

#[tokio::test]
async fn a_workflow_runs_as_object_and_as_text() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    let made = wire.succeed("execute_workflow", json!({"workflow": drawing_workflow(1)})).await;
    assert_eq!((&made["state"], &made["assets"][0]["width"]), (&json!("succeeded"), &json!(32)));
    let text = drawing_workflow(2).to_string();
    let made = wire.succeed("execute_workflow", json!({"workflow": text})).await;
    assert_eq!(made["state"], "succeeded");
}

#[tokio::test]
async fn only_the_targets_run() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    let mut workflow = drawing_workflow(1);
    workflow["5"] = workflow["2"].clone();
    let both = wire.succeed("execute_workflow", json!({"workflow": workflow})).await;
    assert_eq!(both["assets"].as_array().map(Vec::len), Some(2));
    workflow["1"]["inputs"]["color"] = json!(9);
    let arguments = json!({"workflow": workflow, "targets": ["5"]});
    let one = wire.succeed("execute_workflow", arguments).await;
    assert_eq!(one["assets"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn without_waiting_the_answer_comes_at_once() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    let arguments = json!({"workflow": drawing_workflow(1), "wait": "false"});
    let started = wire.succeed("execute_workflow", arguments).await;
    let job = json!({"job_id": started["job_id"]});
    let done = wire.succeed("wait_for_completion", job).await;
    assert_eq!(done["state"], "succeeded");
    let list = wire.succeed("list_assets", json!({"job_id": started["job_id"]})).await;
    assert_eq!(list["total"], 1);
}

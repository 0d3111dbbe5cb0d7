//! Resources that tell of their changes, and jobs as tasks.

use comfy_sim::{Gate, Moment};
use serde_json::{Value, json};

use crate::{
    bench::{Bench, sampling_workflow},
    protocol::meta_2026,
    wire::Wire,
};

/// A job that stands at its first step until the gate is opened.
async fn held_job(bench: &Bench, wire: &mut Wire) -> (Gate, Value) {
    let gate = bench.sim.hold(Moment::AtStep(1));
    let arguments = json!({"workflow": sampling_workflow(), "wait": false});
    let started = wire.succeed("execute_workflow", arguments).await;
    gate.reached().await;
    (gate, started["job_id"].clone())
}

fn addresses(job: &Value) -> [String; 2] {
    let job = job.as_str().expect("an id");
    [format!("mediafactory://job/{job}"), format!("mediafactory://job/{job}/preview")]
}

fn is_update_of(message: &Value, uri: &str) -> bool {
    message["method"] == "notifications/resources/updated" && message["params"]["uri"] == uri
}

#[tokio::test]
async fn a_session_is_told_of_a_job_and_of_its_previews() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    let (gate, job) = held_job(&bench, &mut wire).await;
    for uri in addresses(&job) {
        let answer = wire.request("resources/subscribe", json!({"uri": uri})).await;
        assert_eq!(answer["result"], json!({}), "{answer}");
        wire.notification(|message| is_update_of(message, &uri)).await;
    }
    let [address, preview] = addresses(&job);
    let read = wire.request("resources/read", json!({"uri": preview})).await;
    let contents = &read["result"]["contents"][0];
    assert_eq!(contents["mimeType"], "image/jpeg", "{read}");
    assert!(contents["blob"].as_str().is_some_and(|blob| blob.starts_with("/9j/")), "{read}");

    wire.notifications.clear();
    gate.release();
    wire.succeed("wait_for_completion", json!({"job_id": job})).await;
    if !wire.notifications.iter().any(|message| is_update_of(message, &address)) {
        wire.notification(|message| is_update_of(message, &address)).await;
    }
    let read = wire.request("resources/read", json!({"uri": address})).await;
    let text = read["result"]["contents"][0]["text"].as_str().expect("text");
    assert!(text.contains("succeeded"), "{text}");
    let gone = wire.request("resources/read", json!({"uri": preview})).await;
    assert_eq!(gone["error"]["code"], -32002, "previews end with the job: {gone}");
}

#[tokio::test]
async fn what_is_unsubscribed_from_is_not_told() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    let (gate, job) = held_job(&bench, &mut wire).await;
    let [uri, _] = addresses(&job);
    wire.request("resources/subscribe", json!({"uri": uri})).await;
    wire.request("resources/unsubscribe", json!({"uri": uri})).await;
    wire.notifications.clear();
    gate.release();
    wire.succeed("wait_for_completion", json!({"job_id": job})).await;
    assert_eq!(wire.notifications, Vec::<Value>::new());

    let unknown = "mediafactory://job/0197f1ce-3c5a-7000-8000-00000000002a";
    for uri in [unknown, "file:///etc/passwd"] {
        let answer = wire.request("resources/subscribe", json!({"uri": uri})).await;
        assert_eq!(answer["error"]["code"], -32002, "{answer}");
    }
    let template = json!({"uri": "mediafactory://template/sd15_txt2img"});
    let answer = wire.request("resources/subscribe", template).await;
    assert_eq!(answer["result"], json!({}), "it never changes: {answer}");
}

#[tokio::test]
async fn a_stream_of_2026_is_told_of_a_job() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    let (gate, job) = held_job(&bench, &mut wire).await;
    let [uri, _] = addresses(&job);
    let mut new = Wire::new(bench.server.clone());
    let filter = json!({"resourceSubscriptions": [uri, "file:///etc/passwd"]});
    let listen = json!({"notifications": filter, "_meta": meta_2026()});
    new.begin("subscriptions/listen", listen).await;
    let acknowledged = new
        .notification(|message| message["method"] == "notifications/subscriptions/acknowledged")
        .await;
    assert_eq!(
        acknowledged["params"]["notifications"]["resourceSubscriptions"],
        json!([uri]),
        "{acknowledged}"
    );
    new.notification(|message| is_update_of(message, &uri)).await;
    gate.release();
    wire.succeed("wait_for_completion", json!({"job_id": job})).await;
    new.notifications.clear();
    new.notification(|message| is_update_of(message, &uri)).await;
}

fn knowing_tasks() -> Value {
    json!({"extensions": {"io.modelcontextprotocol/tasks": {}}})
}

async fn get_task(wire: &mut Wire, task: &Value) -> Value {
    let answer = wire.request("tasks/get", json!({"taskId": task})).await;
    assert!(answer.get("error").is_none(), "{answer}");
    answer["result"].clone()
}

#[tokio::test]
async fn a_client_that_knows_tasks_gets_the_job_as_one() {
    let bench = Bench::start().await;
    let mut wire = Wire::open_with(bench.server.clone(), knowing_tasks()).await;
    let gate = bench.sim.hold(Moment::AtStep(1));
    let task = wire.call("execute_workflow", json!({"workflow": sampling_workflow()})).await;
    assert_eq!(task["status"], "working", "{task}");
    gate.reached().await;
    let id = &task["taskId"];
    let working = get_task(&mut wire, id).await;
    assert_eq!((&working["status"], working.get("result")), (&json!("working"), None));
    gate.release();
    // The task is the job, so it is waited for as one.
    wire.succeed("wait_for_completion", json!({"job_id": id})).await;
    let done = get_task(&mut wire, id).await;
    assert_eq!(done["status"], "completed");
    let result = &done["result"];
    assert_eq!(result["structuredContent"]["state"], "succeeded", "{done}");
    assert_eq!(result["structuredContent"]["job_id"], *id);
    let unknown = json!({"taskId": "0197f1ce-3c5a-7000-8000-00000000002a"});
    let answer = wire.request("tasks/get", unknown).await;
    assert_eq!(answer["error"]["code"], -32602, "{answer}");
}

#[tokio::test]
async fn cancelling_a_task_cancels_its_job() {
    let bench = Bench::start().await;
    let mut wire = Wire::open_with(bench.server.clone(), knowing_tasks()).await;
    let gate = bench.sim.hold(Moment::AtStep(1));
    let task = wire.call("execute_workflow", json!({"workflow": sampling_workflow()})).await;
    gate.reached().await;
    let cancel = json!({"taskId": task["taskId"]});
    let answer = wire.request("tasks/cancel", cancel).await;
    assert!(answer.get("error").is_none(), "{answer}");
    drop(gate);
    let waited = wire.fail("wait_for_completion", json!({"job_id": task["taskId"]})).await;
    assert_eq!(waited["code"], "CANCELLED");
    assert_eq!(get_task(&mut wire, &task["taskId"]).await["status"], "cancelled");
}

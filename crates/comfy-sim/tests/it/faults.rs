use std::time::Duration;

use comfy_sim::{Fault, Moment};
use serde_json::json;

use crate::client::{
    CLIENT, Frame, Socket, get, http, image_prompt, kinds, post, quick_sim, sampling_prompt,
    submit, texts,
};

const ID: &str = "550e8400-e29b-41d4-a716-446655440000";

#[tokio::test]
async fn a_refused_prompt_is_not_queued() {
    let sim = quick_sim().await;
    sim.script(Fault::RefusePrompt { status: 503, body: "busy".to_owned() });
    let body = json!({"prompt": image_prompt(1), "prompt_id": ID});
    let refused = post(&sim, "/prompt", &body).await;
    assert_eq!((refused.status, refused.text()), (503, "busy".to_owned()));
    assert_eq!(sim.submissions_of(ID), 0);
    assert_eq!(submit(&sim, &body).await, ID);
    assert_eq!(sim.submissions_of(ID), 1);
    sim.stop().await;
}

#[tokio::test]
async fn a_dropped_reply_is_an_error_for_the_client_although_the_prompt_runs() {
    let sim = quick_sim().await;
    let mut socket = Socket::open(&sim, CLIENT).await;
    sim.script(Fault::DropReplyAfterAccepting);
    let body = json!({"prompt": image_prompt(1), "prompt_id": ID, "client_id": CLIENT});
    let sent = http().post(format!("{}/prompt", sim.url())).json(&body).send().await;
    assert!(sent.is_err(), "{sent:?}");
    socket.until_done(ID).await;
    assert_eq!(sim.submissions_of(ID), 1);
    assert_eq!(
        get(&sim, &format!("/history/{ID}")).await.json()[ID]["status"]["status_str"],
        "success"
    );
    sim.stop().await;
}

#[tokio::test]
async fn a_restart_in_the_middle_leaves_no_trace_of_the_prompt() {
    let sim = quick_sim().await;
    let mut socket = Socket::open(&sim, CLIENT).await;
    sim.script(Fault::RestartEmpty { at: Moment::AtStep(2) });
    let body = json!({"prompt": sampling_prompt(1, 5), "prompt_id": ID, "client_id": CLIENT});
    submit(&sim, &body).await;
    let mut seen = Vec::new();
    while let Some(frame) = socket.next().await {
        seen.push(frame);
    }
    assert_eq!(kinds(&seen).iter().filter(|kind| *kind == "progress").count(), 2);
    assert_eq!(get(&sim, "/queue").await.json(), json!({"queue_running": [], "queue_pending": []}));
    assert_eq!(get(&sim, "/history").await.json(), json!({}));
    // The server works on, and counts from the start.
    let mut socket = Socket::open(&sim, CLIENT).await;
    let reply =
        post(&sim, "/prompt", &json!({"prompt": sampling_prompt(1, 2), "client_id": CLIENT}))
            .await
            .json();
    assert_eq!(reply["number"], 0);
    let frames = socket.until_done(reply["prompt_id"].as_str().unwrap()).await;
    let cached =
        texts(&frames).into_iter().find(|event| event["type"] == "execution_cached").unwrap();
    assert_eq!(cached["data"]["nodes"], json!([]));
    sim.stop().await;
}

#[tokio::test]
async fn closed_sockets_do_not_stop_the_run() {
    let sim = quick_sim().await;
    let mut first = Socket::open(&sim, CLIENT).await;
    let gate = sim.hold(Moment::AtStep(2));
    sim.script(Fault::CloseSockets { at: Moment::AtStep(1) });
    let id = submit(&sim, &json!({"prompt": sampling_prompt(1, 3), "client_id": CLIENT})).await;
    while first.next().await.is_some() {}
    gate.reached().await;
    let mut second = Socket::open(&sim, CLIENT).await;
    assert_eq!(second.next_event().await["data"]["status"]["exec_info"]["queue_remaining"], 1);
    assert_eq!(second.next_event().await, json!({"type": "executing", "data": {"node": "3"}}));
    gate.release();
    second.until_done(&id).await;
    sim.stop().await;
}

#[tokio::test]
async fn sockets_are_closed_after_as_many_frames_as_were_asked_for() {
    let sim = quick_sim().await;
    let mut socket = Socket::open(&sim, CLIENT).await;
    socket.next_event().await;
    let gate = sim.hold(Moment::BeforeHistory);
    sim.close_sockets_after(3);
    submit(&sim, &json!({"prompt": image_prompt(1), "client_id": CLIENT})).await;
    gate.reached().await;
    let mut seen = Vec::new();
    while let Some(frame) = socket.next().await {
        seen.push(frame);
    }
    assert_eq!(kinds(&seen).len(), 3, "{seen:?}");
    assert!(sim.frames_sent() > 3, "the run went on");
    sim.stop().await;
}

#[tokio::test]
async fn garbage_comes_between_the_events() {
    let sim = quick_sim().await;
    let mut socket = Socket::open(&sim, CLIENT).await;
    sim.script(Fault::GarbageFrames { at: Moment::NextPrompt });
    let id = submit(&sim, &json!({"prompt": image_prompt(1), "client_id": CLIENT})).await;
    let frames = socket.until_done(&id).await;
    assert!(frames.iter().any(|frame| matches!(frame, Frame::Broken(_))));
    assert!(kinds(&frames).contains(&"binary 99".to_owned()));
    sim.stop().await;
}

#[tokio::test]
async fn a_scripted_exception_names_its_node() {
    let sim = quick_sim().await;
    let mut socket = Socket::open(&sim, CLIENT).await;
    sim.script(Fault::OutOfMemory { node: Some("3".to_owned()) });
    let id = submit(&sim, &json!({"prompt": sampling_prompt(1, 2), "client_id": CLIENT})).await;
    let frames = socket.until_done(&id).await;
    let error = texts(&frames)
        .into_iter()
        .find(|event| event["type"] == "execution_error")
        .unwrap()["data"]
        .clone();
    assert_eq!(
        (&error["node_id"], &error["exception_type"]),
        (&json!("3"), &json!("torch.OutOfMemoryError"))
    );
    assert!(
        error["exception_message"]
            .as_str()
            .unwrap()
            .contains("This error means you ran out of memory on your GPU.")
    );
    assert_eq!(error["executed"], json!(["4", "5", "7", "6"]));
    sim.script(Fault::ExecutionError {
        node: None,
        exception_type: "ValueError".to_owned(),
        message: "no".to_owned(),
    });
    let id = submit(&sim, &json!({"prompt": sampling_prompt(1, 2), "client_id": CLIENT})).await;
    let frames = socket.until_done(&id).await;
    let error =
        texts(&frames).into_iter().find(|event| event["type"] == "execution_error").unwrap();
    assert_eq!(error["data"]["exception_message"], "no\n");
    sim.stop().await;
}

#[tokio::test]
async fn a_request_can_fail_or_be_slow_once() {
    let sim = quick_sim().await;
    sim.script(Fault::FailRequest {
        path: "/queue".to_owned(),
        status: 502,
        body: "bad gateway".to_owned(),
    });
    assert_eq!(get(&sim, "/api/queue").await.status, 502);
    assert_eq!(get(&sim, "/queue").await.status, 200);
    sim.script(Fault::SlowReply { path: "/queue".to_owned(), delay: Duration::from_hours(1) });
    let slow =
        http().get(format!("{}/queue", sim.url())).timeout(Duration::from_millis(200)).send().await;
    assert!(slow.unwrap_err().is_timeout());
    sim.stop().await;
}

#[tokio::test]
async fn refused_connections_are_refused_until_they_are_accepted_again() {
    let sim = quick_sim().await;
    sim.refuse_connections().await;
    let refused = http().get(format!("{}/queue", sim.url())).send().await.unwrap_err();
    assert!(refused.is_connect(), "{refused:?}");
    sim.accept_connections().await;
    assert_eq!(get(&sim, "/queue").await.status, 200);
    sim.stop().await;
}

#[tokio::test]
async fn an_interrupt_ends_a_hold_and_the_next_prompt_is_not_hit() {
    let sim = quick_sim().await;
    let mut socket = Socket::open(&sim, CLIENT).await;
    let gate = sim.hold(Moment::AtStep(1));
    let id = submit(&sim, &json!({"prompt": sampling_prompt(1, 5), "client_id": CLIENT})).await;
    let next = submit(&sim, &json!({"prompt": sampling_prompt(2, 2), "client_id": CLIENT})).await;
    gate.reached().await;
    assert_eq!(post(&sim, "/interrupt", &json!({"prompt_id": next})).await.status, 200);
    assert_eq!(
        post(&sim, &format!("/api/jobs/{id}/cancel"), &json!({})).await.json(),
        json!({"cancelled": true})
    );
    let frames = socket.until_done(&id).await;
    assert!(kinds(&frames).contains(&"execution_interrupted".to_owned()));
    assert!(kinds(&socket.until_done(&next).await).contains(&"execution_success".to_owned()));
    let statuses: Vec<_> = get(&sim, "/api/jobs?sort_order=asc").await.json()["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["status"].clone())
        .collect();
    assert_eq!(statuses, [json!("cancelled"), json!("completed")]);
    sim.stop().await;
}

#[tokio::test]
async fn dropping_the_simulation_stops_it() {
    let sim = quick_sim().await;
    let url = sim.url();
    let mut socket = Socket::open(&sim, CLIENT).await;
    let gate = sim.hold(Moment::NextPrompt);
    submit(&sim, &json!({"prompt": image_prompt(1), "client_id": CLIENT})).await;
    gate.reached().await;
    drop(sim);
    while socket.next().await.is_some() {}
    assert!(http().get(format!("{url}/queue")).send().await.is_err());
}

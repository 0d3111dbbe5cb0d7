//! What the list of traps for client authors names, each brought about on purpose.

use comfy_sim::{Fault, Moment, Sim};
use futures::FutureExt as _;
use serde_json::{Value, json};

use crate::client::{
    CLIENT, Frame, Socket, get, http, image_prompt, kinds, post, quick_sim, sampling_prompt,
    submit, texts,
};

const ID: &str = "550e8400-e29b-41d4-a716-446655440000";

/// Runs a prompt with a fault and gives every frame up to its end.
async fn frames_with(sim: &Sim, fault: Fault, prompt: Value) -> Vec<Frame> {
    let mut socket = Socket::open(sim, CLIENT).await;
    sim.script(fault);
    let body = json!({"prompt": prompt, "prompt_id": ID, "client_id": CLIENT});
    submit(sim, &body).await;
    socket.until_done(ID).await
}

async fn history(sim: &Sim) -> Value {
    get(sim, &format!("/history/{ID}")).await.json()[ID].take()
}

fn count(frames: &[Frame], kind: &str) -> usize {
    kinds(frames).iter().filter(|known| *known == kind).count()
}

#[tokio::test]
async fn a_dead_worker_keeps_its_prompt_running_until_a_restart() {
    let sim = quick_sim().await;
    sim.script(Fault::WorkerDies { at: Moment::AtStep(1) });
    let mut socket = Socket::open(&sim, CLIENT).await;
    let id = submit(&sim, &json!({"prompt": sampling_prompt(1, 3), "client_id": CLIENT})).await;
    socket.until(|event| event["type"] == "progress").await;
    let waiting = submit(&sim, &json!({"prompt": image_prompt(1), "client_id": CLIENT})).await;
    assert_eq!(post(&sim, "/interrupt", &json!({"prompt_id": id})).await.status, 200);
    let queue = get(&sim, "/queue").await.json();
    assert_eq!(
        (&queue["queue_running"][0][1], &queue["queue_pending"][0][1]),
        (&json!(id), &json!(waiting))
    );
    sim.restart_empty();
    let mut socket = Socket::open(&sim, CLIENT).await;
    let id = submit(&sim, &json!({"prompt": image_prompt(1), "client_id": CLIENT})).await;
    socket.until_done(&id).await;
    sim.stop().await;
}

#[tokio::test]
async fn events_stop_while_everything_else_works() {
    let sim = quick_sim().await;
    let mut socket = Socket::open(&sim, CLIENT).await;
    sim.script(Fault::EventsStop { at: Moment::NextPrompt });
    let gate = sim.hold(Moment::BeforeHistory);
    let body = json!({"prompt": image_prompt(1), "prompt_id": ID, "client_id": CLIENT});
    submit(&sim, &body).await;
    socket.until(|event| event["type"] == "execution_cached").await;
    gate.reached().await;
    gate.release();
    while history(&sim).await.is_null() {
        tokio::task::yield_now().await;
    }
    assert!(socket.next().now_or_never().is_none());
    sim.stop().await;
}

#[tokio::test]
async fn the_same_number_and_id_twice_is_an_error_and_is_queued() {
    let sim = quick_sim().await;
    let gate = sim.hold(Moment::NextPrompt);
    submit(&sim, &json!({"prompt": image_prompt(1)})).await;
    gate.reached().await;
    let body = json!({"prompt": image_prompt(2), "prompt_id": ID, "number": 7});
    submit(&sim, &body).await;
    let second = post(&sim, "/prompt", &body).await;
    assert_eq!(
        (second.status, second.content_type.as_deref()),
        (500, Some("text/plain; charset=utf-8"))
    );
    assert_eq!(get(&sim, "/queue").await.json()["queue_pending"].as_array().unwrap().len(), 2);
    sim.stop().await;
}

#[tokio::test]
async fn workflow_information_that_is_null_breaks_the_list_of_jobs() {
    let sim = quick_sim().await;
    let gate = sim.hold(Moment::NextPrompt);
    submit(&sim, &json!({"prompt": image_prompt(1)})).await;
    gate.reached().await;
    let body =
        json!({"prompt": image_prompt(2), "prompt_id": ID, "extra_data": {"extra_pnginfo": null}});
    submit(&sim, &body).await;
    assert_eq!(get(&sim, "/api/jobs").await.status, 500);
    post(&sim, "/queue", &json!({"delete": [ID]})).await;
    assert_eq!(get(&sim, "/api/jobs").await.status, 200);
    sim.stop().await;
}

#[tokio::test]
async fn a_saved_workflow_posted_as_a_prompt_is_an_error_without_json() {
    let sim = quick_sim().await;
    for workflow in [json!({"last_node_id": 9, "nodes": []}), json!({"id": "x", "nodes": []})] {
        let reply = post(&sim, "/prompt", &json!({"prompt": workflow})).await;
        assert_eq!(
            (reply.status, reply.content_type.as_deref()),
            (500, Some("text/plain; charset=utf-8"))
        );
    }
    assert!(sim.received_prompts().is_empty());
    sim.stop().await;
}

#[tokio::test]
async fn a_prompt_whose_request_was_lost_never_runs() {
    let sim = quick_sim().await;
    sim.script(Fault::DropPromptBeforeAccepting);
    let body = json!({"prompt": image_prompt(1), "prompt_id": ID});
    let sent = http().post(format!("{}/prompt", sim.url())).json(&body).send().await;
    assert!(sent.is_err(), "{sent:?}");
    assert_eq!((sim.submissions_of(ID), get(&sim, "/history").await.json()), (0, json!({})));
    sim.stop().await;
}

#[tokio::test]
async fn the_history_comes_after_the_success() {
    let sim = quick_sim().await;
    let mut socket = Socket::open(&sim, CLIENT).await;
    let gate = sim.hold(Moment::BeforeHistory);
    let body = json!({"prompt": image_prompt(1), "prompt_id": ID, "client_id": CLIENT});
    submit(&sim, &body).await;
    socket.until(|event| event["type"] == "execution_success").await;
    gate.reached().await;
    assert_eq!(history(&sim).await, Value::Null);
    assert_eq!(get(&sim, "/queue").await.json()["queue_running"][0][1], ID);
    gate.release();
    socket.until_done(ID).await;
    assert_eq!(history(&sim).await["status"]["status_str"], "success");
    sim.stop().await;
}

#[tokio::test]
async fn an_evicted_prompt_is_nowhere() {
    let sim = quick_sim().await;
    let frames = frames_with(&sim, Fault::HistoryEvicted, image_prompt(1)).await;
    assert_eq!(count(&frames, "execution_success"), 1);
    assert_eq!(history(&sim).await, Value::Null);
    assert_eq!(get(&sim, "/queue").await.json(), json!({"queue_running": [], "queue_pending": []}));
    sim.stop().await;
}

#[tokio::test]
async fn a_blocked_node_ends_nothing() {
    let sim = quick_sim().await;
    let fault = Fault::ExecutionBlocked { node: Some("2".to_owned()) };
    let frames = frames_with(&sim, fault, image_prompt(1)).await;
    let events = texts(&frames);
    let blocked = events.iter().find(|event| event["type"] == "execution_error").unwrap();
    assert_eq!(blocked["data"]["exception_type"], "ExecutionBlocked");
    assert!(blocked["data"].get("timestamp").is_none());
    assert_eq!(count(&frames, "execution_success"), 1);
    let messages = history(&sim).await["status"]["messages"].to_string();
    assert!(!messages.contains("ExecutionBlocked"), "{messages}");
    sim.stop().await;
}

#[tokio::test]
async fn a_cycle_found_while_running_leaves_success_without_its_message() {
    let sim = quick_sim().await;
    let fault = Fault::CycleWhileRunning { node: Some("3".to_owned()) };
    let frames = frames_with(&sim, fault, image_prompt(1)).await;
    assert_eq!((count(&frames, "execution_error"), count(&frames, "execution_success")), (1, 0));
    let status = history(&sim).await["status"].take();
    assert_eq!((&status["status_str"], &status["completed"]), (&json!("success"), &json!(true)));
    assert_eq!(status["messages"][2][0], "execution_error");
    assert_eq!(status["messages"][2][1]["current_inputs"], json!([]));
    sim.stop().await;
}

#[tokio::test]
async fn an_expanded_node_has_an_id_of_no_prompt() {
    let sim = quick_sim().await;
    let fault = Fault::ExpandedNode { node: Some("2".to_owned()) };
    let frames = frames_with(&sim, fault, image_prompt(1)).await;
    let events = texts(&frames);
    let is_child =
        |event: &&Value| event["data"]["node"] == "2.0.0.1" && event["data"]["display_node"] == "2";
    assert_eq!(events.iter().filter(is_child).count(), 2);
    assert_eq!(history(&sim).await["meta"]["2.0.0.1"]["real_node_id"], "2");
    sim.stop().await;
}

#[tokio::test]
async fn odd_events_come_between_the_others() {
    let sim = quick_sim().await;
    let frames =
        frames_with(&sim, Fault::OddEvents { at: Moment::NextPrompt }, image_prompt(1)).await;
    assert!(
        frames.iter().any(|frame| matches!(frame, Frame::Broken(text) if text.contains("NaN")))
    );
    let events = texts(&frames);
    let has = |wanted: &dyn Fn(&Value) -> bool| events.iter().any(wanted);
    assert!(has(&|event| event["data"].is_array()));
    assert!(has(&|event| event["data"]["value"].as_f64() > event["data"]["max"].as_f64()));
    assert!(has(&|event| event["type"] == "executed" && event["data"]["output"].is_null()));
    assert!(has(
        &|event| event["data"]["prompt_id"].is_string() && event["data"]["prompt_id"] != ID
    ));
    sim.stop().await;
}

#[tokio::test]
async fn foreign_and_huge_frames_reach_everybody() {
    let sim = quick_sim().await;
    let mut other = Socket::open(&sim, "somebody").await;
    sim.script(Fault::HugeEvent { at: Moment::NextPrompt, bytes: 8 * 1024 * 1024 });
    let fault = Fault::ForeignFrames { at: Moment::NextPrompt };
    let frames = frames_with(&sim, fault, image_prompt(1)).await;
    for kind in ["binary 1", "binary 3", "logs"] {
        assert_eq!(count(&frames, kind), 1, "{kind}");
    }
    let seen = other.until(|event| event["type"] == "logs").await;
    assert_eq!(count(&seen, "binary 1"), 1);
    assert!(
        texts(&seen).last().unwrap()["data"]["entries"][0]["m"].as_str().unwrap().len() > 8_000_000
    );
    sim.stop().await;
}

#[tokio::test]
async fn every_event_of_the_run_comes_twice() {
    let sim = quick_sim().await;
    let fault = Fault::DuplicateEvents { at: Moment::NextPrompt };
    let frames = frames_with(&sim, fault, image_prompt(1)).await;
    assert_eq!((count(&frames, "executed"), count(&frames, "execution_success")), (4, 2));
    sim.stop().await;
}

#[tokio::test]
async fn a_half_open_socket_says_nothing_and_does_not_close() {
    let sim = quick_sim().await;
    let mut socket = Socket::open(&sim, CLIENT).await;
    sim.script(Fault::HalfOpenSockets { at: Moment::NextPrompt });
    let gate = sim.hold(Moment::BeforeHistory);
    let body = json!({"prompt": image_prompt(1), "prompt_id": ID, "client_id": CLIENT});
    submit(&sim, &body).await;
    gate.reached().await;
    let mut seen = Vec::new();
    while let Some(frame) = socket.next().now_or_never() {
        seen.push(frame.expect("the socket closed"));
    }
    assert_eq!(count(&seen, "execution_success"), 0);
    gate.release();
    // A new socket under another name hears again; the old one is left alone.
    let mut fresh = Socket::open(&sim, "fresh").await;
    fresh.next_event().await;
    sim.stop().await;
}

#[tokio::test]
async fn numbers_that_json_does_not_have_are_in_the_reply() {
    let sim = quick_sim().await;
    sim.script(Fault::NotANumber { path: "/history".to_owned() });
    let text = get(&sim, "/api/history?max_items=1").await.text();
    assert_eq!(text, "{\"not_a_number\": NaN, \"endless\": [Infinity, -Infinity]}");
    assert_eq!(get(&sim, "/history").await.text(), "{}");
    sim.stop().await;
}

#[tokio::test]
async fn outputs_may_hold_what_is_no_item() {
    let sim = quick_sim().await;
    frames_with(&sim, Fault::OddOutputs, image_prompt(1)).await;
    let outputs = history(&sim).await["outputs"].take();
    let items = outputs["4"]["images"].as_array().unwrap();
    assert!(items.contains(&Value::Null) && items.contains(&json!("not an item")), "{outputs}");
    sim.stop().await;
}

#[tokio::test]
async fn a_hung_server_answers_once_it_can() {
    let sim = quick_sim().await;
    sim.hang();
    let asked = tokio::time::timeout(std::time::Duration::from_millis(50), get(&sim, "/queue"));
    assert!(asked.await.is_err());
    sim.answer_again();
    assert_eq!(get(&sim, "/queue").await.status, 200);
    sim.stop().await;
}

#[tokio::test]
async fn the_end_of_an_old_socket_mutes_the_new_one_of_its_name() {
    let sim = quick_sim().await;
    let mut old = Socket::open(&sim, CLIENT).await;
    old.next_event().await;
    let mut new = Socket::open(&sim, CLIENT).await;
    new.next_event().await;
    drop(old);
    while !sim.connected_clients().is_empty() {
        tokio::task::yield_now().await;
    }
    let gate = sim.hold(Moment::BeforeHistory);
    submit(&sim, &json!({"prompt": image_prompt(1), "client_id": CLIENT})).await;
    gate.reached().await;
    assert!(new.next().now_or_never().is_none());
    sim.stop().await;
}

#[tokio::test]
async fn a_file_of_the_history_may_be_gone() {
    let sim = quick_sim().await;
    let mut socket = Socket::open(&sim, CLIENT).await;
    let body = json!({"prompt": image_prompt(1), "prompt_id": ID, "client_id": CLIENT});
    submit(&sim, &body).await;
    socket.until_done(ID).await;
    let outputs = history(&sim).await["outputs"].take();
    let name = outputs["3"]["images"][0]["filename"].as_str().unwrap().to_owned();
    std::fs::remove_file(sim.storage().join("output").join(&name)).unwrap();
    assert_eq!(get(&sim, &format!("/view?filename={name}")).await.status, 404);
    sim.stop().await;
}

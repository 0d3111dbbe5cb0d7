//! Stopping prompts, by the route of today's servers and by the two of older ones.

use std::sync::{Arc, Mutex};

use comfy_client::{Cancelled, Client, ClientOptions, Error, Outcome, Retry, Submission};
use comfy_sim::{Moment, Sim, SimOptions};

use crate::{
    scripted::{Answer, ID, Scripted, prompt_id},
    servers::{client_of, fresh, on_each, sampling, workflow},
};

/// Where a server without a route that cancels has the prompt.
#[derive(Clone, Copy, Debug, PartialEq)]
enum At {
    Nowhere,
    Pending,
    /// In the queue, and running before it can be deleted.
    Beginning,
    Running,
    History,
}

async fn old(at: At) -> (Scripted, Arc<Mutex<At>>) {
    old_with(at, None).await
}

/// One that may answer something else in place of its queue.
async fn old_with(at: At, queue: Option<Answer>) -> (Scripted, Arc<Mutex<At>>) {
    let place = Arc::new(Mutex::new(at));
    let shared = Arc::clone(&place);
    let server = Scripted::start(move |request| {
        let mut at = shared.lock().unwrap();
        match (request.line.as_str(), *at) {
            ("GET /queue", _) if queue.is_some() => queue.clone().unwrap(),
            ("GET /queue", now) => {
                if now == At::Beginning {
                    *at = At::Running;
                }
                let item = |is_there| {
                    if is_there { format!(r#"[1, "{ID}", {{}}, {{}}, []]"#) } else { String::new() }
                };
                let running = item(now == At::Running);
                let pending = item(matches!(now, At::Pending | At::Beginning));
                Answer::json(&format!(
                    r#"{{"queue_running": [{running}], "queue_pending": [{pending}]}}"#
                ))
            }
            ("POST /queue", now) => {
                *at = if now == At::Pending { At::Nowhere } else { now };
                Answer::empty(200)
            }
            ("POST /interrupt", now) => {
                *at = if now == At::Running { At::History } else { now };
                Answer::empty(200)
            }
            (line, At::History) if line.starts_with("GET /history/") => {
                Answer::json(&format!(r#"{{"{ID}": {{}}}}"#))
            }
            (line, _) if line.starts_with("GET /history/") => Answer::json("{}"),
            _ => Answer::empty(405),
        }
    })
    .await;
    (server, place)
}

fn lines(server: &Scripted) -> Vec<String> {
    server.requests().into_iter().map(|request| request.line).collect()
}

#[tokio::test]
async fn an_old_server_is_told_in_two_steps_and_remembered_as_old() {
    let (server, _) = old(At::Pending).await;
    let client = server.client(ClientOptions::default());
    assert_eq!(client.cancel(&prompt_id()).await.unwrap(), Cancelled::WasPending);
    assert_eq!(client.clone().cancel(&prompt_id()).await.unwrap(), Cancelled::NotThere);
    let expected = [
        format!("POST /api/jobs/{ID}/cancel"),
        "GET /queue".to_owned(),
        "POST /queue".to_owned(),
        "POST /interrupt".to_owned(),
        "GET /queue".to_owned(),
        format!("GET /history/{ID}"),
        "GET /queue".to_owned(),
        "POST /queue".to_owned(),
        "POST /interrupt".to_owned(),
    ];
    assert_eq!(lines(&server), expected);
    let requests = server.requests();
    assert_eq!(requests[2].body, format!(r#"{{"delete":["{ID}"]}}"#));
    assert_eq!(requests[3].body, format!(r#"{{"prompt_id":"{ID}"}}"#));
}

#[tokio::test]
async fn an_old_server_is_asked_again_after_the_socket_was_lost() {
    let (mut server, _) = old(At::Nowhere).await;
    let client = server.client(ClientOptions::default());
    let (session, socket) = server.session(&client).await;
    client.cancel(&prompt_id()).await.unwrap();
    drop(socket);
    let (_, _socket) = server.socket().await;
    while !session.is_connected() {
        tokio::task::yield_now().await;
    }
    client.cancel(&prompt_id()).await.unwrap();
    let probes = lines(&server).iter().filter(|line| line.ends_with("/cancel")).count();
    assert_eq!(probes, 2);
}

#[tokio::test]
async fn an_old_server_that_runs_the_prompt_says_so() {
    let (server, _) = old(At::Running).await;
    let client = server.client(ClientOptions::default());
    assert_eq!(client.cancel(&prompt_id()).await.unwrap(), Cancelled::WasRunning);
    assert_eq!(client.cancel(&prompt_id()).await.unwrap(), Cancelled::NotThere);
}

#[tokio::test]
async fn a_prompt_that_begins_between_the_two_steps_was_running() {
    let (server, _) = old(At::Beginning).await;
    let client = server.client(ClientOptions::default());
    assert_eq!(client.cancel(&prompt_id()).await.unwrap(), Cancelled::WasRunning);
}

#[tokio::test]
async fn a_queue_that_cannot_be_read_keeps_nobody_from_stopping() {
    let (server, place) = old_with(At::Running, Some(Answer::empty(500))).await;
    let client = server.client(ClientOptions::default());
    assert_eq!(client.cancel(&prompt_id()).await.unwrap(), Cancelled::WasRunning);
    assert_eq!(*place.lock().unwrap(), At::History);
}

#[tokio::test]
async fn a_job_that_was_cancelled_without_a_trace_was_pending() {
    let server = Scripted::start(|request| match request.line.as_str() {
        line if line.starts_with("GET /api/jobs/") => {
            Answer::new(404, "application/json", r#"{"error": "Job not found"}"#)
        }
        line if line.ends_with("/cancel") => Answer::json(r#"{"cancelled": true}"#),
        _ => Answer::empty(500),
    })
    .await;
    let client = server.client(ClientOptions::default());
    assert_eq!(client.cancel(&prompt_id()).await.unwrap(), Cancelled::WasPending);
}

#[tokio::test]
async fn where_the_job_was_is_no_reason_to_fail() {
    let server = Scripted::start(|request| {
        let is_post = request.line.starts_with("POST");
        if is_post { Answer::json(r#"{"cancelled": true}"#) } else { Answer::Drop }
    })
    .await;
    let client = server.client(ClientOptions::default());
    assert_eq!(client.cancel(&prompt_id()).await.unwrap(), Cancelled::WasRunning);
}

#[tokio::test]
async fn an_answer_that_says_nothing_is_an_error_and_no_answer_may_be_asked_again() {
    let server = Scripted::start(|_| Answer::json(r#"{"cancelled": 1}"#)).await;
    let error = server.client(ClientOptions::default()).cancel(&prompt_id()).await.unwrap_err();
    assert!(matches!(error, Error::UnexpectedReply { .. }), "{error:?}");
    let server = Scripted::start(|_| Answer::Drop).await;
    let error = server.client(ClientOptions::default()).cancel(&prompt_id()).await.unwrap_err();
    assert_eq!(error.retry(), Retry::CheckFirst, "{error:?}");
}

#[tokio::test]
async fn profiles_tell_old_servers_from_new_ones() {
    let server = Scripted::start(|request| match request.line.as_str() {
        "GET /system_stats" => Answer::json(r#"{"system": {"comfyui_version": "0.8.0"}}"#),
        line if line.starts_with("GET") => Answer::empty(404),
        _ => Answer::empty(405),
    })
    .await;
    let profile = server.client(ClientOptions::default()).profile().await.unwrap();
    assert_eq!(profile.version.as_deref(), Some("0.8.0"));
    assert!(!profile.cancels_jobs && !profile.features.preview_metadata);
    assert!(profile.is_at_least([0, 8]) && !profile.is_at_least([0, 33]));
    on_each(async |client| {
        let profile = client.profile().await.unwrap();
        assert!(profile.cancels_jobs && profile.is_at_least([0, 33]), "{profile:?}");
        assert!(profile.features.node_replacements);
    })
    .await;
}

#[tokio::test]
async fn a_running_and_a_waiting_prompt_are_cancelled_and_a_third_is_not_there() {
    on_each(async |client| {
        let checkpoints = client.models("checkpoints").await.unwrap().unwrap_or_default();
        let Some(checkpoint) = checkpoints.first() else {
            eprintln!("skipped: the server has no checkpoint");
            return;
        };
        let session = client.open_session().await.unwrap();
        let (running, waiting) = (fresh(), fresh());
        let mut watch = session.watch(&running).await;
        let (slow, quick) = (sampling(checkpoint, 1000), workflow("PreviewImage"));
        for (id, workflow) in [(running, &slow), (waiting, &quick)] {
            let client_id = Some(session.client_id());
            let submission = Submission { client_id, ..Submission::new(id, workflow) };
            client.submit(&submission).await.unwrap();
        }
        while !matches!(watch.next().await, Some(comfy_client::Event::Progress { .. })) {}
        assert_eq!(client.cancel(&waiting).await.unwrap(), Cancelled::WasPending);
        assert_eq!(client.cancel(&waiting).await.unwrap(), Cancelled::NotThere);
        assert_eq!(client.cancel(&running).await.unwrap(), Cancelled::WasRunning);
        let ended = watch.finish().await.unwrap();
        assert_eq!(ended.outcome, Outcome::Interrupted { node: "3".parse().ok() });
        assert_eq!(client.cancel(&running).await.unwrap(), Cancelled::NotThere);
        let sampler = ended.timings.get("3").unwrap();
        assert!(sampler.duration.is_some() && sampler.runs == 1, "{sampler:?}");
        session.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_job_that_the_simulator_holds_is_cancelled() {
    let sim = Sim::start(SimOptions::default()).await.unwrap();
    let client: Client = client_of(&sim.url());
    let gate = sim.hold(Moment::NextPrompt);
    let id = fresh();
    client.submit(&Submission::new(id, &workflow("PreviewImage"))).await.unwrap();
    gate.reached().await;
    assert_eq!(client.cancel(&id).await.unwrap(), Cancelled::WasRunning);
    sim.stop().await;
}

//! What goes wrong in a whole run, with the simulator as the server.

use std::time::Duration;

use comfy_client::{
    Client, Ended, Error, Event, Limits, Outcome, Retry, Session, Submission, Watch,
};
use comfy_sim::{Fault, Moment, Sim, SimOptions};

use crate::{
    scripted::limits,
    servers::{client_of, fresh, sampling, workflow},
};

async fn sim() -> (Sim, Client) {
    let step_time = Duration::ZERO;
    let sim = Sim::start(SimOptions { step_time, ..SimOptions::default() }).await.unwrap();
    let client = client_of(&sim.url());
    (sim, client)
}

/// Submits a run with a sampler.
async fn submitted(client: &Client) -> (Session, Watch, Result<comfy_client::Accepted, Error>) {
    let session = client.open_session().await.unwrap();
    let checkpoints = client.models("checkpoints").await.unwrap().unwrap();
    let (prompt_id, workflow) = (fresh(), sampling(&checkpoints[0], 6));
    let watch = session.watch(&prompt_id).await;
    let client_id = Some(session.client_id());
    let submission = Submission { client_id, ..Submission::new(prompt_id, &workflow) };
    let accepted = client.submit(&submission).await;
    (session, watch, accepted)
}

async fn ended(client: &Client) -> Ended {
    let (session, watch, accepted) = submitted(client).await;
    accepted.unwrap();
    let ended = watch.finish().await.unwrap();
    session.close().await;
    ended
}

#[tokio::test]
async fn a_reply_lost_after_accepting_is_found_again_and_never_sent_twice() {
    let (sim, client) = sim().await;
    sim.script(Fault::DropReplyAfterAccepting);
    let (_session, watch, accepted) = submitted(&client).await;
    let error = accepted.unwrap_err();
    assert_eq!(error.retry(), Retry::CheckFirst, "{error:?}");
    let id = *watch.prompt_id();
    assert_eq!(watch.finish().await.unwrap().outcome, Outcome::Succeeded);
    assert_eq!(sim.submissions_of(&id.to_string()), 1);
}

#[tokio::test]
async fn sockets_cut_while_sampling_change_nothing_about_the_outcome() {
    let (sim, client) = sim().await;
    sim.script(Fault::CloseSockets { at: Moment::AtStep(2) });
    let (session, mut watch, _) = submitted(&client).await;
    let mut was_lost = false;
    while let Some(event) = watch.next().await {
        was_lost |= matches!(event, Event::SocketLost { .. });
    }
    assert!(was_lost);
    assert_eq!(watch.finish().await.unwrap().outcome, Outcome::Succeeded);
    session.close().await;
}

#[tokio::test]
async fn a_restart_loses_the_prompt_and_says_so() {
    let (sim, client) = sim().await;
    sim.script(Fault::RestartEmpty { at: Moment::AtStep(2) });
    let ended = ended(&client).await;
    assert_eq!((ended.outcome, ended.entry), (Outcome::Lost, None));
}

#[tokio::test]
async fn garbage_between_the_frames_is_skipped() {
    let (sim, client) = sim().await;
    sim.script(Fault::GarbageFrames { at: Moment::AtStep(2) });
    assert_eq!(ended(&client).await.outcome, Outcome::Succeeded);
}

#[tokio::test]
async fn running_out_of_memory_is_told_from_other_errors() {
    let (sim, client) = sim().await;
    sim.script(Fault::OutOfMemory { node: Some("3".to_owned()) });
    let Outcome::Failed(error) = ended(&client).await.outcome else { panic!() };
    assert!(error.is_out_of_memory(), "{error}");
    assert_eq!((error.node, &*error.class_type), ("3".parse().ok(), "KSampler"));
    sim.script(Fault::ExecutionError {
        node: None,
        exception_type: "ValueError".to_owned(),
        message: "no".to_owned(),
    });
    let Outcome::Failed(error) = ended(&client).await.outcome else { panic!() };
    assert!(!error.is_out_of_memory() && error.to_string().ends_with("raised ValueError: no"));
}

#[tokio::test]
async fn a_deleted_prompt_is_lost_and_a_waiting_one_is_in_the_queue() {
    let (sim, _) = sim().await;
    let soon = Duration::from_millis(10);
    let (history_poll_every, queue_poll_every) = (soon, soon);
    let options = limits(Limits { history_poll_every, queue_poll_every, ..Limits::default() });
    let client = Client::new(sim.url().parse().unwrap(), options).unwrap();
    let gate = sim.hold(Moment::NextPrompt);
    let (session, running, _) = submitted(&client).await;
    gate.reached().await;
    let (prompt_id, waiting) = (fresh(), workflow("PreviewImage"));
    client.submit(&Submission::new(prompt_id, &waiting)).await.unwrap();
    let queue = client.queue().await.unwrap();
    assert!(
        queue.holds(running.prompt_id()) && queue.pending[0].prompt_id == prompt_id.to_string()
    );
    client.delete_from_queue(&[prompt_id]).await.unwrap();
    let watch = session.watch(&prompt_id).await;
    assert_eq!(watch.finish().await.unwrap().outcome, Outcome::Lost);
    gate.release();
    assert_eq!(running.finish().await.unwrap().outcome, Outcome::Succeeded);
}

//! Jobs on a server that behaves, and on one that does not.

use std::{sync::Arc, time::Duration};

use batch::{CancelError, EngineOptions, JobId, JobRecord, ServerOptions, StartError, State};
use comfy_sim::{Fault, Moment};
use uuid::Uuid;

use crate::stage::{
    Killed, PATIENCE, Stage, ended, is_connected, options, reaches, reconnected, server,
};

#[tokio::test]
async fn a_job_runs_to_its_end_and_every_step_is_in_its_log() {
    let stage = Stage::new().await;
    let engine = stage.engine();
    let record = Stage::record(4);
    let id = record.id;
    engine.start(record).await.unwrap();
    let shown = ended(&engine, &id).await.unwrap();
    assert_eq!((shown.state, shown.percent), (State::Succeeded, 100.0));
    assert_eq!(shown.nodes_done, shown.nodes_total);
    let expected = ["submit_started", "accepted", "started", "finished"];
    assert_eq!(stage.log(&id).await, expected);
    assert_eq!(stage.submissions(&id), 1);
    assert!(is_connected(&engine));
    let job = stage.job(&id).await;
    let mut nodes: Vec<_> =
        job.nodes().iter().map(|run| (&*run.node, &*run.class_type, run.cached)).collect();
    nodes.sort_unstable();
    let loader = ("1", "CheckpointLoaderSimple", false);
    assert_eq!((nodes.len(), nodes[0]), (6, loader));
    assert!(job.nodes().iter().all(|run| run.started_ms.is_some() && run.duration_ms.is_some()));
    engine.shutdown().await;
}

#[tokio::test]
async fn what_earlier_jobs_of_the_same_shape_took_tells_how_long_one_will_take() {
    let stage = Stage::new().await;
    let engine = stage.engine();
    let of_one_shape = || JobRecord { shape_digest: "a shape".to_owned(), ..Stage::record(3) };
    let (first, second) = (of_one_shape(), of_one_shape());
    let (first_id, second_id) = (first.id, second.id);
    engine.start(first).await.unwrap();
    ended(&engine, &first_id).await;
    let gate = stage.sim.hold(Moment::AtStep(1));
    engine.start(second).await.unwrap();
    gate.reached().await;
    let mut progress = engine.progress(&second_id).unwrap();
    let told = progress.wait_for(|progress| progress.seconds_left.is_some());
    tokio::time::timeout(PATIENCE, told).await.expect("in time").expect("before it ended");
    gate.release();
    let shown = ended(&engine, &second_id).await.unwrap();
    assert_eq!((shown.state, shown.seconds_left), (State::Succeeded, None));
    engine.shutdown().await;
}

#[tokio::test]
async fn a_job_that_cannot_be_written_down_is_not_sent() {
    let stage = Stage::new().await;
    let engine = stage.engine_with(Killed::after(0, &stage.jobs), options());
    let record = Stage::record(1);
    let id = record.id;
    assert!(matches!(engine.start(record).await, Err(StartError::Store(_))));
    assert_eq!(stage.submissions(&id), 0);
    engine.shutdown().await;
}

#[tokio::test]
async fn what_the_server_refuses_fails_with_all_that_it_said() {
    let stage = Stage::new().await;
    let engine = stage.engine();
    let record = Stage::record_of(
        r#"{"1": {"class_type": "EmptyImage", "inputs": {"width": -1, "height": 8, "batch_size": 1, "color": 0}},
            "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "t"}}}"#,
    );
    let id = record.id;
    engine.start(record).await.unwrap();
    ended(&engine, &id).await;
    let job = stage.job(&id).await;
    assert_eq!(job.state, State::Failed);
    let failure = job.failure().unwrap();
    assert_eq!(failure.kind, "prompt_outputs_failed_validation");
    assert_eq!(
        (failure.node.as_deref(), failure.class_type.as_deref()),
        (Some("1"), Some("EmptyImage"))
    );
    let errors = failure.details.at(&["node_errors", "1", "errors"]).unwrap();
    assert_eq!(
        errors.as_array().unwrap()[0].get("type").unwrap().as_str(),
        Some("value_smaller_than_min")
    );
    engine.shutdown().await;
}

#[tokio::test]
async fn outputs_that_the_server_leaves_out_are_told() {
    let stage = Stage::new().await;
    let engine = stage.engine();
    let record = Stage::record_of(
        r#"{"1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 0}},
            "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "t"}},
            "3": {"class_type": "SaveImage", "inputs": {"filename_prefix": "t"}}}"#,
    );
    let id = record.id;
    engine.start(record).await.unwrap();
    ended(&engine, &id).await;
    let job = stage.job(&id).await;
    assert_eq!(job.state, State::Succeeded);
    let expected =
        "the server leaves out output 3: node 3 (SaveImage): Required input is missing: images";
    assert_eq!(job.warnings(), [expected]);
    engine.shutdown().await;
}

#[tokio::test]
async fn a_node_that_raises_is_named() {
    let stage = Stage::new().await;
    let engine = stage.engine();
    stage.sim.script(Fault::OutOfMemory { node: Some("4".to_owned()) });
    let record = Stage::record(2);
    let id = record.id;
    engine.start(record).await.unwrap();
    ended(&engine, &id).await;
    let job = stage.job(&id).await;
    let failure = job.failure().unwrap();
    assert_eq!(
        (failure.node.as_deref(), failure.class_type.as_deref()),
        (Some("4"), Some("KSampler"))
    );
    assert!(failure.kind.ends_with("OutOfMemoryError"), "{failure:?}");
    engine.shutdown().await;
}

#[tokio::test]
async fn a_lost_reply_is_looked_up_and_the_prompt_runs_once() {
    let stage = Stage::new().await;
    let engine = stage.engine();
    stage.sim.script(Fault::DropReplyAfterAccepting);
    let record = Stage::record(2);
    let id = record.id;
    engine.start(record).await.unwrap();
    ended(&engine, &id).await;
    assert_eq!(stage.job(&id).await.state, State::Succeeded);
    assert_eq!((stage.submissions(&id), stage.sim.executions()), (1, 1));
    engine.shutdown().await;
}

#[tokio::test]
async fn an_answer_that_took_nothing_is_a_refusal_and_no_loss() {
    let stage = Stage::new().await;
    let engine = stage.engine();
    stage.sim.script(Fault::RefusePrompt {
        status: 500,
        body: "Server got itself in trouble".to_owned(),
    });
    let record = Stage::record(1);
    let id = record.id;
    engine.start(record).await.unwrap();
    ended(&engine, &id).await;
    let job = stage.job(&id).await;
    assert_eq!((job.state, &*job.failure().unwrap().kind), (State::Failed, "comfyui_refused"));
    engine.shutdown().await;
}

#[tokio::test]
async fn an_outage_fails_nothing_that_the_server_has_not_heard_of() {
    let stage = Stage::new().await;
    let engine = stage.engine();
    stage.sim.refuse_connections().await;
    assert!(engine.connect(&stage.url()).await.unwrap().unwrap_err().is_retryable());
    let (first, second) = (Stage::record(1), Stage::record(1));
    let (first_id, second_id) = (first.id, second.id);
    engine.start(first).await.unwrap();
    engine.start(second).await.unwrap();
    engine.cancel(&second_id).await.unwrap();
    ended(&engine, &second_id).await;
    assert_eq!(stage.log(&second_id).await, ["cancelled"]);
    assert_eq!(stage.job(&first_id).await.state, State::Recorded);
    stage.sim.accept_connections().await;
    ended(&engine, &first_id).await;
    assert_eq!(stage.job(&first_id).await.state, State::Succeeded);
    engine.shutdown().await;
}

#[tokio::test]
async fn an_outage_while_a_job_runs_costs_nothing_but_time() {
    let stage = Stage::new().await;
    let engine = stage.engine();
    let gate = stage.sim.hold(Moment::AtStep(1));
    let record = Stage::record(2);
    let id = record.id;
    engine.start(record).await.unwrap();
    gate.reached().await;
    stage.sim.refuse_connections().await;
    gate.release();
    stage.sim.accept_connections().await;
    ended(&engine, &id).await;
    assert_eq!(stage.job(&id).await.state, State::Succeeded);
    engine.shutdown().await;
}

#[tokio::test]
async fn results_that_cannot_be_fetched_at_once_are_fetched_again() {
    let stage = Stage::new().await;
    let engine = stage.engine_that_fetches_twice();
    let record = Stage::record(1);
    let id = record.id;
    engine.start(record).await.unwrap();
    ended(&engine, &id).await;
    assert_eq!(stage.job(&id).await.state, State::Succeeded);
    assert_eq!(stage.sim.executions(), 1);
    engine.shutdown().await;
}

#[tokio::test]
async fn callers_share_one_attempt_to_reach_a_server() {
    let stage = Stage::new().await;
    let engine = stage.engine();
    stage.sim.refuse_connections().await;
    let url = stage.url();
    let (one, other) = tokio::join!(engine.connect(&url), engine.connect(&url));
    let (one, other) = (one.unwrap(), other.unwrap());
    assert!(Arc::ptr_eq(&one.unwrap_err(), &other.unwrap_err()));
    stage.sim.accept_connections().await;
    engine.connect(&url).await.unwrap().unwrap();
    engine.shutdown().await;
}

#[tokio::test]
async fn no_time_is_too_long_for_a_job() {
    let stage = Stage::new().await;
    let engine = stage.engine();
    let mut record = Stage::record(1);
    record.running_time_max = Some(Duration::MAX);
    let id = record.id;
    engine.start(record).await.unwrap();
    ended(&engine, &id).await;
    assert_eq!(stage.job(&id).await.state, State::Succeeded);
    engine.shutdown().await;
}

#[tokio::test]
async fn a_running_job_is_cancelled_at_the_server() {
    let stage = Stage::new().await;
    let engine = stage.engine();
    let gate = stage.sim.hold(Moment::AtStep(1));
    let record = Stage::record(50);
    let id = record.id;
    engine.start(record).await.unwrap();
    gate.reached().await;
    engine.cancel(&id).await.unwrap();
    ended(&engine, &id).await;
    assert_eq!(stage.job(&id).await.state, State::Cancelled);
    assert!(stage.queue_is_empty().await);
    engine.cancel(&id).await.expect("cancelling what has ended changes nothing");
    let unknown = JobId::from(Uuid::nil());
    assert!(matches!(engine.cancel(&unknown).await, Err(CancelError::UnknownJob(_))));
    engine.shutdown().await;
}

#[tokio::test]
async fn a_job_in_the_servers_queue_is_cancelled_without_a_trace() {
    let stage = Stage::new().await;
    let engine = stage.engine();
    let gate = stage.sim.hold(Moment::AtStep(1));
    let (first, second) = (Stage::record(2), Stage::record(2));
    let (first_id, second_id) = (first.id, second.id);
    engine.start(first).await.unwrap();
    gate.reached().await;
    engine.start(second).await.unwrap();
    reaches(&engine, &second_id, State::Queued).await;
    engine.cancel(&second_id).await.unwrap();
    ended(&engine, &second_id).await;
    let expected = ["submit_started", "accepted", "stop_requested", "cancelled"];
    assert_eq!(stage.log(&second_id).await, expected);
    gate.release();
    ended(&engine, &first_id).await;
    assert_eq!(stage.job(&first_id).await.state, State::Succeeded);
    assert_eq!(stage.sim.executions(), 1);
    engine.shutdown().await;
}

#[tokio::test]
async fn a_job_that_waits_here_is_cancelled_before_the_server_hears_of_it() {
    let stage = Stage::new().await;
    let one_at_a_time = ServerOptions { in_flight_max: 1, ..server(&stage.sim) };
    let engine = Stage::engine_on(vec![one_at_a_time], stage.store(), options());
    let gate = stage.sim.hold(Moment::AtStep(1));
    let (first, second) = (Stage::record(2), Stage::record(2));
    let (first_id, second_id) = (first.id, second.id);
    engine.start(first).await.unwrap();
    gate.reached().await;
    engine.start(second).await.unwrap();
    engine.cancel(&second_id).await.unwrap();
    ended(&engine, &second_id).await;
    assert_eq!(stage.log(&second_id).await, ["cancelled"]);
    gate.release();
    ended(&engine, &first_id).await;
    assert_eq!(stage.submissions(&second_id), 0);
    engine.shutdown().await;
}

#[tokio::test]
async fn a_job_that_runs_too_long_is_stopped() {
    let stage = Stage::new().await;
    let engine = stage.engine();
    let gate = stage.sim.hold(Moment::AtStep(1));
    let mut record = Stage::record(2);
    record.running_time_max = Some(Duration::from_millis(50));
    let id = record.id;
    engine.start(record).await.unwrap();
    gate.reached().await;
    ended(&engine, &id).await;
    assert_eq!(stage.job(&id).await.state, State::TimedOut);
    assert!(stage.queue_is_empty().await);
    engine.shutdown().await;
}

#[tokio::test]
async fn a_lost_socket_costs_events_and_not_the_outcome() {
    let stage = Stage::new().await;
    let engine = stage.engine();
    stage.sim.script(Fault::GarbageFrames { at: Moment::AtStep(1) });
    stage.sim.script(Fault::CloseSockets { at: Moment::AtStep(2) });
    let record = Stage::record(4);
    let id = record.id;
    engine.start(record).await.unwrap();
    ended(&engine, &id).await;
    assert_eq!(stage.job(&id).await.state, State::Succeeded);
    engine.shutdown().await;
}

#[tokio::test]
async fn a_server_that_forgot_a_job_makes_it_lost_and_not_run_again() {
    let stage = Stage::new().await;
    let engine = stage.engine();
    stage.sim.script(Fault::RestartEmpty { at: Moment::NextPrompt });
    let record = Stage::record(4);
    let id = record.id;
    engine.start(record).await.unwrap();
    ended(&engine, &id).await;
    assert_eq!(stage.job(&id).await.state, State::Lost);
    assert_eq!(stage.submissions(&id), 1);
    engine.shutdown().await;
}

#[tokio::test]
async fn there_is_a_limit_to_unfinished_jobs() {
    let stage = Stage::new().await;
    let one = EngineOptions { unfinished_max: 1, ..options() };
    let engine = stage.engine_with(stage.store(), one);
    let gate = stage.sim.hold(Moment::AtStep(1));
    engine.start(Stage::record(2)).await.unwrap();
    let refused = engine.start(Stage::record(2)).await;
    assert!(matches!(refused, Err(StartError::TooMany { unfinished: 1, limit: 1 })));
    drop(gate);
    engine.shutdown().await;
    assert!(matches!(engine.start(Stage::record(2)).await, Err(StartError::ShuttingDown)));
}

#[tokio::test]
async fn after_a_restart_of_the_server_the_next_job_shows_its_progress_again() {
    let stage = Stage::new().await;
    let engine = stage.engine();
    stage.sim.script(Fault::RestartEmpty { at: Moment::NextPrompt });
    let forgotten = Stage::record(1);
    let id = forgotten.id;
    engine.start(forgotten).await.unwrap();
    ended(&engine, &id).await;
    reconnected(&engine).await;
    let record = Stage::record(4);
    let id = record.id;
    engine.start(record).await.unwrap();
    let shown = ended(&engine, &id).await.unwrap();
    assert_eq!(shown.state, State::Succeeded);
    assert_eq!(shown.nodes_done, shown.nodes_total, "events of its nodes came");
    engine.shutdown().await;
}

#[tokio::test]
async fn a_damaged_earlier_job_keeps_no_other_from_running() {
    let stage = Stage::new().await;
    let engine = stage.engine_with(Killed::damaged(&stage.jobs), options());
    let record = JobRecord { shape_digest: "a shape".to_owned(), ..Stage::record(1) };
    let id = record.id;
    engine.start(record).await.unwrap();
    ended(&engine, &id).await;
    let job = stage.job(&id).await;
    // It was followed without a break: the times of all nodes were seen.
    assert_eq!((job.state, job.nodes().len()), (State::Succeeded, 6));
    engine.shutdown().await;
}

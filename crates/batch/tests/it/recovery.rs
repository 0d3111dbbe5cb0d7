//! Killed at any instant: nothing is lost, nothing runs twice.

use std::time::Duration;

use batch::{CancelError, EngineOptions, Event, JobStore as _, OwnerId, State};
use comfy_sim::{Fault, Moment};
use jiff::{Timestamp, ToSpan as _};

use crate::stage::{Killed, PATIENCE, Stage, ended, killed, much_later, options, reaches};

/// A server that no engine here has.
const ELSEWHERE: &str = "http://elsewhere:8188/";

fn late() -> EngineOptions {
    EngineOptions { clock: much_later, ..options() }
}

#[tokio::test]
async fn killed_after_any_write_the_job_runs_once_and_its_end_is_known() {
    // The writes are: record, submit_started, accepted, started, finished.
    for writes in 1..=4 {
        let stage = Stage::new().await;
        let record = Stage::record(2);
        let id = record.id;
        let dying = stage.engine_with(Killed::after(writes, &stage.jobs), options());
        dying.start(record).await.unwrap();
        killed(&dying, &id).await;
        let found = stage.job(&id).await;
        assert!(!found.state.is_final(), "killed after {writes} writes");

        let engine = stage.engine_with(stage.store(), late());
        assert_eq!(engine.recover().await.unwrap(), 1);
        ended(&engine, &id).await;
        let job = stage.job(&id).await;
        assert_eq!(job.state, State::Succeeded, "killed after {writes} writes: {:?}", job.log);
        assert_eq!(stage.submissions(&id), 1, "killed after {writes} writes");
        engine.shutdown().await;
    }
}

#[tokio::test]
async fn killed_between_the_log_and_the_request_the_job_is_lost_and_not_sent() {
    let stage = Stage::new().await;
    let record = Stage::record(2);
    let id = record.id;
    stage.jobs.create(record, &OwnerId::random()).await.unwrap();
    stage.jobs.append(&id, stage.submit_started(), Timestamp::now()).await.unwrap();
    let engine = stage.engine_with(stage.store(), late());
    engine.recover().await.unwrap();
    ended(&engine, &id).await;
    assert_eq!(stage.job(&id).await.state, State::Lost);
    assert_eq!(stage.submissions(&id), 0);
    engine.shutdown().await;
}

#[tokio::test]
async fn two_engines_on_one_store_send_a_job_once() {
    let stage = Stage::new().await;
    let record = Stage::record(2);
    let id = record.id;
    stage.jobs.create(record, &OwnerId::random()).await.unwrap();
    let (one, other) = (stage.engine(), stage.engine());
    one.recover().await.unwrap();
    other.recover().await.unwrap();
    tokio::join!(ended(&one, &id), ended(&other, &id));
    assert_eq!(stage.job(&id).await.state, State::Succeeded);
    assert_eq!((stage.submissions(&id), stage.sim.executions()), (1, 1));
    one.shutdown().await;
    other.shutdown().await;
}

#[tokio::test]
async fn a_job_of_another_process_can_be_cancelled() {
    let stage = Stage::new().await;
    let (one, other) = (stage.engine(), stage.engine());
    let gate = stage.sim.hold(Moment::AtStep(1));
    let record = Stage::record(50);
    let id = record.id;
    one.start(record).await.unwrap();
    gate.reached().await;
    other.cancel(&id).await.unwrap();
    ended(&one, &id).await;
    assert_eq!(stage.job(&id).await.state, State::Cancelled);
    assert!(stage.queue_is_empty().await);
    one.shutdown().await;
    other.shutdown().await;
}

#[tokio::test]
async fn shutting_down_leaves_the_job_to_the_server_and_the_next_start_takes_it_up() {
    let stage = Stage::new().await;
    let engine = stage.engine();
    let gate = stage.sim.hold(Moment::AtStep(1));
    let record = Stage::record(2);
    let id = record.id;
    engine.start(record).await.unwrap();
    gate.reached().await;
    engine.shutdown().await;
    assert_eq!(stage.job(&id).await.state, State::Running);

    gate.release();
    let next = stage.engine();
    next.recover().await.unwrap();
    ended(&next, &id).await;
    assert_eq!(stage.job(&id).await.state, State::Succeeded);
    assert_eq!(stage.submissions(&id), 1);
    next.shutdown().await;
}

#[tokio::test]
async fn how_far_a_job_is_stands_in_its_log_and_the_next_process_does_not_go_back() {
    let stage = Stage::new().await;
    let engine = stage.engine();
    let gate = stage.sim.hold(Moment::AtStep(2));
    let record = Stage::record(4);
    let id = record.id;
    engine.start(record).await.unwrap();
    gate.reached().await;
    let written = async {
        loop {
            if let Some((advance, _)) = stage.job(&id).await.advance() {
                return advance;
            }
            tokio::task::yield_now().await;
        }
    };
    let written = tokio::time::timeout(PATIENCE, written).await.expect("it is written down");
    assert_eq!(written.nodes_total, 6);
    assert!(written.nodes_done >= 3 && written.percent > 30.0, "{written:?}");
    engine.shutdown().await;

    let next = stage.engine();
    next.recover().await.unwrap();
    let taken_up = next.progress(&id).expect("it is under way").borrow().percent;
    assert!(taken_up >= written.percent, "{taken_up} after {written:?}");
    gate.release();
    ended(&next, &id).await;
    assert_eq!(stage.job(&id).await.state, State::Succeeded);
    let advances = stage.log(&id).await.into_iter().filter(|name| *name == "advanced").count();
    assert!(advances <= 2, "a job that is not further writes nothing: {advances}");
    next.shutdown().await;
}

#[tokio::test]
async fn jobs_of_other_servers_are_left_alone() {
    let stage = Stage::new().await;
    let mut record = Stage::record(2);
    record.servers = vec![ELSEWHERE.to_owned()];
    stage.jobs.create(record, &OwnerId::random()).await.unwrap();
    let engine = stage.engine();
    assert_eq!(engine.recover().await.unwrap(), 0);
    engine.shutdown().await;
}

#[tokio::test]
async fn a_job_that_another_process_is_just_sending_is_cancelled_when_it_arrives() {
    let stage = Stage::new().await;
    let (one, other) = (stage.engine(), stage.engine());
    let delay = Duration::from_millis(400);
    stage.sim.script(Fault::SlowReply { path: "/prompt".to_owned(), delay });
    let _gate = stage.sim.hold(Moment::AtStep(1));
    let record = Stage::record(50);
    let id = record.id;
    one.start(record).await.unwrap();
    reaches(&one, &id, State::Submitting).await;
    other.cancel(&id).await.unwrap();
    ended(&one, &id).await;
    ended(&other, &id).await;
    assert_eq!(stage.job(&id).await.state, State::Cancelled);
    assert!(stage.queue_is_empty().await);
    one.shutdown().await;
    other.shutdown().await;
}

#[tokio::test]
async fn a_job_of_a_dead_process_is_stopped_by_whoever_cancels_it() {
    let stage = Stage::new().await;
    let gate = stage.sim.hold(Moment::AtStep(1));
    let dead = stage.engine();
    let record = Stage::record(50);
    let id = record.id;
    dead.start(record).await.unwrap();
    gate.reached().await;
    dead.shutdown().await;
    let engine = stage.engine();
    engine.cancel(&id).await.unwrap();
    ended(&engine, &id).await;
    assert_eq!(stage.job(&id).await.state, State::Cancelled);
    engine.shutdown().await;
}

#[tokio::test]
async fn a_job_at_another_server_is_not_said_to_be_cancelled() {
    let stage = Stage::new().await;
    let mut record = Stage::record(2);
    record.servers = vec![ELSEWHERE.to_owned()];
    let id = record.id;
    stage.jobs.create(record, &OwnerId::random()).await.unwrap();
    stage
        .jobs
        .append(&id, Event::SubmitStarted { server: ELSEWHERE.to_owned() }, Timestamp::now())
        .await
        .unwrap();
    let engine = stage.engine();
    let refused = engine.cancel(&id).await;
    assert!(
        matches!(refused, Err(CancelError::OtherServer { server }) if server.contains("elsewhere"))
    );
    assert_eq!(stage.job(&id).await.state, State::Submitting);
    engine.shutdown().await;
}

#[tokio::test]
async fn a_clock_that_is_set_back_times_nothing_out() {
    fn set_back() -> Timestamp {
        Timestamp::now().checked_sub(1.hour()).unwrap()
    }
    let stage = Stage::new().await;
    let gate = stage.sim.hold(Moment::AtStep(1));
    let first = stage.engine();
    let record = Stage::record(2);
    let id = record.id;
    first.start(record).await.unwrap();
    gate.reached().await;
    first.shutdown().await;
    let options = EngineOptions { clock: set_back, ..options() };
    let engine = stage.engine_with(stage.store(), options);
    engine.recover().await.unwrap();
    gate.release();
    ended(&engine, &id).await;
    assert_eq!(stage.job(&id).await.state, State::Succeeded);
    engine.shutdown().await;
}

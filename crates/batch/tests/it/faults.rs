//! What goes wrong between a job and its server, one fault each: the job ends once, and its
//! prompt runs once.

use std::{sync::Arc, time::Duration};

use batch::{Engine, EngineOptions, Event, JobRecord, JobStore as _, ServerOptions, State, Unsure};
use comfy_client::{Client, ClientOptions, Limits};
use comfy_sim::{Fault, Moment, Sim, SimOptions};
use futures::future::join_all;
use jiff::{Timestamp, ToSpan as _};
use tokio::time::Instant;

use crate::stage::{
    Killed, PATIENCE, Stage, ended, is_connected, much_later, options, pass, reaches, reconnected,
    server,
};

/// How many steps the sampler of a run has here.
const STEPS: u32 = 3;

/// How many frames a server sends while a job runs on it.
async fn frames_of_a_run() -> usize {
    let stage = Stage::new().await;
    let engine = stage.engine();
    engine.connect(&stage.url()).await.unwrap().unwrap();
    let before = stage.sim.frames_sent();
    runs_once(&stage, &engine, "undisturbed").await;
    engine.shutdown().await;
    stage.sim.frames_sent() - before
}

/// Has a job run, and checks that it did so once and ended well.
async fn runs_once(stage: &Stage, engine: &Engine, case: &str) {
    let record = Stage::record(STEPS);
    let id = record.id;
    engine.start(record).await.unwrap();
    ended(engine, &id).await;
    let job = stage.job(&id).await;
    assert_eq!(job.state, State::Succeeded, "{case}: {:?}", job.log);
    let log = stage.log(&id).await;
    let named = |name: &str| log.iter().filter(|entry| **entry == name).count();
    assert_eq!((named("submit_started"), named("finished")), (1, 1), "{case}: {log:?}");
    assert_eq!((stage.submissions(&id), stage.sim.executions()), (1, 1), "{case}");
}

#[tokio::test]
async fn a_socket_that_closes_after_any_frame_costs_no_job() {
    let frames = frames_of_a_run().await;
    assert!(frames > 20, "a run has {frames} frames");
    let cut_after = |frames: usize| async move {
        let stage = Stage::new().await;
        let engine = stage.engine();
        engine.connect(&stage.url()).await.unwrap().unwrap();
        stage.sim.close_sockets_after(frames);
        runs_once(&stage, &engine, &format!("cut after {frames} frames")).await;
        engine.shutdown().await;
    };
    join_all((0..=frames).map(cut_after)).await;
}

#[tokio::test]
async fn whatever_comes_over_the_socket_changes_no_outcome() {
    use Moment::{AtStep, BeforeHistory, NextPrompt};
    let each = |at: Moment| {
        [
            Fault::DuplicateEvents { at },
            Fault::GarbageFrames { at },
            Fault::OddEvents { at },
            Fault::ForeignFrames { at },
            Fault::HugeEvent { at, bytes: 1 << 20 },
            Fault::EventsStop { at },
            Fault::HalfOpenSockets { at },
        ]
    };
    let with = |fault: Fault| async move {
        let stage = Stage::new().await;
        let engine = stage.engine();
        engine.connect(&stage.url()).await.unwrap().unwrap();
        let case = format!("{fault:?}");
        stage.sim.script(fault);
        runs_once(&stage, &engine, &case).await;
        engine.shutdown().await;
    };
    let faults = [NextPrompt, AtStep(1), AtStep(2), BeforeHistory].into_iter().flat_map(each);
    join_all(faults.map(with)).await;
}

#[tokio::test]
async fn events_that_come_twice_count_once() {
    let stage = Stage::new().await;
    let engine = stage.engine();
    engine.connect(&stage.url()).await.unwrap().unwrap();
    stage.sim.script(Fault::DuplicateEvents { at: Moment::NextPrompt });
    let record = Stage::record(STEPS);
    let id = record.id;
    engine.start(record).await.unwrap();
    let shown = ended(&engine, &id).await.unwrap();
    assert_eq!((shown.state, shown.nodes_done, shown.nodes_total), (State::Succeeded, 6, 6));
    let expected = ["submit_started", "accepted", "started", "finished"];
    assert_eq!(stage.log(&id).await, expected);
    assert_eq!(stage.job(&id).await.nodes().len(), 6);
    engine.shutdown().await;
}

#[tokio::test]
async fn a_prompt_that_left_the_history_at_once_is_lost_and_not_run_again() {
    let stage = Stage::new().await;
    let often = Duration::from_millis(200);
    let limits = Limits { queue_poll_every: often, history_poll_every: often, ..Limits::default() };
    let servers = vec![with_limits("forgetful", &stage.sim, limits)];
    let engine = Stage::engine_on(servers, stage.store(), options());
    stage.sim.script(Fault::HistoryEvicted);
    let record = Stage::record(STEPS);
    let id = record.id;
    engine.start(record).await.unwrap();
    ended(&engine, &id).await;
    let job = stage.job(&id).await;
    let Some(Event::Lost { reason }) = job.log.last().map(|entry| &entry.event) else {
        unreachable!("{:?}", job.log)
    };
    assert!(reason.contains("neither in the server's queue nor in its history"), "{reason}");
    assert_eq!((stage.submissions(&id), stage.sim.executions()), (1, 1));
    engine.shutdown().await;
}

/// What becomes of a job whose request the server read and forgot.
async fn lost_before_acceptance(unsure: Unsure) -> (Stage, Vec<&'static str>) {
    let stage = Stage::new().await;
    let engine = stage.engine_with(stage.store(), EngineOptions { unsure, ..options() });
    stage.sim.script(Fault::DropPromptBeforeAccepting);
    let record = Stage::record(STEPS);
    let id = record.id;
    engine.start(record).await.unwrap();
    ended(&engine, &id).await;
    engine.shutdown().await;
    let log = stage.log(&id).await;
    (stage, log)
}

#[tokio::test]
async fn a_request_lost_before_acceptance_is_sent_again_only_where_that_was_asked_for() {
    let (lost, again) = tokio::join!(
        lost_before_acceptance(Unsure::Lost),
        lost_before_acceptance(Unsure::SendAgain)
    );
    assert_eq!((&*lost.1, lost.0.sim.executions()), (&["submit_started", "lost"][..], 0));
    let expected =
        ["submit_started", "returned", "submit_started", "accepted", "started", "finished"];
    assert_eq!((&*again.1, again.0.sim.executions()), (&expected[..], 1));
}

#[tokio::test]
async fn a_full_disk_at_any_write_delays_a_job_and_costs_nothing_else() {
    // The writes are: record and submit_started, accepted, started, finished.
    let full_after = |writes: usize| async move {
        let stage = Stage::new().await;
        let store = Killed::full_after(writes, &stage.jobs);
        let engine = stage.engine_with(Arc::<Killed>::clone(&store), options());
        engine.connect(&stage.url()).await.unwrap().unwrap();
        let record = Stage::record(STEPS);
        let id = record.id;
        engine.start(record).await.unwrap();
        (stage, store, engine, id)
    };
    for writes in 1..=3 {
        let (stage, store, engine, id) = full_after(writes).await;
        let longest_pause = Duration::from_mins(1);
        for attempt in 1..=12 {
            store.refused(attempt).await;
            settled().await;
            pass(longest_pause).await;
        }
        store.make_room();
        pass(longest_pause).await;
        ended(&engine, &id).await;
        let job = stage.job(&id).await;
        assert_eq!(job.state, State::Succeeded, "full after {writes} writes: {:?}", job.log);
        assert_eq!((stage.submissions(&id), stage.sim.executions()), (1, 1));
        engine.shutdown().await;
    }
}

/// Lets every task go on that can without waiting.
async fn settled() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn results_that_can_never_be_kept_end_the_job_with_the_reason() {
    let stage = Stage::new().await;
    let short = EngineOptions { server_away_max: Duration::ZERO, ..options() };
    let engine = stage.engine_that_fails_to_keep(usize::MAX, short);
    let record = Stage::record(STEPS);
    let id = record.id;
    engine.start(record).await.unwrap();
    ended(&engine, &id).await;
    let job = stage.job(&id).await;
    assert_eq!((job.state, stage.sim.executions()), (State::Failed, 1));
    assert_eq!(job.failure().unwrap().kind, "results_unreachable");
    engine.shutdown().await;
}

#[tokio::test]
async fn a_job_whose_results_cannot_be_kept_now_can_be_given_up() {
    let stage = Stage::new().await;
    let engine = stage.engine_that_fails_to_keep(usize::MAX, options());
    let record = Stage::record(STEPS);
    let id = record.id;
    engine.start(record).await.unwrap();
    reaches(&engine, &id, State::Running).await;
    engine.cancel(&id).await.unwrap();
    ended(&engine, &id).await;
    assert_eq!(stage.job(&id).await.state, State::Cancelled);
    engine.shutdown().await;
}

/// A way to a server for which a moment without an answer is long.
fn impatient(name: &str, sim: &Sim) -> ServerOptions {
    let short = Duration::from_millis(300);
    let limits = Limits { connect_timeout: short, reply_timeout: short, ..Limits::default() };
    with_limits(name, sim, limits)
}

fn with_limits(name: &str, sim: &Sim, limits: Limits) -> ServerOptions {
    let options = ClientOptions { limits, ..ClientOptions::default() };
    let client = Client::new(sim.url().parse().unwrap(), options).unwrap();
    ServerOptions { in_flight_max: 1, ..ServerOptions::new(name, client) }
}

#[tokio::test]
async fn a_server_that_hangs_gets_nothing_until_it_answers() {
    let stage = Stage::new().await;
    let quick = SimOptions { step_time: Duration::ZERO, ..SimOptions::default() };
    let other = Sim::start(quick).await.unwrap();
    let servers = vec![impatient("hung", &stage.sim), impatient("other", &other)];
    let engine = Stage::engine_on(servers, stage.store(), options());
    stage.sim.hang();
    let ids = [Stage::record(1), Stage::record(1), Stage::record(1)].map(|record| {
        let id = record.id;
        (id, record)
    });
    for (_, record) in &ids {
        engine.start(record.clone()).await.unwrap();
    }
    for (id, _) in &ids {
        ended(&engine, id).await;
        let job = stage.job(id).await;
        assert_eq!(job.state, State::Succeeded, "{:?}", job.log);
    }
    assert_eq!((stage.sim.executions(), other.executions()), (0, 3));
    let why = engine.servers()[0].set_aside.clone();
    assert!(why.as_ref().is_some_and(|why| why.contains("answer")), "{why:?}");
    stage.sim.answer_again();
    let only_there = JobRecord { servers: vec![stage.url()], ..Stage::record(1) };
    let id = only_there.id;
    engine.start(only_there).await.unwrap();
    ended(&engine, &id).await;
    assert_eq!((stage.job(&id).await.state, stage.sim.executions()), (State::Succeeded, 1));
    engine.shutdown().await;
}

#[tokio::test]
async fn a_server_that_hangs_in_mid_run_costs_nothing_but_time() {
    let stage = Stage::new().await;
    let limits = Limits {
        reply_timeout: Duration::from_millis(200),
        ping_every: Duration::from_millis(50),
        silence_max: Duration::from_millis(200),
        ..Limits::default()
    };
    let servers = vec![with_limits("hung", &stage.sim, limits)];
    let engine = Stage::engine_on(servers, stage.store(), options());
    let gate = stage.sim.hold(Moment::AtStep(1));
    let record = Stage::record(STEPS);
    let id = record.id;
    engine.start(record).await.unwrap();
    gate.reached().await;
    stage.sim.hang();
    gate.release();
    let noticed = async {
        while is_connected(&engine) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, noticed).await.expect("the silence is noticed");
    assert_eq!(stage.job(&id).await.state, State::Running);
    stage.sim.answer_again();
    reconnected(&engine).await;
    ended(&engine, &id).await;
    assert_eq!((stage.job(&id).await.state, stage.submissions(&id)), (State::Succeeded, 1));
    engine.shutdown().await;
}

#[tokio::test]
async fn a_server_that_hangs_holds_up_no_end_of_the_program() {
    let stage = Stage::new().await;
    let engine = stage.engine();
    let gate = stage.sim.hold(Moment::AtStep(1));
    let (running, waiting) = (Stage::record(STEPS), Stage::record(STEPS));
    let id = running.id;
    engine.start(running).await.unwrap();
    gate.reached().await;
    stage.sim.hang();
    // This one is being sent while the server hangs.
    engine.start(waiting).await.unwrap();
    let began = Instant::now();
    engine.shutdown().await;
    assert!(began.elapsed() < Duration::from_secs(8), "it took {:?}", began.elapsed());
    assert_eq!(stage.job(&id).await.state, State::Running);
}

#[tokio::test]
async fn a_clock_that_is_set_back_while_two_processes_live_runs_nothing_twice() {
    fn set_back() -> Timestamp {
        Timestamp::now().checked_sub(1.hour()).unwrap()
    }
    let stage = Stage::new().await;
    let gate = stage.sim.hold(Moment::AtStep(1));
    // Its lease ends in the future of the other, which takes its jobs for those of a dead one.
    let ahead = stage.engine();
    let records: Vec<_> = (0..5).map(|_| Stage::record(STEPS)).collect();
    for record in &records {
        ahead.start(record.clone()).await.unwrap();
    }
    gate.reached().await;
    let back = EngineOptions { clock: set_back, ..options() };
    let behind = stage.engine_with(stage.store(), back);
    behind.recover().await.unwrap();
    gate.release();
    for record in &records {
        tokio::join!(ended(&ahead, &record.id), ended(&behind, &record.id));
        let job = stage.job(&record.id).await;
        assert_eq!(job.state, State::Succeeded, "{:?}", job.log);
        assert_eq!(stage.submissions(&record.id), 1, "{:?}", job.log);
    }
    assert_eq!(stage.sim.executions(), 5);
    ahead.shutdown().await;
    behind.shutdown().await;
}

#[tokio::test]
async fn a_clock_that_leaps_ahead_sends_nothing_twice() {
    let stage = Stage::new().await;
    let gate = stage.sim.hold(Moment::AtStep(1));
    let behind = stage.engine();
    let records: Vec<_> = (0..5).map(|_| Stage::record(STEPS)).collect();
    for record in &records {
        behind.start(record.clone()).await.unwrap();
    }
    gate.reached().await;
    let patient =
        EngineOptions { running_time_max: Duration::from_hours(9), clock: much_later, ..options() };
    let ahead = stage.engine_with(stage.store(), patient);
    assert_eq!(ahead.recover().await.unwrap(), 5, "the lease of the other seems to have ended");
    gate.release();
    for record in &records {
        tokio::join!(ended(&behind, &record.id), ended(&ahead, &record.id));
        let job = stage.job(&record.id).await;
        assert_eq!(job.state, State::Succeeded, "{:?}", job.log);
        assert_eq!(stage.submissions(&record.id), 1, "{:?}", job.log);
    }
    behind.shutdown().await;
    ahead.shutdown().await;
}

#[tokio::test]
async fn a_server_that_is_restarted_with_jobs_in_its_queue_has_each_of_them_lost_once() {
    let stage = Stage::new().await;
    let servers = vec![server(&stage.sim)];
    let engine = Stage::engine_on(servers, stage.store(), options());
    // Then those that are started first are the first at the server.
    engine.connect(&stage.url()).await.unwrap().unwrap();
    let gate = stage.sim.hold(Moment::AtStep(1));
    let records: Vec<_> = (0..5).map(|_| Stage::record(STEPS)).collect();
    for record in &records {
        engine.start(record.clone()).await.unwrap();
    }
    gate.reached().await;
    // Which of the three it took first is the server's affair.
    for record in &records[..3] {
        let mut progress = engine.progress(&record.id).unwrap();
        let is_there =
            progress.wait_for(|progress| matches!(progress.state, State::Queued | State::Running));
        tokio::time::timeout(PATIENCE, is_there).await.expect("in time").unwrap();
    }
    stage.sim.restart_empty();
    let mut states = Vec::new();
    for record in &records {
        tokio::time::timeout(PATIENCE, ended(&engine, &record.id)).await.unwrap();
        states.push(stage.jobs.get(&record.id).await.unwrap().unwrap().state);
        assert_eq!(stage.submissions(&record.id), 1);
    }
    let expected = [State::Lost, State::Lost, State::Lost, State::Succeeded, State::Succeeded];
    assert_eq!(states, expected, "two had not been sent yet");
    engine.shutdown().await;
}

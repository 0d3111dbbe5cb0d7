//! Several servers: who gets a job, whose turn it is, and what an outage of one costs.

use std::time::Duration;

use batch::{
    Engine, EngineOptions, JobId, JobRecord, JobStore as _, OwnerId, ServerOptions, State, Unsure,
};
use comfy_sim::{Gate, Moment, Sim, SimOptions};
use jiff::Timestamp;

use crate::stage::{Killed, PATIENCE, Stage, client, ended, killed, much_later, options};

/// Two servers with one place each, on one store.
struct Pair {
    stage: Stage,
    other: Sim,
}

impl Pair {
    async fn new() -> Self {
        let options = SimOptions { step_time: Duration::ZERO, ..SimOptions::default() };
        Self { stage: Stage::new().await, other: Sim::start(options).await.unwrap() }
    }

    fn servers(&self) -> Vec<ServerOptions> {
        let one = |name: &str, sim: &Sim| ServerOptions {
            in_flight_max: 1,
            ..ServerOptions::new(name, client(sim))
        };
        vec![one("first", &self.stage.sim), one("second", &self.other)]
    }

    fn engine(&self) -> Engine {
        Stage::engine_on(self.servers(), self.stage.store(), options())
    }

    fn executions(&self) -> (usize, usize) {
        (self.stage.sim.executions(), self.other.executions())
    }
}

fn url(sim: &Sim) -> String {
    client(sim).url().to_string()
}

/// Waits until the engine's view of its servers is as it should be.
async fn until(engine: &Engine, is_so: impl Fn(&[batch::ServerStatus]) -> bool) {
    let wait = async {
        while !is_so(&engine.servers()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("in time");
}

#[tokio::test]
async fn jobs_go_to_whichever_server_has_a_place() {
    let pair = Pair::new().await;
    let engine = pair.engine();
    let gates = [pair.stage.sim.hold(Moment::AtStep(1)), pair.other.hold(Moment::AtStep(1))];
    let ids = start(&engine, [Stage::record(2), Stage::record(2)]).await;
    for gate in &gates {
        gate.reached().await;
    }
    gates.into_iter().for_each(Gate::release);
    all_end(&engine, &pair.stage, &ids, State::Succeeded).await;
    assert_eq!(pair.executions(), (1, 1));
    engine.shutdown().await;
}

#[tokio::test]
async fn a_job_waits_for_the_server_that_it_names() {
    let pair = Pair::new().await;
    let engine = pair.engine();
    let gate = pair.other.hold(Moment::AtStep(1));
    let only_second = || JobRecord { servers: vec![url(&pair.other)], ..Stage::record(2) };
    let ids = start(&engine, [only_second(), only_second()]).await;
    gate.reached().await;
    assert_eq!(engine.waiting(), 1, "although the first server is idle");
    gate.release();
    all_end(&engine, &pair.stage, &ids, State::Succeeded).await;
    assert_eq!(pair.executions(), (0, 2));
    let job = pair.stage.job(&ids[0]).await;
    assert_eq!(job.server(), Some(&*url(&pair.other)));
    engine.shutdown().await;
}

#[tokio::test]
async fn the_most_urgent_goes_first_and_callers_take_turns() {
    let stage = Stage::new().await;
    let one = ServerOptions { in_flight_max: 1, ..ServerOptions::new("one", stage.client()) };
    let engine = Stage::engine_on(vec![one], stage.store(), options());
    let gate = stage.sim.hold(Moment::AtStep(1));
    let of = |caller: &str, priority| JobRecord {
        caller: caller.to_owned(),
        priority,
        ..Stage::record(2)
    };
    let first = start(&engine, [of("ann", 0)]).await;
    gate.reached().await;
    // Ann asks for three more before Bob comes; then somebody is in a hurry.
    let waiting = [of("ann", 0), of("ann", 0), of("ann", 0), of("bob", 0), of("bob", 0)];
    let waiting = start(&engine, waiting).await;
    let urgent = start(&engine, [of("ann", 5)]).await;
    assert_eq!(engine.waiting(), 6);
    gate.release();
    let [ann_2, ann_3, ann_4, bob_1, bob_2] = <[JobId; 5]>::try_from(waiting).unwrap();
    let expected = [first[0], urgent[0], bob_1, ann_2, bob_2, ann_3, ann_4];
    all_end(&engine, &stage, &expected, State::Succeeded).await;
    let mut began = Vec::new();
    for id in expected {
        began.push((stage.job(&id).await.log[0].at, id));
    }
    began.sort();
    assert_eq!(began.into_iter().map(|(_, id)| id).collect::<Vec<_>>(), expected);
    engine.shutdown().await;
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_gets_nothing_and_is_tried_again() {
    let pair = Pair::new().await;
    let engine = pair.engine();
    pair.stage.sim.refuse_connections().await;
    let ids = start(&engine, [Stage::record(2), Stage::record(2)]).await;
    all_end(&engine, &pair.stage, &ids, State::Succeeded).await;
    assert_eq!(pair.executions(), (0, 2));
    until(&engine, |servers| servers[0].set_aside.is_some()).await;
    let problem = engine.servers()[0].set_aside.clone().unwrap();
    assert!(problem.contains("connect"), "{problem}");
    pair.stage.sim.accept_connections().await;
    until(&engine, |servers| servers[0].set_aside.is_none()).await;
    engine.shutdown().await;
}

#[tokio::test]
async fn a_prompt_that_provably_did_not_arrive_goes_to_another_server() {
    let pair = Pair::new().await;
    let engine = pair.engine();
    // The socket is open when the server goes away: only the request finds nobody.
    engine.connect(&pair.stage.url()).await.unwrap().unwrap();
    pair.stage.sim.refuse_connections().await;
    let ids = start(&engine, [Stage::record(2)]).await;
    all_end(&engine, &pair.stage, &ids, State::Succeeded).await;
    assert_eq!(pair.executions(), (0, 1));
    let job = pair.stage.job(&ids[0]).await;
    assert_eq!(job.server(), Some(&*url(&pair.other)));
    let log: Vec<_> = job.log.iter().map(|entry| entry.event.name()).collect();
    assert_eq!(log[..3], ["submit_started", "returned", "submit_started"]);
    pair.stage.sim.accept_connections().await;
    engine.shutdown().await;
}

#[tokio::test]
async fn the_jobs_of_a_process_that_dies_are_taken_over_by_one_that_lives() {
    let pair = Pair::new().await;
    let short = EngineOptions { lease: Duration::from_millis(300), ..options() };
    let heir = Stage::engine_on(pair.servers(), pair.stage.store(), short.clone());
    assert_eq!(heir.recover().await.unwrap(), 0);
    // It dies after the record, the log entry of sending, and the server's acceptance.
    let store = Killed::after(3, &pair.stage.jobs);
    let dying = Stage::engine_on(pair.servers(), store, short);
    let gate = pair.stage.sim.hold(Moment::AtStep(1));
    let record = JobRecord { servers: vec![url(&pair.stage.sim)], ..Stage::record(2) };
    let ids = start(&dying, [record]).await;
    gate.reached().await;
    killed(&dying, &ids[0]).await;
    gate.release();
    let taken = async {
        while heir.progress(&ids[0]).is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, taken).await.expect("the heir takes over");
    all_end(&heir, &pair.stage, &ids, State::Succeeded).await;
    assert_eq!(pair.executions(), (1, 0));
    heir.shutdown().await;
}

#[tokio::test]
async fn a_prompt_whose_sending_was_broken_off_is_sent_again_where_that_was_asked_for() {
    let stage = Stage::new().await;
    let record = Stage::record(2);
    let id = record.id;
    stage.jobs.create(record, &OwnerId::random()).await.unwrap();
    stage.jobs.append(&id, stage.submit_started(), Timestamp::now()).await.unwrap();
    let again = EngineOptions { unsure: Unsure::SendAgain, clock: much_later, ..options() };
    let engine = stage.engine_with(stage.store(), again);
    engine.recover().await.unwrap();
    ended(&engine, &id).await;
    assert_eq!(stage.job(&id).await.state, State::Succeeded);
    assert_eq!(stage.sim.executions(), 1);
    let log = stage.log(&id).await;
    assert_eq!(log[..3], ["submit_started", "returned", "submit_started"]);
    engine.shutdown().await;
}

async fn start<const N: usize>(engine: &Engine, records: [JobRecord; N]) -> Vec<JobId> {
    let mut ids = Vec::new();
    for record in records {
        ids.push(record.id);
        engine.start(record).await.unwrap();
    }
    ids
}

async fn all_end(engine: &Engine, stage: &Stage, ids: &[JobId], expected: State) {
    for id in ids {
        ended(engine, id).await;
        let job = stage.job(id).await;
        assert_eq!(job.state, expected, "{:?}", job.log);
    }
}

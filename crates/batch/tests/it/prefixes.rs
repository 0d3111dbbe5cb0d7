//! A process may die after any entry of a log, and the server be anywhere beyond it: whoever takes
//! the job up comes to the same end, and has the server run it once.

use std::time::Duration;

use batch::{
    Advance, EngineOptions, Event, JobId, JobRecord, JobStore as _, OwnerId, ServerOptions, State,
    Unsure,
};
use comfy_client::{Client, ClientOptions, Limits, PromptId, Submission};
use comfy_sim::{Fault, Gate, Moment};
use futures::future::join_all;
use jiff::Timestamp;
use proptest::prelude::*;
use workflow_graph::Workflow;

use crate::stage::{Stage, ended, options, reaches};

/// The node of the workflow that raises, where one does: behind the sampler.
const RAISES: &str = "5";

/// How a job ends when nobody dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Succeeds,
    Raises,
    /// Somebody cancels it while it runs.
    Cancelled,
}

/// Where the server is with the prompt when the job is taken up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AtServer {
    Unknown,
    Waits,
    Runs,
    /// It came to its own end.
    Ended,
    /// It was stopped, as the dead process had asked.
    Stopped,
}

/// One life of a job.
#[derive(Clone, Copy, Debug)]
struct Life {
    fate: Fate,
    steps: u32,
    /// How often it came back from a server that it did not reach.
    returns: usize,
    /// How often it was written down how far it is.
    advances: usize,
}

fn lives() -> impl Strategy<Value = Life> {
    let fates = prop_oneof![Just(Fate::Succeeds), Just(Fate::Raises), Just(Fate::Cancelled)];
    let life = (fates, 1..4_u32, 0..3_usize, 0..3_usize);
    life.prop_map(|(fate, steps, returns, advances)| Life { fate, steps, returns, advances })
}

impl Life {
    fn record(self) -> JobRecord {
        Stage::record(self.steps)
    }

    fn script(self, stage: &Stage) {
        if self.fate == Fate::Raises {
            let (node, message) = (Some(RAISES.to_owned()), "scripted".to_owned());
            let exception_type = "ValueError".to_owned();
            stage.sim.script(Fault::ExecutionError { node, exception_type, message });
        }
    }

    /// Lives it undisturbed, and gives its log.
    async fn log(self) -> Vec<(Event, Timestamp)> {
        let stage = Stage::new().await;
        let engine = stage.engine();
        self.script(&stage);
        let gate = stage.sim.hold(Moment::AtStep(1));
        let record = self.record();
        let id = record.id;
        engine.start(record).await.unwrap();
        gate.reached().await;
        reaches(&engine, &id, State::Running).await;
        if self.fate == Fate::Cancelled {
            engine.cancel(&id).await.unwrap();
        } else {
            gate.release();
        }
        ended(&engine, &id).await;
        engine.shutdown().await;
        let mut log = Vec::new();
        let now = Timestamp::now();
        for _ in 0..self.returns {
            log.push((stage.submit_started(), now));
            log.push((Event::Returned { reason: "it was not reached".to_owned() }, now));
        }
        for entry in stage.job(&id).await.log {
            let has_started = entry.event == Event::Started;
            log.push((entry.event, entry.at));
            let advance = Advance { percent: 10.0, nodes_done: 1, nodes_total: 6 };
            let times = if has_started { self.advances } else { 0 };
            log.extend((0..times).map(|_| (Event::Advanced { advance }, entry.at)));
        }
        log
    }

    fn end(self, stop_asked: bool, at_server: AtServer) -> State {
        match (self.fate, at_server) {
            (Fate::Raises, _) => State::Failed,
            (Fate::Cancelled, AtServer::Waits | AtServer::Runs | AtServer::Stopped)
                if stop_asked =>
            {
                State::Cancelled
            }
            (Fate::Succeeds | Fate::Cancelled, _) => State::Succeeded,
        }
    }
}

/// What the server may have made of a job when its log ends there.
fn places(state: State, stop_asked: bool) -> Vec<AtServer> {
    use AtServer as A;
    let mut places = match state {
        State::Recorded => vec![A::Unknown],
        State::Submitting | State::Queued => vec![A::Waits, A::Runs, A::Ended],
        State::Running => vec![A::Runs, A::Ended],
        State::Succeeded | State::Failed | State::Cancelled | State::TimedOut | State::Lost => {
            Vec::new()
        }
    };
    if stop_asked && !state.is_final() {
        places.push(A::Stopped);
    }
    places
}

fn folded(log: &[(Event, Timestamp)]) -> State {
    log.iter().fold(State::Recorded, |state, (event, _)| state.next(event).unwrap())
}

/// A job of a process that died, whose server is somewhere beyond what its log says.
struct Orphan {
    stage: Stage,
    id: JobId,
    /// What holds the server up.
    gate: Option<Gate>,
}

impl Orphan {
    async fn new(life: Life, prefix: &[(Event, Timestamp)], at_server: AtServer) -> Self {
        let stage = Stage::new().await;
        let record = life.record();
        let id = record.id;
        let gate = bring(&stage, life, &record, at_server).await;
        stage.jobs.create(record, &OwnerId::random()).await.unwrap();
        for (event, at) in prefix {
            let is_sent = matches!(event, Event::SubmitStarted { .. });
            let event = if is_sent { stage.submit_started() } else { event.clone() };
            stage.jobs.append(&id, event, *at).await.unwrap();
        }
        Self { stage, id, gate }
    }

    async fn is_taken_up(&mut self, unsure: Unsure, stop_asked: bool) -> (State, usize) {
        let stage = &self.stage;
        let servers = vec![ServerOptions::new("one", client(stage))];
        let options = EngineOptions { unsure, ..options() };
        let engine = Stage::engine_on(servers, stage.store(), options);
        let taken = engine.recover().await.unwrap();
        assert_eq!(taken, usize::from(!stage.job(&self.id).await.state.is_final()));
        // What is to stop must not end by itself before it is stopped.
        if !stop_asked {
            self.gate = None;
        }
        ended(&engine, &self.id).await;
        self.gate = None;
        engine.shutdown().await;
        (stage.job(&self.id).await.state, stage.submissions(&self.id))
    }
}

/// Nobody is told of a prompt that another process sent: its end is asked for, here often.
fn client(stage: &Stage) -> Client {
    let often = Duration::from_millis(50);
    let limits = Limits { history_poll_every: often, ..Limits::default() };
    let options = ClientOptions { limits, ..ClientOptions::default() };
    Client::new(stage.sim.url().parse().unwrap(), options).unwrap()
}

/// Brings the server to where it shall be with a prompt that somebody else has sent.
async fn bring(stage: &Stage, life: Life, record: &JobRecord, at_server: AtServer) -> Option<Gate> {
    let client = client(stage);
    let workflow = Workflow::from_json(&record.workflow).unwrap();
    let prompt = PromptId::from_uuid(record.id.as_uuid());
    let session = client.open_session().await.unwrap();
    let watch = session.watch(&prompt).await;
    let submission = Submission::new(prompt, &workflow);
    let gate = match at_server {
        AtServer::Unknown => None,
        AtServer::Waits => {
            let gate = stage.sim.hold(Moment::NextPrompt);
            let before = Stage::record_of(
                r#"{"11": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 0}},
                    "12": {"class_type": "SaveImage", "inputs": {"images": ["11", 0], "filename_prefix": "t"}}}"#,
            );
            let other = Workflow::from_json(&before.workflow).unwrap();
            let id = PromptId::from_uuid(before.id.as_uuid());
            client.submit(&Submission::new(id, &other)).await.unwrap();
            gate.reached().await;
            Some(gate)
        }
        AtServer::Runs | AtServer::Stopped => Some(stage.sim.hold(Moment::AtStep(1))),
        AtServer::Ended => None,
    };
    life.script(stage);
    match at_server {
        AtServer::Unknown => return None,
        AtServer::Waits => drop(client.submit(&submission).await.unwrap()),
        AtServer::Runs => {
            client.submit(&submission).await.unwrap();
            gate.as_ref().unwrap().reached().await;
        }
        AtServer::Ended => {
            client.submit(&submission).await.unwrap();
            watch.finish().await.unwrap();
        }
        AtServer::Stopped => {
            client.submit(&submission).await.unwrap();
            gate.as_ref().unwrap().reached().await;
            client.cancel(&prompt).await.unwrap();
            watch.finish().await.unwrap();
        }
    }
    gate
}

/// Cuts the log of a life after each of its entries, for all that the server may be at then.
async fn every_prefix_comes_to_the_same_end(life: Life) {
    let log = life.log().await;
    let mut cases = Vec::new();
    for cut in 0..=log.len() {
        let prefix: Vec<_> = log.iter().take(cut).cloned().collect();
        let stop_asked = prefix.iter().any(|(event, _)| event.name() == "stop_requested");
        let places = places(folded(&prefix), stop_asked);
        cases.extend(places.into_iter().map(|place| (prefix.clone(), stop_asked, place)));
    }
    assert!(cases.len() >= 8, "{}", cases.len());
    let check = |(prefix, stop_asked, place)| check(life, prefix, stop_asked, place);
    join_all(cases.into_iter().map(check)).await;
}

async fn check(life: Life, prefix: Vec<(Event, Timestamp)>, stop_asked: bool, at_server: AtServer) {
    let mut orphan = Orphan::new(life, &prefix, at_server).await;
    let found = orphan.is_taken_up(Unsure::Lost, stop_asked).await;
    let log = orphan.stage.log(&orphan.id).await;
    let case = format!("{life:?}, {} entries, {at_server:?}: {log:?}", prefix.len());
    assert_eq!(found, (life.end(stop_asked, at_server), 1), "{case}");
    let before: Vec<_> = prefix.iter().map(|(event, _)| event.name()).collect();
    assert!(log.starts_with(&before), "{case}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_job_taken_up_after_any_entry_of_its_log_runs_once_and_ends_as_it_would_have(life in lives()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let all = every_prefix_comes_to_the_same_end(life);
        runtime.block_on(async { tokio::time::timeout(Duration::from_mins(1), all).await.unwrap() });
    }
}

/// The one entry after which nobody knows whether the server ever heard of the prompt.
#[tokio::test]
async fn a_prompt_that_the_server_never_got_is_lost_or_sent_again_as_configured() {
    let check = |(fate, unsure): (Fate, Unsure)| async move {
        let life = Life { fate, steps: 1, returns: 1, advances: 0 };
        let log = life.log().await;
        let mut orphan = Orphan::new(life, &log[..3], AtServer::Unknown).await;
        let found = orphan.is_taken_up(unsure, false).await;
        let expected = match unsure {
            Unsure::Lost => (State::Lost, 0),
            Unsure::SendAgain => (life.end(false, AtServer::Unknown), 1),
        };
        assert_eq!(found, expected, "{life:?} {unsure:?}");
    };
    let fates = [Fate::Succeeds, Fate::Raises, Fate::Cancelled];
    let cases =
        fates.into_iter().flat_map(|fate| [(fate, Unsure::Lost), (fate, Unsure::SendAgain)]);
    join_all(cases.map(check)).await;
}

#[tokio::test]
async fn a_log_that_came_to_its_end_is_left_alone() {
    for fate in [Fate::Succeeds, Fate::Raises, Fate::Cancelled] {
        let life = Life { fate, steps: 1, returns: 0, advances: 0 };
        let log = life.log().await;
        let stage = Stage::new().await;
        let record = life.record();
        let id = record.id;
        stage.jobs.create(record, &OwnerId::random()).await.unwrap();
        for (event, at) in &log {
            stage.jobs.append(&id, event.clone(), *at).await.unwrap();
        }
        let engine = stage.engine();
        assert_eq!(engine.recover().await.unwrap(), 0);
        assert_eq!((stage.job(&id).await.log.len(), stage.submissions(&id)), (log.len(), 0));
        engine.shutdown().await;
    }
}

//! What a job is seen to use of its server's memory.

use std::time::Duration;

use batch::{Engine, JobId, MemoryPeak, State};
use comfy_sim::{Gate, Moment, SimMemory};

use crate::stage::{PATIENCE, Stage, ended, pass, reaches};

/// How long a job runs before the server is asked, and the pause after that.
const FIRST: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_secs(2);

fn card(used_bytes: u64) -> SimMemory {
    SimMemory { kind: "cuda", total_bytes: 24, used_bytes, torch_bytes: used_bytes - 1 }
}

/// Waits until the server was asked so often.
async fn asked(stage: &Stage, times: usize) {
    let asked = async {
        while stage.sim.memory_asked() < times {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, asked).await.expect("the server was not asked");
}

/// A job that runs, and does not go on before its gate is released.
async fn held(stage: &Stage, engine: &Engine) -> (Gate, JobId) {
    let gate = stage.sim.hold(Moment::AtStep(1));
    let record = Stage::record(2);
    let id = record.id;
    engine.start(record).await.unwrap();
    gate.reached().await;
    reaches(engine, &id, State::Running).await;
    (gate, id)
}

#[tokio::test]
async fn the_highest_of_what_was_seen_is_written_with_the_end() {
    let stage = Stage::new().await;
    let engine = stage.engine();
    let (gate, id) = held(&stage, &engine).await;
    for (before, (used, pause)) in [(5, FIRST), (17, PAUSE), (3, PAUSE)].into_iter().enumerate() {
        stage.sim.set_memory(card(used));
        assert_eq!(stage.sim.memory_asked(), before);
        pass(pause).await;
        asked(&stage, before + 1).await;
    }
    gate.release();
    ended(&engine, &id).await;
    let job = stage.job(&id).await;
    let memory = job.memory().expect("the memory was seen");
    let seen = MemoryPeak { used_bytes: 17, torch_bytes: Some(16), ..MemoryPeak::new("cuda", 24) };
    assert!((2..=3).contains(&memory.samples), "the last answer may have come after the end");
    assert_eq!(*memory, MemoryPeak { samples: memory.samples, ..seen });
    assert!(job.ran().is_some(), "the history tells when it began and ended");
    pass(Duration::from_mins(1)).await;
    engine.shutdown().await;
    assert_eq!(stage.sim.memory_asked(), 3, "nobody reads any more");
}

#[tokio::test]
async fn a_short_job_costs_no_request() {
    let stage = Stage::new().await;
    stage.sim.set_memory(card(5));
    let engine = stage.engine();
    for _ in 0..3 {
        let record = Stage::record(2);
        let id = record.id;
        engine.start(record).await.unwrap();
        ended(&engine, &id).await;
        assert_eq!(stage.job(&id).await.memory(), None);
    }
    pass(Duration::from_mins(1)).await;
    engine.shutdown().await;
    assert_eq!(stage.sim.memory_asked(), 0);
}

#[tokio::test]
async fn a_server_that_does_not_tell_its_memory_harms_no_job() {
    let stage = Stage::new().await;
    let engine = stage.engine();
    let (gate, id) = held(&stage, &engine).await;
    // It is asked, and does not answer for longer than anybody waits for it.
    stage.sim.hang();
    pass(FIRST).await;
    for _ in 0..10 {
        pass(FIRST).await;
        tokio::task::yield_now().await;
    }
    stage.sim.answer_again();
    gate.release();
    let shown = ended(&engine, &id).await.unwrap();
    assert_eq!(shown.state, State::Succeeded);
    // A server that says nothing of its devices has said nothing.
    let memory = stage.job(&id).await.memory().cloned();
    assert_eq!(memory, None);
    engine.shutdown().await;
}

#[tokio::test]
async fn what_a_processor_uses_is_no_memory_of_a_card() {
    let stage = Stage::new().await;
    stage.sim.set_memory(SimMemory { kind: "cpu", ..card(17) });
    let engine = stage.engine();
    let (gate, id) = held(&stage, &engine).await;
    pass(FIRST).await;
    asked(&stage, 1).await;
    pass(PAUSE).await;
    asked(&stage, 2).await;
    gate.release();
    ended(&engine, &id).await;
    let memory = stage.job(&id).await.memory().cloned().expect("the memory was seen");
    assert!(memory.is_main_memory());
    assert_eq!((memory.used_bytes, memory.torch_bytes), (17, None));
    engine.shutdown().await;
}

#[tokio::test]
async fn a_job_that_only_looked_its_results_up_has_no_time() {
    let stage = Stage::new().await;
    let engine = stage.engine();
    let first = Stage::record(2);
    let second = Stage::record_of(&first.workflow.to_string());
    for (record, has_time) in [(first, true), (second, false)] {
        let id = record.id;
        engine.start(record).await.unwrap();
        ended(&engine, &id).await;
        let job = stage.job(&id).await;
        assert_eq!((job.state, job.ran().is_some()), (State::Succeeded, has_time));
    }
    engine.shutdown().await;
}

//! Many who follow one job.

use batch::{Progress, State, Steps};
use comfy_sim::Moment;
use tokio::task::JoinSet;

use crate::stage::{PATIENCE, Stage};

const SUBSCRIBERS: usize = 1_000;

/// More than what waits for a reader.
const STEPS: u32 = 100;

async fn all(mut steps: Steps) -> Vec<Progress> {
    let mut told = Vec::new();
    while let Some(step) = steps.next().await {
        told.push(step);
    }
    told
}

#[tokio::test]
async fn a_thousand_hear_of_the_end_and_one_that_does_not_listen_holds_up_nobody() {
    let stage = Stage::new().await;
    let engine = stage.engine();
    let gate = stage.sim.hold(Moment::AtStep(1));
    let record = Stage::record(STEPS);
    let id = record.id;
    engine.start(record).await.unwrap();
    gate.reached().await;
    let deaf = engine.steps(&id).unwrap();
    let mut subscribers = JoinSet::new();
    for _ in 0..SUBSCRIBERS {
        subscribers.spawn(all(engine.steps(&id).unwrap()));
    }
    gate.release();
    let told = tokio::time::timeout(PATIENCE, subscribers.join_all()).await.expect("in time");
    assert_eq!(told.len(), SUBSCRIBERS);
    for told in told {
        assert_eq!(told.last().unwrap().state, State::Succeeded);
        assert!(told.is_sorted_by(|one, next| one.percent <= next.percent));
    }
    let told = all(deaf).await;
    assert!(told.len() <= 1 + Steps::KEPT_MAX, "{} steps were kept", told.len());
    assert_eq!(told.last().unwrap().state, State::Succeeded);
    assert!(engine.steps(&id).is_none(), "nothing is kept of a job that has ended");
    engine.shutdown().await;
}

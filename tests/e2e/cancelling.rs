//! Stopping jobs, as ComfyUI's own queue and history show it.

use serde_json::{Value, json};

use crate::{
    cell::{Cell, Session},
    comfy::Comfy,
    place::Place,
    requests::{ENDLESS, eventually, fox, fresh_seed, with},
};

/// The id of the only job with this seed, which is also its prompt's at the server.
async fn job_with_seed(comfy: &Comfy, seed: u64) -> String {
    let mut jobs = comfy.queued_with_seed(seed).await;
    assert_eq!(jobs.len(), 1, "{jobs:?}");
    jobs.remove(0)
}

/// Holds ComfyUI to having stopped a prompt that it had begun.
async fn check_interrupted(comfy: &Comfy, seed: u64, job: &str) {
    eventually("the prompt leaves the queue", async || {
        comfy.queued_with_seed(seed).await.is_empty().then_some(())
    })
    .await;
    assert!(comfy.was_interrupted(job).await, "{:?}", comfy.history_of(job).await);
}

async fn status(session: &mut Session, job: &str) -> Value {
    session.succeed("get_workflow_status", json!({"job_id": job})).await
}

for_each_cell!(taking_the_call_back_stops_its_job);

async fn taking_the_call_back_stops_its_job(cell: Cell) {
    let comfy = Comfy::start().await;
    let place = Place::new(comfy.url());
    let mut session = cell.open(&place).await;
    let seed = fresh_seed();
    let mut making = session.begin("generate", fox(seed, ENDLESS)).await;
    making.samples().await;
    let job = job_with_seed(&comfy, seed).await;
    assert_eq!(status(&mut session, &job).await["state"], "running");

    making.take_back();
    check_interrupted(&comfy, seed, &job).await;
    eventually("the job is recorded as cancelled", async || {
        (status(&mut session, &job).await["state"] == "cancelled").then_some(())
    })
    .await;
    assert_eq!(status(&mut session, &job).await["assets"], json!([]));
}

for_each_cell!(a_job_is_cancelled_by_its_id);

async fn a_job_is_cancelled_by_its_id(cell: Cell) {
    let comfy = Comfy::start().await;
    let place = Place::new(comfy.url());
    let mut session = cell.open(&place).await;
    let (seed, later_seed) = (fresh_seed(), fresh_seed());
    let mut making = session.begin("generate", fox(seed, ENDLESS)).await;
    making.samples().await;
    let running = job_with_seed(&comfy, seed).await;

    let detached = with(fox(later_seed, 3), json!({"detach": true}));
    let waiting = session.succeed("generate", detached).await["job_id"].take();
    let waiting = waiting.as_str().expect("a job").to_owned();
    eventually("the later job waits in ComfyUI's queue", async || {
        comfy.queued_with_seed(later_seed).await.contains(&waiting).then_some(())
    })
    .await;
    let cancelled = session.succeed("cancel_job", json!({"job_id": waiting})).await;
    assert_eq!(cancelled["state"], "cancelled", "{cancelled}");
    assert!(comfy.queued_with_seed(later_seed).await.is_empty());
    assert_eq!(comfy.history_of(&waiting).await, None, "it never began");

    let cancelled = session.succeed("cancel_job", json!({"job_id": running})).await;
    assert_eq!(cancelled["state"], "cancelled", "{cancelled}");
    check_interrupted(&comfy, seed, &running).await;
    let answer = making.answer().await.expect("a result");
    assert_eq!(answer["structuredContent"]["code"], "CANCELLED", "{answer}");
    let again = session.fail("cancel_job", json!({"job_id": running})).await;
    assert_eq!(again["code"], "CANCELLED", "{again}");
}

//! Progress: every step that ComfyUI tells reaches the client.

use std::time::Duration;

use comfy_sim::SimOptions;

use crate::{
    cell::{Cell, succeeded},
    comfy::Comfy,
    mcp::Progress,
    place::Place,
    requests::{fox, fresh_seed},
};

const STEPS: u32 = 40;

/// A tiny model on a quick machine: the steps follow each other far closer than in the recorded
/// sampling run of a real server (27 to 43 ms), which tells each of them with its picture.
const STEP_TIME: Duration = Duration::from_millis(2);

#[tokio::test]
async fn every_step_reaches_a_client_over_stdio_in_its_order() {
    every_step_reaches_the_client(Cell::STDIO).await;
}

#[tokio::test]
async fn every_step_reaches_a_client_over_http_in_its_order() {
    every_step_reaches_the_client(Cell::HTTP).await;
}

async fn every_step_reaches_the_client(cell: Cell) {
    let options = SimOptions { step_time: STEP_TIME, previews: true, ..SimOptions::default() };
    let comfy = Comfy::simulated_with(options).await;
    let place = Place::new(comfy.url());
    let mut session = cell.open(&place).await;
    let making = session.begin("generate", fox(fresh_seed(), STEPS)).await;
    let (told, answer) = making.progress_and_answer().await;
    succeeded("generate", answer.expect("a result"));
    let mut steps: Vec<u32> = told.iter().filter_map(step_of).collect();
    // What else changes within a step is told, too.
    steps.dedup();
    assert_eq!(steps, (1..=STEPS).collect::<Vec<_>>(), "{told:?}");
    let percent: Vec<f64> = told.iter().map(|progress| progress.percent).collect();
    assert!(percent.is_sorted_by(|one, next| one < next), "{percent:?}");
}

/// The number in `57 %: KSampler, step 23 of 40`.
fn step_of(progress: &Progress) -> Option<u32> {
    let (_, step) = progress.message.split_once("step ")?;
    step.split_once(" of ")?.0.parse().ok()
}

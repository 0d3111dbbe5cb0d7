//! One job that a thousand follow.
//!
//! Claims: all of them hear of its end at about the same time, one that does not listen holds up
//! nobody, and memory does not grow with how much there is to tell. Prints what it measured.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark fails by panicking and prints what it measured"
)]

mod memory;
mod simulator;

use std::time::{Duration, Instant};

use comfy_sim::SimOptions;
use mediafactory::{
    Factory, Follower, Json, News, RunWorkflow, Waited,
    config::{Config, NamedServer},
};
use tokio::{runtime::Runtime, task::JoinSet};

use self::{memory::resident_mib, simulator::Simulator};

const SUBSCRIBERS: usize = 1_000;

/// Every so many of them does not listen before the job has ended.
const DEAF_ONE_IN: usize = 10;

const STEPS: u32 = 200;
const STEP_TIME: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_mins(5);

fn main() {
    let options = SimOptions {
        step_time: STEP_TIME,
        progress_interval: Duration::ZERO,
        ..SimOptions::default()
    };
    if simulator::was_served(options) {
        return;
    }
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    let subscribers = if is_measured { SUBSCRIBERS } else { DEAF_ONE_IN };
    Runtime::new().expect("a runtime").block_on(async {
        let simulator = Simulator::start();
        let folder = tempfile::tempdir().expect("a folder");
        let server = NamedServer::new("the one", simulator.url().parse().expect("a URL"));
        let config = Config { servers: vec![server], ..Config::new(folder.path()) };
        let factory = Factory::open(config).await.expect("an empty folder");
        println!("subscribers   job took   last heard after first   heard each   resident MiB");
        for count in [1, subscribers] {
            run(&factory, count).await;
        }
        factory.shutdown().await;
    });
}

async fn run(factory: &Factory, count: usize) {
    let began = Instant::now();
    let job = factory.start_workflow(sampling()).await.expect("started").job;
    let mut followers = JoinSet::new();
    for number in 0..count {
        let follower = factory.follow(&job);
        let is_deaf = number > 0 && number % DEAF_ONE_IN == 0;
        let factory = factory.clone();
        followers.spawn(async move {
            if is_deaf {
                factory.wait(&job, PATIENCE).await.expect("an end");
            }
            (is_deaf, to_the_end(follower).await)
        });
    }
    let ended = followers.join_all().await.into_iter();
    let (deaf, listening): (Vec<_>, Vec<_>) = ended.partition(|(is_deaf, _)| *is_deaf);
    assert!(deaf.iter().all(|(_, (heard, _))| *heard <= 2), "what was missed is told as one");
    let ends = || listening.iter().map(|(_, (_, end))| *end);
    let spread = ends().max().zip(ends().min()).map(|(last, first)| last.duration_since(first));
    let heard = listening.iter().map(|(_, (heard, _))| heard).min().copied().unwrap_or_default();
    let waited = factory.wait(&job, PATIENCE).await.expect("an end");
    let Waited::Finished(_) = waited else { panic!("not in {PATIENCE:?}") };
    println!(
        "{count:>11} {:>8.2} s {:>21.1} ms {heard:>12} {:>14.1}",
        began.elapsed().as_secs_f64(),
        spread.unwrap_or_default().as_secs_f64() * 1e3,
        resident_mib("self").unwrap_or_default(),
    );
}

/// How often it was told something, and when it heard of the end.
async fn to_the_end(mut follower: Follower) -> (usize, Instant) {
    let mut heard = 0;
    let mut last = None;
    while let Some(News { state, .. }) = follower.next().await.expect("news") {
        heard += 1;
        last = Some(state);
    }
    assert!(last.is_some_and(|state| state.is_final()), "the end is told");
    (heard, Instant::now())
}

fn sampling() -> RunWorkflow {
    let seed = uuid::Uuid::new_v4().as_u128() >> 80;
    let text = format!(
        r#"{{"1": {{"class_type": "CheckpointLoaderSimple", "inputs": {{"ckpt_name": "sd_xl_base_1.0.safetensors"}}}},
            "2": {{"class_type": "CLIPTextEncode", "inputs": {{"text": "a fox", "clip": ["1", 1]}}}},
            "3": {{"class_type": "EmptyLatentImage", "inputs": {{"width": 64, "height": 64, "batch_size": 1}}}},
            "4": {{"class_type": "KSampler", "inputs": {{"seed": {seed}, "steps": {STEPS}, "cfg": 1.0,
                "sampler_name": "euler", "scheduler": "simple", "denoise": 1.0, "model": ["1", 0],
                "positive": ["2", 0], "negative": ["2", 0], "latent_image": ["3", 0]}}}},
            "5": {{"class_type": "VAEDecode", "inputs": {{"samples": ["4", 0], "vae": ["1", 2]}}}},
            "6": {{"class_type": "SaveImage", "inputs": {{"images": ["5", 0], "filename_prefix": "t"}}}}}}"#
    );
    RunWorkflow::new(Json::parse(text.as_bytes()).expect("JSON"))
}

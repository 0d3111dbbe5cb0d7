//! Ten thousand jobs through the factory, one after the other and many at once.
//!
//! Claims: the ten thousandth job takes no longer than the first, and memory stays what it was.
//! Prints both for each part of the way.

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
use futures::{StreamExt as _, stream};
use mediafactory::{
    Factory, Json, RunWorkflow, Waited,
    config::{Config, NamedServer},
};
use tokio::runtime::Runtime;

use self::{memory::resident_mib, simulator::Simulator};

/// After how many jobs it is looked at how things are.
const LOOKS: [u32; 5] = [100, 1_000, 2_500, 5_000, 10_000];

/// The jobs under way at any time.
const AT_ONCE: usize = 32;

/// Longer than any of them takes.
const PATIENCE: Duration = Duration::from_mins(1);

fn main() {
    if simulator::was_served(SimOptions::default()) {
        return;
    }
    // Without `--bench` it is only to be seen that it runs.
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    let looks = if is_measured { &LOOKS[..] } else { &LOOKS[..1] };
    Runtime::new().expect("a runtime").block_on(run(looks));
}

async fn run(looks: &[u32]) {
    let simulator = Simulator::start();
    let folder = tempfile::tempdir().expect("a folder");
    let server = NamedServer::new("the one", simulator.url().parse().expect("a URL"));
    let config = Config {
        servers: vec![server],
        max_concurrent_jobs: u32::try_from(AT_ONCE).expect("few"),
        ..Config::new(folder.path())
    };
    let factory = Factory::open(config).await.expect("an empty folder");
    println!("   jobs   jobs/s   resident MiB   simulator's MiB");
    let mut done = 0;
    for &look in looks {
        let began = Instant::now();
        let jobs = stream::iter(done..look).map(|number| job(&factory, number));
        jobs.buffer_unordered(AT_ONCE).collect::<()>().await;
        let rate = f64::from(look - done) / began.elapsed().as_secs_f64();
        let ours = resident_mib("self").unwrap_or_default();
        let theirs = simulator.process.as_ref().map(|process| process.id().to_string());
        let theirs = theirs.and_then(|process| resident_mib(&process)).unwrap_or_default();
        println!("{look:>7} {rate:>8.0} {ours:>14.1} {theirs:>17.1}");
        done = look;
    }
    factory.shutdown().await;
}

/// One job whose picture no other has, so that the server has nothing in its cache.
async fn job(factory: &Factory, number: u32) {
    // ComfyUI lists a whole folder whenever it saves a file there.
    let folder = number / 100;
    let text = format!(
        r#"{{"1": {{"class_type": "EmptyImage", "inputs": {{"width": 8, "height": 8, "batch_size": 1, "color": {number}}}}},
            "2": {{"class_type": "SaveImage", "inputs": {{"images": ["1", 0], "filename_prefix": "many/{folder}/p"}}}}}}"#
    );
    let run = RunWorkflow::new(Json::parse(text.as_bytes()).expect("JSON"));
    let job = factory.start_workflow(run).await.expect("started").job;
    let waited = factory.wait(&job, PATIENCE).await.expect("an end");
    let Waited::Finished(report) = waited else { panic!("not in {PATIENCE:?}") };
    assert_eq!(report.assets.len(), 1, "{report:?}");
}

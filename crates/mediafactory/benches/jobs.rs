//! What a job costs beyond what ComfyUI itself takes.
//!
//! Aims: a trivial workflow takes at most 3 ms longer through the factory than through a bare
//! client that posts it and waits on one socket (the floor); 200 of them at once take at most 1.1
//! times the floor. The floor fetches nothing, so the trivial workflow is one whose result is a
//! text. Of one whose result is a picture, what it takes to fetch it, which a busy server pays for
//! too, is measured on its own. With `COMFYUI_URL` the server is that one; otherwise it is comfy-sim
//! in a process of its own, which answers at once, so that there is nothing to hide behind.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark fails by panicking and says what it measured"
)]

mod simulator;

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use comfy_client::{
    Client, ClientOptions, Ended, NodeOutput, Outcome, PromptId, Session, Submission,
};
use comfy_sim::SimOptions;
use criterion::{Criterion, criterion_group};
use futures::{StreamExt as _, future::join_all};
use mediafactory::{
    Factory, Json, RunWorkflow, Waited, Workflow,
    config::{Config, NamedServer},
};
use tokio::runtime::Runtime;
use uuid::Uuid;

use self::simulator::Simulator;

/// As many as the floor of the issue has.
const MANY: u64 = 200;

/// The bare client sends all at once, so the factory may as well.
const SEATS: u32 = 256;

/// How often so many are measured.
const ROUNDS: usize = 20;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(5);

/// What a job makes.
#[derive(Clone, Copy)]
enum Made {
    Text,
    Picture,
}

struct Bench {
    client: Client,
    session: Session,
    factory: Factory,
    /// What makes each result another one, so that no server has it in its cache.
    next: AtomicU64,
    _simulator: Simulator,
    _folder: tempfile::TempDir,
}

impl Bench {
    async fn start() -> Self {
        let simulator = Simulator::start();
        let url = simulator.url();
        let client = Client::new(url.parse().expect("a URL"), ClientOptions::default());
        let client = client.expect("a client");
        let session = client.open_session().await.expect("a server");
        let folder = tempfile::tempdir().expect("a folder");
        let server = NamedServer::new("the one", url.parse().expect("a URL"));
        let config = Config {
            servers: vec![server],
            max_concurrent_jobs: SEATS,
            ..Config::new(folder.path())
        };
        let factory = Factory::open(config).await.expect("an empty folder");
        // Another start of this benchmark finds other numbers free.
        let next = AtomicU64::new(u64::from(std::process::id()) * 10_000);
        Self { client, session, factory, next, _simulator: simulator, _folder: folder }
    }

    fn workflow(&self, made: Made) -> Json {
        let number = self.next.fetch_add(1, Ordering::Relaxed) % 0xff_ffff;
        // ComfyUI lists a whole folder whenever it saves a file there.
        let folder = number / MANY;
        let text = match made {
            Made::Text => format!(
                r#"{{"1": {{"class_type": "PreviewAny", "inputs": {{"source": "text {number}"}}}}}}"#
            ),
            Made::Picture => format!(
                r#"{{"1": {{"class_type": "EmptyImage", "inputs": {{"width": 8, "height": 8, "batch_size": 1, "color": {number}}}}},
                    "2": {{"class_type": "SaveImage", "inputs": {{"images": ["1", 0], "filename_prefix": "bench/{folder}/p"}}}}}}"#
            ),
        };
        Json::parse(text.as_bytes()).expect("JSON")
    }

    /// The least that a client can do: watch, post, wait for the history.
    async fn floor(&self, made: Made) {
        self.bare(made).await;
    }

    /// The same, and the picture fetched: what any client needs that is to give it to somebody.
    async fn fetching_floor(&self) {
        let ended = self.bare(Made::Picture).await;
        for file in ended.outputs().flat_map(NodeOutput::files) {
            let view = self.client.view(file).await.expect("the picture");
            assert!(view.collect::<Vec<_>>().await.iter().all(Result::is_ok));
        }
    }

    async fn bare(&self, made: Made) -> Ended {
        let workflow = Workflow::from_json(&self.workflow(made)).expect("a workflow");
        let prompt = PromptId::from_uuid(Uuid::new_v4());
        let watch = self.session.watch(&prompt).await;
        let client_id = Some(self.session.client_id());
        let submission = Submission { client_id, ..Submission::new(prompt, &workflow) };
        self.client.submit(&submission).await.expect("accepted");
        let ended = watch.finish().await.expect("an end");
        assert_eq!(ended.outcome, Outcome::Succeeded);
        ended
    }

    async fn job(&self, made: Made) {
        let run = RunWorkflow::new(self.workflow(made));
        let job = self.factory.start_workflow(run).await.expect("started").job;
        let waited = self.factory.wait(&job, PATIENCE).await.expect("an end");
        let Waited::Finished(report) = waited else { panic!("not in {PATIENCE:?}") };
        let (texts, pictures) = (report.texts.len(), report.assets.len());
        let expected = match made {
            Made::Text => (1, 0),
            Made::Picture => (0, 1),
        };
        assert_eq!((texts, pictures), expected);
    }
}

fn trivial(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let bench = runtime.block_on(Bench::start());
    for (name, made) in [("text", Made::Text), ("picture", Made::Picture)] {
        runtime.block_on(bench.job(made));
        let mut group = criterion.benchmark_group(format!("one {name}"));
        group.bench_function("floor", |bencher| {
            bencher.iter(|| runtime.block_on(bench.floor(made)));
        });
        if let Made::Picture = made {
            group.bench_function("floor and fetching", |bencher| {
                bencher.iter(|| runtime.block_on(bench.fetching_floor()));
            });
        }
        group.bench_function("factory", |bencher| {
            bencher.iter(|| runtime.block_on(bench.job(made)));
        });
        group.finish();
    }
}

/// Many at once, through the factory and through the bare client in turn: whatever else this machine
/// does for some seconds, both have to bear it.
fn many() {
    let runtime = Runtime::new().expect("a runtime");
    let bench = runtime.block_on(Bench::start());
    for (name, made) in [("texts", Made::Text), ("pictures", Made::Picture)] {
        let mut floors = Vec::new();
        let mut factories = Vec::new();
        for round in 0..=ROUNDS {
            let floor = match made {
                Made::Text => together(&runtime, || bench.floor(made)),
                Made::Picture => together(&runtime, || bench.fetching_floor()),
            };
            let factory = together(&runtime, || bench.job(made));
            // The first round warms up.
            if round > 0 {
                floors.push(floor);
                factories.push(factory);
            }
        }
        let (floor, factory) = (Quartiles::of(floors), Quartiles::of(factories));
        let ratio = factory.middle / floor.middle;
        println!("{MANY} {name}: floor {floor}, factory {factory}, {ratio:.2} times the floor");
    }
}

/// Between which times the middle half of all rounds lies, and the median, in milliseconds.
struct Quartiles {
    low: f64,
    middle: f64,
    high: f64,
}

impl Quartiles {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |quarter: usize| {
            let time = times.get(quarter * (times.len() - 1) / 4).expect("a round");
            time.as_secs_f64() * 1000.0
        };
        Self { low: at(1), middle: at(2), high: at(3) }
    }
}

impl fmt::Display for Quartiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { low, middle, high } = self;
        write!(f, "{middle:.0} ms ({low:.0} to {high:.0})")
    }
}

/// How long so many take that begin at once.
fn together<F: Future>(runtime: &Runtime, work: impl Fn() -> F) -> Duration {
    let began = Instant::now();
    runtime.block_on(join_all((0..MANY).map(|_| work())));
    began.elapsed()
}

criterion_group!(benches, trivial);

fn main() {
    if !simulator::was_served(SimOptions::default()) {
        many();
        benches();
        Criterion::default().configure_from_args().final_summary();
    }
}

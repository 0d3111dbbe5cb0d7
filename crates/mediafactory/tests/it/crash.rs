//! Killed again and again in the middle of its work: every job has one end, every prompt ran once,
//! every result is an asset.
//!
//! With `COMFYUI_URL` the servers are those, separated by commas; otherwise two of comfy-sim.

#![expect(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "what sets the stage of a test fails that test; the lints know only #[test] itself"
)]

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use batch::{JobQuery, JobStore as _, State};
use comfy_sim::{Sim, SimOptions};
use mediafactory::{
    Factory, Json, RunWorkflow, Unsure,
    config::{Config, NamedServer},
};
use store_sqlite::SqliteStore;

/// Set for the child only: the folder it works in.
const FOLDER_VARIABLE: &str = "MEDIAFACTORY_CRASH_TEST_FOLDER";

/// Set for the child only: its servers, separated by commas.
const SERVERS_VARIABLE: &str = "MEDIAFACTORY_CRASH_TEST_SERVERS";

/// What the child says when it begins to work.
const READY: &str = "at work";

/// How many jobs there are in a round.
const JOBS: u64 = 30;

/// In how many instants the process is killed, in all rounds together.
const KILLS: u32 = 200;

/// The same on real servers, which are slower.
const KILLS_ON_REAL_SERVERS: u32 = 20;

/// How long one child may take to finish what others have left.
const PATIENCE: Duration = Duration::from_mins(3);

struct Servers {
    urls: Vec<String>,
    /// None of them where the servers are real.
    sims: Vec<Sim>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_instant_every_job_runs_once_and_ends_once() {
    let servers = Servers::start().await;
    let kills = if servers.sims.is_empty() { KILLS_ON_REAL_SERVERS } else { KILLS };
    // Instants that differ from run to run would not be found again.
    let mut instants = Instants(0x9e37_79b9_7f4a_7c15);
    let (mut killed, mut rounds) = (0, 0_u32);
    while killed < kills {
        let folder = tempfile::tempdir().unwrap();
        rounds += 1;
        let left = kills - killed;
        // The simulators go on meanwhile, on the other thread.
        let round = || run_and_kill(folder.path(), &servers, &mut instants, left);
        killed += tokio::task::block_in_place(round);
        check(folder.path(), &servers).await;
    }
    println!("killed {killed} times in {rounds} rounds of {JOBS} jobs on {:?}", servers.urls);
}

/// Starts the work again and again and kills it, until a child has finished all of it. The last
/// child of all is left to finish.
fn run_and_kill(folder: &Path, servers: &Servers, instants: &mut Instants, most: u32) -> u32 {
    for killed in 0..most {
        let mut child = start_child(folder, servers);
        // From when it has begun to work, so that no instant falls into its start-up.
        let out = child.stdout.take().unwrap();
        let mut lines = BufReader::new(out).lines().map_while(Result::ok);
        let _ready = lines.find(|line| line.ends_with(READY));
        let until =
            Instant::now() + instants.next(if servers.sims.is_empty() { 2_500 } else { 250 });
        while Instant::now() < until {
            if let Some(status) = child.try_wait().unwrap() {
                assert!(status.success(), "the child failed: {status}");
                return killed;
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let mut last = start_child(folder, servers);
    let until = Instant::now() + PATIENCE;
    loop {
        match last.try_wait().unwrap() {
            Some(status) => assert!(status.success(), "the last child failed: {status}"),
            None if Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(10));
                continue;
            }
            None => {
                last.kill().unwrap();
                panic!("the last child did not finish in {PATIENCE:?}");
            }
        }
        return most;
    }
}

async fn check(folder: &Path, servers: &Servers) {
    let factory = Factory::open(config(folder, &servers.urls)).await.unwrap();
    let store = SqliteStore::open(folder.join("mediafactory.db")).await.unwrap();
    let query = JobQuery { limit: JobQuery::LIMIT_MAX, ..JobQuery::default() };
    let jobs = store.list(&query).await.unwrap().jobs;
    assert_eq!(u64::try_from(jobs.len()).unwrap(), JOBS);
    for job in jobs {
        let id = job.record.id;
        assert_eq!(job.state, State::Succeeded, "{id}: {:?}", job.log);
        let ends = job.log.iter().filter(|entry| entry.event.name() == "finished").count();
        assert_eq!(ends, 1, "{id}: {:?}", job.log);
        let assets = factory.job(&id).await.unwrap().assets;
        assert_eq!(assets.len(), 1, "{id}");
        assert!(fs::metadata(factory.asset_path(&assets[0])).unwrap().len() > 0);
        let runs: usize = servers.sims.iter().map(|sim| sim.submissions_of(&id.to_string())).sum();
        assert_eq!(runs, servers.sims.len().min(1), "{id}: {:?}", job.log);
    }
    store.close().await;
    factory.shutdown().await;
}

impl Servers {
    async fn start() -> Self {
        #[expect(clippy::disallowed_methods, reason = "a test is told its server this way")]
        if let Ok(urls) = env::var("COMFYUI_URL") {
            return Self { urls: urls.split(',').map(str::to_owned).collect(), sims: Vec::new() };
        }
        println!("no COMFYUI_URL: the servers are comfy-sim");
        let mut sims = Vec::new();
        for _ in 0..2 {
            let step_time = Duration::from_millis(4);
            let options = SimOptions { step_time, ..SimOptions::default() };
            sims.push(Sim::start(options).await.unwrap());
        }
        Self { urls: sims.iter().map(Sim::url).collect(), sims }
    }
}

fn start_child(folder: &Path, servers: &Servers) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "crash::child_that_works_until_it_is_killed", "--nocapture"])
        .env(FOLDER_VARIABLE, folder)
        .env(SERVERS_VARIABLE, servers.urls.join(","))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Not a test of its own: the child of the test above. Run as a test, it has nothing to do.
#[tokio::test(flavor = "multi_thread")]
async fn child_that_works_until_it_is_killed() {
    #[expect(clippy::disallowed_methods, reason = "the parent has no other way to speak to a test")]
    let (folder, servers) = (env::var(FOLDER_VARIABLE), env::var(SERVERS_VARIABLE));
    let (Ok(folder), Ok(servers)) = (folder, servers) else { return };
    let urls: Vec<String> = servers.split(',').map(str::to_owned).collect();
    let factory = Factory::open(config(Path::new(&folder), &urls)).await.unwrap();
    println!("\n{READY}");
    factory.resume().await.unwrap();
    let store = SqliteStore::open(Path::new(&folder).join("mediafactory.db")).await.unwrap();
    let count = async |states: Vec<State>| {
        let query = JobQuery { states, limit: 1, ..JobQuery::default() };
        store.list(&query).await.unwrap().total
    };
    let checkpoints = factory.models("checkpoints", None).await.unwrap().files;
    let tiny = checkpoints.iter().find(|file| file.starts_with("tiny"));
    let checkpoint = tiny.or(checkpoints.first()).unwrap();
    for number in count(Vec::new()).await..JOBS {
        let run = RunWorkflow::new(workflow(number, checkpoint));
        factory.start_workflow(run).await.unwrap();
    }
    let finals: Vec<State> = State::ALL.into_iter().filter(State::is_final).collect();
    while count(finals.clone()).await < JOBS {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    store.close().await;
    factory.shutdown().await;
}

fn config(folder: &Path, urls: &[String]) -> Config {
    let servers = (1..)
        .zip(urls)
        .map(|(number, url)| NamedServer::new(format!("server-{number}"), url.parse().unwrap()));
    Config {
        servers: servers.collect(),
        job_lease: Duration::from_millis(150),
        unsure: Unsure::SendAgain,
        ..Config::new(folder)
    }
}

/// Another picture each time, so that no server has it in its cache.
fn workflow(number: u64, checkpoint: &str) -> Json {
    let seed = u64::from(std::process::id()) * 1_000 + number;
    let text = format!(
        r#"{{"1": {{"class_type": "CheckpointLoaderSimple", "inputs": {{"ckpt_name": "{checkpoint}"}}}},
            "2": {{"class_type": "CLIPTextEncode", "inputs": {{"text": "a fox", "clip": ["1", 1]}}}},
            "3": {{"class_type": "EmptyLatentImage", "inputs": {{"width": 64, "height": 64, "batch_size": 1}}}},
            "4": {{"class_type": "KSampler", "inputs": {{"seed": {seed}, "steps": 3, "cfg": 1.0, "sampler_name": "euler",
                "scheduler": "simple", "denoise": 1.0, "model": ["1", 0], "positive": ["2", 0], "negative": ["2", 0], "latent_image": ["3", 0]}}}},
            "5": {{"class_type": "VAEDecode", "inputs": {{"samples": ["4", 0], "vae": ["1", 2]}}}},
            "6": {{"class_type": "SaveImage", "inputs": {{"images": ["5", 0], "filename_prefix": "crash"}}}}}}"#
    );
    Json::parse(text.as_bytes()).unwrap()
}

/// Instants that look like chance and are the same in every run.
struct Instants(u64);

impl Instants {
    /// A time from nothing to `most_ms`.
    fn next(&mut self, most_ms: u64) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Duration::from_micros(self.0 % (most_ms * 1_000))
    }
}

//! What goes wrong around whole processes: one of three is killed, the disk is full, a server
//! hangs. Every job runs once, and comes to one end.

use std::{
    env,
    io::{BufRead as _, BufReader, Lines},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use batch::{JobQuery, JobStore as _, State};
use comfy_sim::{Moment, Sim, SimOptions};
use mediafactory::{
    Factory, JobId, Waited,
    config::{Config, NamedServer},
};
use store_sqlite::SqliteStore;

use crate::stage::{Stage, one_color};

/// Set for a child only: the folder it works in.
const FOLDER_VARIABLE: &str = "MEDIAFACTORY_FAULT_TEST_FOLDER";

/// Set for a child only: its server.
const SERVER_VARIABLE: &str = "MEDIAFACTORY_FAULT_TEST_SERVER";

/// How many jobs each of the processes starts.
const JOBS_EACH: u32 = 4;

/// How long a child may take for what it is there for.
const PATIENCE: Duration = Duration::from_secs(30);

/// A process that works on the folder, and the lines that it tells.
struct Worker {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Worker {
    fn start(test: &str, folder: &Path, sim: &Sim) -> Self {
        // Without the signal, a write beyond the limit fails as one on a full disk does.
        let mut child = Command::new("sh")
            .args(["-c", r#"trap "" XFSZ; exec "$0" "$@""#])
            .arg(env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(FOLDER_VARIABLE, folder)
            .env(SERVER_VARIABLE, sim.url())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Reads on to the first line with these words.
    fn told(&mut self, words: &str) -> String {
        let mut told = self.lines.by_ref().map_while(Result::ok);
        tokio::task::block_in_place(|| told.find(|line| line.contains(words)))
            .unwrap_or_else(|| format!("the process ended without a word of `{words}`"))
    }

    /// How large the files that it writes may become.
    fn limit_files(&self, limit: &str) {
        let process = self.child.id().to_string();
        let limit = format!("--fsize={limit}");
        let limited = Command::new("prlimit").args(["--pid", &process, &limit]).status().unwrap();
        assert!(limited.success(), "{limited}");
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn ends_well(&mut self) {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.success(), "{status}");
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        self.kill();
        unreachable!("the process did not end in {PATIENCE:?}");
    }
}

impl Drop for Worker {
    /// Nothing is left behind by a test that failed.
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// In a child: what it is to work with.
async fn task() -> Option<Factory> {
    #[expect(clippy::disallowed_methods, reason = "the parent has no other way to speak to a test")]
    let (folder, server) = (env::var(FOLDER_VARIABLE).ok()?, env::var(SERVER_VARIABLE).ok()?);
    Some(Factory::open(config(Path::new(&folder), &server)).await.unwrap())
}

fn config(folder: &Path, server: &str) -> Config {
    Config {
        servers: vec![NamedServer::new("one", server.parse().unwrap())],
        job_lease: Duration::from_millis(300),
        ..Config::new(folder)
    }
}

async fn quick_sim() -> Sim {
    let options = SimOptions { step_time: Duration::ZERO, ..SimOptions::default() };
    Sim::start(options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_three_processes_one_is_killed_and_the_others_do_its_work() {
    let sim = quick_sim().await;
    let folder = tempfile::tempdir().unwrap();
    let gate = sim.hold(Moment::NextPrompt);
    let start = || Worker::start("faults::child_of_three", folder.path(), &sim);
    let mut doomed = start();
    // It has one job at the server that runs, one that waits there, and the rest here.
    doomed.told("all are started");
    gate.reached().await;
    let mut others = [start(), start()];
    for worker in &mut others {
        worker.told("all are started");
    }
    let store = SqliteStore::open(folder.path().join("mediafactory.db")).await.unwrap();
    // None is on its way to the server: whether it arrived would be anybody's guess.
    let list = async |states: Vec<State>| {
        let query = JobQuery { states, ..JobQuery::default() };
        store.list(&query).await.unwrap().jobs
    };
    while !list(vec![State::Submitting]).await.is_empty() {
        tokio::task::yield_now().await;
    }
    tokio::task::block_in_place(|| doomed.kill());
    gate.release();
    tokio::task::block_in_place(|| others.iter_mut().for_each(Worker::ends_well));
    let jobs = list(Vec::new()).await;
    assert_eq!(jobs.len(), 3 * usize::try_from(JOBS_EACH).unwrap());
    let factory = Factory::open(config(folder.path(), &sim.url())).await.unwrap();
    for job in &jobs {
        let id = job.record.id;
        assert_eq!(job.state, State::Succeeded, "{:?}", job.log);
        assert_eq!(sim.submissions_of(&id.to_string()), 1, "{:?}", job.log);
        assert_eq!(factory.job(&id).await.unwrap().assets.len(), 1);
    }
    assert_eq!(sim.executions(), jobs.len());
    factory.shutdown().await;
    store.close().await;
}

/// Not a test of its own: one of the three processes above.
#[tokio::test(flavor = "multi_thread")]
async fn child_of_three() {
    let Some(factory) = task().await else { return };
    factory.resume().await.unwrap();
    for color in 0..JOBS_EACH {
        let color = std::process::id() * JOBS_EACH + color;
        factory.start_workflow(one_color(color & 0x00ff_ffff)).await.unwrap();
    }
    println!("\nall are started");
    // Until nothing is left to do, also of the one that was killed.
    loop {
        let health = factory.health(None).await.unwrap();
        let left = health.jobs.iter().filter(|(state, _)| !state.is_final());
        if left.count() == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    factory.shutdown().await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_for_which_there_is_no_room_is_kept_once_there_is() {
    let sim = quick_sim().await;
    let folder = tempfile::tempdir().unwrap();
    let gate = sim.hold(Moment::BeforeHistory);
    let mut worker = Worker::start("faults::child_on_a_full_disk", folder.path(), &sim);
    let id = worker.told("started ");
    let id = id.rsplit(' ').next().unwrap();
    gate.reached().await;
    // Not one byte can be written any more: neither the result nor a log entry.
    worker.limit_files("0:unlimited");
    gate.release();
    worker.told("the results are fetched again");
    worker.limit_files("unlimited:unlimited");
    assert_eq!(worker.told("ended "), "ended succeeded 1");
    tokio::task::block_in_place(|| worker.ends_well());
    assert_eq!((sim.submissions_of(id), sim.executions()), (1, 1));
}

/// Not a test of its own: the process above.
#[tokio::test(flavor = "multi_thread")]
async fn child_on_a_full_disk() {
    let Some(factory) = task().await else { return };
    tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).init();
    let job: JobId = factory.start_workflow(one_color(7)).await.unwrap().job;
    println!("\nstarted {job}");
    let Waited::Finished(report) = factory.wait(&job, PATIENCE).await.unwrap() else {
        unreachable!("it ends when there is room")
    };
    println!("\nended {} {}", report.state, report.assets.len());
    factory.shutdown().await;
}

#[tokio::test]
async fn a_server_that_hangs_holds_up_no_look_at_all_servers() {
    let other = quick_sim().await;
    let url = other.url().parse().unwrap();
    let stage = Stage::with(|config| config.servers = vec![NamedServer::new("other", url)]).await;
    stage.sim.hang();
    let began = Instant::now();
    let found = stage.factory.backends().await;
    assert!(began.elapsed() < Duration::from_secs(8), "it took {:?}", began.elapsed());
    let problems: Vec<_> = found.iter().map(|server| server.problem.as_deref()).collect();
    assert_eq!(problems, [Some("no answer within 5s"), None]);
    stage.factory.shutdown().await;
}

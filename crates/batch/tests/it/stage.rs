//! What the tests of the engine share: a simulated server, a store, and an engine between them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use batch::{
    Adoption, Appended, Engine, EngineOptions, Event, Failure, FinishError, Finished, Finisher,
    Job, JobId, JobPage, JobQuery, JobRecord, JobStore, MemoryJobs, Outcome, OwnerId, Progress,
    Retention, ServerOptions, State, StoreError, Unsure,
};
use comfy_client::{Client, ClientOptions};
use comfy_sim::{Sim, SimOptions};
use jiff::{Timestamp, ToSpan as _};
use tokio::sync::watch;
use uuid::Uuid;
use workflow_graph::Json;

/// How long a test waits for what must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Stage {
    pub(crate) sim: Sim,
    pub(crate) jobs: Arc<MemoryJobs>,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let options = SimOptions { step_time: Duration::ZERO, ..SimOptions::default() };
        Self { sim: Sim::start(options).await.unwrap(), jobs: Arc::new(MemoryJobs::default()) }
    }

    pub(crate) fn client(&self) -> Client {
        client(&self.sim)
    }

    /// The address of the server as a log names it.
    pub(crate) fn url(&self) -> String {
        self.client().url().to_string()
    }

    /// What a log says when the job is sent.
    pub(crate) fn submit_started(&self) -> Event {
        Event::SubmitStarted { server: self.url() }
    }

    pub(crate) fn store(&self) -> Arc<dyn JobStore> {
        Arc::<MemoryJobs>::clone(&self.jobs)
    }

    pub(crate) fn engine(&self) -> Engine {
        self.engine_with(self.store(), options())
    }

    pub(crate) fn engine_with(&self, store: Arc<dyn JobStore>, options: EngineOptions) -> Engine {
        Self::engine_on(vec![server(&self.sim)], store, options)
    }

    /// An engine with several servers.
    pub(crate) fn engine_on(
        servers: Vec<ServerOptions>,
        store: Arc<dyn JobStore>,
        options: EngineOptions,
    ) -> Engine {
        let keep = Keep { store: Arc::clone(&store), failures_left: AtomicUsize::new(0) };
        Engine::new(servers, store, Arc::new(keep), options)
    }

    /// An engine that cannot keep results the first time it tries.
    pub(crate) fn engine_that_fetches_twice(&self) -> Engine {
        self.engine_that_fails_to_keep(1, options())
    }

    /// An engine that cannot keep results so many times.
    pub(crate) fn engine_that_fails_to_keep(&self, times: usize, options: EngineOptions) -> Engine {
        let store = self.store();
        let keep = Keep { store: Arc::clone(&store), failures_left: AtomicUsize::new(times) };
        Engine::new(vec![server(&self.sim)], store, Arc::new(keep), options)
    }

    /// A job of one sampler with that many steps.
    pub(crate) fn record(steps: u32) -> JobRecord {
        let workflow = format!(
            r#"{{"1": {{"class_type": "CheckpointLoaderSimple", "inputs": {{"ckpt_name": "sd_xl_base_1.0.safetensors"}}}},
                "2": {{"class_type": "CLIPTextEncode", "inputs": {{"text": "a fox", "clip": ["1", 1]}}}},
                "3": {{"class_type": "EmptyLatentImage", "inputs": {{"width": 64, "height": 64, "batch_size": 1}}}},
                "4": {{"class_type": "KSampler", "inputs": {{"seed": {seed}, "steps": {steps}, "cfg": 1.0, "sampler_name": "euler",
                    "scheduler": "simple", "denoise": 1.0, "model": ["1", 0], "positive": ["2", 0], "negative": ["2", 0], "latent_image": ["3", 0]}}}},
                "5": {{"class_type": "VAEDecode", "inputs": {{"samples": ["4", 0], "vae": ["1", 2]}}}},
                "6": {{"class_type": "SaveImage", "inputs": {{"images": ["5", 0], "filename_prefix": "t"}}}}}}"#,
            seed = Uuid::new_v4().as_u128() >> 80
        );
        Self::record_of(&workflow)
    }

    pub(crate) fn record_of(workflow: &str) -> JobRecord {
        let workflow = Json::parse(workflow.as_bytes()).unwrap();
        JobRecord::new(JobId::from(Uuid::now_v7()), Timestamp::now(), workflow)
    }

    pub(crate) async fn job(&self, id: &JobId) -> Job {
        self.jobs.get(id).await.unwrap().unwrap()
    }

    /// The names of all that is in a job's log.
    pub(crate) async fn log(&self, id: &JobId) -> Vec<&'static str> {
        self.job(id).await.log.iter().map(|entry| entry.event.name()).collect()
    }

    pub(crate) fn submissions(&self, id: &JobId) -> usize {
        self.sim.submissions_of(&id.to_string())
    }

    /// Whether the server has nothing left to do, as it says itself.
    pub(crate) async fn queue_is_empty(&self) -> bool {
        let queue = self.client().queue().await.unwrap();
        queue.running.is_empty() && queue.pending.is_empty()
    }
}

pub(crate) fn client(sim: &Sim) -> Client {
    Client::new(sim.url().parse().unwrap(), ClientOptions::default()).unwrap()
}

pub(crate) fn server(sim: &Sim) -> ServerOptions {
    ServerOptions { in_flight_max: 3, ..ServerOptions::new("workstation", client(sim)) }
}

pub(crate) fn options() -> EngineOptions {
    EngineOptions {
        running_time_max: Duration::from_mins(1),
        unfinished_max: 10,
        lease: Duration::from_secs(10),
        unsure: Unsure::Lost,
        server_away_max: Duration::from_mins(1),
        clock: Timestamp::now,
    }
}

/// The clock of a process that is started long after the one before was killed.
pub(crate) fn much_later() -> Timestamp {
    Timestamp::now().checked_add(1.hour()).unwrap()
}

/// Waits until the engine no longer follows a job, and gives what it showed last.
#[track_caller]
pub(crate) fn ended(engine: &Engine, id: &JobId) -> impl Future<Output = Option<Progress>> {
    let progress = engine.progress(id);
    async move {
        let mut progress = progress?;
        let closed = async { while progress.changed().await.is_ok() {} };
        tokio::time::timeout(PATIENCE, closed).await.expect("the job did not end");
        Some(progress.borrow().clone())
    }
}

pub(crate) fn is_connected(engine: &Engine) -> bool {
    engine.servers().iter().all(|server| server.is_connected)
}

/// Waits until the engine's socket is up again after it was cut.
pub(crate) async fn reconnected(engine: &Engine) {
    let up = async {
        while !is_connected(engine) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, up).await.expect("the socket came back");
}

/// Waits until the engine follows nothing any more, or stops it after the store failed.
pub(crate) async fn killed(engine: &Engine, id: &JobId) {
    let mut progress = engine.progress(id).expect("the job is under way");
    // The store fails from some write on: what shows last is what was written last.
    while let Ok(Ok(())) =
        tokio::time::timeout(Duration::from_millis(700), progress.changed()).await
    {}
    engine.shutdown().await;
}

/// Waits until a job shows a state.
pub(crate) async fn reaches(engine: &Engine, id: &JobId, state: State) {
    let mut progress = engine.progress(id).expect("the job is under way");
    let reached = progress.wait_for(|progress| progress.state == state);
    tokio::time::timeout(PATIENCE, reached).await.expect("in time").expect("before it ended");
}

/// Keeps nothing but the end.
#[derive(Debug)]
struct Keep {
    store: Arc<dyn JobStore>,
    failures_left: AtomicUsize,
}

#[async_trait]
impl Finisher for Keep {
    async fn finish(&self, finished: Finished<'_>) -> Result<State, FinishError> {
        assert_eq!(finished.ended.outputs().flat_map(comfy_client::NodeOutput::files).count(), 1);
        if take_one(&self.failures_left) {
            let failure = Failure::new("results_unreachable", "the connection was reset");
            return Err(FinishError::Results { failure, try_again: true });
        }
        let event = finished.event(Vec::new());
        Ok(self.store.append(&finished.job.record.id, event, Timestamp::now()).await?.state)
    }
}

/// Lets time pass for everything that waits now, and for nothing else.
pub(crate) async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// Whether there was one left to take.
fn take_one(left: &AtomicUsize) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

/// A store whose process is killed, or whose disk is full: after so many writes, nothing that is
/// asked of it happens.
#[derive(Debug)]
pub(crate) struct Killed {
    jobs: Arc<MemoryJobs>,
    writes_left: AtomicUsize,
    refusals: watch::Sender<usize>,
    lists: bool,
}

impl Killed {
    pub(crate) fn after(writes: usize, jobs: &Arc<MemoryJobs>) -> Arc<dyn JobStore> {
        Self::full_after(writes, jobs)
    }

    /// A store that takes so many writes, until there is room again.
    pub(crate) fn full_after(writes: usize, jobs: &Arc<MemoryJobs>) -> Arc<Self> {
        Arc::new(Self {
            jobs: Arc::clone(jobs),
            writes_left: AtomicUsize::new(writes),
            refusals: watch::channel(0).0,
            lists: true,
        })
    }

    /// Waits until so many writes were refused.
    pub(crate) async fn refused(&self, times: usize) {
        let mut refusals = self.refusals.subscribe();
        let refused = refusals.wait_for(|refused| *refused >= times);
        tokio::time::timeout(PATIENCE, refused).await.expect("in time").unwrap();
    }

    pub(crate) fn make_room(&self) {
        self.writes_left.store(usize::MAX, Ordering::SeqCst);
    }

    /// A store that lives, but has a job that cannot be read among those that it lists.
    pub(crate) fn damaged(jobs: &Arc<MemoryJobs>) -> Arc<dyn JobStore> {
        let writes_left = AtomicUsize::new(usize::MAX);
        let refusals = watch::channel(0).0;
        Arc::new(Self { jobs: Arc::clone(jobs), writes_left, refusals, lists: false })
    }

    fn write(&self) -> Result<(), StoreError> {
        if take_one(&self.writes_left) {
            return Ok(());
        }
        self.refusals.send_modify(|refused| *refused += 1);
        Err(StoreError::Backend { doing: "live", source: "killed".into() })
    }
}

#[async_trait]
impl JobStore for Killed {
    async fn create(&self, record: JobRecord, owner: &OwnerId) -> Result<(), StoreError> {
        self.write()?;
        self.jobs.create(record, owner).await
    }

    async fn create_with(
        &self,
        record: JobRecord,
        owner: &OwnerId,
        first: Event,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.write()?;
        self.jobs.create_with(record, owner, first, at).await
    }

    async fn append(
        &self,
        id: &JobId,
        event: Event,
        at: Timestamp,
    ) -> Result<Appended, StoreError> {
        self.write()?;
        self.jobs.append(id, event, at).await
    }

    async fn get(&self, id: &JobId) -> Result<Option<Job>, StoreError> {
        self.jobs.get(id).await
    }

    async fn list(&self, query: &JobQuery) -> Result<JobPage, StoreError> {
        self.jobs.list(query).await
    }

    async fn latest_of_shape(
        &self,
        shape_digest: &str,
        limit: u32,
    ) -> Result<Vec<Job>, StoreError> {
        if !self.lists {
            let problem = "the log ends early".to_owned();
            return Err(StoreError::Damaged { id: "a job".to_owned(), problem });
        }
        self.jobs.latest_of_shape(shape_digest, limit).await
    }

    async fn outcomes(&self, server: &str, limit: u32) -> Result<Vec<Outcome>, StoreError> {
        self.jobs.outcomes(server, limit).await
    }

    async fn renew(&self, owner: &OwnerId, until: Timestamp) -> Result<(), StoreError> {
        self.jobs.renew(owner, until).await
    }

    async fn adopt(&self, adoption: &Adoption) -> Result<Vec<Job>, StoreError> {
        self.jobs.adopt(adoption).await
    }

    async fn leave(&self, owner: &OwnerId) -> Result<(), StoreError> {
        self.jobs.leave(owner).await
    }

    async fn prune(&self, keep: &Retention) -> Result<u64, StoreError> {
        self.jobs.prune(keep).await
    }
}

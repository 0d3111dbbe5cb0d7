//! The engine: one task a job, from its record to its last log entry.
//!
//! [`Engine::start`] answers when the job is written down. The job's task waits for its turn at
//! one of the servers (`dispatch`), claims the job with the log entry `submit_started`, sends the
//! prompt and follows it. A job whose turn it is at once is written down together with that entry.
//! Whatever process is killed at whatever instant, the log says what may have happened, and whoever
//! adopts the job (`lease`) takes it from there. A prompt that may have been sent is looked up,
//! never sent again.

mod advance;
mod cancel;
mod dispatch;
mod finish;
mod follow;
mod gauge;
mod lease;
mod link;
mod probe;
mod ran;
mod run;
mod server;
mod submit;

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use thiserror::Error;
use tokio::sync::{OnceCell, broadcast, oneshot, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use workflow_graph::ReadError;

use self::{
    dispatch::Dispatch,
    run::{Ready, Run},
    server::Server,
};
pub use self::{
    finish::{FinishError, Finished, Finisher},
    server::{ServerOptions, ServerStatus},
};
use crate::{
    Job, JobId, JobRecord, JobStore, OwnerId, Preview, Progress, Steps, StoreError,
    estimate::EarlierRuns,
};

/// The first pause before a job is taken up again after its store failed; it doubles each time.
const STORE_PAUSE_MIN: Duration = Duration::from_secs(3);

/// The longest pause between two attempts.
const STORE_PAUSE_MAX: Duration = Duration::from_mins(1);

/// How long shutting down waits for the tasks to notice.
const SHUTDOWN_WAIT: Duration = Duration::from_secs(5);

/// How the engine behaves.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// How long a job may run at the server before it is stopped, unless it has a limit of its
    /// own. Waiting in a queue does not count.
    pub running_time_max: Duration,
    /// How many jobs may be unfinished in this process.
    pub unfinished_max: usize,
    /// How long a process that owns jobs counts as alive after it last said so. Its jobs wait so
    /// long for another process when it is killed.
    pub lease: Duration,
    /// How long a server that has one of our jobs may give no answer before the job counts as
    /// lost. Jobs that it does not have yet wait for it without limit.
    pub server_away_max: Duration,
    /// What becomes of a job that was being sent when its process died or its reply was lost, and
    /// that its server says it does not have.
    pub unsure: Unsure,
    /// The clock that dates log entries.
    pub clock: fn() -> Timestamp,
}

/// What to do with a job that its server does not have, although it may have been on its way there.
///
/// ```
/// assert_eq!(batch::Unsure::default(), batch::Unsure::Lost);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unsure {
    /// It is lost, and whoever asked for it decides.
    #[default]
    Lost,
    /// It is sent again. It runs twice if something between us and the server held the first
    /// prompt back for longer than the server was asked for it.
    SendAgain,
}

/// Why a job was not started. Nothing was written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// The record's workflow cannot be sent.
    #[error("the workflow cannot be sent")]
    Workflow(#[source] ReadError),
    /// Too many jobs are unfinished.
    #[error("{unfinished} jobs are unfinished, and no more than {limit} may be")]
    TooMany {
        /// How many there are.
        unfinished: usize,
        /// How many there may be.
        limit: usize,
    },
    /// The engine is being shut down.
    #[error("the engine is shutting down")]
    ShuttingDown,
    /// The store failed.
    #[error("the job was not recorded")]
    Store(#[source] StoreError),
}

/// Runs jobs on its servers. Clones share it.
#[derive(Clone, Debug)]
pub struct Engine {
    shared: Arc<Shared>,
}

struct Shared {
    owner: OwnerId,
    store: Arc<dyn JobStore>,
    servers: Vec<Arc<Server>>,
    dispatch: Arc<Dispatch>,
    finisher: Arc<dyn Finisher>,
    options: EngineOptions,
    /// Whether the store has heard that this engine lives.
    alive: OnceCell<()>,
    /// Whether it takes over from processes that die.
    is_heir: AtomicBool,
    under_way: Mutex<HashMap<JobId, UnderWay>>,
    earlier: EarlierRuns,
    tasks: TaskTracker,
    stopping: CancellationToken,
}

#[derive(Clone)]
struct UnderWay {
    progress: watch::Receiver<Progress>,
    steps: broadcast::Sender<Progress>,
    preview: watch::Receiver<Option<Preview>>,
    cancel: CancellationToken,
}

impl Engine {
    /// An engine that does nothing yet and knows no job.
    pub fn new(
        servers: Vec<ServerOptions>,
        store: Arc<dyn JobStore>,
        finisher: Arc<dyn Finisher>,
        options: EngineOptions,
    ) -> Self {
        let servers: Vec<_> = servers.into_iter().map(Server::new).map(Arc::new).collect();
        Self {
            shared: Arc::new(Shared {
                owner: OwnerId::random(),
                store,
                dispatch: Arc::new(Dispatch::new(&servers)),
                servers,
                finisher,
                options,
                alive: OnceCell::new(),
                is_heir: AtomicBool::new(false),
                under_way: Mutex::default(),
                earlier: EarlierRuns::default(),
                tasks: TaskTracker::new(),
                stopping: CancellationToken::new(),
            }),
        }
    }

    /// Makes sure that a server answers, and that there is a socket to it. One that was lost is
    /// being opened again; a job need not wait for that. `None`: the engine has no such server.
    pub async fn connect(&self, url: &str) -> Option<Result<(), Arc<comfy_client::Error>>> {
        let server = self.shared.server(url)?;
        let connected = async {
            if !server.link.session().await?.is_connected() {
                server.client.system_stats().await.map_err(Arc::new)?;
            }
            Ok(())
        };
        Some(connected.await)
    }

    /// A number that stays the same as long as the socket to a server does, so that what was
    /// learned of the server still holds; `None` while there is none.
    pub fn connection(&self, url: &str) -> Option<u64> {
        self.shared.server(url)?.link.connection()
    }

    /// What is known of each server, in the order in which they were given.
    pub fn servers(&self) -> Vec<ServerStatus> {
        self.shared.dispatch.status()
    }

    /// How many jobs wait here for their turn at a server.
    pub fn waiting(&self) -> usize {
        self.shared.dispatch.waiting()
    }

    /// Writes a job down and sets it going. When this answers, the job survives a crash. A caller
    /// that does not wait for the answer changes nothing.
    pub async fn start(&self, record: JobRecord) -> Result<(), StartError> {
        let run = Run::new(Arc::clone(&self.shared), Job::new(record.clone()));
        let run = run.map_err(StartError::Workflow)?;
        self.shared.come_alive().await.map_err(StartError::Store)?;
        let limit = self.shared.options.unfinished_max;
        let Some(entry) = self.shared.enter(&run, limit)? else {
            return Err(StartError::Store(StoreError::Duplicate { id: record.id }));
        };
        let (recorded, is_recorded) = oneshot::channel();
        let shared = Arc::clone(&self.shared);
        self.shared.tasks.spawn(async move {
            let mut run = run;
            let ready = run.get_ready().await;
            let created = match ready.as_ref().map(|ready| ready.claim.clone()) {
                Some(claim) => run.create_sent(record, claim).await,
                None => shared.store.create(record, &shared.owner).await,
            };
            let is_created = created.is_ok();
            if recorded.send(created).is_err() {
                tracing::debug!(job = %run.id(), "nobody waits to hear that the job is recorded");
            }
            if is_created {
                entry.follow(run, ready).await;
            }
        });
        match is_recorded.await {
            Ok(created) => created.map_err(StartError::Store),
            Err(_) => Err(StartError::ShuttingDown),
        }
    }

    /// Takes up the unfinished jobs of these servers that no living process owns, and says how many
    /// they are. From here on this engine is an heir: it takes over from every process that dies.
    pub async fn recover(&self) -> Result<usize, StoreError> {
        self.shared.is_heir.store(true, Ordering::Relaxed);
        self.shared.come_alive().await?;
        let mut all = 0_usize;
        loop {
            match self.shared.adopt(None).await? {
                0 => return Ok(all),
                some => all = all.saturating_add(some),
            }
        }
    }

    /// The progress of a job that is under way in this process. The channel closes when the
    /// job's task has ended.
    pub fn progress(&self, id: &JobId) -> Option<watch::Receiver<Progress>> {
        self.shared.under_way().get(id).map(|job| job.progress.clone())
    }

    /// Every step of a job that is under way in this process, from where it is now.
    pub fn steps(&self, id: &JobId) -> Option<Steps> {
        let under_way = self.shared.under_way();
        let job = under_way.get(id)?;
        // Nothing is shown while this is held: what comes later is in the rest.
        let shown = job.progress.borrow();
        let rest = job.steps.subscribe();
        Some(Steps::new(shown.clone(), rest))
    }

    /// The latest preview of a job that is under way in this process; `None` in it until there is
    /// one. The channel closes when the job's task has ended.
    pub fn preview(&self, id: &JobId) -> Option<watch::Receiver<Option<Preview>>> {
        self.shared.under_way().get(id).map(|job| job.preview.clone())
    }

    /// Stops one job, wherever it is: waiting here, in the server's queue, or running there.
    /// The answer says that stopping has begun; the log says when it has ended. A job that is
    /// under way in another process is stopped at the server.
    pub async fn cancel(&self, id: &JobId) -> Result<(), CancelError> {
        let under_way = self.shared.under_way().get(id).cloned();
        match under_way {
            Some(job) => {
                job.cancel.cancel();
                Ok(())
            }
            None => cancel::elsewhere(&self.shared, id).await,
        }
    }

    /// Stops every job that is under way in this process, and waits until they have ended, but no
    /// longer than `at_most`. For a server that ends with this process.
    pub async fn cancel_all(&self, at_most: Duration) {
        let mut shown: Vec<_> = {
            let under_way = self.shared.under_way();
            under_way.values().for_each(|job| job.cancel.cancel());
            under_way.values().map(|job| job.progress.clone()).collect()
        };
        // A channel closes when the task of its job has ended.
        let ended = async {
            for progress in &mut shown {
                while progress.changed().await.is_ok() {}
            }
        };
        if tokio::time::timeout(at_most, ended).await.is_err() {
            tracing::warn!("some jobs did not stop in time");
        }
    }

    /// Stops following all jobs and waits for their tasks. The jobs themselves go on at the
    /// server and stay recorded.
    pub async fn shutdown(&self) {
        self.shared.stopping.cancel();
        self.shared.tasks.close();
        if tokio::time::timeout(SHUTDOWN_WAIT, self.shared.tasks.wait()).await.is_err() {
            tracing::warn!("some jobs did not stop being followed in time");
        }
        if self.shared.alive.initialized()
            && let Err(error) = self.shared.store.leave(&self.shared.owner).await
        {
            tracing::warn!(%error, "other processes take the jobs over when the lease has ended");
        }
        // A task that did not stop in time may still hold a session; it ends with the process.
        for server in &self.shared.servers {
            server.link.close().await;
        }
    }
}

/// Why a job could not be told to stop.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CancelError {
    /// There is no such job.
    #[error("there is no job {0}")]
    UnknownJob(JobId),
    /// The store failed.
    #[error("the job cannot be looked up")]
    Store(#[source] StoreError),
    /// The job is at a server that this engine does not have.
    #[error("the job is at {server}, which is none of the servers that are used here")]
    OtherServer {
        /// That server, without credentials.
        server: String,
    },
    /// The server could not be told. That the job is to stop is written down all the same.
    #[error("the server could not be told to stop the job")]
    Server(#[source] comfy_client::Error),
}

impl Shared {
    /// The lock is held for a look-up only, so that a poisoned map is still whole.
    fn under_way(&self) -> MutexGuard<'_, HashMap<JobId, UnderWay>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a job among those under way here. `None`: it is there already.
    fn enter(self: &Arc<Self>, run: &Run, limit: usize) -> Result<Option<Entry>, StartError> {
        let id = run.id();
        let mut under_way = self.under_way();
        if self.stopping.is_cancelled() {
            return Err(StartError::ShuttingDown);
        }
        if under_way.contains_key(&id) {
            return Ok(None);
        }
        let unfinished = under_way.len();
        if unfinished >= limit {
            return Err(StartError::TooMany { unfinished, limit });
        }
        under_way.insert(id, run.under_way());
        Ok(Some(Entry { shared: Arc::clone(self), id }))
    }

    /// Follows a recorded job from where it is. Answers whether it does.
    fn take_up(self: &Arc<Self>, job: Job) -> bool {
        let id = job.record.id;
        let run = match Run::new(Arc::clone(self), job) {
            Ok(run) => run,
            Err(error) => {
                tracing::error!(job = %id, %error, "a recorded job cannot be read");
                return false;
            }
        };
        let Ok(Some(entry)) = self.enter(&run, usize::MAX) else { return false };
        self.tasks.spawn(entry.follow(run, None));
        true
    }

    fn server(&self, url: &str) -> Option<&Arc<Server>> {
        self.servers.iter().find(|server| server.url == url)
    }

    fn is_heir(&self) -> bool {
        self.is_heir.load(Ordering::Relaxed)
    }

    fn now(&self) -> Timestamp {
        (self.options.clock)()
    }

    /// How long ago that was; a clock that was set back makes it no time, not an age.
    fn since(&self, then: Timestamp) -> Duration {
        self.now().duration_since(then).try_into().unwrap_or_default()
    }
}

/// The place of a job among those under way. It is left in any case, also by a panic.
struct Entry {
    shared: Arc<Shared>,
    id: JobId,
}

impl Entry {
    /// Drives a job to its end. A store that fails is tried again for as long as this process
    /// lives, however long a disk stays full: nobody else takes the job over meanwhile. One that
    /// was created as sent is `ready` to be sent.
    async fn follow(self, run: Run, ready: Option<Ready>) {
        let (mut run, mut ready) = (run, ready);
        let mut pause = STORE_PAUSE_MIN;
        while let Err(error) = run.drive(ready.take()).await {
            let may_pass = matches!(error, StoreError::Backend { .. });
            let error = submit::with_causes(&error);
            if !may_pass {
                tracing::error!(job = %self.id, error, "the job's log is unusable; it is no longer followed");
                return;
            }
            tracing::error!(job = %self.id, error, "the job's log failed; trying again");
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.shared.stopping.cancelled() => return,
            }
            pause = STORE_PAUSE_MAX.min(pause.saturating_mul(2));
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.shared.under_way().remove(&self.id);
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("servers", &self.servers.iter().map(|server| &server.url).collect::<Vec<_>>())
            .field("under_way", &self.under_way().len())
            .finish_non_exhaustive()
    }
}

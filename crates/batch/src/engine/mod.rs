//! The engine: one task a job, from its record to its last log entry.
//!
//! [`Engine::start`] answers when the job is written down. The job's task then claims it with
//! the log entry `submit_started`, sends the prompt and follows it; whatever process is killed
//! at whatever instant, the log says what may have happened, and [`Engine::recover`] takes it
//! from there. A prompt that may have been sent is looked up, never sent again.

mod cancel;
mod follow;
mod run;
mod submit;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use comfy_client::{Client, Ended, Session};
use jiff::Timestamp;
use thiserror::Error;
use tokio::sync::{Mutex as AsyncMutex, Semaphore, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use workflow_graph::ReadError;

use self::run::Run;
use crate::{Failure, Job, JobId, JobRecord, JobStore, Progress, State, StoreError};

/// How long shutting down waits for the tasks to notice.
const SHUTDOWN_WAIT: Duration = Duration::from_secs(5);

/// What happens between ComfyUI's success and the job's last log entry.
///
/// The implementation keeps what came out and writes [`Event::Finished`](crate::Event::Finished)
/// together with it, in one transaction: a job that succeeded has its results, whenever the
/// process is killed.
#[async_trait]
pub trait Finisher: Send + Sync + fmt::Debug {
    /// Keeps the results of `job`, which ended as `ended` says, and writes the last log entry.
    async fn finish(&self, job: &Job, ended: &Ended) -> Result<State, FinishError>;
}

/// Why results were not kept.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FinishError {
    /// They could not be fetched or stored; the job fails with this.
    #[error("{}", .0.message)]
    Results(Failure),
    /// The log could not be written.
    #[error("the end of the job was not written")]
    Store(#[from] StoreError),
}

/// How the engine behaves.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// How long a job may run at the server before it is stopped, unless it has a limit of its
    /// own. Waiting in a queue does not count.
    pub running_time_max: Duration,
    /// How many of our jobs the server's queue holds at once; the others wait here, where they
    /// can be cancelled without a trace.
    pub in_flight_max: usize,
    /// How many jobs may be unfinished in this process.
    pub unfinished_max: usize,
    /// How long a job that another process is just sending is left alone. It must be longer than
    /// that process waits for a reply: then its sender has come to a verdict, or is dead.
    pub submit_grace: Duration,
    /// The clock that dates log entries.
    pub clock: fn() -> Timestamp,
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

/// Runs the jobs of one server. Clones share it.
#[derive(Clone, Debug)]
pub struct Engine {
    shared: Arc<Shared>,
}

struct Shared {
    store: Arc<dyn JobStore>,
    client: Client,
    finisher: Arc<dyn Finisher>,
    options: EngineOptions,
    session: AsyncMutex<Option<Arc<Session>>>,
    in_flight: Semaphore,
    under_way: Mutex<HashMap<JobId, UnderWay>>,
    tasks: TaskTracker,
    stopping: CancellationToken,
}

#[derive(Clone)]
struct UnderWay {
    progress: watch::Receiver<Progress>,
    cancel: CancellationToken,
}

impl Engine {
    /// An engine that does nothing yet and knows no job.
    pub fn new(
        client: Client,
        store: Arc<dyn JobStore>,
        finisher: Arc<dyn Finisher>,
        options: EngineOptions,
    ) -> Self {
        let in_flight = Semaphore::new(options.in_flight_max.clamp(1, Semaphore::MAX_PERMITS));
        Self {
            shared: Arc::new(Shared {
                store,
                client,
                finisher,
                options,
                session: AsyncMutex::default(),
                in_flight,
                under_way: Mutex::default(),
                tasks: TaskTracker::new(),
                stopping: CancellationToken::new(),
            }),
        }
    }

    /// Makes sure that the server answers, and that there is a socket to it. One that was lost is
    /// being opened again; a job need not wait for that.
    pub async fn connect(&self) -> Result<(), comfy_client::Error> {
        if !self.shared.session().await?.is_connected() {
            self.shared.client.system_stats().await?;
        }
        Ok(())
    }

    /// Whether the socket to the server is open now.
    pub async fn is_connected(&self) -> bool {
        self.shared.session.lock().await.as_ref().is_some_and(|session| session.is_connected())
    }

    /// Writes a job down and sets it going. When this answers, the job survives a crash.
    pub async fn start(&self, record: JobRecord) -> Result<(), StartError> {
        if self.shared.stopping.is_cancelled() {
            return Err(StartError::ShuttingDown);
        }
        let unfinished = self.shared.under_way().len();
        let limit = self.shared.options.unfinished_max;
        if unfinished >= limit {
            return Err(StartError::TooMany { unfinished, limit });
        }
        let job = Job::new(record.clone());
        let run = Run::new(Arc::clone(&self.shared), job).map_err(StartError::Workflow)?;
        self.shared.store.create(record).await.map_err(StartError::Store)?;
        self.shared.spawn(run);
        Ok(())
    }

    /// Takes up every unfinished job of this server that is not under way here.
    pub async fn recover(&self) -> Result<usize, StoreError> {
        let server = self.shared.client.url().to_string();
        let mut taken = 0;
        for job in self.shared.store.unfinished().await? {
            let id = job.record.id;
            if job.record.server != server || self.shared.under_way().contains_key(&id) {
                continue;
            }
            match Run::new(Arc::clone(&self.shared), job) {
                Ok(run) => {
                    self.shared.spawn(run);
                    taken += 1;
                }
                Err(error) => tracing::error!(job = %id, %error, "a recorded job is unreadable"),
            }
        }
        Ok(taken)
    }

    /// The progress of a job that is under way in this process. The channel closes when the
    /// job's task has ended.
    pub fn progress(&self, id: &JobId) -> Option<watch::Receiver<Progress>> {
        self.shared.under_way().get(id).map(|job| job.progress.clone())
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

    /// Stops following all jobs and waits for their tasks. The jobs themselves go on at the
    /// server and stay recorded.
    pub async fn shutdown(&self) {
        self.shared.stopping.cancel();
        self.shared.tasks.close();
        if tokio::time::timeout(SHUTDOWN_WAIT, self.shared.tasks.wait()).await.is_err() {
            tracing::warn!("some jobs did not stop being followed in time");
        }
        let session = self.shared.session.lock().await.take();
        // A task that did not stop in time still holds it; then it ends with the process.
        if let Some(session) = session.and_then(Arc::into_inner) {
            session.close().await;
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
    /// The server could not be told.
    #[error("the server could not be told to stop the job")]
    Server(#[source] comfy_client::Error),
}

impl Shared {
    /// The one socket of this server, opened when it is first needed. A failure is not kept:
    /// the next job tries again.
    async fn session(&self) -> Result<Arc<Session>, comfy_client::Error> {
        // Held while it opens, so that two jobs do not open two.
        let mut session = self.session.lock().await;
        if let Some(session) = &*session {
            return Ok(Arc::clone(session));
        }
        let opened = Arc::new(self.client.open_session().await?);
        *session = Some(Arc::clone(&opened));
        Ok(opened)
    }

    /// The lock is held for a look-up only, so that a poisoned map is still whole.
    fn under_way(&self) -> MutexGuard<'_, HashMap<JobId, UnderWay>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spawn(self: &Arc<Self>, run: Run) {
        let id = run.id();
        self.under_way().insert(id, run.under_way());
        let shared = Arc::clone(self);
        self.tasks.spawn(async move {
            if let Err(error) = run.drive().await {
                let error = submit::with_causes(&error);
                tracing::error!(job = %id, error, "the job is no longer followed");
            }
            shared.under_way().remove(&id);
        });
    }

    fn now(&self) -> Timestamp {
        (self.options.clock)()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("server", self.client.url())
            .field("under_way", &self.under_way().len())
            .finish_non_exhaustive()
    }
}

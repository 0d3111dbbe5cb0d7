//! Where jobs are written down.

pub mod conformance;
mod memory;

use std::{error, fmt, str::FromStr, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use thiserror::Error;

pub use self::memory::MemoryJobs;
use crate::{Event, IllegalEvent, Job, JobId, JobRecord, Outcome, OwnerId, State};

/// A place that keeps jobs and their logs. [`MemoryJobs`] forgets them with the process.
///
/// When a method that writes returns `Ok`, the write survives whatever the store promises to
/// survive; when it returns an error, or its future is dropped, the write may still have
/// happened, whole, but never in part. So after an error from `append` the job is read again
/// before anything else is decided.
///
/// Every unfinished job has one owner: the process that drives it. An owner lives as long as it
/// renews its lease; the jobs of a dead one are adopted by others. The lease only keeps two
/// processes from doing the same work. That a prompt is sent once does not hang on it, nor on the
/// clocks: of two that write `submit_started`, [`append`](Self::append) refuses one.
#[async_trait]
pub trait JobStore: Send + Sync + fmt::Debug {
    /// Writes down a new job, which `owner` drives. A second job with the same id is refused.
    async fn create(&self, record: JobRecord, owner: &OwnerId) -> Result<(), StoreError>;

    /// Writes down a new job together with the first entry of its log, both or neither: what is
    /// sent at once need not be written twice. An event that cannot be the first is refused.
    async fn create_with(
        &self,
        record: JobRecord,
        owner: &OwnerId,
        first: Event,
        at: Timestamp,
    ) -> Result<(), StoreError>;

    /// Adds what happened to a job's log, if it can follow, and says where the job stands then.
    /// The check and the write are one: of two writers whose events exclude each other, one is
    /// refused, whichever process it is in.
    ///
    /// A store may promise less for an entry that [a job can do without](Event::is_dispensable):
    /// that it survives the end of the process, but not that of the machine's power. Whatever is
    /// written after it never survives without it.
    async fn append(&self, id: &JobId, event: Event, at: Timestamp)
    -> Result<Appended, StoreError>;

    /// Says how many jobs are at servers now. Where there are many, writes that come may wait a few
    /// milliseconds for each other, to be done together.
    fn expect(&self, _jobs_at_servers: usize) {}

    /// The job `id`, if there is one.
    async fn get(&self, id: &JobId) -> Result<Option<Job>, StoreError>;

    /// One page of jobs, newest first.
    async fn list(&self, query: &JobQuery) -> Result<JobPage, StoreError>;

    /// The newest jobs of this shape that ended well, at most so many, newest first. However many
    /// jobs there are, this reads only these.
    async fn latest_of_shape(&self, shape_digest: &str, limit: u32)
    -> Result<Vec<Job>, StoreError>;

    /// What the jobs took that ended well at a server and loaded models, the latest end first; at most
    /// so many, and never more than [`Outcome::LIMIT_MAX`]. No log and no workflow is read for it. One
    /// that cannot be read is left out and told to the log of the program.
    async fn outcomes(&self, server: &str, limit: u32) -> Result<Vec<Outcome>, StoreError>;

    /// Says that `owner` lives, at least until then.
    async fn renew(&self, owner: &OwnerId, until: Timestamp) -> Result<(), StoreError>;

    /// Makes `adoption.owner` the owner of unfinished jobs that nobody alive owns, and gives them,
    /// oldest first.
    ///
    /// A job that cannot be read is left out and told to the log of the program, so that one
    /// damaged job, or one of a newer version, keeps no other from being recovered.
    async fn adopt(&self, adoption: &Adoption) -> Result<Vec<Job>, StoreError>;

    /// Ends the lease of `owner`: its unfinished jobs are free at once.
    async fn leave(&self, owner: &OwnerId) -> Result<(), StoreError>;

    /// Forgets finished jobs beyond what is to be kept, with their logs, and says how many. Jobs
    /// that are not finished stay, however old.
    async fn prune(&self, keep: &Retention) -> Result<u64, StoreError>;
}

/// A log entry that was written.
///
/// ```
/// use batch::{Appended, State};
/// let first = Appended { seq: 0, state: State::Submitting };
/// assert!(!first.state.is_final());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Its place in the log. Whoever knows all entries before it knows the whole log.
    pub seq: u32,
    /// Where the job stands after it.
    pub state: State,
}

/// Which jobs to take over.
///
/// ```
/// use batch::{Adoption, MemoryJobs, OwnerId, JobStore as _};
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let adoption = Adoption {
///     owner: OwnerId::random(),
///     servers: vec!["http://127.0.0.1:8188/".to_owned()],
///     now: "2026-01-02T03:04:05Z".parse()?,
///     lease_max: Duration::from_secs(10),
///     only: None,
///     limit: 100,
/// };
/// assert!(MemoryJobs::default().adopt(&adoption).await?.is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Adoption {
    /// Who takes them.
    pub owner: OwnerId,
    /// The servers that it can reach: jobs that are at another one, or may only run on others,
    /// are left alone.
    pub servers: Vec<String>,
    /// The present. An owner whose lease ended before is dead.
    pub now: Timestamp,
    /// How long a lease is at most. One that ends later than that from now was written before
    /// the clock was set back, and says nothing.
    pub lease_max: Duration,
    /// Only this job, when there is one.
    pub only: Option<JobId>,
    /// How many to take at most.
    pub limit: u32,
}

impl Adoption {
    /// Whether an owner with such a lease is alive.
    pub fn is_alive(&self, until: Timestamp) -> bool {
        let left = until.duration_since(self.now);
        left.is_positive() && left.unsigned_abs() <= self.lease_max
    }

    /// Whether a job can be driven from here: it is at one of the servers, or may go to one.
    pub fn is_reachable(&self, job: &Job) -> bool {
        match job.server() {
            Some(server) => self.servers.iter().any(|known| known == server),
            None => {
                let wanted = &job.record.servers;
                wanted.is_empty() || wanted.iter().any(|server| self.servers.contains(server))
            }
        }
    }
}

/// Which finished jobs to keep.
///
/// ```
/// use batch::Retention;
/// let all = Retention::default();
/// assert!(all.recorded_since.is_none() && all.jobs_max.is_none());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Only those that were recorded since then.
    pub recorded_since: Option<Timestamp>,
    /// At most so many, the newest.
    pub jobs_max: Option<u64>,
}

/// Which jobs to list.
///
/// ```
/// use batch::{JobQuery, State};
/// let query = JobQuery { states: vec![State::Failed, State::Lost], ..JobQuery::default() };
/// assert_eq!(query.limit, JobQuery::LIMIT_DEFAULT);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobQuery {
    /// Only jobs in one of these states; empty is all of them.
    pub states: Vec<State>,
    /// Only calls of this service.
    pub service: Option<String>,
    /// Only jobs with this workflow, by its digest.
    pub workflow_digest: Option<String>,
    /// Only jobs with a graph of this shape, by its digest.
    pub shape_digest: Option<String>,
    /// How many jobs a page holds at most; more than [`JobQuery::LIMIT_MAX`] is taken as that.
    pub limit: u32,
    /// Where to go on: the `next_cursor` of the page before.
    pub cursor: Option<JobCursor>,
}

/// One page of jobs.
#[derive(Clone, Debug, PartialEq)]
pub struct JobPage {
    /// The jobs, newest first.
    pub jobs: Vec<Job>,
    /// How many jobs match in all, on whatever page.
    pub total: u64,
    /// Where the next page begins, when there is more.
    pub next_cursor: Option<JobCursor>,
}

/// A place in the list of all jobs. Its text is opaque to callers; it stays valid when jobs
/// are added.
///
/// ```
/// use batch::JobCursor;
/// let text = "2026-01-02T03:04:05.000000006Z~0197f1ce-3c5a-7000-8000-00000000002a";
/// assert_eq!(text.parse::<JobCursor>()?.to_string(), text);
/// assert!("2".parse::<JobCursor>().is_err());
/// # Ok::<(), batch::InvalidCursor>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct JobCursor {
    /// When the last job of the page before was created.
    pub created_at: Timestamp,
    /// Which one it was, among those of the same moment.
    pub id: JobId,
}

/// A text that is not the cursor of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "that is no cursor; pass the `next_cursor` of the page before unchanged, or none for the first page"
)]
pub struct InvalidCursor;

/// Why a store did not do what it was asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is already a job with this id; nothing was written.
    #[error("job {id} is already recorded; every job needs an id of its own")]
    Duplicate {
        /// The id that is taken.
        id: JobId,
    },
    /// There is no job with this id.
    #[error("there is no job {id}")]
    UnknownJob {
        /// The id that was asked for.
        id: JobId,
    },
    /// The event cannot follow what the log already says; nothing was written.
    #[error("the event was not added to the log of job {id}")]
    Illegal {
        /// The job.
        id: JobId,
        /// Which event, and in which state.
        #[source]
        source: IllegalEvent,
    },
    /// What is stored of a job cannot be read.
    #[error("what is stored of job {id} cannot be read: {problem}")]
    Damaged {
        /// The job, as the store spells it.
        id: String,
        /// Which part of it, and why.
        problem: String,
    },
    /// The store itself failed. Whether a write happened is not known.
    #[error("the job store cannot {doing}")]
    Backend {
        /// What it was doing.
        doing: &'static str,
        /// What went wrong there.
        #[source]
        source: Box<dyn error::Error + Send + Sync>,
    },
}

impl JobQuery {
    /// How many jobs a page holds when the caller does not say.
    pub const LIMIT_DEFAULT: u32 = 50;
    /// How many jobs a page may hold. Every job carries its workflow, which can have a
    /// megabyte; this keeps a page in memory.
    pub const LIMIT_MAX: u32 = 200;

    /// Whether it asks for `job`, on whatever page.
    pub fn matches(&self, job: &Job) -> bool {
        let record = &job.record;
        let is = |wanted: &Option<String>, found: Option<&str>| match wanted {
            Some(wanted) => found == Some(wanted),
            None => true,
        };
        (self.states.is_empty() || self.states.contains(&job.state))
            && is(&self.service, record.service.as_deref())
            && is(&self.workflow_digest, Some(&record.workflow_digest))
            && is(&self.shape_digest, Some(&record.shape_digest))
    }

    /// The page size that a store uses: at least one job, so that paging always advances.
    pub fn page_size(&self) -> u32 {
        self.limit.clamp(1, Self::LIMIT_MAX)
    }
}

impl Default for JobQuery {
    fn default() -> Self {
        Self {
            states: Vec::new(),
            service: None,
            workflow_digest: None,
            shape_digest: None,
            limit: Self::LIMIT_DEFAULT,
            cursor: None,
        }
    }
}

impl From<&JobRecord> for JobCursor {
    fn from(record: &JobRecord) -> Self {
        Self { created_at: record.created_at, id: record.id }
    }
}

impl fmt::Display for JobCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.9}~{}", self.created_at, self.id)
    }
}

impl FromStr for JobCursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let (created_at, id) = text.split_once('~').ok_or(InvalidCursor)?;
        Ok(Self {
            created_at: created_at.parse().map_err(|_| InvalidCursor)?,
            id: id.parse().map_err(|_| InvalidCursor)?,
        })
    }
}

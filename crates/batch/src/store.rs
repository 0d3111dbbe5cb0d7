//! Where jobs are written down.

pub mod conformance;
mod memory;

use std::{error, fmt, str::FromStr};

use async_trait::async_trait;
use jiff::Timestamp;
use thiserror::Error;

pub use self::memory::MemoryJobs;
use crate::{Event, IllegalEvent, Job, JobId, JobRecord, State};

/// A place that keeps jobs and their logs. [`MemoryJobs`] forgets them with the process.
///
/// When a method that writes returns `Ok`, the write survives whatever the store promises to
/// survive; when it returns an error, or its future is dropped, the write may still have
/// happened, whole, but never in part. So after an error from `append` the job is read again
/// before anything else is decided.
#[async_trait]
pub trait JobStore: Send + Sync + fmt::Debug {
    /// Writes down a new job. A second job with the same id is refused.
    async fn create(&self, record: JobRecord) -> Result<(), StoreError>;

    /// Adds what happened to a job's log, if it can follow, and says where the job stands then.
    /// The check and the write are one: of two writers whose events exclude each other, one is
    /// refused, whichever process it is in.
    async fn append(&self, id: &JobId, event: Event, at: Timestamp) -> Result<State, StoreError>;

    /// The job `id`, if there is one.
    async fn get(&self, id: &JobId) -> Result<Option<Job>, StoreError>;

    /// One page of jobs, newest first.
    async fn list(&self, query: &JobQuery) -> Result<JobPage, StoreError>;

    /// Every job of `server`, as its record spells it, that has not come to its end, oldest first:
    /// what recovery looks at. There are as many as the engine lets be under way at a time.
    ///
    /// A job that cannot be read is left out and told to the log of the program, so that one
    /// damaged job, or one of a newer version, keeps no other from being recovered.
    async fn unfinished(&self, server: &str) -> Result<Vec<Job>, StoreError>;
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

    /// The page size that a store uses: at least one job, so that paging always advances.
    pub fn page_size(&self) -> u32 {
        self.limit.clamp(1, Self::LIMIT_MAX)
    }
}

impl Default for JobQuery {
    fn default() -> Self {
        Self { states: Vec::new(), limit: Self::LIMIT_DEFAULT, cursor: None }
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

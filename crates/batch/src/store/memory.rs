//! Jobs in memory.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use jiff::Timestamp;

use super::{JobCursor, JobPage, JobQuery, JobStore, StoreError};
use crate::{Event, Job, JobId, JobRecord, State};

/// Jobs that are forgotten with the process: for tests, and for a server that is told to keep
/// nothing.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use batch::{Event, JobRecord, JobStore, MemoryJobs, State};
/// use workflow_graph::Json;
///
/// let jobs = MemoryJobs::default();
/// let at = "2026-01-02T03:04:05Z".parse()?;
/// let id = "0197f1ce-3c5a-7000-8000-00000000002a".parse()?;
/// jobs.create(JobRecord::new(id, at, Json::parse(b"{}")?)).await?;
/// assert_eq!(jobs.append(&id, Event::SubmitStarted, at).await?, State::Submitting);
/// assert_eq!(jobs.unfinished("").await?.len(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct MemoryJobs {
    jobs: Mutex<BTreeMap<JobId, Job>>,
}

impl MemoryJobs {
    /// No method leaves the map half changed, so a panic elsewhere while it was locked is no
    /// reason to refuse it.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<JobId, Job>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl JobStore for MemoryJobs {
    async fn create(&self, record: JobRecord) -> Result<(), StoreError> {
        match self.lock().entry(record.id) {
            Entry::Occupied(_) => Err(StoreError::Duplicate { id: record.id }),
            Entry::Vacant(place) => {
                place.insert(Job::new(record));
                Ok(())
            }
        }
    }

    async fn append(&self, id: &JobId, event: Event, at: Timestamp) -> Result<State, StoreError> {
        let mut jobs = self.lock();
        let job = jobs.get_mut(id).ok_or(StoreError::UnknownJob { id: *id })?;
        job.apply(event, at).map_err(|source| StoreError::Illegal { id: *id, source })
    }

    async fn get(&self, id: &JobId) -> Result<Option<Job>, StoreError> {
        Ok(self.lock().get(id).cloned())
    }

    async fn list(&self, query: &JobQuery) -> Result<JobPage, StoreError> {
        let jobs = self.lock();
        let matches = |job: &&Job| query.states.is_empty() || query.states.contains(&job.state);
        let mut found: Vec<_> =
            jobs.values().filter(matches).map(|job| (place(job), job)).collect();
        found.sort_by_key(|(place, _)| std::cmp::Reverse(*place));
        let total = found.len().try_into().unwrap_or(u64::MAX);

        let page_size = query.page_size().try_into().unwrap_or(usize::MAX);
        let mut rest =
            found.into_iter().filter(|(place, _)| query.cursor.is_none_or(|at| *place < at));
        let page: Vec<_> = rest.by_ref().take(page_size).collect();
        let last = page.last().map(|(place, _)| *place);
        Ok(JobPage {
            next_cursor: rest.next().and(last),
            jobs: page.into_iter().map(|(_, job)| job.clone()).collect(),
            total,
        })
    }

    async fn unfinished(&self, server: &str) -> Result<Vec<Job>, StoreError> {
        let jobs = self.lock();
        let wanted = |job: &&Job| job.record.server == server && !job.state.is_final();
        let mut found: Vec<_> = jobs.values().filter(wanted).cloned().collect();
        found.sort_by_key(place);
        Ok(found)
    }
}

fn place(job: &Job) -> JobCursor {
    JobCursor::from(&job.record)
}

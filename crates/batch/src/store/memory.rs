//! Jobs in memory.

use std::{
    collections::{BTreeMap, HashMap, btree_map::Entry},
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Adoption, Appended, JobCursor, JobPage, JobQuery, JobStore, Retention, StoreError};
use crate::{Event, Job, JobId, JobRecord, Outcome, OwnerId, State};

/// Jobs that are forgotten with the process: for tests, and for a server that is told to keep
/// nothing.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use batch::{Event, JobRecord, JobStore, MemoryJobs, OwnerId, State};
/// use workflow_graph::Json;
///
/// let jobs = MemoryJobs::default();
/// let at = "2026-01-02T03:04:05Z".parse()?;
/// let id = "0197f1ce-3c5a-7000-8000-00000000002a".parse()?;
/// jobs.create(JobRecord::new(id, at, Json::parse(b"{}")?), &OwnerId::random()).await?;
/// let sent = Event::SubmitStarted { server: "http://127.0.0.1:8188/".to_owned() };
/// assert_eq!(jobs.append(&id, sent, at).await?.state, State::Submitting);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct MemoryJobs {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    jobs: BTreeMap<JobId, Owned>,
    leases: HashMap<OwnerId, Timestamp>,
}

#[derive(Debug)]
struct Owned {
    job: Job,
    owner: OwnerId,
}

impl MemoryJobs {
    /// No method leaves the map half changed, so a panic elsewhere while it was locked is no
    /// reason to refuse it.
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl JobStore for MemoryJobs {
    async fn create(&self, record: JobRecord, owner: &OwnerId) -> Result<(), StoreError> {
        match self.lock().jobs.entry(record.id) {
            Entry::Occupied(_) => Err(StoreError::Duplicate { id: record.id }),
            Entry::Vacant(place) => {
                place.insert(Owned { job: Job::new(record), owner: *owner });
                Ok(())
            }
        }
    }

    async fn create_with(
        &self,
        record: JobRecord,
        owner: &OwnerId,
        first: Event,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let id = record.id;
        let mut job = Job::new(record);
        job.apply(first, at).map_err(|source| StoreError::Illegal { id, source })?;
        match self.lock().jobs.entry(id) {
            Entry::Occupied(_) => Err(StoreError::Duplicate { id }),
            Entry::Vacant(place) => {
                place.insert(Owned { job, owner: *owner });
                Ok(())
            }
        }
    }

    async fn append(
        &self,
        id: &JobId,
        event: Event,
        at: Timestamp,
    ) -> Result<Appended, StoreError> {
        let mut kept = self.lock();
        let job = &mut kept.jobs.get_mut(id).ok_or(StoreError::UnknownJob { id: *id })?.job;
        let state =
            job.apply(event, at).map_err(|source| StoreError::Illegal { id: *id, source })?;
        Ok(Appended { seq: job.log.last().map_or(0, |entry| entry.seq), state })
    }

    async fn get(&self, id: &JobId) -> Result<Option<Job>, StoreError> {
        Ok(self.lock().jobs.get(id).map(|owned| owned.job.clone()))
    }

    async fn list(&self, query: &JobQuery) -> Result<JobPage, StoreError> {
        let kept = self.lock();
        let jobs = kept.jobs.values().map(|owned| &owned.job);
        let mut found: Vec<_> =
            jobs.filter(|job| query.matches(job)).map(|job| (place(job), job)).collect();
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

    async fn latest_of_shape(
        &self,
        shape_digest: &str,
        limit: u32,
    ) -> Result<Vec<Job>, StoreError> {
        let query = JobQuery {
            states: vec![State::Succeeded],
            shape_digest: Some(shape_digest.to_owned()),
            limit,
            ..JobQuery::default()
        };
        self.list(&query).await.map(|page| page.jobs)
    }

    async fn outcomes(&self, server: &str, limit: u32) -> Result<Vec<Outcome>, StoreError> {
        let kept = self.lock();
        let outcomes = kept.jobs.values().filter_map(|owned| Outcome::of(&owned.job));
        let mut outcomes: Vec<_> = outcomes.filter(|outcome| outcome.server == server).collect();
        outcomes.sort_by_key(|outcome| std::cmp::Reverse((outcome.ended_at, outcome.job)));
        outcomes.truncate(usize::try_from(limit.min(Outcome::LIMIT_MAX)).unwrap_or(usize::MAX));
        Ok(outcomes)
    }

    async fn renew(&self, owner: &OwnerId, until: Timestamp) -> Result<(), StoreError> {
        self.lock().leases.insert(*owner, until);
        Ok(())
    }

    async fn adopt(&self, adoption: &Adoption) -> Result<Vec<Job>, StoreError> {
        let mut kept = self.lock();
        let Kept { jobs, leases } = &mut *kept;
        let is_free = |owned: &&mut Owned| {
            let lease = leases.get(&owned.owner);
            owned.owner != adoption.owner
                && lease.is_none_or(|until| !adoption.is_alive(*until))
                && !owned.job.state.is_final()
                && adoption.only.is_none_or(|only| only == owned.job.record.id)
                && adoption.is_reachable(&owned.job)
        };
        let mut free: Vec<_> = jobs.values_mut().filter(is_free).collect();
        free.sort_by_key(|owned| place(&owned.job));
        free.truncate(usize::try_from(adoption.limit).unwrap_or(usize::MAX));
        for owned in &mut free {
            owned.owner = adoption.owner;
        }
        Ok(free.into_iter().map(|owned| owned.job.clone()).collect())
    }

    async fn leave(&self, owner: &OwnerId) -> Result<(), StoreError> {
        self.lock().leases.remove(owner);
        Ok(())
    }

    async fn prune(&self, keep: &Retention) -> Result<u64, StoreError> {
        let mut kept = self.lock();
        let finished = kept.jobs.values().filter(|owned| owned.job.state.is_final());
        let mut finished: Vec<_> = finished.map(|owned| place(&owned.job)).collect();
        finished.sort_by_key(|place| std::cmp::Reverse(*place));
        let jobs_max =
            keep.jobs_max.map_or(usize::MAX, |most| most.try_into().unwrap_or(usize::MAX));
        let is_too_old =
            |place: &JobCursor| keep.recorded_since.is_some_and(|since| place.created_at < since);
        let gone =
            finished.iter().enumerate().filter(|(at, place)| *at >= jobs_max || is_too_old(place));
        let gone: Vec<_> = gone.map(|(_, place)| place.id).collect();
        for id in &gone {
            kept.jobs.remove(id);
        }
        Ok(gone.len().try_into().unwrap_or(u64::MAX))
    }
}

fn place(job: &Job) -> JobCursor {
    JobCursor::from(&job.record)
}

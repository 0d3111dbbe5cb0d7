//! The list of all jobs.

use batch::{Job, JobCursor, JobId, JobQuery, JobStore, State};
use jiff::Timestamp;

use crate::{
    error::Error,
    factory::Factory,
    failure,
    requests::{Page, RecordedProgress},
};

/// How many jobs a page has when the caller does not say.
const PAGE_DEFAULT: u32 = 20;

/// How many jobs a page has at most.
const PAGE_MAX: u32 = 100;

/// Which jobs to list, newest first.
///
/// ```
/// use mediafactory::{JobFilter, State};
/// let failed = JobFilter { states: vec![State::Failed, State::Lost], ..JobFilter::default() };
/// assert_eq!(failed.limit, None);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JobFilter {
    /// Only those in one of these states; all when empty.
    pub states: Vec<State>,
    /// Only calls of this configured service.
    pub service: Option<String>,
    /// At most so many, up to 100; 20 when not given.
    pub limit: Option<u32>,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

/// What a list tells of one job; [`Factory::job`] tells everything.
#[derive(Clone, Debug, PartialEq)]
pub struct JobSummary {
    /// The job; also the prompt id at the server.
    pub job: JobId,
    /// Where it stands.
    pub state: State,
    /// When it was recorded.
    pub created_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// The server that it is or was at, without credentials; `None` while it waits for one.
    pub server: Option<String>,
    /// What that server is called, as long as it is configured.
    pub backend: Option<String>,
    /// The configured service that it is a call of.
    pub service: Option<String>,
    /// The template it was made from.
    pub template: Option<String>,
    /// The model file it uses.
    pub model: Option<String>,
    /// How much of the whole graph is done, from 0 to 100; `None` where that is not known.
    pub percent: Option<f64>,
    /// Whether that is what another process wrote down last, which drives the job.
    pub is_recorded: bool,
}

impl Factory {
    /// One page of jobs, newest first, of all processes on this database.
    pub async fn jobs(&self, filter: JobFilter) -> Result<Page<JobSummary>, Error> {
        let limit = filter.limit.unwrap_or(PAGE_DEFAULT);
        if !(1..=PAGE_MAX).contains(&limit) {
            return Err(failure::argument(format!(
                "limit must be from 1 to {PAGE_MAX}, but is {limit}"
            )));
        }
        let cursor = filter.cursor.as_deref().map(str::parse::<JobCursor>).transpose();
        let query = JobQuery {
            states: filter.states,
            service: filter.service,
            limit,
            cursor: cursor.map_err(|error| failure::argument(error.to_string()))?,
            ..JobQuery::default()
        };
        let page = JobStore::list(&self.parts.store, &query).await;
        let page = page.map_err(|error| failure::storage("the jobs cannot be read", error))?;
        Ok(Page {
            items: page.jobs.into_iter().map(|job| self.summary(job)).collect(),
            total: page.total,
            next_cursor: page.next_cursor.map(|cursor| cursor.to_string()),
        })
    }

    fn summary(&self, job: Job) -> JobSummary {
        let progress = self.progress(&job.record.id).filter(|_| !job.state.is_final());
        let recorded = if progress.is_none() { RecordedProgress::of(&job) } else { None };
        let percent = match (job.state, &recorded) {
            (State::Succeeded, _) => Some(100.0),
            (_, Some(recorded)) => Some(recorded.percent),
            _ => progress.map(|progress| progress.borrow().percent),
        };
        JobSummary {
            job: job.record.id,
            state: job.state,
            created_at: job.record.created_at,
            finished_at: job.finished_at(),
            server: job.server().map(str::to_owned),
            backend: job.server().and_then(|url| self.server_name(url)).map(str::to_owned),
            service: job.record.service,
            template: job.record.template,
            model: job.record.model,
            percent,
            is_recorded: recorded.is_some(),
        }
    }
}

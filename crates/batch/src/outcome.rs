//! What finished jobs took.

use std::time::Duration;

use jiff::Timestamp;

use crate::{Job, JobId, MemoryPeak, State};

/// What a job that ended well and loaded models took of its server: enough to compare jobs by, and
/// light enough to read a thousand of them.
///
/// ```
/// use batch::Outcome;
/// fn slowest(outcomes: &[Outcome]) -> Option<&Outcome> {
///     outcomes.iter().max_by_key(|outcome| outcome.ran)
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The job.
    pub job: JobId,
    /// When it ended.
    pub ended_at: Timestamp,
    /// The server that ran it, as a URL without credentials.
    pub server: String,
    /// The files of weights that it loaded, as [`JobRecord::models`](crate::JobRecord::models).
    pub models: Vec<String>,
    /// What it computed on, as [`JobRecord::workload`](crate::JobRecord::workload).
    pub workload: String,
    /// How long the server computed, where that is known and it did not only look up results.
    pub ran: Option<Duration>,
    /// The most memory that was seen in use meanwhile.
    pub memory: Option<MemoryPeak>,
}

impl Outcome {
    /// How many are read at once at most.
    pub const LIMIT_MAX: u32 = 1_000;

    /// That of a job, if it has one.
    pub fn of(job: &Job) -> Option<Self> {
        let is_one = job.state == State::Succeeded && !job.record.models.is_empty();
        let ended_at = job.finished_at().filter(|_| is_one)?;
        Some(Self {
            job: job.record.id,
            ended_at,
            server: job.server()?.to_owned(),
            models: job.record.models.clone(),
            workload: job.record.workload.clone(),
            ran: job.ran(),
            memory: job.memory().cloned(),
        })
    }
}

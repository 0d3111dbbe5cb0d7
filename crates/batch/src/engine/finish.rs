//! Keeping what came out of a job, together with its end.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use comfy_client::{Client, Ended};
use thiserror::Error;

use crate::{Event, Failure, Job, MemoryPeak, NodeRun, NodeText, State, StoreError};

/// What happens between ComfyUI's success and the job's last log entry.
///
/// The implementation keeps what came out and writes [`Event::Finished`] together with it, in one
/// transaction: a job that succeeded has its results, whenever the process is killed.
#[async_trait]
pub trait Finisher: Send + Sync + fmt::Debug {
    /// Keeps the results of a job and writes the last log entry.
    async fn finish(&self, finished: Finished<'_>) -> Result<State, FinishError>;
}

/// A job that came to a good end at its server.
#[derive(Clone, Copy, Debug)]
pub struct Finished<'a> {
    /// The job.
    pub job: &'a Job,
    /// How it ended, and what it left.
    pub ended: &'a Ended,
    /// The way to its server.
    pub client: &'a Client,
    /// What was seen of its nodes, for the last log entry.
    pub nodes: &'a [NodeRun],
    /// How long the server computed, for the last log entry.
    pub ran: Option<Duration>,
    /// The most memory that was seen in use, for the last log entry.
    pub memory: Option<&'a MemoryPeak>,
}

impl Finished<'_> {
    /// The last log entry, with what the nodes told in words.
    pub fn event(&self, texts: Vec<NodeText>) -> Event {
        let memory = self.memory.cloned();
        Event::Finished { nodes: self.nodes.to_vec(), texts, ran: self.ran, memory }
    }
}

/// Why results were not kept.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FinishError {
    /// They could not be fetched or stored.
    #[error("{}", .failure.message)]
    Results {
        /// Why; the job fails with this when no further attempt is made.
        failure: Failure,
        /// Whether another attempt may help: the server may answer again, or the disk have room.
        try_again: bool,
    },
    /// The log could not be written.
    #[error("the end of the job was not written")]
    Store(#[from] StoreError),
}

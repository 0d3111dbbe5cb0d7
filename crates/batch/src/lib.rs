//! Jobs that survive a restart.
//!
//! A job is a record that never changes and a log that only grows; where it stands is computed
//! from the log by one function, [`State::next`], for live work and for recovery alike.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use batch::{Event, JobRecord, JobStore, MemoryJobs, OwnerId, State};
//! use workflow_graph::Json;
//!
//! let jobs = MemoryJobs::default();
//! let at = "2026-01-02T03:04:05Z".parse()?;
//! let id = "0197f1ce-3c5a-7000-8000-00000000002a".parse()?;
//! jobs.create(JobRecord::new(id, at, Json::parse(b"{}")?), &OwnerId::random()).await?;
//! let sent = Event::SubmitStarted { server: "http://127.0.0.1:8188/".to_owned() };
//! // After a crash here the job is looked up at the server, never sent again.
//! assert_eq!(jobs.append(&id, sent, at).await?.state, State::Submitting);
//! # Ok(())
//! # }
//! ```

mod engine;
mod estimate;
mod event;
mod ids;
mod job;
mod outcome;
mod progress;
mod state;
mod steps;
pub mod store;

pub use crate::{
    engine::{
        CancelError, Engine, EngineOptions, FinishError, Finished, Finisher, ServerOptions,
        ServerStatus, StartError, Unsure,
    },
    event::{Advance, Event, Failure, MemoryPeak, NodeRun, NodeText, StopReason, UnreadableEvent},
    ids::{InvalidJobId, JobId, OwnerId},
    job::{Job, JobRecord, LogEntry},
    outcome::Outcome,
    progress::{NodeProgress, Preview, Progress},
    state::{IllegalEvent, InvalidState, State},
    steps::Steps,
    store::{
        Adoption, Appended, InvalidCursor, JobCursor, JobPage, JobQuery, JobStore, MemoryJobs,
        Retention, StoreError,
    },
};

//! What can happen to a job, and how it is stored.

mod advance;
mod failure;
mod memory_peak;
mod node_run;
mod node_text;
mod stored;

use std::time::Duration;

use thiserror::Error;
use workflow_graph::json::ParseError;

pub(crate) use self::node_run::NODES_MAX;
pub use self::{
    advance::Advance, failure::Failure, memory_peak::MemoryPeak, node_run::NodeRun,
    node_text::NodeText,
};

/// One thing that happened to a job. The log of a job is a list of these, and its state is
/// what [`State::next`](crate::State::next) makes of them.
///
/// ```
/// use batch::{Event, Failure};
/// let event = Event::Refused { failure: Failure::new("prompt_outputs_failed", "no outputs") };
/// assert_eq!(Event::from_json(&event.to_json())?, event);
/// # Ok::<(), batch::UnreadableEvent>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The prompt is about to be sent. From here on ComfyUI may have it.
    SubmitStarted {
        /// To which server, as a URL without credentials.
        server: String,
    },
    /// ComfyUI has the prompt: it said so, or the prompt was seen in its queue, in its history
    /// or on its socket.
    Accepted {
        /// What the server said of parts that it will leave out, in sentences.
        warnings: Vec<String>,
    },
    /// The prompt will not run: ComfyUI refused it.
    Refused {
        /// Why.
        failure: Failure,
    },
    /// The server certainly does not have it, and not because of what it is: it never arrived, or
    /// it was taken out of the queue before it began. It may be sent again, also elsewhere.
    Returned {
        /// How that is known.
        reason: String,
    },
    /// Execution began.
    Started,
    /// It runs on. Written now and then by the process that drives it.
    Advanced {
        /// How far it is.
        advance: Advance,
    },
    /// It shall stop; whoever follows it has the server stop it. The state stays as it is until
    /// the history, or its absence from the queue, tells that it has stopped.
    StopRequested {
        /// Why.
        why: StopReason,
    },
    /// Execution ended well, according to the history.
    Finished {
        /// What was seen of its nodes.
        nodes: Vec<NodeRun>,
        /// What its nodes told in words.
        texts: Vec<NodeText>,
        /// How long the server computed; `None` where that is not known, and where the results that
        /// take the time were still there from an earlier job.
        ran: Option<Duration>,
        /// The most memory that was seen in use meanwhile; a short job is not looked at.
        memory: Option<MemoryPeak>,
    },
    /// Execution ended with an error, according to the history.
    ExecutionFailed {
        /// Which error, and where.
        failure: Failure,
        /// What was seen of its nodes.
        nodes: Vec<NodeRun>,
    },
    /// It was stopped on request, before or while it ran.
    Cancelled,
    /// Its deadline passed.
    TimedOut,
    /// ComfyUI should have it, and what became of it cannot be known: it is neither in the queue
    /// nor in the history, or there is no usable answer for too long.
    Lost {
        /// What was looked at, for a person to judge whether to send it again.
        reason: String,
    },
}

/// Why a job shall stop.
///
/// ```
/// use batch::{Event, State, StopReason};
/// let stop = Event::StopRequested { why: StopReason::Cancelled };
/// assert_eq!(State::Running.next(&stop)?, State::Running);
/// # Ok::<(), batch::IllegalEvent>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// Somebody cancelled it.
    Cancelled,
    /// Its deadline passed.
    TimedOut,
}

/// A stored event that this version cannot read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum UnreadableEvent {
    /// The stored shape is from a later version of this program.
    #[error(
        "the event has format version {found}, but this program reads up to {supported}; use a newer MediaFactory"
    )]
    Newer {
        /// The version that the event states.
        found: u64,
        /// The highest version that is read.
        supported: u64,
    },
    /// A member is missing or of the wrong kind.
    #[error("the event has no usable member `{member}`; it needs {expected}")]
    Member {
        /// The member's name.
        member: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// The name of the event is none that this program knows.
    #[error("`{}` is no event of a job", .name.escape_debug())]
    UnknownName {
        /// The stored name.
        name: String,
    },
    /// The details of a failure are not JSON.
    #[error("the details of the failure are not JSON")]
    Details {
        /// Where they break off.
        #[source]
        source: ParseError,
    },
}

impl Event {
    /// The name under which the event is stored.
    pub fn name(&self) -> &'static str {
        match self {
            Self::SubmitStarted { .. } => "submit_started",
            Self::Accepted { .. } => "accepted",
            Self::Refused { .. } => "refused",
            Self::Returned { .. } => "returned",
            Self::Started => "started",
            Self::Advanced { .. } => "advanced",
            Self::StopRequested { .. } => "stop_requested",
            Self::Finished { .. } => "finished",
            Self::ExecutionFailed { .. } => "execution_failed",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed_out",
            Self::Lost { .. } => "lost",
        }
    }

    /// Whether a job can do without the entry: it only repeats what the server knows too, where the
    /// job is looked up then, or how far it was. So it need not wait until the disk has it.
    ///
    /// ```
    /// use batch::Event;
    /// assert!(Event::Started.is_dispensable());
    /// let sent = Event::SubmitStarted { server: "http://127.0.0.1:8188/".to_owned() };
    /// assert!(!sent.is_dispensable(), "nobody else knows that it may have been sent");
    /// ```
    pub fn is_dispensable(&self) -> bool {
        matches!(self, Self::Accepted { .. } | Self::Started | Self::Advanced { .. })
    }

    /// The failure that the event reports, when it reports one.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Refused { failure } | Self::ExecutionFailed { failure, .. } => Some(failure),
            Self::SubmitStarted { .. }
            | Self::Accepted { .. }
            | Self::Returned { .. }
            | Self::Started
            | Self::Advanced { .. }
            | Self::StopRequested { .. }
            | Self::Finished { .. }
            | Self::Cancelled
            | Self::TimedOut
            | Self::Lost { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests;

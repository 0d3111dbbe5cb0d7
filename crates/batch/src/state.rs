//! The life of a job: a fold over its log.
//!
//! ```text
//!              SubmitStarted              Accepted            Started
//!   Recorded ────────────────► Submitting ────────► Queued ────────────► Running
//!      │ ▲                         │                   │                    │
//!      │ └─────── Returned ────────┼───────────────────┤                    │
//!      │                           │ Refused           │ Finished           │ Finished
//!      │                           │ Lost              │ ExecutionFailed    │ ExecutionFailed
//!      │ Cancelled                 │ Cancelled         │ Cancelled, Lost    │ Cancelled, Lost
//!      │ TimedOut                  │ TimedOut          │ TimedOut           │ TimedOut
//!      ▼                           ▼                   ▼                    ▼
//!        Succeeded   Failed   Cancelled   TimedOut   Lost          (final: nothing follows)
//! ```
//!
//! A job comes to ComfyUI by one road only: whatever shows that it has the prompt, be it the reply,
//! the queue or the history, is `Accepted` first. So there is one place in the log that says since
//! when a job is ComfyUI's. From `Queued` a job may end without `Started`: that frame is lost with
//! the socket, while the outcome comes from the history. The one road back is `Returned`: the
//! server certainly does not have the prompt, and it never began; then it may be sent again, also
//! to another server. `StopRequested` may come between, from
//! any process, and changes no state: the prompt may still succeed before it stops. `Advanced` changes
//! none either; it tells other processes how far a running job is.

use std::{fmt, str::FromStr};

use thiserror::Error;

use crate::Event;

/// Where a job stands.
///
/// ```
/// use batch::{Event, State};
/// let sent = Event::SubmitStarted { server: "http://127.0.0.1:8188/".to_owned() };
/// let state = State::Recorded.next(&sent)?.next(&Event::Accepted { warnings: Vec::new() })?;
/// assert_eq!(state, State::Queued);
/// assert!(!state.is_final());
/// assert_eq!("timed_out".parse::<State>()?, State::TimedOut);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Written down; ComfyUI has not heard of it.
    Recorded,
    /// ComfyUI may or may not have it. After a restart it is looked up, never sent again.
    Submitting,
    /// ComfyUI has it and it waits there.
    Queued,
    /// ComfyUI executes it.
    Running,
    /// It ended well.
    Succeeded,
    /// It was refused, or ended with an error.
    Failed,
    /// It was stopped on request.
    Cancelled,
    /// Its deadline passed.
    TimedOut,
    /// What became of it cannot be known.
    Lost,
}

/// An event that cannot happen to a job in this state.
///
/// ```
/// use batch::{Event, State};
/// let error = State::Recorded.next(&Event::Accepted { warnings: Vec::new() }).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "a job that is recorded takes no event `accepted`; it takes submit_started, cancelled, timed_out"
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IllegalEvent {
    /// The state the job was in, and stays in.
    pub state: State,
    /// The [name](Event::name) of the event.
    pub event: &'static str,
}

/// A text that names no state.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{}` is no state of a job; the states are {}", .text.escape_debug(), names(&State::ALL))]
pub struct InvalidState {
    /// The text as it was given.
    pub text: String,
}

impl State {
    /// Every state, in the order of a job's life.
    pub const ALL: [Self; 9] = [
        Self::Recorded,
        Self::Submitting,
        Self::Queued,
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
        Self::TimedOut,
        Self::Lost,
    ];

    /// The state after `event`. Live work and recovery both call this, and nothing else decides.
    pub fn next(&self, event: &Event) -> Result<Self, IllegalEvent> {
        use self::{Event as E, State as S};
        Ok(match (self, event) {
            (S::Recorded, E::SubmitStarted { .. }) => S::Submitting,
            (S::Submitting, E::Accepted { .. }) => S::Queued,
            (S::Submitting, E::Refused { .. }) => S::Failed,
            (S::Submitting | S::Queued, E::Returned { .. }) => S::Recorded,
            (S::Queued, E::Started) => S::Running,
            (S::Running, E::Advanced { .. }) => S::Running,
            (S::Submitting | S::Queued | S::Running, E::StopRequested { .. }) => *self,
            (S::Queued | S::Running, E::Finished { .. }) => S::Succeeded,
            (S::Queued | S::Running, E::ExecutionFailed { .. }) => S::Failed,
            (S::Submitting | S::Queued | S::Running, E::Lost { .. }) => S::Lost,
            (S::Recorded | S::Submitting | S::Queued | S::Running, E::Cancelled) => S::Cancelled,
            (S::Recorded | S::Submitting | S::Queued | S::Running, E::TimedOut) => S::TimedOut,
            _ => return Err(IllegalEvent { state: *self, event: event.name() }),
        })
    }

    /// Whether nothing can follow.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Recorded | Self::Submitting | Self::Queued | Self::Running => false,
            Self::Succeeded | Self::Failed | Self::Cancelled | Self::TimedOut | Self::Lost => true,
        }
    }

    /// The name of the state, as it is stored and shown: `recorded`, `timed_out`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Submitting => "submitting",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed_out",
            Self::Lost => "lost",
        }
    }

    /// The names of the events that this state takes; a table test holds it against
    /// [`State::next`].
    fn takes(self) -> &'static [&'static str] {
        match self {
            Self::Recorded => &["submit_started", "cancelled", "timed_out"],
            Self::Submitting => &[
                "accepted",
                "refused",
                "returned",
                "stop_requested",
                "cancelled",
                "timed_out",
                "lost",
            ],
            Self::Queued => &[
                "returned",
                "started",
                "stop_requested",
                "finished",
                "execution_failed",
                "cancelled",
                "timed_out",
                "lost",
            ],
            Self::Running => &[
                "advanced",
                "stop_requested",
                "finished",
                "execution_failed",
                "cancelled",
                "timed_out",
                "lost",
            ],
            Self::Succeeded | Self::Failed | Self::Cancelled | Self::TimedOut | Self::Lost => &[],
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for State {
    type Err = InvalidState;

    fn from_str(text: &str) -> Result<Self, InvalidState> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| InvalidState { text: text.chars().take(64).collect() })
    }
}

impl fmt::Display for IllegalEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a job that is {} takes no event `{}`; ", self.state.as_str(), self.event)?;
        match self.state.takes() {
            [] => f.write_str("that state is final"),
            events => write!(f, "it takes {}", events.join(", ")),
        }
    }
}

impl std::error::Error for IllegalEvent {}

fn names(states: &[State]) -> String {
    states.iter().map(State::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;

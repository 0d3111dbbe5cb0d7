//! What can happen to a job, and how it is stored.

use thiserror::Error;
use workflow_graph::{
    Json,
    json::{Object, ParseError},
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
    SubmitStarted,
    /// ComfyUI has the prompt: it said so, or the prompt was seen in its queue, in its history
    /// or on its socket.
    Accepted {
        /// What the server said of parts that it will leave out, in sentences.
        warnings: Vec<String>,
    },
    /// The prompt will not run: ComfyUI refused it, or it certainly never arrived.
    Refused {
        /// Why.
        failure: Failure,
    },
    /// Execution began.
    Started,
    /// It shall stop; whoever follows it has the server stop it. The state stays as it is until
    /// the history, or its absence from the queue, tells that it has stopped.
    StopRequested {
        /// Why.
        why: StopReason,
    },
    /// Execution ended well, according to the history.
    Finished,
    /// Execution ended with an error, according to the history.
    ExecutionFailed {
        /// Which error, and where.
        failure: Failure,
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

/// Why a job failed, in words for a person and in parts for a program.
///
/// ```
/// use batch::Failure;
/// let failure = Failure { node: Some("3".into()), ..Failure::new("execution_error", "out of memory") };
/// assert_eq!(failure.message, "out of memory");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The kind of failure: ComfyUI's own error type where it names one.
    pub kind: String,
    /// What happened, for a person.
    pub message: String,
    /// The id of the node it happened in, when it happened in one.
    pub node: Option<String>,
    /// The class of that node.
    pub class_type: Option<String>,
    /// What the server said, unchanged; `null` when it said nothing more.
    pub details: Json,
    /// What would help, when that is known.
    pub hint: Option<String>,
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

/// The version of the stored shape of events. It grows when a reader of the older shape could
/// misunderstand a newer one; a new optional member is not such a change.
const FORMAT_VERSION: u64 = 1;

impl Event {
    /// The name under which the event is stored.
    pub fn name(&self) -> &'static str {
        match self {
            Self::SubmitStarted => "submit_started",
            Self::Accepted { .. } => "accepted",
            Self::Refused { .. } => "refused",
            Self::Started => "started",
            Self::StopRequested { .. } => "stop_requested",
            Self::Finished => "finished",
            Self::ExecutionFailed { .. } => "execution_failed",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed_out",
            Self::Lost { .. } => "lost",
        }
    }

    /// The failure that the event reports, when it reports one.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Refused { failure } | Self::ExecutionFailed { failure } => Some(failure),
            Self::SubmitStarted
            | Self::Accepted { .. }
            | Self::Started
            | Self::StopRequested { .. }
            | Self::Finished
            | Self::Cancelled
            | Self::TimedOut
            | Self::Lost { .. } => None,
        }
    }

    /// The stored form: an object with `version`, `event` and what the event carries.
    pub fn to_json(&self) -> Json {
        let mut members =
            vec![("version", Json::from(FORMAT_VERSION)), ("event", Json::from(self.name()))];
        if let Some(failure) = self.failure() {
            members.push(("failure", failure.to_json()));
        }
        if let Self::Accepted { warnings } = self
            && !warnings.is_empty()
        {
            let warnings = warnings.iter().map(|warning| Json::from(warning.as_str())).collect();
            members.push(("warnings", Json::Array(warnings)));
        }
        if let Self::StopRequested { why } = self {
            members.push(("why", Json::from(why.as_str())));
        }
        if let Self::Lost { reason } = self {
            members.push(("reason", Json::from(reason.as_str())));
        }
        Json::object(members)
    }

    /// Reads the stored form. Members that are not known are passed over: a later version may
    /// add some.
    pub fn from_json(json: &Json) -> Result<Self, UnreadableEvent> {
        let version = json
            .get("version")
            .and_then(Json::as_u64)
            .ok_or(UnreadableEvent::Member { member: "version", expected: "a whole number" })?;
        if version > FORMAT_VERSION {
            return Err(UnreadableEvent::Newer { found: version, supported: FORMAT_VERSION });
        }
        let name = text(json, "event")?;
        Ok(match name.as_str() {
            "submit_started" => Self::SubmitStarted,
            "accepted" => Self::Accepted { warnings: optional_texts(json, "warnings")? },
            "refused" => Self::Refused { failure: Failure::member_of(json)? },
            "started" => Self::Started,
            "stop_requested" => Self::StopRequested { why: StopReason::read(&text(json, "why")?)? },
            "finished" => Self::Finished,
            "execution_failed" => Self::ExecutionFailed { failure: Failure::member_of(json)? },
            "cancelled" => Self::Cancelled,
            "timed_out" => Self::TimedOut,
            "lost" => Self::Lost { reason: text(json, "reason")? },
            _ => return Err(UnreadableEvent::UnknownName { name }),
        })
    }
}

impl StopReason {
    fn as_str(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed_out",
        }
    }

    fn read(text: &str) -> Result<Self, UnreadableEvent> {
        [Self::Cancelled, Self::TimedOut].into_iter().find(|why| why.as_str() == text).ok_or(
            UnreadableEvent::Member { member: "why", expected: "`cancelled` or `timed_out`" },
        )
    }
}

impl Failure {
    /// A failure of which only the kind and the message are known.
    pub fn new(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            message: message.into(),
            node: None,
            class_type: None,
            details: Json::Null,
            hint: None,
        }
    }

    fn to_json(&self) -> Json {
        let mut members = Object::new();
        members.insert("kind".to_owned(), Json::from(self.kind.as_str()));
        members.insert("message".to_owned(), Json::from(self.message.as_str()));
        let optional =
            [("node", &self.node), ("class_type", &self.class_type), ("hint", &self.hint)];
        for (name, value) in optional {
            if let Some(value) = value {
                members.insert(name.to_owned(), Json::from(value.as_str()));
            }
        }
        // As text, because a reader limits how deep JSON nests: details that were just legal
        // on their own would be too deep inside this object, and the log could not be read.
        if !self.details.is_null() {
            members.insert("details_json".to_owned(), Json::from(self.details.to_string()));
        }
        Json::Object(members)
    }

    fn member_of(event: &Json) -> Result<Self, UnreadableEvent> {
        let json = event
            .get("failure")
            .filter(|json| json.as_object().is_some())
            .ok_or(UnreadableEvent::Member { member: "failure", expected: "an object" })?;
        let details = match optional_text(json, "details_json")? {
            Some(details) => Json::parse_deep(details.as_bytes())
                .map_err(|source| UnreadableEvent::Details { source })?,
            None => Json::Null,
        };
        Ok(Self {
            kind: text(json, "kind")?,
            message: text(json, "message")?,
            node: optional_text(json, "node")?,
            class_type: optional_text(json, "class_type")?,
            details,
            hint: optional_text(json, "hint")?,
        })
    }
}

fn text(json: &Json, member: &'static str) -> Result<String, UnreadableEvent> {
    optional_text(json, member)?.ok_or(UnreadableEvent::Member { member, expected: "a string" })
}

fn optional_text(json: &Json, member: &'static str) -> Result<Option<String>, UnreadableEvent> {
    match json.get(member) {
        None => Ok(None),
        Some(value) => value
            .as_str()
            .map(|text| Some(text.to_owned()))
            .ok_or(UnreadableEvent::Member { member, expected: "a string" }),
    }
}

fn optional_texts(json: &Json, member: &'static str) -> Result<Vec<String>, UnreadableEvent> {
    let Some(value) = json.get(member) else { return Ok(Vec::new()) };
    value
        .as_array()
        .and_then(|items| items.iter().map(|item| item.as_str().map(str::to_owned)).collect())
        .ok_or(UnreadableEvent::Member { member, expected: "a list of strings" })
}

#[cfg(test)]
mod tests;

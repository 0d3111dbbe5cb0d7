//! The stored form of events.

use std::time::Duration;

use workflow_graph::Json;

use super::{Advance, Event, Failure, MemoryPeak, NodeRun, NodeText, StopReason, UnreadableEvent};

/// The version of the stored shape of events. It grows when a reader of the older shape could
/// misunderstand a newer one; a new optional member is not such a change.
const FORMAT_VERSION: u64 = 1;

impl Event {
    /// The stored form: an object with `version`, `event` and what the event carries.
    pub fn to_json(&self) -> Json {
        let mut members =
            vec![("version", Json::from(FORMAT_VERSION)), ("event", Json::from(self.name()))];
        match self {
            Self::SubmitStarted { server } => members.push(("server", Json::from(server.as_str()))),
            Self::Accepted { warnings } if !warnings.is_empty() => {
                let warnings = warnings.iter().map(|warning| Json::from(warning.as_str()));
                members.push(("warnings", Json::Array(warnings.collect())));
            }
            Self::Advanced { advance } => members.extend(advance.members()),
            Self::Refused { failure } => members.push(("failure", failure.to_json())),
            Self::StopRequested { why } => members.push(("why", Json::from(why.as_str()))),
            Self::Finished { nodes, texts, ran, memory } => {
                members.extend(NodeRun::member(nodes));
                members.extend(NodeText::member(texts));
                let ran_ms = ran.map(|ran| u64::try_from(ran.as_millis()).unwrap_or(u64::MAX));
                members.extend(ran_ms.map(|ms| ("ran_ms", Json::from(ms))));
                members.extend(memory.as_ref().map(|peak| ("memory", peak.to_json())));
            }
            Self::ExecutionFailed { failure, nodes } => {
                members.push(("failure", failure.to_json()));
                members.extend(NodeRun::member(nodes));
            }
            Self::Returned { reason } | Self::Lost { reason } => {
                members.push(("reason", Json::from(reason.as_str())));
            }
            Self::Accepted { .. } | Self::Started | Self::Cancelled | Self::TimedOut => {}
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
            "submit_started" => Self::SubmitStarted { server: text(json, "server")? },
            "accepted" => Self::Accepted { warnings: optional_texts(json, "warnings")? },
            "refused" => Self::Refused { failure: Failure::member_of(json)? },
            "returned" => Self::Returned { reason: text(json, "reason")? },
            "started" => Self::Started,
            "advanced" => Self::Advanced { advance: Advance::member_of(json)? },
            "stop_requested" => Self::StopRequested { why: StopReason::read(&text(json, "why")?)? },
            "finished" => Self::Finished {
                nodes: NodeRun::member_of(json)?,
                texts: NodeText::member_of(json)?,
                ran: json.get("ran_ms").and_then(Json::as_u64).map(Duration::from_millis),
                memory: json.get("memory").map(MemoryPeak::from_json).transpose()?,
            },
            "execution_failed" => Self::ExecutionFailed {
                failure: Failure::member_of(json)?,
                nodes: NodeRun::member_of(json)?,
            },
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

pub(super) fn text(json: &Json, member: &'static str) -> Result<String, UnreadableEvent> {
    optional_text(json, member)?.ok_or(UnreadableEvent::Member { member, expected: "a string" })
}

pub(super) fn optional_text(
    json: &Json,
    member: &'static str,
) -> Result<Option<String>, UnreadableEvent> {
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

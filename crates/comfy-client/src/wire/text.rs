//! Text frames: `{"type": …, "data": …}`.

use workflow_graph::{
    Json, NodeId,
    json::{Number, Object},
};

use super::DecodeError;
use crate::{outcome::ExecutionError, outputs::NodeOutput};

/// One text message of a server. Prompt ids are kept as they were sent: those of other clients
/// on old servers may have any text.
///
/// ```
/// use comfy_client::wire::{Message, decode_text};
/// let frame = br#"{"type": "assets.seed.started", "data": {"roots": []}}"#;
/// assert!(matches!(decode_text(frame)?, Message::Other { kind, .. } if kind == "assets.seed.started"));
/// # Ok::<(), comfy_client::wire::DecodeError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Message {
    /// How long the queue is, sent to everybody whenever it changes.
    Status {
        /// How many prompts wait or run.
        queue_remaining: Option<u64>,
        /// The client id of this socket; in the first message only.
        session: Option<String>,
    },
    /// What the server can do; the answer to what the client can do.
    FeatureFlags(Json),
    /// A prompt began.
    ExecutionStart {
        /// The prompt.
        prompt: String,
        /// When, in milliseconds since 1970.
        timestamp_ms: Option<u64>,
    },
    /// Nodes whose results the server still has, also ones that this prompt does not need.
    ExecutionCached {
        /// The prompt.
        prompt: String,
        /// The nodes, in no particular order.
        nodes: Vec<NodeId>,
        /// When, in milliseconds since 1970.
        timestamp_ms: Option<u64>,
    },
    /// A node begins; a node that asks for more inputs begins more than once.
    Executing {
        /// The prompt; missing in the message that follows a reconnect.
        prompt: Option<String>,
        /// The node.
        node: NodeId,
        /// The node of the submitted workflow that it stands for.
        display_node: Option<NodeId>,
    },
    /// A prompt is over and its history entry is stored: `executing` without a node.
    Idle {
        /// The prompt.
        prompt: String,
    },
    /// How far one node is.
    Progress {
        /// The prompt.
        prompt: String,
        /// The node.
        node: Option<NodeId>,
        /// How far.
        value: f64,
        /// Of how much.
        max: f64,
    },
    /// How far all nodes are that have begun.
    ProgressState {
        /// The prompt.
        prompt: String,
        /// The nodes, in the order they began.
        nodes: Vec<NodeProgress>,
    },
    /// An output node is done, or its cached result is told again.
    Executed {
        /// The prompt.
        prompt: String,
        /// The node of the submitted workflow that it stands for.
        display_node: Option<NodeId>,
        /// What the node reported; empty when it reported nothing.
        output: NodeOutput,
    },
    /// All nodes ran. The history entry may not be stored yet.
    ExecutionSuccess {
        /// The prompt.
        prompt: String,
        /// When, in milliseconds since 1970.
        timestamp_ms: Option<u64>,
    },
    /// A node raised an exception. The prompt is over unless [`ExecutionError::is_blocked`].
    ExecutionError {
        /// The prompt.
        prompt: String,
        /// What was raised.
        error: Box<ExecutionError>,
    },
    /// Somebody stopped the prompt.
    ExecutionInterrupted {
        /// The prompt.
        prompt: String,
        /// The node that ran then.
        node: Option<NodeId>,
        /// When, in milliseconds since 1970.
        timestamp_ms: Option<u64>,
    },
    /// Lines of the server's log, for those who asked for them.
    Logs(Json),
    /// Anything else, as it was sent.
    Other {
        /// Its type.
        kind: String,
        /// Its data.
        data: Json,
    },
}

/// How far one node is.
///
/// ```
/// use comfy_client::wire::{NodeProgress, NodeState};
/// let progress = NodeProgress {
///     node: "3".parse()?,
///     display_node: None,
///     state: NodeState::Running,
///     value: 1.0,
///     max: 4.0,
/// };
/// assert_eq!(progress.value / progress.max, 0.25);
/// # Ok::<(), workflow_graph::InvalidId>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct NodeProgress {
    /// The node; it may be one that another node made at run time.
    pub node: NodeId,
    /// The node of the submitted workflow that it stands for.
    pub display_node: Option<NodeId>,
    /// Whether it still runs.
    pub state: NodeState,
    /// How far. Often 0 of 1 until it is done.
    pub value: f64,
    /// Of how much.
    pub max: f64,
}

/// Whether a node still runs.
///
/// ```
/// use comfy_client::wire::NodeState;
/// assert_ne!(NodeState::Running, NodeState::Other("paused".to_owned()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeState {
    /// It runs.
    Running,
    /// It is done.
    Finished,
    /// What else a server may say.
    Other(String),
}

/// Decodes one text frame.
pub fn decode_text(frame: &[u8]) -> Result<Message, DecodeError> {
    let json = Json::parse_deep(frame)
        .map_err(|source| DecodeError::NotJson { len: frame.len(), source })?;
    let found = json.kind();
    let Json::Object(mut envelope) = json else { return Err(DecodeError::NoEnvelope { found }) };
    let Some(Json::String(kind)) = envelope.shift_remove("type") else {
        return Err(DecodeError::NoEnvelope { found: "an object without one" });
    };
    let data = envelope.shift_remove("data").unwrap_or_default();
    Ok(known(&kind, &data).unwrap_or(Message::Other { kind: kind.into(), data }))
}

/// The message that a client must send first on a new socket: with it, previews name their node
/// and prompt.
pub fn feature_flags() -> String {
    let flags = Json::object([("supports_preview_metadata", Json::from(true))]);
    Json::object([("type", Json::from("feature_flags")), ("data", flags)]).to_string()
}

/// A message of a known kind, when the data have what it needs.
fn known(kind: &str, data: &Json) -> Option<Message> {
    let text = |name| data.get(name).and_then(Json::as_str).map(ToOwned::to_owned);
    let prompt = || text("prompt_id");
    let node = |name| data.get(name).and_then(node_id);
    let timestamp_ms = data.get("timestamp").and_then(Json::as_u64);
    Some(match kind {
        "status" => Message::Status {
            queue_remaining: data
                .at(&["status", "exec_info", "queue_remaining"])
                .and_then(Json::as_u64),
            session: text("sid"),
        },
        "feature_flags" => Message::FeatureFlags(data.clone()),
        "execution_start" => Message::ExecutionStart { prompt: prompt()?, timestamp_ms },
        "execution_cached" => {
            let nodes = data.get("nodes")?.as_array()?.iter().filter_map(node_id).collect();
            Message::ExecutionCached { prompt: prompt()?, nodes, timestamp_ms }
        }
        "executing" if data.get("node")?.is_null() => Message::Idle { prompt: prompt()? },
        "executing" => Message::Executing {
            prompt: prompt(),
            node: node("node")?,
            display_node: node("display_node"),
        },
        "progress" => Message::Progress {
            prompt: prompt()?,
            node: node("node"),
            value: data.get("value")?.as_f64()?,
            max: data.get("max")?.as_f64()?,
        },
        "progress_state" => {
            let nodes = data.get("nodes")?.as_object()?;
            Message::ProgressState { prompt: prompt()?, nodes: node_states(nodes) }
        }
        "executed" => Message::Executed {
            prompt: prompt()?,
            display_node: node("display_node"),
            output: NodeOutput::from_json(node("node")?, data.get("output")?),
        },
        "execution_success" => Message::ExecutionSuccess { prompt: prompt()?, timestamp_ms },
        "execution_error" => Message::ExecutionError {
            prompt: prompt()?,
            error: Box::new(ExecutionError::from_json(data)),
        },
        "execution_interrupted" => {
            Message::ExecutionInterrupted { prompt: prompt()?, node: node("node_id"), timestamp_ms }
        }
        "logs" => Message::Logs(data.clone()),
        _ => return None,
    })
}

/// An id is a text; some packs send the number that it is made of.
pub(super) fn node_id(json: &Json) -> Option<NodeId> {
    match json {
        Json::String(text) => text.parse().ok(),
        Json::Number(number) => number.as_str().parse().ok(),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
    }
}

fn node_states(nodes: &Object) -> Vec<NodeProgress> {
    nodes.iter().filter_map(|(id, state)| node_state(id, state)).collect()
}

/// How far one node is, when its state has what that needs.
pub(super) fn node_state(id: &str, state: &Json) -> Option<NodeProgress> {
    let number = |name| state.get(name).and_then(Json::as_number).map(Number::as_f64);
    Some(NodeProgress {
        node: id.parse().ok()?,
        display_node: state.get("display_node_id").and_then(node_id),
        state: match state.get("state")?.as_str()? {
            "running" => NodeState::Running,
            "finished" => NodeState::Finished,
            other => NodeState::Other(other.to_owned()),
        },
        value: number("value")?,
        max: number("max")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(frame: &str, expected: &Message) {
        assert_eq!(&decode_text(frame.as_bytes()).unwrap(), expected);
    }

    #[test]
    fn executing_has_three_meanings() {
        check(
            r#"{"type": "executing", "data": {"node": "5.0.0.1", "display_node": "5", "prompt_id": "p"}}"#,
            &Message::Executing {
                prompt: Some("p".to_owned()),
                node: "5.0.0.1".parse().unwrap(),
                display_node: "5".parse().ok(),
            },
        );
        check(
            r#"{"type": "executing", "data": {"node": null, "prompt_id": "p"}}"#,
            &Message::Idle { prompt: "p".to_owned() },
        );
        check(
            r#"{"type": "executing", "data": {"node": "5"}}"#,
            &Message::Executing { prompt: None, node: "5".parse().unwrap(), display_node: None },
        );
    }

    #[test]
    fn numbers_outside_of_json_are_read() {
        check(
            r#"{"type": "progress", "data": {"value": 0.5, "max": Infinity, "prompt_id": "p", "node": 7}}"#,
            &Message::Progress {
                prompt: "p".to_owned(),
                node: "7".parse().ok(),
                value: 0.5,
                max: f64::INFINITY,
            },
        );
    }

    #[test]
    fn data_that_lack_something_are_kept_as_they_are() {
        for data in ["null", "7", "[]", r#"{"node": "1"}"#, r#"{"prompt_id": 7, "node": null}"#] {
            for kind in ["executed", "progress", "execution_start", "progress_state"] {
                let frame = format!(r#"{{"type": "{kind}", "data": {data}}}"#);
                let data = Json::parse(data.as_bytes()).unwrap();
                check(&frame, &Message::Other { kind: kind.to_owned(), data });
            }
        }
        check(r#"{"type": "x"}"#, &Message::Other { kind: "x".to_owned(), data: Json::Null });
    }

    #[test]
    fn an_output_of_null_is_no_output() {
        check(
            r#"{"type": "executed", "data": {"node": "9", "output": null, "prompt_id": "p"}}"#,
            &Message::Executed {
                prompt: "p".to_owned(),
                display_node: None,
                output: NodeOutput { node: "9".parse().unwrap(), items: Vec::new() },
            },
        );
    }

    #[test]
    fn frames_without_the_envelope_are_errors() {
        for frame in ["", "[]", "{}", r#"{"type": 7}"#, "{\"type\": \"x\"", "\u{fffd}"] {
            assert!(decode_text(frame.as_bytes()).is_err(), "{frame}");
        }
        assert!(decode_text(b"\xff\xfe").is_err());
    }
}

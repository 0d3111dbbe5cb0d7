//! What a watch tells of its prompt.

use workflow_graph::NodeId;

use crate::{
    outcome::ExecutionError,
    outputs::NodeOutput,
    wire::{Message, NodeProgress, PreviewImage},
};

/// Something that happened to a watched prompt. Events can be missing, for example while the
/// socket was lost; how the prompt ended is told by [`Watch::finish`](crate::Watch::finish)
/// alone.
///
/// ```
/// use comfy_client::Event;
/// let event = Event::Progress { node: "3".parse().ok(), value: 1.0, max: 20.0 };
/// assert_ne!(event, Event::SocketBack);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The server began with it.
    Started {
        /// When, in milliseconds since 1970 on the server's clock.
        timestamp_ms: Option<u64>,
    },
    /// Nodes whose results the server still has, also ones that this prompt does not need.
    Cached {
        /// The nodes, in no particular order.
        nodes: Vec<NodeId>,
    },
    /// A node begins; some begin more than once.
    Executing {
        /// The node.
        node: NodeId,
        /// The node of the submitted workflow that it stands for.
        display_node: Option<NodeId>,
    },
    /// How far one node is. A slow reader gets only the latest.
    Progress {
        /// The node.
        node: Option<NodeId>,
        /// How far.
        value: f64,
        /// Of how much.
        max: f64,
    },
    /// How far the nodes are whose state changed, in the order they began. The first of these
    /// events, and the first after [`Event::SocketBack`], tells of all nodes that have begun; to
    /// a slow reader one event tells the latest of all that changed meanwhile.
    NodeStates(Vec<NodeProgress>),
    /// A picture made on the way. A slow reader gets only the latest JPEG, but every PNG: those
    /// can be results.
    Preview {
        /// The node, when the server says so; it may be one that another node made at run time.
        node: Option<NodeId>,
        /// The node of the submitted workflow that it stands for, when the server says so.
        display_node: Option<NodeId>,
        /// The picture.
        image: PreviewImage,
    },
    /// An output node is done, or its cached result is told again.
    Executed {
        /// The node of the submitted workflow that it stands for.
        display_node: Option<NodeId>,
        /// What it reported.
        output: NodeOutput,
    },
    /// A node blocked what depends on it, with a message; the prompt goes on.
    Blocked(Box<ExecutionError>),
    /// The server says that a node failed.
    Failed(Box<ExecutionError>),
    /// The server says that it was stopped.
    Interrupted {
        /// The node that ran then.
        node: Option<NodeId>,
    },
    /// The server says that all nodes ran.
    Succeeded {
        /// When, in milliseconds since 1970 on the server's clock.
        timestamp_ms: Option<u64>,
    },
    /// The socket is lost, and events with it until it is back. The prompt goes on.
    SocketLost {
        /// Why.
        reason: String,
    },
    /// The socket is back.
    SocketBack,
    /// The reader was so slow that events had to be left out.
    Missed {
        /// How many.
        events: u64,
    },
}

/// What one message means to those who watch its prompt.
pub(crate) struct News {
    pub(crate) prompt: String,
    pub(crate) event: Option<Event>,
    /// Whether the history may now have an entry.
    pub(crate) may_have_ended: bool,
}

impl News {
    /// The news in a message; `None` when it is about no prompt.
    pub(crate) fn of(message: Message) -> Option<Self> {
        let goes_on = |prompt, event| Self { prompt, event: Some(event), may_have_ended: false };
        let ends = |prompt, event| Self { prompt, event: Some(event), may_have_ended: true };
        Some(match message {
            Message::ExecutionStart { prompt, timestamp_ms } => {
                goes_on(prompt, Event::Started { timestamp_ms })
            }
            Message::ExecutionCached { prompt, nodes, .. } => {
                goes_on(prompt, Event::Cached { nodes })
            }
            Message::Executing { prompt, node, display_node } => {
                goes_on(prompt?, Event::Executing { node, display_node })
            }
            Message::Progress { prompt, node, value, max } => {
                goes_on(prompt, Event::Progress { node, value, max })
            }
            Message::ProgressState { prompt, nodes } => goes_on(prompt, Event::NodeStates(nodes)),
            Message::Executed { prompt, display_node, output } => {
                goes_on(prompt, Event::Executed { display_node, output })
            }
            Message::ExecutionError { prompt, error } if error.is_blocked() => {
                goes_on(prompt, Event::Blocked(error))
            }
            Message::ExecutionError { prompt, error } => ends(prompt, Event::Failed(error)),
            Message::ExecutionInterrupted { prompt, node, .. } => {
                ends(prompt, Event::Interrupted { node })
            }
            Message::ExecutionSuccess { prompt, timestamp_ms } => {
                ends(prompt, Event::Succeeded { timestamp_ms })
            }
            Message::Idle { prompt } => Self { prompt, event: None, may_have_ended: true },
            Message::Status { .. }
            | Message::FeatureFlags(_)
            | Message::Logs(_)
            | Message::Other { .. } => return None,
        })
    }
}

//! How a prompt ended.

use workflow_graph::{Json, NodeId};

use crate::advice::Cause;

/// How a prompt ended, as the history tells it. No event of the socket decides this.
///
/// ```
/// use comfy_client::Outcome;
/// assert!(Outcome::Succeeded.is_success());
/// assert!(!Outcome::Lost.is_success());
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// It ran to its end.
    Succeeded,
    /// A node failed.
    Failed(Box<ExecutionError>),
    /// Somebody stopped it.
    Interrupted {
        /// The node that ran then.
        node: Option<NodeId>,
    },
    /// Neither the queue nor the history knows it: it was deleted while it waited, the server was
    /// restarted, which forgets both, or it ended and somebody deleted its entry or cleared the
    /// history. In the last case its files may lie on the server all the same.
    Lost,
    /// It is in the history, which does not say how it ended. Old versions and forks do this.
    Unexplained {
        /// The server's own word for the status, if it has one.
        status: Option<String>,
    },
}

impl Outcome {
    /// Whether it ran to its end.
    pub fn is_success(&self) -> bool {
        *self == Self::Succeeded
    }
}

/// What a node raised.
///
/// ```
/// use comfy_client::ExecutionError;
/// use workflow_graph::Json;
///
/// let data = Json::parse(br#"{"node_id": "1", "node_type": "LoadImage", "exception_type": "ValueError",
///     "exception_message": "no such picture\n", "traceback": []}"#)?;
/// let error = ExecutionError::from_json(&data);
/// assert_eq!(error.to_string(), "node 1 (LoadImage) raised ValueError: no such picture");
/// # Ok::<(), workflow_graph::json::ParseError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExecutionError {
    /// The node of the submitted workflow.
    pub node: Option<NodeId>,
    /// Its class.
    pub class_type: String,
    /// The name of the Python class, such as `torch.OutOfMemoryError`.
    pub exception_type: String,
    /// The message, without the white space around it.
    pub message: String,
    /// The lines of Python's traceback.
    pub traceback: Vec<String>,
    /// The node's inputs as far as they can be printed; may be large.
    pub current_inputs: Json,
    /// The nodes that had run before, in no particular order.
    pub executed: Vec<NodeId>,
    /// When, in milliseconds since 1970.
    pub timestamp_ms: Option<u64>,
}

impl ExecutionError {
    /// Reads the data of an `execution_error`. Members that are missing stay empty.
    pub fn from_json(data: &Json) -> Self {
        let text = |name| data.get(name).and_then(Json::as_str).unwrap_or_default();
        let list = |name| data.get(name).and_then(Json::as_array).unwrap_or_default();
        Self {
            node: text("node_id").parse().ok(),
            class_type: text("node_type").to_owned(),
            exception_type: text("exception_type").to_owned(),
            message: text("exception_message").trim().to_owned(),
            traceback: list("traceback")
                .iter()
                .filter_map(|line| Some(line.as_str()?.to_owned()))
                .collect(),
            current_inputs: data.get("current_inputs").cloned().unwrap_or_default(),
            executed: list("executed").iter().filter_map(|id| id.as_str()?.parse().ok()).collect(),
            timestamp_ms: data.get("timestamp").and_then(Json::as_u64),
        }
    }

    /// Whether memory ran out. When it is the GPU's, the server then unloads all models; a smaller
    /// picture or batch may do.
    pub fn is_out_of_memory(&self) -> bool {
        self.cause() == Cause::OutOfMemory
    }

    /// Whether a node only blocked what depends on it. The prompt goes on after this one.
    pub fn is_blocked(&self) -> bool {
        self.exception_type == "ExecutionBlocked"
    }
}

impl std::fmt::Display for ExecutionError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.node {
            Some(node) => write!(f, "node {node} ({})", self.class_type)?,
            None => f.write_str("a node")?,
        }
        let kind =
            if self.exception_type.is_empty() { "an exception" } else { &self.exception_type };
        write!(f, " raised {kind}")?;
        if self.message.is_empty() { Ok(()) } else { write!(f, ": {}", self.message) }
    }
}

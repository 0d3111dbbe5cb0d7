//! Why a server refused a workflow, or parts of it.

use std::fmt;

use workflow_graph::{Json, NodeId};

use crate::excerpt::Excerpt;

/// A refusal of `POST /prompt`, read as far as it can be; the whole of it is kept.
///
/// ```
/// use comfy_client::Rejection;
/// use workflow_graph::Json;
///
/// let raw = Json::parse(br#"{"error": {"type": "prompt_no_outputs", "message": "Prompt has no outputs",
///     "details": "", "extra_info": {}}, "node_errors": {}}"#)?;
/// let rejection = Rejection::from_json(raw);
/// assert_eq!(rejection.to_string(), "Prompt has no outputs (prompt_no_outputs)");
/// # Ok::<(), workflow_graph::json::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Rejection {
    /// The kind of error, such as `prompt_outputs_failed_validation`; empty when not given.
    pub kind: String,
    /// The message.
    pub message: String,
    /// More words; often empty.
    pub details: String,
    /// Whatever else the server knows of it.
    pub extra_info: Json,
    /// The errors of single nodes. Empty for errors that stop the check before the nodes.
    pub nodes: Vec<NodeErrors>,
    /// The reply as it was read.
    pub raw: Json,
}

/// What is wrong with one node.
///
/// ```
/// use comfy_client::{NodeError, NodeErrors};
/// use workflow_graph::Json;
///
/// let node = NodeErrors {
///     node: "4".parse()?,
///     class_type: "CheckpointLoaderSimple".to_owned(),
///     dependent_outputs: vec!["9".parse()?],
///     errors: vec![NodeError {
///         kind: "value_not_in_list".to_owned(),
///         message: "Value not in list".to_owned(),
///         details: "ckpt_name: 'x' not in ['y']".to_owned(),
///         extra_info: Json::Null,
///     }],
/// };
/// assert_eq!(
///     node.to_string(),
///     "node 4 (CheckpointLoaderSimple): Value not in list: ckpt_name: 'x' not in ['y']"
/// );
/// # Ok::<(), workflow_graph::InvalidId>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct NodeErrors {
    /// The node.
    pub node: NodeId,
    /// Its class.
    pub class_type: String,
    /// The output nodes that cannot run because of it.
    pub dependent_outputs: Vec<NodeId>,
    /// The errors, in no particular order: the server's own is random.
    pub errors: Vec<NodeError>,
}

/// One error of one node.
///
/// ```
/// use comfy_client::NodeError;
/// use workflow_graph::Json;
/// let error = NodeError {
///     kind: "required_input_missing".to_owned(),
///     message: "Required input is missing".to_owned(),
///     details: "images".to_owned(),
///     extra_info: Json::object([("input_name", Json::from("images"))]),
/// };
/// assert_eq!(error.to_string(), "Required input is missing: images");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct NodeError {
    /// The kind of error, such as `value_not_in_list`.
    pub kind: String,
    /// The message.
    pub message: String,
    /// More words; often the name of an input.
    pub details: String,
    /// Whatever else the server knows of it, such as `input_name` and `received_value`.
    pub extra_info: Json,
}

impl Rejection {
    /// Reads a reply. Members that are missing or of another kind stay empty.
    pub fn from_json(raw: Json) -> Self {
        let error = raw.get("error");
        let node_errors = raw.get("node_errors");
        // Some front ends of ComfyUI answer with a text where it has an object.
        let message = match error {
            Some(Json::String(text)) => text.to_string(),
            Some(error) => text_of(error, "message"),
            None => text_of(&raw, "message"),
        };
        let member = |name| error.map(|error| text_of(error, name)).unwrap_or_default();
        Self {
            kind: member("type"),
            message,
            details: member("details"),
            extra_info: error
                .and_then(|error| error.get("extra_info"))
                .cloned()
                .unwrap_or_default(),
            nodes: node_errors.map(NodeErrors::read_all).unwrap_or_default(),
            raw,
        }
    }
}

impl NodeErrors {
    /// Reads the `node_errors` of a reply.
    pub(crate) fn read_all(json: &Json) -> Vec<Self> {
        let nodes = json.as_object().into_iter().flatten();
        nodes.filter_map(|(id, value)| Some(Self::read(id.parse().ok()?, value))).collect()
    }

    fn read(node: NodeId, json: &Json) -> Self {
        let list = |name| json.get(name).and_then(Json::as_array).unwrap_or_default();
        Self {
            node,
            class_type: text_of(json, "class_type"),
            dependent_outputs: list("dependent_outputs")
                .iter()
                .filter_map(|id| id.as_str()?.parse().ok())
                .collect(),
            errors: list("errors").iter().map(NodeError::read).collect(),
        }
    }
}

impl NodeError {
    fn read(json: &Json) -> Self {
        Self {
            kind: text_of(json, "type"),
            message: text_of(json, "message"),
            details: text_of(json, "details"),
            extra_info: json.get("extra_info").cloned().unwrap_or_default(),
        }
    }
}

fn text_of(json: &Json, member: &str) -> String {
    json.get(member).and_then(Json::as_str).unwrap_or_default().to_owned()
}

/// How many nodes a message names; the others are counted.
const NODES_SHOWN_MAX: usize = 5;

/// How many errors of one node a message names; the others are counted.
const ERRORS_SHOWN_MAX: usize = 5;

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = if self.message.is_empty() { "no reason given" } else { &self.message };
        write!(f, "{}", Excerpt(message))?;
        if !self.kind.is_empty() {
            write!(f, " ({})", Excerpt(&self.kind))?;
        }
        // With node errors, the details only repeat some of them.
        if self.nodes.is_empty() && !self.details.is_empty() && self.details != self.message {
            write!(f, ": {}", Excerpt(&self.details))?;
        }
        for node in self.nodes.iter().take(NODES_SHOWN_MAX) {
            write!(f, "; {node}")?;
        }
        match self.nodes.len().saturating_sub(NODES_SHOWN_MAX) {
            0 => Ok(()),
            more => write!(f, "; and {more} more nodes"),
        }
    }
}

/// Shows the first few errors, each cut to a readable length; the fields have all of them.
impl fmt::Display for NodeErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {} ({}): ", Excerpt(self.node.as_str()), Excerpt(&self.class_type))?;
        for (index, error) in self.errors.iter().take(ERRORS_SHOWN_MAX).enumerate() {
            let separator = if index > 0 { ", " } else { "" };
            write!(f, "{separator}{error}")?;
        }
        match self.errors.len().saturating_sub(ERRORS_SHOWN_MAX) {
            0 => Ok(()),
            more => write!(f, ", and {more} more"),
        }
    }
}

/// Shows message and details, each cut to a readable length; the fields have all of them.
impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Excerpt(&self.message))?;
        if self.details.is_empty() { Ok(()) } else { write!(f, ": {}", Excerpt(&self.details)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_of_names_and_errors_are_cut_and_counted() {
        let names = vec!["'model.safetensors'"; 3000].join(", ");
        let error = NodeError {
            kind: "value_not_in_list".to_owned(),
            message: "Value not in list".to_owned(),
            details: format!("ckpt_name: 'x' not in [{names}]"),
            extra_info: Json::Null,
        };
        let node = NodeErrors {
            node: "4".parse().unwrap(),
            class_type: "CheckpointLoaderSimple".to_owned(),
            dependent_outputs: Vec::new(),
            errors: vec![error; ERRORS_SHOWN_MAX + 2],
        };
        let shown = node.to_string();
        assert!(shown.len() < 2000 && shown.ends_with("…, and 2 more"), "{shown}");
    }
}

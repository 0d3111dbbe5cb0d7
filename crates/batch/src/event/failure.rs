//! Why a job failed.

use workflow_graph::{Json, json::Object};

use super::{
    UnreadableEvent,
    stored::{optional_text, text},
};

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

    pub(super) fn to_json(&self) -> Json {
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

    pub(super) fn member_of(event: &Json) -> Result<Self, UnreadableEvent> {
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

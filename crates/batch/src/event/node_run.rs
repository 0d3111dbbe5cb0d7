//! What was seen of the nodes of one run.

use workflow_graph::Json;

use super::UnreadableEvent;

/// What one node of a prompt did.
///
/// ```
/// use batch::NodeRun;
/// let run = NodeRun { duration_ms: Some(412), ..NodeRun::cached("3", "KSampler") };
/// assert_eq!((run.node.as_str(), run.started_ms), ("3", None));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRun {
    /// The node of the submitted workflow.
    pub node: String,
    /// Its class.
    pub class_type: String,
    /// When it began, in milliseconds since execution began; `None` when that was not seen.
    pub started_ms: Option<u64>,
    /// How long it ran, in milliseconds; `None` when its beginning or its end was not seen.
    pub duration_ms: Option<u64>,
    /// Whether the server still had its result, so that it did not run.
    pub cached: bool,
}

/// How many nodes an event tells of: those that took longest. A log entry shall stay far below a
/// megabyte, and a graph may have any number of nodes.
pub(crate) const NODES_MAX: usize = 2_000;

const EXPECTED: &str = "a list of [node, class, started, duration, cached]";

impl NodeRun {
    /// A node that did not run because its result was still there.
    pub fn cached(node: impl Into<String>, class_type: impl Into<String>) -> Self {
        Self {
            node: node.into(),
            class_type: class_type.into(),
            started_ms: None,
            duration_ms: None,
            cached: true,
        }
    }

    /// The member of a stored event; none where nothing was seen.
    pub(super) fn member(nodes: &[Self]) -> Option<(&'static str, Json)> {
        let stored = nodes.iter().take(NODES_MAX).map(Self::to_json).collect::<Vec<_>>();
        (!stored.is_empty()).then_some(("nodes", Json::Array(stored)))
    }

    pub(super) fn member_of(event: &Json) -> Result<Vec<Self>, UnreadableEvent> {
        let Some(member) = event.get("nodes") else { return Ok(Vec::new()) };
        member
            .as_array()
            .and_then(|nodes| nodes.iter().map(Self::from_json).collect())
            .ok_or(UnreadableEvent::Member { member: "nodes", expected: EXPECTED })
    }

    /// Without names, because there may be thousands.
    fn to_json(&self) -> Json {
        let number = |number: Option<u64>| number.map_or(Json::Null, Json::from);
        Json::Array(vec![
            Json::from(self.node.as_str()),
            Json::from(self.class_type.as_str()),
            number(self.started_ms),
            number(self.duration_ms),
            Json::from(self.cached),
        ])
    }

    fn from_json(json: &Json) -> Option<Self> {
        let [node, class_type, started, duration, cached, ..] = json.as_array()? else {
            return None;
        };
        Some(Self {
            node: node.as_str()?.to_owned(),
            class_type: class_type.as_str()?.to_owned(),
            started_ms: started.as_u64(),
            duration_ms: duration.as_u64(),
            cached: cached.as_bool()?,
        })
    }
}

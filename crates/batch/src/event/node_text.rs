//! What nodes told in words.

use workflow_graph::Json;

use super::UnreadableEvent;

/// A text that a node put out for people to read.
///
/// ```
/// use batch::NodeText;
/// let text = NodeText::new("3", "text", "a fox".to_owned());
/// assert!(!text.is_cut);
/// assert!(NodeText::new("3", "text", "a fox ".repeat(20_000)).is_cut);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeText {
    /// The node of the submitted workflow.
    pub node: String,
    /// Where it stood among what the node put out, such as `text`.
    pub key: String,
    /// The text.
    pub text: String,
    /// Whether there was more of it.
    pub is_cut: bool,
}

/// How long a text is that is kept, in bytes, and how many are: a log entry shall stay far below
/// a megabyte.
const TEXT_BYTES_MAX: usize = 16 * 1024;
const TEXTS_MAX: usize = 32;

const EXPECTED: &str = "a list of [node, key, text, cut]";

impl NodeText {
    /// A text as it is kept: the end of a long one is cut off.
    pub fn new(node: impl Into<String>, key: impl Into<String>, mut text: String) -> Self {
        let is_cut = text.len() > TEXT_BYTES_MAX;
        if is_cut {
            text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
        }
        Self { node: node.into(), key: key.into(), text, is_cut }
    }

    /// The member of a stored event; none where nothing was told.
    pub(super) fn member(texts: &[Self]) -> Option<(&'static str, Json)> {
        let stored = texts.iter().take(TEXTS_MAX).map(Self::to_json).collect::<Vec<_>>();
        (!stored.is_empty()).then_some(("texts", Json::Array(stored)))
    }

    pub(super) fn member_of(event: &Json) -> Result<Vec<Self>, UnreadableEvent> {
        let Some(member) = event.get("texts") else { return Ok(Vec::new()) };
        member
            .as_array()
            .and_then(|texts| texts.iter().map(Self::from_json).collect())
            .ok_or(UnreadableEvent::Member { member: "texts", expected: EXPECTED })
    }

    fn to_json(&self) -> Json {
        let texts = [&self.node, &self.key, &self.text].map(|text| Json::from(text.as_str()));
        Json::Array(texts.into_iter().chain([Json::from(self.is_cut)]).collect())
    }

    fn from_json(json: &Json) -> Option<Self> {
        let [node, key, text, is_cut, ..] = json.as_array()? else { return None };
        Some(Self {
            node: node.as_str()?.to_owned(),
            key: key.as_str()?.to_owned(),
            text: text.as_str()?.to_owned(),
            is_cut: is_cut.as_bool()?,
        })
    }
}

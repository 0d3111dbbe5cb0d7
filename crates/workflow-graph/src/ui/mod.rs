//! Workflows as the front end saves them: nodes with positions, links with ids, subgraphs.
//!
//! ```
//! use workflow_graph::{Json, ui::UiWorkflow};
//! let text = br#"{"nodes": [{"id": 3, "type": "KSampler", "mode": 4, "pos": [0, 0]}],
//!     "links": [], "version": 0.4, "kept": 1.0}"#;
//! let workflow = UiWorkflow::from_json(Json::parse(text)?)?;
//! let node = workflow.root().nodes().next().ok_or("no node")?;
//! assert_eq!((node.id().as_deref(), node.class()), (Some("3"), "KSampler"));
//! assert_eq!(workflow.as_json(), &Json::parse(text)?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A workflow is kept as the JSON value it was read from, so that nothing of it can get lost;
//! the types here are views of that value. They read every spelling that files have: links as
//! lists and as objects, sizes as objects, ids as texts, slots as numbers in quotes, values as
//! lists and as objects, definitions within definitions, and `null` in the place of anything.
//! What does not read is passed over by the iterators; [`UiGraph::unreadable`] counts it.

mod graph;
mod link;
mod node;
mod scalar;

use std::sync::LazyLock;

use thiserror::Error;

pub(crate) use self::scalar::{Text, id_text};
pub use self::{
    graph::{UiBoundary, UiGraph},
    link::{LinkId, UiLink},
    node::{SavedValues, UiInput, UiMode, UiNode, UiOutput},
};
use crate::json::{Json, Object};

/// A workflow as the front end saves it, kept losslessly.
///
/// ```
/// use workflow_graph::{Json, ui::UiWorkflow};
/// let json = Json::parse(br#"{"version": 1, "nodes": [null], "links": [], "extra": {"x": NaN}}"#)?;
/// let workflow = UiWorkflow::from_json(json.clone())?;
/// assert_eq!(workflow.root().unreadable(), 1);
/// assert_eq!(workflow.into_json().to_string(), json.to_string());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct UiWorkflow {
    json: Json,
}

/// Why a JSON value is not a workflow as the front end saves it.
///
/// ```
/// use workflow_graph::{Json, ui::{UiReadError, UiWorkflow}};
/// let api = Json::parse(br#"{"3": {"class_type": "KSampler", "inputs": {}}}"#)?;
/// assert_eq!(UiWorkflow::from_json(api), Err(UiReadError::ApiFormat));
/// # Ok::<(), workflow_graph::json::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UiReadError {
    /// It is not an object.
    #[error("a saved workflow must be an object with `nodes`, but is {found}")]
    NotAnObject {
        /// The kind of value, in words.
        found: &'static str,
    },
    /// It is a workflow in API format, which needs no conversion.
    #[error("this is a workflow in API format already; it can be used as it is")]
    ApiFormat,
    /// It is an object around a saved workflow.
    #[error("this is not a saved workflow, but has one as `{}`; take that", path.join("."))]
    Wrapped {
        /// The members that lead to it.
        path: Vec<String>,
    },
    /// It has no list of nodes.
    #[error("a saved workflow must have a list `nodes`; this has {}", listed(have))]
    NoNodes {
        /// The first members that are there.
        have: Vec<String>,
    },
}

/// Where other files keep a saved workflow: request bodies, history entries, exports.
const WRAPPERS: [&[&str]; 4] = [
    &["workflow"],
    &["extra_pnginfo", "workflow"],
    &["extra_data", "extra_pnginfo", "workflow"],
    &["prompt", "extra_data", "extra_pnginfo", "workflow"],
];

/// How many members the error lists.
const NAMES_LISTED_MAX: usize = 8;

impl UiWorkflow {
    /// Takes a parsed file. Workflows in API format and objects around a saved workflow are
    /// recognized, so that the error can say what to do.
    pub fn from_json(json: Json) -> Result<Self, UiReadError> {
        let Some(members) = json.as_object() else {
            return Err(UiReadError::NotAnObject { found: json.kind() });
        };
        if is_list(json.get("nodes")) {
            return Ok(Self { json });
        }
        let is_node = |value: &Json| value.get("class_type").is_some();
        if !members.is_empty() && members.values().all(is_node) {
            return Err(UiReadError::ApiFormat);
        }
        let wrapped = |path: &&&[&str]| is_list(json.at(path).and_then(|inner| inner.get("nodes")));
        if let Some(path) = WRAPPERS.iter().find(wrapped) {
            let path = path.iter().map(|name| (*name).to_owned()).collect();
            return Err(UiReadError::Wrapped { path });
        }
        let have = members.keys().take(NAMES_LISTED_MAX).map(ToString::to_string).collect();
        Err(UiReadError::NoNodes { have })
    }

    /// A workflow that was written here, with its list of nodes.
    pub(crate) fn made(json: Json) -> Self {
        Self { json }
    }

    /// The value that was read.
    pub fn as_json(&self) -> &Json {
        &self.json
    }

    /// The value that was read.
    pub fn into_json(self) -> Json {
        self.json
    }

    /// The version of the format that the file states: 0.4 and 1 are known.
    pub fn version(&self) -> Option<f64> {
        self.json.get("version")?.as_f64()
    }

    /// The graph at the top.
    pub fn root(&self) -> UiGraph<'_> {
        UiGraph::new(self.members())
    }

    /// The definitions of all subgraphs, those within definitions included, in the file's order.
    ///
    /// ```
    /// use workflow_graph::{Json, ui::UiWorkflow};
    /// let workflow = UiWorkflow::from_json(Json::parse(
    ///     br#"{"nodes": [], "definitions": {"subgraphs": [{"id": "u", "name": "Upscale", "nodes": []}]}}"#)?)?;
    /// assert_eq!(workflow.subgraphs()[0].name(), Some("Upscale"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn subgraphs(&self) -> Vec<UiGraph<'_>> {
        let mut found = self.root().own_subgraphs();
        let mut at = 0;
        while let Some(inner) = found.get(at).map(|graph| graph.own_subgraphs()) {
            found.extend(inner);
            at += 1;
        }
        found
    }

    /// The group nodes of older files: name and definition. Subgraphs have replaced them.
    pub fn group_nodes(&self) -> impl Iterator<Item = (&str, &Json)> {
        let groups = self.json.at(&["extra", "groupNodes"]).and_then(Json::as_object);
        groups.into_iter().flatten().map(|(name, definition)| (name.as_str(), definition))
    }

    fn members(&self) -> &Object {
        static NONE: LazyLock<Object> = LazyLock::new(Object::new);
        self.json.as_object().unwrap_or(&NONE)
    }
}

fn is_list(json: Option<&Json>) -> bool {
    json.is_some_and(|value| value.as_array().is_some())
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "no members".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests;

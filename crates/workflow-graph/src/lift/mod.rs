//! From a workflow in API format to one that the front end opens, so that what an agent builds a
//! person can see and edit.
//!
//! ```
//! use workflow_graph::{Json, Workflow, catalog::NodeCatalog, convert::convert, lift::lift};
//!
//! let catalog = NodeCatalog::from_bytes(br#"{
//!     "Load": {"input": {"required": {"name": [["a.png", "b.png"]]}}, "output": ["IMAGE"]},
//!     "Save": {"input": {"required": {"image": ["IMAGE"], "seed": ["INT", {"default": 0}]}}, "output": []}}"#)?;
//! let workflow = Workflow::from_json(&Json::parse(br#"{
//!     "4": {"class_type": "Load", "inputs": {"name": "b.png"}},
//!     "9": {"class_type": "Save", "inputs": {"image": ["4", 0], "seed": 18446744073709551615}}}"#)?)?;
//! let lifted = lift(&workflow, &catalog);
//! assert!(lifted.findings.is_empty());
//! let again = convert(&lifted.workflow, &catalog).to_workflow()?;
//! assert_eq!(again.digest(), workflow.digest());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Nodes stand in columns from what gives to what takes, and never on one another. Values are
//! written by position and by name. What a saved workflow cannot hold is a [`LiftFinding`]: the
//! front end sends every widget and nothing else.

mod build;
mod size;

use thiserror::Error;

use crate::{catalog::NodeCatalog, ids::NodeId, json::Json, ui::UiWorkflow, workflow::Workflow};

/// A saved workflow made of one in API format.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Lifted {
    /// The workflow for the front end.
    pub workflow: UiWorkflow,
    /// Nodes whose ids are not numbers, with the numbers they have instead.
    pub renamed: Vec<(NodeId, i64)>,
    /// What the front end would send otherwise, in the order of the nodes.
    pub findings: Vec<LiftFinding>,
}

/// A difference between a workflow in API format and what the front end sends of its lifted form.
///
/// ```
/// use workflow_graph::{Json, lift::LiftFinding};
/// let finding = LiftFinding::Added { node: "3".parse()?, input: "denoise".to_owned(), value: Json::from(1.0) };
/// assert_eq!(finding.to_string(), "node 3 sets no `denoise`; the front end sends 1.0");
/// # Ok::<(), workflow_graph::InvalidId>(())
/// ```
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum LiftFinding {
    /// The server has no such class, so its widgets are not known; values are kept by name.
    #[error("node {node} has class `{class}`, which the server does not have")]
    UnknownClass {
        /// The node.
        node: NodeId,
        /// Its class.
        class: String,
    },
    /// The front end has no widget for a value, so it will not send it.
    #[error("node {node} sets `{input}`, for which the front end has no widget")]
    Dropped {
        /// The node.
        node: NodeId,
        /// The input.
        input: String,
        /// Its value.
        value: Json,
    },
    /// The front end reads `{a|b}` and comments in a prompt, and this one cannot be written so
    /// that it comes out as it is.
    #[error(
        "input `{input}` of node {node} has a backslash before a brace; the front end drops it"
    )]
    Changed {
        /// The node.
        node: NodeId,
        /// The input.
        input: String,
    },
    /// A combo cannot be `null` in the front end: it takes a choice.
    #[error("input `{input}` of node {node} is null; the front end chooses {value}")]
    Chosen {
        /// The node.
        node: NodeId,
        /// The input.
        input: String,
        /// What is sent.
        value: Json,
    },
    /// The server takes a list of a text and a number for a link, whatever they are; the front
    /// end sends it as a value.
    #[error(
        "input `{input}` of node {node} is {value}, which the server takes for a link; the front end sends a value"
    )]
    LooksLikeLink {
        /// The node.
        node: NodeId,
        /// The input.
        input: String,
        /// What is written.
        value: Json,
    },
    /// The workflow leaves out an input that the front end always sends.
    #[error("node {node} sets no `{input}`; the front end sends {value}")]
    Added {
        /// The node.
        node: NodeId,
        /// The input.
        input: String,
        /// What is sent.
        value: Json,
    },
    /// A link ends in an input that the front end does not make: one that the choice of a dynamic
    /// combo does not bring, or a slot of a growing group with an empty one before it.
    #[error(
        "input `{input}` of node {node} is linked, but the front end makes no such input there"
    )]
    LinkLost {
        /// The node.
        node: NodeId,
        /// The input.
        input: String,
    },
    /// A link comes from a node that is not there.
    #[error("input `{input}` of node {node} is linked from node {from}, which does not exist")]
    DanglingLink {
        /// The node.
        node: NodeId,
        /// The input.
        input: String,
        /// Where the link says it comes from.
        from: NodeId,
    },
}

/// Lays a workflow in API format out for the front end of a server with these classes.
pub fn lift(workflow: &Workflow, catalog: &NodeCatalog) -> Lifted {
    build::build(workflow, catalog)
}

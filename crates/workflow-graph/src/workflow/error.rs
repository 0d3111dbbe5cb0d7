//! Why something is not a workflow, and why an edit was refused.

use std::fmt;

use thiserror::Error;

use crate::ids::{ClassType, NodeId};

/// Why a JSON value is not a workflow in API format.
///
/// ```
/// use workflow_graph::{Json, ReadError, Workflow};
/// let ui = Json::parse(br#"{"nodes": [], "links": []}"#)?;
/// assert_eq!(Workflow::from_json(&ui), Err(ReadError::UiFormat));
/// # Ok::<(), workflow_graph::json::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// It is a workflow as the front end saves it.
    #[error(
        "this is a workflow in UI format (it has `nodes` and `links`); export it in API format \
         (front end: Workflow > Export (API))"
    )]
    UiFormat,
    /// It is the body of a `POST /prompt`, not the prompt in it.
    #[error("this is a request body with a `prompt` member; give the value of `prompt` alone")]
    RequestBody,
    /// It is not an object of nodes at all.
    #[error("a workflow in API format is an object of nodes by id, but this is {found}")]
    NotAnObject {
        /// The kind of JSON value found.
        found: &'static str,
    },
    /// It has no node.
    #[error("the workflow has no nodes")]
    Empty,
    /// A node cannot be read.
    #[error("node {id:?} {problem}")]
    Node {
        /// The key of the node.
        id: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// Why an edit was refused. Each says what would have worked.
///
/// ```
/// use workflow_graph::{Json, Workflow};
/// let json = Json::parse(br#"{"1": {"class_type": "A", "inputs": {"x": 1}}}"#)?;
/// let mut workflow = Workflow::from_json(&json)?;
/// let error = workflow.set(&"2".parse()?, "x", Json::from(1_u64)).unwrap_err();
/// assert_eq!(error.to_string(), "there is no node 2; the workflow has 1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EditError {
    /// The workflow has no such node.
    #[error("there is no node {node}; the workflow has {}", join(have))]
    NoSuchNode {
        /// The node asked for.
        node: NodeId,
        /// The nodes there are.
        have: Vec<NodeId>,
    },
    /// The node has no such input.
    #[error("node {node} ({class_type}) has no input `{input}`; it has {}", join(have))]
    NoSuchInput {
        /// The node.
        node: NodeId,
        /// Its class.
        class_type: ClassType,
        /// The input asked for.
        input: String,
        /// The inputs written on the node.
        have: Vec<String>,
    },
    /// The input is linked: setting a value would silently cut the link.
    #[error("input `{input}` of node {node} is a link from node {from}; unlink it first")]
    WouldCutLink {
        /// The node.
        node: NodeId,
        /// Its input.
        input: String,
        /// Where the link comes from.
        from: NodeId,
    },
    /// The value would be read as a link.
    #[error(
        "the value for input `{input}` of node {node} is a list of a text and a number, which is \
         a link in API format; link the input, or wrap the list as {{\"__value__\": [..]}}"
    )]
    LooksLikeLink {
        /// The node.
        node: NodeId,
        /// Its input.
        input: String,
    },
    /// The input is not linked.
    #[error("input `{input}` of node {node} is not a link; {hint}")]
    NotLinked {
        /// The node.
        node: NodeId,
        /// Its input.
        input: String,
        /// What would work.
        hint: String,
    },
    /// The input to be added is written already.
    #[error("node {node} has an input `{input}` already; set or link it instead")]
    InputExists {
        /// The node.
        node: NodeId,
        /// Its input.
        input: String,
    },
    /// The id is taken.
    #[error("there is a node {node} already; {free} is free")]
    NodeExists {
        /// The id asked for.
        node: NodeId,
        /// An id that no node has and no link leads to.
        free: NodeId,
    },
    /// No node has the id, but links lead to it: a node of that id would be linked by them.
    #[error("links of {} lead to {node}, which no node has; {free} is free", join(consumers))]
    LinksWaiting {
        /// The id asked for.
        node: NodeId,
        /// The nodes with those links.
        consumers: Vec<NodeId>,
        /// An id that no node has and no link leads to.
        free: NodeId,
    },
    /// The node to put a new node after is not there.
    #[error("there is no node {node} to stand after")]
    NoSuchPlace {
        /// The node asked for.
        node: NodeId,
    },
    /// Nothing is linked from the output that a node is to be spliced behind.
    #[error(
        "nothing is linked from output {slot} of node {from}; linked outputs of it are {}",
        join(linked)
    )]
    NothingLinked {
        /// The node.
        from: NodeId,
        /// The output asked for.
        slot: u32,
        /// The outputs that something is linked from.
        linked: Vec<u32>,
    },
    /// An input that a splice is to reroute is not linked from the output it names.
    #[error(
        "input `{input}` of node {node} is not linked from output {slot} of node {from}; linked \
         from it are {}",
        join(consumers)
    )]
    NotAConsumer {
        /// The node.
        node: NodeId,
        /// Its input.
        input: String,
        /// Where a link was expected from.
        from: NodeId,
        /// The output.
        slot: u32,
        /// The inputs that are linked from it, as `node.input`.
        consumers: Vec<String>,
    },
    /// `class_type` and `inputs` have operations of their own.
    #[error("member `{member}` of a node cannot be written as a whole; edit its class or inputs")]
    ReservedMember {
        /// The member asked for.
        member: String,
    },
    /// The node has no such member.
    #[error("node {node} has no member `{member}`; it has {}", join(have))]
    NoSuchMember {
        /// The node.
        node: NodeId,
        /// The member asked for.
        member: String,
        /// The members beside `class_type` and `inputs`.
        have: Vec<String>,
    },
    /// A class cannot be replaced because two inputs would get one name.
    #[error("node {node} cannot have two inputs `{input}`; rename the other one too")]
    InputsCollide {
        /// The node.
        node: NodeId,
        /// The name both would have.
        input: String,
    },
}

/// How many names an error lists; a workflow may have thousands of nodes.
const NAMES_LISTED_MAX: usize = 20;

fn join(names: &[impl fmt::Display]) -> String {
    let mut listed: Vec<String> =
        names.iter().take(NAMES_LISTED_MAX).map(ToString::to_string).collect();
    match names.len().saturating_sub(NAMES_LISTED_MAX) {
        0 if listed.is_empty() => "none".to_owned(),
        0 => listed.join(", "),
        more => {
            listed.push(format!("and {more} more"));
            listed.join(", ")
        }
    }
}

//! What can be wrong with a graph without knowing any node class: links that lead nowhere and
//! links that lead in a circle.
//!
//! ```
//! use workflow_graph::{Json, Workflow, check};
//! let json = Json::parse(br#"{"1": {"class_type": "A", "inputs": {"x": ["1", 0]}}}"#)?;
//! let workflow = Workflow::from_json(&json)?;
//! assert_eq!(check::cycle(&workflow).unwrap().to_string(), "nodes 1 -> 1 form a cycle");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::{HashMap, HashSet};

use thiserror::Error;

use crate::{
    ids::NodeId,
    workflow::{Input, Workflow},
};

/// A link to a node that is not in the workflow.
///
/// ```
/// use workflow_graph::{Json, Workflow, check};
/// let json = Json::parse(br#"{"1": {"class_type": "A", "inputs": {"x": ["7", 0]}}}"#)?;
/// let found = check::dangling_links(&Workflow::from_json(&json)?);
/// assert_eq!(found[0].to_string(), "input `x` of node 1 is linked from node 7, which does not exist");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("input `{input}` of node {node} is linked from node {from}, which does not exist")]
pub struct DanglingLink {
    /// The node with the input.
    pub node: NodeId,
    /// The input.
    pub input: String,
    /// The node that is not there.
    pub from: NodeId,
}

/// Nodes that wait for one another in a circle, along the data's way; the first is not
/// repeated at the end.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("nodes {} form a cycle", arrows(nodes))]
pub struct Cycle {
    /// The nodes of the circle.
    pub nodes: Vec<NodeId>,
}

/// Every link to a node that is not there, in the order of the workflow.
pub fn dangling_links(workflow: &Workflow) -> Vec<DanglingLink> {
    let links = workflow.nodes().flat_map(|(id, node)| {
        node.inputs().filter_map(move |(name, input)| match input {
            Input::Link { from, .. } => Some((id, name, from)),
            Input::Literal(_) => None,
        })
    });
    links
        .filter(|(_, _, from)| workflow.node(from).is_none())
        .map(|(node, input, from)| DanglingLink {
            node: node.clone(),
            input: input.to_owned(),
            from: from.clone(),
        })
        .collect()
}

/// The first circle of links, when there is one.
pub fn cycle(workflow: &Workflow) -> Option<Cycle> {
    let mut done = HashSet::new();
    workflow.nodes().find_map(|(start, _)| cycle_upstream_of(workflow, start, &mut done))
}

/// Walks upstream with a stack of its own: a chain of 100,000 nodes must not end the thread.
fn cycle_upstream_of<'a>(
    workflow: &'a Workflow,
    start: &'a NodeId,
    done: &mut HashSet<&'a NodeId>,
) -> Option<Cycle> {
    let mut path: Vec<(&NodeId, Vec<&NodeId>)> = Vec::new();
    let mut place: HashMap<&NodeId, usize> = HashMap::new();
    let mut next = Some(start);
    loop {
        if let Some(id) = next.take() {
            if let Some(first) = place.get(id) {
                let circle = path.iter().skip(*first).map(|(id, _)| (*id).clone());
                return Some(Cycle { nodes: circle.rev().collect() });
            }
            if !done.contains(id) {
                place.insert(id, path.len());
                path.push((id, sources(workflow, id)));
            }
        }
        let (id, waiting) = path.last_mut()?;
        if let Some(source) = waiting.pop() {
            next = Some(source);
        } else {
            done.insert(id);
            place.remove(*id);
            path.pop();
        }
    }
}

fn sources<'a>(workflow: &'a Workflow, id: &NodeId) -> Vec<&'a NodeId> {
    let Some(node) = workflow.node(id) else { return Vec::new() };
    node.inputs()
        .filter_map(|(_, input)| match input {
            Input::Link { from, .. } => Some(from),
            Input::Literal(_) => None,
        })
        .collect()
}

fn arrows(nodes: &[NodeId]) -> String {
    let names: Vec<&str> = nodes.iter().chain(nodes.first()).map(NodeId::as_str).collect();
    names.join(" -> ")
}

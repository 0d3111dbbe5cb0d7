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

use crate::{ids::NodeId, workflow::Workflow};

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

/// Every link to a node that is not there, in the order of the workflow. Links are all that a
/// server follows: those with a number that no output has, such as -1, are among them.
pub fn dangling_links(workflow: &Workflow) -> Vec<DanglingLink> {
    let links = workflow.nodes().flat_map(|(node, written)| {
        written.inputs().filter_map(move |(input, value)| {
            // An empty text names no node that there could be.
            let from: NodeId = value.source()?.parse().ok()?;
            Some(DanglingLink { node: node.clone(), input: input.to_owned(), from })
        })
    });
    links.filter(|link| workflow.node(&link.from).is_none()).collect()
}

/// The first circle of links, when there is one; links are meant as in [`dangling_links`].
pub fn cycle(workflow: &Workflow) -> Option<Cycle> {
    let upstream: Upstream<'_> = workflow
        .nodes()
        .map(|(id, node)| {
            (id.as_str(), (id, node.inputs().filter_map(|(_, input)| input.source()).collect()))
        })
        .collect();
    let mut done = HashSet::new();
    workflow.nodes().find_map(|(start, _)| cycle_upstream_of(&upstream, start.as_str(), &mut done))
}

/// Every node and the ids that it is linked from.
type Upstream<'a> = HashMap<&'a str, (&'a NodeId, Vec<&'a str>)>;

/// Walks upstream with a stack of its own: a chain of 100,000 nodes must not end the thread.
fn cycle_upstream_of<'a>(
    upstream: &Upstream<'a>,
    start: &'a str,
    done: &mut HashSet<&'a str>,
) -> Option<Cycle> {
    let mut path: Vec<(&str, &NodeId, Vec<&str>)> = Vec::new();
    let mut place: HashMap<&str, usize> = HashMap::new();
    let mut next = Some(start);
    loop {
        if let Some(name) = next.take() {
            if let Some(first) = place.get(name) {
                let circle = path.iter().skip(*first).map(|(_, id, _)| (*id).clone());
                return Some(Cycle { nodes: circle.rev().collect() });
            }
            if let Some((id, sources)) = upstream.get(name)
                && !done.contains(name)
            {
                place.insert(name, path.len());
                path.push((name, id, sources.clone()));
            }
        }
        let (name, _, waiting) = path.last_mut()?;
        if let Some(source) = waiting.pop() {
            next = Some(source);
        } else {
            done.insert(name);
            place.remove(*name);
            path.pop();
        }
    }
}

fn arrows(nodes: &[NodeId]) -> String {
    let names: Vec<&str> = nodes.iter().chain(nodes.first()).map(NodeId::as_str).collect();
    names.join(" -> ")
}

//! What nodes are by what they hold and how they are linked, without their ids.

use std::{
    collections::{HashMap, VecDeque},
    hash::{DefaultHasher, Hasher as _},
};

use crate::{
    ids::NodeId,
    json::Json,
    workflow::{Input, Node, Workflow},
};

/// The linked inputs of nodes, from both ends.
pub(super) struct Links<'a> {
    /// Of a node its linked inputs, with the node each comes from.
    sources: HashMap<&'a NodeId, Vec<Link<'a>>>,
    /// Of a node the inputs linked from it, with the node each belongs to.
    consumers: HashMap<&'a NodeId, Vec<Link<'a>>>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Link<'a> {
    pub(super) input: &'a str,
    pub(super) slot: u32,
    /// The node at the other end.
    pub(super) node: &'a NodeId,
}

/// Three hashes of a node, each of more than the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Signature {
    /// Of its class, its values and the names of its links.
    pub(super) content: u64,
    /// And of all that it is made from.
    pub(super) upstream: u64,
    /// And of all that is made from it.
    pub(super) whole: u64,
}

impl<'a> Links<'a> {
    pub(super) fn new(workflow: &'a Workflow) -> Self {
        let nodes = workflow.node_map();
        let mut links = Self { sources: HashMap::new(), consumers: HashMap::new() };
        for (id, node) in nodes {
            for (input, link) in node.inputs() {
                // Links to nowhere lead to no node that could be matched.
                let Some((from, slot)) = link.as_link() else { continue };
                let Some((from, _)) = nodes.get_key_value(from) else { continue };
                links.sources.entry(id).or_default().push(Link { input, slot, node: from });
                links.consumers.entry(from).or_default().push(Link { input, slot, node: id });
            }
        }
        links
    }

    pub(super) fn sources(&self, id: &NodeId) -> &[Link<'a>] {
        self.sources.get(id).map_or(&[], Vec::as_slice)
    }

    pub(super) fn consumers(&self, id: &NodeId) -> &[Link<'a>] {
        self.consumers.get(id).map_or(&[], Vec::as_slice)
    }
}

impl Signature {
    /// A hash of the content and of the nodes that it is linked from, by the ids that
    /// `matched` gives them.
    pub(super) fn linked_from<'a>(
        &self,
        sources: &[Link<'a>],
        matched: impl Fn(&'a NodeId) -> Option<&'a NodeId>,
    ) -> u64 {
        let mut linked: Vec<(&str, u32, Option<&NodeId>)> =
            sources.iter().map(|link| (link.input, link.slot, matched(link.node))).collect();
        linked.sort_unstable();
        hash(&(self.content, linked))
    }
}

/// The signatures of all nodes. In a circle of links only the content counts.
pub(super) fn signatures<'a>(
    workflow: &'a Workflow,
    links: &Links<'a>,
) -> HashMap<&'a NodeId, Signature> {
    let content: HashMap<&NodeId, u64> =
        workflow.nodes().map(|(id, node)| (id, content(node))).collect();
    let ordered = sources_first(workflow, links);
    let upstream = fold(&content, ordered.iter().copied(), |id| links.sources(id));
    let downstream = fold(&content, ordered.iter().rev().copied(), |id| links.consumers(id));
    let signature = |id: &'a NodeId| {
        let of = |hashes: &HashMap<&NodeId, u64>| hashes.get(id).copied().unwrap_or_default();
        let whole = hash(&(of(&upstream), of(&downstream)));
        (id, Signature { content: of(&content), upstream: of(&upstream), whole })
    };
    workflow.nodes().map(|(id, _)| signature(id)).collect()
}

/// Adds to the hash of each node those of its neighbors on one side, which come before it.
fn fold<'a, 'l>(
    content: &HashMap<&'a NodeId, u64>,
    ordered: impl Iterator<Item = &'a NodeId>,
    neighbors: impl Fn(&NodeId) -> &'l [Link<'a>],
) -> HashMap<&'a NodeId, u64>
where
    'a: 'l,
{
    let mut hashes = content.clone();
    for id in ordered {
        let mut parts: Vec<(&str, u32, u64)> = neighbors(id)
            .iter()
            .map(|link| (link.input, link.slot, hashes.get(link.node).copied().unwrap_or_default()))
            .collect();
        parts.sort_unstable();
        if let Some(own) = hashes.get_mut(id) {
            *own = hash(&(*own, parts));
        }
    }
    hashes
}

/// Nodes with all they are linked from before them; what hangs on a circle is left out.
fn sources_first<'a>(workflow: &'a Workflow, links: &Links<'a>) -> Vec<&'a NodeId> {
    let mut missing: HashMap<&NodeId, usize> =
        workflow.nodes().map(|(id, _)| (id, links.sources(id).len())).collect();
    let is_ready = |id: &&NodeId| links.sources(id).is_empty();
    let mut ready: VecDeque<&NodeId> =
        workflow.nodes().map(|(id, _)| id).filter(is_ready).collect();
    let mut ordered = Vec::with_capacity(missing.len());
    while let Some(id) = ready.pop_front() {
        ordered.push(id);
        for consumer in links.consumers(id) {
            let Some(left) = missing.get_mut(consumer.node) else { continue };
            *left = left.saturating_sub(1);
            if *left == 0 {
                ready.push_back(consumer.node);
            }
        }
    }
    ordered
}

fn content(node: &Node) -> u64 {
    let mut inputs: Vec<(&str, u64)> = node
        .inputs()
        .map(|(name, input)| match input {
            Input::Literal(value) => (name, hash_json(value)),
            Input::Link { slot, .. } => (name, hash(&("link", slot))),
        })
        .collect();
    inputs.sort_unstable();
    hash(&(node.class_type(), inputs))
}

fn hash_json(value: &Json) -> u64 {
    hash(&value.to_string())
}

fn hash(value: &impl std::hash::Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

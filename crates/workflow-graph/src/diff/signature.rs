//! What nodes are by what they hold and how they are linked, without their ids.

use std::{
    collections::VecDeque,
    fmt::{self, Write as _},
    hash::{DefaultHasher, Hash, Hasher as _},
};

use crate::{
    json::Json,
    workflow::{Input, Node, Workflow},
};

/// The structure of a workflow. Nodes are told by their place in it, because a place is found
/// faster than an id.
pub(super) struct Structure<'a> {
    nodes: Vec<Neighbors<'a>>,
    signatures: Vec<Signature>,
}

/// The links of one node, from both ends.
#[derive(Default)]
struct Neighbors<'a> {
    sources: Vec<Link<'a>>,
    consumers: Vec<Link<'a>>,
}

/// A link, told at one of its ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link<'a> {
    pub(super) input: &'a str,
    pub(super) slot: u32,
    /// The node at the other end.
    pub(super) node: usize,
}

/// Three hashes of a node, each of more than the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Signature {
    /// Of its class, its values and the names of its links.
    pub(super) content: u64,
    /// And of all that it is made from.
    pub(super) upstream: u64,
    /// And of all that is made from it.
    pub(super) whole: u64,
}

impl<'a> Structure<'a> {
    pub(super) fn new(workflow: &'a Workflow) -> Self {
        let map = workflow.node_map();
        let mut nodes: Vec<Neighbors<'a>> = Vec::new();
        nodes.resize_with(map.len(), Neighbors::default);
        for (place, node) in map.values().enumerate() {
            for (input, link) in node.inputs() {
                // Links to nowhere lead to no node that could be matched.
                let Some((from, slot)) = link.as_link() else { continue };
                let Some(from) = map.get_index_of(from) else { continue };
                if let Some(neighbors) = nodes.get_mut(place) {
                    neighbors.sources.push(Link { input, slot, node: from });
                }
                if let Some(neighbors) = nodes.get_mut(from) {
                    neighbors.consumers.push(Link { input, slot, node: place });
                }
            }
        }
        let mut structure = Self { nodes, signatures: Vec::new() };
        structure.sign(map.values().map(content).collect());
        structure
    }

    pub(super) fn sources(&self, place: usize) -> &[Link<'a>] {
        self.nodes.get(place).map_or(&[], |node| &node.sources)
    }

    pub(super) fn consumers(&self, place: usize) -> &[Link<'a>] {
        self.nodes.get(place).map_or(&[], |node| &node.consumers)
    }

    pub(super) fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Hashes of the content of each node and of the nodes it is linked from, by the number
    /// that `matched` gives them.
    pub(super) fn linked_from(&self, matched: impl Fn(usize) -> Option<usize>) -> Vec<u64> {
        let linked = |node: &Neighbors<'a>| {
            let sources = node.sources.iter();
            let mut linked: Vec<_> =
                sources.map(|link| (link.input, link.slot, matched(link.node))).collect();
            linked.sort_unstable();
            linked
        };
        let nodes = self.nodes.iter().zip(&self.signatures);
        nodes.map(|(node, signature)| hash(&(signature.content, linked(node)))).collect()
    }

    /// In a circle of links only the content counts.
    fn sign(&mut self, content: Vec<u64>) {
        let ordered = self.sources_first();
        let upstream = fold(content.clone(), ordered.iter(), |place| self.sources(place));
        let downstream = fold(content.clone(), ordered.iter().rev(), |place| self.consumers(place));
        let hashes = content.into_iter().zip(upstream).zip(downstream);
        let signature = |((content, upstream), downstream)| Signature {
            content,
            upstream,
            whole: hash(&(upstream, downstream)),
        };
        self.signatures = hashes.map(signature).collect();
    }

    /// Nodes with all they are linked from before them; what hangs on a circle is left out.
    fn sources_first(&self) -> Vec<usize> {
        let mut missing: Vec<usize> = self.nodes.iter().map(|node| node.sources.len()).collect();
        let ready = missing.iter().enumerate().filter(|(_, missing)| **missing == 0);
        let mut ready: VecDeque<usize> = ready.map(|(place, _)| place).collect();
        let mut ordered = Vec::with_capacity(missing.len());
        while let Some(place) = ready.pop_front() {
            ordered.push(place);
            for consumer in self.consumers(place) {
                let Some(left) = missing.get_mut(consumer.node) else { continue };
                *left = left.saturating_sub(1);
                if *left == 0 {
                    ready.push_back(consumer.node);
                }
            }
        }
        ordered
    }
}

/// Adds to the hash of each node those of its neighbors on one side, which come before it.
fn fold<'l, 'a: 'l>(
    mut hashes: Vec<u64>,
    ordered: impl Iterator<Item = &'l usize>,
    neighbors: impl Fn(usize) -> &'l [Link<'a>],
) -> Vec<u64> {
    for place in ordered {
        let of = |link: &Link<'_>| hashes.get(link.node).copied().unwrap_or_default();
        let links = neighbors(*place).iter();
        let mut parts: Vec<_> = links.map(|link| (link.input, link.slot, of(link))).collect();
        parts.sort_unstable();
        if let Some(own) = hashes.get_mut(*place) {
            *own = hash(&(*own, parts));
        }
    }
    hashes
}

fn content(node: &Node) -> u64 {
    let input = |(name, input): (&'_ str, &Input)| {
        let value = match input {
            Input::Literal(value) => hash_json(value),
            Input::Link { slot, .. } => hash(slot),
        };
        hash(&(name, input.as_link().is_some(), value))
    };
    let mut inputs: Vec<u64> = node.inputs().map(input).collect();
    inputs.sort_unstable();
    hash(&(node.class_type(), inputs))
}

/// A hash of a value as it is written.
fn hash_json(value: &Json) -> u64 {
    struct Sink(DefaultHasher);
    impl fmt::Write for Sink {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.write(text.as_bytes());
            Ok(())
        }
    }
    let mut sink = Sink(DefaultHasher::new());
    // The sink takes everything, so writing into it cannot fail.
    match write!(sink, "{value}") {
        Ok(()) | Err(fmt::Error) => sink.0.finish(),
    }
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

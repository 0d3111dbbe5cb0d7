//! Walking upstream.

use std::{
    cell::Cell,
    collections::{HashMap, HashSet, VecDeque},
};

use crate::{
    ids::NodeId,
    workflow::{Input, Node, Workflow},
};

/// A workflow to walk in.
pub(super) struct Graph<'a> {
    workflow: &'a Workflow,
    /// How much more may be looked at in all walks together.
    looks_left: Cell<usize>,
}

/// How many nodes one walk visits. The largest official workflow has some 200 nodes; a made-up
/// chain of samplers would else be walked anew from each of them.
const WALK_NODES_MAX: usize = 4_096;

/// How many inputs all walks look at together; a second or so of work. There are walks from every
/// prompt and seed, and a graph made by a program may have a million of them.
const LOOKS_MAX: usize = 2_000_000;

/// One end of a link: a node and which of its outputs.
pub(super) type Output<'a> = (&'a NodeId, u32);

impl<'a> Graph<'a> {
    pub(super) fn new(workflow: &'a Workflow) -> Self {
        Self { workflow, looks_left: Cell::new(LOOKS_MAX) }
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = (&'a NodeId, &'a Node)> + use<'a> {
        self.workflow.nodes()
    }

    /// A node with its id as the workflow holds it.
    pub(super) fn node(&self, id: &NodeId) -> Option<(&'a NodeId, &'a Node)> {
        self.workflow.node_map().get_key_value(id)
    }

    /// Visits nodes upstream of some outputs, the nearest first and each once, and follows the
    /// links of each that `follow` names.
    pub(super) fn upstream<'n>(
        &self,
        from: impl IntoIterator<Item = Output<'a>>,
        mut follow: impl FnMut(&'a NodeId, &'a Node, u32) -> Vec<&'n str>,
    ) {
        let mut waiting: VecDeque<Output<'a>> = from.into_iter().collect();
        let mut seen = HashSet::new();
        while let Some((id, slot)) = waiting.pop_front() {
            if seen.len() >= WALK_NODES_MAX {
                return;
            }
            let Some((id, node)) = self.node(id) else { continue };
            // A node with several outputs may mean another thing by each.
            if !seen.insert((id, slot)) {
                continue;
            }
            let looks = 1 + node.inputs().len();
            let Some(left) = self.looks_left.get().checked_sub(looks) else { return };
            self.looks_left.set(left);
            for name in follow(id, node, slot) {
                waiting.extend(node.input(name).and_then(Input::as_link));
            }
        }
    }

    /// All nodes with what they are linked from before them, as far as circles allow.
    pub(super) fn sources_first(&self) -> Vec<(&'a NodeId, &'a Node)> {
        let mut missing: HashMap<&NodeId, usize> = HashMap::new();
        let mut consumers: HashMap<&NodeId, Vec<&'a NodeId>> = HashMap::new();
        for (id, node) in self.nodes() {
            let sources: HashSet<&NodeId> = links(node).map(|(_, (from, _))| from).collect();
            let present = sources.into_iter().filter_map(|from| self.node(from));
            for (from, _) in present {
                *missing.entry(id).or_default() += 1;
                consumers.entry(from).or_default().push(id);
            }
        }
        let mut ready: VecDeque<&'a NodeId> =
            self.nodes().map(|(id, _)| id).filter(|id| !missing.contains_key(id)).collect();
        let mut ordered = Vec::new();
        let mut done = HashSet::new();
        while let Some(id) = ready.pop_front() {
            ordered.extend(self.node(id));
            done.insert(id);
            for consumer in consumers.remove(id).unwrap_or_default() {
                let left = missing.entry(consumer).or_default();
                *left = left.saturating_sub(1);
                if *left == 0 {
                    ready.push_back(consumer);
                }
            }
        }
        ordered.extend(self.nodes().filter(|(id, _)| !done.contains(id)));
        ordered
    }
}

/// The linked inputs of a node.
pub(super) fn links(node: &Node) -> impl Iterator<Item = (&str, Output<'_>)> {
    node.inputs().filter_map(|(name, input)| Some((name, input.as_link()?)))
}

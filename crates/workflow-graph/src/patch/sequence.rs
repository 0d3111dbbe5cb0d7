//! Nodes in order, where taking one out and putting one in cost the same for any number.

use std::collections::HashMap;

use indexmap::IndexMap;

use super::Place;
use crate::{ids::NodeId, workflow::Node};

/// A list linked by node id. An ordered map would move all later nodes for every one taken out,
/// which makes a patch that takes thousands out quadratic.
#[derive(Debug)]
pub(super) struct Sequence {
    entries: HashMap<NodeId, Entry>,
    first: Option<NodeId>,
    last: Option<NodeId>,
}

#[derive(Debug)]
struct Entry {
    node: Node,
    previous: Option<NodeId>,
    next: Option<NodeId>,
}

impl Sequence {
    pub(super) fn new(nodes: &IndexMap<NodeId, Node>) -> Self {
        let mut sequence =
            Self { entries: HashMap::with_capacity(nodes.len()), first: None, last: None };
        for (id, node) in nodes {
            sequence.put(id.clone(), node.clone(), &Place::Last);
        }
        sequence
    }

    pub(super) fn get(&self, id: &NodeId) -> Option<&Node> {
        self.entries.get(id).map(|entry| &entry.node)
    }

    pub(super) fn get_mut(&mut self, id: &NodeId) -> Option<&mut Node> {
        self.entries.get_mut(id).map(|entry| &mut entry.node)
    }

    pub(super) fn contains(&self, id: &NodeId) -> bool {
        self.entries.contains_key(id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&NodeId, &Node)> {
        let mut next = self.first.as_ref();
        std::iter::from_fn(move || {
            let (id, entry) = self.entries.get_key_value(next?)?;
            next = entry.next.as_ref();
            Some((id, &entry.node))
        })
    }

    /// Puts a node that is not there yet. A place after a node that is not there is the last.
    pub(super) fn put(&mut self, id: NodeId, node: Node, place: &Place) {
        let previous = match place {
            Place::First => None,
            Place::After(node) if self.contains(node) => Some(node.clone()),
            Place::After(_) | Place::Last => self.last.clone(),
        };
        let next = match &previous {
            None => self.first.replace(id.clone()),
            Some(previous) => {
                let entry = self.entries.get_mut(previous);
                entry.and_then(|entry| entry.next.replace(id.clone()))
            }
        };
        match next.as_ref().and_then(|next| self.entries.get_mut(next)) {
            None => self.last = Some(id.clone()),
            Some(entry) => entry.previous = Some(id.clone()),
        }
        self.entries.insert(id, Entry { node, previous, next });
    }

    /// Takes a node out and says where it stood.
    pub(super) fn take(&mut self, id: &NodeId) -> Option<(Node, Place)> {
        let Entry { node, previous, next } = self.entries.remove(id)?;
        match previous.as_ref().and_then(|previous| self.entries.get_mut(previous)) {
            None => self.first.clone_from(&next),
            Some(entry) => entry.next.clone_from(&next),
        }
        match next.as_ref().and_then(|next| self.entries.get_mut(next)) {
            None => self.last.clone_from(&previous),
            Some(entry) => entry.previous.clone_from(&previous),
        }
        Some((node, previous.map_or(Place::First, Place::After)))
    }

    pub(super) fn into_nodes(mut self) -> IndexMap<NodeId, Node> {
        let mut nodes = IndexMap::with_capacity(self.entries.len());
        let mut next = self.first.take();
        while let Some(id) = next {
            let Some(entry) = self.entries.remove(&id) else { break };
            next = entry.next;
            nodes.insert(id, entry.node);
        }
        nodes
    }
}

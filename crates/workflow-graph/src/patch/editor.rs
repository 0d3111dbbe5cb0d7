//! The state of a workflow while a patch is applied: every step notes how it is taken back.

use std::collections::HashMap;

use indexmap::IndexSet;

use super::{Exact, FreeIds, Operation, Patch, Place, sequence::Sequence};
use crate::{
    ids::{ClassType, NodeId},
    json::Json,
    workflow::{EditError, Input, Node, Workflow},
};

/// One input of one node.
pub(super) type Socket = (NodeId, String);

/// Who is linked from a node, by its id; also of ids that no node has.
type Consumers = HashMap<NodeId, IndexSet<Socket>>;

pub(super) struct Editor {
    nodes: Sequence,
    /// What takes the steps back, in the order they were made.
    undo: Vec<Exact>,
    /// Counted when the first operation asks for it: most patches never do.
    consumers: Option<Consumers>,
}

impl Editor {
    pub(super) fn new(workflow: &Workflow) -> Self {
        Self { nodes: Sequence::new(workflow.node_map()), undo: Vec::new(), consumers: None }
    }

    pub(super) fn finish(self) -> (Workflow, Patch) {
        let inverse = Patch::new(self.undo.into_iter().rev().map(Operation::Exact));
        (Workflow::from_nodes(self.nodes.into_nodes()), inverse)
    }

    pub(super) fn contains(&self, id: &NodeId) -> bool {
        self.nodes.contains(id)
    }

    pub(super) fn node(&self, id: &NodeId) -> Result<&Node, EditError> {
        self.nodes.get(id).ok_or_else(|| self.no_such_node(id))
    }

    pub(super) fn input(&self, id: &NodeId, name: &str) -> Result<&Input, EditError> {
        let node = self.node(id)?;
        node.input(name).ok_or_else(|| EditError::NoSuchInput {
            node: id.clone(),
            class_type: node.class_type().clone(),
            input: name.to_owned(),
            have: node.inputs().map(|(name, _)| name.to_owned()).collect(),
        })
    }

    /// The inputs linked from a node, or from where a node of that id would be.
    pub(super) fn consumers(&mut self, id: &NodeId) -> Vec<Socket> {
        let nodes = &self.nodes;
        let consumers = self.consumers.get_or_insert_with(|| {
            let mut consumers = Consumers::new();
            for (id, node) in nodes.iter() {
                add_links(&mut consumers, id, node);
            }
            consumers
        });
        consumers.get(id).map(|found| found.iter().cloned().collect()).unwrap_or_default()
    }

    pub(super) fn free_id(&self) -> NodeId {
        let ids = self.nodes.iter().flat_map(|(id, node)| {
            let links = node.inputs().filter_map(|(_, input)| Some(input.as_link()?.0));
            std::iter::once(id).chain(links)
        });
        FreeIds::above(ids).next()
    }

    pub(super) fn put_input(
        &mut self,
        id: &NodeId,
        name: &str,
        input: Input,
        at: Option<usize>,
    ) -> Result<(), EditError> {
        let Some(node) = self.nodes.get_mut(id) else { return Err(self.no_such_node(id)) };
        let link = input.as_link().map(|(from, _)| from.clone());
        let (node_id, name) = (id.clone(), name.to_owned());
        let replaced = node.put_input(&name, input, at);
        if let Some(consumers) = &mut self.consumers {
            forget_link(consumers, id, &name, replaced.as_ref());
            if let Some(from) = link {
                consumers.entry(from).or_default().insert((id.clone(), name.clone()));
            }
        }
        self.undo.push(match replaced {
            Some(value) => Exact::WriteInput { node: node_id, input: name, value, at: None },
            None => Exact::EraseInput { node: node_id, input: name },
        });
        Ok(())
    }

    /// Takes an input away and says where it stood.
    pub(super) fn take_input(
        &mut self,
        id: &NodeId,
        name: &str,
    ) -> Result<(usize, Input), EditError> {
        self.input(id, name)?;
        let taken = self.nodes.get_mut(id).and_then(|node| node.take_input(name));
        let Some((at, value)) = taken else { return Err(self.no_such_node(id)) };
        if let Some(consumers) = &mut self.consumers {
            forget_link(consumers, id, name, Some(&value));
        }
        self.undo.push(Exact::WriteInput {
            node: id.clone(),
            input: name.to_owned(),
            value: value.clone(),
            at: Some(at),
        });
        Ok((at, value))
    }

    pub(super) fn put_class(
        &mut self,
        id: &NodeId,
        class_type: ClassType,
    ) -> Result<(), EditError> {
        let Some(node) = self.nodes.get_mut(id) else { return Err(self.no_such_node(id)) };
        let class_type = node.put_class(class_type);
        self.undo.push(Exact::WriteClass { node: id.clone(), class_type });
        Ok(())
    }

    pub(super) fn put_member(
        &mut self,
        id: &NodeId,
        member: &str,
        value: Json,
        at: Option<usize>,
    ) -> Result<(), EditError> {
        refuse_reserved(member)?;
        let Some(node) = self.nodes.get_mut(id) else { return Err(self.no_such_node(id)) };
        let replaced = node.put_member(member, value, at);
        let (node, member) = (id.clone(), member.to_owned());
        self.undo.push(match replaced {
            Some(value) => Exact::WriteMember { node, member, value, at: None },
            None => Exact::EraseMember { node, member },
        });
        Ok(())
    }

    pub(super) fn take_member(&mut self, id: &NodeId, member: &str) -> Result<(), EditError> {
        refuse_reserved(member)?;
        let Some(node) = self.nodes.get_mut(id) else { return Err(self.no_such_node(id)) };
        let Some((at, value)) = node.take_member(member) else {
            return Err(EditError::NoSuchMember {
                node: id.clone(),
                member: member.to_owned(),
                have: node.other_members().map(|(name, _)| name.to_owned()).collect(),
            });
        };
        let (node, member) = (id.clone(), member.to_owned());
        self.undo.push(Exact::WriteMember { node, member, value, at: Some(at) });
        Ok(())
    }

    pub(super) fn put_node(
        &mut self,
        id: &NodeId,
        node: Node,
        place: &Place,
    ) -> Result<(), EditError> {
        if self.contains(id) {
            return Err(EditError::NodeExists { node: id.clone(), free: self.free_id() });
        }
        if let Place::After(other) = place
            && !self.contains(other)
        {
            return Err(EditError::NoSuchPlace { node: other.clone() });
        }
        if let Some(consumers) = &mut self.consumers {
            add_links(consumers, id, &node);
        }
        self.nodes.put(id.clone(), node, place);
        self.undo.push(Exact::EraseNode { node: id.clone() });
        Ok(())
    }

    /// Takes a node away and says where it stood; the links from it stay.
    pub(super) fn take_node(&mut self, id: &NodeId) -> Result<(Node, Place), EditError> {
        let Some((node, place)) = self.nodes.take(id) else { return Err(self.no_such_node(id)) };
        if let Some(consumers) = &mut self.consumers {
            for (name, input) in node.inputs() {
                forget_link(consumers, id, name, Some(input));
            }
        }
        let (written, at) = (node.clone(), place.clone());
        self.undo.push(Exact::WriteNode { id: id.clone(), node: written, place: at });
        Ok((node, place))
    }

    fn no_such_node(&self, id: &NodeId) -> EditError {
        let have = self.nodes.iter().map(|(id, _)| id.clone()).collect();
        EditError::NoSuchNode { node: id.clone(), have }
    }
}

fn refuse_reserved(member: &str) -> Result<(), EditError> {
    if Node::is_own_member(member) {
        return Err(EditError::ReservedMember { member: member.to_owned() });
    }
    Ok(())
}

fn add_links(consumers: &mut Consumers, id: &NodeId, node: &Node) {
    for (name, input) in node.inputs() {
        if let Some((from, _)) = input.as_link() {
            consumers.entry(from.clone()).or_default().insert((id.clone(), name.to_owned()));
        }
    }
}

fn forget_link(consumers: &mut Consumers, id: &NodeId, name: &str, input: Option<&Input>) {
    if let Some((from, _)) = input.and_then(Input::as_link)
        && let Some(found) = consumers.get_mut(from)
    {
        found.swap_remove(&(id.clone(), name.to_owned()));
    }
}

//! A difference as the patch that makes one workflow of the other.

use std::collections::{HashMap, HashSet, VecDeque};

use super::{Diff, InputDiff, Pair};
use crate::{
    ids::NodeId,
    json::Json,
    patch::{Exact, FreeIds, Operation, Patch, Place},
    workflow::{Input, Node, Workflow},
};

impl Diff<'_> {
    /// The patch that makes the later workflow of the earlier one. The result is equal to it;
    /// where nodes and members that both have stand in another order, they keep the earlier.
    pub fn to_patch(&self) -> Patch {
        let mut writer = Writer { diff: self, operations: Vec::new() };
        writer.clear_the_way();
        writer.remove();
        writer.rename();
        writer.add();
        for pair in self.matching.pairs() {
            writer.modify(pair);
        }
        Patch::new(writer.operations)
    }
}

struct Writer<'d, 'a> {
    diff: &'d Diff<'a>,
    operations: Vec<Operation>,
}

impl<'a> Writer<'_, 'a> {
    fn exact(&mut self, exact: Exact) {
        self.operations.push(Operation::Exact(exact));
    }

    /// Links to nowhere whose nowhere is about to be a node would refuse it, so they leave;
    /// those that are to lead there come back at the end.
    fn clear_the_way(&mut self) {
        let (before, after) = (self.diff.before, self.diff.after);
        let is_new = |id: &NodeId| before.node(id).is_none() && after.node(id).is_some();
        for (node, input) in links_that(before, is_new) {
            self.exact(Exact::EraseInput { node: node.clone(), input: input.to_owned() });
        }
    }

    fn remove(&mut self) {
        let removed = self.diff.removed.iter();
        let removed = removed.map(|id| Operation::RemoveNode { node: (*id).clone() });
        self.operations.extend(removed);
    }

    /// Renames in an order in which every new id is free; one of a circle takes a detour.
    fn rename(&mut self) {
        let other_id = |((old, _), (new, _)): Pair<'a>| (old != new).then_some((old, new));
        let moves: Vec<_> = self.diff.matching.pairs().filter_map(other_id).collect();
        let mut by_target: HashMap<&NodeId, &NodeId> =
            moves.iter().map(|(from, to)| (*to, *from)).collect();
        let occupied: HashSet<&NodeId> = moves.iter().map(|(from, _)| *from).collect();
        let mut free: VecDeque<&NodeId> =
            moves.iter().map(|(_, to)| *to).filter(|to| !occupied.contains(to)).collect();
        let ids = |workflow: &'a Workflow| {
            workflow.nodes().flat_map(|(id, node)| {
                let links = node.inputs().filter_map(|(_, input)| Some(input.as_link()?.0));
                std::iter::once(id).chain(links)
            })
        };
        let mut detours = FreeIds::above(ids(self.diff.before).chain(ids(self.diff.after)));
        self.follow(&mut by_target, &mut free);
        for (from, to) in moves {
            // What is left are circles: the first of each makes room for the one before it.
            if by_target.remove(to).is_none() {
                continue;
            }
            let detour = detours.next();
            self.operations.push(Operation::RenameId { node: from.clone(), to: detour.clone() });
            free.push_back(from);
            self.follow(&mut by_target, &mut free);
            self.operations.push(Operation::RenameId { node: detour, to: to.clone() });
        }
    }

    /// Renames to ids that are free, and on to those that became free by it.
    fn follow(
        &mut self,
        by_target: &mut HashMap<&'a NodeId, &'a NodeId>,
        free: &mut VecDeque<&'a NodeId>,
    ) {
        while let Some(to) = free.pop_front() {
            if let Some(from) = by_target.remove(to) {
                self.operations.push(Operation::RenameId { node: from.clone(), to: to.clone() });
                free.push_back(from);
            }
        }
    }

    fn add(&mut self) {
        let added: HashSet<&NodeId> = self.diff.added.iter().copied().collect();
        let mut previous: Option<&NodeId> = None;
        for (id, node) in self.diff.after.nodes() {
            if added.contains(id) {
                let place = previous.map_or(Place::First, |node| Place::After(node.clone()));
                self.operations.push(self.addition(id, node, place));
            }
            previous = Some(id);
        }
    }

    fn addition(&self, id: &NodeId, node: &Node, place: Place) -> Operation {
        let leads_nowhere = |input: &Input| {
            input.as_link().is_some_and(|(from, _)| self.diff.after.node(from).is_none())
        };
        let (id, written) = (id.clone(), node.clone());
        if node.inputs().any(|(_, input)| leads_nowhere(input)) {
            return Operation::Exact(Exact::WriteNode { id, node: written, place });
        }
        Operation::AddNode { id, node: written, place }
    }

    fn modify(&mut self, ((_, old), (id, new)): Pair<'a>) {
        let class = new.class_type();
        if old.class_type() != class {
            let (node, class_type) = (id.clone(), class.clone());
            self.operations.push(Operation::ReplaceClass { node, class_type, rename: Vec::new() });
        }
        for (name, input) in old.inputs().filter(|(name, _)| new.input(name).is_none()) {
            if let Some(kept) = self.still_there(input) {
                let (node, input) = (id.clone(), name.to_owned());
                self.operations.push(match kept {
                    Input::Link { .. } => Operation::Unlink { node, input },
                    Input::Literal(_) => Operation::Unset { node, input },
                });
            }
        }
        for (at, (name, input)) in new.inputs().enumerate() {
            let there = old.input(name).and_then(|input| self.still_there(input));
            if there.as_ref() != Some(input) {
                let operation = self.write(
                    id,
                    at,
                    InputDiff { name, before: there.as_ref(), after: Some(input) },
                );
                self.operations.extend(operation);
            }
        }
        self.modify_members(id, old, new);
    }

    /// What is left of an input of the earlier workflow when nodes were removed and renamed.
    fn still_there(&self, input: &Input) -> Option<Input> {
        let Input::Link { from, slot } = input else { return Some(input.clone()) };
        let slot = *slot;
        match self.diff.matching.after(from) {
            Some(moved) => Some(Input::Link { from: moved.clone(), slot }),
            None if self.diff.before.node(from).is_some() => None,
            None if self.diff.after.node(from).is_some() => None,
            None => Some(input.clone()),
        }
    }

    fn write(&self, id: &NodeId, at: usize, input: InputDiff<'_>) -> Option<Operation> {
        let InputDiff { name, before, after } = input;
        let (node, input) = (id.clone(), name.to_owned());
        let value = after?.clone();
        Some(match (before, value) {
            (Some(_), Input::Link { from, slot }) if self.diff.after.node(&from).is_some() => {
                Operation::Link { node, input, from, slot }
            }
            (Some(Input::Literal(_)), Input::Literal(value)) if is_plain(&value) => {
                Operation::Set { node, input, value }
            }
            (_, value) => {
                let at = before.is_none().then_some(at);
                Operation::Exact(Exact::WriteInput { node, input, value, at })
            }
        })
    }

    fn modify_members(&mut self, id: &NodeId, old: &Node, new: &Node) {
        for (name, _) in old.other_members().filter(|(name, _)| new.other_member(name).is_none()) {
            self.exact(Exact::EraseMember { node: id.clone(), member: name.to_owned() });
        }
        for (name, value) in new.other_members() {
            if old.other_member(name) != Some(value) {
                let (node, member) = (id.clone(), name.to_owned());
                self.exact(Exact::WriteMember { node, member, value: value.clone(), at: None });
            }
        }
    }
}

/// Whether a value would not be read as a link.
fn is_plain(value: &Json) -> bool {
    !Input::is_link(value)
}

fn links_that(workflow: &Workflow, wanted: impl Fn(&NodeId) -> bool) -> Vec<(&NodeId, &str)> {
    let mut found = Vec::new();
    for (id, node) in workflow.nodes() {
        let links = node
            .inputs()
            .filter(|(_, input)| input.as_link().is_some_and(|(from, _)| wanted(from)));
        found.extend(links.map(|(name, _)| (id, name)));
    }
    found
}

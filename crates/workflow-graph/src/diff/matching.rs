//! Which node of one workflow is which of another.

use std::collections::{HashMap, VecDeque};

use super::{
    Pair,
    signature::{Link, Links, Signature, signatures},
};
use crate::{
    ids::NodeId,
    workflow::{Input, Node, Workflow},
};

/// Pairs of nodes, each node in one pair at most.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Matching<'a> {
    before: &'a Workflow,
    after: &'a Workflow,
    forward: HashMap<&'a NodeId, &'a NodeId>,
    backward: HashMap<&'a NodeId, &'a NodeId>,
}

impl<'a> Matching<'a> {
    /// The matching that leaves less to say; ids win a tie.
    pub(crate) fn best(before: &'a Workflow, after: &'a Workflow) -> Self {
        let mut by_id = Self::empty(before, after);
        by_id.match_same_ids(|old, new| old.class_type() == new.class_type());
        if by_id.cost() == 0 {
            return by_id;
        }
        let matcher = Matcher::new(before, after);
        matcher.match_structure(&mut by_id);
        let mut by_structure = Self::empty(before, after);
        matcher.match_structure(&mut by_structure);
        if by_structure.cost() < by_id.cost() { by_structure } else { by_id }
    }

    fn empty(before: &'a Workflow, after: &'a Workflow) -> Self {
        Self { before, after, forward: HashMap::new(), backward: HashMap::new() }
    }

    /// The id in the later workflow of a node of the earlier one.
    pub(crate) fn after(&self, before: &NodeId) -> Option<&'a NodeId> {
        self.forward.get(before).copied()
    }

    /// The id in the earlier workflow of a node of the later one.
    pub(crate) fn before(&self, after: &NodeId) -> Option<&'a NodeId> {
        self.backward.get(after).copied()
    }

    /// The pairs, in the order of the earlier workflow.
    pub(crate) fn pairs(&self, before: &'a Workflow) -> impl Iterator<Item = Pair<'a>> {
        before.nodes().filter_map(|old| {
            let new = self.after.node_map().get_key_value(self.after(old.0)?)?;
            Some((old, new))
        })
    }

    /// Whether two inputs say the same, where matched nodes are the same node. A link to
    /// nowhere is the same as one to the same nowhere.
    pub(crate) fn is_same_input(&self, old: &Input, new: &Input) -> bool {
        match (old, new) {
            (Input::Literal(old), Input::Literal(new)) => old == new,
            (Input::Link { from: old, slot }, Input::Link { from: new, slot: new_slot }) => {
                slot == new_slot
                    && match (self.after(old), self.before(new)) {
                        (Some(moved), _) => moved == new,
                        (None, Some(_)) => false,
                        (None, None) => {
                            old == new
                                && self.before.node(old).is_none()
                                && self.after.node(new).is_none()
                        }
                    }
            }
            (Input::Literal(_), Input::Link { .. }) | (Input::Link { .. }, Input::Literal(_)) => {
                false
            }
        }
    }

    fn add(&mut self, old: &'a NodeId, new: &'a NodeId) -> bool {
        if self.forward.contains_key(old) || self.backward.contains_key(new) {
            return false;
        }
        self.forward.insert(old, new);
        self.backward.insert(new, old);
        true
    }

    fn match_same_ids(&mut self, are_alike: impl Fn(&Node, &Node) -> bool) {
        for (id, old) in self.before.nodes() {
            if let Some((same, new)) = self.after.node_map().get_key_value(id)
                && are_alike(old, new)
            {
                self.add(id, same);
            }
        }
    }

    /// How much there is to say: what is new, gone, renamed or changed.
    fn cost(&self) -> usize {
        let whole = |node: &Node| 1 + node.inputs().len();
        let added = self.after.nodes().filter(|(id, _)| self.before(id).is_none());
        let removed = self.before.nodes().filter(|(id, _)| self.after(id).is_none());
        let unmatched: usize = added.chain(removed).map(|(_, node)| whole(node)).sum();
        let changed: usize = self
            .pairs(self.before)
            .map(|((old_id, old), (new_id, new))| {
                let moved = usize::from(old_id != new_id);
                let class = usize::from(old.class_type() != new.class_type());
                let kept = old.inputs().filter(|(name, input)| {
                    new.input(name).is_some_and(|now| self.is_same_input(input, now))
                });
                let inputs = old.inputs().len().max(new.inputs().len()) - kept.count();
                moved + class + inputs
            })
            .sum();
        unmatched + changed
    }
}

/// A hash of every node of a workflow.
type Keys<'a> = HashMap<&'a NodeId, u64>;

/// The structure of both workflows.
struct Matcher<'a> {
    before: &'a Workflow,
    after: &'a Workflow,
    old_links: Links<'a>,
    new_links: Links<'a>,
    old_signatures: HashMap<&'a NodeId, Signature>,
    new_signatures: HashMap<&'a NodeId, Signature>,
}

impl<'a> Matcher<'a> {
    fn new(before: &'a Workflow, after: &'a Workflow) -> Self {
        let (old_links, new_links) = (Links::new(before), Links::new(after));
        let old_signatures = signatures(before, &old_links);
        let new_signatures = signatures(after, &new_links);
        Self { before, after, old_links, new_links, old_signatures, new_signatures }
    }

    /// Matches what is left, the surest first; every pair may tell of its neighbors.
    fn match_structure(&self, matching: &mut Matching<'a>) {
        self.match_by(matching, self.keys(|signature| signature.whole));
        self.match_by(matching, self.keys(|signature| signature.upstream));
        self.match_all_neighbors(matching);
        self.match_by(matching, self.keys_with_sources(matching));
        self.match_by(matching, self.keys(|signature| signature.content));
        self.match_all_neighbors(matching);
        matching.match_same_ids(|old, new| old.class_type() == new.class_type());
        self.match_only_ones(matching);
        matching.match_same_ids(|_, _| true);
    }

    /// Matches nodes of equal hashes: those with the same id, then those that are the only ones
    /// and what they tell of their neighbors, then alike ones in order. A choice among alike ones
    /// is followed at once, so that two chains that are alike are not matched crosswise.
    fn match_by(&self, matching: &mut Matching<'a>, (old_keys, new_keys): (Keys<'a>, Keys<'a>)) {
        for (id, _) in self.before.nodes() {
            if let Some((same, new)) = new_keys.get_key_value(id)
                && old_keys.get(id) == Some(new)
            {
                matching.add(id, same);
            }
        }
        let mut alike: HashMap<u64, (usize, VecDeque<&'a NodeId>)> = HashMap::new();
        for (id, _) in self.after.nodes().filter(|(id, _)| matching.before(id).is_none()) {
            if let Some(key) = new_keys.get(id) {
                alike.entry(*key).or_default().1.push_back(id);
            }
        }
        let mut waiting: Vec<(&NodeId, u64)> = self
            .before
            .nodes()
            .filter(|(id, _)| matching.after(id).is_none())
            .filter_map(|(id, _)| Some((id, *old_keys.get(id)?)))
            .collect();
        for (_, key) in &waiting {
            alike.entry(*key).or_default().0 += 1;
        }
        let mut sure = Vec::new();
        for (old, key) in &waiting {
            if let Some((1, new)) = alike.get(key)
                && let (1, Some(new)) = (new.len(), new.front())
                && matching.add(old, new)
            {
                sure.push((*old, *new));
            }
        }
        self.match_neighbors(matching, sure);
        // Small groups first: what they tell settles much of the large ones.
        waiting.sort_by_key(|(_, key)| alike.get(key).map_or(0, |(count, _)| *count));
        for (old, key) in waiting {
            let Some((_, candidates)) = alike.get_mut(&key) else { continue };
            while matching.after(old).is_none() {
                let Some(new) = candidates.pop_front() else { break };
                if matching.add(old, new) {
                    self.match_neighbors(matching, vec![(old, new)]);
                }
            }
        }
    }

    /// The same hash of every node of both workflows.
    fn keys(&self, key: impl Fn(&Signature) -> u64) -> (Keys<'a>, Keys<'a>) {
        let keys = |signatures: &HashMap<&'a NodeId, Signature>| {
            signatures.iter().map(|(id, signature)| (*id, key(signature))).collect()
        };
        (keys(&self.old_signatures), keys(&self.new_signatures))
    }

    /// Hashes of what nodes hold and which matched nodes they are linked from.
    fn keys_with_sources(&self, matching: &Matching<'a>) -> (Keys<'a>, Keys<'a>) {
        let keys = |signatures: &HashMap<&'a NodeId, Signature>,
                    links: &Links<'a>,
                    matched: &dyn Fn(&'a NodeId) -> Option<&'a NodeId>| {
            let key = |(id, signature): (&&'a NodeId, &Signature)| {
                (*id, signature.linked_from(links.sources(id), matched))
            };
            signatures.iter().map(key).collect()
        };
        let new = |id: &'a NodeId| matching.before(id).map(|_| id);
        (
            keys(&self.old_signatures, &self.old_links, &|id| matching.after(id)),
            keys(&self.new_signatures, &self.new_links, &new),
        )
    }

    fn match_all_neighbors(&self, matching: &mut Matching<'a>) {
        let known = matching.pairs(self.before).map(|((old, _), (new, _))| (old, new)).collect();
        self.match_neighbors(matching, known);
    }

    /// From pairs to their neighbors: what enters by the same input is the same, and what is
    /// the only one to use an output in the same way.
    fn match_neighbors(&self, matching: &mut Matching<'a>, known: Vec<(&'a NodeId, &'a NodeId)>) {
        let mut waiting = VecDeque::from(known);
        while let Some((old, new)) = waiting.pop_front() {
            let new_links = self.new_links.sources(new).iter();
            let new_links: HashMap<&str, &NodeId> =
                new_links.map(|link| (link.input, link.node)).collect();
            let (old_uses, new_uses) = (
                only_uses(self.old_links.consumers(old)),
                only_uses(self.new_links.consumers(new)),
            );
            let old_links = self.old_links.sources(old).iter();
            let entering =
                old_links.filter_map(|link| Some((link.node, *new_links.get(link.input)?)));
            let leaving =
                old_uses.into_iter().filter_map(|(way, node)| Some((node, *new_uses.get(&way)?)));
            for (old, new) in entering.chain(leaving).collect::<Vec<_>>() {
                if self.is_same_class(old, new) && matching.add(old, new) {
                    waiting.push_back((old, new));
                }
            }
        }
    }

    fn is_same_class(&self, old: &NodeId, new: &NodeId) -> bool {
        let class = |workflow: &'a Workflow, id| workflow.node(id).map(Node::class_type);
        class(self.before, old) == class(self.after, new)
    }

    /// Matches the only unmatched node of a class with the only one there.
    fn match_only_ones(&self, matching: &mut Matching<'a>) {
        let only = |nodes: Vec<(&'a NodeId, &'a Node)>| {
            let mut only: HashMap<&str, Option<&'a NodeId>> = HashMap::new();
            for (id, node) in nodes {
                let entry = only.entry(node.class_type().as_str());
                entry.and_modify(|only| *only = None).or_insert(Some(id));
            }
            only
        };
        let old =
            only(self.before.nodes().filter(|(id, _)| matching.after(id).is_none()).collect());
        let new =
            only(self.after.nodes().filter(|(id, _)| matching.before(id).is_none()).collect());
        for (class, old) in old {
            if let (Some(old), Some(Some(new))) = (old, new.get(class)) {
                matching.add(old, new);
            }
        }
    }
}

/// The consumers of a node that are the only ones to use an output by an input of that name.
fn only_uses<'a>(consumers: &[Link<'a>]) -> HashMap<(&'a str, u32), &'a NodeId> {
    let mut uses: HashMap<(&str, u32), Option<&NodeId>> = HashMap::new();
    for link in consumers {
        let entry = uses.entry((link.input, link.slot));
        entry.and_modify(|only| *only = None).or_insert(Some(link.node));
    }
    uses.into_iter().filter_map(|(way, node)| Some((way, node?))).collect()
}

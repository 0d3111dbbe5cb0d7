//! Which node of one workflow is which of another.

use std::collections::{HashMap, VecDeque};

use super::{
    Pair,
    signature::{Link, Signature, Structure},
};
use crate::{
    ids::NodeId,
    workflow::{Input, Node, Workflow},
};

/// Pairs of nodes, each node in one pair at most. Inside, nodes are told by their places.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Matching<'a> {
    before: &'a Workflow,
    after: &'a Workflow,
    forward: Vec<Option<usize>>,
    backward: Vec<Option<usize>>,
}

impl<'a> Matching<'a> {
    /// The matching that leaves less to say; ids win a tie.
    pub(crate) fn best(before: &'a Workflow, after: &'a Workflow) -> Self {
        let mut by_id = Self::empty(before, after);
        by_id.match_same_ids(|old, new| old.class_type() == new.class_type());
        if by_id.has_same_links() {
            return by_id;
        }
        let matcher = Matcher { old: Structure::new(before), new: Structure::new(after) };
        matcher.match_structure(&mut by_id);
        let mut by_structure = Self::empty(before, after);
        matcher.match_structure(&mut by_structure);
        if by_structure.cost() < by_id.cost() { by_structure } else { by_id }
    }

    fn empty(before: &'a Workflow, after: &'a Workflow) -> Self {
        let (forward, backward) =
            (vec![None; before.nodes().len()], vec![None; after.nodes().len()]);
        Self { before, after, forward, backward }
    }

    /// The id in the later workflow of a node of the earlier one.
    pub(crate) fn after(&self, before: &NodeId) -> Option<&'a NodeId> {
        let place = self.forward_of(self.before.node_map().get_index_of(before)?)?;
        Some(self.after.node_map().get_index(place)?.0)
    }

    /// The id in the earlier workflow of a node of the later one.
    pub(crate) fn before(&self, after: &NodeId) -> Option<&'a NodeId> {
        let place = self.backward_of(self.after.node_map().get_index_of(after)?)?;
        Some(self.before.node_map().get_index(place)?.0)
    }

    /// The pairs, in the order of the earlier workflow.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = Pair<'a>> {
        self.before.nodes().zip(&self.forward).filter_map(|(old, place)| {
            let new = self.after.node_map().get_index((*place)?)?;
            Some((old, new))
        })
    }

    /// Whether two inputs say the same, where matched nodes are the same node. A link to
    /// nowhere is the same as one to the same nowhere.
    pub(crate) fn is_same_input(&self, old: &Input, new: &Input) -> bool {
        match (old, new) {
            (Input::Literal(old), Input::Literal(new)) => old == new,
            (Input::Link { from: old, slot }, Input::Link { from: new, slot: new_slot }) => {
                let places = (
                    self.before.node_map().get_index_of(old),
                    self.after.node_map().get_index_of(new),
                );
                slot == new_slot
                    && match places {
                        (Some(old), Some(new)) => self.forward_of(old) == Some(new),
                        (None, None) => old == new,
                        (Some(_), None) | (None, Some(_)) => false,
                    }
            }
            (Input::Literal(_), Input::Link { .. }) | (Input::Link { .. }, Input::Literal(_)) => {
                false
            }
        }
    }

    fn forward_of(&self, old: usize) -> Option<usize> {
        self.forward.get(old).copied().flatten()
    }

    fn backward_of(&self, new: usize) -> Option<usize> {
        self.backward.get(new).copied().flatten()
    }

    fn add(&mut self, old: usize, new: usize) -> bool {
        match (self.forward.get_mut(old), self.backward.get_mut(new)) {
            (Some(forward @ None), Some(backward @ None)) => {
                (*forward, *backward) = (Some(new), Some(old));
                true
            }
            (_, _) => false,
        }
    }

    fn match_same_ids(&mut self, are_alike: impl Fn(&Node, &Node) -> bool) {
        for (place, (id, old)) in self.before.nodes().enumerate() {
            if let Some((same, _, new)) = self.after.node_map().get_full(id)
                && are_alike(old, new)
            {
                self.add(place, same);
            }
        }
    }

    /// Whether every node has its match and no link leads elsewhere: then no other matching
    /// could leave less to say.
    fn has_same_links(&self) -> bool {
        let is_same_link = |input: &Input, now: Option<&Input>| {
            let is_link = |input: &Input| input.as_link().is_some();
            match now {
                Some(now) if is_link(input) || is_link(now) => self.is_same_input(input, now),
                Some(_) => true,
                None => !is_link(input),
            }
        };
        self.forward.len() == self.backward.len()
            && self.forward.iter().all(Option::is_some)
            && self.pairs().all(|((_, old), (_, new))| {
                old.inputs().all(|(name, input)| is_same_link(input, new.input(name)))
                    && new
                        .inputs()
                        .all(|(name, input)| old.input(name).is_some() || input.as_link().is_none())
            })
    }

    /// How much there is to say: what is new, gone, renamed or changed.
    fn cost(&self) -> usize {
        let whole = |node: &Node| 1 + node.inputs().len();
        let unmatched = |workflow: &Workflow, matches: &[Option<usize>]| -> usize {
            let nodes = workflow.node_map().values().zip(matches);
            nodes.filter(|(_, place)| place.is_none()).map(|(node, _)| whole(node)).sum()
        };
        let changed: usize = self
            .pairs()
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
        unmatched(self.before, &self.forward) + unmatched(self.after, &self.backward) + changed
    }
}

/// The structure of both workflows.
struct Matcher<'a> {
    old: Structure<'a>,
    new: Structure<'a>,
}

/// A hash of every node of both workflows.
type Keys = (Vec<u64>, Vec<u64>);

impl<'a> Matcher<'a> {
    /// Matches what is left, the surest first; every pair may tell of its neighbors.
    fn match_structure(&self, matching: &mut Matching<'a>) {
        self.match_by(matching, &self.keys(|signature| signature.whole));
        self.match_by(matching, &self.keys(|signature| signature.upstream));
        self.match_all_neighbors(matching);
        let linked = (
            self.old.linked_from(|old| matching.forward_of(old)),
            self.new.linked_from(|new| matching.backward_of(new).map(|_| new)),
        );
        self.match_by(matching, &linked);
        self.match_by(matching, &self.keys(|signature| signature.content));
        self.match_all_neighbors(matching);
        matching.match_same_ids(|old, new| old.class_type() == new.class_type());
        match_only_ones(matching);
        matching.match_same_ids(|_, _| true);
    }

    fn keys(&self, key: impl Fn(&Signature) -> u64) -> Keys {
        let keys = |structure: &Structure<'_>| structure.signatures().iter().map(&key).collect();
        (keys(&self.old), keys(&self.new))
    }

    /// Matches nodes of equal hashes: those with the same id, then those that are the only ones
    /// and what they tell of their neighbors, then alike ones in order. A choice among alike ones
    /// is followed at once, so that two chains that are alike are not matched crosswise.
    fn match_by(&self, matching: &mut Matching<'a>, (old_keys, new_keys): &Keys) {
        let (before, after) = (matching.before, matching.after);
        for (old, id) in before.node_map().keys().enumerate() {
            if let Some(new) = after.node_map().get_index_of(id)
                && old_keys.get(old) == new_keys.get(new)
            {
                matching.add(old, new);
            }
        }
        let mut groups = groups(matching, old_keys, new_keys);
        let mut sure = Vec::new();
        for (old, new) in &groups {
            if let ([old], [new]) = (old.as_slice(), new.as_slice())
                && matching.add(*old, *new)
            {
                sure.push((*old, *new));
            }
        }
        self.match_neighbors(matching, sure);
        // Small groups first: what they tell settles much of the large ones.
        groups.sort_by_key(|(old, _)| old.len());
        for (old, new) in groups.into_iter().filter(|(old, new)| old.len() + new.len() > 2) {
            let mut candidates = new.into_iter();
            for old in old {
                while matching.forward_of(old).is_none() {
                    let Some(new) = candidates.next() else { break };
                    if matching.add(old, new) {
                        self.match_neighbors(matching, vec![(old, new)]);
                    }
                }
            }
        }
    }

    fn match_all_neighbors(&self, matching: &mut Matching<'a>) {
        let known = matching.forward.iter().enumerate();
        let known = known.filter_map(|(old, new)| Some((old, (*new)?))).collect();
        self.match_neighbors(matching, known);
    }

    /// From pairs to their neighbors: what enters by the same input is the same, and what is
    /// the only one to use an output in the same way.
    fn match_neighbors(&self, matching: &mut Matching<'a>, known: Vec<(usize, usize)>) {
        let mut waiting = VecDeque::from(known);
        while let Some((old, new)) = waiting.pop_front() {
            let mut neighbors = entering(self.old.sources(old), self.new.sources(new));
            neighbors.extend(leaving(self.old.consumers(old), self.new.consumers(new)));
            for (old, new) in neighbors {
                if is_same_class(matching, old, new) && matching.add(old, new) {
                    waiting.push_back((old, new));
                }
            }
        }
    }
}

/// The unmatched nodes of both workflows that have a hash in common, by hash.
fn groups(
    matching: &Matching<'_>,
    old_keys: &[u64],
    new_keys: &[u64],
) -> Vec<(Vec<usize>, Vec<usize>)> {
    let unmatched = |keys: &[u64], matches: &[Option<usize>]| {
        let nodes = keys.iter().zip(matches).enumerate();
        let left = nodes.filter(|(_, (_, place))| place.is_none());
        let mut left: Vec<(u64, usize)> = left.map(|(place, (key, _))| (*key, place)).collect();
        left.sort_unstable();
        left
    };
    let old = unmatched(old_keys, &matching.forward);
    let new = unmatched(new_keys, &matching.backward);
    let mut new = new.chunk_by(|one, other| one.0 == other.0).peekable();
    let mut groups = Vec::new();
    for old in old.chunk_by(|one, other| one.0 == other.0) {
        let key = old.first().map(|(key, _)| *key);
        let key_of = |group: &[(u64, usize)]| group.first().map(|(key, _)| *key);
        while new.next_if(|group| key_of(group) < key).is_some() {}
        if let Some(new) = new.next_if(|group| key_of(group) == key) {
            let places = |group: &[(u64, usize)]| group.iter().map(|(_, place)| *place).collect();
            groups.push((places(old), places(new)));
        }
    }
    groups
}

/// The nodes that enter two nodes by the same input.
fn entering(old: &[Link<'_>], new: &[Link<'_>]) -> Vec<(usize, usize)> {
    let new: HashMap<&str, usize> = new.iter().map(|link| (link.input, link.node)).collect();
    old.iter().filter_map(|link| Some((link.node, *new.get(link.input)?))).collect()
}

/// The nodes that are the only ones to use an output of two nodes in the same way.
fn leaving(old: &[Link<'_>], new: &[Link<'_>]) -> Vec<(usize, usize)> {
    let new = only_uses(new);
    let old = only_uses(old).into_iter();
    let mut found: Vec<_> =
        old.filter_map(|(way, node)| Some((node?, (*new.get(&way)?)?))).collect();
    found.sort_unstable();
    found
}

/// Of each way to use an output the node that does, when it is the only one.
fn only_uses<'a>(consumers: &[Link<'a>]) -> HashMap<(&'a str, u32), Option<usize>> {
    let mut uses = HashMap::new();
    for link in consumers {
        let entry = uses.entry((link.input, link.slot));
        entry.and_modify(|only| *only = None).or_insert(Some(link.node));
    }
    uses
}

fn is_same_class(matching: &Matching<'_>, old: usize, new: usize) -> bool {
    let old = matching.before.node_map().get_index(old);
    let new = matching.after.node_map().get_index(new);
    old.map(|(_, node)| node.class_type()) == new.map(|(_, node)| node.class_type())
}

/// Matches the only unmatched node of a class with the only one there.
fn match_only_ones(matching: &mut Matching<'_>) {
    let only = |workflow: &Workflow, matches: &[Option<usize>]| {
        let mut only: HashMap<String, Option<usize>> = HashMap::new();
        let nodes = workflow.node_map().values().zip(matches).enumerate();
        for (place, (node, _)) in nodes.filter(|(_, (_, place))| place.is_none()) {
            let entry = only.entry(node.class_type().to_string());
            entry.and_modify(|only| *only = None).or_insert(Some(place));
        }
        only
    };
    let old = only(matching.before, &matching.forward);
    let new = only(matching.after, &matching.backward);
    for (class, old) in old {
        if let (Some(old), Some(Some(new))) = (old, new.get(&class)) {
            matching.add(old, *new);
        }
    }
}

//! Node ids of subgraph definitions that occur elsewhere: the front end gives such nodes new
//! numbers, which are part of the ids in a prompt.

use super::scene::Numbers;
use crate::{
    hash::{HashMap, HashSet},
    ui::{Text, UiGraph, UiNode},
};

/// The new numbers of one definition's nodes.
#[derive(Default)]
pub(super) struct Renumbering<'a> {
    /// By the place in the list of nodes.
    by_place: HashMap<usize, i64>,
    /// By the id that a link or a setting names.
    by_id: HashMap<Text<'a>, i64>,
}

impl<'a> Renumbering<'a> {
    /// The id of the node at a place.
    pub(super) fn of_node(&self, place: usize, id: Option<Text<'a>>) -> Option<Text<'a>> {
        match self.by_place.get(&place) {
            Some(number) => Some(Text::Owned(number.to_string())),
            None => id,
        }
    }

    /// The id that is meant where a link or a setting names one.
    pub(super) fn of_reference(&self, id: Text<'a>) -> Text<'a> {
        match self.by_id.get(&id) {
            Some(number) => Text::Owned(number.to_string()),
            None => id,
        }
    }

    /// Whether nothing changes.
    pub(super) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }
}

/// The new numbers for each definition, in order. Ids at the top count as taken when they are
/// numbers.
pub(super) fn renumber<'a>(
    root: UiGraph<'a>,
    definitions: &[UiGraph<'a>],
    numbers: &mut Numbers,
) -> Vec<Renumbering<'a>> {
    if definitions.is_empty() {
        return Vec::new();
    }
    let is_number =
        |node: &UiNode<'a>| node.members().get("id").is_some_and(|id| id.as_number().is_some());
    let top = root.nodes().filter(is_number).filter_map(UiNode::id);
    let mut taken: HashSet<Text<'a>> = top.collect();
    definitions.iter().map(|graph| renumber_one(*graph, &mut taken, numbers)).collect()
}

fn renumber_one<'a>(
    graph: UiGraph<'a>,
    taken: &mut HashSet<Text<'a>>,
    numbers: &mut Numbers,
) -> Renumbering<'a> {
    let mut renumbering = Renumbering::default();
    for (place, node) in graph.nodes().enumerate() {
        let Some(id) = node.id() else { continue };
        if taken.contains(&id) {
            let number = next_free(taken, numbers);
            renumbering.by_place.insert(place, number);
            renumbering.by_id.insert(id, number);
            taken.insert(Text::Owned(number.to_string()));
        } else {
            if let Ok(number) = id.parse::<i64>() {
                numbers.node = numbers.node.max(number);
            }
            taken.insert(id);
        }
    }
    renumbering
}

fn next_free(taken: &HashSet<Text<'_>>, numbers: &mut Numbers) -> i64 {
    loop {
        numbers.node = numbers.node.saturating_add(1);
        if numbers.node == i64::MAX || !taken.contains(numbers.node.to_string().as_str()) {
            return numbers.node;
        }
    }
}

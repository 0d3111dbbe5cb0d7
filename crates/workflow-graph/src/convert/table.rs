//! Nodes and links by their ids, which are numbers in nearly every file, and small ones.

use super::{key::Key, scene::Link};
use crate::{hash::HashMap, ui::LinkId};

/// Places by number. A workflow of ten thousand nodes asks for ten thousands of them, mostly in
/// the order of the file: neighbours in a list are at hand then, those in a hash table are not.
#[derive(Default)]
struct Places {
    /// The place of each small number; [`NOWHERE`] for those that there are not.
    near: Vec<u32>,
    /// From which number on they are in `far`.
    near_end: usize,
    far: HashMap<i64, u32>,
}

const NOWHERE: u32 = u32::MAX;

impl Places {
    /// For so many numbers: those up to a few times as many are near.
    fn for_count(count: usize) -> Self {
        let near_end = count.saturating_mul(4).saturating_add(64);
        Self { near: Vec::with_capacity(count), near_end, far: HashMap::default() }
    }

    fn near(&self, number: i64) -> Option<usize> {
        usize::try_from(number).ok().filter(|at| *at < self.near_end)
    }

    fn get(&self, number: i64) -> Option<usize> {
        let place = match self.near(number) {
            Some(at) => self.near.get(at).copied().filter(|place| *place != NOWHERE)?,
            None => *self.far.get(&number)?,
        };
        usize::try_from(place).ok()
    }

    fn set(&mut self, number: i64, place: Option<usize>) {
        let place = place.and_then(|place| u32::try_from(place).ok()).unwrap_or(NOWHERE);
        let Some(at) = self.near(number) else {
            if place == NOWHERE {
                self.far.remove(&number);
            } else {
                self.far.insert(number, place);
            }
            return;
        };
        if at >= self.near.len() {
            self.near.resize(at + 1, NOWHERE);
        }
        if let Some(own) = self.near.get_mut(at) {
            *own = place;
        }
    }
}

/// The places of the nodes of a graph by their ids.
#[derive(Default)]
pub(super) struct NodePlaces {
    numbers: Places,
    others: HashMap<Key, usize>,
}

impl NodePlaces {
    pub(super) fn for_count(count: usize) -> Self {
        Self { numbers: Places::for_count(count), others: HashMap::default() }
    }

    pub(super) fn get(&self, id: &Key) -> Option<usize> {
        match id {
            Key::Number(number) => self.numbers.get(*number),
            Key::Text(_) => self.others.get(id).copied(),
        }
    }

    pub(super) fn insert(&mut self, id: &Key, place: usize) {
        match id {
            Key::Number(number) => self.numbers.set(*number, Some(place)),
            Key::Text(_) => {
                self.others.insert(id.clone(), place);
            }
        }
    }

    pub(super) fn remove(&mut self, id: &Key) {
        match id {
            Key::Number(number) => self.numbers.set(*number, None),
            Key::Text(_) => {
                self.others.remove(id);
            }
        }
    }
}

/// The links of a graph in order; of several with one number the last counts.
#[derive(Default)]
pub(super) struct Links {
    entries: Vec<(LinkId, Link)>,
    places: Places,
}

impl Links {
    pub(super) fn for_count(count: usize) -> Self {
        Self { entries: Vec::with_capacity(count), places: Places::for_count(count) }
    }

    pub(super) fn get(&self, id: LinkId) -> Option<&Link> {
        Some(&self.entries.get(self.places.get(id)?)?.1)
    }

    pub(super) fn get_mut(&mut self, id: LinkId) -> Option<&mut Link> {
        Some(&mut self.entries.get_mut(self.places.get(id)?)?.1)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn contains(&self, id: LinkId) -> bool {
        self.places.get(id).is_some()
    }

    pub(super) fn insert(&mut self, id: LinkId, link: Link) {
        if let Some(own) = self.get_mut(id) {
            *own = link;
            return;
        }
        self.places.set(id, Some(self.entries.len()));
        self.entries.push((id, link));
    }

    /// Takes a link out; the last one moves to its place.
    pub(super) fn swap_remove(&mut self, id: LinkId) -> Option<Link> {
        let at = self.places.get(id)?;
        self.places.set(id, None);
        let (_, link) = self.entries.swap_remove(at);
        if let Some((moved, _)) = self.entries.get(at) {
            self.places.set(*moved, Some(at));
        }
        Some(link)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (LinkId, &Link)> {
        self.entries.iter().map(|(id, link)| (*id, link))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::hash::IndexMap;

    fn link(slot: usize) -> Link {
        let (origin, target) = (Key::Number(1), Key::Number(2));
        Link { origin, origin_slot: slot, target, target_slot: 0 }
    }

    proptest! {
        #[test]
        fn links_are_kept_like_in_an_ordered_table(
            count in 0_usize..4,
            steps in prop::collection::vec((any::<bool>(), -2_i64..90), 0..60),
        ) {
            let mut links = Links::for_count(count);
            let mut table = IndexMap::default();
            for (slot, (put, id)) in steps.into_iter().enumerate() {
                if put {
                    links.insert(id, link(slot));
                    table.insert(id, slot);
                } else {
                    let removed = links.swap_remove(id).map(|link| link.origin_slot);
                    prop_assert_eq!(removed, table.swap_remove(&id));
                }
                prop_assert_eq!(links.contains(id), table.contains_key(&id));
            }
            let kept: Vec<_> = links.iter().map(|(id, link)| (id, link.origin_slot)).collect();
            prop_assert_eq!(kept, table.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn ids_are_texts_even_when_they_look_like_numbers() {
        let mut places = NodePlaces::for_count(1);
        let ids = ["7", "07", "-7", "7.0", "0", "00", "", "1000000", "12345678901234567890", "a"];
        for (place, id) in ids.into_iter().enumerate() {
            places.insert(&Key::from(id), place);
        }
        for (place, id) in ids.into_iter().enumerate() {
            assert_eq!(places.get(&Key::from(id)), Some(place), "{id}");
        }
        places.remove(&Key::from("7"));
        places.remove(&Key::from("a"));
        let get = |id| places.get(&Key::from(id));
        assert_eq!((get("7"), get("a"), get("07")), (None, None, Some(1)));
    }
}

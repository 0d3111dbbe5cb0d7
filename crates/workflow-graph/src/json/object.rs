//! The members of an object: a list while they are few, a table once they are many.

use std::{fmt, slice, vec};

use indexmap::map;
use smol_str::SmolStr;

use super::Json;
use crate::hash::{IndexMap, RandomState};

/// The name of a member. Up to 23 bytes, as nearly all names have, take no allocation.
///
/// ```
/// use workflow_graph::json::Name;
/// assert_eq!(Name::from("class_type"), "class_type");
/// ```
pub type Name = SmolStr;

/// The members of a JSON object, in the order they were written. Of two members with the same
/// name the last one counts, as in Python. Objects with the same members in another order are
/// equal.
///
/// ```
/// use workflow_graph::{Json, json::Object};
/// let mut members = Object::new();
/// members.insert("b", Json::from(1_u64));
/// members.insert("a", Json::from(2_u64));
/// members.insert("b", Json::from(3_u64));
/// assert_eq!(Json::Object(members).to_string(), r#"{"b":3,"a":2}"#);
/// ```
#[derive(Clone)]
pub struct Object(Members);

/// A workflow has tens of thousands of objects, nearly all of them small. Looking through a few
/// names takes less time than a hash, and a list less than half of the memory of a table. The list
/// has room for its members and no more: most objects never get another.
#[derive(Clone)]
enum Members {
    Few(Box<[(Name, Json)]>),
    Many(Box<IndexMap<Name, Json>>),
}

/// Up to how many members are looked through.
const FEW_MAX: usize = 16;

impl Object {
    /// An object without members.
    pub fn new() -> Self {
        Self(Members::Few(Box::default()))
    }

    /// An object without members that gets many, and has room for so many.
    pub(crate) fn with_capacity(count: usize) -> Self {
        let table = IndexMap::with_capacity_and_hasher(count, RandomState::default());
        Self(Members::Many(Box::new(table)))
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        match &self.0 {
            Members::Few(list) => list.len(),
            Members::Many(table) => table.len(),
        }
    }

    /// Whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The place of a member, from 0.
    pub fn get_index_of(&self, name: &str) -> Option<usize> {
        match &self.0 {
            Members::Few(list) => list.iter().position(|(own, _)| own == name),
            Members::Many(table) => table.get_index_of(name),
        }
    }

    /// The member at a place.
    pub fn get_index(&self, at: usize) -> Option<(&Name, &Json)> {
        match &self.0 {
            Members::Few(list) => list.get(at).map(|(name, value)| (name, value)),
            Members::Many(table) => table.get_index(at),
        }
    }

    /// The value of a member.
    pub fn get(&self, name: &str) -> Option<&Json> {
        match &self.0 {
            Members::Few(list) => list.iter().find(|(own, _)| own == name).map(|(_, value)| value),
            Members::Many(table) => table.get(name),
        }
    }

    /// The value of a member, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Json> {
        match &mut self.0 {
            Members::Few(list) => {
                list.iter_mut().find(|(own, _)| own == name).map(|(_, value)| value)
            }
            Members::Many(table) => table.get_mut(name),
        }
    }

    /// Whether there is a member of this name.
    pub fn contains_key(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Sets a member, a new one behind all others, and gives the value it had.
    pub fn insert(&mut self, name: impl Into<Name>, value: Json) -> Option<Json> {
        let name = name.into();
        match &mut self.0 {
            Members::Few(list) => {
                if let Some((_, place)) = list.iter_mut().find(|(own, _)| *own == name) {
                    return Some(std::mem::replace(place, value));
                }
            }
            Members::Many(table) => return table.insert(name, value),
        }
        self.put_at(self.len(), name, value);
        None
    }

    /// Puts in a member whose name no other has; those from its place on move down.
    pub(crate) fn put_at(&mut self, at: usize, name: Name, value: Json) {
        if let Members::Few(list) = &mut self.0
            && list.len() >= FEW_MAX
        {
            let table = std::mem::take(list).into_vec().into_iter().collect();
            self.0 = Members::Many(Box::new(table));
        }
        match &mut self.0 {
            Members::Few(list) => {
                let mut members = std::mem::take(list).into_vec();
                members.reserve_exact(1);
                members.insert(at.min(members.len()), (name, value));
                *list = members.into_boxed_slice();
            }
            Members::Many(table) => {
                table.shift_insert(at.min(table.len()), name, value);
            }
        }
    }

    /// Takes a member out; those behind it move up.
    pub fn shift_remove(&mut self, name: &str) -> Option<Json> {
        let (_, value) = self.shift_remove_index(self.get_index_of(name)?)?;
        Some(value)
    }

    /// Takes out the member at a place; those behind it move up.
    pub fn shift_remove_index(&mut self, at: usize) -> Option<(Name, Json)> {
        match &mut self.0 {
            Members::Few(list) => {
                let mut members = std::mem::take(list).into_vec();
                let removed = (at < members.len()).then(|| members.remove(at));
                *list = members.into_boxed_slice();
                removed
            }
            Members::Many(table) => table.shift_remove_index(at),
        }
    }

    /// All members in order.
    pub fn iter(&self) -> Iter<'_> {
        Iter(match &self.0 {
            Members::Few(list) => Either::Few(list.iter()),
            Members::Many(table) => Either::Many(table.iter()),
        })
    }

    /// The names in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &Name> + Clone {
        self.iter().map(|(name, _)| name)
    }

    /// The values in order.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Json> + Clone {
        self.iter().map(|(_, value)| value)
    }

    /// The values in order, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Json> {
        let (list, table) = match &mut self.0 {
            Members::Few(list) => (Some(list), None),
            Members::Many(table) => (None, Some(table)),
        };
        let of_list = list.into_iter().flatten().map(|(_, value)| value);
        of_list.chain(table.into_iter().flat_map(|table| table.values_mut()))
    }
}

impl Default for Object {
    fn default() -> Self {
        Self::new()
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(name, value)| other.get(name) == Some(value))
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

impl<N: Into<Name>> Extend<(N, Json)> for Object {
    fn extend<T: IntoIterator<Item = (N, Json)>>(&mut self, members: T) {
        for (name, value) in members {
            self.insert(name, value);
        }
    }
}

impl<N: Into<Name>> FromIterator<(N, Json)> for Object {
    fn from_iter<T: IntoIterator<Item = (N, Json)>>(members: T) -> Self {
        let members = members.into_iter();
        let (count, _) = members.size_hint();
        if count <= FEW_MAX {
            let list: Vec<_> = members.map(|(name, value)| (name.into(), value)).collect();
            return Self::from(list);
        }
        let mut object = Self::with_capacity(count);
        object.extend(members);
        object
    }
}

impl From<Vec<(Name, Json)>> for Object {
    fn from(list: Vec<(Name, Json)>) -> Self {
        let is_first = |(at, (name, _)): (usize, &(Name, Json))| {
            !list.iter().take(at).any(|(earlier, _)| earlier == name)
        };
        if list.len() <= FEW_MAX && list.iter().enumerate().all(is_first) {
            return Self(Members::Few(list.into_boxed_slice()));
        }
        let mut object = Self::with_capacity(list.len());
        object.extend(list);
        object
    }
}

#[derive(Clone, Debug)]
enum Either<F, M> {
    Few(F),
    Many(M),
}

/// The members of an object, lent one by one.
#[derive(Clone, Debug)]
pub struct Iter<'a>(Either<slice::Iter<'a, (Name, Json)>, map::Iter<'a, Name, Json>>);

/// The members of an object, handed out one by one.
#[derive(Debug)]
pub struct IntoIter(Either<vec::IntoIter<(Name, Json)>, map::IntoIter<Name, Json>>);

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a Name, &'a Json);

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Either::Few(list) => list.next().map(|(name, value)| (name, value)),
            Either::Many(table) => table.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            Either::Few(list) => list.size_hint(),
            Either::Many(table) => table.size_hint(),
        }
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl Iterator for IntoIter {
    type Item = (Name, Json);

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Either::Few(list) => list.next(),
            Either::Many(table) => table.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            Either::Few(list) => list.size_hint(),
            Either::Many(table) => table.size_hint(),
        }
    }
}

impl ExactSizeIterator for IntoIter {}

impl<'a> IntoIterator for &'a Object {
    type Item = (&'a Name, &'a Json);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl IntoIterator for Object {
    type Item = (Name, Json);
    type IntoIter = IntoIter;

    fn into_iter(self) -> IntoIter {
        IntoIter(match self.0 {
            Members::Few(list) => Either::Few(list.into_vec().into_iter()),
            Members::Many(table) => Either::Many(table.into_iter()),
        })
    }
}

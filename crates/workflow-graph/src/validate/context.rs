//! A prompt together with the classes of its nodes: what every later step looks at.

use super::Profile;
use crate::{
    catalog::{NodeCatalog, NodeClass},
    json::{Json, Object},
};

/// A prompt and what its nodes are.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) nodes: &'a Object,
    /// What each node is, by its place in the prompt; a verdict is only given where all
    /// classes are known.
    pub(crate) parts: &'a [Part<'a>],
    pub(crate) catalog: &'a NodeCatalog,
    pub(crate) profile: Profile,
}

/// What every step needs of a node. A large prompt does not fit a processor's cache, so it is
/// looked up once.
#[derive(Clone, Copy)]
pub(crate) struct Part<'a> {
    pub(crate) class: Option<&'a NodeClass>,
    pub(crate) inputs: Option<&'a Json>,
}

impl<'a> Part<'a> {
    pub(crate) fn all(nodes: &'a Object, catalog: &'a NodeCatalog) -> Vec<Self> {
        let part = |node: &'a Json| {
            let class = node.get("class_type").and_then(Json::as_str);
            Self { class: class.and_then(|class| catalog.class(class)), inputs: node.get("inputs") }
        };
        nodes.values().map(part).collect()
    }

    /// Whether the server comes as far as looking at the inputs, without replacing the class.
    pub(super) fn is_sound(&self) -> bool {
        self.class.is_some() && self.inputs.is_none_or(|inputs| inputs.as_object().is_some())
    }
}

impl<'a> Context<'a> {
    pub(crate) fn id(self, node: usize) -> &'a str {
        self.nodes.get_index(node).map_or("", |(id, _)| id)
    }

    pub(crate) fn json(self, node: usize) -> &'a Json {
        const NULL: &Json = &Json::Null;
        self.nodes.get_index(node).map_or(NULL, |(_, json)| json)
    }

    /// All nodes whose class is known, with their places.
    pub(crate) fn known(self) -> impl Iterator<Item = (usize, &'a NodeClass)> {
        let parts = self.parts.iter().enumerate();
        parts.filter_map(|(node, part)| Some((node, part.class?)))
    }

    pub(crate) fn class(self, node: usize) -> Option<&'a NodeClass> {
        self.parts.get(node)?.class
    }

    /// What a node has as `inputs`, be it an object or not.
    pub(crate) fn inputs(self, node: usize) -> Option<&'a Json> {
        self.parts.get(node)?.inputs
    }

    /// The node a link leads to, when it is one with a known source.
    pub(crate) fn source(self, value: &Json) -> Option<(usize, usize)> {
        let [Json::String(from), slot] = value.as_array()? else { return None };
        let node = self.nodes.get_index_of(from)?;
        let slots = self.class(node)?.outputs.len();
        Some((node, output_slot(slot, slots)?))
    }
}

/// The slot that Python's indexing finds: a negative one counts from the end.
pub(crate) fn output_slot(slot: &Json, slots: usize) -> Option<usize> {
    let slot = match slot {
        Json::Bool(value) => i64::from(*value),
        Json::Number(number) if number.is_integer() => number.as_i64()?,
        Json::Null | Json::Number(_) | Json::String(_) | Json::Array(_) | Json::Object(_) => {
            return None;
        }
    };
    let slots = i64::try_from(slots).ok()?;
    let slot = if slot < 0 { slot.checked_add(slots)? } else { slot };
    if (0..slots).contains(&slot) { usize::try_from(slot).ok() } else { None }
}

//! The smallest edits, each exact enough to be undone. Patches are made of them; only the crate
//! can use them, because none checks what it leaves behind.

use indexmap::IndexMap;

use super::{Input, Node, ReadError, Workflow};
use crate::{
    ids::{ClassType, NodeId},
    json::{Json, Object},
};

/// The members of a node that are not carried as they are.
const OWN_MEMBERS: [&str; 2] = ["class_type", "inputs"];

impl Workflow {
    pub(crate) fn from_nodes(nodes: IndexMap<NodeId, Node>) -> Self {
        Self { nodes }
    }

    pub(crate) fn node_map(&self) -> &IndexMap<NodeId, Node> {
        &self.nodes
    }

    pub(crate) fn node_mut(&mut self, id: &NodeId) -> Option<&mut Node> {
        self.nodes.get_mut(id)
    }
}

impl Node {
    /// One input with its name as the node holds it.
    pub(crate) fn written_input(&self, name: &str) -> Option<(&str, &Input)> {
        self.inputs.get_key_value(name).map(|(name, input)| (name.as_str(), input))
    }

    /// A node of a class with inputs, and nothing else.
    ///
    /// ```
    /// use workflow_graph::{Input, Json, Node};
    /// let node = Node::new("EmptyImage".parse()?, [("width", Input::Literal(Json::from(64_u64)))]);
    /// assert_eq!(node.to_json().to_string(), r#"{"class_type":"EmptyImage","inputs":{"width":64}}"#);
    /// # Ok::<(), workflow_graph::InvalidId>(())
    /// ```
    pub fn new<'a>(
        class_type: ClassType,
        inputs: impl IntoIterator<Item = (&'a str, Input)>,
    ) -> Self {
        let inputs = inputs.into_iter().map(|(name, input)| (name.to_owned(), input)).collect();
        let members = OWN_MEMBERS.map(|member| (member.to_owned(), Json::Null));
        Self { class_type, inputs, members: members.into_iter().collect() }
    }

    /// Reads one node; `id` is only for the error.
    pub fn from_json(id: &str, value: &Json) -> Result<Self, ReadError> {
        Self::read(id, value)
    }

    /// The members beside `class_type` and `inputs`, in order.
    pub(crate) fn other_members(&self) -> impl Iterator<Item = (&str, &Json)> {
        let members = self.members.iter().map(|(name, value)| (name.as_str(), value));
        members.filter(|(name, _)| !OWN_MEMBERS.contains(name))
    }

    /// A member beside `class_type` and `inputs`.
    pub(crate) fn other_member(&self, name: &str) -> Option<&Json> {
        if Self::is_own_member(name) { None } else { self.members.get(name) }
    }

    pub(crate) fn is_own_member(name: &str) -> bool {
        OWN_MEMBERS.contains(&name)
    }

    pub(crate) fn input_mut(&mut self, name: &str) -> Option<&mut Input> {
        self.inputs.get_mut(name)
    }

    /// Puts an input in place of the one of that name, else before the one at `at`, else last.
    pub(crate) fn put_input(
        &mut self,
        name: &str,
        input: Input,
        at: Option<usize>,
    ) -> Option<Input> {
        if let Some(present) = self.inputs.get_mut(name) {
            return Some(std::mem::replace(present, input));
        }
        let at = at.unwrap_or(usize::MAX).min(self.inputs.len());
        self.inputs.shift_insert(at, name.to_owned(), input)
    }

    /// Takes an input away and says where it stood.
    pub(crate) fn take_input(&mut self, name: &str) -> Option<(usize, Input)> {
        self.inputs.shift_remove_full(name).map(|(at, _, input)| (at, input))
    }

    pub(crate) fn put_class(&mut self, class_type: ClassType) -> ClassType {
        std::mem::replace(&mut self.class_type, class_type)
    }

    /// As [`Node::put_input`], for a member. The caller has refused the node's own members.
    pub(crate) fn put_member(
        &mut self,
        name: &str,
        value: Json,
        at: Option<usize>,
    ) -> Option<Json> {
        if let Some(present) = self.members.get_mut(name) {
            return Some(std::mem::replace(present, value));
        }
        self.members.put_at(at.unwrap_or(usize::MAX), name.into(), value);
        None
    }

    pub(crate) fn take_member(&mut self, name: &str) -> Option<(usize, Json)> {
        let at = self.members.get_index_of(name)?;
        self.members.shift_remove_index(at).map(|(_, value)| (at, value))
    }

    /// `_meta` with this title in it, or without a title; `None` when nothing is left of it.
    pub(crate) fn meta_with_title(&self, title: Option<&str>) -> Option<Json> {
        let meta = match self.members.get("_meta") {
            Some(Json::Object(meta)) => Some(meta.clone()),
            _ => None,
        };
        let mut meta = meta.unwrap_or_else(Object::new);
        match title {
            Some(title) => {
                meta.insert("title", Json::from(title));
            }
            None => {
                meta.shift_remove("title");
            }
        }
        (!meta.is_empty()).then_some(Json::Object(meta))
    }
}

impl Input {
    /// The link, when this is one.
    pub fn as_link(&self) -> Option<(&NodeId, u32)> {
        match self {
            Self::Link { from, slot } => Some((from, *slot)),
            Self::Literal(_) => None,
        }
    }

    /// The value, when this is not a link.
    pub fn as_literal(&self) -> Option<&Json> {
        match self {
            Self::Link { .. } => None,
            Self::Literal(value) => Some(value),
        }
    }
}

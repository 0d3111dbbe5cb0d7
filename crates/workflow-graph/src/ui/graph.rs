//! One graph: the one at the top, or the definition of a subgraph.

use super::{
    link::{LinkId, UiLink},
    node::UiNode,
    scalar::{Text, id_text, type_text, whole},
};
use crate::json::{Json, Object};

/// A view of one graph: the one at the top, or the definition of a subgraph.
///
/// ```
/// use workflow_graph::{Json, ui::UiWorkflow};
/// let workflow = UiWorkflow::from_json(Json::parse(
///     br#"{"nodes": [{"id": 1, "type": "A"}, {"id": 2, "type": "B"}], "links": [[9, 1, 0, 2, 0, "IMAGE"], null]}"#)?)?;
/// let graph = workflow.root();
/// assert_eq!(graph.nodes().count(), 2);
/// assert_eq!(graph.links().next().map(|link| link.id), Some(9));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct UiGraph<'a> {
    members: &'a Object,
}

/// One input or output of a subgraph, as its definition states it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UiBoundary<'a> {
    /// Its name, which is also the name of the slot on every instance.
    pub name: &'a str,
    /// The name that people see, when it is another.
    pub label: Option<&'a str>,
    /// Its type.
    pub type_name: Text<'a>,
    /// The links inside that start or end here.
    pub links: Vec<LinkId>,
}

impl<'a> UiGraph<'a> {
    pub(super) fn new(members: &'a Object) -> Self {
        Self { members }
    }

    /// The id of the definition: what its instances have as their class.
    pub fn id(self) -> Option<Text<'a>> {
        id_text(self.members.get("id")?)
    }

    /// The name of the definition.
    pub fn name(self) -> Option<&'a str> {
        self.members.get("name")?.as_str()
    }

    /// The nodes that read: objects with a class.
    pub fn nodes(self) -> impl Iterator<Item = UiNode<'a>> + use<'a> {
        self.list("nodes").iter().filter_map(UiNode::read)
    }

    /// The links that read, in either spelling.
    pub fn links(self) -> impl Iterator<Item = UiLink<'a>> + use<'a> {
        self.list("links").iter().filter_map(UiLink::read)
    }

    /// How many entries of `nodes` and `links` do not read; old files have `null` there.
    pub fn unreadable(self) -> usize {
        self.entries() - self.nodes().count() - self.links().count()
    }

    /// How many entries `nodes` and `links` have.
    pub(crate) fn entries(self) -> usize {
        self.node_entries() + self.link_entries()
    }

    /// How many entries `nodes` has.
    pub(crate) fn node_entries(self) -> usize {
        self.list("nodes").len()
    }

    /// How many entries `links` has.
    pub(crate) fn link_entries(self) -> usize {
        self.list("links").len()
    }

    /// What the definition of a subgraph takes, in order.
    pub fn inputs(self) -> impl Iterator<Item = UiBoundary<'a>> + use<'a> {
        self.list("inputs").iter().map(UiBoundary::read)
    }

    /// What the definition of a subgraph gives, in order.
    pub fn outputs(self) -> impl Iterator<Item = UiBoundary<'a>> + use<'a> {
        self.list("outputs").iter().map(UiBoundary::read)
    }

    /// The highest number given to a node so far, as the file states it.
    pub fn last_node(self) -> Option<i64> {
        let state = self.members.get("state").and_then(|state| state.get("lastNodeId"));
        whole(self.members.get("last_node_id").or(state)?)
    }

    /// The highest number given to a link so far, as the file states it.
    pub fn last_link(self) -> Option<i64> {
        let state = self.members.get("state").and_then(|state| state.get("lastLinkId"));
        whole(self.members.get("last_link_id").or(state)?)
    }

    /// All members as they were read.
    pub fn members(self) -> &'a Object {
        self.members
    }

    /// The definitions that this graph itself brings.
    pub(super) fn own_subgraphs(self) -> Vec<Self> {
        let definitions = self.members.get("definitions").and_then(|all| all.get("subgraphs"));
        let definitions = definitions.and_then(Json::as_array).unwrap_or_default();
        definitions.iter().filter_map(Json::as_object).map(UiGraph::new).collect()
    }

    fn list(self, name: &str) -> &'a [Json] {
        self.members.get(name).and_then(Json::as_array).unwrap_or_default()
    }
}

impl<'a> UiBoundary<'a> {
    /// Every entry counts, since links name them by their index.
    fn read(json: &'a Json) -> Self {
        let text = |name: &str| json.get(name).and_then(Json::as_str);
        let links = json.get("linkIds").and_then(Json::as_array).unwrap_or_default();
        Self {
            name: text("name").unwrap_or_default(),
            label: text("label"),
            type_name: type_text(json.get("type")),
            links: links.iter().filter_map(whole).collect(),
        }
    }
}

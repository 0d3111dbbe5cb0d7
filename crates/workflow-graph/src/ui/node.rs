//! One node: its slots, its saved values and its mode.

use super::{
    link::LinkId,
    scalar::{Text, id_text, type_text, whole},
};
use crate::json::{Json, Object};

/// A view of one node.
///
/// ```
/// use workflow_graph::{Json, ui::{SavedValues, UiMode, UiNode}};
/// let json = Json::parse(br#"{"id": "7", "type": "KSampler", "mode": 2, "widgets_values": [5, "fixed"],
///     "inputs": [{"name": "model", "type": "MODEL", "link": 4}], "properties": {"cnr_id": "comfy-core"}}"#)?;
/// let node = UiNode::read(&json).ok_or("not a node")?;
/// assert_eq!((node.mode(), node.pack()), (UiMode::Muted, Some("comfy-core")));
/// assert_eq!(node.inputs().next().and_then(|input| input.link), Some(4));
/// assert!(matches!(node.values(), SavedValues::Listed(values) if values.len() == 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct UiNode<'a> {
    members: &'a Object,
    class: &'a str,
    title: Option<&'a str>,
}

/// Whether a node runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UiMode {
    /// It runs; modes that never came to be count as this.
    Active,
    /// It is left out, and what it would give is missing.
    Muted,
    /// It is left out, and what it takes is passed on where types fit.
    Bypassed,
}

/// The values of a node's widgets as they were saved.
#[derive(Clone, Copy, Debug)]
pub enum SavedValues<'a> {
    /// None.
    Missing,
    /// By position.
    Listed(&'a [Json]),
    /// By name, as some custom nodes do.
    Named(&'a Object),
}

/// One input slot of a node.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UiInput<'a> {
    /// Its name; of a dynamic input, the whole key.
    pub name: &'a str,
    /// Its type.
    pub type_name: Text<'a>,
    /// The link that ends here.
    pub link: Option<LinkId>,
    /// The widget that this slot can replace.
    pub widget: Option<&'a str>,
    /// The name that people see, when it is another.
    pub label: Option<&'a str>,
}

/// One output slot of a node.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UiOutput<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its type.
    pub type_name: Text<'a>,
    /// The links that start here.
    pub links: Vec<LinkId>,
}

impl<'a> UiNode<'a> {
    /// Reads a node: an object with a `type`.
    pub fn read(json: &'a Json) -> Option<Self> {
        let members = json.as_object()?;
        let (mut class, mut title) = (None, None);
        for (name, value) in members {
            match name.as_str() {
                "type" => class = value.as_str(),
                "title" => title = value.as_str(),
                _ => {}
            }
        }
        Some(Self { members, class: class?, title })
    }

    /// Its id within its graph, as text: `3` and `"3"` are the same. Missing when it is neither a
    /// number nor a text.
    pub fn id(self) -> Option<Text<'a>> {
        id_text(self.members.get("id")?)
    }

    /// Its class: one of the server's, one of the front end's own, or the id of a subgraph.
    pub fn class(self) -> &'a str {
        self.class
    }

    /// The title that a person gave it.
    pub fn title(self) -> Option<&'a str> {
        self.title.filter(|title| !title.is_empty())
    }

    /// Whether it runs.
    pub fn mode(self) -> UiMode {
        match self.members.get("mode").and_then(whole) {
            Some(2) => UiMode::Muted,
            Some(4) => UiMode::Bypassed,
            _ => UiMode::Active,
        }
    }

    /// Its input slots, in order. Every entry counts, since links name them by their index.
    pub fn inputs(self) -> impl ExactSizeIterator<Item = UiInput<'a>> + use<'a> {
        self.list("inputs").iter().map(|json| UiInput {
            name: json.get("name").and_then(Json::as_str).unwrap_or_default(),
            type_name: type_text(json.get("type")),
            link: json.get("link").and_then(whole),
            widget: json.at(&["widget", "name"]).and_then(Json::as_str),
            label: json.get("label").and_then(Json::as_str),
        })
    }

    /// The names and links of its input slots, in order.
    pub(crate) fn input_links(
        self,
    ) -> impl ExactSizeIterator<Item = (&'a str, Option<LinkId>)> + use<'a> {
        self.list("inputs").iter().map(|json| {
            let name = json.get("name").and_then(Json::as_str).unwrap_or_default();
            (name, json.get("link").and_then(whole))
        })
    }

    /// Its output slots, in order.
    pub fn outputs(self) -> impl ExactSizeIterator<Item = UiOutput<'a>> + use<'a> {
        self.list("outputs").iter().map(|json| {
            let links = json.get("links").and_then(Json::as_array).unwrap_or_default();
            UiOutput {
                name: json.get("name").and_then(Json::as_str).unwrap_or_default(),
                type_name: type_text(json.get("type")),
                links: links.iter().filter_map(whole).collect(),
            }
        })
    }

    /// The types of its output slots, in order.
    pub(crate) fn output_types(self) -> impl ExactSizeIterator<Item = Text<'a>> + use<'a> {
        self.list("outputs").iter().map(|json| type_text(json.get("type")))
    }

    /// The values of its widgets.
    pub fn values(self) -> SavedValues<'a> {
        match self.members.get("widgets_values") {
            Some(Json::Array(values)) => SavedValues::Listed(values),
            Some(Json::Object(values)) => SavedValues::Named(values),
            _ => SavedValues::Missing,
        }
    }

    /// The values of its widgets by name, which newer front ends write beside the list.
    pub fn named_values(self) -> Option<&'a Object> {
        self.members.get("widgets_values_named")?.as_object()
    }

    /// One of its properties.
    pub fn property(self, name: &str) -> Option<&'a Json> {
        self.members.get("properties")?.get(name)
    }

    /// The pack of custom nodes that its class comes from, when the file says so: its id in the
    /// registry, or its repository.
    pub fn pack(self) -> Option<&'a str> {
        let text = |name| self.property(name).and_then(Json::as_str);
        text("cnr_id").or_else(|| text("aux_id")).filter(|pack| !pack.is_empty())
    }

    /// All members as they were read.
    pub fn members(self) -> &'a Object {
        self.members
    }

    fn list(self, name: &str) -> &'a [Json] {
        self.members.get(name).and_then(Json::as_array).unwrap_or_default()
    }
}

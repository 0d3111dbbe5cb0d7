//! A saved workflow as the front end holds it once it is loaded: every graph with its nodes,
//! links and widgets, instances of subgraphs bound to their definitions.

use std::{borrow::Cow, ops::Deref, rc::Rc};

use super::{
    Finding,
    body::Body,
    filled::{Filled, Input, Plain},
    group::Groups,
    key::Key,
    table::{Links, NodePlaces},
};
use crate::{
    catalog::{NodeCatalog, NodeClass},
    hash::HashMap,
    json::Json,
    ui::{LinkId, Text, UiInput, UiMode, UiNode},
};

/// The value of a widget. A value that is not there is left out of a prompt, `null` is not.
pub(super) type Value<'a> = Option<Held<'a>>;

/// A value that is mostly the file's or the catalog's own.
#[derive(Clone, Debug)]
pub(super) enum Held<'a> {
    Saved(&'a Json),
    Made(Rc<Json>),
}

/// Where links inside a subgraph begin that come from its inputs.
pub(super) const INPUTS_ID: Key = Key::Number(-10);

/// Where links inside a subgraph end that lead to its outputs.
pub(super) const OUTPUTS_ID: Key = Key::Number(-20);

/// The graph at the top; the definitions of subgraphs follow it.
pub(super) const ROOT: usize = 0;

pub(super) struct Scene<'a> {
    pub(super) catalog: &'a NodeCatalog,
    pub(super) groups: &'a Groups<'a>,
    /// A node of each class as it is made, by the place of the class in memory.
    pub(super) made: HashMap<*const NodeClass, Made<'a>>,
    pub(super) sockets: Sockets<'a>,
    pub(super) graphs: Vec<Graph<'a>>,
    /// Which graph is the definition with this id.
    pub(super) definitions: HashMap<Text<'a>, usize>,
    /// The instances of each graph.
    pub(super) instances: Vec<Vec<Place>>,
    pub(super) findings: Vec<Finding>,
    pub(super) numbers: Numbers,
    /// Which of the nodes that need a pass of their own there are.
    pub(super) present: Present,
}

/// What a scene has, so that nobody walks ten thousand nodes for what is not among them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Present {
    pub(super) primitives: bool,
    pub(super) setters: bool,
    /// Nodes that may need something put right once all are there.
    pub(super) unsettled: bool,
}

/// A node of a class before it is filled.
pub(super) struct Made<'a> {
    pub(super) body: Rc<Body<'a>>,
    /// Whether an input belongs to a widget that the node does not have.
    pub(super) has_widgetless: bool,
    /// Whether the inputs and widgets stay the same, whatever is linked and set.
    pub(super) is_fixed: bool,
}

/// The numbers given last, in the graph at the top and all definitions together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Numbers {
    pub(super) node: i64,
    pub(super) link: LinkId,
}

/// Which node, of which graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) graph: usize,
    pub(super) node: usize,
}

#[derive(Default)]
pub(super) struct Graph<'a> {
    pub(super) name: &'a str,
    pub(super) nodes: Vec<Node<'a>>,
    pub(super) by_id: NodePlaces,
    pub(super) links: Links,
    /// Whether every link ends in the slot that it names, and in no other.
    pub(super) straight: bool,
    /// What a subgraph takes.
    pub(super) inputs: Vec<Boundary<'a>>,
    /// What a subgraph gives.
    pub(super) outputs: Vec<Boundary<'a>>,
    /// The inputs that took the place of primitive nodes, by node.
    pub(super) replaced: HashMap<usize, Text<'a>>,
}

pub(super) struct Boundary<'a> {
    pub(super) name: Text<'a>,
    pub(super) type_name: Text<'a>,
    pub(super) links: Vec<LinkId>,
}

#[derive(Clone)]
pub(super) struct Link {
    pub(super) origin: Key,
    pub(super) origin_slot: usize,
    pub(super) target: Key,
    pub(super) target_slot: usize,
}

pub(super) struct Node<'a> {
    pub(super) id: Key,
    pub(super) kind: Kind<'a>,
    pub(super) mode: UiMode,
    pub(super) body: Filled<'a>,
    /// Those that somebody may ask for: see `load_node`.
    pub(super) outputs: Vec<Output<'a>>,
    pub(super) saved: UiNode<'a>,
}

/// What a node is to the front end.
#[derive(Clone, Copy)]
pub(super) enum Kind<'a> {
    /// A node of the server's.
    Class(&'a NodeClass),
    /// An instance of a subgraph: the graph that defines it.
    Instance(usize),
    /// A node that only the front end knows.
    Virtual(Virtual),
    /// A class that neither has.
    Unknown,
}

/// Nodes that never reach a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Virtual {
    /// Passes each input on to the output of the same number.
    Reroute,
    /// Sets the widgets it is linked to.
    Primitive,
    /// Gives its input a name.
    Setter,
    /// Gives what the setter of the same name takes.
    Getter,
    /// Notes, switches for other nodes, and the like.
    Inert,
}

/// An input of one node.
#[derive(Clone, Debug)]
pub(super) struct Slot<'a> {
    pub(super) link: Option<LinkId>,
    /// On an instance of a subgraph: the value for the widgets that this input leads to.
    pub(super) promoted: Option<Box<Promoted<'a>>>,
    /// What the slot is, shared by all nodes of a class.
    pub(super) socket: Rc<Socket<'a>>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Socket<'a> {
    pub(super) name: Text<'a>,
    pub(super) type_name: Text<'a>,
    /// The widget whose value a link here replaces.
    pub(super) widget: Option<Text<'a>>,
}

/// Sockets that only a file knows, one by one and as all that a node has. Those of neighbours are
/// mostly alike, as of reroutes in a row, and then one and the same.
#[derive(Default)]
pub(super) struct Sockets<'a> {
    last: Option<Rc<Socket<'a>>>,
    last_body: Rc<Body<'a>>,
}

impl<'a> Sockets<'a> {
    /// A slot as the file has it.
    pub(super) fn slot(&mut self, input: UiInput<'a>) -> Slot<'a> {
        let link = input.link;
        let socket = Socket::from(input);
        let alike = self.last.take().filter(|last| **last == socket);
        let socket = alike.unwrap_or_else(|| Rc::new(socket));
        self.last = Some(Rc::clone(&socket));
        Slot { link, promoted: None, socket }
    }

    /// A node that has nothing but the inputs in its file.
    pub(super) fn node(&mut self, saved: UiNode<'a>) -> Filled<'a> {
        let last = &self.last_body.inputs;
        let mut both = saved.inputs().zip(last);
        if saved.inputs().len() != last.len()
            || !both.all(|(input, last)| *last.socket == Socket::from(input))
        {
            let slots = saved.inputs().map(|input| Slot::from(Socket::from(input)));
            self.last_body = Rc::new(slots.collect());
        }
        let links = saved.input_links().enumerate();
        let links = links.filter_map(|(at, (_, link))| Some((at, link?))).collect();
        Filled::Plain(Plain::new(&self.last_body, links, &[]))
    }
}

impl<'a> From<UiInput<'a>> for Socket<'a> {
    fn from(input: UiInput<'a>) -> Self {
        let UiInput { name, type_name, widget, .. } = input;
        Self { name: Cow::Borrowed(name), type_name, widget: widget.map(Cow::Borrowed) }
    }
}

/// The value that an instance of a subgraph has for an input that leads to a widget inside.
#[derive(Clone, Debug)]
pub(super) struct Promoted<'a> {
    pub(super) value: Value<'a>,
    pub(super) choices: Option<Choices<'a>>,
}

/// The choices of a combo.
#[derive(Clone, Copy, Debug)]
pub(super) enum Choices<'a> {
    Listed(&'a [Json]),
    Keyed(&'a [crate::catalog::DynamicOption]),
}

#[derive(Clone, Debug)]
pub(super) struct Output<'a> {
    pub(super) type_name: Text<'a>,
    /// Where it leads, of primitive nodes, group nodes and instances; nobody asks others.
    pub(super) links: Vec<LinkId>,
}

impl<'a> Scene<'a> {
    pub(super) fn graph(&self, at: usize) -> Option<&Graph<'a>> {
        self.graphs.get(at)
    }

    pub(super) fn graph_mut(&mut self, at: usize) -> Option<&mut Graph<'a>> {
        self.graphs.get_mut(at)
    }

    pub(super) fn node(&self, place: Place) -> Option<&Node<'a>> {
        self.graph(place.graph)?.nodes.get(place.node)
    }

    pub(super) fn node_mut(&mut self, place: Place) -> Option<&mut Node<'a>> {
        self.graph_mut(place.graph)?.nodes.get_mut(place.node)
    }

    /// Every node of every graph.
    pub(super) fn places(&self) -> impl Iterator<Item = Place> + use<'a> {
        let counts: Vec<usize> = self.graphs.iter().map(|graph| graph.nodes.len()).collect();
        let graphs = counts.into_iter().enumerate();
        graphs.flat_map(|(graph, count)| (0..count).map(move |node| Place { graph, node }))
    }
}

impl<'a> Graph<'a> {
    pub(super) fn node(&self, id: &Key) -> Option<(usize, &Node<'a>)> {
        let at = self.by_id.get(id)?;
        Some((at, self.nodes.get(at)?))
    }

    pub(super) fn node_mut(&mut self, id: &Key) -> Option<&mut Node<'a>> {
        self.nodes.get_mut(self.by_id.get(id)?)
    }

    /// The node and the slot where a link ends. The input's own word counts, since the slot that
    /// a link names is often another.
    pub(super) fn end_of(&self, link: LinkId) -> Option<(&Node<'a>, Input<'_, 'a>)> {
        let (_, node) = self.node(&self.links.get(link)?.target)?;
        let slot = node.body.inputs().find(|slot| slot.link == Some(link))?;
        Some((node, slot))
    }
}

impl<'a> Choices<'a> {
    /// The choice that stands when none was made.
    pub(super) fn first(self) -> Option<Held<'a>> {
        match self {
            Self::Listed(choices) => choices.first().map(Held::Saved),
            Self::Keyed(options) => options.first().map(|option| Held::Saved(&option.key)),
        }
    }
}

impl Held<'_> {
    pub(super) fn into_json(self) -> Json {
        match self {
            Self::Saved(json) => json.clone(),
            Self::Made(json) => Rc::unwrap_or_clone(json),
        }
    }
}

impl Deref for Held<'_> {
    type Target = Json;

    fn deref(&self) -> &Json {
        match self {
            Self::Saved(json) => json,
            Self::Made(json) => json,
        }
    }
}

impl From<Json> for Held<'_> {
    fn from(json: Json) -> Self {
        Self::Made(Rc::new(json))
    }
}

impl Kind<'_> {
    pub(super) fn is(self, of_front_end: Virtual) -> bool {
        matches!(self, Self::Virtual(own) if own == of_front_end)
    }
}

impl<'a> Output<'a> {
    pub(super) fn new(type_name: Text<'a>) -> Self {
        Self { type_name, links: Vec::new() }
    }
}

impl<'a> Slot<'a> {
    pub(super) fn new(name: Text<'a>, type_name: Text<'a>) -> Self {
        Self::from(Socket { name, type_name, widget: None })
    }

    /// The slot of a widget, which has the same name.
    pub(super) fn of_widget(name: Text<'a>, type_name: Text<'a>) -> Self {
        Self::from(Socket { widget: Some(name.clone()), name, type_name })
    }

    /// Says whether the slot has a widget, which has the same name.
    pub(super) fn set_widget(&mut self, there: bool) {
        let widget = there.then(|| self.name.clone());
        if self.widget != widget {
            Rc::make_mut(&mut self.socket).widget = widget;
        }
    }
}

impl<'a> From<Socket<'a>> for Slot<'a> {
    fn from(socket: Socket<'a>) -> Self {
        Self { link: None, promoted: None, socket: Rc::new(socket) }
    }
}

impl<'a> Deref for Slot<'a> {
    type Target = Socket<'a>;

    fn deref(&self) -> &Socket<'a> {
        &self.socket
    }
}

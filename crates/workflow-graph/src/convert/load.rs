//! Loading a saved workflow in the front end's order: definitions before their instances, the
//! graph at the top last.

use std::borrow::Cow;

use super::{
    Finding, class_node,
    filled::Filled,
    group::Groups,
    instance,
    key::Key,
    migrate,
    renumber::{self, Renumbering},
    scene::{
        Boundary, Graph, INPUTS_ID, Kind, Link, Node, Numbers, OUTPUTS_ID, Output, Place, Present,
        ROOT, Scene, Sockets, Virtual,
    },
    settle,
    table::{Links, NodePlaces},
    virtual_nodes,
};
use crate::{
    catalog::NodeCatalog,
    hash::HashMap,
    ui::{LinkId, Text, UiGraph, UiMode, UiNode, UiWorkflow},
};

pub(super) fn load<'a>(
    workflow: &'a UiWorkflow,
    catalog: &'a NodeCatalog,
    groups: &'a Groups<'a>,
) -> Scene<'a> {
    let root = workflow.root();
    let definitions = workflow.subgraphs();
    let mut numbers = Numbers { node: root.last_node().unwrap_or(0), link: 0 };
    let renumberings = renumber::renumber(root, &definitions, &mut numbers);
    let none = Renumbering::default();
    let graphs = std::iter::once(root).chain(definitions.iter().copied());
    let own = std::iter::once(&none).chain(&renumberings);
    let mut sources: Vec<Source<'a, '_>> =
        graphs.zip(own).map(|(graph, own)| Source::read(graph, own)).collect();
    numbers.link = sources.iter().filter_map(Source::last_link).max().unwrap_or(0);
    let mut scene = Scene {
        catalog,
        groups,
        made: HashMap::default(),
        sockets: Sockets::default(),
        graphs: Vec::new(),
        definitions: HashMap::default(),
        instances: Vec::new(),
        findings: Vec::new(),
        numbers,
        present: Present::default(),
    };
    scene.graphs.resize_with(definitions.len() + 1, Graph::default);
    scene.instances.resize_with(definitions.len() + 1, Vec::new);
    for (at, graph) in definitions.iter().enumerate() {
        if let Some(id) = graph.id() {
            scene.definitions.insert(id, at + 1);
        }
    }
    let order = leaves_first(&scene.definitions, &definitions);
    for at in order.into_iter().chain([ROOT]) {
        if let Some(source) = sources.get_mut(at) {
            load_graph(&mut scene, at, source, &renumberings);
        }
    }
    scene
}

/// A graph as the file has it.
struct Source<'a, 'r> {
    graph: UiGraph<'a>,
    own: &'r Renumbering<'a>,
    /// The links by their numbers; of several with one number the last counts.
    links: Links,
    links_read: usize,
}

impl<'a, 'r> Source<'a, 'r> {
    fn read(graph: UiGraph<'a>, own: &'r Renumbering<'a>) -> Self {
        let mut links = Links::for_count(graph.link_entries());
        let mut links_read = 0;
        for link in graph.links() {
            links_read += 1;
            let origin = Key::from(&*own.of_reference(link.origin));
            let target = Key::from(&*own.of_reference(link.target));
            let (origin_slot, target_slot) = (link.origin_slot, link.target_slot);
            links.insert(link.id, Link { origin, origin_slot, target, target_slot });
        }
        Self { graph, own, links, links_read }
    }

    fn last_link(&self) -> Option<LinkId> {
        self.links.iter().map(|(id, _)| id).chain(self.graph.last_link()).max()
    }
}

/// The definitions in an order in which each comes after those it has instances of, or in the
/// file's order where there is none.
fn leaves_first(by_id: &HashMap<Text<'_>, usize>, definitions: &[UiGraph<'_>]) -> Vec<usize> {
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); definitions.len() + 1];
    let mut waiting = vec![0_usize; definitions.len() + 1];
    for (at, graph) in definitions.iter().enumerate() {
        for node in graph.nodes() {
            let used = by_id.get(node.class()).and_then(|used| users.get_mut(*used));
            if let (Some(users), Some(waiting)) = (used, waiting.get_mut(at + 1))
                && users.last() != Some(&(at + 1))
            {
                users.push(at + 1);
                *waiting += 1;
            }
        }
    }
    let all = 1..=definitions.len();
    let mut order: Vec<usize> =
        all.clone().filter(|at| waiting.get(*at).is_some_and(|count| *count == 0)).collect();
    let mut next = 0;
    while let Some(at) = order.get(next).copied() {
        next += 1;
        for user in users.get(at).into_iter().flatten() {
            if let Some(count) = waiting.get_mut(*user) {
                *count -= 1;
                if *count == 0 {
                    order.push(*user);
                }
            }
        }
    }
    if order.len() == definitions.len() { order } else { all.collect() }
}

fn load_graph<'a>(
    scene: &mut Scene<'a>,
    at: usize,
    source: &mut Source<'a, '_>,
    all: &[Renumbering<'a>],
) {
    let links = std::mem::take(&mut source.links);
    let Source { graph: source, own, links_read, .. } = *source;
    let count = source.node_entries();
    let mut graph = Graph {
        name: source.name().unwrap_or_default(),
        nodes: Vec::with_capacity(count),
        by_id: NodePlaces::for_count(count),
        links,
        straight: false,
        inputs: source.inputs().map(boundary).collect(),
        outputs: source.outputs().map(boundary).collect(),
        ..Graph::default()
    };
    let links = graph.links.len();
    let mut read = links_read;
    let mut ends = Ends::default();
    let mut instances = Vec::new();
    for (place, saved) in source.nodes().enumerate() {
        read += 1;
        let id = key(scene, &graph, own.of_node(place, saved.id()));
        let node = load_node(scene, &mut graph.links, id.clone(), saved);
        ends.add(&node, &graph.links);
        graph.by_id.insert(&id, graph.nodes.len());
        if let Kind::Instance(definition) = node.kind {
            let place = Place { graph: at, node: graph.nodes.len() };
            instances.push(place);
            scene.instances.get_mut(definition).into_iter().for_each(|all| all.push(place));
        }
        graph.nodes.push(node);
    }
    if source.entries() > read {
        let count = source.entries() - read;
        let graph =
            if at == ROOT { "the workflow".to_owned() } else { format!("subgraph {}", graph.name) };
        scene.findings.push(Finding::Unreadable { graph, count });
    }
    // A link that was dropped on the way may have been counted.
    let are_all_there = graph.links.len() == links;
    graph.straight = are_all_there && ends.straight == links;
    if !(graph.straight || are_all_there && ends.are_single(&graph)) {
        remove_duplicates(&mut graph);
    }
    repair_boundaries(&mut graph);
    if let Some(place) = scene.graph_mut(at) {
        *place = graph;
    }
    for instance in instances {
        migrate::promote_shown_widgets(scene, instance, all);
    }
}

fn boundary(saved: crate::ui::UiBoundary<'_>) -> Boundary<'_> {
    Boundary { name: Cow::Borrowed(saved.name), type_name: saved.type_name, links: saved.links }
}

/// The id of a node; one that has none, or that of another node, gets the next number.
fn key(scene: &mut Scene<'_>, graph: &Graph<'_>, id: Option<Text<'_>>) -> Key {
    let is_free = |id: &Key| *id != Key::Number(-1) && graph.by_id.get(id).is_none();
    if let Some(id) = id.map(|id| Key::from(&*id)).filter(is_free) {
        if let Some(number) = id.number() {
            scene.numbers.node = scene.numbers.node.max(number);
        }
        return id;
    }
    scene.numbers.node = scene.numbers.node.saturating_add(1);
    Key::Number(scene.numbers.node)
}

/// One node, filled from a file.
pub(super) fn load_node<'a>(
    scene: &mut Scene<'a>,
    links: &mut Links,
    id: Key,
    saved: UiNode<'a>,
) -> Node<'a> {
    let kind = kind(scene, saved);
    let mut widgetless = false;
    let (body, mut outputs) = match kind {
        Kind::Class(class) => {
            let made = scene.made.entry(class).or_insert_with(|| class_node::make(class));
            let body = class_node::load_plain(made, saved).unwrap_or_else(|| {
                let body = class_node::load(class, &made.body, saved, (links, &mut scene.sockets));
                widgetless = made.has_widgetless || body.may_have_widgetless(&made.body);
                Filled::from(body)
            });
            (body, Vec::new())
        }
        Kind::Instance(definition) => {
            let (body, outputs) = instance::load(scene, definition, saved);
            (Filled::from(body), outputs)
        }
        Kind::Virtual(_) | Kind::Unknown => (scene.sockets.node(saved), Vec::new()),
    };
    // Of ten thousand outputs hardly one is asked for: where a node passes something on, sets
    // widgets, or is about to become an instance.
    let mode = saved.mode();
    let asked = mode == UiMode::Bypassed || kind.is(Virtual::Primitive) || !scene.groups.is_empty();
    if let (true, Kind::Class(class)) = (asked, kind) {
        outputs = class_node::outputs(class, saved);
    } else if let (true, Kind::Virtual(_) | Kind::Unknown) = (asked, kind) {
        outputs = saved.output_types().map(Output::new).collect();
    }
    let is_group = scene.groups.of_class(saved.class()).is_some();
    if is_group || kind.is(Virtual::Primitive) {
        for (output, saved) in outputs.iter_mut().zip(saved.outputs()) {
            output.links = saved.links;
        }
    }
    let present = &mut scene.present;
    present.primitives |= kind.is(Virtual::Primitive);
    present.setters |= kind.is(Virtual::Setter);
    present.unsettled |= widgetless || settle::may_choose(kind, &body);
    Node { id, kind, mode, body, outputs, saved }
}

/// Where links end, counted while each node is at hand. A table of all links would take more
/// memory than the links.
#[derive(Default)]
struct Ends {
    /// How many end just where they say.
    straight: usize,
    /// How many end in the node that they say, each in a slot of its own by their word.
    single: usize,
}

impl Ends {
    fn add(&mut self, node: &Node<'_>, links: &Links) {
        let mut taken = 0_u128;
        for (at, id) in node.body.links() {
            let Some(link) = links.get(id).filter(|link| link.target == node.id) else { continue };
            self.straight += usize::from(link.target_slot == at);
            let place = u32::try_from(link.target_slot).ok().and_then(|at| 1_u128.checked_shl(at));
            if let Some(place) = place.filter(|place| taken & place == 0) {
                taken |= place;
                self.single += 1;
            }
        }
    }

    /// Whether no two links end in one slot: every link that leads to a node is one of those
    /// counted.
    fn are_single(&self, graph: &Graph<'_>) -> bool {
        let leads_to_node = |(_, link): &(LinkId, &Link)| graph.by_id.get(&link.target).is_some();
        self.single == graph.links.len()
            || self.single == graph.links.iter().filter(leads_to_node).count()
    }
}

fn kind<'a>(scene: &Scene<'a>, saved: UiNode<'a>) -> Kind<'a> {
    if let Some(definition) = scene.definitions.get(saved.class()) {
        return Kind::Instance(*definition);
    }
    if let Some(of_front_end) = virtual_nodes::of_front_end(saved.class()) {
        return Kind::Virtual(of_front_end);
    }
    if let Some(class) = scene.catalog.class(saved.class()) {
        return Kind::Class(class);
    }
    if let Some(group) = scene.groups.of_class(saved.class()) {
        return Kind::Class(&group.class);
    }
    virtual_nodes::of_pack(saved.class()).map_or(Kind::Unknown, Kind::Virtual)
}

/// Of several links between the same two slots one stays: the one that the input names.
fn remove_duplicates(graph: &mut Graph<'_>) {
    let mut groups: HashMap<[(&Key, usize); 2], Vec<LinkId>> = HashMap::default();
    for (id, link) in graph.links.iter() {
        let ends = [(&link.origin, link.origin_slot), (&link.target, link.target_slot)];
        groups.entry(ends).or_default().push(id);
    }
    let groups: Vec<Vec<LinkId>> = groups.into_values().filter(|ids| ids.len() > 1).collect();
    for ids in groups {
        let target =
            ids.first().and_then(|id| graph.links.get(*id)).map(|link| link.target.clone());
        let target = target.and_then(|id| graph.by_id.get(&id));
        let Some(node) = target.and_then(|at| graph.nodes.get_mut(at)) else { continue };
        let is_one = |link: LinkId| ids.contains(&link);
        let named = node.body.links().map(|(_, id)| id).find(|id| is_one(*id));
        let Some(kept) = named.or_else(|| ids.first().copied()) else { continue };
        for slot in node.body.own().inputs.iter_mut().filter(|slot| slot.link.is_some_and(is_one)) {
            slot.link = Some(kept);
        }
        for id in ids.into_iter().filter(|id| *id != kept) {
            graph.links.swap_remove(id);
        }
    }
}

/// Inputs and outputs of a subgraph that name links which are gone take the one that is there.
fn repair_boundaries(graph: &mut Graph<'_>) {
    let Graph { links, inputs, outputs, .. } = graph;
    let mut named = inputs.iter().chain(&*outputs).flat_map(|boundary| &boundary.links);
    if named.all(|link| links.contains(*link)) {
        return;
    }
    let mut from_inputs = HashMap::default();
    let mut to_outputs = HashMap::default();
    for (id, link) in links.iter() {
        if link.origin == INPUTS_ID {
            from_inputs.entry(link.origin_slot).or_insert(id);
        }
        if link.target == OUTPUTS_ID {
            to_outputs.entry(link.target_slot).or_insert(id);
        }
    }
    for (boundaries, there) in [(inputs, from_inputs), (outputs, to_outputs)] {
        for (slot, boundary) in boundaries.iter_mut().enumerate() {
            for named in boundary.links.iter_mut().filter(|named| !links.contains(**named)) {
                *named = there.get(&slot).copied().unwrap_or(*named);
            }
        }
    }
}

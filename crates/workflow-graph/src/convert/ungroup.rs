//! Opening group nodes: each becomes an instance of a subgraph with new nodes in it, numbered on
//! from the last, as the front end does when it loads one.

use super::{
    body::Body,
    filled::Filled,
    group::{Group, Groups},
    key::Key,
    load::load_node,
    primitive,
    resolve::takes,
    scene::{
        Boundary, Graph, INPUTS_ID, Kind, Link, Node, OUTPUTS_ID, Output, Place, ROOT, Scene, Slot,
        Socket, Virtual,
    },
    widget::is_widget_type,
};
use crate::ui::LinkId;

/// Opens every group node at the top. The front end forgets that one was muted or bypassed; here
/// the instance stays so.
pub(super) fn ungroup<'a>(scene: &mut Scene<'a>, groups: &'a Groups<'a>) {
    if groups.is_empty() {
        return;
    }
    let count = scene.graph(ROOT).map_or(0, |graph| graph.nodes.len());
    for node in 0..count {
        let class = scene.node(Place { graph: ROOT, node }).map(|node| node.saved.class());
        if let Some(group) = class.and_then(|class| groups.of_class(class)) {
            open(scene, node, group);
        }
    }
    // Within subgraphs the front end does not know what to do with one, and neither do we.
    for node in scene.graphs.iter_mut().skip(ROOT + 1).flat_map(|graph| &mut graph.nodes) {
        if groups.of_class(node.saved.class()).is_some() {
            node.kind = Kind::Unknown;
        }
    }
}

fn open<'a>(scene: &mut Scene<'a>, at: usize, group: &'a Group<'a>) {
    let definition = scene.graphs.len();
    let mut inner = inner_nodes(scene, group);
    for [from, output, to, input] in &group.links {
        connect(scene, &mut inner, (*from, *output), (*to, *input));
    }
    let node = scene.node_mut(Place { graph: ROOT, node: at });
    let Some(body) = node.map(|node| std::mem::take(node.body.own())) else { return };
    set_inner_values(&mut inner, group, &body);
    scene.numbers.node = scene.numbers.node.saturating_add(1);
    let id = Key::Number(scene.numbers.node);
    let inputs = link_inputs(scene, &mut inner, group, &body, &id);
    let outputs = link_outputs(scene, &mut inner, group, at, &id);
    scene.graphs.push(inner);
    scene.instances.push(vec![Place { graph: ROOT, node: at }]);
    let Some(root) = scene.graph_mut(ROOT) else { return };
    let Some(node) = root.nodes.get_mut(at) else { return };
    root.by_id.remove(&node.id);
    root.by_id.insert(&id, at);
    node.id = id;
    node.kind = Kind::Instance(definition);
    node.body = Filled::from(inputs.into_iter().collect::<Body<'a>>());
    node.outputs = outputs;
}

fn inner_nodes<'a>(scene: &mut Scene<'a>, group: &'a Group<'a>) -> Graph<'a> {
    let mut inner = Graph { name: &group.class.name, ..Graph::default() };
    for saved in &group.nodes {
        scene.numbers.node = scene.numbers.node.saturating_add(1);
        let id = Key::Number(scene.numbers.node);
        let mut node = load_node(scene, &mut inner.links, id.clone(), *saved);
        // What the file has as links are those of the graph that the group was made in.
        node.body.own().inputs.iter_mut().for_each(|slot| slot.link = None);
        node.outputs.iter_mut().for_each(|output| output.links.clear());
        inner.by_id.insert(&id, inner.nodes.len());
        inner.nodes.push(node);
    }
    inner
}

fn next_link(scene: &mut Scene<'_>) -> LinkId {
    scene.numbers.link = scene.numbers.link.saturating_add(1);
    scene.numbers.link
}

fn connect(
    scene: &mut Scene<'_>,
    inner: &mut Graph<'_>,
    (from, output): (usize, usize),
    (to, input): (usize, usize),
) {
    let Some(origin) = inner.nodes.get(from) else { return };
    let Some(target) = inner.nodes.get(to) else { return };
    let Some(given) = origin.outputs.get(output) else { return };
    let Some(slot) = target.body.input(input) else { return };
    let settable = slot.widget.is_some() || is_widget_type(&slot.type_name);
    let refused = origin.kind.is(Virtual::Primitive) && !settable;
    if from == to || refused || !takes(&given.type_name, &slot.type_name) {
        return;
    }
    let link = Link {
        origin: origin.id.clone(),
        origin_slot: output,
        target: target.id.clone(),
        target_slot: input,
    };
    let id = next_link(scene);
    inner.links.insert(id, link);
    if let Some(output) = inner.nodes.get_mut(from).and_then(|node| node.outputs.get_mut(output)) {
        output.links.push(id);
    }
    set_link(inner, to, input, id);
}

/// Lets a link end in a slot; the one before it goes.
fn set_link(inner: &mut Graph<'_>, node: usize, slot: usize, link: LinkId) {
    let slot = inner.nodes.get_mut(node).and_then(|node| node.body.own().inputs.get_mut(slot));
    if let Some(before) = slot.and_then(|slot| slot.link.replace(link)) {
        inner.links.swap_remove(before);
    }
}

/// The values of the group node go to the widgets they stand for.
fn set_inner_values<'a>(inner: &mut Graph<'a>, group: &Group<'_>, body: &Body<'a>) {
    for (at, widgets) in group.widgets.iter().enumerate() {
        let made = primitive::make_widget(inner, at);
        let Some(node) = inner.nodes.get_mut(at) else { continue };
        let is_primitive = node.kind.is(Virtual::Primitive);
        if is_primitive {
            node.body.own().widgets = made.into_iter().collect();
        }
        for (own, in_group) in widgets {
            let Some(value) = body.widget(in_group).map(|widget| widget.value.clone()) else {
                continue;
            };
            let own = if is_primitive { Some(0) } else { node.body.widget_position(own) };
            if let Some(own) = own {
                node.body.own().set(own, value);
            }
        }
    }
}

/// Leads the links of the group node to the inner slots, through one input of the subgraph for
/// each output that they come from. The answer is the inputs of the instance.
fn link_inputs<'a>(
    scene: &mut Scene<'a>,
    inner: &mut Graph<'a>,
    group: &Group<'_>,
    body: &Body<'a>,
    host: &Key,
) -> Vec<Slot<'a>> {
    let mut inputs: Vec<Slot<'a>> = Vec::new();
    let mut origins: Vec<(Key, usize)> = Vec::new();
    for (node, slots) in group.inputs.iter().enumerate() {
        for (name, in_group) in slots {
            let Some(link) = body.inputs.get(*in_group).and_then(|slot| slot.link) else {
                continue;
            };
            let Some((origin, given)) = origin(scene, link) else { continue };
            let slots = inner.nodes.get(node).into_iter().flat_map(|node| node.body.inputs());
            let slot = slots.enumerate().find(|(_, slot)| slot.name == *name);
            let Some((at, slot)) = slot.map(|(at, slot)| (at, slot.socket.clone())) else {
                continue;
            };
            if !takes(&given, &slot.type_name) {
                continue;
            }
            let Socket { name, type_name, .. } = slot;
            let known = origins.iter().position(|known| *known == origin);
            let input = known.unwrap_or_else(|| {
                origins.push(origin);
                inputs
                    .push(Slot { link: Some(link), ..Slot::new(name.clone(), type_name.clone()) });
                inner.inputs.push(Boundary { name, type_name, links: Vec::new() });
                inputs.len() - 1
            });
            if known.is_none()
                && let Some(link) = scene.graph_mut(ROOT).and_then(|root| root.links.get_mut(link))
            {
                link.target = host.clone();
                link.target_slot = input;
            }
            let id = next_link(scene);
            enter(inner, id, input, (node, at));
        }
    }
    inputs
}

/// A link from an input of the subgraph to an inner slot.
fn enter(inner: &mut Graph<'_>, id: LinkId, input: usize, (node, slot): (usize, usize)) {
    let Some(target) = inner.nodes.get(node).map(|node| node.id.clone()) else { return };
    let link = Link { origin: INPUTS_ID, origin_slot: input, target, target_slot: slot };
    inner.links.insert(id, link);
    if let Some(boundary) = inner.inputs.get_mut(input) {
        boundary.links.push(id);
    }
    set_link(inner, node, slot, id);
}

/// Where a link at the top comes from, and the type there.
fn origin(scene: &Scene<'_>, link: LinkId) -> Option<((Key, usize), String)> {
    let root = scene.graph(ROOT)?;
    let link = root.links.get(link)?;
    let (_, node) = root.node(&link.origin)?;
    let output: &Output<'_> = node.outputs.get(link.origin_slot)?;
    Some(((node.id.clone(), link.origin_slot), output.type_name.to_string()))
}

/// Lets the links from the group node start at the instance, one output for each inner output.
fn link_outputs<'a>(
    scene: &mut Scene<'a>,
    inner: &mut Graph<'a>,
    group: &Group<'_>,
    at: usize,
    host: &Key,
) -> Vec<Output<'a>> {
    let mut outputs: Vec<Output<'a>> = Vec::new();
    let old = scene.node_mut(Place { graph: ROOT, node: at });
    let old: Vec<Output<'a>> =
        old.map(|node: &mut Node<'a>| std::mem::take(&mut node.outputs)).unwrap_or_default();
    for (output, (node, slot)) in old.into_iter().zip(&group.outputs) {
        let from = inner.nodes.get(*node).and_then(|inner| {
            Some((inner.id.clone(), inner.outputs.get(*slot)?.type_name.clone()))
        });
        let Some((from, type_name)) = from.filter(|_| !output.links.is_empty()) else { continue };
        let id = next_link(scene);
        let link = Link {
            origin: from,
            origin_slot: *slot,
            target: OUTPUTS_ID,
            target_slot: outputs.len(),
        };
        inner.links.insert(id, link);
        let links = vec![id];
        inner.outputs.push(Boundary {
            name: type_name.clone(),
            type_name: type_name.clone(),
            links,
        });
        if let Some(root) = scene.graph_mut(ROOT) {
            for link in &output.links {
                if let Some(link) = root.links.get_mut(*link) {
                    link.origin = host.clone();
                    link.origin_slot = outputs.len();
                }
            }
        }
        outputs.push(Output { type_name, links: output.links });
    }
    outputs
}

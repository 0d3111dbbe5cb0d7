//! Instances of older files: `proxyWidgets` lists the inner widgets they show. The front end
//! turns each into an input of the definition that leads to the widget, and so do we, since
//! every other instance of the same definition gets the input too.

use std::borrow::Cow;

use super::{
    Finding,
    filled::Input,
    instance,
    key::Key,
    renumber::Renumbering,
    scene::{
        Boundary, Graph, Held, INPUTS_ID, Kind, Link, Place, Promoted, Scene, Slot, Value, Virtual,
    },
    unpick,
};
use crate::{
    json::Json,
    ui::{LinkId, Text, UiNode},
};

/// One entry of `proxyWidgets`, with the instance's value for it.
#[derive(Clone)]
struct Shown<'a> {
    /// The id of the inner node; `-1` means an input of the instance.
    inner: Text<'a>,
    widget: Text<'a>,
    /// The node behind the inner one, where that is an instance itself.
    behind: Option<Text<'a>>,
    value: Value<'a>,
}

/// What becomes of an entry.
#[derive(Clone, PartialEq)]
enum Plan<'a> {
    /// An input leads there already.
    Linked(Text<'a>),
    /// A new input has to lead there.
    NewInput,
    /// The widget is that of a primitive node; a new input takes its place.
    Primitive(usize),
    /// It shows a picture and holds nothing.
    Picture,
    Lost(&'static str),
}

/// Turns what an instance shows into inputs, if the file lists it.
pub(super) fn promote_shown_widgets<'a>(
    scene: &mut Scene<'a>,
    host: Place,
    renumberings: &[Renumbering<'a>],
) {
    let Some(node) = scene.node(host) else { return };
    let Kind::Instance(definition) = node.kind else { return };
    let renumbering = definition.checked_sub(1).and_then(|at| renumberings.get(at));
    let entries = shown(node.saved, renumbering);
    let entries: Vec<Shown<'a>> =
        entries.into_iter().map(|entry| plain(scene, definition, entry)).collect();
    let plans: Vec<Plan<'a>> = entries.iter().map(|entry| plan(scene, host, entry)).collect();
    let mut primitives: Vec<usize> = Vec::new();
    for (entry, plan) in entries.iter().zip(&plans) {
        match plan {
            Plan::Linked(input) => set_input(scene, host, input, &entry.value),
            Plan::NewInput => new_input(scene, host, definition, entry),
            Plan::Primitive(inner) => {
                if !primitives.contains(inner) {
                    primitives.push(*inner);
                }
            }
            Plan::Picture | Plan::Lost(_) => {}
        }
    }
    for inner in primitives {
        let shown: Vec<&Shown<'a>> = entries
            .iter()
            .zip(&plans)
            .filter(|(_, plan)| **plan == Plan::Primitive(inner))
            .map(|(entry, _)| entry)
            .collect();
        unpick_primitive(scene, host, definition, inner, &shown);
    }
    for (entry, plan) in entries.iter().zip(&plans) {
        if let Plan::Lost(reason) = plan {
            lose(scene, host, entry, reason);
        }
    }
}

/// The entries of the file. One that is not a list of texts spoils them all, as in the front end.
fn shown<'a>(saved: UiNode<'a>, renumbering: Option<&Renumbering<'a>>) -> Vec<Shown<'a>> {
    let values =
        if let crate::ui::SavedValues::Listed(values) = saved.values() { values } else { &[] };
    let value = |at: usize| values.get(at).filter(|value| !value.is_null()).map(Held::Saved);
    match saved.property("proxyWidgets") {
        Some(Json::Array(entries)) => {
            let entry = |(at, entry): (usize, &'a Json)| {
                let (inner, widget, behind) = texts(entry)?;
                let inner = match renumbering {
                    Some(renumbering) if !renumbering.is_empty() => renumbering.of_reference(inner),
                    _ => inner,
                };
                Some(Shown { inner, widget, behind, value: value(at) })
            };
            entries.iter().enumerate().map(entry).collect::<Option<_>>().unwrap_or_default()
        }
        // In quotes, the list is not the file's, so its texts are copied.
        Some(Json::String(quoted)) => {
            let Ok(Json::Array(entries)) = Json::parse(quoted.as_bytes()) else {
                return Vec::new();
            };
            let owned = |text: Text<'_>| Cow::Owned(text.into_owned());
            let entry = |(at, entry): (usize, &Json)| {
                let (inner, widget, behind) = texts(entry)?;
                let behind = behind.map(owned);
                Some(Shown { inner: owned(inner), widget: owned(widget), behind, value: value(at) })
            };
            entries.iter().enumerate().map(entry).collect::<Option<_>>().unwrap_or_default()
        }
        _ => Vec::new(),
    }
}

fn texts(entry: &Json) -> Option<(Text<'_>, Text<'_>, Option<Text<'_>>)> {
    match entry.as_array()? {
        [Json::String(inner), Json::String(widget)] => {
            Some((Cow::Borrowed(inner), Cow::Borrowed(widget), None))
        }
        [Json::String(inner), Json::String(widget), Json::String(behind)] => {
            Some((Cow::Borrowed(inner), Cow::Borrowed(widget), Some(Cow::Borrowed(behind))))
        }
        _ => None,
    }
}

/// Names of an early form carry the way to the widget: `12: 34: seed`.
fn plain<'a>(scene: &Scene<'a>, definition: usize, entry: Shown<'a>) -> Shown<'a> {
    if leads_to_widget(scene, definition, &entry.inner, &entry.widget) {
        return entry;
    }
    let mut name: &str = &entry.widget;
    let mut behind = None;
    while let Some((number, rest)) = name.split_once(':') {
        let number = number.trim();
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            break;
        }
        behind = Some(number);
        name = rest.trim_start();
    }
    let behind = behind.map(|behind| Cow::Owned(behind.to_owned())).or(entry.behind);
    Shown { widget: Cow::Owned(name.to_owned()), behind, ..entry }
}

/// Whether a name leads to a widget, through as many instances as there are.
fn leads_to_widget(scene: &Scene<'_>, definition: usize, inner: &str, widget: &str) -> bool {
    let (mut definition, mut inner, mut widget) = (definition, Key::from(inner), widget.to_owned());
    // Definitions cannot nest deeper than there are definitions.
    for _ in 0..=scene.graphs.len() {
        let Some((_, node)) = scene.graph(definition).and_then(|graph| graph.node(&inner)) else {
            return false;
        };
        let Kind::Instance(next) = node.kind else { return node.body.widget(&widget).is_some() };
        let Some(graph) = scene.graph(next) else { return false };
        let at = graph.inputs.iter().position(|input| input.name == widget);
        let Some((next_inner, next_widget)) = at.and_then(|at| source(graph, at)) else {
            return false;
        };
        (definition, inner, widget) = (next, next_inner.clone(), next_widget.to_owned());
    }
    false
}

/// The inner node and the widget that an input of a subgraph leads to first.
fn source<'g>(graph: &'g Graph<'_>, at: usize) -> Option<(&'g Key, &'g str)> {
    graph.inputs.get(at)?.links.iter().find_map(|link| {
        let (node, slot) = graph.end_of(*link)?;
        match node.kind {
            Kind::Instance(_) => Some((&node.id, &*slot.socket.name)),
            Kind::Class(_) | Kind::Virtual(_) | Kind::Unknown => {
                let name = slot.widget.as_deref()?;
                node.body.widget(name).map(|widget| (&node.id, &*widget.field.name))
            }
        }
    })
}

fn is_at(source: Option<(&Key, &str)>, id: &str, name: &str) -> bool {
    source.is_some_and(|(own_id, own_name)| *own_id == *id && own_name == name)
}

fn plan<'a>(scene: &Scene<'a>, host: Place, entry: &Shown<'a>) -> Plan<'a> {
    let Some(node) = scene.node(host) else { return Plan::Picture };
    let Kind::Instance(definition) = node.kind else { return Plan::Picture };
    let Some(graph) = scene.graph(definition) else { return Plan::Picture };
    let leads_there = |at: usize| is_at(source(graph, at), &entry.inner, &entry.widget);
    if let Some(at) = (0..graph.inputs.len()).find(|at| leads_there(*at))
        && let Some(slot) = node.body.input(at)
    {
        return Plan::Linked(slot.name.clone());
    }
    let Some((at, inner)) = graph.node(&Key::from(&*entry.inner)) else {
        return Plan::Lost("is not in the subgraph");
    };
    if inner.kind.is(Virtual::Primitive) {
        if let Some(input) = unpick::replaced_by(scene, definition, at) {
            return Plan::Linked(input);
        }
        let links = inner.outputs.first().map(|output| output.links.as_slice());
        let linked = links.unwrap_or_default().iter().any(|link| graph.links.contains(*link));
        return if linked { Plan::Primitive(at) } else { Plan::Lost("is linked to nothing") };
    }
    if entry.widget.starts_with("$$") {
        return Plan::Picture;
    }
    match inner_slot(scene, definition, at, entry) {
        Ok(_) => Plan::NewInput,
        Err(plan) => plan,
    }
}

/// The input of an inner node that belongs to a widget.
fn inner_slot(
    scene: &Scene<'_>,
    definition: usize,
    at: usize,
    entry: &Shown<'_>,
) -> Result<usize, Plan<'static>> {
    let node = scene.graph(definition).and_then(|graph| graph.nodes.get(at));
    let node = node.ok_or(Plan::Lost("is not in the subgraph"))?;
    let mut slots = node.body.inputs();
    if let Kind::Instance(inner) = node.kind {
        let inner = scene.graph(inner);
        let is_meant = |at: usize, slot: &Input<'_, '_>| {
            let source = inner.and_then(|graph| source(graph, at));
            match &entry.behind {
                Some(behind) => is_at(source, behind, &entry.widget),
                None => {
                    slot.name == entry.widget
                        || source.is_some_and(|(_, widget)| widget == entry.widget)
                }
            }
        };
        let found = slots.enumerate().find(|(at, slot)| is_meant(*at, slot));
        let found = found.filter(|(_, slot)| slot.promoted.is_some());
        return found.map(|(at, _)| at).ok_or(Plan::Lost("has no such widget"));
    }
    let widget = node.body.widget(&entry.widget);
    let widget = widget.ok_or(Plan::Lost("has no such widget"))?;
    if widget.name == "audioUI" && !widget.sent {
        return Err(Plan::Picture);
    }
    let belongs = |slot: Input<'_, '_>| slot.widget.as_deref() == Some(&*entry.widget);
    slots.position(belongs).ok_or(Plan::Lost("has no input to link it by"))
}

fn set_input<'a>(scene: &mut Scene<'a>, host: Place, input: &str, value: &Value<'a>) {
    let Some(node) = scene.node_mut(host) else { return };
    let slot = node.body.own().inputs.iter_mut().find(|slot| slot.name == input);
    if let Some(promoted) = slot.and_then(|slot| slot.promoted.as_mut())
        && value.is_some()
    {
        promoted.value.clone_from(value);
    }
}

fn new_input<'a>(scene: &mut Scene<'a>, host: Place, definition: usize, entry: &Shown<'a>) {
    let node = scene.graph(definition).and_then(|graph| graph.node(&Key::from(&*entry.inner)));
    let Some(node) = node.map(|(at, _)| at) else { return };
    let Ok(slot) = inner_slot(scene, definition, node, entry) else { return };
    let inner = Place { graph: definition, node };
    let target = scene.node(inner).and_then(|node| node.body.input(slot));
    let Some(type_name) = target.map(|slot| slot.type_name.clone()) else { return };
    let name = add_input(scene, definition, &entry.widget, &type_name);
    connect(scene, inner, slot);
    set_input(scene, host, &name, &entry.value);
}

/// A new input of a definition and of all its instances, under a name that is free.
pub(super) fn add_input<'a>(
    scene: &mut Scene<'a>,
    definition: usize,
    base: &str,
    type_name: &Text<'a>,
) -> Text<'a> {
    let taken = |name: &str, graph: &Graph<'_>| graph.inputs.iter().any(|one| one.name == name);
    let mut name: Text<'a> = Cow::Owned(base.to_owned());
    let Some(graph) = scene.graph_mut(definition) else { return name };
    let mut count = 0;
    while taken(&name, graph) {
        count += 1;
        name = Cow::Owned(format!("{base}_{count}"));
    }
    let links = Vec::new();
    graph.inputs.push(Boundary { name: name.clone(), type_name: type_name.clone(), links });
    for place in instances(scene, definition) {
        if let Some(node) = scene.node_mut(place) {
            node.body.own().inputs.push(Slot::new(name.clone(), type_name.clone()));
        }
    }
    name
}

/// Links the last input of a definition to an inner slot, whose link before it loses, and gives
/// every instance the value of the widget there.
pub(super) fn connect(scene: &mut Scene<'_>, inner: Place, slot: usize) {
    disconnect(scene, inner, slot);
    scene.numbers.link = scene.numbers.link.saturating_add(1);
    let id = scene.numbers.link;
    let Some(graph) = scene.graph_mut(inner.graph) else { return };
    let Some(input) = graph.inputs.len().checked_sub(1) else { return };
    let Some(node) = graph.nodes.get_mut(inner.node) else { return };
    let Some(target) = node.body.own().inputs.get_mut(slot) else { return };
    target.link = Some(id);
    let link =
        Link { origin: INPUTS_ID, origin_slot: input, target: node.id.clone(), target_slot: slot };
    graph.links.insert(id, link);
    if let Some(boundary) = graph.inputs.get_mut(input) {
        boundary.links.push(id);
    }
    promote_instances(scene, inner.graph, input);
}

/// Cuts the link to an inner slot; what comes from an input of the subgraph no longer does.
pub(super) fn disconnect(scene: &mut Scene<'_>, inner: Place, slot: usize) {
    let Some(graph) = scene.graph_mut(inner.graph) else { return };
    let Some(node) = graph.nodes.get_mut(inner.node) else { return };
    let Some(id) = node.body.own().inputs.get_mut(slot).and_then(|slot| slot.link.take()) else {
        return;
    };
    let Some(link) = graph.links.swap_remove(id) else { return };
    if link.origin != INPUTS_ID {
        unlist(graph, &link, id);
        return;
    }
    if let Some(boundary) = graph.inputs.get_mut(link.origin_slot) {
        boundary.links.retain(|one| *one != id);
        promote_instances(scene, inner.graph, link.origin_slot);
    }
}

fn unlist(graph: &mut Graph<'_>, link: &Link, id: LinkId) {
    let Some(origin) = graph.node_mut(&link.origin) else { return };
    if let Some(output) = origin.outputs.get_mut(link.origin_slot) {
        output.links.retain(|one| *one != id);
    }
}

/// Gives all instances the value behind an input of their definition; a value of their own they
/// keep.
fn promote_instances(scene: &mut Scene<'_>, definition: usize, input: usize) {
    let Some(promoted) = scene.graph(definition).map(|graph| instance::promotion(graph, input))
    else {
        return;
    };
    for place in instances(scene, definition) {
        let Some(node) = scene.node_mut(place) else { continue };
        let Some(slot) = node.body.own().inputs.get_mut(input) else { continue };
        let own: Option<Promoted<'_>> =
            slot.promoted.take().filter(|_| promoted.is_some()).map(|own| *own);
        instance::promote(slot, own.or_else(|| promoted.clone()));
    }
}

fn instances(scene: &Scene<'_>, definition: usize) -> Vec<Place> {
    scene.instances.get(definition).cloned().unwrap_or_default()
}

fn unpick_primitive<'a>(
    scene: &mut Scene<'a>,
    host: Place,
    definition: usize,
    primitive: usize,
    shown: &[&Shown<'a>],
) {
    let Some(first) = shown.first() else { return };
    let same_widget = shown.iter().all(|entry| entry.widget == first.widget);
    let input = if same_widget {
        unpick::replace_primitive(scene, definition, primitive, &first.widget)
    } else {
        None
    };
    match input {
        Some(input) => {
            let value = shown.iter().find_map(|entry| entry.value.clone());
            set_input(scene, host, &input, &value);
        }
        None => {
            for entry in shown {
                lose(scene, host, entry, "cannot be taken from its primitive node");
            }
        }
    }
}

/// An entry that leads nowhere. One that names an input of the instance still sets it.
fn lose<'a>(scene: &mut Scene<'a>, host: Place, entry: &Shown<'a>, reason: &'static str) {
    if entry.inner == "-1" {
        set_input(scene, host, &entry.widget, &entry.value);
        return;
    }
    let Some(node) = scene.node(host) else { return };
    let finding = Finding::LostPromotion {
        node: node.id.to_string(),
        inner: entry.inner.to_string(),
        widget: entry.widget.to_string(),
        reason,
    };
    scene.findings.push(finding);
}

//! Instances of subgraphs: their inputs are the definition's, and an input that leads to a
//! widget inside has a value of its own, which counts instead of the widget's.

use super::{
    body::Body,
    filled::Input,
    scene::{Graph, Held, Kind, Node, Output, Promoted, Scene, Slot},
};
use crate::{
    hash::HashMap,
    json::Json,
    ui::{SavedValues, UiInput, UiNode},
};

/// An instance, filled from a file: the links, and the values that are its own.
pub(super) fn load<'a>(
    scene: &Scene<'a>,
    definition: usize,
    saved: UiNode<'a>,
) -> (Body<'a>, Vec<Output<'a>>) {
    let mut body = Body::default();
    let Some(graph) = scene.graph(definition) else { return (body, Vec::new()) };
    let by_name: HashMap<&str, UiInput<'a>> =
        saved.inputs().map(|input| (input.name, input)).collect();
    for at in 0..graph.inputs.len() {
        body.inputs.extend(slot(graph, at, &by_name));
    }
    set_values(&mut body, saved);
    let mut from_file = saved.outputs();
    let outputs = graph.outputs.iter().map(|boundary| Output {
        type_name: boundary.type_name.clone(),
        links: from_file.next().map(|output| output.links).unwrap_or_default(),
    });
    (body, outputs.collect())
}

fn slot<'a>(
    graph: &Graph<'a>,
    at: usize,
    by_name: &HashMap<&str, UiInput<'a>>,
) -> Option<Slot<'a>> {
    let boundary = graph.inputs.get(at)?;
    let mut slot = Slot::new(boundary.name.clone(), boundary.type_name.clone());
    slot.link = by_name.get(&*boundary.name).and_then(|input| input.link);
    promote(&mut slot, promotion(graph, at));
    Some(slot)
}

/// Gives an input the value of the widget that it leads to.
pub(super) fn promote<'a>(slot: &mut Slot<'a>, promoted: Option<Promoted<'a>>) {
    slot.set_widget(promoted.is_some());
    slot.promoted = promoted.map(Box::new);
}

/// What the widget holds that an input of a subgraph leads to: the first there is.
pub(super) fn promotion<'a>(graph: &Graph<'a>, at: usize) -> Option<Promoted<'a>> {
    let links = &graph.inputs.get(at)?.links;
    links.iter().find_map(|link| {
        let (node, slot) = graph.end_of(*link)?;
        promoted_at(node, slot)
    })
}

/// The widget behind an input of an inner node: of a node of a class its own, of an instance the
/// value that it has for the input.
pub(super) fn promoted_at<'a>(node: &Node<'a>, slot: Input<'_, 'a>) -> Option<Promoted<'a>> {
    match node.kind {
        Kind::Instance(_) => slot.promoted.cloned(),
        Kind::Class(_) | Kind::Virtual(_) => {
            let widget = node.body.widget(slot.widget.as_deref()?)?;
            Some(Promoted { choices: widget.choices(), value: widget.value.into_owned() })
        }
        // The file says that there is a widget; only the instance's value of it can be known.
        Kind::Unknown => slot.widget.as_ref().map(|_| Promoted { value: None, choices: None }),
    }
}

/// The values of the file: by position over the inputs that lead to widgets, except those that a
/// newer front end has set aside by name.
fn set_values<'a>(body: &mut Body<'a>, saved: UiNode<'a>) {
    let aside = set_aside(saved);
    let named = match saved.values() {
        SavedValues::Named(values) => Some(values),
        SavedValues::Missing => saved.named_values(),
        SavedValues::Listed(_) => None,
    };
    let listed = if let SavedValues::Listed(values) = saved.values() { values } else { &[] };
    let mut listed = listed.iter();
    for slot in &mut body.inputs {
        let Some(promoted) = &mut slot.promoted else { continue };
        let name = &*slot.socket.name;
        let listed = listed.next();
        let named = || named.and_then(|values| values.get(name));
        let value = aside.get(name).copied().or(listed).or_else(named);
        if let Some(value) = value {
            promoted.value = Some(Held::Saved(value));
        }
    }
}

/// Values that a newer front end could not place when it read an older file; of several for one
/// input the first counts.
fn set_aside(saved: UiNode<'_>) -> HashMap<&str, &Json> {
    let entries = saved.property("proxyWidgetErrorQuarantine").and_then(Json::as_array);
    entries.unwrap_or_default().iter().rev().filter_map(read_aside).collect()
}

fn read_aside(entry: &Json) -> Option<(&str, &Json)> {
    let [Json::String(node), Json::String(name), ..] = entry.get("originalEntry")?.as_array()?
    else {
        return None;
    };
    let value = entry.get("hostValue").filter(|value| !value.is_null())?;
    (**node == *"-1").then_some((name, value))
}

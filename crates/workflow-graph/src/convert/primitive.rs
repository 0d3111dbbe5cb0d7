//! Primitive nodes: each has a copy of the widget it is linked to, and sets the widgets of all
//! its links before anything is sent.

use std::borrow::Cow;

use super::{
    filled::Setting,
    rounding::{Range, rounded},
    scene::{Graph, Held, Place, Scene, Value, Virtual},
    text,
    widget::{Widget, WidgetKind, is_widget_type, truthy},
};
use crate::{catalog::InputSpec, json::Json, ui::SavedValues};

/// Gives every primitive node its widget. The value is the file's; a number is then brought into
/// the range that all its targets share, as the front end does when it reads a file.
pub(super) fn make_widgets(scene: &mut Scene<'_>) {
    for place in primitives(scene) {
        let Some(graph) = scene.graph(place.graph) else { continue };
        let Some(widget) = make_widget(graph, place.node) else { continue };
        if let Some(node) = scene.node_mut(place) {
            node.body.own().widgets = vec![widget];
        }
    }
}

fn primitives(scene: &Scene<'_>) -> Vec<Place> {
    if !scene.present.primitives {
        return Vec::new();
    }
    let is_primitive =
        |place: &Place| scene.node(*place).is_some_and(|node| node.kind.is(Virtual::Primitive));
    scene.places().filter(is_primitive).collect()
}

/// The widget of the node at a place, if it is a linked primitive node.
pub(super) fn make_widget<'a>(graph: &Graph<'a>, primitive: usize) -> Option<Widget<'a>> {
    let node = graph.nodes.get(primitive).filter(|node| node.kind.is(Virtual::Primitive))?;
    let links = &node.outputs.first()?.links;
    let target = Target::of(graph, *links.first()?)?;
    let saved = match node.saved.values() {
        SavedValues::Listed(values) => values.first().map(Held::Saved),
        SavedValues::Named(values) => values.get("value").map(Held::Saved),
        SavedValues::Missing => None,
    };
    let (value, kind) = match target {
        Target::Widget(widget) => (widget.value.clone().into_owned(), widget.kind),
        Target::Promoted(value) => (value.clone(), WidgetKind::Other),
        Target::Typed(type_name) => (usual(type_name), WidgetKind::Other),
    };
    let mut widget = Widget::new(Cow::Borrowed("value"), saved.or(value), kind);
    let ranges = links.iter().filter_map(|link| {
        let Target::Widget(widget) = Target::of(graph, *link)? else { return None };
        let (WidgetKind::Int(spec) | WidgetKind::Float(spec)) = widget.kind else { return None };
        Some(spec)
    });
    if let WidgetKind::Int(first) | WidgetKind::Float(first) = kind {
        let range = ranges.fold(Range::of(first), |range, spec: &InputSpec| range.joined(spec));
        widget.value = widget.value.map(|value| range.brought_into(kind, value));
    }
    Some(widget)
}

/// What a link of a primitive node leads to.
enum Target<'g, 'a> {
    Widget(Setting<'g, 'a>),
    Promoted(&'g Value<'a>),
    /// A socket of a type that has a widget.
    Typed(&'g str),
}

impl<'g, 'a> Target<'g, 'a> {
    fn of(graph: &'g Graph<'a>, link: i64) -> Option<Self> {
        let link = graph.links.get(link)?;
        let (_, node) = graph.node(&link.target)?;
        let slot = node.body.input(link.target_slot)?;
        if let Some(promoted) = slot.promoted {
            return Some(Self::Promoted(&promoted.value));
        }
        match &slot.socket.widget {
            Some(name) => node.body.widget(name).map(Self::Widget),
            None => is_widget_type(&slot.type_name).then_some(Self::Typed(&slot.socket.type_name)),
        }
    }
}

fn usual(type_name: &str) -> Value<'static> {
    let value = match type_name {
        "INT" | "FLOAT" => Json::from(0_u64),
        "BOOLEAN" => Json::from(false),
        "COMBO" => return None,
        _ => Json::from(""),
    };
    Some(Held::from(value))
}

/// Lets every primitive node set the widgets it is linked to.
pub(super) fn push_values(scene: &mut Scene<'_>) {
    for place in primitives(scene) {
        let Some(node) = scene.node(place) else { continue };
        let Some(widget) = node.body.widgets().next() else { continue };
        let mut value = widget.value.into_owned();
        if truthy(node.saved.property("Run widget replace on values"))
            && let Some(Json::String(pattern)) = value.as_deref()
        {
            let filled = text::fill_names(scene, pattern);
            value = Some(Held::from(Json::from(filled)));
        }
        let links = node.outputs.first().map(|output| output.links.clone()).unwrap_or_default();
        for link in links {
            push_value(scene, place.graph, link, &value);
        }
    }
}

fn push_value<'a>(scene: &mut Scene<'a>, graph: usize, link: i64, value: &Value<'a>) {
    let Some(graph) = scene.graph_mut(graph) else { return };
    let Some(link) = graph.links.get(link) else { return };
    let (target, slot) = (link.target.clone(), link.target_slot);
    let Some(node) = graph.node_mut(&target) else { return };
    let (kind, saved) = (node.kind, node.saved);
    let Some(slot) = node.body.own().inputs.get_mut(slot) else { return };
    if let Some(promoted) = &mut slot.promoted {
        promoted.value.clone_from(value);
        return;
    }
    let name = slot.widget.clone();
    let Some(at) = name.and_then(|name| node.body.widget_position(&name)) else { return };
    let body = node.body.own();
    let Some(widget) = body.widgets.get(at) else { return };
    let value = value.clone().map(|value| rounded(kind, saved, widget.kind, value));
    body.set(at, value);
}

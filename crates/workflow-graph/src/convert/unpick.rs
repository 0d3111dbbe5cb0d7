//! A primitive node whose widget an instance shows: an input of the subgraph takes its place.

use super::{
    migrate::{add_input, connect, disconnect},
    scene::{Graph, Place, Scene},
    widget::{Field, WidgetKind, same},
};
use crate::{catalog::InputSpec, json::Json, ui::Text};

/// The input that took the place of a primitive node before, here or in the file.
pub(super) fn replaced_by<'a>(
    scene: &Scene<'a>,
    definition: usize,
    primitive: usize,
) -> Option<Text<'a>> {
    let graph = scene.graph(definition)?;
    let here = graph.replaced.get(&primitive).cloned();
    let saved = graph.nodes.get(primitive)?.saved;
    let in_file = || {
        let name = saved.property("proxyBypassedToSubgraphInput").and_then(Json::as_str)?;
        Some(Text::Borrowed(name))
    };
    let name = here.or_else(in_file)?;
    graph.inputs.iter().any(|input| input.name == name).then_some(name)
}

/// Links a new input of the subgraph to everything that a primitive node sets. Nothing changes
/// where one of the targets does not fit; the answer is the name of the input.
pub(super) fn replace_primitive<'a>(
    scene: &mut Scene<'a>,
    definition: usize,
    primitive: usize,
    widget: &str,
) -> Option<Text<'a>> {
    let graph = scene.graph(definition)?;
    let node = graph.nodes.get(primitive)?;
    let output = node.outputs.first()?;
    let targets = targets(graph, &output.links)?;
    let wanted = output.type_name.clone();
    let fits = |(at, slot): &(usize, usize)| {
        let slot = graph.nodes.get(*at).and_then(|node| node.body.input(*slot));
        slot.is_some_and(|slot| slot.type_name == wanted || slot.type_name == "*" || wanted == "*")
    };
    if targets.is_empty() || !targets.iter().all(fits) || !alike(graph, &targets) {
        return None;
    }
    let base = match node.saved.title() {
        Some("PrimitiveNode") => widget,
        Some(title) => title,
        None => "Primitive",
    };
    let base = base.to_owned();
    let name = add_input(scene, definition, &base, &wanted);
    let targets = targets.into_iter().map(|(node, slot)| (Place { graph: definition, node }, slot));
    for (inner, slot) in targets.clone() {
        disconnect(scene, inner, slot);
    }
    for (inner, slot) in targets {
        connect(scene, inner, slot);
    }
    scene.graph_mut(definition)?.replaced.insert(primitive, name.clone());
    Some(name)
}

/// Where links end, by the slots that the links themselves name.
fn targets(graph: &Graph<'_>, links: &[i64]) -> Option<Vec<(usize, usize)>> {
    let target = |id: &i64| {
        let link = graph.links.get(*id)?;
        Some((graph.node(&link.target)?.0, link.target_slot))
    };
    links.iter().map(target).collect()
}

/// Whether one widget can stand for those of all targets: the same kind with the same range.
fn alike(graph: &Graph<'_>, targets: &[(usize, usize)]) -> bool {
    let widget = |(at, slot): &(usize, usize)| {
        let node = graph.nodes.get(*at)?;
        node.body.widget(node.body.input(*slot)?.widget.as_deref()?)
    };
    let mut widgets = targets.iter().filter_map(widget);
    let Some(first) = widgets.next() else { return true };
    widgets.all(|other| is_like(&first, &other))
}

fn is_like(one: &Field<'_>, other: &Field<'_>) -> bool {
    let same_range = |one: &InputSpec, other: &InputSpec| {
        ["min", "max", "step", "display"]
            .iter()
            .all(|option| same(one.options.get(option), other.options.get(option)))
    };
    match (one.kind, other.kind) {
        (WidgetKind::Int(one), WidgetKind::Int(other))
        | (WidgetKind::Float(one), WidgetKind::Float(other)) => same_range(one, other),
        (WidgetKind::Text { area: one, .. }, WidgetKind::Text { area: other, .. }) => one == other,
        (one, other) => std::mem::discriminant(&one) == std::mem::discriminant(&other),
    }
}

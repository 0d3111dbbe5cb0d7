//! What the front end puts right once all graphs are loaded.

use super::{
    body::Body,
    filled::Filled,
    migrate::disconnect,
    primitive,
    scene::{Held, Kind, Place, Present, ROOT, Scene},
    widget::{Widget, WidgetKind, truthy},
};
use crate::json::Json;

pub(super) fn settle(scene: &mut Scene<'_>) {
    let Present { unsettled, primitives, .. } = scene.present;
    if primitives {
        number_link_ends(scene);
    }
    if unsettled {
        remove_widgetless_inputs(scene);
    }
    primitive::make_widgets(scene);
    if unsettled || primitives {
        choose_where_null(scene);
    }
}

/// Links name the slot where they end; what counts is where the slot is now. From here on only
/// primitive nodes ask.
fn number_link_ends(scene: &mut Scene<'_>) {
    for graph in scene.graphs.iter_mut().filter(|graph| !graph.straight) {
        for node in &graph.nodes {
            for (at, link) in node.body.links() {
                if let Some(link) = graph.links.get_mut(link) {
                    link.target_slot = at;
                }
            }
        }
    }
}

/// An input that a file has for a widget which is no more is removed with its link. The front end
/// walks the list while it removes, so each pass misses the input behind a removed one; a
/// subgraph gets a pass for each instance.
fn remove_widgetless_inputs(scene: &mut Scene<'_>) {
    for graph in 0..scene.graphs.len() {
        let instances = scene.instances.get(graph).map_or(0, Vec::len);
        let passes = if graph == ROOT { 1 } else { instances };
        let count = scene.graph(graph).map_or(0, |graph| graph.nodes.len());
        for place in (0..count).map(|node| Place { graph, node }) {
            for _ in 0..passes {
                if !remove_pass(scene, place) {
                    break;
                }
            }
        }
    }
}

/// One pass over the inputs of a node; whether anything was removed.
fn remove_pass(scene: &mut Scene<'_>, place: Place) -> bool {
    let mut removed = false;
    let mut at = 0;
    while let Some(node) = scene.node(place) {
        let Kind::Class(_) = node.kind else { return false };
        if at >= node.body.input_count() {
            break;
        }
        if node.body.is_widgetless(at) {
            disconnect(scene, place, at);
            if let Some(node) = scene.node_mut(place) {
                node.body.own().inputs.remove(at);
            }
            removed = true;
        }
        at += 1;
    }
    if removed && let Some(graph) = scene.graphs.get_mut(place.graph) {
        let node = graph.nodes.get(place.node);
        for (at, link) in node.into_iter().flat_map(|node| node.body.links()) {
            if let Some(link) = graph.links.get_mut(link) {
                link.target_slot = at;
            }
        }
    }
    removed
}

/// A combo that a file leaves `null` takes its first choice, and a name of samplers from before
/// 2023 loses its prefix.
fn choose_where_null(scene: &mut Scene<'_>) {
    for node in scene.graphs.iter_mut().flat_map(|graph| &mut graph.nodes) {
        if let Filled::Own(body) = &mut node.body {
            choose_in(body);
        }
        if let Some((at, name)) = renamed_sampler(node.kind, &node.body) {
            let name = Json::from(name);
            node.body.own().set(at, Some(Held::from(name)));
        }
    }
}

fn choose_in(body: &mut Body<'_>) {
    for slot in &mut body.inputs {
        let Some(promoted) = &mut slot.promoted else { continue };
        if is_null(promoted.value.as_deref())
            && let Some(first) = promoted.choices.and_then(super::scene::Choices::first)
        {
            promoted.value = Some(first);
        }
    }
    for at in 0..body.widgets.len() {
        if let Some(first) = first_choice(&body.widgets, at) {
            body.set(at, Some(first));
        }
    }
}

/// The widget that names a sampler as before 2023, and the name without its prefix.
fn renamed_sampler(kind: Kind<'_>, body: &Filled<'_>) -> Option<(usize, String)> {
    let Kind::Class(class) = kind else { return None };
    if !matches!(&*class.name, "KSampler" | "KSamplerAdvanced") {
        return None;
    }
    let widget = body.widget("sampler_name")?;
    let name = widget.value.as_deref().and_then(Json::as_str)?.strip_prefix("sample_")?;
    Some((body.widget_position("sampler_name")?, name.to_owned()))
}

/// Whether [`choose_where_null`] may have something to do in a node.
pub(super) fn may_choose(kind: Kind<'_>, body: &Filled<'_>) -> bool {
    let has_promoted = matches!(kind, Kind::Instance(_));
    let has_null =
        |body: &Body<'_>| body.widgets.iter().any(|widget| is_null(widget.value.as_deref()));
    has_promoted
        || matches!(body, Filled::Own(body) if has_null(body))
        || renamed_sampler(kind, body).is_some()
}

fn is_null(value: Option<&Json>) -> bool {
    value.is_none_or(Json::is_null)
}

/// What a combo is set to that has no value.
pub(super) fn first_choice<'a>(widgets: &[Widget<'a>], at: usize) -> Option<Held<'a>> {
    let widget = widgets.get(at).filter(|widget| is_null(widget.value.as_deref()))?;
    let is_option = |widget: &&Widget<'_>| {
        matches!(widget.kind, WidgetKind::CustomOption) && truthy(widget.value.as_deref())
    };
    let own = || widgets.iter().find(is_option).and_then(|widget| widget.value.clone());
    widget.choices()?.first().or_else(own)
}

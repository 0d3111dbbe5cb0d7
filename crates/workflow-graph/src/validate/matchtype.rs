//! Sockets whose type is settled by what is linked. A server lets every link to and from them
//! pass, and the node then fails on what it gets; the front end refuses such links.

use std::collections::HashMap;

use super::{Warning, WarningKind, context::Context, expand::Plan};
use crate::{
    catalog::{InputKind, NodeClass},
    json::Json,
};

/// The types a template may still have; none for any.
type Types<'a> = Option<Vec<&'a str>>;

pub(super) fn conflicts(context: Context<'_>) -> Vec<Warning> {
    if !context.known().any(|(_, class)| has_templates(class)) {
        return Vec::new();
    }
    let mut settled: HashMap<(usize, &str), Types<'_>> = HashMap::new();
    let mut warnings = Vec::new();
    for node in upstream_first(context) {
        let Some(class) = context.class(node) else { continue };
        if !has_templates(class) {
            continue;
        }
        let inputs = context.inputs(node);
        for declared in Plan::of(class, inputs, context.profile).iter() {
            let InputKind::MatchType(template) = &declared.spec.kind else { continue };
            let link = inputs.and_then(|inputs| inputs.get(&declared.key));
            let Some((source, slot)) = link.and_then(|link| context.source(link)) else { continue };
            let received = received(context, &settled, source, slot);
            let before = settled
                .get(&(node, template.template.as_str()))
                .cloned()
                .unwrap_or_else(|| types(&template.allowed));
            match narrowed(&before, &received) {
                Some(narrower) => {
                    settled.insert((node, template.template.as_str()), narrower);
                }
                None => warnings.push(conflict(context, node, &declared.key, &before, &received)),
            }
        }
    }
    warnings
}

fn has_templates(class: &NodeClass) -> bool {
    class.outputs.iter().any(|output| output.match_template.is_some())
        || class.inputs.iter().any(|input| match &input.kind {
            InputKind::MatchType(_) => true,
            InputKind::Autogrow(group) => matches!(group.template.kind, InputKind::MatchType(_)),
            InputKind::Int
            | InputKind::Float
            | InputKind::Text
            | InputKind::Boolean
            | InputKind::Combo(_)
            | InputKind::DynamicCombo(_)
            | InputKind::DynamicSlot(_)
            | InputKind::Socket => false,
        })
}

fn received<'a>(
    context: Context<'a>,
    settled: &HashMap<(usize, &str), Types<'a>>,
    source: usize,
    slot: usize,
) -> Types<'a> {
    let output = context.class(source)?.outputs.get(slot)?;
    match &output.match_template {
        Some(template) => settled.get(&(source, template.as_str())).cloned().flatten(),
        None => types(output.type_name()?),
    }
}

fn types(list: &str) -> Types<'_> {
    let types: Vec<&str> = list.split(',').map(str::trim).collect();
    if types.contains(&"*") { None } else { Some(types) }
}

/// What both leave; none when that is nothing.
fn narrowed<'a>(one: &Types<'a>, other: &Types<'a>) -> Option<Types<'a>> {
    match (one, other) {
        (None, types) | (types, None) => Some(types.clone()),
        (Some(one), Some(other)) => {
            let both: Vec<&str> = one.iter().filter(|name| other.contains(name)).copied().collect();
            (!both.is_empty()).then_some(Some(both))
        }
    }
}

fn conflict(
    context: Context<'_>,
    node: usize,
    key: &str,
    wanted: &Types<'_>,
    received: &Types<'_>,
) -> Warning {
    let words = |types: &Types<'_>| {
        types.as_ref().map_or_else(|| "anything".to_owned(), |types| types.join(" or "))
    };
    let wanted_types = wanted.iter().flatten().map(|name| Json::from(*name)).collect();
    Warning {
        kind: WarningKind::MatchTypeConflict,
        node: context.id(node).to_owned(),
        input: Some(key.to_owned()),
        message: format!(
            "`{key}` must be {} here, but is linked to {}",
            words(wanted),
            words(received)
        ),
        choices: wanted_types,
    }
}

/// The nodes in an order in which each stands after those it is linked from; nodes on a circle
/// are left out.
fn upstream_first(context: Context<'_>) -> Vec<usize> {
    let count = context.nodes.len();
    let mut waiting = vec![0_usize; count];
    let mut consumers: Vec<Vec<usize>> = vec![Vec::new(); count];
    for node in 0..count {
        let inputs = context.inputs(node).and_then(Json::as_object);
        for (_, value) in inputs.into_iter().flatten() {
            if let Some((source, _)) = context.source(value)
                && let (Some(consumers), Some(waiting)) =
                    (consumers.get_mut(source), waiting.get_mut(node))
            {
                consumers.push(node);
                *waiting += 1;
            }
        }
    }
    let mut ready: Vec<usize> = (0..count).filter(|node| waiting.get(*node) == Some(&0)).collect();
    let mut at = 0;
    while let Some(node) = ready.get(at).copied() {
        at += 1;
        for consumer in consumers.get(node).into_iter().flatten() {
            if let Some(waiting) = waiting.get_mut(*consumer) {
                *waiting -= 1;
                if *waiting == 0 {
                    ready.push(*consumer);
                }
            }
        }
    }
    ready
}

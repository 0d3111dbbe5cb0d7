//! What a server does to a prompt before it looks at it: nodes of missing classes become nodes
//! of the classes that replace them.

use std::collections::HashMap;

use super::{Profile, Warning, WarningKind, custom::is_link, python};
use crate::{
    catalog::{NodeCatalog, NodeReplacement, ReplacedInput},
    json::{Json, Object},
};

pub(super) enum Outcome {
    Unchanged,
    Replaced {
        prompt: Json,
        warnings: Vec<Warning>,
    },
    /// The server breaks on the way.
    Fault {
        details: String,
    },
}

/// The links to a node: who has it, in which input, and from which slot.
type Consumers = HashMap<String, Vec<(String, String, Json)>>;

pub(super) fn replaced(prompt: &Json, catalog: &NodeCatalog, profile: Profile) -> Outcome {
    // The older server has no such step.
    let (Json::Object(nodes), Profile::V0_33) = (prompt, profile) else {
        return Outcome::Unchanged;
    };
    let mut to_replace: Vec<(&str, &NodeReplacement)> = Vec::new();
    for (id, node) in nodes {
        match stale_class(node, catalog) {
            Ok(None) => {}
            Ok(Some(replacement)) => to_replace.push((id, replacement)),
            Err(problem) => return Outcome::Fault { details: format!("node {id} {problem}") },
        }
    }
    if to_replace.is_empty() {
        return Outcome::Unchanged;
    }
    let consumers = consumers(nodes);
    let mut changed = nodes.clone();
    let mut warnings = Vec::new();
    for (id, replacement) in to_replace {
        match replace_one(&mut changed, id, replacement, &consumers) {
            Ok(warning) => warnings.push(warning),
            Err(details) => return Outcome::Fault { details },
        }
    }
    Outcome::Replaced { prompt: Json::Object(changed), warnings }
}

/// The replacement of a node's class, when it is missing and the new one is not.
fn stale_class<'c>(
    node: &Json,
    catalog: &'c NodeCatalog,
) -> Result<Option<&'c NodeReplacement>, &'static str> {
    let has = |name: &str| match node {
        Json::Object(members) => Some(members.contains_key(name)),
        Json::String(text) => Some(text.contains(name)),
        Json::Array(items) => Some(items.iter().any(|item| item.as_str() == Some(name))),
        Json::Null | Json::Bool(_) | Json::Number(_) => None,
    };
    match (has("class_type"), has("inputs")) {
        (None, _) | (_, None) => return Err("is not an object"),
        (Some(true), Some(true)) => {}
        _ => return Ok(None),
    }
    let (Some(class), Some(Json::Object(_))) = (node.get("class_type"), node.get("inputs")) else {
        return Err("is not an object with `inputs` that are one");
    };
    match class {
        Json::Array(_) | Json::Object(_) => Err("has a class_type that is no text"),
        Json::String(class) if catalog.class(class).is_none() => {
            let first = catalog.replacements(class).first();
            Ok(first.filter(|replacement| catalog.class(&replacement.new_class).is_some()))
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => Ok(None),
    }
}

fn consumers(nodes: &Object) -> Consumers {
    let mut consumers = Consumers::new();
    for (id, node) in nodes {
        // A node without a class does not get this far on the server.
        let inputs = node.get("class_type").and(node.get("inputs")).and_then(Json::as_object);
        for (input, value) in inputs.into_iter().flatten().filter(|(_, value)| is_link(value)) {
            if let Some([Json::String(from), slot]) = value.as_array() {
                let consumer = (id.to_string(), input.to_string(), slot.clone());
                consumers.entry(from.to_string()).or_default().push(consumer);
            }
        }
    }
    consumers
}

fn replace_one(
    nodes: &mut Object,
    id: &str,
    replacement: &NodeReplacement,
    consumers: &Consumers,
) -> Result<Warning, String> {
    let node = nodes.get(id).and_then(Json::as_object).cloned().unwrap_or_default();
    let old_class = node.get("class_type").and_then(Json::as_str).unwrap_or_default().to_owned();
    let new_class = &replacement.new_class;
    let cannot = |problem: &str| {
        format!("node {id} ({old_class}), which the server replaces by {new_class}, {problem}")
    };
    if node.get("_meta").is_none_or(|meta| meta.as_object().is_none()) {
        return Err(cannot("has no `_meta` object; the server needs one"));
    }
    let mut inputs = Object::new();
    for rule in &replacement.inputs {
        let (new, value) = match rule {
            ReplacedInput::Set { new, value } => (new, value.clone()),
            ReplacedInput::Renamed { old, new } => {
                let value = node.get("inputs").and_then(|inputs| inputs.get(old));
                (new, value.cloned().ok_or_else(|| cannot(&format!("has no input `{old}`")))?)
            }
        };
        inputs.insert(new.clone(), value);
    }
    let mut new_node = node;
    new_node.insert("inputs", Json::Object(inputs));
    new_node.insert("class_type", Json::from(new_class.as_str()));
    nodes.insert(id, Json::Object(new_node));
    for (consumer, input, slot) in consumers.get(id).into_iter().flatten() {
        let new_slot = replacement
            .outputs
            .iter()
            .rev()
            .find(|(old, _)| python::equal(slot, &Json::from(u64::from(*old))));
        let Some((_, new_slot)) = new_slot else { continue };
        let value = nodes.get_mut(consumer).and_then(|node| input_mut(node, input));
        match value {
            Some(Json::Array(items)) if items.len() == 2 => {
                items.truncate(1);
                items.push(Json::from(u64::from(*new_slot)));
            }
            _ => {
                return Err(format!(
                    "node {consumer} has lost its input `{input}` to a replacement"
                ));
            }
        }
    }
    Ok(Warning {
        kind: WarningKind::ReplacedNode,
        node: id.to_owned(),
        input: None,
        message: format!("the server replaces the missing class {old_class} by {new_class}"),
        choices: vec![Json::from(new_class.as_str())],
    })
}

fn input_mut<'n>(node: &'n mut Json, input: &str) -> Option<&'n mut Json> {
    let Json::Object(members) = node else { return None };
    let Some(Json::Object(inputs)) = members.get_mut("inputs") else { return None };
    inputs.get_mut(input)
}

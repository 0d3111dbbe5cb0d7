//! The verdict as a whole: every node has a class, there is an output, some output is valid.

use std::collections::HashSet;

use indexmap::IndexMap;

use super::{
    NodeErrors, Profile, Refusal, RefusalKind, Targets, Verdict, advise, alternatives,
    context::{Context, Part},
    python,
    walk::Walk,
};
use crate::{
    catalog::NodeCatalog,
    json::{Json, Object},
    near,
};

pub(super) fn verdict(
    prompt: &Json,
    catalog: &NodeCatalog,
    targets: Targets<'_>,
    profile: Profile,
) -> Verdict {
    let empty = Object::new();
    // An older server only goes over what it is given, and over nothing in these.
    let holds_nothing = prompt.as_array().is_some_and(<[Json]>::is_empty)
        || prompt.as_str().is_some_and(str::is_empty);
    let nodes = match prompt.as_object() {
        Some(nodes) => nodes,
        None if holds_nothing && profile == Profile::V0_8 => &empty,
        None => {
            return fault(format!("the prompt is {} and not an object of nodes", prompt.kind()));
        }
    };
    if let Some(refusal) = without_known_class(nodes, catalog, profile) {
        return Verdict { refusal: Some(refusal), ..Verdict::default() };
    }
    let parts = Part::all(nodes, catalog);
    judged(Context { nodes, parts: &parts, catalog, profile }, targets)
}

/// The verdict on a prompt whose classes are all known.
pub(super) fn judged(context: Context<'_>, targets: Targets<'_>) -> Verdict {
    let outputs = outputs(context, targets);
    let mut walk = Walk::new(context);
    let mut verdict = if outputs.is_empty() {
        Verdict { refusal: Some(no_outputs(context)), ..Verdict::default() }
    } else {
        checked(&mut walk, context, &outputs)
    };
    verdict.warnings = advise::warnings(context, &walk);
    verdict
}

/// Our words: the server has none.
const FAULT_MESSAGE: &str = "the server breaks on this prompt and answers status 500";

/// What a server cannot even refuse: it answers status 500.
pub(super) fn fault(details: String) -> Verdict {
    let refusal = refusal(RefusalKind::ServerFault, FAULT_MESSAGE.to_owned(), details);
    Verdict { refusal: Some(refusal), ..Verdict::default() }
}

/// The refusal of the first node that has no class or none that is known.
fn without_known_class(nodes: &Object, catalog: &NodeCatalog, profile: Profile) -> Option<Refusal> {
    nodes.iter().find_map(|(id, node)| {
        let Some(members) = node.as_object() else { return Some(odd_node(id, node, profile)) };
        let named = members.get("class_type");
        match named {
            Some(Json::String(name)) if catalog.class(name).is_some() => None,
            Some(Json::Array(_) | Json::Object(_)) => {
                Some(fault_of(id, "has a class_type that is no text"))
            }
            _ => Some(unknown_class(id, node, named, catalog, profile)),
        }
    })
}

/// A node that is no object. An older server asks a text or a list whether `class_type` is in it.
fn odd_node(id: &str, node: &Json, profile: Profile) -> Refusal {
    let holds_the_word = match node {
        Json::String(text) => text.contains("class_type"),
        Json::Array(items) => items.iter().any(|item| item.as_str() == Some("class_type")),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_) => true,
    };
    if profile == Profile::V0_8 && !holds_the_word {
        return without_class(id, node, profile);
    }
    fault_of(id, &format!("is {} and not an object", node.kind()))
}

fn fault_of(id: &str, problem: &str) -> Refusal {
    refusal(RefusalKind::ServerFault, FAULT_MESSAGE.to_owned(), format!("node {id} {problem}"))
}

fn refusal(kind: RefusalKind, message: String, details: String) -> Refusal {
    let extra_info = Json::Object(Object::new());
    Refusal { kind, message, details, extra_info, choices: Vec::new() }
}

fn without_class(id: &str, node: &Json, profile: Profile) -> Refusal {
    let details = format!("Node ID '#{id}'");
    if profile == Profile::V0_8 {
        let message = "Cannot execute because a node is missing the class_type property.";
        return refusal(RefusalKind::InvalidPrompt, message.to_owned(), details);
    }
    let Ok(title) = title(node) else { return fault_of(id, "has a `_meta` that is no object") };
    let name = match title {
        Some(title) if python::truth(title) => python::text(title).into_owned(),
        _ => format!("ID #{id}"),
    };
    let message = format!(
        "Node '{name}' has no class_type. The workflow may be corrupted or a custom node is missing."
    );
    let title = title.cloned().unwrap_or_default();
    Refusal {
        extra_info: offender(id, Json::Null, title),
        ..refusal(RefusalKind::MissingNodeType, message, details)
    }
}

/// How many classes are offered for one that the server lacks.
const CLASSES_OFFERED_MAX: usize = 5;

fn unknown_class(
    id: &str,
    node: &Json,
    named: Option<&Json>,
    catalog: &NodeCatalog,
    profile: Profile,
) -> Refusal {
    let Some(named) = named else { return without_class(id, node, profile) };
    let details = format!("Node ID '#{id}'");
    let text = python::text(named);
    let classes = catalog.classes().map(|class| class.name.as_str());
    let near = near::names(&text, classes, CLASSES_OFFERED_MAX);
    let choices = near.into_iter().map(str::to_owned).collect();
    if profile == Profile::V0_8 {
        let message = format!("Cannot execute because node {text} does not exist.");
        return Refusal { choices, ..refusal(RefusalKind::InvalidPrompt, message, details) };
    }
    let Ok(title) = title(node) else { return fault_of(id, "has a `_meta` that is no object") };
    let title = title.unwrap_or(named);
    let message =
        format!("Node '{}' not found. The custom node may not be installed.", python::text(title));
    Refusal {
        extra_info: offender(id, named.clone(), title.clone()),
        choices,
        ..refusal(RefusalKind::MissingNodeType, message, details)
    }
}

fn offender(id: &str, class_type: Json, title: Json) -> Json {
    Json::object([("node_id", Json::from(id)), ("class_type", class_type), ("node_title", title)])
}

/// `_meta.title`; an error where `_meta` is there and no object.
fn title(node: &Json) -> Result<Option<&Json>, ()> {
    match node.get("_meta") {
        None => Ok(None),
        Some(Json::Object(meta)) => Ok(meta.get("title")),
        Some(_) => Err(()),
    }
}

/// The places of the output nodes that are asked for.
fn outputs(context: Context<'_>, targets: Targets<'_>) -> Vec<usize> {
    let wanted: Option<HashSet<&str>> = match targets {
        Targets::All => None,
        Targets::Only(ids) => Some(ids.iter().map(String::as_str).collect()),
    };
    let is_wanted =
        |node: &usize| wanted.as_ref().is_none_or(|wanted| wanted.contains(context.id(*node)));
    let outputs = context.known().filter(|(_, class)| class.output_node).map(|(node, _)| node);
    outputs.filter(is_wanted).collect()
}

fn no_outputs(context: Context<'_>) -> Refusal {
    const OFFERED_MAX: usize = 5;
    let outputs = outputs(context, Targets::All).into_iter().take(OFFERED_MAX);
    let choices = outputs.map(|node| context.id(node).to_owned()).collect();
    let message = "Prompt has no outputs".to_owned();
    Refusal { choices, ..refusal(RefusalKind::NoOutputs, message, String::new()) }
}

fn checked(walk: &mut Walk<'_>, context: Context<'_>, outputs: &[usize]) -> Verdict {
    let mut verdict = Verdict::default();
    let mut lines: Vec<String> = Vec::new();
    let mut listed = IndexMap::new();
    for output in outputs {
        if walk.output(*output) {
            verdict.outputs.push(context.id(*output).to_owned());
            continue;
        }
        for node in walk.with_errors().iter().skip(listed.len()) {
            listed.insert(*node, verdict.failed_outputs.len());
        }
        if let Some(looked) = walk.looked(*output) {
            let line = |error: &super::Finding| format!("{}: {}", error.message, error.details);
            lines.extend(looked.errors.iter().map(line));
        }
        verdict.failed_outputs.push(context.id(*output).to_owned());
    }
    let others = alternatives::of(context, walk, outputs);
    for (node, listed_from) in listed {
        let mut errors = walk.take_errors(node);
        alternatives::add(&mut errors, others.get(&node));
        let class_type = context.class(node).map_or(String::new(), |class| class.name.to_string());
        let found = NodeErrors { class_type, errors, listed_from };
        verdict.node_errors.insert(context.id(node).to_owned(), found);
    }
    if verdict.outputs.is_empty() {
        let message = "Prompt outputs failed validation".to_owned();
        verdict.refusal = Some(refusal(RefusalKind::OutputsFailed, message, lines.join("\n")));
    }
    verdict
}

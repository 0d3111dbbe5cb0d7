//! The tools as a document, written from the same data that clients are given.

use std::{collections::BTreeSet, fmt::Write as _, sync::Arc};

use serde_json::{Map, Value};

use crate::{
    definition::Definition, names, offer::Offer, router, server, switching, toolsets::Toolset,
};

/// Every tool in Markdown, toolset by toolset: what it takes, what it may change, and the other
/// names under which it answers.
///
/// ```
/// assert!(mcp_tools::reference().contains("### `generate`"));
/// ```
pub fn reference() -> String {
    let definitions = server::definitions();
    let mut text = String::new();
    for toolset in Toolset::ALL {
        push(&mut text, format_args!("## {toolset}\n"));
        for definition in
            definitions.iter().filter(|definition| definition.toolset == Some(toolset))
        {
            describe(&mut text, definition);
        }
    }
    push(
        &mut text,
        format_args!(
            "## switching\n\nListed where the server was started with `--toolsets` and leaves some \
             out. Clients that opened a session hear of the longer list as \
             `notifications/tools/list_changed`, later ones (2026-07-28) where they listen. A \
             request over HTTP that stands alone has no session, and is refused.\n"
        ),
    );
    describe(&mut text, &switching::tool(&[]));
    push(&mut text, format_args!("## router\n\nListed by the profile `router` only.\n"));
    let all = Arc::new(Offer::new(definitions, BTreeSet::new(), ""));
    for definition in router::tools(&all) {
        describe(&mut text, &definition);
    }
    text.trim_end().to_owned() + "\n"
}

fn describe(text: &mut String, definition: &Definition) {
    let tool = &definition.tool;
    push(text, format_args!("### `{}`\n", tool.name));
    push(text, format_args!("{}\n", tool.description.as_deref().unwrap_or_default()));
    let aliases: Vec<String> = names::all()
        .filter(|(_, name)| *name == tool.name)
        .map(|(alias, _)| format!("`{alias}`"))
        .collect();
    let effect = if definition.is_read_only() { "Changes nothing." } else { effect(definition) };
    push(text, format_args!("{effect}{}\n", also(&aliases)));
    let none = Map::new();
    let arguments = tool.input_schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    if arguments.is_empty() {
        push(text, format_args!("It takes no arguments.\n"));
        return;
    }
    let required = tool.input_schema.get("required").and_then(Value::as_array);
    push(text, format_args!("| argument | takes | what it is |\n|---|---|---|"));
    for (name, schema) in arguments {
        let is_required = required.is_some_and(|names| names.iter().any(|known| known == name));
        let needed = if is_required { ", required" } else { "" };
        let member = |member: &str| schema.get(member).and_then(Value::as_str).unwrap_or_default();
        let what = member("description").replace('\n', " ").replace('|', "\\|");
        push(
            text,
            format_args!("| `{name}` | {}{}{needed} | {what} |", kind(schema), bounds(schema)),
        );
    }
    text.push('\n');
}

fn effect(definition: &Definition) -> &'static str {
    let annotations = definition.tool.annotations.as_ref();
    let is_idempotent =
        annotations.and_then(|annotations| annotations.idempotent_hint) == Some(true);
    match annotations.and_then(|annotations| annotations.destructive_hint) {
        Some(true) if definition.toolset.is_none() => "Does what the tool does that it calls.",
        Some(true) => "Ends something for good.",
        Some(false) if definition.toolset.is_none() => "Changes only what this client is offered.",
        _ if is_idempotent => "Takes nothing away that does not come back by itself.",
        Some(false) | None => "Adds something; takes nothing away.",
    }
}

fn also(aliases: &[String]) -> String {
    if aliases.is_empty() {
        return String::new();
    }
    format!(" Also answers to {}.", aliases.join(", "))
}

/// The type, or the words that there are to choose from.
fn kind(schema: &Value) -> String {
    let choices = schema.get("enum").and_then(Value::as_array);
    if let Some(choices) = choices {
        return choices.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ");
    }
    schema.get("type").and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn bounds(schema: &Value) -> String {
    let bound = |name: &str| schema.get(name).map(Value::to_string);
    match (bound("minimum"), bound("maximum")) {
        (Some(minimum), Some(maximum)) => format!(", {minimum} to {maximum}"),
        (Some(minimum), None) => format!(", at least {minimum}"),
        (None, Some(maximum)) => format!(", at most {maximum}"),
        (None, None) => String::new(),
    }
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a `String` cannot fail.
    let _written = writeln!(text, "{line}");
}

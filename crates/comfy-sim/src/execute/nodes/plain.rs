//! Nodes whose values are text, numbers and booleans.

use serde_json::{Value, json};

use super::{Context, Exception, Produced};
use crate::execute::values::{Inputs, NodeValue, input, plain};
use crate::python;

/// Spaces per level of the text that `PreviewAny` shows.
const INDENT: usize = 4;

pub(super) fn primitive(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    input(inputs, "value")
        .cloned()
        .map(Produced::of)
        .ok_or_else(|| Exception::missing_input("value"))
}

pub(super) fn concatenate(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    let text = |name: &str| {
        plain(inputs, name).map(python::str).ok_or_else(|| Exception::missing_input(name))
    };
    let joined =
        [text("string_a")?, text("string_b")?].join(&text("delimiter").unwrap_or_default());
    Ok(Produced::of(NodeValue::Plain(json!(joined))))
}

pub(super) fn custom_combo(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    let choice =
        input(inputs, "choice").cloned().ok_or_else(|| Exception::missing_input("choice"))?;
    let index = input(inputs, "index").cloned().unwrap_or(NodeValue::Plain(json!(0)));
    Ok(Produced { outputs: vec![choice, index], ui: None })
}

pub(super) fn switch(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    let is_on = plain(inputs, "switch").is_some_and(python::truthy);
    let (chosen, other) = if is_on { ("on_true", "on_false") } else { ("on_false", "on_true") };
    let value = input(inputs, chosen).or_else(|| input(inputs, other)).cloned();
    value.map(Produced::of).ok_or_else(|| Exception::missing_input(chosen))
}

pub(super) fn preview_any(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    let text = match input(inputs, "source") {
        None => return Err(Exception::missing_input("source")),
        Some(NodeValue::Plain(value @ (Value::Array(_) | Value::Object(_)))) => indented(value, 0),
        Some(NodeValue::Plain(value)) => python::str(value),
        Some(other) => python::str(&other.shown()),
    };
    Ok(Produced { ui: Some(json!({"text": [text]})), outputs: vec![NodeValue::Plain(json!(text))] })
}

/// `json.dumps(value, indent=4, ensure_ascii=False)`.
fn indented(value: &Value, level: usize) -> String {
    let pad = |level: usize| " ".repeat(level * INDENT);
    let wrap = |open: char, items: Vec<String>, close: char| {
        let items: Vec<String> =
            items.into_iter().map(|item| format!("{}{item}", pad(level + 1))).collect();
        format!("{open}\n{}\n{}{close}", items.join(",\n"), pad(level))
    };
    match value {
        Value::Array(items) if !items.is_empty() => {
            wrap('[', items.iter().map(|item| indented(item, level + 1)).collect(), ']')
        }
        Value::Object(members) if !members.is_empty() => {
            let member = |(key, value): (&String, &Value)| {
                format!("{}: {}", json!(key), indented(value, level + 1))
            };
            wrap('{', members.iter().map(member).collect(), '}')
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => value.to_string(),
    }
}

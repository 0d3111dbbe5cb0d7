//! Errors in the words of the real server.

use serde_json::{Value, json};

use super::declared::Declared;
use crate::python::{self, Raised};

/// An error of the whole prompt, or of one node: both have these four members.
pub(crate) fn top_level(kind: &str, message: &str, details: &str, extra: &Value) -> Value {
    json!({"type": kind, "message": message, "details": details, "extra_info": extra})
}

pub(super) fn missing_node_type(
    id: &str,
    message: &str,
    class_type: &Value,
    title: &Value,
) -> Value {
    let extra = json!({"node_id": id, "class_type": class_type, "node_title": title});
    top_level("missing_node_type", message, &format!("Node ID '#{id}'"), &extra)
}

pub(super) fn required_input_missing(name: &str, has_dynamic_paths: bool) -> Value {
    let shown = if has_dynamic_paths { name.rsplit('.').next().unwrap_or(name) } else { name };
    top_level(
        "required_input_missing",
        "Required input is missing",
        shown,
        &json!({"input_name": name}),
    )
}

pub(super) fn not_convertible(input: &Declared, value: &Value, raised: &Raised) -> Value {
    let message =
        format!("Failed to convert an input value to a {} value", python::str(input.kind()));
    let details = format!("{}, {}, {}", input.name, python::str(value), raised.text);
    let extra = json!({
        "input_name": input.name,
        "input_config": input.spec,
        "received_value": value,
        "exception_message": raised.text,
    });
    top_level("invalid_input_type", &message, &details, &extra)
}

pub(super) fn exception(raised: &Raised) -> Value {
    let extra = json!({"exception_type": raised.class, "traceback": traceback()});
    top_level("exception_during_validation", "Exception when validating node", &raised.text, &extra)
}

pub(super) fn inner_exception(input: &Declared, link: &[Value], raised: &Raised) -> Value {
    let extra = json!({
        "input_name": input.name,
        "input_config": input.spec,
        "exception_message": raised.text,
        "exception_type": raised.class,
        "traceback": traceback(),
        "linked_node": link,
    });
    top_level(
        "exception_during_inner_validation",
        "Exception when validating inner node",
        &raised.text,
        &extra,
    )
}

/// Clients show tracebacks as lines; there is no Python here to take one from.
fn traceback() -> Value {
    json!(["  comfy-sim, in validate_inputs\n"])
}

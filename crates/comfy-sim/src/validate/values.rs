//! Single comparisons: types of links, ranges, choices.

use serde_json::{Value, json};

use super::declared::Declared;
use super::errors::top_level;
use crate::catalog::NodeClass;
use crate::python::{self, Raised};

/// Lists of choices longer than this are not repeated in an error.
const CHOICES_SHOWN_MAX: usize = 20;

/// The type of one output of a class, indexed as Python indexes.
pub(super) fn output_type<'a>(class: NodeClass<'a>, slot: &Value) -> Result<&'a Value, Raised> {
    let sequence = if class.is_v3() { "list" } else { "tuple" };
    let index = match slot {
        Value::Bool(flag) => i64::from(*flag),
        Value::Number(number) if !number.is_f64() => number.as_i64().unwrap_or(i64::MAX),
        Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            let text = format!(
                "{sequence} indices must be integers or slices, not {}",
                python::type_name(slot)
            );
            return Err(Raised::new("TypeError", text));
        }
    };
    let outputs = class.outputs();
    let found = match usize::try_from(index) {
        Ok(index) => outputs.get(index),
        Err(_) => usize::try_from(index.unsigned_abs())
            .ok()
            .and_then(|back| outputs.len().checked_sub(back))
            .and_then(|index| outputs.get(index)),
    };
    found.ok_or_else(|| Raised::new("IndexError", format!("{sequence} index out of range")))
}

/// Whether a link of one type may go into an input of another.
pub(super) fn types_meet(received: &Value, wanted: &Value) -> bool {
    let is = |kind: &Value, name: &str| kind.as_str() == Some(name);
    if received == wanted
        || [received, wanted].iter().any(|kind| is(kind, "*") || is(kind, "COMFY_MATCHTYPE_V3"))
    {
        return true;
    }
    if received.is_array() && is(wanted, "COMBO") {
        return true;
    }
    let (Some(received), Some(wanted)) = (received.as_str(), wanted.as_str()) else { return false };
    let wanted: Vec<&str> = wanted.split(',').map(str::trim).collect();
    wanted.contains(&"*")
        || received.split(',').map(str::trim).any(|kind| kind == "*" || wanted.contains(&kind))
}

pub(super) fn compare(
    value: &Value,
    bound: &Value,
    asked: std::cmp::Ordering,
) -> Result<std::cmp::Ordering, Raised> {
    match (python::numeric(value), python::numeric(bound)) {
        (Some(value), Some(bound)) => Ok(value.compare(bound)),
        _ => {
            let sign = if asked.is_lt() { '<' } else { '>' };
            let (left, right) = (python::type_name(value), python::type_name(bound));
            Err(Raised::new(
                "TypeError",
                format!("'{sign}' not supported between instances of '{left}' and '{right}'"),
            ))
        }
    }
}

pub(super) fn check_choice(input: &Declared, value: &Value) -> Result<(), Value> {
    let nothing = Vec::new();
    let listed = || input.option("options").and_then(Value::as_array).unwrap_or(&nothing);
    let is_combo = input.kind().as_str() == Some("COMBO");
    let Some(choices) = input.kind().as_array().or_else(|| is_combo.then(listed)) else {
        return Ok(());
    };
    let is_choice = |value: &Value| choices.iter().any(|choice| python::equal(choice, value));
    let is_multiple = input.option("multiselect").is_some_and(python::truthy);
    let values =
        value.as_array().filter(|_| is_multiple).map_or(std::slice::from_ref(value), Vec::as_slice);
    let wrong: Vec<&Value> = values.iter().filter(|value| !is_choice(value)).collect();
    if wrong.is_empty() {
        return Ok(());
    }
    let (list, config) = if choices.len() > CHOICES_SHOWN_MAX {
        (format!("(list of length {})", choices.len()), Value::Null)
    } else {
        (python::repr(&json!(choices)), input.spec.clone())
    };
    let wrong = wrong.into_iter().map(python::repr).collect::<Vec<_>>().join(", ");
    let details = format!("{}: {wrong} not in {list}", input.name);
    let extra = json!({"input_name": input.name, "input_config": config, "received_value": value});
    Err(top_level("value_not_in_list", "Value not in list", &details, &extra))
}

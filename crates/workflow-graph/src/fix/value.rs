//! What a wrong value was probably meant to be.

use super::near::Near;
use crate::{
    catalog::{InputKind, InputSpec},
    json::Json,
    validate::{number::PyNumber, python},
};

/// Whether a server takes the value for another one than is written.
pub(super) fn is_misread(spec: &InputSpec, value: &Json) -> bool {
    match (&spec.kind, value) {
        (InputKind::Boolean, Json::String(text)) => boolean(text).is_some(),
        (InputKind::Int, Json::Number(number)) => number.as_f64().fract() != 0.0,
        (InputKind::Text, Json::Null) => true,
        _ => false,
    }
}

/// The value that was meant, and why; the caller checks that it passes.
pub(super) fn corrected(
    spec: &InputSpec,
    value: &Json,
    near: &Near,
) -> Option<(Json, &'static str)> {
    match &spec.kind {
        InputKind::Int | InputKind::Float => number(spec, value),
        InputKind::Boolean => {
            let to = Json::from(boolean(value.as_str()?)?);
            Some((to, "a text is always true to the server"))
        }
        InputKind::Text if value.is_null() => {
            let to = spec.default_value().filter(|default| default.as_str().is_some())?;
            Some((to.clone(), "null is the text 'None' to the server; this is the default"))
        }
        InputKind::Combo(_) => {
            let choices = spec.choices()?;
            let to = if let Json::Array(items) = value {
                let items = items.iter().map(|item| near.choice(item, choices));
                as_value(Json::from(items.collect::<Option<Vec<_>>>()?))
            } else {
                near.choice(value, choices)?
            };
            Some((to, "not one of the choices; this is the nearest"))
        }
        InputKind::Text
        | InputKind::DynamicCombo(_)
        | InputKind::Autogrow(_)
        | InputKind::DynamicSlot(_)
        | InputKind::MatchType(_)
        | InputKind::Socket => None,
    }
}

/// The value as a prompt has it: a bare list would be a link.
pub(super) fn as_value(value: Json) -> Json {
    if matches!(value, Json::Array(_)) { Json::object([("__value__", value)]) } else { value }
}

fn number(spec: &InputSpec, value: &Json) -> Option<(Json, &'static str)> {
    let converted = if matches!(spec.kind, InputKind::Int) { whole(value) } else { real(value) };
    let Some(number) = converted else {
        let default = spec.default_value()?.clone();
        return Some((default, "not a number; this is the default"));
    };
    let bound = |name: &str| spec.options.get(name).filter(|bound| PyNumber::of(bound).is_some());
    let beyond = |bound: &Json, wrong| python::ordered(&number, wrong, bound) == Ok(true);
    if let Some(min) = bound("min").filter(|min| beyond(min, std::cmp::Ordering::Less)) {
        return Some((min.clone(), "below the least value"));
    }
    if let Some(max) = bound("max").filter(|max| beyond(max, std::cmp::Ordering::Greater)) {
        return Some((max.clone(), "above the greatest value"));
    }
    let reason = if value.as_str().is_some() {
        "a number written as text"
    } else {
        "a whole number is wanted; this is the nearest on its step"
    };
    Some((stepped(spec, number), reason))
}

/// The nearest whole number, also of a text that only `float()` reads.
fn whole(value: &Json) -> Option<Json> {
    if let Ok(number) = python::int(value)
        && (value.as_str().is_some() || number.as_number() == value.as_number())
    {
        return Some(number.into_owned());
    }
    let float = python::float(value).ok()?.as_f64()?;
    PyNumber::truncated(float.round()).ok().map(|number| number.to_json())
}

fn real(value: &Json) -> Option<Json> {
    let number = python::float(value).ok()?;
    number.as_number()?.is_finite().then(|| number.into_owned())
}

/// A whole number that had to be changed anyway lands on the input's step, which counts from
/// its least value.
fn stepped(spec: &InputSpec, number: Json) -> Json {
    if !matches!(spec.kind, InputKind::Int) {
        return number;
    }
    let option = |name: &str| spec.options.get(name).and_then(Json::as_i64);
    let (Some(value), Some(step)) = (number.as_i64(), option("step").filter(|step| *step > 1))
    else {
        return number;
    };
    let from = option("min").unwrap_or(0);
    let near = || {
        let over = value.checked_sub(from)?.checked_rem_euclid(step)?;
        let down = value.checked_sub(over)?;
        let up = down.checked_add(step)?;
        let above = option("max").is_some_and(|max| up > max);
        Some(if over * 2 < step || above { down } else { up })
    };
    near().map_or(number, Json::from)
}

/// What people write for yes and no.
fn boolean(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" | "enable" | "enabled" => Some(true),
        "false" | "no" | "off" | "0" | "disable" | "disabled" => Some(false),
        _ => None,
    }
}

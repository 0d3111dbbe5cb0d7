//! From the arguments of a call to the typed arguments of a tool.
//!
//! The tool's own schema is the only list of names, types and bounds: what is advertised is
//! what is enforced. Language models write `1.0` or `"1"` for a whole number and put JSON into
//! strings; where the meaning is certain it is taken, everything else is refused with all that
//! is wrong, not only the first thing.

use std::io;

use mediafactory::{Error, FailureCode, Json, near};
use rmcp::model::JsonObject;
use schemars::JsonSchema;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Number, Value};

// A JSON object as an argument: given as an object, or as text that holds one. Not a doc comment,
// which would stand at every such argument.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct ObjectArgument(#[schemars(with = "JsonObject")] Value);

/// Whole numbers up to here are exact in a 64-bit float.
const EXACT_FLOAT_MAX: f64 = 9_007_199_254_740_992.0;

/// How much of a wrong value is repeated in a message.
const VALUE_CHARS_MAX: usize = 60;

/// Reads the arguments of a call to a tool with this schema.
pub(crate) fn read<A: DeserializeOwned>(
    schema: &JsonObject,
    given: JsonObject,
) -> Result<A, Error> {
    let nothing = JsonObject::new();
    let known = schema.get("properties").and_then(Value::as_object).unwrap_or(&nothing);
    let required = schema.get("required");
    let accepted = members(known, required, given).map_err(|problems| refusal(&problems, known))?;
    serde_json::from_value(Value::Object(accepted))
        .map_err(|error| refusal(&[error.to_string()], known))
}

/// The members of an object as its schema wants them, or all that is wrong with them.
fn members(
    known: &JsonObject,
    required: Option<&Value>,
    given: JsonObject,
) -> Result<JsonObject, Vec<String>> {
    let mut problems = Vec::new();
    let mut accepted = JsonObject::new();
    for (name, value) in given {
        let Some(property) = known.get(&name) else {
            problems.push(unknown_name(&name, known));
            continue;
        };
        // A client that fills every member sends `null` for what it does not mean to give.
        if value.is_null() {
            continue;
        }
        match conform(value, property) {
            Ok(value) => {
                accepted.insert(name, value);
            }
            Err(problem) => problems.push(format!("`{name}` {problem}")),
        }
    }
    for name in required.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        if !accepted.contains_key(name)
            && !problems.iter().any(|p| p.starts_with(&format!("`{name}` ")))
        {
            problems.push(format!("`{name}` is missing"));
        }
    }
    if problems.is_empty() { Ok(accepted) } else { Err(problems) }
}

impl ObjectArgument {
    /// The text, when it came as one.
    pub(crate) fn text(&self) -> Option<&str> {
        self.0.as_str().map(str::trim)
    }

    /// How long it is as text.
    pub(crate) fn bytes(&self) -> usize {
        struct Count(usize);
        impl io::Write for Count {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0 += bytes.len();
                Ok(bytes.len())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        if let Value::String(text) = &self.0 {
            return text.len();
        }
        let mut count = Count(0);
        // A count takes everything.
        serde_json::to_writer(&mut count, &self.0).map_or(usize::MAX, |()| count.0)
    }

    /// The members of the object, as the arguments of another tool.
    pub(crate) fn into_members(self, argument: &str) -> Result<JsonObject, Error> {
        let object = if self.0.is_object() { self.0 } else { self.into_json(argument)?.to_serde() };
        let Value::Object(members) = object else { return Ok(JsonObject::new()) };
        Ok(members)
    }

    /// The object, every number as it was spelled where the argument came as text.
    pub(crate) fn into_json(self, argument: &str) -> Result<Json, Error> {
        let json = if let Value::String(text) = &self.0 {
            Json::parse(text.as_bytes()).map_err(|problem| {
                Error::new(
                    FailureCode::ValidationError,
                    format!("argument `{argument}` is text, but {problem}"),
                )
                .with_hint("give a JSON object, or text that holds exactly one")
            })?
        } else {
            Json::from(self.0)
        };
        if json.as_object().is_some() {
            return Ok(json);
        }
        Err(Error::new(
            FailureCode::ValidationError,
            format!("argument `{argument}` is {}, but it has to be a JSON object", json.kind()),
        ))
    }
}

fn refusal(problems: &[String], known: &JsonObject) -> Error {
    let message = match problems {
        [sole] => format!("argument {sole}"),
        several => format!("{} arguments are wrong: {}", several.len(), several.join("; ")),
    };
    let hint = if known.is_empty() {
        "this tool takes no arguments".to_owned()
    } else {
        let names: Vec<&str> = known.keys().map(String::as_str).collect();
        format!("the arguments are {}", names.join(", "))
    };
    let problems: Vec<Json> = problems.iter().map(|problem| Json::from(problem.as_str())).collect();
    Error::new(FailureCode::ValidationError, message)
        .with_hint(hint)
        .with_details(Json::object([("problems", Json::from(problems))]))
}

fn unknown_name(name: &str, known: &JsonObject) -> String {
    let shown = shorten(name);
    match near::name(name, known.keys().map(String::as_str)) {
        Some(near) => format!("`{shown}` is unknown; did you mean `{near}`?"),
        None => format!("`{shown}` is unknown"),
    }
}

/// One value as its property wants it, or what is wrong with it.
fn conform(value: Value, property: &Value) -> Result<Value, String> {
    let kind = property.get("type").and_then(Value::as_str).unwrap_or_default();
    let value = match kind {
        "integer" => Value::Number(whole_number(&value)?),
        "number" => Value::Number(number(&value)?),
        "boolean" => Value::Bool(flag(&value)?),
        "string" => Value::String(text(value)?),
        "array" => array(value, property)?,
        "object" => object(value, property)?,
        _ => value,
    };
    within_bounds(&value, property)?;
    Ok(value)
}

fn whole_number(value: &Value) -> Result<Number, String> {
    let exact = match value {
        Value::Number(number) if number.is_u64() || number.is_i64() => Some(number.clone()),
        Value::Number(number) => number.as_f64().and_then(whole_float),
        Value::String(text) => whole_number_in(text.trim()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    exact.ok_or_else(|| {
        let is_rounded = value.as_f64().is_some_and(|number| number.abs() > EXACT_FLOAT_MAX);
        let what =
            if is_rounded { "a whole number, as text beyond 2^53" } else { "a whole number" };
        wanted(what, value)
    })
}

fn whole_number_in(text: &str) -> Option<Number> {
    if let Ok(number) = text.parse::<u64>() {
        return Some(Number::from(number));
    }
    if let Ok(number) = text.parse::<i64>() {
        return Some(Number::from(number));
    }
    text.parse::<f64>().ok().and_then(whole_float)
}

/// The whole number that a float spells, when it spells one exactly.
fn whole_float(number: f64) -> Option<Number> {
    if number.fract() != 0.0 || number.abs() > EXACT_FLOAT_MAX {
        return None;
    }
    format!("{number:.0}").parse::<i64>().ok().map(Number::from)
}

fn number(value: &Value) -> Result<Number, String> {
    let number = match value {
        Value::Number(number) => Some(number.clone()),
        Value::String(text) => text.trim().parse::<f64>().ok().and_then(Number::from_f64),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    number.ok_or_else(|| wanted("a number", value))
}

fn flag(value: &Value) -> Result<bool, String> {
    match (value.as_bool(), value.as_str()) {
        (Some(flag), _) => Ok(flag),
        (_, Some("true")) => Ok(true),
        (_, Some("false")) => Ok(false),
        _ => Err(wanted("true or false", value)),
    }
}

fn text(value: Value) -> Result<String, String> {
    let Value::String(text) = value else { return Err(wanted("text", &value)) };
    Ok(text)
}

fn array(value: Value, property: &Value) -> Result<Value, String> {
    let spelled = value.as_str().map(serde_json::from_str);
    let given = match spelled {
        Some(Ok(read)) => read,
        Some(Err(_)) | None => value,
    };
    let Value::Array(items) = given else { return Err(wanted("a list", &given)) };
    let Some(item_schema) = property.get("items") else { return Ok(Value::Array(items)) };
    let conforming = items.into_iter().enumerate().map(|(place, item)| {
        conform(item, item_schema).map_err(|problem| format!("item {place} {problem}"))
    });
    conforming.collect::<Result<Vec<_>, _>>().map(Value::Array)
}

/// An object whose members are described is held against that; any other is passed on, or the
/// text of one.
fn object(value: Value, property: &Value) -> Result<Value, String> {
    let Some(known) = property.get("properties").and_then(Value::as_object) else {
        let is_object = value.is_object() || value.is_string();
        return if is_object { Ok(value) } else { Err(wanted("an object", &value)) };
    };
    let Value::Object(given) = value else { return Err(wanted("an object", &value)) };
    let accepted = members(known, property.get("required"), given);
    accepted.map(Value::Object).map_err(|problems| format!("is wrong: {}", problems.join("; ")))
}

fn within_bounds(value: &Value, property: &Value) -> Result<(), String> {
    let bound = |name: &str| property.get(name).filter(|bound| bound.is_number());
    if let Value::Number(number) = value {
        let (minimum, maximum) = (bound("minimum"), bound("maximum"));
        let too_low = minimum.is_some_and(|bound| less(value, bound));
        let too_high = maximum.is_some_and(|bound| less(bound, value));
        if too_low || too_high {
            let range = match (minimum, maximum) {
                (Some(minimum), Some(maximum)) => format!("from {minimum} to {maximum}"),
                (Some(minimum), None) => format!("at least {minimum}"),
                (None, Some(maximum)) => format!("at most {maximum}"),
                (None, None) => return Ok(()),
            };
            return Err(format!("has to be {range}, not {number}"));
        }
    }
    if let Value::String(text) = value {
        let choices = property.get("enum").and_then(Value::as_array);
        if let Some(choices) = choices.filter(|choices| !choices.contains(value)) {
            let known: Vec<&str> = choices.iter().filter_map(Value::as_str).collect();
            return Err(wanted(&format!("one of {}", known.join(", ")), value));
        }
        let shortest = bound("minLength").and_then(Value::as_u64).unwrap_or(0);
        if u64::try_from(text.chars().count()).is_ok_and(|length| length < shortest) {
            return Err("is empty".to_owned());
        }
    }
    Ok(())
}

/// Compares without going through floats where both are whole: seeds use all 64 bits.
fn less(one: &Value, other: &Value) -> bool {
    match (one.as_u64(), other.as_u64(), one.as_i64(), other.as_i64()) {
        (Some(one), Some(other), _, _) => one < other,
        (_, _, Some(one), Some(other)) => one < other,
        // One is beyond i64 and the other is below zero.
        (Some(_), None, None, Some(_)) => false,
        (None, Some(_), Some(_), None) => true,
        _ => one.as_f64().zip(other.as_f64()).is_some_and(|(one, other)| one < other),
    }
}

fn wanted(what: &str, got: &Value) -> String {
    format!("has to be {what}, not {}", shorten(&got.to_string()))
}

fn shorten(text: &str) -> String {
    let mut shown: String = text.chars().take(VALUE_CHARS_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests;

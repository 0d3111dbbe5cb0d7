//! Python's view of JSON values, where ComfyUI's answers depend on it: conversions, equality, `str` and `repr`.

use serde_json::{Number, Value};

/// A Python exception as ComfyUI reports it: the name of its class and its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Raised {
    pub(crate) class: &'static str,
    pub(crate) text: String,
}

impl Raised {
    pub(crate) fn new(class: &'static str, text: impl Into<String>) -> Self {
        Self { class, text: text.into() }
    }

    pub(crate) fn key_error(key: &Value) -> Self {
        Self::new("KeyError", repr(key))
    }
}

pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    }
}

pub(crate) fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}

/// `str(value)`.
pub(crate) fn str(value: &Value) -> String {
    value.as_str().map_or_else(|| repr(value), str::to_owned)
}

/// `repr(value)`.
pub(crate) fn repr(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => repr_number(number),
        Value::String(text) => repr_text(text),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(repr).collect::<Vec<_>>().join(", "))
        }
        Value::Object(members) => {
            let members: Vec<_> = members
                .iter()
                .map(|(key, value)| format!("{}: {}", repr_text(key), repr(value)))
                .collect();
            format!("{{{}}}", members.join(", "))
        }
    }
}

fn repr_number(number: &Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() => {
            let text = format!("{float:?}");
            match text.split_once('e') {
                None => text,
                Some((digits, exponent)) => match exponent.strip_prefix('-') {
                    Some(exponent) => format!("{digits}e-{exponent:0>2}"),
                    None => format!("{digits}e+{exponent:0>2}"),
                },
            }
        }
        _ => number.to_string(),
    }
}

fn repr_text(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::from(quote);
    for letter in text.chars() {
        match letter {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            letter if letter == quote => {
                out.push('\\');
                out.push(letter);
            }
            letter => out.push(letter),
        }
    }
    out.push(quote);
    out
}

/// `json.dumps(value)`: a space after commas and colons, nothing but ASCII.
pub(crate) fn dumps(value: &Value) -> String {
    let mut out = String::new();
    dump(value, &mut out);
    out
}

fn dump(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&repr_number(number)),
        Value::String(text) => dump_text(text, out),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                dump(item, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (index, (key, member)) in members.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                dump_text(key, out);
                out.push_str(": ");
                dump(member, out);
            }
            out.push('}');
        }
    }
}

fn dump_text(text: &str, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            ' '..='~' => out.push(letter),
            letter => {
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    out.extend(["\\u", &format!("{unit:04x}")]);
                }
            }
        }
    }
    out.push('"');
}

/// `left == right`: numbers and booleans compare by value, everything else by shape.
pub(crate) fn equal(left: &Value, right: &Value) -> bool {
    match (numeric(left), numeric(right)) {
        (Some(left), Some(right)) => left.compare(right).is_eq(),
        _ => left == right,
    }
}

/// A number as Python compares it: integers exactly, as soon as both sides are integers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Numeric {
    Int(i128),
    Float(f64),
}

impl Numeric {
    pub(crate) fn compare(self, other: Self) -> std::cmp::Ordering {
        match (self, other) {
            (Self::Int(left), Self::Int(right)) => left.cmp(&right),
            (Self::Float(left), Self::Float(right)) => compare_floats(left, right),
            (Self::Int(left), Self::Float(right)) => compare_with_float(left, right),
            (Self::Float(left), Self::Int(right)) => compare_with_float(right, left).reverse(),
        }
    }
}

/// Zeros of both signs are equal in Python, but not in `total_cmp`.
fn compare_floats(left: f64, right: f64) -> std::cmp::Ordering {
    (left + 0.0).total_cmp(&(right + 0.0))
}

/// Exactly, as Python does: the float's whole part decides, and its fraction where that is equal.
fn compare_with_float(int: i128, float: f64) -> std::cmp::Ordering {
    int.cmp(&whole(float)).then_with(|| compare_floats(0.0, float.fract()))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::as_conversions,
    reason = "the conversion saturates, and what is compared with it has at most 64 bits"
)]
fn whole(float: f64) -> i128 {
    float.trunc() as i128
}

/// The number behind a value that Python would compare as one.
pub(crate) fn numeric(value: &Value) -> Option<Numeric> {
    match value {
        Value::Bool(flag) => Some(Numeric::Int(i128::from(*flag))),
        Value::Number(number) => number
            .as_u64()
            .map(|int| Numeric::Int(int.into()))
            .or_else(|| number.as_i64().map(|int| Numeric::Int(int.into())))
            .or_else(|| number.as_f64().map(Numeric::Float)),
        Value::Null | Value::String(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// `int(value)`: text is read in base 10, a float loses its fraction.
pub(crate) fn int(value: &Value) -> Result<Value, Raised> {
    match value {
        Value::Bool(flag) => Ok(Value::from(u8::from(*flag))),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => Ok(truncated(float)),
            _ => Ok(value.clone()),
        },
        Value::String(text) => {
            let digits = text.trim().replace('_', "");
            let parsed = digits
                .parse::<u64>()
                .map(Value::from)
                .or_else(|_| digits.parse::<i64>().map(Value::from));
            parsed.map_err(|_| {
                Raised::new(
                    "ValueError",
                    format!("invalid literal for int() with base 10: {}", repr(value)),
                )
            })
        }
        Value::Null | Value::Array(_) | Value::Object(_) => Err(Raised::new(
            "TypeError",
            format!(
                "int() argument must be a string, a bytes-like object or a real number, not '{}'",
                type_name(value)
            ),
        )),
    }
}

/// A float beyond 64 bits stays one: JSON text holds no larger integer here.
fn truncated(float: f64) -> Value {
    let int = whole(float);
    u64::try_from(int)
        .map(Value::from)
        .or_else(|_| i64::try_from(int).map(Value::from))
        .unwrap_or_else(|_| Value::from(float.trunc()))
}

/// `float(value)`.
pub(crate) fn float(value: &Value) -> Result<Value, Raised> {
    match value {
        Value::Bool(flag) => Ok(Value::from(f64::from(u8::from(*flag)))),
        Value::Number(number) => Ok(number.as_f64().map_or_else(|| value.clone(), Value::from)),
        Value::String(text) => match text.trim().replace('_', "").parse::<f64>() {
            Ok(float) => Ok(Value::from(float)),
            Err(_) => Err(Raised::new(
                "ValueError",
                format!("could not convert string to float: {}", repr(value)),
            )),
        },
        Value::Null | Value::Array(_) | Value::Object(_) => Err(Raised::new(
            "TypeError",
            format!(
                "float() argument must be a string or a real number, not '{}'",
                type_name(value)
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn conversions_are_those_of_python() {
        assert_eq!(int(&json!("64")), Ok(json!(64)));
        assert_eq!(int(&json!(64.9)), Ok(json!(64)));
        assert_eq!(int(&json!(u64::MAX)), Ok(json!(u64::MAX)));
        assert_eq!(
            int(&json!("abc")).unwrap_err().text,
            "invalid literal for int() with base 10: 'abc'"
        );
        assert_eq!(float(&json!(5)).unwrap().to_string(), "5.0");
        assert_eq!(
            float(&json!(null)).unwrap_err().text,
            "float() argument must be a string or a real number, not 'NoneType'"
        );
        assert!(truthy(&json!("false")));
        assert_eq!(str(&json!(null)), "None");
    }

    #[test]
    fn json_text_is_that_of_python() {
        assert_eq!(
            dumps(&json!({"a": [1, 2.0, "ü\n\"😀"]})),
            r#"{"a": [1, 2.0, "\u00fc\n\"\ud83d\ude00"]}"#
        );
        assert_eq!(dumps(&json!(u64::MAX)), "18446744073709551615");
    }

    #[test]
    fn representations_are_those_of_python() {
        assert_eq!(repr(&json!(["a'b", 1, 1.5, true, null])), r#"["a'b", 1, 1.5, True, None]"#);
        assert_eq!(repr(&json!(1e-7)), "1e-07");
        assert_eq!(repr(&json!(1e16)), "1e+16");
        assert!(equal(&json!(1), &json!(1.0)));
        assert!(!equal(&json!("1"), &json!(1)));
    }
}

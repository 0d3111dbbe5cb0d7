//! Values as Python sees them: the server's verdict follows from `int()`, `str()`, `in` and `<`
//! of the language it is written in, and its messages are made of Python's spellings.

use std::{borrow::Cow, cmp::Ordering};

use super::number::PyNumber;
use crate::json::{Json, Number, surrogate};

/// An exception of the server's Python, by name and text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Raised {
    pub(crate) exception: &'static str,
    pub(crate) message: String,
}

impl Raised {
    pub(crate) fn new(exception: &'static str, message: impl Into<String>) -> Self {
        Self { exception, message: message.into() }
    }

    pub(crate) fn key_error(key: &Json) -> Self {
        Self::new("KeyError", repr(key))
    }
}

/// `type(value).__name__`.
pub(crate) fn type_name(value: &Json) -> &'static str {
    match value {
        Json::Null => "NoneType",
        Json::Bool(_) => "bool",
        Json::Number(number) if number.is_integer() => "int",
        Json::Number(_) => "float",
        Json::String(_) => "str",
        Json::Array(_) => "list",
        Json::Object(_) => "dict",
    }
}

/// `bool(value)`.
pub(crate) fn truth(value: &Json) -> bool {
    match value {
        Json::Null => false,
        Json::Bool(value) => *value,
        Json::Number(_) => PyNumber::of(value).is_none_or(|number| !number.is_zero()),
        Json::String(text) => !text.is_empty(),
        Json::Array(items) => !items.is_empty(),
        Json::Object(members) => !members.is_empty(),
    }
}

/// `one == other`: `1`, `1.0` and `True` are equal, and NaN is not even equal to itself.
pub(crate) fn equal(one: &Json, other: &Json) -> bool {
    match (one, other) {
        (Json::Null, Json::Null) => true,
        (Json::String(one), Json::String(other)) => one == other,
        (Json::Array(one), Json::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| equal(one, other))
        }
        (Json::Object(one), Json::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(name, value)| other.get(name).is_some_and(|other| equal(value, other)))
        }
        _ => match (PyNumber::of(one), PyNumber::of(other)) {
            (Some(one), Some(other)) => one.compare(&other) == Some(Ordering::Equal),
            _ => false,
        },
    }
}

/// `one < other` or `one > other`, as `operator` says.
pub(crate) fn ordered(one: &Json, operator: Ordering, other: &Json) -> Result<bool, Raised> {
    if let (Some(one), Some(other)) = (PyNumber::of(one), PyNumber::of(other)) {
        return Ok(one.compare(&other) == Some(operator));
    }
    if let (Json::String(one), Json::String(other)) = (one, other) {
        return Ok(one.cmp(other) == operator);
    }
    let sign = if operator == Ordering::Less { '<' } else { '>' };
    let (one, other) = (type_name(one), type_name(other));
    let message = format!("'{sign}' not supported between instances of '{one}' and '{other}'");
    Err(Raised::new("TypeError", message))
}

/// `int(value)`.
pub(crate) fn int(value: &Json) -> Result<Cow<'_, Json>, Raised> {
    let number = match value {
        Json::Number(number) if number.is_integer() => return Ok(Cow::Borrowed(value)),
        Json::Number(number) => PyNumber::truncated(number.as_f64())?,
        Json::Bool(value) => PyNumber::Int((*value).into()),
        Json::String(text) => PyNumber::from_int_text(text).ok_or_else(|| {
            let message = format!("invalid literal for int() with base 10: {}", repr(value));
            Raised::new("ValueError", message)
        })?,
        Json::Null | Json::Array(_) | Json::Object(_) => {
            let message = format!(
                "int() argument must be a string, a bytes-like object or a real number, not '{}'",
                type_name(value)
            );
            return Err(Raised::new("TypeError", message));
        }
    };
    Ok(Cow::Owned(number.to_json()))
}

/// `float(value)`.
pub(crate) fn float(value: &Json) -> Result<Cow<'_, Json>, Raised> {
    let float = match value {
        Json::Number(number) if !number.is_integer() => return Ok(Cow::Borrowed(value)),
        Json::Number(number) => {
            let float = number.as_f64();
            if float.is_infinite() {
                let message = "int too large to convert to float";
                return Err(Raised::new("OverflowError", message));
            }
            float
        }
        Json::Bool(value) => f64::from(u8::from(*value)),
        Json::String(text) => super::number::float_from_text(text).ok_or_else(|| {
            let message = format!("could not convert string to float: {}", repr(value));
            Raised::new("ValueError", message)
        })?,
        Json::Null | Json::Array(_) | Json::Object(_) => {
            let kind = type_name(value);
            let message =
                format!("float() argument must be a string or a real number, not '{kind}'");
            return Err(Raised::new("TypeError", message));
        }
    };
    Ok(Cow::Owned(Json::from(float)))
}

/// `str(value)`.
pub(crate) fn text(value: &Json) -> Cow<'_, str> {
    if let Json::String(text) = value { Cow::Borrowed(text) } else { Cow::Owned(repr(value)) }
}

/// `repr(value)`.
pub(crate) fn repr(value: &Json) -> String {
    let mut out = String::new();
    write_repr(&mut out, value);
    out
}

/// `f"{value:.2g}"` for a ratio: two significant digits.
pub(crate) fn two_digits(value: f64) -> String {
    let rounded: f64 = format!("{value:.1e}").parse().unwrap_or(value);
    let text = super::number::float_repr(rounded);
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// The reprs of several values, joined by a comma.
pub(crate) fn reprs<'a>(values: impl IntoIterator<Item = &'a Json>) -> String {
    values.into_iter().map(repr).collect::<Vec<_>>().join(", ")
}

fn write_repr(out: &mut String, value: &Json) {
    match value {
        Json::Null => out.push_str("None"),
        Json::Bool(value) => out.push_str(if *value { "True" } else { "False" }),
        Json::Number(number) => out.push_str(&number_repr(number)),
        Json::String(text) => write_text_repr(out, text),
        Json::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                write_repr(out, item);
            }
            out.push(']');
        }
        Json::Object(members) => {
            out.push('{');
            for (index, (name, value)) in members.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                write_text_repr(out, name);
                out.push_str(": ");
                write_repr(out, value);
            }
            out.push('}');
        }
    }
}

fn number_repr(number: &Number) -> Cow<'_, str> {
    if number.is_integer() {
        // Python has no negative zero among its integers.
        let spelling = number.as_str();
        return Cow::Borrowed(if spelling == "-0" { "0" } else { spelling });
    }
    Cow::Owned(super::number::float_repr(number.as_f64()))
}

fn write_text_repr(out: &mut String, text: &str) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if character == quote => {
                out.push('\\');
                out.push(character);
            }
            _ if is_printable(character) => out.push(character),
            _ => {
                let code = surrogate::of_stand_in(character).unwrap_or(u32::from(character));
                let escape = match code {
                    0..=0xff => format!("\\x{code:02x}"),
                    0x100..=0xffff => format!("\\u{code:04x}"),
                    _ => format!("\\U{code:08x}"),
                };
                out.push_str(&escape);
            }
        }
    }
    out.push(quote);
}

/// `str.isprintable` for the characters that occur: it refuses controls, spaces other than the
/// plain one, marks of direction and private use.
fn is_printable(character: char) -> bool {
    !character.is_control()
        && (character == ' ' || !character.is_whitespace())
        && !matches!(character,
            '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{e000}'..='\u{f8ff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json {
        Json::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn reprs_are_spelled_as_python_spells_them() {
        for (value, expected) in [
            (r#"{"a": [1, null, true, "q'\"\n"]}"#, r#"{'a': [1, None, True, 'q\'"\n']}"#),
            (r#""it's""#, r#""it's""#),
            ("1e300", "1e+300"),
            (
                "[1e16, 1e15, 0.0001, 0.00001, 1.50, -0.0, -0]",
                "[1e+16, 1000000000000000.0, 0.0001, 1e-05, 1.5, -0.0, 0]",
            ),
            ("[NaN, -Infinity]", "[nan, -inf]"),
            (r#""\u0001\u00a0\u200b\ud83d\ude00é""#, "'\\x01\\xa0\\u200b😀é'"),
        ] {
            assert_eq!(repr(&json(value)), expected);
        }
    }

    #[test]
    fn numbers_and_booleans_are_equal_by_value() {
        for (one, other) in [("1", "1.0"), ("1", "true"), ("0.0", "false"), ("[1]", "[true]")] {
            assert!(equal(&json(one), &json(other)), "{one} == {other}");
        }
        for (one, other) in [("1", "\"1\""), ("null", "0"), ("NaN", "NaN"), ("[]", "{}")] {
            assert!(!equal(&json(one), &json(other)), "{one} != {other}");
        }
    }

    #[test]
    fn int_and_float_accept_what_python_accepts() {
        let int_of =
            |text| int(&json(text)).map(|value| value.to_string()).map_err(|raised| raised.message);
        for (value, expected) in [
            ("64.9", "64"),
            ("-0.5", "0"),
            ("true", "1"),
            ("\" 1_000 \"", "1000"),
            ("\"-7\"", "-7"),
            ("1e20", "100000000000000000000"),
            ("\"+5\"", "5"),
            ("\"007\"", "7"),
        ] {
            assert_eq!(int_of(value).as_deref(), Ok(expected), "int({value})");
        }
        for value in
            ["\"1e3\"", "\"\"", "\"1__0\"", "\"_1\"", "\"0x10\"", "null", "[]", "NaN", "Infinity"]
        {
            assert!(int_of(value).is_err(), "int({value})");
        }
        let float_of = |text| float(&json(text)).map(|value| value.to_string());
        for (value, expected) in [
            ("3", "3.0"),
            ("\"1e3\"", "1000.0"),
            ("\" .5\"", "0.5"),
            ("\"5.\"", "5.0"),
            ("\"-Infinity\"", "-Infinity"),
            ("\"nan\"", "NaN"),
            ("\"1_0.5\"", "10.5"),
            ("false", "0.0"),
        ] {
            assert_eq!(float_of(value).as_deref(), Ok(expected), "float({value})");
        }
        for value in ["\"1,5\"", "\"\"", "\"1_\"", "\"infin\"", "\"0x1p3\"", "{}", "null"] {
            assert!(float_of(value).is_err(), "float({value})");
        }
    }

    #[test]
    fn ordering_is_exact_beyond_the_digits_of_a_float() {
        let less = |one, other| ordered(&json(one), Ordering::Less, &json(other));
        assert_eq!(less("18446744073709551614", "18446744073709551615"), Ok(true));
        assert_eq!(less("9007199254740993", "9007199254740992.0"), Ok(false));
        assert_eq!(less("1.5", "2"), Ok(true));
        assert_eq!(less("NaN", "2"), Ok(false));
        assert_eq!(less("-1e400", "0"), Ok(true));
        let digits = "9".repeat(60);
        assert_eq!(less(&digits, "1e59"), Ok(false));
        assert_eq!(
            less("\"a\"", "1").unwrap_err().message,
            "'<' not supported between instances of 'str' and 'int'"
        );
    }
}

//! What values a placeholder takes.

use std::fmt;

use crate::json::Json;

/// What the values of a parameter must be.
///
/// ```
/// use workflow_graph::{Json, placeholders::Kind};
/// assert_eq!(Kind::Integer.accept(&Json::from("12")), Ok(Json::from(12_u64)));
/// assert_eq!(Kind::Integer.accept(&Json::from(2.0)), Ok(Json::from(2_u64)));
/// assert!(Kind::Integer.accept(&Json::from(2.5)).is_err());
/// assert!(Kind::Text.accept(&Json::from(true)).is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Any value, set as it is given.
    Any,
    /// A text.
    Text,
    /// A whole number, of any size.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Flag,
}

impl Kind {
    /// The kind by a name that templates use for it.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "any" | "json" => Self::Any,
            "str" | "string" | "text" => Self::Text,
            "int" | "integer" => Self::Integer,
            "float" | "number" => Self::Number,
            "bool" | "boolean" | "flag" => Self::Flag,
            _ => return None,
        })
    }

    /// The value as one of this kind. Texts of numbers and truths are read as what they say, a
    /// whole `2.0` is an integer; nothing is rounded.
    pub fn accept(self, value: &Json) -> Result<Json, String> {
        let wrong = || Err(format!("{value} is not {self}"));
        match (self, value) {
            (Self::Any, _) | (Self::Text, Json::String(_)) | (Self::Flag, Json::Bool(_)) => {
                Ok(value.clone())
            }
            (Self::Integer, Json::Number(number)) if number.is_integer() => Ok(value.clone()),
            (Self::Integer, Json::Number(number)) => match (number.as_u64(), number.as_i64()) {
                (Some(whole), _) => Ok(Json::from(whole)),
                (None, Some(whole)) => Ok(Json::from(whole)),
                (None, None) => wrong(),
            },
            (Self::Number, Json::Number(number)) if number.is_finite() => Ok(value.clone()),
            (Self::Integer | Self::Number, Json::String(text)) => {
                match Json::parse(text.trim().as_bytes()) {
                    Ok(number @ Json::Number(_)) => self.accept(&number).or_else(|_| wrong()),
                    Ok(_) | Err(_) => wrong(),
                }
            }
            (Self::Flag, Json::String(text)) => match text.trim().to_ascii_lowercase().as_str() {
                "true" => Ok(Json::from(true)),
                "false" => Ok(Json::from(false)),
                _ => wrong(),
            },
            (Self::Text | Self::Integer | Self::Number | Self::Flag, _) => wrong(),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "any value",
            Self::Text => "a text",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Flag => "true or false",
        })
    }
}

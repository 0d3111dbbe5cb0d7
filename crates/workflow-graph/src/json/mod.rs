//! JSON as ComfyUI writes it: Python's dialect, kept exactly.
//!
//! Python's encoder emits `NaN` and `Infinity`, tells `1` from `1.0`, and has integers of any
//! size; a seed uses the whole range of 64 bits. A common JSON type loses one or the other, so
//! this one keeps the text of every number and the order of all members.

mod number;
mod object;
mod parse;
pub(crate) mod surrogate;
mod write;

pub use self::{
    number::Number,
    object::{IntoIter, Iter, Name, Object},
    parse::ParseError,
};

/// One JSON value, kept as it was written: the order of members and the spelling of numbers.
///
/// Only how a string was escaped is lost. A lone surrogate such as `"\udce9"`, which Python reads
/// and writes, is kept: a private character from U+10F800 on stands for it, and is written as the
/// surrogate again. A text that has such a character of its own is refused.
///
/// ```
/// use workflow_graph::Json;
///
/// let value = Json::parse(br#"{"b": 1.0, "a": [NaN, 18446744073709551615]}"#)?;
/// assert_eq!(value.to_string(), r#"{"b":1.0,"a":[NaN,18446744073709551615]}"#);
/// assert_eq!(value.get("b").and_then(Json::as_f64), Some(1.0));
/// # Ok::<(), workflow_graph::json::ParseError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Json {
    /// `null`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number as it was spelled, or one of `NaN`, `Infinity`, `-Infinity`.
    Number(Number),
    /// A string, unescaped.
    String(Box<str>),
    /// A list.
    Array(Vec<Json>),
    /// An object.
    Object(Object),
}

impl Json {
    /// Reads one JSON text of UTF-8 that somebody asks something with. Nesting is limited to
    /// [`DEPTH_MAX`].
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        parse::parse(text, DEPTH_MAX)
    }

    /// Reads what was accepted before: a server's reply, or what was stored of one. Nesting is
    /// limited to [`REPLY_DEPTH_MAX`], because a reply holds what was sent some levels deeper.
    ///
    /// ```
    /// use workflow_graph::{Json, json::DEPTH_MAX};
    /// let sent = format!("{}{}", "[".repeat(DEPTH_MAX), "]".repeat(DEPTH_MAX));
    /// let reply = format!(r#"{{"prompt": [2, {sent}]}}"#);
    /// assert!(Json::parse(sent.as_bytes()).is_ok());
    /// assert!(Json::parse(reply.as_bytes()).is_err());
    /// assert!(Json::parse_deep(reply.as_bytes()).is_ok());
    /// ```
    pub fn parse_deep(text: &[u8]) -> Result<Self, ParseError> {
        parse::parse(text, REPLY_DEPTH_MAX)
    }

    /// The member `name`, when this is an object that has it.
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.as_object()?.get(name)
    }

    /// The value behind a path of member names.
    pub fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |value, name| value.get(name))
    }

    /// The object, when this is one.
    pub fn as_object(&self) -> Option<&Object> {
        if let Self::Object(object) = self { Some(object) } else { None }
    }

    /// The list, when this is one.
    pub fn as_array(&self) -> Option<&[Self]> {
        if let Self::Array(array) = self { Some(array) } else { None }
    }

    /// The text, when this is a string.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// The truth value, when this is one.
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(value) = self { Some(*value) } else { None }
    }

    /// The number, when this is one.
    pub fn as_number(&self) -> Option<&Number> {
        if let Self::Number(number) = self { Some(number) } else { None }
    }

    /// The number as a `u64`, when it is a whole one in range.
    pub fn as_u64(&self) -> Option<u64> {
        self.as_number()?.as_u64()
    }

    /// The number as an `i64`, when it is a whole one in range.
    pub fn as_i64(&self) -> Option<i64> {
        self.as_number()?.as_i64()
    }

    /// The number as an `f64`, rounded where it has more digits.
    pub fn as_f64(&self) -> Option<f64> {
        Some(self.as_number()?.as_f64())
    }

    /// Whether this is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// What kind of value this is, in JSON's words: for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "a list",
            Self::Object(_) => "an object",
        }
    }

    /// An object from members in order.
    ///
    /// ```
    /// use workflow_graph::Json;
    /// let value = Json::object([("a", Json::from(1_u64)), ("b", Json::from("x"))]);
    /// assert_eq!(value.to_string(), r#"{"a":1,"b":"x"}"#);
    /// ```
    pub fn object<'a>(members: impl IntoIterator<Item = (&'a str, Self)>) -> Self {
        Self::Object(members.into_iter().collect())
    }

    /// The same value for tools that speak [`serde_json`]. What that type cannot hold loses
    /// spelling: a number beyond 64 bits becomes the nearest `f64`, a non-finite one a string.
    pub fn to_serde(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Bool(value) => (*value).into(),
            Self::Number(number) => number.to_serde(),
            Self::String(text) => (&**text).into(),
            Self::Array(items) => items.iter().map(Self::to_serde).collect(),
            Self::Object(members) => serde_json::Value::Object(
                members.iter().map(|(name, value)| (name.to_string(), value.to_serde())).collect(),
            ),
        }
    }
}

impl From<serde_json::Value> for Json {
    fn from(value: serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(value) => Self::Bool(value),
            serde_json::Value::Number(number) => Self::Number(Number::from_serde(&number)),
            serde_json::Value::String(text) => Self::String(text.into()),
            serde_json::Value::Array(items) => {
                Self::Array(items.into_iter().map(Self::from).collect())
            }
            serde_json::Value::Object(members) => Self::Object(
                members.into_iter().map(|(name, value)| (name, Self::from(value))).collect(),
            ),
        }
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

impl From<bool> for Json {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<u64> for Json {
    fn from(value: u64) -> Self {
        Self::Number(Number::from(value))
    }
}

impl From<i64> for Json {
    fn from(value: i64) -> Self {
        Self::Number(Number::from(value))
    }
}

impl From<f64> for Json {
    fn from(value: f64) -> Self {
        Self::Number(Number::from(value))
    }
}

impl From<Vec<Json>> for Json {
    fn from(items: Vec<Json>) -> Self {
        Self::Array(items)
    }
}

/// How deep lists and objects may nest in what [`Json::parse`] reads. ComfyUI's own limit is
/// Python's recursion limit of about 1,000; real workflows stay below 20, and every level costs
/// stack here too.
pub const DEPTH_MAX: usize = 128;

/// How deep they may nest in what [`Json::parse_deep`] reads: twice as deep, so that whatever a
/// caller may send can also be read when it comes back inside something else.
pub const REPLY_DEPTH_MAX: usize = 2 * DEPTH_MAX;

#[cfg(test)]
mod tests;

//! The ids of nodes within their graph, which are numbers in nearly every file.

use std::fmt;

/// The id of a node within its graph: a text, kept as a number where it is spelled as one. That
/// takes less memory, is found sooner, and no id is read twice.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Number(i64),
    Text(Box<str>),
}

impl Key {
    /// The number that the id can be read as, in whatever spelling.
    pub(super) fn number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
        }
    }
}

/// The number that an id is, when no other text is the same number.
fn plain_number(id: &str) -> Option<i64> {
    const DIGITS_MAX: usize = 19;
    let digits = id.strip_prefix('-').unwrap_or(id);
    let is_first = |digit: &u8| matches!(digit, b'1'..=b'9');
    let has_first = digits.as_bytes().first().is_some_and(is_first) || id == "0";
    let is_plain = has_first
        && digits.len() <= DIGITS_MAX
        && digits.bytes().all(|digit| digit.is_ascii_digit());
    if is_plain { id.parse().ok() } else { None }
}

impl From<&str> for Key {
    fn from(id: &str) -> Self {
        plain_number(id).map_or_else(|| Self::Text(id.into()), Self::Number)
    }
}

impl PartialEq<str> for Key {
    fn eq(&self, id: &str) -> bool {
        match self {
            Self::Number(number) => plain_number(id) == Some(*number),
            Self::Text(text) => **text == *id,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Key;

    #[test]
    fn an_id_is_the_text_that_it_was() {
        let ids = ["7", "-7", "0", "00", "-0", "07", "7.0", "+7", "-", "", "a"];
        for id in ids.into_iter().chain(["9223372036854775807", "9223372036854775808"]) {
            let key = Key::from(id);
            assert_eq!(key.to_string(), id);
            assert!(key == *id && key != *"8", "{id}");
        }
        assert_eq!(Key::from("-10"), Key::Number(-10));
        assert_eq!((Key::from("07").number(), Key::from("a").number()), (Some(7), None));
    }
}

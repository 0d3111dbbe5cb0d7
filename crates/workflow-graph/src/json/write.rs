//! Writing JSON in the shortest form, numbers as they were spelled.

use std::fmt::{self, Write as _};

use super::{Json, surrogate};

impl fmt::Display for Json {
    /// Compact JSON; `NaN` and `Infinity` stay bare, as Python writes and reads them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(number) => f.write_str(number.as_str()),
            Self::String(text) => write_string(f, text),
            Self::Array(items) => {
                f.write_char('[')?;
                for (index, item) in items.iter().enumerate() {
                    separate(f, index)?;
                    write!(f, "{item}")?;
                }
                f.write_char(']')
            }
            Self::Object(members) => {
                f.write_char('{')?;
                for (index, (name, value)) in members.iter().enumerate() {
                    separate(f, index)?;
                    write_string(f, name)?;
                    f.write_char(':')?;
                    write!(f, "{value}")?;
                }
                f.write_char('}')
            }
        }
    }
}

fn separate(f: &mut fmt::Formatter<'_>, index: usize) -> fmt::Result {
    if index > 0 { f.write_char(',') } else { Ok(()) }
}

fn write_string(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    let mut plain_from = 0;
    for (at, character) in text.char_indices() {
        let escape = match character {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '\u{0}'..='\u{1f}' => "",
            _ if surrogate::of_stand_in(character).is_some() => "",
            _ => continue,
        };
        f.write_str(text.get(plain_from..at).unwrap_or_default())?;
        if escape.is_empty() {
            let unit = surrogate::of_stand_in(character).unwrap_or(u32::from(character));
            write!(f, "\\u{unit:04x}")?;
        } else {
            f.write_str(escape)?;
        }
        plain_from = at + character.len_utf8();
    }
    f.write_str(text.get(plain_from..).unwrap_or_default())?;
    f.write_char('"')
}

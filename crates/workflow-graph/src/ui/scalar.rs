//! Ids, slots and types, which files spell as texts, as numbers and as lists.

use std::borrow::Cow;

use crate::json::{Json, Number};

/// A text that is mostly borrowed from the file or the catalog.
pub(crate) type Text<'a> = Cow<'a, str>;

/// An id as the front end compares them: as text, so that `3` and `"3"` are the same.
pub(crate) fn id_text(json: &Json) -> Option<Text<'_>> {
    match json {
        Json::String(text) if !text.is_empty() => Some(Cow::Borrowed(text)),
        Json::Number(number) => Some(number_text(number)),
        Json::Null | Json::Bool(_) | Json::String(_) | Json::Array(_) | Json::Object(_) => None,
    }
}

/// A number as JavaScript prints it: without a fraction that is zero.
fn number_text(number: &Number) -> Text<'_> {
    if number.is_integer() {
        return Cow::Borrowed(if number.as_str() == "-0" { "0" } else { number.as_str() });
    }
    match number.as_i64() {
        Some(whole) => Cow::Owned(whole.to_string()),
        None => Cow::Owned(number.as_f64().to_string()),
    }
}

/// A whole number, also when it stands in quotes.
pub(super) fn whole(json: &Json) -> Option<i64> {
    match json {
        Json::Number(_) => json.as_i64(),
        Json::String(text) => text.trim().parse().ok(),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
    }
}

/// The type of a slot. Lists are joined as JavaScript does, and a missing type or the number 0
/// is the type that takes everything.
pub(crate) fn type_text(json: Option<&Json>) -> Text<'_> {
    match json {
        Some(Json::String(text)) => Cow::Borrowed(text),
        Some(Json::Number(number)) if number.as_i64() != Some(0) => number_text(number),
        Some(Json::Array(items)) => {
            let names: Vec<&str> = items.iter().filter_map(Json::as_str).collect();
            Cow::Owned(names.join(","))
        }
        Some(Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_)) | None => {
            Cow::Borrowed("*")
        }
    }
}

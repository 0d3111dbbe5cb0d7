//! How figures are told as JSON: each with the key of its source, which is spelled out once.

use std::collections::BTreeMap;

use model_registry::{Range, Setting, Source};
use serde::Serialize;
use serde_json::{Value, json};
use workflow_graph::Json;

/// What was written, without the members that there is nothing to say in.
pub(super) fn told(value: Value) -> Json {
    Json::from(without_nulls(value))
}

pub(super) fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let there = members.into_iter().filter(|(_, member)| !member.is_null());
            Value::Object(there.map(|(name, member)| (name, without_nulls(member))).collect())
        }
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => plain,
    }
}

/// The sources of the figures that were told, by key.
#[derive(Debug, Default)]
pub(super) struct Sources(BTreeMap<String, String>);

impl Sources {
    /// The key of a source, which is remembered.
    pub(super) fn key(&mut self, source: &Source) -> Value {
        self.0.insert(source.key().to_owned(), source.text().to_owned());
        json!(source.key())
    }

    /// `{value, source}`.
    pub(super) fn figure<T: Serialize>(&mut self, setting: &Setting<T>) -> Value {
        json!({"value": setting.value, "source": self.key(&setting.source)})
    }

    /// The same of a figure that may not be known.
    pub(super) fn maybe<T: Serialize>(&mut self, setting: Option<&Setting<T>>) -> Value {
        setting.map_or(Value::Null, |setting| self.figure(setting))
    }

    /// The same of a figure that is told as a word.
    pub(super) fn word<T>(
        &mut self,
        setting: Option<&Setting<T>>,
        spelled: impl Fn(&T) -> String,
    ) -> Value {
        let told = |setting: &Setting<T>| json!({"value": spelled(&setting.value), "source": self.key(&setting.source)});
        setting.map_or(Value::Null, told)
    }

    /// `{least, most, source}`.
    pub(super) fn range(&mut self, range: Option<&Range>) -> Value {
        range.map_or(Value::Null, |range| {
            json!({"least": range.least, "most": range.most, "source": self.key(&range.source)})
        })
    }

    /// What the keys stand for.
    pub(super) fn spelled_out(self) -> Value {
        json!(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_not_told() {
        let value = json!({"a": null, "b": [{"c": null, "d": 0}], "e": []});
        assert_eq!(without_nulls(value), json!({"b": [{"d": 0}], "e": []}));
    }
}

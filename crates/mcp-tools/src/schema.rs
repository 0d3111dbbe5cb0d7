//! The schemas of arguments and results, in the plain form that every client understands.

use rmcp::model::JsonObject;
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings, json_schema};
use serde_json::Value;

/// The schema of a tool's arguments: one flat object that takes no unknown members.
pub(crate) fn of_arguments<T: JsonSchema>() -> JsonObject {
    let mut schema = plain::<T>(SchemaSettings::draft2020_12().for_deserialize());
    schema.entry("properties").or_insert_with(|| Value::Object(JsonObject::new()));
    schema.insert("additionalProperties".to_owned(), Value::Bool(false));
    schema
}

/// The schema of a tool's result.
///
/// No member is required: a failed call carries `code`, `message`, `hint`, `details` and `retry`
/// in the same place, and there are clients that hold failed results against this schema too.
pub(crate) fn of_result<T: JsonSchema>() -> JsonObject {
    let mut schema = plain::<T>(SchemaSettings::draft2020_12().for_serialize());
    schema.remove("required");
    schema.values_mut().for_each(forget_limits);
    schema
}

/// A member that is an object of a server or a workflow, passed on as it is.
pub(crate) fn any_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object"})
}

/// A member that is a list of such things.
pub(crate) fn any_list(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array"})
}

/// A member that may be any JSON value.
pub(crate) fn any_value(_: &mut SchemaGenerator) -> Schema {
    json_schema!({})
}

fn plain<T: JsonSchema>(settings: SchemaSettings) -> JsonObject {
    let settings = settings.with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    simplify(&mut schema);
    let Value::Object(mut members) = schema else { return JsonObject::new() };
    // The description of the whole is the tool's.
    members.remove("description");
    members
}

/// Takes out what adds bytes or trips clients: type names as titles, number formats, `null` as
/// a second type (an absent member says the same), and the limits of the machine's own types.
fn simplify(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.get("title").is_some_and(Value::is_string) {
                members.remove("title");
            }
            if members.get("default").is_some_and(Value::is_null) {
                members.remove("default");
            }
            members.remove("format");
            if let Some(Value::Array(choices)) = members.get_mut("enum") {
                choices.retain(|choice| !choice.is_null());
            }
            if let Some(Value::String(description)) = members.get_mut("description") {
                *description = description.replace('\n', " ");
            }
            if let Some(kind) = members.get_mut("type") {
                single_type(kind);
            }
            if let Some(sole) = members.get_mut("anyOf").and_then(sole_non_null) {
                members.remove("anyOf");
                for (name, value) in sole {
                    members.entry(name).or_insert(value);
                }
            }
            for (name, member) in members {
                // The members of `properties` are names, whatever they are called.
                if name == "properties"
                    && let Value::Object(named) = member
                {
                    named.values_mut().for_each(simplify);
                } else {
                    simplify(member);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(simplify),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Takes out that a count is not negative: what is promised of results is their shape.
fn forget_limits(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.get("minimum").is_some_and(Value::is_number) {
                members.remove("minimum");
            }
            members.values_mut().for_each(forget_limits);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_limits),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn single_type(kind: &mut Value) {
    if let Value::Array(kinds) = kind {
        kinds.retain(|kind| kind != "null");
        if let [single] = kinds.as_slice() {
            *kind = single.clone();
        }
    }
}

/// The one alternative beside `null`, when that is all there is.
fn sole_non_null(alternatives: &mut Value) -> Option<JsonObject> {
    let is_null = |schema: &Value| schema.get("type").is_some_and(|kind| kind == "null");
    match alternatives.as_array_mut()?.as_mut_slice() {
        [Value::Object(sole), null] | [null, Value::Object(sole)] if is_null(null) => {
            Some(std::mem::take(sole))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};
    use serde_json::json;

    use super::*;

    /// Not shown.
    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Outer {
        /// How many.
        #[schemars(range(min = 1, max = 9))]
        count: Option<u32>,
        inner: Option<Inner>,
        /// A name that is a keyword elsewhere.
        format: Option<String>,
        list: Vec<Inner>,
    }

    /// Inside.
    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Inner {
        title: String,
    }

    #[test]
    fn arguments_are_flat_closed_and_without_null() {
        assert_eq!(
            Value::Object(of_arguments::<Outer>()),
            json!({
                "type": "object",
                "properties": {
                    "count": {"description": "How many.", "type": "integer", "minimum": 1, "maximum": 9},
                    "format": {"description": "A name that is a keyword elsewhere.", "type": "string"},
                    "inner": {"description": "Inside.", "type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]},
                    "list": {"type": "array", "items": {"description": "Inside.", "type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}}
                },
                "required": ["list"],
                "additionalProperties": false
            })
        );
    }

    #[test]
    fn results_require_nothing_at_the_top() {
        let schema = of_result::<Outer>();
        assert_eq!(schema.get("required"), None);
        assert_eq!(schema.get("type"), Some(&json!("object")));
        let count = schema.get("properties").and_then(|properties| properties.get("count"));
        assert_eq!(count.and_then(|count| count.get("minimum")), None);
    }
}

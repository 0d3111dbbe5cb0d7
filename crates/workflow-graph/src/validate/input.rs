//! The check of one input: a value, or where a link leads.

use std::{borrow::Cow, cmp::Ordering};

use super::{
    ErrorKind, Finding, Profile,
    context::{Context, output_slot},
    expand::Declared,
    python::{self, Raised},
    suggest::Suggest,
};
use crate::{
    catalog::{Generation, InputKind, InputSpec},
    json::Json,
};

/// What follows from one input.
pub(crate) enum Outcome {
    Fine,
    Wrong(Finding),
    /// The node it is linked from must be checked.
    Follow(usize),
    /// The server's check breaks, and with it that of the whole node.
    Breaks(Raised),
}

/// From how many choices on a server no longer lists them.
const CHOICES_LISTED_MAX: usize = 20;

pub(crate) fn missing(
    declared: &Declared<'_>,
    last_part_only: bool,
    suggest: &Suggest<'_>,
    node: usize,
) -> Finding {
    let key = &*declared.key;
    let details = if last_part_only { key.rsplit('.').next().unwrap_or(key) } else { key };
    Finding {
        kind: ErrorKind::RequiredInputMissing,
        input: Some(key.to_owned()),
        message: "Required input is missing".to_owned(),
        details: details.to_owned(),
        extra_info: Json::object([("input_name", Json::from(key))]),
        choices: suggest.for_missing(node, declared.spec),
        culprit: None,
        alternatives: Vec::new(),
    }
}

/// Checks a list, which a server takes for a link whatever is in it.
pub(crate) fn link(
    suggest: &Suggest<'_>,
    node: usize,
    declared: &Declared<'_>,
    items: &[Json],
    checks_types: bool,
) -> Outcome {
    let spec = declared.spec;
    let received = || Json::from(items.to_vec());
    let [from, slot] = items else {
        return Outcome::Wrong(Finding {
            kind: ErrorKind::BadLinkedInput,
            input: Some(declared.key.to_string()),
            message: "Bad linked input, must be a length-2 list of [node_id, slot_index]"
                .to_owned(),
            details: declared.key.to_string(),
            extra_info: about(declared, [("received_value", received())]),
            choices: suggest.for_link(node, spec, items),
            culprit: None,
            alternatives: Vec::new(),
        });
    };
    let (source, received_type) = match follow(suggest.context(), from, slot) {
        Ok(found) => found,
        Err(raised) => return Outcome::Breaks(raised),
    };
    if checks_types && !types_agree(received_type, &spec.type_json) {
        let details = format!(
            "{}, received_type({}) mismatch input_type({})",
            declared.key,
            python::text(received_type),
            python::text(&spec.type_json)
        );
        let facts = [("received_type", received_type.clone()), ("linked_node", received())];
        return Outcome::Wrong(Finding {
            kind: ErrorKind::ReturnTypeMismatch,
            input: Some(declared.key.to_string()),
            message: "Return type mismatch between linked nodes".to_owned(),
            details,
            extra_info: about(declared, facts),
            choices: suggest.for_link(node, spec, items),
            culprit: None,
            alternatives: Vec::new(),
        });
    }
    Outcome::Follow(source)
}

/// The node behind a link and the type of its output, or how Python's indexing fails.
pub(crate) fn follow<'a>(
    context: Context<'a>,
    from: &Json,
    slot: &Json,
) -> Result<(usize, &'a Json), Raised> {
    let source = match from {
        Json::String(id) => {
            context.nodes.get_index_of(id).ok_or_else(|| Raised::key_error(from))?
        }
        Json::Array(_) | Json::Object(_) => {
            let message = format!("unhashable type: '{}'", python::type_name(from));
            return Err(Raised::new("TypeError", message));
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => return Err(Raised::key_error(from)),
    };
    let class = context.class(source).ok_or_else(|| Raised::key_error(from))?;
    // The outputs of an older class are a tuple, those of a newer one a list.
    let sequence = if class.generation == Generation::V3 { "list" } else { "tuple" };
    let is_index = match slot {
        Json::Bool(_) => true,
        Json::Number(number) => number.is_integer(),
        Json::Null | Json::String(_) | Json::Array(_) | Json::Object(_) => false,
    };
    if !is_index {
        let kind = python::type_name(slot);
        let message = format!("{sequence} indices must be integers or slices, not {kind}");
        return Err(Raised::new("TypeError", message));
    }
    if let Json::Number(number) = slot
        && number.as_i64().is_none()
    {
        return Err(Raised::new("IndexError", "cannot fit 'int' into an index-sized integer"));
    }
    output_slot(slot, class.outputs.len())
        .and_then(|slot| class.outputs.get(slot))
        .map(|output| (source, &output.type_json))
        .ok_or_else(|| Raised::new("IndexError", format!("{sequence} index out of range")))
}

/// Whether an output of one type may be linked to an input of another.
pub(crate) fn types_agree(received: &Json, wanted: &Json) -> bool {
    const ANY: &str = "*";
    const MATCH: &str = "COMFY_MATCHTYPE_V3";
    let is = |one: &Json, name: &str| one.as_str() == Some(name);
    if python::equal(received, wanted)
        || [received, wanted].iter().any(|one| is(one, ANY) || is(one, MATCH))
        || (matches!(received, Json::Array(_)) && is(wanted, "COMBO"))
    {
        return true;
    }
    let (Some(received), Some(wanted)) = (received.as_str(), wanted.as_str()) else { return false };
    let mut received_types = received.split(',').map(str::trim);
    let any = |types: &str| types.split(',').any(|one| one.trim() == ANY);
    any(received)
        || any(wanted)
        || received_types.any(|one| wanted.split(',').any(|other| other.trim() == one))
}

/// Checks a value that is no list. `own_check` says that the class checks this input itself,
/// in place of range and choices.
pub(crate) fn value(
    profile: Profile,
    declared: &Declared<'_>,
    value: &Json,
    own_check: bool,
    suggest: &Suggest<'_>,
) -> Outcome {
    let spec = declared.spec;
    let value = unwrapped(value);
    let converted = match converted(spec, value) {
        Ok(converted) => converted,
        Err(raised) => return Outcome::Wrong(unconvertible(declared, value, raised)),
    };
    if own_check {
        return Outcome::Fine;
    }
    match out_of_range(declared, &converted) {
        Err(raised) => return Outcome::Breaks(raised),
        Ok(Some(finding)) => return Outcome::Wrong(finding),
        Ok(None) => {}
    }
    match not_a_choice(profile, declared, &converted, suggest) {
        Some(finding) => Outcome::Wrong(finding),
        None => Outcome::Fine,
    }
}

/// What is inside `{"__value__": …}`, the wrapping that lets a list be a value.
pub(crate) fn unwrapped(value: &Json) -> &Json {
    value.as_object().and_then(|members| members.get("__value__")).unwrap_or(value)
}

/// The value as the server stores it for the node.
pub(crate) fn converted<'v>(spec: &InputSpec, value: &'v Json) -> Result<Cow<'v, Json>, Raised> {
    match (&spec.kind, value) {
        (InputKind::Int, _) => python::int(value),
        (InputKind::Float, _) => python::float(value),
        (InputKind::Text, Json::String(_)) | (InputKind::Boolean, Json::Bool(_)) => {
            Ok(Cow::Borrowed(value))
        }
        (InputKind::Text, _) => Ok(Cow::Owned(Json::from(python::text(value).into_owned()))),
        (InputKind::Boolean, _) => Ok(Cow::Owned(Json::from(python::truth(value)))),
        _ => Ok(Cow::Borrowed(value)),
    }
}

fn unconvertible(declared: &Declared<'_>, value: &Json, raised: Raised) -> Finding {
    let kind = declared.spec.type_name().unwrap_or_default();
    let text = python::text(value);
    let details = format!("{}, {text}, {}", declared.key, raised.message);
    let facts = [("received_value", value.clone()), ("exception_message", raised.message.into())];
    Finding {
        kind: ErrorKind::InvalidInputType,
        input: Some(declared.key.to_string()),
        message: format!("Failed to convert an input value to a {kind} value"),
        details,
        extra_info: about(declared, facts),
        choices: declared.spec.default_value().cloned().into_iter().collect(),
        culprit: None,
        alternatives: Vec::new(),
    }
}

fn out_of_range(declared: &Declared<'_>, value: &Json) -> Result<Option<Finding>, Raised> {
    let bounds = [
        ("min", Ordering::Less, ErrorKind::ValueSmallerThanMin, "smaller than min"),
        ("max", Ordering::Greater, ErrorKind::ValueBiggerThanMax, "bigger than max"),
    ];
    for (option, wrong, kind, words) in bounds {
        let Some(bound) = declared.spec.options.get(option) else { continue };
        if python::ordered(value, wrong, bound)? {
            let (text, bound_text) = (python::text(value), python::text(bound));
            return Ok(Some(Finding {
                kind,
                input: Some(declared.key.to_string()),
                message: format!("Value {text} {words} of {bound_text}"),
                details: declared.key.to_string(),
                extra_info: about(declared, [("received_value", value.clone())]),
                choices: vec![bound.clone()],
                culprit: None,
                alternatives: Vec::new(),
            }));
        }
    }
    Ok(None)
}

fn not_a_choice(
    profile: Profile,
    declared: &Declared<'_>,
    value: &Json,
    suggest: &Suggest<'_>,
) -> Option<Finding> {
    let InputKind::Combo(combo) = declared.spec.kind else { return None };
    let choices = declared.spec.choices().unwrap_or_default();
    let is_choice = |value: &Json| choices.iter().any(|choice| python::equal(choice, value));
    let several = combo.multiselect && profile == Profile::V0_33;
    let values = match value.as_array() {
        Some(items) if several => items,
        _ => std::slice::from_ref(value),
    };
    let wrong: Vec<&Json> = values.iter().filter(|value| !is_choice(value)).collect();
    let first = *wrong.first()?;
    let listed = choices.len() <= CHOICES_LISTED_MAX;
    let list = if listed {
        format!("[{}]", python::reprs(choices))
    } else {
        format!("(list of length {})", choices.len())
    };
    let words = match profile {
        Profile::V0_8 => format!("'{}'", python::text(value)),
        Profile::V0_33 => python::reprs(wrong.iter().copied()),
    };
    let mut extra_info = about(declared, [("received_value", value.clone())]);
    if !listed && let Json::Object(members) = &mut extra_info {
        members.insert("input_config", Json::Null);
    }
    Some(Finding {
        kind: ErrorKind::ValueNotInList,
        input: Some(declared.key.to_string()),
        message: "Value not in list".to_owned(),
        details: format!("{}: {words} not in {list}", declared.key),
        extra_info,
        choices: suggest.nearest_values(first, choices),
        culprit: None,
        alternatives: Vec::new(),
    })
}

/// The facts every error about an input has, then others.
pub(crate) fn about<const N: usize>(declared: &Declared<'_>, facts: [(&str, Json); N]) -> Json {
    let config = vec![declared.spec.type_json.clone(), Json::Object(declared.spec.options.clone())];
    let common = [("input_name", Json::from(&*declared.key)), ("input_config", Json::from(config))];
    Json::object(common.into_iter().chain(facts))
}

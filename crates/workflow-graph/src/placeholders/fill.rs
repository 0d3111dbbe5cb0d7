//! Setting values in open places.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::{
    FillError, Kind, Placeholders,
    scan::{Mark, Piece, Pieces, Spot, Step},
};
use crate::{
    json::Json,
    workflow::{Input, Workflow},
};

pub(super) fn fill(
    template: &Placeholders,
    values: &BTreeMap<String, Json>,
) -> Result<Workflow, FillError> {
    let mut error = FillError::default();
    let mut accepted: BTreeMap<&str, Json> = BTreeMap::new();
    for parameter in template.parameters() {
        let name = parameter.name.as_str();
        match values.get(name) {
            Some(value) => match parameter.kind.accept(value) {
                Ok(value) => {
                    accepted.insert(name, value);
                }
                Err(problem) => error.mistyped.push((name.to_owned(), problem)),
            },
            None => match &parameter.default {
                Some(default) => {
                    accepted.insert(name, default.clone());
                }
                None if parameter.required => error.unfilled.push(name.to_owned()),
                None => {}
            },
        }
    }
    let is_known = |name: &&String| template.parameters.contains_key(*name);
    error.unknown = values.keys().filter(|name| !is_known(name)).cloned().collect();
    error.mistyped.extend(lists_in_texts(template, &accepted));
    if error != FillError::default() {
        error.known = template.parameters.keys().cloned().collect();
        return Err(error);
    }
    let mut workflow = template.workflow.clone();
    for spot in &template.spots {
        if let Some(value) = value_of(spot, &accepted) {
            set(&mut workflow, spot, value);
        }
    }
    let mistyped: Vec<_> = made_links(template, &workflow).into_iter().collect();
    if mistyped.is_empty() {
        return Ok(workflow);
    }
    Err(FillError { mistyped, ..FillError::default() })
}

/// Names whose value cannot be taken, with what is wrong at the first place of each.
type Mistyped = IndexMap<String, String>;

/// Inside a text only what has one spelling can stand: texts, numbers, truths.
fn lists_in_texts(template: &Placeholders, accepted: &BTreeMap<&str, Json>) -> Mistyped {
    let mut mistyped = Mistyped::new();
    for spot in template.spots.iter().filter(|spot| matches!(spot.pieces, Pieces::Text(_))) {
        for mark in spot.marks() {
            let Some(value) = accepted.get(&*mark.name) else { continue };
            if matches!(value, Json::Array(_) | Json::Object(_) | Json::Null) {
                let (input, node) = (&spot.input, &spot.node);
                mistyped.entry(mark.name.clone()).or_insert_with(|| {
                    format!("{value} cannot stand inside a text (input `{input}` of node {node})")
                });
            }
        }
    }
    mistyped
}

/// A list of a text and a number is a link, and no value may make one: not as a whole, and not
/// in a list whose parts are open.
fn made_links(template: &Placeholders, workflow: &Workflow) -> Mistyped {
    let mut mistyped = Mistyped::new();
    for spot in &template.spots {
        let input = workflow.node(&spot.node).and_then(|node| node.input(&spot.input));
        if let Some(Input::Literal(value)) = input
            && Input::is_link(value)
        {
            for mark in spot.marks() {
                let (input, node) = (&spot.input, &spot.node);
                mistyped.entry(mark.name.clone()).or_insert_with(|| {
                    format!("{value} in input `{input}` of node {node} would be read as a link")
                });
            }
        }
    }
    mistyped
}

fn value_of(spot: &Spot, accepted: &BTreeMap<&str, Json>) -> Option<Json> {
    match &spot.pieces {
        Pieces::Whole(mark) => accepted.get(&*mark.name).cloned(),
        Pieces::Text(pieces) => {
            let mut text = String::new();
            for piece in pieces {
                match piece {
                    Piece::Plain(plain) => text.push_str(plain),
                    Piece::Open(Mark { name, .. }) => {
                        let value = accepted.get(name.as_str())?;
                        match value.as_str() {
                            Some(value) => text.push_str(value),
                            None => text.push_str(&value.to_string()),
                        }
                    }
                }
            }
            Some(Json::from(text))
        }
    }
}

fn set(workflow: &mut Workflow, spot: &Spot, value: Json) {
    let input = workflow.node_mut(&spot.node).and_then(|node| node.input_mut(&spot.input));
    let Some(Input::Literal(root)) = input else { return };
    let place = spot.path.iter().try_fold(root, |value, step| match (value, step) {
        (Json::Object(members), Step::Member(name)) => members.get_mut(name),
        (Json::Array(items), Step::Item(index)) => items.get_mut(*index),
        (_, _) => None,
    });
    if let Some(place) = place {
        *place = value;
    }
}

/// The kind of the value that stands at a place, for a mapping that does not say.
pub(super) fn kind_of(value: &Json) -> Kind {
    match value {
        Json::String(_) => Kind::Text,
        Json::Number(number) if number.is_integer() => Kind::Integer,
        Json::Number(_) => Kind::Number,
        Json::Bool(_) => Kind::Flag,
        Json::Null | Json::Array(_) | Json::Object(_) => Kind::Any,
    }
}

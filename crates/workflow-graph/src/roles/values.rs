//! From an input to where its value is written.

use super::{names, walk::Graph};
use crate::{
    ids::NodeId,
    json::Json,
    workflow::{Input, Node},
};

/// A value and the place it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written<'a> {
    pub(super) node: &'a NodeId,
    pub(super) input: &'a str,
    pub(super) value: &'a Json,
    /// Whether something is computed from it before it is used.
    pub(super) computed: bool,
}

/// The literal of an input.
pub(super) fn literal<'a>(id: &'a NodeId, node: &'a Node, name: &str) -> Option<Written<'a>> {
    let (input, value) = node.written_input(name)?;
    Some(Written { node: id, input, value: value.as_literal()?, computed: false })
}

/// The number, truth or choice of an input: written there, or where its link leads over
/// switches and computations. What pictures decide is written nowhere.
pub(super) fn number<'a>(
    graph: &Graph<'a>,
    id: &'a NodeId,
    node: &'a Node,
    name: &str,
) -> Option<Written<'a>> {
    if let Some(written) = literal(id, node, name) {
        return Some(written);
    }
    let link = node.input(name).and_then(Input::as_link)?;
    let mut found = None;
    let mut computed = false;
    graph.upstream([link], |id, node, _| {
        if found.is_some() {
            return Vec::new();
        }
        let wanted = |input: &str| {
            let input = names::last_part(input);
            input == names::last_part(name) || input == "value"
        };
        found = node
            .inputs()
            .filter(|(input, value)| wanted(input) && is_number(value))
            .find_map(|(input, _)| literal(id, node, input));
        let inputs = node.inputs().map(|(input, _)| input);
        let passed: Vec<&str> =
            inputs.filter(|input| wanted(input) || names::is_choice(input)).collect();
        if !passed.is_empty() {
            return passed;
        }
        // The variables of an expression are single letters.
        let inputs = node.inputs().map(|(input, _)| input);
        let variables: Vec<&str> =
            inputs.filter(|input| names::last_part(input).len() == 1).collect();
        computed |= found.is_none() && !variables.is_empty();
        variables
    });
    found.map(|found| Written { computed, ..found })
}

/// The texts that make up the text of an input, the nearest first, empty ones last.
pub(super) fn texts<'a>(
    graph: &Graph<'a>,
    id: &'a NodeId,
    node: &'a Node,
    name: &str,
) -> Vec<Written<'a>> {
    if let Some(written) = literal(id, node, name) {
        return if written.value.as_str().is_some() { vec![written] } else { Vec::new() };
    }
    let Some(link) = node.input(name).and_then(Input::as_link) else { return Vec::new() };
    let mut found = Vec::new();
    graph.upstream([link], |id, node, _| {
        let carried = node.inputs().map(|(input, _)| input);
        let mut carried: Vec<&str> = carried.filter(|input| names::carries_text(input)).collect();
        if carried.iter().any(|input| names::is_prompt(input)) {
            carried.retain(|input| names::is_prompt(input) && !names::is_negative(input));
        }
        let texts = carried.iter().filter_map(|input| literal(id, node, input));
        found.extend(texts.filter(|written| written.value.as_str().is_some()));
        if carried.is_empty() {
            super::walk::links(node).map(|(name, _)| name).collect()
        } else {
            carried
        }
    });
    found.sort_by_key(|written| written.value.as_str().is_none_or(str::is_empty));
    found
}

fn is_number(input: &Input) -> bool {
    matches!(input, Input::Literal(Json::Number(_)))
}

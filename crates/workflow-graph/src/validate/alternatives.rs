//! The other names an error may have. A server goes over inputs and outputs in the order of a
//! hash set; where its check of a node breaks, the error names whoever asked first.

use std::collections::HashMap;

use super::{
    Alternative, ErrorKind, Finding, context::Context, custom, expand::Plan, input, walk::Walk,
};
use crate::json::Json;

pub(super) type Alternatives = HashMap<usize, Vec<Alternative>>;

/// For each node whose check broke, all the ways to come by it.
pub(super) fn of(context: Context<'_>, walk: &Walk<'_>, outputs: &[usize]) -> Alternatives {
    let broken = walk.with_errors().iter().filter(|node| {
        walk.looked(**node).is_some_and(|looked| looked.errors.iter().any(is_exception))
    });
    let mut ways: Alternatives = broken.map(|node| (*node, Vec::new())).collect();
    if ways.is_empty() {
        return ways;
    }
    for output in outputs {
        if let Some(ways) = ways.get_mut(output) {
            ways.push(Alternative { kind: ErrorKind::ExceptionDuringValidation, input: None });
        }
    }
    for node in (0..context.nodes.len()).filter(|node| walk.looked(*node).is_some()) {
        add_links_of(context, node, &mut ways);
    }
    ways
}

fn add_links_of(context: Context<'_>, node: usize, ways: &mut Alternatives) {
    let Some(class) = context.class(node) else { return };
    let inputs = context.inputs(node);
    let any_type = custom::of(class, context.profile).is_some_and(custom::Validator::takes_types);
    for declared in Plan::of(class, inputs, context.profile).iter() {
        let value = inputs.and_then(|inputs| inputs.get(&declared.key)).and_then(Json::as_array);
        let Some([from, slot]) = value else { continue };
        let Ok((source, received)) = input::follow(context, from, slot) else { continue };
        if !any_type && !input::types_agree(received, &declared.spec.type_json) {
            continue;
        }
        if let Some(ways) = ways.get_mut(&source) {
            let input = Some(declared.key.into_owned());
            let way = Alternative { kind: ErrorKind::ExceptionDuringInnerValidation, input };
            if !ways.contains(&way) {
                ways.push(way);
            }
        }
    }
}

/// Gives each exception the ways that it does not name itself.
pub(super) fn add(errors: &mut [Finding], ways: Option<&Vec<Alternative>>) {
    for error in errors.iter_mut().filter(|error| is_exception(error)) {
        let names_it = |way: &&Alternative| way.kind == error.kind && way.input == error.input;
        error.alternatives =
            ways.into_iter().flatten().filter(|way| !names_it(way)).cloned().collect();
    }
}

fn is_exception(error: &Finding) -> bool {
    matches!(
        error.kind,
        ErrorKind::ExceptionDuringInnerValidation | ErrorKind::ExceptionDuringValidation
    )
}

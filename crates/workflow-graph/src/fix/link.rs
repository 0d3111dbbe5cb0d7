//! What a wrong link was probably meant to be.

use std::{cell::Cell, collections::HashSet};

use crate::{
    catalog::{InputKind, InputSpec},
    json::Json,
    validate::{
        context::Context,
        expand::Declared,
        input,
        suggest::{Outputs, outputs_by_type},
    },
};

/// How many nodes may be visited in all to see that no correction closes a circle.
const VISITS_MAX: usize = 200_000;

/// How many outputs of the right type are looked at; where there are more, none is the only one.
const CANDIDATES_MAX: usize = 16;

pub(super) struct Links<'a> {
    context: Context<'a>,
    outputs: std::cell::OnceCell<Outputs<'a>>,
    visits_left: Cell<usize>,
}

impl<'a> Links<'a> {
    pub(super) fn new(context: Context<'a>) -> Self {
        let outputs = std::cell::OnceCell::new();
        Self { context, outputs, visits_left: Cell::new(VISITS_MAX) }
    }

    pub(super) fn corrected(
        &self,
        node: usize,
        declared: &Declared<'_>,
        items: &[Json],
    ) -> Option<(Json, &'static str)> {
        let spec = declared.spec;
        if let Some(respelled) = respelled(items)
            && let Json::Array(link) = &respelled
            && self.leads_on(link, spec)
            && *link != items
        {
            return Some((respelled, "a link is a list of a node id as text and a slot number"));
        }
        let from = items.first().and_then(id_text);
        if let Some(source) = from.and_then(|id| self.context.nodes.get_index_of(&id)) {
            let slot = self.only_slot(source, spec)?;
            return Some((self.link(source, slot), "the only output of that node that fits"));
        }
        let (source, slot) = self.only_output(node, spec)?;
        Some((
            self.link(source, slot),
            "that node does not exist; this is the only output that fits",
        ))
    }

    fn link(&self, source: usize, slot: usize) -> Json {
        let slot = u64::try_from(slot).unwrap_or_default();
        Json::from(vec![Json::from(self.context.id(source)), Json::from(slot)])
    }

    fn leads_on(&self, link: &[Json], spec: &InputSpec) -> bool {
        let [from, slot] = link else { return false };
        let found = input::follow(self.context, from, slot);
        found.is_ok_and(|(_, received)| input::types_agree(received, &spec.type_json))
    }

    fn only_slot(&self, source: usize, spec: &InputSpec) -> Option<usize> {
        let outputs = &self.context.class(source)?.outputs;
        let mut fitting = outputs
            .iter()
            .enumerate()
            .filter(|(_, output)| input::types_agree(&output.type_json, &spec.type_json));
        let (slot, _) = fitting.next()?;
        fitting.next().is_none().then_some(slot)
    }

    fn only_output(&self, node: usize, spec: &InputSpec) -> Option<(usize, usize)> {
        // An input that takes anything says nothing of what was meant.
        if matches!(spec.kind, InputKind::MatchType(_)) || spec.type_name() == Some("*") {
            return None;
        }
        let outputs = self.outputs.get_or_init(|| outputs_by_type(self.context));
        let mut candidates: Vec<(usize, usize)> = Vec::new();
        for (type_name, places) in outputs {
            if input::types_agree(&Json::from(*type_name), &spec.type_json) {
                candidates.extend(places.iter().take(CANDIDATES_MAX + 1));
            }
        }
        if candidates.len() > CANDIDATES_MAX {
            return None;
        }
        candidates.retain(|(source, _)| !self.needs(*source, node));
        match candidates.as_slice() {
            [only] => Some(*only),
            _ => None,
        }
    }

    /// Whether a node is, or is fed by, another; true also when that would take too long to see.
    fn needs(&self, node: usize, other: usize) -> bool {
        let mut seen = HashSet::new();
        let mut waiting = vec![node];
        while let Some(node) = waiting.pop() {
            let left = self.visits_left.get();
            if node == other || left == 0 {
                return true;
            }
            if !seen.insert(node) {
                continue;
            }
            self.visits_left.set(left - 1);
            let inputs = self.context.inputs(node).and_then(Json::as_object);
            let links = inputs.into_iter().flatten().filter_map(|(_, value)| value.as_array());
            let sources = links.filter_map(|link| link.first()?.as_str());
            waiting.extend(sources.filter_map(|id| self.context.nodes.get_index_of(id)));
        }
        false
    }
}

/// The same link with its id as text and its slot as a number.
fn respelled(items: &[Json]) -> Option<Json> {
    let [from, slot, ..] = items else { return None };
    let from = id_text(from)?;
    let slot = slot.as_str().map_or_else(|| slot.as_u64(), |text| text.trim().parse().ok())?;
    Some(Json::from(vec![Json::from(from), Json::from(slot)]))
}

fn id_text(id: &Json) -> Option<String> {
    match id {
        Json::String(text) => Some(text.to_string()),
        Json::Number(_) => id.as_u64().map(|id| id.to_string()),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
    }
}

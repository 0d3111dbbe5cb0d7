//! What would have worked in the place of what is wrong: the nearest choices, and the outputs
//! of the right type.

use std::{
    cell::{Cell, OnceCell},
    collections::HashMap,
};

use super::{context::Context, files, input::types_agree, python};
use crate::{
    catalog::{InputKind, InputSpec},
    json::Json,
    near,
};

/// How many choices a finding offers.
const OFFERED_MAX: usize = 5;

/// How many names are compared with wrong ones in one prompt; a second or so of work.
const COMPARISONS_MAX: usize = 50_000;

/// Findings that are given the choices that cost a search; a prompt with more of them is broken
/// as a whole.
const SEARCHES_MAX: usize = 1_000;

pub(crate) struct Suggest<'a> {
    context: Context<'a>,
    outputs: OnceCell<Outputs<'a>>,
    files: OnceCell<Vec<Json>>,
    searches: Cell<usize>,
    comparisons_left: Cell<usize>,
}

/// The outputs in the prompt by type, each list in the order of the nodes.
pub(crate) type Outputs<'a> = HashMap<&'a str, Vec<(usize, usize)>>;

impl<'a> Suggest<'a> {
    pub(crate) fn new(context: Context<'a>) -> Self {
        Self {
            context,
            outputs: OnceCell::new(),
            files: OnceCell::new(),
            searches: Cell::new(0),
            comparisons_left: Cell::new(COMPARISONS_MAX),
        }
    }

    pub(crate) fn context(&self) -> Context<'a> {
        self.context
    }

    /// For an input that is not set: its default, else its choices, else links that fit.
    pub(crate) fn for_missing(&self, node: usize, spec: &InputSpec) -> Vec<Json> {
        match spec.default_value() {
            Some(value) if !spec.flag("forceInput") => vec![value.clone()],
            _ => match spec.choices() {
                Some(choices) => choices.iter().take(OFFERED_MAX).cloned().collect(),
                None => self.links(node, spec, None),
            },
        }
    }

    /// For a link that leads nowhere or to the wrong type: links that fit, those from the same
    /// node first; a widget can also be set.
    pub(crate) fn for_link(&self, node: usize, spec: &InputSpec, link: &[Json]) -> Vec<Json> {
        let from = link.first().and_then(Json::as_str);
        let from = from.and_then(|id| self.context.nodes.get_index_of(id));
        let mut choices = self.links(node, spec, from);
        choices.extend(spec.default_value().cloned());
        choices.truncate(OFFERED_MAX);
        choices
    }

    fn links(&self, node: usize, spec: &InputSpec, from: Option<usize>) -> Vec<Json> {
        if !self.may_search() {
            return Vec::new();
        }
        let wanted = if let InputKind::MatchType(match_type) = &spec.kind {
            Json::from(match_type.allowed.as_str())
        } else {
            spec.type_json.clone()
        };
        let outputs = self.outputs.get_or_init(|| outputs_by_type(self.context));
        let mut found: Vec<(usize, usize, usize)> = Vec::new();
        let near = |place: usize| if Some(place) == from { 0 } else { 1 + place.abs_diff(node) };
        for (type_name, places) in outputs {
            if types_agree(&Json::from(*type_name), &wanted) {
                // The list is in order, so the nearest stand around the place of the node.
                let middle = places.partition_point(|(place, _)| *place < node);
                let around = places
                    .iter()
                    .skip(middle.saturating_sub(OFFERED_MAX))
                    .take(2 * OFFERED_MAX + 1)
                    .chain(
                        places.iter().filter(|(place, _)| Some(*place) == from).take(OFFERED_MAX),
                    );
                found.extend(around.map(|(place, slot)| (near(*place), *place, *slot)));
            }
        }
        found.retain(|(_, place, _)| *place != node);
        found.sort_unstable();
        found.dedup();
        let link = |(_, place, slot): &(usize, usize, usize)| {
            let slot = u64::try_from(*slot).unwrap_or_default();
            Json::from(vec![Json::from(self.context.id(*place)), Json::from(slot)])
        };
        found.iter().take(OFFERED_MAX).map(link).collect()
    }

    /// The choices most like a value; the first ones when none is, since any of them would work.
    pub(crate) fn nearest_values(&self, wrong: &Json, choices: &[Json]) -> Vec<Json> {
        if !self.may_search() {
            return Vec::new();
        }
        let texts: Vec<_> = choices.iter().map(python::text).collect();
        let near = self.alike(&python::text(wrong), &texts);
        if near.is_empty() {
            return choices.iter().take(OFFERED_MAX).cloned().collect();
        }
        near.into_iter().filter_map(|at| choices.get(at)).cloned().collect()
    }

    /// The names most like one that is none of them; none when none is like it.
    pub(crate) fn nearest_names<T: AsRef<str>>(&self, wrong: &str, names: &[T]) -> Vec<Json> {
        if !self.may_search() {
            return Vec::new();
        }
        let near = self.alike(wrong, names);
        near.into_iter().filter_map(|at| names.get(at)).map(|name| name.as_ref().into()).collect()
    }

    /// The places of the texts that are like one, as long as comparing is not too much.
    fn alike<T: AsRef<str>>(&self, wrong: &str, texts: &[T]) -> Vec<usize> {
        let compared = texts.len().min(self.comparisons_left.get());
        self.comparisons_left.set(self.comparisons_left.get() - compared);
        let texts = texts.iter().take(compared).map(AsRef::as_ref);
        near::places(wrong, texts, OFFERED_MAX)
    }

    /// The files most like a name.
    pub(crate) fn nearest_files(&self, wrong: &Json) -> Vec<Json> {
        let known = self.files.get_or_init(|| files::known(self.context));
        self.nearest_values(wrong, known)
    }

    fn may_search(&self) -> bool {
        self.searches.set(self.searches.get() + 1);
        self.searches.get() <= SEARCHES_MAX
    }
}

pub(crate) fn outputs_by_type(context: Context<'_>) -> Outputs<'_> {
    let mut outputs: Outputs<'_> = HashMap::new();
    for (node, class) in context.known() {
        for (slot, output) in class.outputs.iter().enumerate() {
            if let Some(type_name) = output.type_name() {
                outputs.entry(type_name).or_default().push((node, slot));
            }
        }
    }
    outputs
}

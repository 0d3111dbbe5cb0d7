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
};

/// How many choices a finding offers.
const OFFERED_MAX: usize = 5;

/// How many candidates are compared letter by letter; beyond, only exact relations are found.
const COMPARED_MAX: usize = 20_000;

/// How alike two names must be to be offered before others, between 0 and 1.
const LIKENESS_MIN: f64 = 0.6;

/// Findings that are given the choices that cost a search; a prompt with more of them is broken
/// as a whole.
const SEARCHES_MAX: usize = 1_000;

pub(crate) struct Suggest<'a> {
    context: Context<'a>,
    outputs: OnceCell<Outputs<'a>>,
    files: OnceCell<Vec<Json>>,
    searches: Cell<usize>,
}

/// The outputs in the prompt by type, each list in the order of the nodes.
pub(crate) type Outputs<'a> = HashMap<&'a str, Vec<(usize, usize)>>;

impl<'a> Suggest<'a> {
    pub(crate) fn new(context: Context<'a>) -> Self {
        Self { context, outputs: OnceCell::new(), files: OnceCell::new(), searches: Cell::new(0) }
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

    /// The choices most like a value.
    pub(crate) fn nearest_values(&self, wrong: &Json, choices: &[Json]) -> Vec<Json> {
        if !self.may_search() {
            return Vec::new();
        }
        nearest(&python::text(wrong), choices, |choice| python::text(choice).into_owned())
            .into_iter()
            .cloned()
            .collect()
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

/// The candidates most like a text, best first; the first ones when none is like it.
pub(crate) fn nearest<'c, T>(
    wrong: &str,
    candidates: &'c [T],
    text: impl Fn(&T) -> String,
) -> Vec<&'c T> {
    let folded = fold(wrong);
    let mut scored: Vec<(f64, &T)> = candidates
        .iter()
        .enumerate()
        .map(|(at, candidate)| {
            let name = fold(&text(candidate));
            (
                if at < COMPARED_MAX {
                    likeness(&folded, &name)
                } else {
                    exact_likeness(&folded, &name)
                },
                candidate,
            )
        })
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .collect();
    if scored.is_empty() {
        return candidates.iter().take(OFFERED_MAX).collect();
    }
    scored.sort_by(|one, other| other.0.total_cmp(&one.0));
    scored.into_iter().take(OFFERED_MAX).map(|(_, candidate)| candidate).collect()
}

/// The one candidate that is more like a text than all others, and at least so much.
pub(crate) fn only_near<'c, T>(
    wrong: &str,
    candidates: &'c [T],
    text: impl Fn(&T) -> String,
    at_least: f64,
) -> Option<&'c T> {
    let folded = fold(wrong);
    let mut best: Option<(f64, &T)> = None;
    let mut tied = false;
    for candidate in candidates.iter().take(COMPARED_MAX) {
        let likeness = likeness(&folded, &fold(&text(candidate)));
        match best {
            Some((before, _)) if likeness < before => {}
            Some((before, _)) if likeness <= before => tied = true,
            _ => {
                best = Some((likeness, candidate));
                tied = false;
            }
        }
    }
    best.filter(|(likeness, _)| *likeness >= at_least && !tied).map(|(_, candidate)| candidate)
}

/// Lower case, and one kind of slash: files are named on two systems.
fn fold(text: &str) -> String {
    text.to_lowercase().replace('\\', "/")
}

/// Names that only share letters come after those that are related exactly.
const SPELLING_WEIGHT: f64 = 0.94;

fn likeness(one: &str, other: &str) -> f64 {
    let exact = exact_likeness(one, other);
    if exact > 0.0 { exact } else { strsim::jaro_winkler(one, other) * SPELLING_WEIGHT }
}

/// The relations of names that say more than shared letters: the same but for case, for the
/// folder, or for the ending.
fn exact_likeness(one: &str, other: &str) -> f64 {
    let file = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
    let stem = |path: &str| {
        let file = file(path);
        file.rsplit_once('.').map_or(file.clone(), |(stem, _)| stem.to_owned())
    };
    if one == other {
        1.0
    } else if !one.is_empty() && file(one) == file(other) {
        0.98
    } else if !stem(one).is_empty() && stem(one) == stem(other) {
        0.95
    } else {
        0.0
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

//! What is current, and why.

use std::cmp::Reverse;

use crate::{
    family::Family,
    names::{Age, Runs, Task},
    registry::Registry,
    variant::Variant,
};

/// Whether a family is what one would take today.
///
/// ```
/// use model_registry::{Registry, State};
/// # let texts = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/texts.rs"));
/// let registry = Registry::load(texts)?;
/// let old = registry.freshness(registry.family("fox-video").unwrap());
/// assert_eq!(old.state, State::Superseded);
/// assert_eq!(old.reason, "superseded by fox-1 (Ours)");
/// # Ok::<(), model_registry::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Freshness<'r> {
    /// In one word.
    pub state: State,
    /// What in the data says so.
    pub reason: String,
    /// What took its place.
    pub superseded_by: Option<&'r Family>,
}

/// Whether a family is what one would take today, in one word.
///
/// ```
/// assert_eq!(model_registry::State::New.as_str(), "new");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// The official index calls one of its templates new, and nothing took its place.
    New,
    /// Nothing took its place.
    Current,
    /// Another family took its place.
    Superseded,
}

impl State {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Current => "current",
            Self::Superseded => "superseded",
        }
    }
}

/// A family that one would take today for a task, and how.
///
/// ```
/// use model_registry::{Registry, Task};
/// # let texts = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/texts.rs"));
/// let registry = Registry::load(texts)?;
/// let current = registry.current(Task::TextToImage);
/// assert_eq!((current[0].family.name.as_str(), current[0].variant.name.as_str()), ("fox-1", "t2i"));
/// assert_eq!(current[0].reasons[0], "the official index recommends it: high");
/// assert_eq!(
///     registry.current(Task::TextToVideo)[0].reasons,
///     ["superseded by fox-1, which does not do this"]
/// );
/// # Ok::<(), model_registry::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CurrentModel<'r> {
    /// The family.
    pub family: &'r Family,
    /// Its variant that the official index recommends most for the task.
    pub variant: &'r Variant,
    /// What in the data speaks for it, and against it.
    pub reasons: Vec<String>,
}

impl Registry {
    /// Whether a family is what one would take today.
    pub fn freshness<'r>(&'r self, family: &'r Family) -> Freshness<'r> {
        if let Some(by) = &family.superseded_by {
            return Freshness {
                state: State::Superseded,
                reason: format!("superseded by {} ({})", by.value, by.source.text()),
                superseded_by: self.family(&by.value),
            };
        }
        let new = |variant: &&Variant| variant.rank.freshness == Some(Age::New);
        let (state, why) = match family.variants.iter().find(new) {
            Some(variant) => {
                (State::New, format!("the official index calls {} new", variant.template))
            }
            None => (State::Current, "nothing has taken its place".to_owned()),
        };
        let since = family.released_by.as_ref();
        let since = since.map(|by| format!("; out since {} at the latest", by.value));
        let reason = format!("{why}{}", since.unwrap_or_default());
        Freshness { state, reason, superseded_by: None }
    }

    /// What one would take today for a task: every family that can do it and that has no
    /// successor that can, with the one variant to take. First those that run locally, and among them
    /// those that the official index recommends more, then those that are used more.
    pub fn current(&self, task: Task) -> Vec<CurrentModel<'_>> {
        let latest = self.families().filter(|family| self.successor_for(family, task).is_none());
        let mut found: Vec<(&Family, &Variant)> = latest
            .filter_map(|family| {
                let fit = family.variants.iter().filter(|variant| variant.tasks.contains(&task));
                fit.min_by_key(|variant| standing(variant)).map(|variant| (family, variant))
            })
            .collect();
        found.sort_by_key(|(family, variant)| (family.runs, standing(variant)));
        found
            .into_iter()
            .map(|(family, variant)| CurrentModel {
                family,
                variant,
                reasons: self.reasons(family, variant),
            })
            .collect()
    }

    /// What took a family's place and can do a task. Each place is looked at once, whatever circle
    /// the data may be in.
    pub(crate) fn successor_for(&self, family: &Family, task: Task) -> Option<&Family> {
        let mut last = family;
        for _ in 0..self.families().len() {
            let successor = self.family(&last.superseded_by.as_ref()?.value)?;
            if successor.variants.iter().any(|variant| variant.tasks.contains(&task)) {
                return Some(successor);
            }
            last = successor;
        }
        None
    }

    fn reasons(&self, family: &Family, variant: &Variant) -> Vec<String> {
        let recommended = variant.rank.recommend;
        let recommended = recommended.map(|how| {
            format!("the official index recommends it: {}", how.as_str().replace('_', " "))
        });
        let used = variant.rank.usage;
        let used = used.map(|times| format!("its official template was used {times} times"));
        let api = (family.runs == Runs::Api).then(|| "it runs only at a paid service".to_owned());
        let freshness = self.freshness(family);
        let freshness = match freshness.superseded_by {
            Some(by) => format!("superseded by {}, which does not do this", by.name),
            None => freshness.reason,
        };
        [recommended, used, Some(freshness), api].into_iter().flatten().collect()
    }
}

/// Where a variant stands among others: the least first.
fn standing(variant: &Variant) -> (bool, Option<crate::Recommendation>, Reverse<Option<u64>>) {
    let rank = variant.rank;
    (rank.recommend.is_none(), rank.recommend, Reverse(rank.usage))
}

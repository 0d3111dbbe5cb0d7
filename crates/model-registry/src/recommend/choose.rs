//! Which model to take.

use std::{
    collections::{BTreeSet, HashSet},
    fmt,
};

use super::{
    answer::{Choice, MemoryFit, Reason, Recommended, Term, told_memory},
    ask::AskError,
    points,
    understand::Understanding,
    weigh::Weigher,
    words::{Need, Priority},
};
use crate::{
    family::{Family, ModelFile},
    names::{Runs, Task},
    registry::Registry,
    variant::Variant,
};

/// How many candidates an unclear sentence is answered with.
const CANDIDATES_TOLD: usize = 3;

/// Below this clarity the second candidate is told as well.
const UNCLEAR_BELOW: f64 = 0.5;

/// What a model is wanted for.
///
/// ```
/// use model_registry::{Priority, Request, Task, Understanding};
/// let wish = Understanding::of_task(Task::TextToImage);
/// let request = Request { priority: Priority::Speed, ..Request::new(&wish) };
/// assert!(!request.services_allowed);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// What the sentence says, or [`Understanding::of_task`].
    pub wish: &'a Understanding,
    /// What counts more. Where it is balanced, the sentence decides if it says anything.
    pub priority: Priority,
    /// Whether models may be taken that run at a paid service.
    pub services_allowed: bool,
    /// Whether the results are for business, whatever the sentence says.
    pub commercial: bool,
    /// How many other models are told.
    pub alternatives_at_most: usize,
    /// The models to choose from, by [`Choice::name`]; all that can do the task when not given.
    pub among: Option<&'a BTreeSet<String>>,
}

impl<'a> Request<'a> {
    /// A balanced choice of local models, with three alternatives.
    pub fn new(wish: &'a Understanding) -> Self {
        Self {
            wish,
            priority: Priority::Balanced,
            services_allowed: false,
            commercial: false,
            alternatives_at_most: 3,
            among: None,
        }
    }
}

/// The memory that a run of a model takes.
///
/// ```
/// use model_registry::MemoryNeed;
/// let need = MemoryNeed { fits_fully_bytes: 12 << 30, runs_at_all_bytes: 6 << 30 };
/// assert!(need.runs_at_all_bytes < need.fits_fully_bytes);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryNeed {
    /// From how many bytes on all of it fits.
    pub fits_fully_bytes: u64,
    /// From how many bytes on it runs at all, with parts moved in and out.
    pub runs_at_all_bytes: u64,
}

/// What past jobs of a model on this machine say.
///
/// ```
/// use model_registry::History;
/// assert_eq!(History::default().ratings, 0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct History {
    /// How many finished.
    pub jobs: u64,
    /// The time that half of them took at most, in seconds.
    pub median_seconds: Option<f64>,
    /// How many results were rated.
    pub ratings: u64,
    /// The mean of these ratings, from 1 to 5.
    pub mean_rating: Option<f64>,
}

/// What is known of the place where the model would run.
///
/// ```
/// use model_registry::Surroundings;
/// let here = Surroundings { free_bytes: Some(8 << 30), ..Surroundings::unknown() };
/// assert!(here.installed.is_none());
/// ```
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// How much memory is free, in bytes.
    pub free_bytes: Option<u64>,
    /// Whether a file is there.
    pub installed: Option<&'a dyn Fn(&ModelFile) -> bool>,
    /// What memory a run takes.
    pub memory: &'a dyn Fn(&Family, &Variant) -> Option<MemoryNeed>,
    /// What past jobs say.
    pub history: &'a dyn Fn(&Family, &Variant) -> Option<History>,
}

impl Surroundings<'_> {
    /// Nothing is known.
    pub fn unknown() -> Self {
        Self { free_bytes: None, installed: None, memory: &|_, _| None, history: &|_, _| None }
    }
}

impl fmt::Debug for Surroundings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings").field("free_bytes", &self.free_bytes).finish_non_exhaustive()
    }
}

impl Registry {
    /// The model to take for a wish, with reasons.
    ///
    /// Every family that can do the task is weighed with its best variant. What does not fit into
    /// memory, or may not be used, is only taken where nothing else is left, and `notes` say so.
    ///
    /// # Errors
    ///
    /// [`AskError::Unclear`] where the sentence does not say what is to be made, and
    /// [`AskError::NoModel`] where no model that may be taken can do it.
    ///
    /// ```
    /// use model_registry::{Registry, Request, Surroundings, Task, Understanding};
    /// # let texts = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/texts.rs"));
    /// let registry = Registry::load(texts).unwrap();
    /// let wish = Understanding::of_task(Task::TextToImage);
    /// let answer = registry.recommend(&Request::new(&wish), &Surroundings::unknown())?;
    /// assert_eq!(answer.best.name(), "fox-1/t2i");
    /// assert_eq!(answer.best.estimated_seconds(), None);
    /// # Ok::<(), model_registry::AskError>(())
    /// ```
    pub fn recommend<'r>(
        &'r self,
        request: &Request<'_>,
        here: &Surroundings<'_>,
    ) -> Result<Recommended<'r>, AskError> {
        let wish = request.wish;
        let Some(task) = wish.task else {
            let candidates = wish.candidates.iter().take(CANDIDATES_TOLD);
            let candidates = candidates.map(|candidate| candidate.task).collect();
            return Err(AskError::Unclear { candidates });
        };
        let is_asked = |family: &Family, variant: &Variant| {
            request.among.is_none_or(|names| names.contains(&variant.name_in(family)))
        };
        let all_able = || self.families().flat_map(move |family| able(family, task));
        let able = || all_able().filter(|(family, variant)| is_asked(family, variant));
        let allowed: Vec<(&Family, &Variant)> = able()
            .filter(|(family, _)| request.services_allowed || family.runs == Runs::Local)
            .collect();
        let weigher = Weigher::new(self, task, request, here, &allowed);
        let all = allowed.iter().map(|(family, variant)| weigher.weigh(family, variant));
        let mut ranked = ranked(all.collect()).into_iter();
        let Some(best) = ranked.next() else {
            let titles = able().map(|(family, _)| family.title.clone());
            let at_services: BTreeSet<String> = titles.collect();
            return Err(AskError::NoModel { task, at_services: at_services.into_iter().collect() });
        };
        let others: Vec<Choice<'r>> = ranked.collect();
        let lead = others.first().map(|second| best.points - second.points);
        let confidence = wish.clarity * sureness(lead) * trust(&best, weigher.free_bytes);
        let notes = notes(wish, &weigher, &best);
        let alternatives = others.into_iter().take(request.alternatives_at_most).collect();
        Ok(Recommended { task, best, alternatives, confidence, notes })
    }
}

/// The variants of a family that can do a task.
fn able(family: &Family, task: Task) -> impl Iterator<Item = (&Family, &Variant)> {
    let able = family.variants.iter().filter(move |variant| variant.tasks.contains(&task));
    able.map(move |variant| (family, variant))
}

/// The best variant of every family, the best first. Names decide between equals, so that the
/// answer is always the same.
fn ranked(mut choices: Vec<Choice<'_>>) -> Vec<Choice<'_>> {
    choices.sort_by(|one, other| {
        let by_name = || {
            let name = |of: &Choice<'_>| (of.family.name.clone(), of.variant.name.clone());
            name(one).cmp(&name(other))
        };
        other.points.total_cmp(&one.points).then_with(by_name)
    });
    let mut seen = HashSet::new();
    choices.retain(|choice| seen.insert(choice.family.name.as_str()));
    choices
}

/// How sure the choice of the model is, by how far it is ahead.
fn sureness(lead: Option<f64>) -> f64 {
    let lead = lead.map_or(1.0, |lead| (lead / points::LEAD_CLEAR).min(1.0));
    points::CONFIDENCE_OF_A_TIE + (1.0 - points::CONFIDENCE_OF_A_TIE) * lead
}

/// How much the fit takes away.
fn trust(best: &Choice<'_>, free_bytes: Option<u64>) -> f64 {
    match best.fit {
        MemoryFit::Not => points::CONFIDENCE_OF_NO_FIT,
        MemoryFit::Unknown if free_bytes.is_some() => points::CONFIDENCE_OF_UNKNOWN_MEMORY,
        MemoryFit::Unknown | MemoryFit::Fully | MemoryFit::Partly | MemoryFit::Elsewhere => 1.0,
    }
}

fn notes(wish: &Understanding, weigher: &Weigher<'_, '_>, best: &Choice<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    let words = wish.candidates.first().map(|candidate| candidate.words.join("`, `"));
    if let Some(words) = words.filter(|words| !words.is_empty()) {
        notes.push(format!("{} is meant, by `{words}`", weigher.task));
    }
    if let Some(second) = wish.candidates.get(1).filter(|_| wish.clarity < UNCLEAR_BELOW) {
        notes.push(format!("it may as well be {}; give the task to be sure", second.task));
    }
    if best.fit == MemoryFit::Not
        && let Some(free) = weigher.free_bytes
    {
        notes.push(format!("no model is known to run in {}", told_memory(free)));
    }
    if weigher.commercial && best.reasons.iter().any(forbids_use) {
        notes.push("no model is known that can be used commercially".to_owned());
    }
    let unmet = wish.needs.iter().filter(|need| {
        matches!(
            need.value,
            Need::Text | Need::Sound | Need::Transparent | Need::Vocals | Need::Instrumental
        ) && !best.family.meets.iter().any(|meets| meets.value == need.value)
    });
    for need in unmet {
        notes.push(format!(
            "`{}` is asked for, and the data does not say how well {} does it",
            need.words.join("`, `"),
            best.family.title
        ));
    }
    notes
}

fn forbids_use(reason: &Reason) -> bool {
    reason.term == Term::Licence && reason.points <= points::IMPOSSIBLE
}

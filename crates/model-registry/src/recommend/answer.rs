//! What is recommended, and why.

use std::fmt;

use super::choose::{History, MemoryNeed};
use crate::{family::Family, names::Task, variant::Variant};

/// The model to take, with all that speaks for it and against it.
///
/// Its text is for people; every figure of it stands in the fields as well.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Recommended<'r> {
    /// What it is for.
    pub task: Task,
    /// The one to take.
    pub best: Choice<'r>,
    /// Others, each of another family, the best first.
    pub alternatives: Vec<Choice<'r>>,
    /// How sure this is, from 0 to 1: how clear the task is, how far the best is ahead of the
    /// second, and whether it is known to fit.
    pub confidence: f64,
    /// What was assumed, and what cannot be met.
    pub notes: Vec<String>,
}

/// A model that could be taken.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Choice<'r> {
    /// The family.
    pub family: &'r Family,
    /// The variant of it that is best for this.
    pub variant: &'r Variant,
    /// The sum of the reasons.
    pub points: f64,
    /// What speaks for it and against it, each with its points.
    pub reasons: Vec<Reason>,
    /// What memory it takes, where that is known.
    pub memory: Option<MemoryNeed>,
    /// Whether that is there.
    pub fit: MemoryFit,
    /// The files that are not there; none where it is not known which are.
    pub missing: Option<Vec<MissingFile<'r>>>,
    /// What there is to download in all, where that is known.
    pub download_bytes: Option<u64>,
    /// What past jobs say, where there are any.
    pub history: Option<History>,
}

impl Choice<'_> {
    /// The time a job takes, in seconds: that of past jobs. None where there are none.
    pub fn estimated_seconds(&self) -> Option<f64> {
        self.history.filter(|history| history.jobs > 0).and_then(|history| history.median_seconds)
    }

    /// The name by which [`crate::Registry::resolve`] finds it.
    pub fn name(&self) -> String {
        self.variant.name_in(self.family)
    }
}

/// One thing that speaks for a model or against it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Reason {
    /// What it is about.
    pub term: Term,
    /// What it is worth; nothing, where it is only to be known.
    pub points: f64,
    /// It in words.
    pub text: String,
}

/// What a reason is about.
///
/// ```
/// assert_ne!(model_registry::Term::Rank, model_registry::Term::Memory);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Term {
    /// What the official index thinks of it.
    Rank,
    /// How often its official template was used.
    Uses,
    /// How young it is.
    Age,
    /// Whether another family took its place.
    Currency,
    /// Whether it fits into memory.
    Memory,
    /// How large its files are.
    Size,
    /// Which of its files are there.
    Files,
    /// How much work a run is.
    Work,
    /// Where it runs.
    Service,
    /// What one may do with it.
    Licence,
    /// The looks that it is made for.
    Style,
    /// What it can meet.
    Need,
    /// What past jobs took.
    Time,
    /// How past results were rated.
    Rating,
}

/// Whether there is enough memory for a model.
///
/// ```
/// assert_ne!(model_registry::MemoryFit::Fully, model_registry::MemoryFit::Unknown);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MemoryFit {
    /// All of it fits.
    Fully,
    /// It runs, with parts moved in and out.
    Partly,
    /// It does not run.
    Not,
    /// It is not known how much there is, or how much it takes.
    Unknown,
    /// It runs elsewhere.
    Elsewhere,
}

/// A file that has to be downloaded.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MissingFile<'r> {
    /// Its name, without folder.
    pub name: &'r str,
    /// The folder of ComfyUI that it belongs into.
    pub folder: &'r str,
    /// Where it can be had.
    pub url: &'r str,
    /// About how large it is, in bytes, where known.
    pub bytes: Option<u64>,
}

impl fmt::Display for Recommended<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} for {}, confidence {:.2}", self.best.name(), self.task, self.confidence)?;
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        write!(f, "{}", self.best)?;
        for other in &self.alternatives {
            write!(f, "or {} ({:.1})", other.name(), other.points)?;
            writeln!(f, ": {}", difference(&self.best, other))?;
        }
        Ok(())
    }
}

impl fmt::Display for Choice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} ({:.1})", self.family.title, self.points)?;
        for reason in &self.reasons {
            writeln!(f, "  {reason}")?;
        }
        match self.estimated_seconds() {
            Some(seconds) => writeln!(f, "  time: about {seconds:.0} s, as past jobs here took"),
            None => writeln!(f, "  time: not known; no job of this model has finished here"),
        }?;
        for file in self.missing.iter().flatten() {
            let size = file.bytes.map_or_else(|| "size not known".to_owned(), told_bytes);
            writeln!(f, "  download {}/{}: {size}", file.folder, file.name)?;
        }
        Ok(())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.points == 0.0 {
            write!(f, "   .  {}", self.text)
        } else {
            write!(f, "{:+5.1} {}", self.points, self.text)
        }
    }
}

/// The reason that makes most of the difference between two models.
fn difference(best: &Choice<'_>, other: &Choice<'_>) -> String {
    let points = |of: &Choice<'_>, term: Term| -> f64 {
        let of_term = of.reasons.iter().filter(|reason| reason.term == term);
        of_term.map(|reason| reason.points).sum()
    };
    let behind = |term: Term| points(best, term) - points(other, term);
    let terms = best.reasons.iter().chain(&other.reasons).map(|reason| reason.term);
    let Some(term) = terms.max_by(|one, two| behind(*one).total_cmp(&behind(*two))) else {
        return "nothing is known of it".to_owned();
    };
    let own = other.reasons.iter().find(|reason| reason.term == term);
    let first = best.reasons.iter().find(|reason| reason.term == term);
    match (own, first) {
        (Some(own), _) => own.text.clone(),
        (None, Some(first)) => format!("it lacks what the first has: {}", first.text),
        (None, None) => String::new(),
    }
}

/// Bytes for people: in 10⁹, as downloads are told.
pub(super) fn told_bytes(bytes: u64) -> String {
    let tenths = bytes / 100_000_000;
    format!("{}.{} GB", tenths / 10, tenths % 10)
}

/// Bytes of memory for people: in 2³⁰, as cards are sold.
pub(super) fn told_memory(bytes: u64) -> String {
    let tenths = bytes / (1 << 20) * 10 / 1024;
    format!("{}.{} GB", tenths / 10, tenths % 10)
}

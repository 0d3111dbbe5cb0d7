//! What speaks for one model and against it.

use super::{
    answer::{Choice, MemoryFit, MissingFile, Reason, Term, told_bytes, told_memory},
    choose::{History, MemoryNeed, Request, Surroundings},
    points,
    understand::Understanding,
    words::{Need, Priority},
};
use crate::{
    family::{Family, Licence, ModelFile},
    names::{Runs, Task},
    registry::Registry,
    variant::{Stage, Variant},
};

/// Weighs models for one wish at one place.
pub(super) struct Weigher<'a, 'r> {
    registry: &'r Registry,
    wish: &'a Understanding,
    here: &'a Surroundings<'a>,
    pub(super) task: Task,
    priority: Priority,
    pub(super) commercial: bool,
    /// What is free, or less where the sentence names less.
    pub(super) free_bytes: Option<u64>,
    /// What jobs of the models at choice usually take here, in seconds.
    usual_seconds: Option<f64>,
}

impl<'a, 'r> Weigher<'a, 'r> {
    pub(super) fn new(
        registry: &'r Registry,
        task: Task,
        request: &Request<'a>,
        here: &'a Surroundings<'a>,
        models: &[(&Family, &Variant)],
    ) -> Self {
        let wish = request.wish;
        let free_bytes = [here.free_bytes, wish.memory_bytes].into_iter().flatten().min();
        let past = models.iter().filter_map(|(family, variant)| (here.history)(family, variant));
        Self {
            registry,
            wish,
            here,
            task,
            priority: priority(request),
            commercial: request.commercial || wish.asks_for(Need::Commercial),
            free_bytes,
            usual_seconds: usual_seconds(past),
        }
    }

    pub(super) fn weigh(&self, family: &'r Family, variant: &'r Variant) -> Choice<'r> {
        let memory = (self.here.memory)(family, variant);
        let history = (self.here.history)(family, variant);
        let fit = self.fit(family, memory);
        let missing = self.missing(family, variant);
        let download_bytes = download_bytes(variant, missing.as_deref());
        let mut reasons = self.rank(variant);
        reasons.extend(self.currency(family));
        reasons.extend(self.memory(variant, fit, memory));
        reasons.extend(self.size(variant));
        reasons.extend(files(variant, missing.as_deref(), download_bytes));
        reasons.extend(self.work(variant));
        reasons.extend(service(family));
        reasons.extend(self.licence(family));
        reasons.extend(self.style(family));
        reasons.extend(self.needs(family));
        reasons.extend(self.time(history));
        reasons.extend(rating(history));
        let points = reasons.iter().map(|reason| reason.points).sum();
        Choice { family, variant, points, reasons, memory, fit, missing, download_bytes, history }
    }

    fn rank(&self, variant: &Variant) -> Vec<Reason> {
        let rank = variant.rank;
        let factor =
            if self.priority == Priority::Quality { points::RANK_FOR_QUALITY } else { 1.0 };
        let recommended = match rank.recommend {
            Some(how) => {
                format!("the official index recommends it: {}", how.as_str().replace('_', " "))
            }
            None => "the official index does not say whether it recommends it".to_owned(),
        };
        let mut reasons =
            vec![reason(Term::Rank, points::rank(rank.recommend) * factor, recommended)];
        if let Some(times) = rank.usage {
            let worth = points::USES_TENFOLD * tenfolds(times);
            let text = format!("its official template was used {times} times");
            reasons.push(reason(Term::Uses, worth, text));
        }
        if let Some(age) = rank.freshness {
            let text = format!("its official template is {age}");
            reasons.push(reason(Term::Age, points::age(Some(age)), text));
        }
        reasons
    }

    fn currency(&self, family: &Family) -> Option<Reason> {
        let by = family.superseded_by.as_ref()?;
        let successor = self.registry.successor_for(family, self.task);
        Some(match successor {
            Some(newer) => {
                reason(Term::Currency, points::SUPERSEDED, format!("superseded by {}", newer.name))
            }
            None => {
                let text = format!("superseded by {}, which does not do this", by.value);
                reason(Term::Currency, 0.0, text)
            }
        })
    }

    fn fit(&self, family: &Family, memory: Option<MemoryNeed>) -> MemoryFit {
        if family.runs == Runs::Api {
            return MemoryFit::Elsewhere;
        }
        let (Some(need), Some(free)) = (memory, self.free_bytes) else {
            return MemoryFit::Unknown;
        };
        if need.fits_fully_bytes <= free {
            MemoryFit::Fully
        } else if need.runs_at_all_bytes <= free {
            MemoryFit::Partly
        } else {
            MemoryFit::Not
        }
    }

    fn memory(
        &self,
        variant: &Variant,
        fit: MemoryFit,
        memory: Option<MemoryNeed>,
    ) -> Option<Reason> {
        let free_bytes = self.free_bytes?;
        let free = told_memory(free_bytes);
        let is_small = self.wish.asks_for(Need::Small) || free_bytes <= points::SMALL_BYTES;
        let Some(need) = memory else {
            if fit != MemoryFit::Unknown {
                return None;
            }
            return Some(match largest_at_least(variant).filter(|least| *least > free_bytes) {
                Some(least) if is_small => {
                    let least = told_bytes(least);
                    let text = format!(
                        "does not fit whole into {free}: the largest of its files has at least {least}"
                    );
                    reason(Term::Memory, points::SPILLS_WHERE_SMALL, text)
                }
                Some(_) | None => {
                    let text = format!("whether it fits into {free} is not known");
                    reason(Term::Memory, points::MEMORY_UNKNOWN, text)
                }
            });
        };
        let (whole, least) =
            (told_memory(need.fits_fully_bytes), told_memory(need.runs_at_all_bytes));
        Some(match fit {
            MemoryFit::Fully => {
                let text = format!("fits whole into {free}: it takes {whole}");
                reason(Term::Memory, points::FITS_FULLY, text)
            }
            MemoryFit::Partly => {
                let text = format!(
                    "runs in {free} with parts moved in and out: whole it takes {whole}, at least {least}"
                );
                let points = if is_small { points::SPILLS_WHERE_SMALL } else { 0.0 };
                reason(Term::Memory, points, text)
            }
            MemoryFit::Not => {
                let text = format!("does not run in {free}: it takes at least {least}");
                reason(Term::Memory, points::IMPOSSIBLE, text)
            }
            MemoryFit::Unknown | MemoryFit::Elsewhere => return None,
        })
    }

    /// Where little memory is asked for and no number is known, smaller files are the better guess.
    fn size(&self, variant: &Variant) -> Option<Reason> {
        let bytes = variant.download_bytes?;
        if !self.wish.asks_for(Need::Small) || self.free_bytes.is_some() {
            return None;
        }
        let halvings = points::halvings(float(bytes), points::FILES_USUAL_BYTES);
        let text = format!("little memory is asked for, and its files are {}", told_bytes(bytes));
        Some(reason(Term::Size, halvings * points::SMALLER_FILES, text))
    }

    fn missing(&self, family: &'r Family, variant: &'r Variant) -> Option<Vec<MissingFile<'r>>> {
        if family.runs == Runs::Api {
            return Some(Vec::new());
        }
        let installed = self.here.installed?;
        let mut missing: Vec<MissingFile<'r>> = Vec::new();
        let needed = variant.needs().filter_map(|name| family.file(name));
        for file in needed.filter(|file| !installed(file)) {
            if missing.iter().all(|known| known.name != file.name) {
                missing.push(missing_file(file));
            }
        }
        Some(missing)
    }

    fn work(&self, variant: &Variant) -> Option<Reason> {
        let passes = passes(variant)?;
        let halvings = points::halvings(passes, points::PASSES_USUAL);
        let text = format!("{passes:.0} passes through the model, by its steps and guidance");
        Some(reason(Term::Work, halvings * points::halving(self.priority), text))
    }

    fn licence(&self, family: &Family) -> Option<Reason> {
        if !self.commercial {
            return None;
        }
        let (worth, text) = match &family.licence {
            Licence::Known { name, commercial: Some(true), .. } => {
                (0.0, format!("its licence allows commercial use: {name}"))
            }
            Licence::Known { name, commercial: Some(false), .. } => {
                (points::IMPOSSIBLE, format!("its licence does not allow commercial use: {name}"))
            }
            Licence::Known { name, commercial: None, .. } => (
                points::LICENCE_UNKNOWN,
                format!("whether its licence allows commercial use is not known: {name}"),
            ),
            Licence::Unknown => (points::LICENCE_UNKNOWN, "its licence is not known".to_owned()),
        };
        Some(reason(Term::Licence, worth, text))
    }

    fn style(&self, family: &Family) -> Option<Reason> {
        let first = family.styles.first()?;
        let names: Vec<&str> = family.styles.iter().map(|style| style.value.as_str()).collect();
        let made_for = format!("it is made for {} ({})", names.join(" and "), first.source.text());
        let (worth, text) = match &self.wish.style {
            Some(asked) if family.styles.iter().any(|style| style.value == asked.value) => {
                (points::STYLE_FITS, made_for)
            }
            Some(asked) => {
                (points::STYLE_OTHER, format!("{made_for}, and {} is asked for", asked.value))
            }
            None => (points::STYLE_SPECIAL, format!("{made_for}, which is not asked for")),
        };
        Some(reason(Term::Style, worth, text))
    }

    fn needs(&self, family: &Family) -> Vec<Reason> {
        let met = family.meets.iter().filter(|meets| self.wish.asks_for(meets.value));
        met.map(|meets| {
            let text = format!("it is good for {} ({})", meets.value, meets.source.text());
            reason(Term::Need, points::MEETS, text)
        })
        .collect()
    }

    fn time(&self, history: Option<History>) -> Option<Reason> {
        let history = history.filter(|history| history.jobs > 0)?;
        let seconds = history.median_seconds?;
        let halvings = self.usual_seconds.map_or(0.0, |usual| points::halvings(seconds, usual));
        let jobs = float(history.jobs);
        let trust = jobs / (jobs + points::JOBS_ASSUMED);
        let text = format!("jobs here took {seconds:.0} s ({})", counted(history.jobs, "job"));
        Some(reason(Term::Time, halvings * trust * points::halving(self.priority).max(0.0), text))
    }
}

/// What the caller says counts more; where that is neither, what the sentence says.
fn priority(request: &Request<'_>) -> Priority {
    let (fast, good) = (request.wish.asks_for(Need::Fast), request.wish.asks_for(Need::Quality));
    match request.priority {
        Priority::Balanced if fast && !good => Priority::Speed,
        Priority::Balanced if good && !fast => Priority::Quality,
        Priority::Balanced | Priority::Speed | Priority::Quality => request.priority,
    }
}

/// The mean time by its logarithm, so that one slow model does not make all others fast. None where
/// there is nothing to compare.
fn usual_seconds(past: impl Iterator<Item = History>) -> Option<f64> {
    let seconds = past.filter(|history| history.jobs > 0).filter_map(|past| past.median_seconds);
    let logarithms: Vec<f64> = seconds
        .filter(|seconds| *seconds > 0.0)
        .map(f64::log2)
        .filter(|log| log.is_finite())
        .collect();
    let count = float(u64::try_from(logarithms.len()).ok()?);
    (logarithms.len() > 1).then(|| (logarithms.iter().sum::<f64>() / count).exp2())
}

/// How often the model is passed through in one run: twice a step where there is guidance. None
/// where the data does not say how many steps there are.
fn passes(variant: &Variant) -> Option<f64> {
    if variant.stages.is_empty() {
        return None;
    }
    variant.stages.iter().map(stage_passes).sum()
}

fn stage_passes(stage: &Stage) -> Option<f64> {
    let steps = stage.steps.as_ref()?.value;
    let end = stage.end.as_ref().map_or(steps, |end| end.value.min(steps));
    let run = end.saturating_sub(stage.start.as_ref().map_or(0, |start| start.value));
    let is_guided = stage.cfg.as_ref().is_some_and(|cfg| cfg.value > 1.0);
    Some(f64::from(run) * if is_guided { 2.0 } else { 1.0 })
}

fn service(family: &Family) -> Option<Reason> {
    let text = || "it runs only at a paid service".to_owned();
    (family.runs == Runs::Api).then(|| reason(Term::Service, points::AT_A_SERVICE, text()))
}

fn missing_file(file: &ModelFile) -> MissingFile<'_> {
    MissingFile { name: &file.name, folder: &file.folder, url: &file.url, bytes: file.bytes() }
}

/// What there is to download: the sum where every file's size is known; the index's sum where
/// nothing is there yet.
fn download_bytes(variant: &Variant, missing: Option<&[MissingFile<'_>]>) -> Option<u64> {
    let missing = missing?;
    let sum = missing.iter().map(|file| file.bytes).sum::<Option<u64>>();
    let is_all = missing.len() == needed(variant);
    sum.or_else(|| variant.download_bytes.filter(|_| is_all))
}

/// What the largest file has at least, where only the sum of all is known: their mean.
fn largest_at_least(variant: &Variant) -> Option<u64> {
    variant.download_bytes?.checked_div(u64::try_from(needed(variant)).ok()?)
}

/// How many files a variant cannot run without.
fn needed(variant: &Variant) -> usize {
    let mut names: Vec<&str> =
        variant.needs().filter(|name| *name != crate::read::NO_VAE).collect();
    names.sort_unstable();
    names.dedup();
    names.len()
}

fn files(
    variant: &Variant,
    missing: Option<&[MissingFile<'_>]>,
    download_bytes: Option<u64>,
) -> Option<Reason> {
    let (missing, needed) = (missing?, needed(variant));
    if needed == 0 {
        return None;
    }
    if missing.is_empty() {
        return Some(reason(Term::Files, points::INSTALLED, "all its files are there".to_owned()));
    }
    let size = match download_bytes {
        Some(bytes) => format!("about {}", told_bytes(bytes)),
        None => "size not known".to_owned(),
    };
    let text = format!("{} of its {needed} files must be downloaded: {size}", missing.len());
    Some(reason(Term::Files, 0.0, text))
}

/// What past ratings are worth: their mean, drawn to the middle the more the fewer there are.
fn rating(history: Option<History>) -> Option<Reason> {
    let history = history.filter(|history| history.ratings > 0)?;
    let mean = history.mean_rating.filter(|mean| mean.is_finite())?.clamp(1.0, 5.0);
    let count = float(history.ratings);
    let drawn = (mean - points::RATING_MIDDLE) * count / (count + points::RATINGS_ASSUMED);
    let text = format!("rated {mean:.1} of 5 here ({})", counted(history.ratings, "rating"));
    Some(reason(Term::Rating, drawn * points::RATING_POINT, text))
}

fn counted(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

fn reason(term: Term, points: f64, text: String) -> Reason {
    Reason { term, points, text }
}

fn tenfolds(times: u64) -> f64 {
    (float(times) + 1.0).log10()
}

#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "counts and sizes that only weigh: the last of 2^53 makes no difference"
)]
fn float(number: u64) -> f64 {
    number as f64
}

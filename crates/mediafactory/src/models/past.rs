//! What past jobs tell of models: how long they took at a server, and what memory they were seen to
//! use there.

use std::collections::{HashMap, HashSet};

use batch::{JobStore, Outcome};
use model_registry::{
    Family, Found, History, How, Registry, Resolution, Variant, memory::Workload,
};
use workflow_graph::Workflow;

use super::{Likeness, Measured, inventory::base_name, registry};
use crate::{error::Error, factory::Factory};

/// The folders of the files that sample. What else a job loads serves many models.
const SAMPLING_FOLDERS: [&str; 2] = ["checkpoints", "diffusion_models"];

/// A change to other weights takes their place; it adds no memory.
const CHANGES: &str = "loras/";

/// How many nodes a workflow has at most that is compared with others. The largest official one has
/// some 200, and a job that a program wrote shall not begin later for this.
const NODES_MAX: usize = 2_000;

/// What a workflow is compared with others by. Data that cannot be read is told where it is asked
/// for; a job runs all the same.
pub(crate) fn workload(workflow: &Workflow) -> Workload {
    if workflow.nodes().len() > NODES_MAX {
        return Workload::default();
    }
    registry().map(|registry| registry.workload(workflow)).unwrap_or_default()
}

/// The latest jobs of one server.
#[derive(Debug)]
pub(super) struct Past {
    server: String,
    outcomes: Vec<Outcome>,
}

/// How long the jobs of each model took, by family and variant; in seconds, sorted.
#[derive(Debug)]
pub(super) struct Times(HashMap<(String, String), Vec<f64>>);

impl Factory {
    /// The latest jobs of the server that is meant. Those of other servers say nothing of it.
    pub(super) async fn past(
        &self,
        backend: Option<&str>,
        notes: &mut Vec<String>,
    ) -> Result<Past, Error> {
        let server = self.asked(backend)?;
        let store = &self.parts.store;
        let outcomes = JobStore::outcomes(store, &server.url(), Outcome::LIMIT_MAX).await;
        let outcomes = outcomes.unwrap_or_else(|error| {
            notes.push(format!("what past jobs took cannot be read: {error}"));
            Vec::new()
        });
        Ok(Past { server: server.name.clone(), outcomes })
    }
}

impl Past {
    /// How long jobs took, by the model that samples.
    pub(super) fn times<'r>(&self, registry: &'r Registry) -> Times {
        let mut variants: HashMap<&[String], Vec<(&'r Family, &'r Variant)>> = HashMap::new();
        let mut times: HashMap<_, Vec<f64>> = HashMap::new();
        for outcome in &self.outcomes {
            let seconds = outcome.ran.map(|ran| ran.as_secs_f64());
            let Some(seconds) = seconds.filter(|seconds| *seconds > 0.0) else { continue };
            let of = variants
                .entry(&outcome.models)
                .or_insert_with(|| variants_of(registry, &outcome.models));
            for (family, variant) in of {
                let times = times.entry((family.name.clone(), variant.name.clone())).or_default();
                times.push(seconds);
            }
        }
        for times in times.values_mut() {
            times.sort_by(f64::total_cmp);
        }
        Times(times)
    }

    /// What jobs of the same files and sizes were seen to use, or else those of other sizes.
    pub(super) fn of_workload(&self, workload: &Workload) -> Option<Measured> {
        if workload.files.is_empty() {
            return None;
        }
        let files = |files: &[String]| -> Vec<String> {
            let weights = files.iter().filter(|file| !file.starts_with(CHANGES));
            weights.cloned().collect()
        };
        let asked = files(&workload.files);
        let same: Vec<&Outcome> =
            self.outcomes.iter().filter(|outcome| files(&outcome.models) == asked).collect();
        let sizes = workload.sizes.as_ref();
        let is_as_large = |outcome: &&&Outcome| sizes.is_some_and(|own| *own == outcome.workload);
        let as_large = same.iter().filter(is_as_large).copied();
        Measured::of(&self.server, Likeness::Workload, as_large)
            .or_else(|| Measured::of(&self.server, Likeness::Files, same.iter().copied()))
    }

    /// What jobs of a variant were seen to use, at whatever size.
    pub(super) fn of_variant(
        &self,
        registry: &Registry,
        family: &Family,
        variant: &Variant,
    ) -> Option<Measured> {
        let is_meant = |outcome: &&Outcome| {
            let mut of = variants_of(registry, &outcome.models).into_iter();
            of.any(|(its, own)| its.name == family.name && own.name == variant.name)
        };
        let seen = self.outcomes.iter().filter(|outcome| outcome.memory.is_some());
        Measured::of(&self.server, Likeness::Model, seen.filter(is_meant))
    }
}

impl Times {
    /// What is known of a variant. Nobody rates results yet.
    pub(super) fn history(&self, family: &Family, variant: &Variant) -> Option<History> {
        let times = self.0.get(&(family.name.clone(), variant.name.clone()))?;
        let median = times.get(times.len().saturating_sub(1) / 2).copied();
        let jobs = u64::try_from(times.len()).unwrap_or(u64::MAX);
        Some(History { jobs, median_seconds: median, ..History::default() })
    }
}

/// The variants that a job with these files may have run: those that load what samples there, and of
/// them the ones that the other files fit best. Files that do not tell two variants apart stand for
/// both. None where the files that sample belong to several models, or to none that is known.
fn variants_of<'r>(registry: &'r Registry, models: &[String]) -> Vec<(&'r Family, &'r Variant)> {
    let sampling = models.iter().filter_map(|model| {
        let (folder, file) = model.split_once('/')?;
        SAMPLING_FOLDERS.contains(&folder).then_some(base_name(file))
    });
    let found = sampling.map(|file| match registry.known(file) {
        Some(Resolution::Found(found)) => Some(found),
        Some(_) | None => None,
    });
    let Some(found) = found.collect::<Option<Vec<Found<'r>>>>() else { return Vec::new() };
    let Some((first, rest)) = found.split_first() else { return Vec::new() };
    let family = first.family;
    if rest.iter().any(|other| other.family.name != family.name) {
        return Vec::new();
    }
    let loads = |variant: &&&Variant| rest.iter().all(|other| other.variants.contains(*variant));
    let candidates: Vec<&Variant> = first.variants.iter().filter(loads).copied().collect();
    // A file that is only called like those of a family does not tell what it is run as.
    let is_sure = found.iter().all(|found| found.how == How::File);
    if !is_sure && candidates.len() > 1 {
        return Vec::new();
    }
    let there: HashSet<String> =
        models.iter().map(|model| base_name(model).to_ascii_lowercase()).collect();
    let fitting = |variant: &Variant| {
        let needs = variant.needs().filter(|file| family.file(file).is_some());
        let (has, lacks): (Vec<&str>, Vec<&str>) =
            needs.partition(|file| there.contains(&file.to_ascii_lowercase()));
        (std::cmp::Reverse(lacks.len()), has.len())
    };
    let best = candidates.iter().map(|variant| fitting(variant)).max();
    let best = candidates.into_iter().filter(|variant| Some(fitting(variant)) == best);
    best.map(|variant| (family, variant)).collect()
}

#[cfg(test)]
mod tests;

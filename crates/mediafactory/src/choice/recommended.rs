//! The template whose model is recommended, of those that the server can run.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use model_registry::{Found, Reason, Recommended, Registry, Resolution, Term};
use workflow_graph::{Json, Workflow};

use super::{
    MODEL_PARAMETER, Picked, Wanted,
    installed::{Installed, model_folder},
    named::is_of,
};
use crate::{
    error::{Error, FailureCode},
    factory::Factory,
    models::{self, Contest},
    templates::Template,
};

/// How many of the reasons are told: those that count most.
const REASONS_TOLD: usize = 3;

/// How many other models are told.
const OTHERS_TOLD: usize = 3;

/// A template that the server can run with what is given.
struct Runnable<'t> {
    template: &'t Template,
    /// The file to load instead of the template's own, which is not there.
    model: Option<String>,
}

impl Factory {
    /// Of the templates whose models the server has, the one whose model is recommended for what is
    /// wanted; where it has the models of none, the first that loads one file alone, with a file
    /// that nothing is known of.
    pub(super) async fn pick_of_all<'t>(
        &self,
        installed: &mut Installed<'_>,
        wanted: &Wanted<'_>,
        candidates: &[&'t Template],
    ) -> Result<Picked<'t>, Error> {
        let picked = self.pick_recommended(installed, wanted, candidates).await;
        match picked {
            Err(error) if error.code() == FailureCode::ModelsMissing => {
                let unknown = Families::default().unknown_file(installed, candidates).await?;
                unknown.ok_or(error)
            }
            picked => picked,
        }
    }

    /// Of the templates whose models the server has, the one whose model is recommended for what is
    /// wanted.
    pub(super) async fn pick_recommended<'t>(
        &self,
        installed: &mut Installed<'_>,
        wanted: &Wanted<'_>,
        candidates: &[&'t Template],
    ) -> Result<Picked<'t>, Error> {
        let mut families = Families::default();
        let mut runnable = Vec::new();
        for template in candidates.iter().copied() {
            runnable.extend(families.runnable(installed, wanted, template).await?);
        }
        if runnable.is_empty() {
            return Err(self.nothing_there(installed, wanted, candidates).await?);
        }
        let contest = contest(&runnable, wanted);
        let mut notes = Vec::new();
        let best = self.best_of(installed.server, &contest, &mut notes).await?;
        let name = best.as_ref().map(|best| best.best.name());
        let is_best = |one: &&Runnable<'_>| named(one.template) == name;
        let Some(picked) = runnable.iter().find(is_best).or(runnable.first()) else {
            return Err(Error::new(FailureCode::TemplateNotFound, "there is nothing to choose"));
        };
        notes.insert(0, why(wanted, picked, best.as_ref(), contest.workflows.len()));
        Ok(Picked { template: picked.template, model: picked.model.clone(), notes })
    }

    /// The server has the models of no template: which one to get, and what for it.
    async fn nothing_there(
        &self,
        installed: &mut Installed<'_>,
        wanted: &Wanted<'_>,
        candidates: &[&Template],
    ) -> Result<Error, Error> {
        let all: Vec<Runnable<'_>> =
            candidates.iter().map(|template| Runnable { template, model: None }).collect();
        let contest = contest(&all, wanted);
        let mut notes = Vec::new();
        let best = self.best_of(installed.server, &contest, &mut notes).await?;
        let name = best.as_ref().map(|best| best.best.name());
        let is_best = |template: &&&Template| named(template) == name;
        let Some(template) = candidates.iter().find(is_best).or(candidates.first()) else {
            return Ok(self.nothing_for(wanted.task));
        };
        let Err(lacks) = installed.require(template, wanted.given).await else {
            return Ok(self.nothing_for(wanted.task));
        };
        if candidates.len() == 1 {
            return Ok(lacks);
        }
        let message = format!(
            "the server has the models of none of {} templates for {}; the one to get is that of \
             {}: {lacks}",
            candidates.len(),
            wanted.task,
            template.name
        );
        let hint = lacks.hint().unwrap_or_default().to_owned();
        Ok(Error::new(lacks.code(), message).with_details(lacks.details().clone()).with_hint(hint))
    }
}

/// Of which families the files of the server are.
#[derive(Default)]
struct Families {
    folders: HashMap<String, Vec<KnownFile>>,
}

/// A file of the server.
struct KnownFile {
    name: String,
    /// The one family that it is of.
    found: Option<Found<'static>>,
    /// Whether nothing is known of it.
    is_unknown: bool,
}

impl KnownFile {
    fn of(name: &str, registry: &'static Registry) -> Self {
        let (found, is_unknown) = match registry.resolve(name) {
            Resolution::Found(found) => (Some(found), false),
            Resolution::Unknown { .. } => (None, true),
            Resolution::Shared { .. } | _ => (None, false),
        };
        Self { name: name.to_owned(), found, is_unknown }
    }
}

impl Families {
    /// The template with its own files, or else with another file of the same variant.
    async fn runnable<'t>(
        &mut self,
        installed: &mut Installed<'_>,
        wanted: &Wanted<'_>,
        template: &'t Template,
    ) -> Result<Option<Runnable<'t>>, Error> {
        if installed.missing(template, wanted.given).await?.is_empty() {
            return Ok(Some(Runnable { template, model: None }));
        }
        let Some(folder) = model_folder(template) else { return Ok(None) };
        let mut given = wanted.given.clone();
        for file in self.files(installed, folder).await? {
            if !file.found.as_ref().is_some_and(|found| is_of(template, found)) {
                continue;
            }
            given.insert(MODEL_PARAMETER.to_owned(), Json::from(file.name.as_str()));
            if installed.missing(template, &given).await?.is_empty() {
                return Ok(Some(Runnable { template, model: Some(file.name.clone()) }));
            }
        }
        Ok(None)
    }

    /// The first template that loads one file alone, with one that no family is known to use.
    async fn unknown_file<'t>(
        &mut self,
        installed: &mut Installed<'_>,
        candidates: &[&'t Template],
    ) -> Result<Option<Picked<'t>>, Error> {
        for template in candidates.iter().filter(|template| template.models.len() == 1) {
            let Some(folder) = model_folder(template) else { continue };
            let files = self.files(installed, folder).await?;
            let mut unknown = files.iter().filter(|file| file.is_unknown);
            let Some(KnownFile { name: file, .. }) = unknown.next() else { continue };
            let note = format!(
                "the server has the models of no template; used template {} with {file}, the first \
                 of {} files in {folder} of which nothing is known",
                template.name,
                unknown.count().saturating_add(1)
            );
            return Ok(Some(Picked { template, model: Some(file.clone()), notes: vec![note] }));
        }
        Ok(None)
    }

    async fn files(
        &mut self,
        installed: &mut Installed<'_>,
        folder: &str,
    ) -> Result<&[KnownFile], Error> {
        if !self.folders.contains_key(folder) {
            let registry = models::registry()?;
            let files = installed.files(folder).await?.iter();
            let files = files.map(|name| KnownFile::of(name, registry)).collect();
            self.folders.insert(folder.to_owned(), files);
        }
        Ok(self.folders.get(folder).map(Vec::as_slice).unwrap_or_default())
    }
}

/// The models that are weighed, each with the workflow that would run.
fn contest<'w>(runnable: &[Runnable<'_>], wanted: &Wanted<'w>) -> Contest<'w> {
    let mut workflows = BTreeMap::new();
    for Runnable { template, model } in runnable {
        let Some(name) = named(template) else { continue };
        workflows.entry(name).or_insert_with(|| as_run(template, model.as_deref(), wanted.given));
    }
    Contest { task: wanted.task, prompt: wanted.prompt, workflows }
}

/// The workflow of a template with what is given, as far as it takes it: what is wrong with it is
/// told when it is filled in to be run.
fn as_run(template: &Template, model: Option<&str>, given: &BTreeMap<String, Json>) -> Workflow {
    let mut given = given.clone();
    given.extend(model.map(|file| (MODEL_PARAMETER.to_owned(), Json::from(file))));
    let filled = template.fill(&given, 0);
    filled.map_or_else(|_| template.workflow().clone(), |filled| filled.workflow)
}

/// The model of a template as the registry calls it.
fn named(template: &Template) -> Option<String> {
    let (family, variant) = (template.family.as_deref()?, template.variant.as_deref()?);
    Some(format!("{family}/{variant}"))
}

/// What was picked, and why.
fn why(
    wanted: &Wanted<'_>,
    picked: &Runnable<'_>,
    best: Option<&Recommended<'_>>,
    models: usize,
) -> String {
    let template = &picked.template.name;
    let file = picked.model.as_ref().map(|file| format!(" with {file}")).unwrap_or_default();
    let best = best.filter(|best| Some(best.best.name()) == named(picked.template));
    let Some(best) = best else {
        return format!(
            "used template {template}{file}, the first for {} whose models the server has; \
             nothing is known to choose by",
            wanted.task
        );
    };
    let title = &best.best.family.title;
    let others: BTreeSet<&str> =
        best.alternatives.iter().map(|other| other.family.name.as_str()).collect();
    let others: Vec<&str> = others.into_iter().take(OTHERS_TOLD).collect();
    let mut reasons: Vec<_> = best.best.reasons.iter().filter(|reason| tells(reason)).collect();
    reasons.sort_by(|one, other| other.points.total_cmp(&one.points));
    let reasons: Vec<&str> =
        reasons.iter().take(REASONS_TOLD).map(|reason| reason.text.as_str()).collect();
    if models == 1 {
        return format!(
            "picked {title} (template {template}{file}), the only model for {} here whose files \
             are all there",
            wanted.task
        );
    }
    format!(
        "picked {title} (template {template}{file}) of {models} models for {} whose files are all \
         there: {}; name another with `model`, such as {}",
        wanted.task,
        reasons.join("; "),
        others.join(" or ")
    )
}

/// Whether a reason tells why this one: all that are weighed have their files.
fn tells(reason: &Reason) -> bool {
    reason.points > 0.0 && reason.term != Term::Files
}

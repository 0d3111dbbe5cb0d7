//! The template for a model that is named: by a file of the server, or as the registry calls it.

use std::collections::BTreeSet;

use model_registry::{Found, Resolution};
use workflow_graph::Json;

use super::{
    Picked, Wanted,
    installed::{Installed, model_folder},
};
use crate::{
    error::{Error, FailureCode},
    factory::Factory,
    failure, models, nearest,
    templates::Template,
};

/// How many near names an error has.
const NEAREST_MAX: usize = 5;

impl Factory {
    pub(super) async fn pick_named<'t>(
        &self,
        installed: &mut Installed<'_>,
        wanted: &Wanted<'_>,
        candidates: &[&'t Template],
        model: &str,
    ) -> Result<Picked<'t>, Error> {
        let mut loading = Vec::new();
        let mut files = BTreeSet::new();
        for template in candidates.iter().copied() {
            let Some(folder) = model_folder(template) else { continue };
            let there = installed.files(folder).await?;
            if there.iter().any(|file| file == model) {
                loading.push(template);
            }
            files.extend(there.iter().cloned());
        }
        if loading.is_empty() {
            let Some(found) = by_name(model)? else {
                return Err(unknown(model, &files.iter().map(String::as_str).collect::<Vec<_>>()));
            };
            let of_family = candidates.iter().copied().filter(|template| is_of(template, &found));
            let of_family: Vec<&Template> = of_family.collect();
            if of_family.is_empty() {
                return Err(self.no_template_for(wanted, model, &found));
            }
            return self.pick_recommended(installed, wanted, &of_family).await;
        }
        let mut picked = self.for_file(wanted, &loading, model)?;
        picked.model = Some(model.to_owned());
        let mut given = wanted.given.clone();
        given.insert(super::MODEL_PARAMETER.to_owned(), Json::from(model));
        installed.require(picked.template, &given).await?;
        Ok(picked)
    }

    /// Which of the templates that could load a file is the one for it.
    fn for_file<'t>(
        &self,
        wanted: &Wanted<'_>,
        loading: &[&'t Template],
        model: &str,
    ) -> Result<Picked<'t>, Error> {
        let picked = |template: &'t Template, why: String| Picked {
            template,
            model: None,
            notes: vec![format!("used template {}, {why}", template.name)],
        };
        if let Some(own) = loading.iter().copied().find(|template| loads(template, model)) {
            return Ok(picked(own, "whose model this is".to_owned()));
        }
        self.refuse_other_tasks(wanted, model)?;
        match models::registry()?.resolve(model) {
            Resolution::Found(found) => {
                let of_family = loading.iter().copied().find(|template| is_of(template, &found));
                let Some(template) = of_family else {
                    return Err(self.no_template_for(wanted, model, &found));
                };
                let family = &found.family.title;
                Ok(picked(template, format!("as the file is called as those of {family} are")))
            }
            Resolution::Shared { .. } | Resolution::Unknown { .. } | _ => {
                let first = loading.first().copied().ok_or_else(|| unknown(model, &[]))?;
                let why = "the first that loads files of that folder; name another one with \
                           `template` if the model is of another family";
                Ok(picked(first, why.to_owned()))
            }
        }
    }

    /// Refuses a file that is known to be made for something else: it would run, and the picture
    /// would be spoilt.
    fn refuse_other_tasks(&self, wanted: &Wanted<'_>, model: &str) -> Result<(), Error> {
        let others: Vec<String> = self
            .templates()
            .all()
            .iter()
            .filter(|template| loads(template, model))
            .map(|template| format!("{} ({})", template.name, template.task))
            .collect();
        if others.is_empty() {
            return Ok(());
        }
        Err(not_for(wanted, model, &others))
    }

    /// No template makes with this family what is wanted with what is given.
    fn no_template_for(&self, wanted: &Wanted<'_>, model: &str, found: &Found<'_>) -> Error {
        let of_family =
            |template: &&Template| template.family.as_deref() == Some(found.family.name.as_str());
        let others = self.templates().all().iter().filter(of_family);
        let others: Vec<String> =
            others.map(|template| format!("{} ({})", template.name, template.task)).collect();
        if !others.is_empty() {
            return not_for(wanted, model, &others);
        }
        let message = format!(
            "`{model}` is of {}, for which there is no template of {}",
            found.family.title, wanted.task
        );
        Error::new(FailureCode::TemplateNotFound, message).with_hint(
            "look for one among those that the server offers, and name it with `template`; one of \
             ours may be named as well, where the model is of another family after all",
        )
    }
}

/// The model that is called so. A file that is known and not there is a file that is not there.
fn by_name(model: &str) -> Result<Option<Found<'static>>, Error> {
    Ok(match models::registry()?.resolve(model) {
        Resolution::Found(found) if found.how <= models::How::Alias => Some(found),
        Resolution::Found(_) | Resolution::Shared { .. } | Resolution::Unknown { .. } | _ => None,
    })
}

fn loads(template: &Template, model: &str) -> bool {
    template.models.iter().any(|file| file.file == model)
}

/// Whether a template is made for what was found.
pub(super) fn is_of(template: &Template, found: &Found<'_>) -> bool {
    let is_variant = |name: &String| found.variants.iter().any(|variant| variant.name == *name);
    template.family.as_deref() == Some(found.family.name.as_str())
        && template.variant.as_ref().is_none_or(is_variant)
}

fn not_for(wanted: &Wanted<'_>, model: &str, others: &[String]) -> Error {
    let message = format!(
        "the model `{model}` is not for {} from what is given, but for {}",
        wanted.task,
        others.join(", ")
    );
    failure::argument(message)
        .with_hint("name that template with `template`, and give what it requires")
}

fn unknown(model: &str, files: &[&str]) -> Error {
    let near = nearest::names(model, files.iter().copied(), NEAREST_MAX);
    Error::new(FailureCode::ModelsMissing, format!("the server has no model file `{model}`"))
        .with_details(Json::object([("nearest", failure::list(near))]))
        .with_hint(nearest::hint("model files", model, files.iter().copied()))
}

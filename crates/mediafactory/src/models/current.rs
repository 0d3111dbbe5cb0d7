//! What one would take today, and whether a model is that.

use std::sync::Arc;

use model_registry::{CurrentModel, Day};
use serde_json::json;
use workflow_graph::Json;

use super::{
    Family, Freshness, Licence, Medium, Runs, Task, Variant, find, inventory::Inventory,
    newest_day, registry, told::told, word,
};
use crate::{error::Error, factory::Factory};

/// Which models are asked for; everything when empty.
///
/// ```
/// use mediafactory::models::ModelQuery;
/// let query = ModelQuery { task: Some("text-to-image".to_owned()), ..ModelQuery::default() };
/// assert!(query.medium.is_none());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelQuery {
    /// One task, such as `text-to-video`.
    pub task: Option<String>,
    /// What comes out: `image`, `video`, `audio` or `3d`.
    pub medium: Option<String>,
    /// Where it runs: `local` or `api`.
    pub runs: Option<String>,
    /// The server whose files are looked at, by name or tag; the first when not given.
    pub backend: Option<String>,
}

/// What one would take today, by task.
///
/// ```
/// # fn of(models: &mediafactory::models::CurrentModels) {
/// for model in &models.items {
///     println!("{}: {} {:?}", model.task, model.family.title, model.reasons);
/// }
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct CurrentModels {
    /// Task by task, the first choice first.
    pub items: Vec<ModelToday>,
    /// The day of the youngest entry of the data: nothing later is known.
    pub newest_entry: Option<Day>,
    /// What could not be found out.
    pub notes: Vec<String>,
}

/// One model that one would take today for a task.
///
/// ```
/// # fn of(model: &mediafactory::models::ModelToday) {
/// assert!(model.installed.is_none() || model.missing.is_empty() == model.installed.unwrap());
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ModelToday {
    /// What it is taken for.
    pub task: Task,
    /// The model.
    pub family: &'static Family,
    /// The way to run it that the official index recommends most for the task.
    pub variant: &'static Variant,
    /// What in the data speaks for it, and against it.
    pub reasons: Vec<String>,
    /// Whether the server has every file that it needs. `None` for a model of a service, and where
    /// no server could be asked.
    pub installed: Option<bool>,
    /// The files that the server lacks.
    pub missing: Vec<String>,
}

impl Factory {
    /// What one would take today: for every task that is asked for, the models that do it and that
    /// nothing newer has replaced, with what in the data says so.
    pub async fn current_models(&self, query: &ModelQuery) -> Result<CurrentModels, Error> {
        let registry = registry()?;
        let task = query.task.as_deref().map(|task| word("task", task, Task::ALL, Task::as_str));
        let medium = query.medium.as_deref();
        let medium = medium.map(|medium| word("category", medium, Medium::ALL, Medium::as_str));
        let runs = query.runs.as_deref();
        let runs = runs.map(|runs| word("place", runs, Runs::ALL, Runs::as_str));
        let (task, medium, runs) = (task.transpose()?, medium.transpose()?, runs.transpose()?);
        let tasks: Vec<Task> = task.map_or_else(|| Task::ALL.to_vec(), |task| vec![task]);
        let is_meant = |family: &Family| {
            medium.is_none_or(|medium| family.makes == medium)
                && runs.is_none_or(|runs| family.runs == runs)
        };
        let (inventory, notes) = self.files_if_any(query.backend.as_deref()).await?;
        let found = tasks
            .into_iter()
            .flat_map(|task| registry.current(task).into_iter().map(move |model| (task, model)));
        let found = found.filter(|(_, model)| is_meant(model.family));
        let items = found.map(|(task, model)| {
            let CurrentModel { family, variant, reasons, .. } = model;
            let inventory = inventory.as_ref().filter(|_| family.runs == Runs::Local);
            let missing = inventory
                .map(|files| files.lacks(family, variant).map(str::to_owned).collect::<Vec<_>>());
            let installed = missing.as_ref().map(Vec::is_empty);
            let missing = missing.unwrap_or_default();
            ModelToday { task, family, variant, reasons, installed, missing }
        });
        Ok(CurrentModels { items: items.collect(), newest_entry: newest_day()?, notes })
    }

    /// Whether a model is what one would take today, what says so, and what took its place.
    pub fn model_freshness(
        &self,
        name: &str,
    ) -> Result<(&'static Family, Freshness<'static>), Error> {
        let family = find(name)?.family;
        Ok((family, registry()?.freshness(family)))
    }

    /// The files of a server, or why they are not known: without them the data still stands.
    pub(super) async fn files_if_any(
        &self,
        backend: Option<&str>,
    ) -> Result<(Option<Arc<Inventory>>, Vec<String>), Error> {
        // A word that stands for no server is a mistake of the caller's.
        let server = self.asked(backend)?;
        Ok(match server.inventory().await {
            Ok(files) => (Some(files), Vec::new()),
            Err(error) => {
                let note = format!("which files {} has is not known: {error}", server.name);
                (None, vec![note])
            }
        })
    }
}

impl ModelToday {
    /// `{task, model, title, makes, runs, variant, template, released_by?, licence?, reasons,
    /// installed?, missing?}`.
    pub fn to_json(&self) -> Json {
        let family = self.family;
        told(json!({
            "task": self.task.as_str(),
            "model": family.name,
            "title": family.title,
            "makes": family.makes.as_str(),
            "runs": family.runs.as_str(),
            "variant": self.variant.name,
            "template": self.variant.template,
            "released_by": family.released_by.as_ref().map(|by| by.value.to_string()),
            "licence": licence(&family.licence),
            "reasons": self.reasons,
            "installed": self.installed,
            "missing": (!self.missing.is_empty()).then_some(&self.missing),
        }))
    }
}

impl CurrentModels {
    /// `{newest_entry, items, notes}`.
    pub fn to_json(&self) -> Json {
        let day = self.newest_entry.map(|day| Json::from(day.to_string()));
        let notes = self.notes.iter().map(|note| Json::from(note.as_str())).collect();
        Json::object([
            ("newest_entry", day.unwrap_or_default()),
            ("items", Json::Array(self.items.iter().map(ModelToday::to_json).collect())),
            ("notes", Json::Array(notes)),
        ])
    }
}

/// `{name, commercial?, source}`; nothing where nobody has looked it up.
pub(super) fn licence(licence: &Licence) -> Option<serde_json::Value> {
    let Licence::Known { name, commercial, source, .. } = licence else { return None };
    Some(json!({"name": name, "commercial": commercial, "source": source.key()}))
}

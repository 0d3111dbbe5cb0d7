//! What models there are, how they are run, and what fits.

use mediafactory::{
    Error,
    models::{self, FitQuestion, MemoryAnswer, ModelHit, ModelQuery, ModelToday, OnDevice},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    definition::{Answer, Call, Definition, Effect, Words},
    paging, schema,
    toolsets::Toolset,
    uris::ResourceUri,
};

pub(crate) fn tools() -> Vec<Definition> {
    const SET: Toolset = Toolset::Models;
    let current = Words {
        name: "get_sota_models",
        title: "List current models",
        description: "The models that one would take today, by task, the first choice first, with \
                      dates, reasons, licences and whether the server has the files. From data \
                      that is as old as `newest_entry` says.",
    };
    let freshness = Words {
        name: "check_model_freshness",
        title: "Check whether a model is current",
        description: "Whether a model is new, current or superseded, and by what.",
    };
    let settings = Words {
        name: "get_model_settings",
        title: "Get the settings of a model",
        description: "How a model is run: steps, cfg, samplers, sizes, frames, encoder types, \
                      LoRAs and files, every figure with its source, and which files the server \
                      has.",
    };
    let fits = Words {
        name: "check_model_fits",
        title: "Check whether a model fits",
        description: "Whether a model fits into the memory of the server or of a card of a given \
                      size, stage by stage, and what would make it fit. Computed as ComfyUI \
                      does, not measured.",
    };
    let search = Words {
        name: "search_models",
        title: "Search models",
        description: "Known models and files on the servers whose names, aliases, tasks or files \
                      have all words.",
    };
    vec![
        Definition::new(SET, Effect::ReadsServer, current, get_sota_models),
        Definition::new(SET, Effect::ReadsHere, freshness, check_model_freshness),
        Definition::new(SET, Effect::ReadsServer, settings, get_model_settings),
        Definition::new(SET, Effect::ReadsServer, fits, check_model_fits),
        Definition::new(SET, Effect::ReadsServer, search, search_models),
    ]
}

/// How many lines of a list stand in a text.
const LINES_MAX: usize = 20;

fn listed(headline: String, lines: impl ExactSizeIterator<Item = String>) -> String {
    let more = lines.len().saturating_sub(LINES_MAX);
    let rest = (more > 0).then(|| format!("\n- and {more} more in the structured content"));
    let lines = lines.take(LINES_MAX).map(|line| format!("\n- {line}"));
    std::iter::once(headline).chain(lines).chain(rest).collect()
}

#[derive(Deserialize, JsonSchema)]
struct GetCurrent {
    /// What comes out: image, video, audio or 3d.
    category: Option<String>,
    /// One task, such as text-to-image or image-to-video.
    task: Option<String>,
    /// local or api (paid services).
    runs: Option<String>,
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Whose files are looked at, by name or tag; the first when absent.
    backend: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct CurrentResult {
    /// The day of the youngest entry of the data: nothing later is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    newest_entry: Option<String>,
    /// `{task, model, title, makes, runs, variant, template, released_by, licence, reasons,
    /// installed, missing}`
    #[schemars(schema_with = "schema::any_list")]
    items: Vec<Value>,
    total: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    /// What could not be found out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

async fn get_sota_models(call: Call, given: GetCurrent) -> Result<Answer<CurrentResult>, Error> {
    let GetCurrent { category, task, runs, limit, cursor, backend } = given;
    let query = ModelQuery { task, medium: category, runs, backend };
    let found = call.factory.current_models(&query).await?;
    let part = paging::cut(found.items, limit, cursor.as_deref())?;
    let newest_entry = found.newest_entry.map(|day| day.to_string());
    let as_of = newest_entry.as_deref().unwrap_or("an unknown day");
    let headline = format!("{} models, as of {as_of}; {} shown", part.total, part.items.len());
    let text = listed(headline, part.items.iter().map(current_line));
    let items = part.items.iter().map(|model| model.to_json().to_serde()).collect();
    let (total, next_cursor, notes) = (part.total, part.next_cursor, found.notes);
    Ok(Answer::new(text, CurrentResult { newest_entry, items, total, next_cursor, notes }))
}

fn current_line(model: &ModelToday) -> String {
    let installed = match model.installed {
        Some(true) => ", installed".to_owned(),
        Some(false) => format!(", {} files missing", model.missing.len()),
        None => String::new(),
    };
    let (task, name, variant) = (model.task.as_str(), &model.family.name, &model.variant.name);
    let reason = model.reasons.first().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("{task}: {name}/{variant}{installed}{reason}")
}

#[derive(Deserialize, JsonSchema)]
struct CheckFreshness {
    /// A name, an alias, an official template or a file.
    #[schemars(length(min = 1))]
    model: String,
}

#[derive(Serialize, JsonSchema)]
struct FreshnessResult {
    model: String,
    title: String,
    /// new, current or superseded
    state: &'static str,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    superseded_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    released_by: Option<String>,
    /// The day of the youngest entry of the data: nothing later is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    newest_entry: Option<String>,
}

async fn check_model_freshness(
    call: Call,
    given: CheckFreshness,
) -> Result<Answer<FreshnessResult>, Error> {
    let (family, freshness) = call.factory.model_freshness(&given.model)?;
    let newest_entry = models::newest_day()?.map(|day| day.to_string());
    let state = freshness.state.as_str();
    let as_of = newest_entry.as_deref().unwrap_or("an unknown day");
    let text = format!("{} is {state} as of {as_of}: {}", family.title, freshness.reason);
    let result = FreshnessResult {
        model: family.name.clone(),
        title: family.title.clone(),
        state,
        reason: freshness.reason,
        superseded_by: freshness.superseded_by.map(|by| by.name.clone()),
        released_by: family.released_by.as_ref().map(|by| by.value.to_string()),
        newest_entry,
    };
    Ok(Answer::new(text, result))
}

#[derive(Deserialize, JsonSchema)]
struct GetSettings {
    /// A name, an alias, an official template or a file; `model/variant` names one variant.
    #[schemars(length(min = 1))]
    model: String,
    /// One way to run it; all when absent.
    variant: Option<String>,
    /// Whose files are looked at, by name or tag; the first when absent.
    backend: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct SettingsResult {
    model: String,
    title: String,
    /// image, video, audio or 3d
    makes: &'static str,
    /// local or api
    runs: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// `{name, commercial, source}`; absent when nobody has looked it up.
    #[serde(skip_serializing_if = "Value::is_null")]
    #[schemars(schema_with = "schema::any_object")]
    licence: Value,
    /// `{state, reason, superseded_by}`
    #[schemars(schema_with = "schema::any_object")]
    freshness: Value,
    /// The shape of the latent.
    #[serde(skip_serializing_if = "Value::is_null")]
    #[schemars(schema_with = "schema::any_object")]
    latent: Value,
    /// How it is run; a figure is `{value, source}`.
    #[schemars(schema_with = "schema::any_list")]
    variants: Value,
    /// `{name, folder, url, sha256, gigabytes, needed, installed, bytes}`
    #[schemars(schema_with = "schema::any_list")]
    files: Value,
    /// What the sources are, by key.
    #[schemars(schema_with = "schema::any_object")]
    sources: Value,
    /// What could not be found out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    uri: String,
}

async fn get_model_settings(
    call: Call,
    given: GetSettings,
) -> Result<Answer<SettingsResult>, Error> {
    let GetSettings { model, variant, backend } = given;
    let asked = call.factory.model_settings(&model, variant.as_deref(), backend.as_deref());
    let settings = asked.await?;
    let told = settings.to_json();
    let part = |name| told.get(name).map(mediafactory::Json::to_serde).unwrap_or_default();
    let family = settings.family;
    let headline = format!("{} ({}): {}", family.title, family.name, settings.freshness.reason);
    let text = listed(headline, settings.variants.iter().map(|variant| variant_line(variant)));
    let missing = settings.files.iter().filter(|file| file.needed && file.installed == Some(false));
    let missing: Vec<&str> = missing.map(|file| file.file.name.as_str()).collect();
    let result = SettingsResult {
        model: family.name.clone(),
        title: family.title.clone(),
        makes: family.makes.as_str(),
        runs: family.runs.as_str(),
        note: family.note.clone(),
        licence: part("licence"),
        freshness: part("freshness"),
        latent: part("latent"),
        variants: part("variants"),
        files: part("files"),
        sources: part("sources"),
        notes: settings.notes.clone(),
        uri: ResourceUri::Model(family.name.clone()).to_string(),
    };
    let answer = Answer::new(text, result);
    Ok(match missing.as_slice() {
        [] => answer,
        missing => answer.with_line(&format!("the server lacks {}", missing.join(", "))),
    })
}

fn variant_line(variant: &models::Variant) -> String {
    let stages = variant.stages.iter().map(|stage| {
        let steps = stage.steps.as_ref().map(|steps| format!("{} steps", steps.value));
        let cfg = stage.cfg.as_ref().map(|cfg| format!("cfg {}", cfg.value));
        let sampler = stage.sampler.as_ref().map(|sampler| sampler.value.clone());
        let scheduler = stage.scheduler.as_ref().map(|scheduler| scheduler.value.clone());
        let told = [steps, cfg, sampler, scheduler].into_iter().flatten();
        told.collect::<Vec<_>>().join(" ")
    });
    let stages: Vec<String> = stages.filter(|told| !told.is_empty()).collect();
    let tasks: Vec<&str> = variant.tasks.iter().map(|task| task.as_str()).collect();
    let stages = if stages.is_empty() { String::new() } else { format!(": {}", stages.join(", ")) };
    format!("{} ({}){stages}", variant.name, tasks.join(", "))
}

#[derive(Deserialize, JsonSchema)]
struct CheckFits {
    /// A name, an alias, an official template or a file; `model/variant` names one variant.
    #[schemars(length(min = 1))]
    model: String,
    /// One way to run it; the first when absent.
    variant: Option<String>,
    /// In pixels; as the official template when absent, like the three after it.
    #[schemars(range(min = 1, max = 65536))]
    width: Option<u32>,
    #[schemars(range(min = 1, max = 65536))]
    height: Option<u32>,
    #[schemars(range(min = 1, max = 100_000))]
    frames: Option<u32>,
    /// How many at once.
    #[schemars(range(min = 1, max = 4096))]
    batch: Option<u32>,
    /// A card of so many GiB.
    #[schemars(range(min = 0, max = 65536))]
    total_vram_gb: Option<f64>,
    /// So many GiB of it are free.
    #[schemars(range(min = 0, max = 65536))]
    free_vram_gb: Option<f64>,
    /// Whose device and files, by name or tag; the first when absent.
    backend: Option<String>,
}

/// What memory is needed and whether it is there. Amounts are in bytes.
#[derive(Serialize, JsonSchema)]
pub(crate) struct MemoryResult {
    /// fits; partly: it runs with weights streamed or in tiles; fails; unknown
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    variant: Option<String>,
    #[schemars(schema_with = "schema::any_object")]
    device: Value,
    /// `{fully_bytes, at_all_bytes}`; absent when a stage is not known.
    #[serde(skip_serializing_if = "Value::is_null")]
    #[schemars(schema_with = "schema::any_object")]
    needs: Value,
    /// The stage that needs the most.
    #[serde(skip_serializing_if = "Value::is_null")]
    #[schemars(schema_with = "schema::any_object")]
    peak: Value,
    /// What was seen in use while such jobs ran there, `{server, likeness, jobs, of, total_bytes,
    /// used_bytes, torch_bytes, samples, at, sizes, told}`; absent where none was looked at.
    #[serde(skip_serializing_if = "Value::is_null")]
    #[schemars(schema_with = "schema::any_object")]
    measured: Value,
    /// `{stage, node, verdict, reason, models, latent, weights_bytes, activations_bytes,
    /// reserve_bytes, total_bytes, offloaded_bytes}`
    #[schemars(schema_with = "schema::any_list")]
    stages: Value,
    /// What would make it fit, the nearest to what was asked first.
    #[schemars(schema_with = "schema::any_list")]
    suggestions: Value,
    /// What was taken to be so and is not known.
    assumptions: Vec<String>,
    /// What would be needed to say more.
    unknown: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

impl MemoryResult {
    pub(crate) fn answer(answer: &MemoryAnswer) -> Answer<Self> {
        let told = answer.to_json();
        let part = |name| told.get(name).map(mediafactory::Json::to_serde).unwrap_or_default();
        let result = Self {
            verdict: answer.estimate.verdict().as_str(),
            model: answer.model.map(|(family, _)| family.name.clone()),
            variant: answer.model.map(|(_, variant)| variant.name.clone()),
            device: part("device"),
            needs: part("needs"),
            peak: part("peak"),
            measured: part("measured"),
            stages: part("stages"),
            suggestions: part("suggestions"),
            assumptions: answer.estimate.assumptions.clone(),
            unknown: answer.estimate.unknown.clone(),
            notes: answer.notes.clone(),
        };
        Answer::new(answer.summary(), result)
    }
}

async fn check_model_fits(call: Call, given: CheckFits) -> Result<Answer<MemoryResult>, Error> {
    let CheckFits { model, variant, width, height, frames, batch, .. } = given;
    let on = OnDevice {
        backend: given.backend,
        total_vram_gb: given.total_vram_gb,
        free_vram_gb: given.free_vram_gb,
    };
    let question = FitQuestion { model, variant, on, width, height, frames, batch };
    Ok(MemoryResult::answer(&call.factory.check_model_fits(&question).await?))
}

#[derive(Deserialize, JsonSchema)]
struct SearchModels {
    #[schemars(length(min = 1))]
    query: String,
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Whose files are searched, by name or tag; those of all servers when absent.
    backend: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct SearchResult {
    /// `{model, title, by, folder, file, backends}`
    #[schemars(schema_with = "schema::any_list")]
    items: Vec<Value>,
    total: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    /// What could not be searched.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

async fn search_models(call: Call, given: SearchModels) -> Result<Answer<SearchResult>, Error> {
    let found = call.factory.search_models(&given.query, given.backend.as_deref()).await?;
    let part = paging::cut(found.items, given.limit, given.cursor.as_deref())?;
    let headline = format!("{} found; {} shown", part.total, part.items.len());
    let text = listed(headline, part.items.iter().map(hit_line));
    let items = part.items.iter().map(|hit| hit.to_json().to_serde()).collect();
    let (total, next_cursor, notes) = (part.total, part.next_cursor, found.notes);
    Ok(Answer::new(text, SearchResult { items, total, next_cursor, notes }))
}

fn hit_line(hit: &ModelHit) -> String {
    match (&hit.file, &hit.model) {
        (Some((folder, file)), Some(model)) => format!("{folder}/{file} of {model}"),
        (Some((folder, file)), None) => format!("{folder}/{file}"),
        (None, model) => format!("{} ({})", model.as_deref().unwrap_or_default(), hit.title),
    }
}

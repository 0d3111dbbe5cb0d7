//! `mediafactory models`: what models there are, how they are run, what fits, and what a server has.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use mediafactory::{
    Factory, Json,
    config::Resolved,
    models::{
        self, FileState, FitQuestion, ModelHit, ModelQuery, ModelSettings, ModelToday, OnDevice,
        Variant, Wish,
    },
};

use crate::{failure::Failure, output, server::Workplace};

#[derive(Debug, Args)]
pub(crate) struct Models {
    #[command(subcommand)]
    task: Option<ModelsTask>,
    /// List the files of this kind, such as `checkpoints`; without one, the kinds are listed
    kind: Option<String>,
    /// The ComfyUI server to ask, by its name or a tag; the first one when not given
    #[arg(long, value_name = "NAME", global = true)]
    backend: Option<String>,
}

#[derive(Debug, Subcommand)]
enum ModelsTask {
    /// The models that one would take today, by task
    List {
        /// One task, such as text-to-image
        #[arg(long)]
        task: Option<String>,
        /// What comes out: image, video, audio or 3d
        #[arg(long, value_name = "MEDIUM")]
        makes: Option<String>,
        /// Where it runs: local or api
        #[arg(long, value_name = "WHERE")]
        runs: Option<String>,
        /// Print one JSON object instead of lines
        #[arg(long)]
        json: bool,
    },
    /// How a model is run, every figure with its source, and which files the server has
    Show {
        /// A name, an alias, an official template or a file
        name: String,
        /// One way to run it; all when not given
        #[arg(long)]
        variant: Option<String>,
        /// Print one JSON object instead of lines
        #[arg(long)]
        json: bool,
    },
    /// Whether a model fits into memory; exits with 1 when it fails
    Fits(Fits),
    /// Find models, and files on the servers, by words
    Search {
        /// Words that all have to be there
        #[arg(required = true)]
        text: Vec<String>,
        /// Print one JSON object instead of lines
        #[arg(long)]
        json: bool,
    },
    /// The model to take for what is to be made, and why
    Recommend(Recommend),
    /// Whether a model is current, and what took its place
    Freshness {
        /// A name, an alias, an official template or a file
        name: String,
    },
}

/// The memory that is asked about.
#[derive(Debug, Args)]
pub(crate) struct Card {
    /// All memory of the card, in GiB, instead of what the server says
    #[arg(long, value_name = "GB", allow_negative_numbers = true)]
    vram: Option<f64>,
    /// What is free of it, in GiB
    #[arg(long, value_name = "GB", allow_negative_numbers = true)]
    free: Option<f64>,
}

#[derive(Debug, Args)]
struct Fits {
    /// A name, an alias, an official template or a file
    name: String,
    /// One way to run it; the first when not given
    #[arg(long)]
    variant: Option<String>,
    #[command(flatten)]
    card: Card,
    /// In pixels; as the official template when not given, like the three after it
    #[arg(long)]
    width: Option<u32>,
    /// In pixels
    #[arg(long)]
    height: Option<u32>,
    /// How many frames
    #[arg(long)]
    frames: Option<u32>,
    /// How many at once
    #[arg(long)]
    batch: Option<u32>,
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
struct Recommend {
    /// What is to be made, in English
    description: Vec<String>,
    /// The task, such as text-to-image, instead of what the description says
    #[arg(long)]
    task: Option<String>,
    /// quality, speed or balanced
    #[arg(long)]
    priority: Option<String>,
    /// Free memory in GiB, instead of what the description or the server says
    #[arg(long, value_name = "GB", allow_negative_numbers = true)]
    vram: Option<f64>,
    /// There is a picture to start from
    #[arg(long)]
    with_picture: bool,
    /// Models of paid services may be named
    #[arg(long)]
    services: bool,
    /// The results are for business
    #[arg(long)]
    commercial: bool,
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

impl Card {
    pub(crate) fn on(&self, backend: Option<&str>) -> OnDevice {
        OnDevice {
            backend: backend.map(str::to_owned),
            total_vram_gb: self.vram,
            free_vram_gb: self.free,
        }
    }
}

pub(crate) async fn perform(task: &Models, resolved: &Resolved) -> Result<ExitCode, Failure> {
    let workplace = Workplace::for_looking(resolved).await?;
    let told = tell(&workplace.factory, task).await;
    workplace.close(told).await
}

async fn tell(factory: &Factory, models: &Models) -> Result<ExitCode, Failure> {
    let backend = models.backend.as_deref();
    if let (Some(_), Some(kind)) = (&models.task, &models.kind) {
        return Err(Failure::usage(format!("`{kind}` stands before a task, which takes no kind")));
    }
    match &models.task {
        None => files(factory, models.kind.as_deref(), backend).await?,
        Some(ModelsTask::List { task, makes, runs, json }) => {
            let query = ModelQuery {
                task: task.clone(),
                medium: makes.clone(),
                runs: runs.clone(),
                backend: backend.map(str::to_owned),
            };
            list(factory, &query, *json).await?;
        }
        Some(ModelsTask::Show { name, variant, json }) => {
            let settings = factory.model_settings(name, variant.as_deref(), backend).await?;
            show(&settings, *json)?;
        }
        Some(ModelsTask::Fits(task)) => return fits(factory, task, backend).await,
        Some(ModelsTask::Search { text, json }) => {
            search(factory, &text.join(" "), backend, *json).await?;
        }
        Some(ModelsTask::Recommend(task)) => recommend(factory, task, backend).await?,
        Some(ModelsTask::Freshness { name }) => freshness(factory, name)?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn recommend(
    factory: &Factory,
    task: &Recommend,
    backend: Option<&str>,
) -> Result<(), Failure> {
    let description = task.description.join(" ");
    let wish = Wish {
        description: (!description.is_empty()).then_some(description),
        task: task.task.clone(),
        priority: task.priority.clone(),
        has_reference_image: task.with_picture,
        available_vram_gb: task.vram,
        services_allowed: task.services,
        commercial: task.commercial,
        alternatives: None,
        backend: backend.map(str::to_owned),
    };
    let advice = factory.recommend_model(&wish).await?;
    for note in &advice.notes {
        output::note(note);
    }
    if task.json {
        return output::result(&advice.to_json().to_string());
    }
    output::result(&advice.recommended.to_string())
}

async fn files(
    factory: &Factory,
    kind: Option<&str>,
    backend: Option<&str>,
) -> Result<(), Failure> {
    let names = match kind {
        Some(kind) => factory.models(kind, backend).await?.files,
        None => factory.model_kinds(backend).await?,
    };
    if names.is_empty() {
        output::note("the server has none");
        return Ok(());
    }
    output::result(&names.join("\n"))
}

async fn list(factory: &Factory, query: &ModelQuery, json: bool) -> Result<(), Failure> {
    let found = factory.current_models(query).await?;
    if json {
        return output::result(&found.to_json().to_string());
    }
    if let Some(day) = found.newest_entry {
        output::note(&format!("the youngest entry of the data is of {day}"));
    }
    notes(&found.notes);
    output::result(&output::aligned(&found.items.iter().map(current_row).collect::<Vec<_>>()))
}

fn current_row(model: &ModelToday) -> [String; 4] {
    let installed = match model.installed {
        Some(true) => "installed".to_owned(),
        Some(false) => format!("{} files missing", model.missing.len()),
        None => model.family.runs.as_str().to_owned(),
    };
    let name = format!("{}/{}", model.family.name, model.variant.name);
    [model.task.as_str().to_owned(), name, installed, model.reasons.join("; ")]
}

fn show(settings: &ModelSettings, json: bool) -> Result<(), Failure> {
    if json {
        return output::result(&settings.to_json().to_string());
    }
    let family = settings.family;
    notes(&settings.notes);
    let mut rows = vec![
        ["model".to_owned(), format!("{} ({})", family.name, family.title)],
        ["makes".to_owned(), format!("{}, runs {}", family.makes.as_str(), family.runs.as_str())],
        ["freshness".to_owned(), settings.freshness.reason.clone()],
    ];
    rows.extend(family.note.iter().map(|note| ["note".to_owned(), note.clone()]));
    if let models::Licence::Known { name, source, .. } = &family.licence {
        rows.push(["licence".to_owned(), format!("{name} [{}]", source.key())]);
    }
    for variant in &settings.variants {
        rows.push([format!("variant {}", variant.name), tasks(variant)]);
        rows.extend(figures(variant).into_iter().map(|(name, told)| [format!("  {name}"), told]));
    }
    rows.extend(settings.files.iter().map(|file| ["file".to_owned(), file_in_words(file)]));
    output::result(&output::aligned(&rows))
}

fn tasks(variant: &Variant) -> String {
    variant.tasks.iter().map(|task| task.as_str()).collect::<Vec<_>>().join(", ")
}

/// The figures that people look for first, with the keys of their sources; `--json` has all.
fn figures(variant: &Variant) -> Vec<(&'static str, String)> {
    let mut told = vec![("template", variant.template.clone())];
    for stage in &variant.stages {
        let with = |value: String, key: &str| format!("{value} [{key}]");
        let steps = stage.steps.as_ref();
        told.extend(steps.map(|it| ("steps", with(it.value.to_string(), it.source.key()))));
        let cfg = stage.cfg.as_ref();
        told.extend(cfg.map(|it| ("cfg", with(it.value.to_string(), it.source.key()))));
        let sampler = stage.sampler.as_ref();
        told.extend(sampler.map(|it| ("sampler", with(it.value.clone(), it.source.key()))));
        let scheduler = stage.scheduler.as_ref();
        told.extend(scheduler.map(|it| ("scheduler", with(it.value.clone(), it.source.key()))));
    }
    if let Some(rule) = &variant.size_rule {
        let (divisor, key) = (rule.divisor.value, rule.divisor.source.key());
        let rule = format!("multiples of {divisor} from {} to {} [{key}]", rule.least, rule.most);
        told.push(("size", rule));
    }
    if let Some(rule) = &variant.frames_rule {
        let key = rule.step.source.key();
        told.push(("frames", format!("{rule} from {} to {} [{key}]", rule.least, rule.most)));
    }
    let encoders: Vec<&str> = variant.encoder_types().collect();
    if !encoders.is_empty() {
        told.push(("encoder type", encoders.join(", ")));
    }
    let loras = variant.loras.iter();
    told.extend(loras.map(|lora| ("lora", format!("{} at {}", lora.file, lora.strength.value))));
    told
}

fn file_in_words(state: &FileState) -> String {
    let file = state.file;
    let installed = match state.installed {
        Some(true) => "installed, ",
        Some(false) => "missing, ",
        None => "",
    };
    let size = file.gigabytes.as_ref().map(|size| format!("{} GB, ", size.value));
    let optional = if state.needed { "" } else { "optional, " };
    let (folder, name, size) = (&file.folder, &file.name, size.unwrap_or_default());
    format!("{folder}/{name}: {installed}{optional}{size}{}", file.url)
}

async fn fits(factory: &Factory, task: &Fits, backend: Option<&str>) -> Result<ExitCode, Failure> {
    let question = FitQuestion {
        model: task.name.clone(),
        variant: task.variant.clone(),
        on: task.card.on(backend),
        width: task.width,
        height: task.height,
        frames: task.frames,
        batch: task.batch,
    };
    told(&factory.check_model_fits(&question).await?, task.json)
}

/// Says what an estimate comes to. A workflow that would run out of memory is a failure.
pub(crate) fn told(answer: &models::MemoryAnswer, json: bool) -> Result<ExitCode, Failure> {
    let text = if json { answer.to_json().to_string() } else { answer.summary() };
    output::result(&text)?;
    Ok(if answer.fails() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn search(
    factory: &Factory,
    text: &str,
    backend: Option<&str>,
    json: bool,
) -> Result<(), Failure> {
    let found = factory.search_models(text, backend).await?;
    notes(&found.notes);
    if json {
        let items = found.items.iter().map(ModelHit::to_json).collect();
        return output::result(&Json::object([("items", Json::Array(items))]).to_string());
    }
    if found.items.is_empty() {
        output::note("no model has all these words");
        return Ok(());
    }
    output::result(&output::aligned(&found.items.iter().map(hit_row).collect::<Vec<_>>()))
}

fn hit_row(hit: &ModelHit) -> [String; 3] {
    let model = hit.model.clone().unwrap_or_else(|| "-".to_owned());
    match &hit.file {
        Some((folder, file)) => {
            [model, format!("{folder}/{file}"), format!("on {}", hit.backends.join(", "))]
        }
        None => [model, hit.title.clone(), format!("by its {}", hit.by)],
    }
}

fn freshness(factory: &Factory, name: &str) -> Result<(), Failure> {
    let (family, freshness) = factory.model_freshness(name)?;
    if let Some(day) = models::newest_day()? {
        output::note(&format!("the youngest entry of the data is of {day}"));
    }
    output::result(&format!("{}: {}, {}", family.name, freshness.state.as_str(), freshness.reason))
}

fn notes(notes: &[String]) {
    for note in notes {
        output::note(&format!("note: {note}"));
    }
}

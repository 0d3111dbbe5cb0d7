//! Which model to take for what somebody wants, with what the server has.

use std::sync::LazyLock;

use model_registry::{
    AskError, Choice, Evidence, Lexicon, MemoryFit, MemoryNeed, ModelFile, Priority, Recommended,
    Request, Style, Surroundings, Understanding, gigabytes,
    memory::{Asked, Device},
};
use serde_json::{Map, Value, json};
use workflow_graph::Json;

use super::{
    Task,
    memory::{OnDevice, card, device},
    registry,
    told::told,
};
use crate::{
    error::{Error, FailureCode},
    factory::Factory,
    failure,
};

/// The words by which sentences are read.
const WORDS: &str = include_str!("../../../../recommendation/words.toml");

static LEXICON: LazyLock<Result<Lexicon, model_registry::Error>> =
    LazyLock::new(|| Lexicon::load("words.toml", WORDS));

/// More alternatives than anybody reads.
const ALTERNATIVES_MAX: usize = 10;

/// What somebody wants a model for. Either the description or the task is needed.
///
/// ```
/// use mediafactory::models::Wish;
/// let wish = Wish { available_vram_gb: Some(8.0), ..Wish::new("a portrait, quickly") };
/// assert!(wish.task.is_none());
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wish {
    /// What is to be made, in words.
    pub description: Option<String>,
    /// The task, such as `text-to-image`, instead of what the description says.
    pub task: Option<String>,
    /// `quality`, `speed` or `balanced`.
    pub priority: Option<String>,
    /// Whether there is a picture to start from.
    pub has_reference_image: bool,
    /// Free memory in GiB, instead of what the description or the server says.
    pub available_vram_gb: Option<f64>,
    /// Whether models may be named that run at paid services.
    pub services_allowed: bool,
    /// Whether the results are for business.
    pub commercial: bool,
    /// How many other models are told; three when not given.
    pub alternatives: Option<usize>,
    /// The server whose files and memory count, by name or tag; the first when not given.
    pub backend: Option<String>,
}

impl Wish {
    /// A local model for what a sentence says, with the files and the memory of the first server.
    pub fn new(description: impl Into<String>) -> Self {
        Self { description: Some(description.into()), ..Self::default() }
    }
}

/// The model to take, why, and what there is to download.
///
/// ```
/// # fn of(answer: &mediafactory::models::ModelAdvice) {
/// println!("{} ({:.2})", answer.recommended.best.name(), answer.recommended.confidence);
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ModelAdvice {
    /// What was read in the description.
    pub understood: Understanding,
    /// The answer, with reasons and alternatives.
    pub recommended: Recommended<'static>,
    /// What could not be found out.
    pub notes: Vec<String>,
}

impl Factory {
    /// The model to take for a wish: of all that can do the task the one for which most speaks,
    /// what the server has, what fits into its memory and how long past jobs took there included.
    /// Results are not rated yet, so no rating counts.
    pub async fn recommend_model(&self, wish: &Wish) -> Result<ModelAdvice, Error> {
        let registry = registry()?;
        let understood = understood(wish)?;
        let priority = wish.priority.as_deref().map(Priority::named).transpose();
        let priority = priority.map_err(refused)?.unwrap_or(Priority::Balanced);
        let (inventory, mut notes) = self.files_if_any(wish.backend.as_deref()).await?;
        let device = self.device_of(wish, &understood, &mut notes).await?;
        let times = self.past(wish.backend.as_deref(), &mut notes).await?.times(registry);
        let files = inventory.as_ref().map(|files| files.weights()).unwrap_or_default();
        let is_there = |file: &ModelFile| {
            let inventory = inventory.as_ref();
            inventory.is_some_and(|files| files.file(&file.folder, &file.name).is_some())
        };
        let installed: Option<&dyn Fn(&ModelFile) -> bool> =
            if inventory.is_some() { Some(&is_there) } else { None };
        let memory = |family: &super::Family, variant: &super::Variant| {
            let needs =
                family.estimate(variant, &Asked::default(), device.as_ref()?, &files).needs()?;
            Some(MemoryNeed { fits_fully_bytes: needs.fully, runs_at_all_bytes: needs.at_all })
        };
        let here = Surroundings {
            free_bytes: device.as_ref().map(Device::free),
            installed,
            memory: &memory,
            history: &|family, variant| times.history(family, variant),
        };
        let request = Request {
            priority,
            services_allowed: wish.services_allowed,
            commercial: wish.commercial,
            alternatives_at_most: wish.alternatives.unwrap_or(3).min(ALTERNATIVES_MAX),
            ..Request::new(&understood)
        };
        let recommended = registry.recommend(&request, &here).map_err(refused)?;
        Ok(ModelAdvice { understood, recommended, notes })
    }

    /// The memory that counts: what is given, else what the sentence names, else the server's.
    async fn device_of(
        &self,
        wish: &Wish,
        understood: &Understanding,
        notes: &mut Vec<String>,
    ) -> Result<Option<Device>, Error> {
        let given = wish.available_vram_gb.map(gigabytes).transpose().map_err(refused)?;
        let server = self.asked(wish.backend.as_deref())?;
        if let Some(free) = given.or(understood.memory_bytes) {
            return card(free).map(Some);
        }
        Ok(match device(server, &OnDevice::default()).await {
            Ok(device) => Some(device),
            Err(error) => {
                notes.push(format!("how much memory is free is not known: {error}"));
                None
            }
        })
    }
}

/// The looks that a prompt asks for. One that is too long to be read asks for none.
pub(super) fn looks(prompt: &str) -> Result<Option<Evidence<Style>>, Error> {
    match lexicon()?.understand(prompt) {
        Ok(read) => Ok(read.style),
        Err(AskError::TooLong { .. }) => Ok(None),
        Err(error) => Err(refused(error)),
    }
}

/// A task by its name.
pub(crate) fn task_named(word: &str) -> Result<Task, Error> {
    Task::named(word).map_err(refused)
}

fn lexicon() -> Result<&'static Lexicon, Error> {
    LEXICON.as_ref().map_err(|error| {
        Error::new(FailureCode::StorageFailed, format!("the words are wrong: {error}"))
            .with_hint("the program was built with data that no test has seen")
    })
}

fn understood(wish: &Wish) -> Result<Understanding, Error> {
    let task = wish.task.as_deref().map(task_named).transpose()?;
    let sentence = wish.description.as_deref().filter(|words| !words.trim().is_empty());
    let Some(sentence) = sentence else {
        return task.map(Understanding::of_task).ok_or_else(|| {
            failure::argument("neither a description nor a task is given")
                .with_hint("say what is to be made, such as `a portrait in oil`, or give `task`")
        });
    };
    let lexicon = lexicon()?;
    let read = if wish.has_reference_image {
        lexicon.understand_with_picture(sentence)
    } else {
        lexicon.understand(sentence)
    };
    let mut understood = read.map_err(refused)?;
    if let Some(task) = task {
        let told = Understanding::of_task(task);
        (understood.task, understood.clarity) = (told.task, told.clarity);
    }
    Ok(understood)
}

pub(super) fn refused(error: AskError) -> Error {
    let nearest = match &error {
        AskError::Unknown { near, .. } => near.clone(),
        AskError::Unclear { candidates } => candidates.iter().map(|task| task.as_str()).collect(),
        AskError::Memory { .. } | AskError::TooLong { .. } | AskError::NoModel { .. } | _ => {
            Vec::new()
        }
    };
    let refusal = failure::argument(error.to_string()).with_source(error);
    if nearest.is_empty() {
        return refusal;
    }
    refusal.with_details(Json::object([("nearest", failure::list(nearest))]))
}

impl ModelAdvice {
    /// `{model, variant, title, task, confidence, reasoning, fit, memory?, missing_files?,
    /// download_bytes?, estimated_seconds?, past_jobs?, alternatives, understood, notes}`; amounts in
    /// bytes.
    pub fn to_json(&self) -> Json {
        let Recommended { task, best, alternatives, confidence, notes, .. } = &self.recommended;
        let style = self.understood.style.as_ref().map(|style| style.value.as_str());
        let needs: Vec<&str> =
            self.understood.needs.iter().map(|need| need.value.as_str()).collect();
        let others = alternatives.iter().map(|other| Value::Object(of_choice(other)));
        let mut members = of_choice(best);
        members.extend(named([
            ("task", json!(task.as_str())),
            ("confidence", json!(confidence)),
            ("alternatives", others.collect()),
            (
                "understood",
                json!({
                    "style": style,
                    "needs": needs,
                    "memory_bytes": self.understood.memory_bytes,
                    "clarity": self.understood.clarity,
                }),
            ),
            ("notes", json!(notes.iter().chain(&self.notes).collect::<Vec<_>>())),
        ]));
        told(Value::Object(members))
    }
}

fn of_choice(choice: &Choice<'_>) -> Map<String, Value> {
    let reasons: Vec<Value> = choice
        .reasons
        .iter()
        .map(|reason| json!({"points": reason.points, "text": reason.text}))
        .collect();
    let memory = choice.memory.map(|need| {
        json!({"fully_bytes": need.fits_fully_bytes, "at_all_bytes": need.runs_at_all_bytes})
    });
    let missing = choice.missing.as_ref().map(|files| {
        let file = |file: &model_registry::MissingFile<'_>| {
            json!({"folder": file.folder, "name": file.name, "url": file.url, "bytes": file.bytes})
        };
        files.iter().map(file).collect::<Vec<_>>()
    });
    named([
        ("model", json!(choice.family.name)),
        ("variant", json!(choice.variant.name)),
        ("title", json!(choice.family.title)),
        ("points", json!(choice.points)),
        ("reasoning", json!(reasons)),
        ("fit", json!(fit(choice.fit))),
        ("memory", json!(memory)),
        ("missing_files", json!(missing)),
        ("download_bytes", json!(choice.download_bytes)),
        ("estimated_seconds", json!(choice.estimated_seconds())),
        ("past_jobs", json!(choice.history.map(|history| history.jobs))),
    ])
}

fn named<const N: usize>(members: [(&str, Value); N]) -> Map<String, Value> {
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn fit(fit: MemoryFit) -> &'static str {
    match fit {
        MemoryFit::Fully => "fully",
        MemoryFit::Partly => "partly",
        MemoryFit::Not => "not",
        MemoryFit::Elsewhere => "elsewhere",
        MemoryFit::Unknown | _ => "unknown",
    }
}

//! Which model to take.

use mediafactory::{
    Error,
    models::{ModelAdvice, Wish},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    definition::{Answer, Call, Definition, Effect, Words},
    schema,
    toolsets::Toolset,
};

pub(crate) fn tools() -> Vec<Definition> {
    let recommend = Words {
        name: "recommend_model",
        title: "Recommend a model",
        description: "The model to take for what is to be made, said in words or as a task, with \
                      every reason and its points, alternatives, memory, and the files that are \
                      missing. What the server has, what fits and how long past jobs took counts.",
    };
    vec![Definition::new(Toolset::Models, Effect::ReadsServer, recommend, recommend_model)]
}

#[derive(Deserialize, JsonSchema)]
struct Recommend {
    /// What is to be made, in English.
    #[schemars(length(min = 1, max = 4000))]
    task_description: Option<String>,
    /// Instead of what the description says, such as text-to-image or image-to-video.
    task: Option<String>,
    /// quality, speed or balanced
    priority: Option<String>,
    /// Free memory in GiB, instead of what the description or the server says.
    #[schemars(range(min = 0, max = 65536))]
    available_vram_gb: Option<f64>,
    /// Whether there is a picture to start from.
    #[serde(default)]
    has_reference_image: bool,
    /// Whether models of paid services may be named.
    #[serde(default)]
    allow_services: bool,
    /// Whether the results are for business.
    #[serde(default)]
    commercial: bool,
    /// How many other models are told; 3 when absent.
    #[schemars(range(min = 0, max = 10))]
    alternatives: Option<u8>,
    /// Whose files and memory count, by name or tag; the first when absent.
    backend: Option<String>,
}

/// The model to take. Amounts are in bytes.
#[derive(Serialize, JsonSchema)]
struct RecommendResult {
    model: String,
    variant: String,
    task: &'static str,
    /// From 0 to 1: a formula of how clear the wish is and how far the best is ahead.
    confidence: f64,
    /// fully, partly, not, elsewhere (a service) or unknown
    fit: String,
    /// `{points, text}`
    #[schemars(schema_with = "schema::any_list")]
    reasoning: Value,
    /// `{fully_bytes, at_all_bytes}`
    #[serde(skip_serializing_if = "Value::is_null")]
    #[schemars(schema_with = "schema::any_object")]
    memory: Value,
    /// `{folder, name, url, bytes}`; absent where it is not known which are there.
    #[serde(skip_serializing_if = "Value::is_null")]
    #[schemars(schema_with = "schema::any_list")]
    missing_files: Value,
    #[serde(skip_serializing_if = "Value::is_null")]
    #[schemars(schema_with = "schema::any_value")]
    download_bytes: Value,
    /// The median of past jobs of it on that server; absent where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    estimated_seconds: Option<f64>,
    /// How many these were.
    #[serde(skip_serializing_if = "Option::is_none")]
    past_jobs: Option<u64>,
    /// The same of other families, the best first.
    #[schemars(schema_with = "schema::any_list")]
    alternatives: Value,
    /// `{style, needs, memory_bytes, clarity}`
    #[schemars(schema_with = "schema::any_object")]
    understood: Value,
    /// What was assumed, cannot be met or could not be found out.
    #[schemars(schema_with = "schema::any_list")]
    notes: Value,
}

async fn recommend_model(call: Call, given: Recommend) -> Result<Answer<RecommendResult>, Error> {
    let wish = Wish {
        description: given.task_description,
        task: given.task,
        priority: given.priority,
        has_reference_image: given.has_reference_image,
        available_vram_gb: given.available_vram_gb,
        services_allowed: given.allow_services,
        commercial: given.commercial,
        alternatives: given.alternatives.map(usize::from),
        backend: given.backend,
    };
    Ok(answer(&call.factory.recommend_model(&wish).await?))
}

fn answer(advice: &ModelAdvice) -> Answer<RecommendResult> {
    let told = advice.to_json();
    let part = |name| told.get(name).map(mediafactory::Json::to_serde).unwrap_or_default();
    let result = RecommendResult {
        model: advice.recommended.best.family.name.clone(),
        variant: advice.recommended.best.variant.name.clone(),
        task: advice.recommended.task.as_str(),
        confidence: advice.recommended.confidence,
        fit: told.get("fit").and_then(mediafactory::Json::as_str).unwrap_or_default().to_owned(),
        reasoning: part("reasoning"),
        memory: part("memory"),
        missing_files: part("missing_files"),
        download_bytes: part("download_bytes"),
        estimated_seconds: advice.recommended.best.estimated_seconds(),
        past_jobs: advice.recommended.best.history.map(|history| history.jobs),
        alternatives: part("alternatives"),
        understood: part("understood"),
        notes: part("notes"),
    };
    Answer::new(advice.recommended.to_string(), result)
}

//! Ready workflows with named parameters.

use std::collections::BTreeMap;

use mediafactory::{
    Error, GalleryFilter, GallerySource, GalleryTemplate, Parameter, Template, TemplateMemory,
    TemplateModel,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    arguments::ObjectArgument,
    definition::{Answer, Call, Definition, Effect, Words},
    execution::members,
    gallery::{self, Here, Source, TemplateEntry},
    paging, schema,
    toolsets::Toolset,
};

pub(crate) fn tools() -> Vec<Definition> {
    const SET: Toolset = Toolset::Templates;
    let list = Words {
        name: "list_workflow_templates",
        title: "List workflow templates",
        description: "Ready workflows. Of text-to-image, generate tries the first ones first. A \
                      server offers hundreds more.",
    };
    let get = Words {
        name: "get_template",
        title: "Describe a template",
        description: "The parameters of a template with their kinds, bounds and defaults, and \
                      the model files it needs.",
    };
    let create = Words {
        name: "create_workflow_from_template",
        title: "Fill in a template",
        description: "The workflow of a template with parameters set, to be run with \
                      execute_workflow. Nothing is run.",
    };
    vec![
        Definition::new(SET, Effect::ReadsServer, list, list_workflow_templates),
        Definition::new(SET, Effect::ReadsServer, get, get_template),
        Definition::new(SET, Effect::ReadsServer, create, create_workflow_from_template),
    ]
}

#[derive(Deserialize, JsonSchema)]
struct ListTemplates {
    /// Such as text-to-image.
    task: Option<String>,
    /// Own unless given; the others are a server's.
    source: Option<Source>,
    /// With all of these words.
    query: Option<String>,
    /// A category of the server's.
    category: Option<String>,
    /// A server's name or tag.
    backend: Option<String>,
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct TemplateList {
    items: Vec<TemplateEntry>,
    total: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    /// What could not be listed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

async fn list_workflow_templates(
    call: Call,
    arguments: ListTemplates,
) -> Result<Answer<TemplateList>, Error> {
    let ListTemplates { task, source, query, category, backend, limit, cursor } = arguments;
    let source = source.map_or(Some(GallerySource::Own), Source::only);
    let filter = GalleryFilter { source, query, category, task, backend };
    let (entries, notes) = gallery::list(&call.factory, &filter).await?;
    let part = paging::cut(entries, limit, cursor.as_deref())?;
    let headline = format!("{} templates; {} shown", part.total, part.items.len());
    let lines = part.items.iter().map(|entry| format!("\n- {}: {}", entry.name, entry.title));
    let told = notes.iter().map(|note| format!("\n{note}"));
    let text: String = std::iter::once(headline).chain(lines).chain(told).collect();
    let (items, total, next_cursor) = (part.items, part.total, part.next_cursor);
    Ok(Answer::new(text, TemplateList { items, total, next_cursor, notes }))
}

/// What an NVIDIA card must have free at the defaults: computed, not measured.
#[derive(Serialize, JsonSchema)]
pub(crate) struct MemoryResult {
    /// For all weights to be loaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    fully_bytes: Option<u64>,
    /// Whether `fully_bytes` is only a bound.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    at_most: bool,
    /// To run, with weights streamed where they have no room.
    #[serde(skip_serializing_if = "Option::is_none")]
    at_all_bytes: Option<u64>,
    /// Model files that come on top.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_counted: Vec<String>,
    /// What lacks for an answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unknown: Vec<String>,
}

impl From<TemplateMemory> for MemoryResult {
    fn from(memory: TemplateMemory) -> Self {
        Self {
            fully_bytes: memory.needs.map(|needs| needs.fully),
            at_most: memory.is_bound,
            at_all_bytes: memory.needs.map(|needs| needs.at_all),
            not_counted: memory.not_counted,
            unknown: memory.unknown,
        }
    }
}

#[derive(Deserialize, JsonSchema)]
struct GetTemplate {
    /// From `list_workflow_templates`.
    name: String,
    /// A server's name or tag: also tells what it lacks to run it.
    backend: Option<String>,
}

/// A template without its workflow.
#[derive(Serialize, JsonSchema)]
pub(crate) struct TemplateResult {
    name: String,
    title: String,
    description: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    task: String,
    /// The family of models and its variant whose settings these are.
    #[serde(skip_serializing_if = "Option::is_none")]
    family: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    variant: Option<String>,
    tags: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    minimum_version: String,
    memory: MemoryResult,
    models: Vec<ModelResult>,
    parameters: Vec<ParameterResult>,
    /// Whether the server asked would run it.
    #[serde(skip_serializing_if = "Option::is_none")]
    here: Option<Here>,
}

#[derive(Serialize, JsonSchema)]
struct ModelResult {
    folder: String,
    file: String,
    url: String,
}

#[derive(Serialize, JsonSchema)]
struct ParameterResult {
    name: String,
    /// text, integer, number, model, seed, boolean, choice; image, audio, video: a file name
    /// in the server's input folder.
    kind: &'static str,
    description: String,
    required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::any_value")]
    default: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    minimum: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    multiple_of: Option<u64>,
    /// What is added to the multiple.
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
    /// All values that it takes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    choices: Vec<String>,
    /// The model folder whose files it takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    folder: Option<String>,
}

async fn get_template(call: Call, arguments: GetTemplate) -> Result<Answer<TemplateResult>, Error> {
    let GetTemplate { name, backend } = arguments;
    if gallery::is_served(&name) || backend.is_some() {
        let found = call.factory.gallery_template(&name, backend.as_deref()).await?;
        let text = format!("{}\n{}", outline(&found.template)?, gallery::verdict(&found.needs));
        return Ok(Answer::new(text, TemplateResult::on_server(&found)?));
    }
    let template = call.factory.templates().get(&name)?;
    Ok(Answer::new(outline(template)?, TemplateResult::new(template)?))
}

fn outline(template: &Template) -> Result<String, Error> {
    let names: Vec<&str> =
        template.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    let required: Vec<&str> = template.required().map(|parameter| &*parameter.name).collect();
    Ok(format!(
        "{}: {}\nparameters: {}\nmust be given: {}\nmemory of an NVIDIA card: {}",
        template.name,
        template.title,
        names.join(", "),
        required.join(", "),
        template.memory()?.summary()
    ))
}

impl TemplateResult {
    fn on_server(found: &GalleryTemplate) -> Result<Self, Error> {
        Ok(Self { here: Some(Here::new(found)), ..Self::new(&found.template)? })
    }

    pub(crate) fn new(template: &Template) -> Result<Self, Error> {
        Ok(Self {
            name: template.name.clone(),
            title: template.title.clone(),
            description: template.description.clone(),
            task: template.task.clone(),
            family: template.family.clone(),
            variant: template.variant.clone(),
            tags: template.tags.clone(),
            minimum_version: template.minimum_version.clone(),
            memory: template.memory()?.into(),
            models: template.models.iter().map(ModelResult::new).collect(),
            parameters: template.parameters.iter().map(ParameterResult::new).collect(),
            here: None,
        })
    }
}

impl ModelResult {
    fn new(model: &TemplateModel) -> Self {
        Self { folder: model.folder.clone(), file: model.file.clone(), url: model.url.clone() }
    }
}

impl ParameterResult {
    fn new(parameter: &Parameter) -> Self {
        Self {
            name: parameter.name.clone(),
            kind: parameter.kind.as_str(),
            description: parameter.description.clone(),
            required: parameter.required,
            default: parameter.default.as_ref().map(mediafactory::Json::to_serde),
            minimum: parameter.minimum,
            maximum: parameter.maximum,
            multiple_of: parameter.multiple_of,
            offset: parameter.multiple_of.map(|_| parameter.offset).filter(|offset| *offset > 0),
            choices: parameter.choices.clone(),
            folder: parameter.folder.clone(),
        }
    }
}

#[derive(Deserialize, JsonSchema)]
struct CreateWorkflow {
    /// From `list_workflow_templates`.
    template: String,
    /// Values by name, as `get_template` describes them.
    parameters: Option<ObjectArgument>,
    /// A server's name or tag, for a template of a server.
    backend: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct FilledResult {
    #[schemars(schema_with = "schema::any_object")]
    workflow: Value,
    /// In force, defaults included.
    #[schemars(schema_with = "schema::any_object")]
    parameters: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
}

async fn create_workflow_from_template(
    call: Call,
    arguments: CreateWorkflow,
) -> Result<Answer<FilledResult>, Error> {
    let CreateWorkflow { template, parameters, backend } = arguments;
    let parameters = match parameters {
        Some(given) => members(given, "parameters")?,
        None => BTreeMap::new(),
    };
    let (filled, verdict) = if gallery::is_served(&template) {
        let backend = backend.as_deref();
        let made = call.factory.fill_gallery_template(&template, &parameters, backend).await?;
        (made.filled, format!("\n{}", gallery::verdict(&made.needs)))
    } else {
        (call.factory.workflow_from_template(&template, &parameters)?, String::new())
    };
    let text = format!(
        "the workflow of {template} is in the structured content; parameters in force: {}{verdict}",
        filled.parameters
    );
    let result = FilledResult {
        workflow: filled.workflow.to_json().to_serde(),
        parameters: filled.parameters.to_serde(),
        seed: filled.seed,
        model: filled.model,
    };
    Ok(Answer::new(text, result))
}

//! Reading a template's folder. A wrong template is an error with file and reason.

use include_dir::Dir;
use serde::Deserialize;
use workflow_graph::{Input, Json, NodeId, Workflow};

use super::{Parameter, ParameterKind, Target, Template, TemplateModel};
use crate::error::{Error, FailureCode};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    title: String,
    description: String,
    task: String,
    tags: Vec<String>,
    minimum_version: String,
    generate_order: u32,
    models: Vec<FileModel>,
    parameters: Vec<FileParameter>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileModel {
    folder: String,
    file: String,
    url: String,
    node: String,
    input: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileParameter {
    name: String,
    kind: FileKind,
    description: String,
    #[serde(default)]
    required: bool,
    default: Option<toml::Value>,
    minimum: Option<f64>,
    maximum: Option<f64>,
    multiple_of: Option<u64>,
    folder: Option<String>,
    targets: Vec<FileTarget>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum FileKind {
    Text,
    Integer,
    Number,
    Model,
    Seed,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileTarget {
    node: String,
    input: String,
}

/// Reads the folder of one template and holds what `template.toml` says against the workflow.
pub(super) fn folder(folder: &Dir<'_>) -> Result<Template, Error> {
    let name = folder.path().display().to_string();
    let text = |file: &str| {
        let found = folder.get_file(folder.path().join(file));
        found
            .and_then(include_dir::File::contents_utf8)
            .ok_or_else(|| wrong(&name, file, "is missing or not UTF-8"))
    };
    read(&name, text("template.toml")?, text("workflow.json")?)
}

/// Reads a template from the texts of its two files.
pub(super) fn read(name: &str, template: &str, workflow: &str) -> Result<Template, Error> {
    let file: File = toml::from_str(template)
        .map_err(|error| wrong(name, "template.toml", &error.to_string()))?;
    let json = Json::parse(workflow.as_bytes())
        .map_err(|error| wrong(name, "workflow.json", &error.to_string()))?;
    let workflow = Workflow::from_json(&json)
        .map_err(|error| wrong(name, "workflow.json", &error.to_string()))?;
    let wrong = |problem: String| wrong(name, "template.toml", &problem);
    let models = file.models.into_iter().map(|model| {
        let target = target(&workflow, &model.node, &model.input)?;
        let (folder, file, url) = (model.folder, model.file, model.url);
        Ok(TemplateModel { folder, file, url, node: target.node, input: target.input })
    });
    let parameters = file.parameters.into_iter().map(|raw| parameter(&workflow, raw));
    Ok(Template {
        name: name.to_owned(),
        title: file.title,
        description: file.description,
        task: file.task,
        tags: file.tags,
        minimum_version: file.minimum_version,
        generate_order: file.generate_order,
        models: models.collect::<Result<_, String>>().map_err(wrong)?,
        parameters: parameters.collect::<Result<_, String>>().map_err(wrong)?,
        workflow,
    })
}

fn parameter(workflow: &Workflow, raw: FileParameter) -> Result<Parameter, String> {
    let kind = match raw.kind {
        FileKind::Text => ParameterKind::Text,
        FileKind::Integer => ParameterKind::Integer,
        FileKind::Number => ParameterKind::Number,
        FileKind::Model => ParameterKind::Model,
        FileKind::Seed => ParameterKind::Seed,
    };
    if kind == ParameterKind::Model && raw.folder.is_none() {
        return Err(format!("parameter `{}` is a model and needs a `folder`", raw.name));
    }
    if raw.targets.is_empty() {
        return Err(format!("parameter `{}` has no targets", raw.name));
    }
    let targets = raw
        .targets
        .iter()
        .map(|to| target(workflow, &to.node, &to.input))
        .collect::<Result<_, _>>();
    Ok(Parameter {
        default: raw.default.map(|value| literal(&raw.name, value)).transpose()?,
        name: raw.name,
        kind,
        description: raw.description,
        required: raw.required,
        minimum: raw.minimum,
        maximum: raw.maximum,
        multiple_of: raw.multiple_of,
        folder: raw.folder,
        targets: targets?,
    })
}

fn target(workflow: &Workflow, node: &str, input: &str) -> Result<Target, String> {
    let id: NodeId = node.parse().map_err(|error| format!("{error}"))?;
    let found = workflow.node(&id).ok_or_else(|| format!("the workflow has no node {id}"))?;
    match found.input(input) {
        Some(Input::Literal(_)) => Ok(Target { node: id, input: input.to_owned() }),
        Some(Input::Link { .. }) => Err(format!("input `{input}` of node {id} is a link")),
        None => Err(format!("node {id} has no input `{input}`")),
    }
}

fn literal(name: &str, value: toml::Value) -> Result<Json, String> {
    match value {
        toml::Value::String(text) => Ok(Json::from(text)),
        toml::Value::Integer(number) => Ok(Json::from(number)),
        toml::Value::Float(number) => Ok(Json::from(number)),
        toml::Value::Boolean(value) => Ok(Json::from(value)),
        toml::Value::Datetime(_) | toml::Value::Array(_) | toml::Value::Table(_) => {
            Err(format!("the default of parameter `{name}` must be a text or a number"))
        }
    }
}

fn wrong(name: &str, file: &str, problem: &str) -> Error {
    Error::new(FailureCode::ValidationError, format!("template `{name}`: {file}: {problem}"))
}

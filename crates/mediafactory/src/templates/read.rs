//! Reading a template's folder. A wrong template is an error with file and reason.

use std::collections::BTreeSet;

use include_dir::Dir;
use serde::Deserialize;
use workflow_graph::{Input, Json, NodeId, Workflow};

use super::{Parameter, ParameterKind, Target, Template, TemplateModel, fill};
use crate::{
    error::{Error, FailureCode},
    nearest,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    title: String,
    description: String,
    task: String,
    family: Option<String>,
    variant: Option<String>,
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
    kind: String,
    description: String,
    #[serde(default)]
    required: bool,
    default: Option<toml::Value>,
    minimum: Option<f64>,
    maximum: Option<f64>,
    multiple_of: Option<u64>,
    offset: Option<u64>,
    folder: Option<String>,
    #[serde(default)]
    choices: Vec<String>,
    targets: Vec<FileTarget>,
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
    let parameters: Vec<_> = parameters.collect::<Result<_, String>>().map_err(wrong)?;
    named_once(&parameters).map_err(wrong)?;
    if file.variant.is_some() && file.family.is_none() {
        return Err(wrong("there is a `variant` without its `family`".to_owned()));
    }
    Ok(Template {
        name: name.to_owned(),
        title: file.title,
        description: file.description,
        task: file.task,
        family: file.family,
        variant: file.variant,
        tags: file.tags,
        minimum_version: file.minimum_version,
        generate_order: file.generate_order,
        models: models.collect::<Result<_, String>>().map_err(wrong)?,
        parameters,
        workflow,
    })
}

fn parameter(workflow: &Workflow, raw: FileParameter) -> Result<Parameter, String> {
    let name = raw.name;
    let of = |problem: String| format!("parameter `{name}`: {problem}");
    let kind = kind(&raw.kind).map_err(of)?;
    let targets = raw.targets.iter().map(|to| target(workflow, &to.node, &to.input));
    let parameter = Parameter {
        default: raw.default.map(literal).transpose().map_err(of)?,
        kind,
        description: raw.description,
        required: raw.required,
        minimum: raw.minimum,
        maximum: raw.maximum,
        multiple_of: raw.multiple_of,
        offset: raw.offset.unwrap_or(0),
        folder: raw.folder,
        choices: raw.choices,
        targets: targets.collect::<Result<_, String>>().map_err(of)?,
        name: name.clone(),
    };
    match contradiction(&parameter) {
        Some(problem) => Err(of(problem)),
        None => Ok(parameter),
    }
}

fn kind(word: &str) -> Result<ParameterKind, String> {
    ParameterKind::from_word(word).ok_or_else(|| {
        let words = || ParameterKind::ALL.iter().map(|kind| kind.as_str());
        format!("there is no kind `{word}`; {}", nearest::hint("kinds", word, words()))
    })
}

/// What does not go together, so that no caller meets a parameter that takes nothing.
fn contradiction(parameter: &Parameter) -> Option<String> {
    let kind = parameter.kind;
    let only_for = |given: bool, key: &str, kinds: &[ParameterKind]| {
        let words: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
        (given && !kinds.contains(&kind)).then(|| {
            format!("only {} can have `{key}`, not {}", words.join(" and "), kind.as_str())
        })
    };
    let bounded = parameter.minimum.is_some() || parameter.maximum.is_some();
    let stepped = parameter.multiple_of.is_some();
    let numbers = [ParameterKind::Integer, ParameterKind::Number];
    only_for(bounded, "minimum` and `maximum", &numbers)
        .or_else(|| only_for(stepped, "multiple_of", &[ParameterKind::Integer]))
        .or_else(|| only_for(parameter.folder.is_some(), "folder", &[ParameterKind::Model]))
        .or_else(|| only_for(!parameter.choices.is_empty(), "choices", &[ParameterKind::Choice]))
        .or_else(|| missing(parameter))
        .or_else(|| {
            let default = parameter.default.as_ref()?;
            let problem = fill::checked(parameter, default).err()?;
            Some(format!("its default is not one it takes: {problem}"))
        })
}

fn missing(parameter: &Parameter) -> Option<String> {
    let kind = parameter.kind;
    let unbound_offset = parameter.offset > 0 && parameter.multiple_of.is_none();
    let problem = if parameter.targets.is_empty() {
        "it has no targets"
    } else if parameter.multiple_of == Some(0) {
        "`multiple_of` must be 1 or more"
    } else if unbound_offset {
        "`offset` is added to a multiple, and there is no `multiple_of`"
    } else if parameter.required && parameter.default.is_some() {
        "it is required and has a default; only one of the two can hold"
    } else if kind == ParameterKind::Model && parameter.folder.is_none() {
        "it is a model and needs a `folder`"
    } else if kind == ParameterKind::Choice && parameter.choices.is_empty() {
        "it is a choice and needs `choices`"
    } else if kind.is_file() && !parameter.required {
        return Some(format!(
            "it is of kind {}, a file that only the caller has: it must be `required`, without a \
             default",
            kind.as_str()
        ));
    } else {
        return None;
    };
    Some(problem.to_owned())
}

fn named_once(parameters: &[Parameter]) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    match parameters.iter().find(|parameter| !seen.insert(parameter.name.as_str())) {
        Some(second) => Err(format!("there are two parameters `{}`", second.name)),
        None => Ok(()),
    }
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

fn literal(value: toml::Value) -> Result<Json, String> {
    match value {
        toml::Value::String(text) => Ok(Json::from(text)),
        toml::Value::Integer(number) => Ok(Json::from(number)),
        toml::Value::Float(number) => Ok(Json::from(number)),
        toml::Value::Boolean(value) => Ok(Json::from(value)),
        toml::Value::Datetime(_) | toml::Value::Array(_) | toml::Value::Table(_) => {
            Err("its default must be a text, a number or a truth value".to_owned())
        }
    }
}

fn wrong(name: &str, file: &str, problem: &str) -> Error {
    Error::new(FailureCode::ValidationError, format!("template `{name}`: {file}: {problem}"))
}

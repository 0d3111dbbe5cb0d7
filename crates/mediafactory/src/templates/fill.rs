//! Setting the parameters of a template on its workflow.

use std::collections::BTreeMap;

use workflow_graph::{Json, json::Object};

use super::{FilledTemplate, MODEL_PARAMETER, Parameter, ParameterKind, Template, numbers};
use crate::{
    error::{Error, FailureCode},
    nearest,
};

pub(super) fn fill(
    template: &Template,
    given: &BTreeMap<String, Json>,
    random_seed: u64,
) -> Result<FilledTemplate, Error> {
    let mut problems = unknown_parameters(template, given);
    let mut in_force = Object::new();
    for parameter in &template.parameters {
        match value(parameter, given.get(&parameter.name), random_seed) {
            Ok(value) => {
                in_force.insert(parameter.name.clone(), value);
            }
            Err(problem) => problems.push(problem),
        }
    }
    if !problems.is_empty() {
        let name = &template.name;
        let message = format!("template `{name}`: {}", problems.join("; "));
        return Err(Error::new(FailureCode::ValidationError, message)
            .with_hint(format!("template `{name}` takes {}", parameter_names(template))));
    }
    set_all(template, in_force)
}

fn set_all(template: &Template, in_force: Object) -> Result<FilledTemplate, Error> {
    let mut workflow = template.workflow.clone();
    let (mut seed, mut model) = (None, None);
    for parameter in &template.parameters {
        let Some(value) = in_force.get(&parameter.name) else { continue };
        if parameter.kind == ParameterKind::Seed {
            seed = value.as_u64();
        } else if parameter.name == MODEL_PARAMETER {
            model = value.as_str().map(str::to_owned);
        }
        for target in &parameter.targets {
            workflow.set(&target.node, &target.input, value.clone()).map_err(|error| {
                let message = format!("template `{}`: {error}", template.name);
                Error::new(FailureCode::ValidationError, message).with_source(error)
            })?;
        }
    }
    Ok(FilledTemplate { workflow, parameters: Json::Object(in_force), seed, model })
}

fn unknown_parameters(template: &Template, given: &BTreeMap<String, Json>) -> Vec<String> {
    let known = || template.parameters.iter().map(|parameter| parameter.name.as_str());
    let unknown = given.keys().filter(|name| template.parameter(name).is_none());
    unknown
        .map(|name| match nearest::name(name, known()) {
            Some(near) => format!("there is no parameter `{name}` (did you mean `{near}`?)"),
            None => format!("there is no parameter `{name}`"),
        })
        .collect()
}

/// The value in force: what is given, checked, or else the default.
fn value(parameter: &Parameter, given: Option<&Json>, random_seed: u64) -> Result<Json, String> {
    let name = &parameter.name;
    let Some(value) = given.filter(|value| !value.is_null()) else {
        return match (&parameter.default, parameter.kind) {
            (Some(default), _) => Ok(default.clone()),
            (None, ParameterKind::Seed) => Ok(Json::from(random_seed)),
            (None, kind) if kind.is_file() => {
                Err(format!("`{name}` must be given: {}", file_wanted(parameter)))
            }
            (None, _) => Err(format!("`{name}` must be given")),
        };
    };
    checked(parameter, value)
}

/// A value as it is set, or what is wrong with it and what would be right.
pub(super) fn checked(parameter: &Parameter, value: &Json) -> Result<Json, String> {
    match parameter.kind {
        ParameterKind::Text | ParameterKind::Model => text(parameter, value),
        ParameterKind::Image | ParameterKind::Audio | ParameterKind::Video => {
            file(parameter, value)
        }
        ParameterKind::Integer => numbers::integer(parameter, value),
        ParameterKind::Number => numbers::number(parameter, value),
        ParameterKind::Seed => numbers::seed(parameter, value),
        ParameterKind::Boolean => boolean(parameter, value),
        ParameterKind::Choice => choice(parameter, value),
    }
}

/// The longest text of a parameter, in bytes. The longest prompts that models are trained on have
/// some thousand; a text encoder would work on a megabyte for minutes.
const TEXT_BYTES_MAX: usize = 100_000;

fn text(parameter: &Parameter, value: &Json) -> Result<Json, String> {
    let name = &parameter.name;
    match value.as_str() {
        Some(text) if text.len() > TEXT_BYTES_MAX => Err(format!(
            "`{name}` must have at most {TEXT_BYTES_MAX} bytes, but has {}",
            text.len()
        )),
        None => Err(format!("`{name}` must be a text, but is {}", value.kind())),
        Some(text) if parameter.required && text.trim().is_empty() => {
            Err(format!("`{name}` must not be empty"))
        }
        Some(text) => Ok(Json::from(text)),
    }
}

/// The longest name of a file, in bytes: what file systems take as a path.
const FILE_NAME_BYTES_MAX: usize = 4096;

/// The name of a file that the server has. Whether it has it, only the server knows.
fn file(parameter: &Parameter, value: &Json) -> Result<Json, String> {
    let name = &parameter.name;
    let wanted = || file_wanted(parameter);
    match value.as_str() {
        None => Err(format!("`{name}` must be {}, but is {}", wanted(), value.kind())),
        Some(text) if text.trim().is_empty() => {
            Err(format!("`{name}` must be {}, but is empty", wanted()))
        }
        Some(text) if text.len() > FILE_NAME_BYTES_MAX => Err(format!(
            "`{name}` must be {}, of at most {FILE_NAME_BYTES_MAX} bytes, but has {}",
            wanted(),
            text.len()
        )),
        Some(text) => Ok(Json::from(text)),
    }
}

fn file_wanted(parameter: &Parameter) -> String {
    let article = if parameter.kind == ParameterKind::Video { "a" } else { "an" };
    let kind = parameter.kind.as_str();
    format!("the name of {article} {kind} file in the server's input folder")
}

/// A truth value, as JSON or as a command line writes it.
fn boolean(parameter: &Parameter, value: &Json) -> Result<Json, String> {
    let spelled = value.as_bool().or_else(|| value.as_str()?.parse().ok());
    spelled
        .map(Json::from)
        .ok_or_else(|| format!("`{}` must be true or false, but is {value}", parameter.name))
}

fn choice(parameter: &Parameter, value: &Json) -> Result<Json, String> {
    let choices = || parameter.choices.iter().map(String::as_str);
    match value.as_str() {
        Some(text) if choices().any(|choice| choice == text) => Ok(Json::from(text)),
        wrong => {
            let near = wrong.and_then(|text| nearest::name(text, choices()));
            let near = near.map(|near| format!(" (did you mean `{near}`?)")).unwrap_or_default();
            let choices: Vec<&str> = choices().collect();
            let (name, choices) = (&parameter.name, choices.join(", "));
            Err(format!("`{name}` must be one of {choices}, but is {value}{near}"))
        }
    }
}

fn parameter_names(template: &Template) -> String {
    let names: Vec<&str> =
        template.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    names.join(", ")
}

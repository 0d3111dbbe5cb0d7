//! Setting the parameters of a template on its workflow.

use std::collections::BTreeMap;

use workflow_graph::{Json, json::Object};

use super::{FilledTemplate, Parameter, ParameterKind, Template};
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
        match parameter.kind {
            ParameterKind::Seed => seed = value.as_u64(),
            ParameterKind::Model => model = value.as_str().map(str::to_owned),
            ParameterKind::Text | ParameterKind::Integer | ParameterKind::Number => {}
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

fn value(parameter: &Parameter, given: Option<&Json>, random_seed: u64) -> Result<Json, String> {
    let name = &parameter.name;
    let Some(value) = given.filter(|value| !value.is_null()) else {
        return match (&parameter.default, parameter.kind) {
            (Some(default), _) => Ok(default.clone()),
            (None, ParameterKind::Seed) => Ok(Json::from(random_seed)),
            (None, _) => Err(format!("`{name}` must be given")),
        };
    };
    match parameter.kind {
        ParameterKind::Text | ParameterKind::Model => text(parameter, value),
        ParameterKind::Integer => integer(parameter, value),
        ParameterKind::Number => number(parameter, value),
        ParameterKind::Seed => value
            .as_u64()
            .or_else(|| value.as_str()?.parse().ok())
            .map(Json::from)
            .ok_or_else(|| {
                format!("`{name}` must be a whole number from 0 to {}, but is {value}", u64::MAX)
            }),
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

fn integer(parameter: &Parameter, value: &Json) -> Result<Json, String> {
    let name = &parameter.name;
    let whole = value
        .as_i64()
        .or_else(|| value.as_str()?.parse().ok())
        .ok_or_else(|| format!("`{name}` must be a whole number, but is {value}"))?;
    in_range(parameter, Json::from(whole).as_f64(), value)?;
    let Some(unit) = parameter.multiple_of.and_then(|unit| i64::try_from(unit).ok()) else {
        return Ok(Json::from(whole));
    };
    if unit > 0 && whole % unit != 0 {
        let below = whole - whole.rem_euclid(unit);
        return Err(format!(
            "`{name}` must be a multiple of {unit}, but is {whole}; the nearest are {below} and {}",
            below + unit
        ));
    }
    Ok(Json::from(whole))
}

fn number(parameter: &Parameter, value: &Json) -> Result<Json, String> {
    let name = &parameter.name;
    let number = value
        .as_f64()
        .or_else(|| value.as_str()?.parse().ok())
        .filter(|number| number.is_finite())
        .ok_or_else(|| format!("`{name}` must be a number, but is {value}"))?;
    in_range(parameter, Some(number), value)?;
    Ok(Json::from(number))
}

fn in_range(parameter: &Parameter, number: Option<f64>, value: &Json) -> Result<(), String> {
    let name = &parameter.name;
    let Some(number) = number else { return Ok(()) };
    if let Some(minimum) = parameter.minimum.filter(|minimum| number < *minimum) {
        return Err(format!("`{name}` must be at least {minimum}, but is {value}"));
    }
    if let Some(maximum) = parameter.maximum.filter(|maximum| number > *maximum) {
        return Err(format!("`{name}` must be at most {maximum}, but is {value}"));
    }
    Ok(())
}

fn parameter_names(template: &Template) -> String {
    let names: Vec<&str> =
        template.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    names.join(", ")
}

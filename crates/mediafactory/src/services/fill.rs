//! Setting the parameters of a service in its workflow.

use std::collections::BTreeMap;

use workflow_graph::{Json, Workflow, json::Object};

use super::{Service, ServiceKind, ServiceParameter};
use crate::{
    error::{Error, FailureCode},
    nearest,
};

/// A workflow that can be sent.
pub(super) struct Filled {
    pub(super) workflow: Workflow,
    /// The parameters that were set, in the order of the service.
    pub(super) parameters: Json,
    /// What was not given and what was done about it, in sentences.
    pub(super) notes: Vec<String>,
}

/// Sets what is given, and the defaults of the rest. An error names all that is wrong.
pub(super) fn fill(
    service: &Service,
    given: &BTreeMap<String, Json>,
    random_seed: u64,
) -> Result<Filled, Error> {
    let mut choice = Choice { problems: unknown(service, given), ..Choice::default() };
    for parameter in &service.parameters {
        choice.take(parameter, given.get(&parameter.name), random_seed);
    }
    let Choice { in_force, defaults, kept, values, problems } = choice;
    if !problems.is_empty() {
        return Err(refused(service, &problems));
    }
    let workflow = service.template.fill(&values).map_err(|error| {
        let wrong = error.mistyped.iter().map(|(placeholder, problem)| {
            let mut parameters = service.parameters.iter();
            let named = parameters.find(|parameter| parameter.placeholder == *placeholder);
            let name = named.map_or(placeholder.as_str(), |parameter| &parameter.name);
            format!("`{name}`: {problem}")
        });
        refused(service, &wrong.collect::<Vec<_>>()).with_source(error)
    })?;
    let notes = [
        (defaults, "not given, so their defaults hold"),
        (kept, "not given, so the workflow's own values hold"),
    ];
    let notes = notes.into_iter().filter(|(names, _)| !names.is_empty());
    let notes = notes.map(|(names, what)| format!("{what}: {}", names.join(", "))).collect();
    Ok(Filled { workflow, parameters: Json::Object(in_force), notes })
}

#[derive(Default)]
struct Choice {
    in_force: Object,
    /// The parameters whose default holds.
    defaults: Vec<String>,
    /// The parameters that stay as the workflow has them.
    kept: Vec<String>,
    values: BTreeMap<String, Json>,
    problems: Vec<String>,
}

impl Choice {
    fn take(&mut self, parameter: &ServiceParameter, given: Option<&Json>, random_seed: u64) {
        let name = &parameter.name;
        // Clients that fill every argument send `null` for what they do not mean to give.
        let value = match (given.filter(|value| !value.is_null()), &parameter.default) {
            (Some(value), _) => match accept(parameter.kind, value) {
                Ok(value) => value,
                Err(problem) => {
                    self.problems.push(format!("`{name}`: {problem}"));
                    return;
                }
            },
            (None, Some(default)) => {
                self.defaults.push(name.clone());
                default.clone()
            }
            (None, None) if parameter.required => {
                self.problems.push(format!("`{name}` must be given"));
                return;
            }
            (None, None) if parameter.kind == ServiceKind::Seed => Json::from(random_seed),
            (None, None) => {
                self.kept.push(name.clone());
                return;
            }
        };
        self.in_force.insert(name.clone(), value.clone());
        self.values.insert(parameter.placeholder.clone(), value);
    }
}

fn accept(kind: ServiceKind, value: &Json) -> Result<Json, String> {
    let accepted = kind.in_workflow().accept(value)?;
    if kind == ServiceKind::Seed && accepted.as_u64().is_none() {
        return Err(format!("{value} is not a whole number from 0 to {}", u64::MAX));
    }
    Ok(accepted)
}

fn unknown(service: &Service, given: &BTreeMap<String, Json>) -> Vec<String> {
    let known = || service.parameters.iter().map(|parameter| parameter.name.as_str());
    let unknown = given.keys().filter(|name| service.parameter(name).is_none());
    let told = unknown.map(|name| {
        let near = nearest::name(name, known());
        let near = near.map(|near| format!(" (did you mean `{near}`?)")).unwrap_or_default();
        format!("there is no parameter `{}`{near}", name.escape_debug())
    });
    told.collect()
}

fn refused(service: &Service, problems: &[String]) -> Error {
    let name = &service.name;
    let message = format!("service `{name}`: {}", problems.join("; "));
    let error = Error::new(FailureCode::ValidationError, message);
    let names: Vec<&str> = service.parameters.iter().map(|known| known.name.as_str()).collect();
    match names.as_slice() {
        [] => error.with_hint(format!("service `{name}` takes no parameters")),
        names => error.with_hint(format!("service `{name}` takes {}", names.join(", "))),
    }
}

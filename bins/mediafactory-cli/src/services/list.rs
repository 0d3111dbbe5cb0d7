//! `mediafactory services list`.

use std::process::ExitCode;

use clap::Args;
use mediafactory::{Json, Service, ServiceParameter, ServiceProblem, ServiceSet, config::Resolved};

use crate::{failure::Failure, output};

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

/// Reads the files and nothing else, so that it also works while they keep everything else from
/// starting.
pub(super) async fn perform(task: &List, resolved: &Resolved) -> Result<ExitCode, Failure> {
    let set = ServiceSet::of(&resolved.config).await?;
    if task.json {
        output::result(&json(&set).to_string())?;
    } else {
        tell(&set, resolved)?;
    }
    let nothing_starts = set.problems.iter().any(|problem| problem.stops_start);
    Ok(if nothing_starts { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn tell(set: &ServiceSet, resolved: &Resolved) -> Result<(), Failure> {
    let config = &resolved.config;
    if config.services_file.is_none() && config.services_dir.is_none() {
        output::note("there are no services: neither `services_file` nor `services_dir` is set");
    } else if set.services.is_empty() {
        output::note("there are no services");
    }
    let services = set.services.iter().map(|service| shown(service)).collect::<Vec<_>>();
    if !services.is_empty() {
        output::result(&services.join("\n"))?;
    }
    for problem in &set.problems {
        output::note(&format!("{}: {problem}", level(problem)));
    }
    Ok(())
}

fn level(problem: &ServiceProblem) -> &'static str {
    if problem.stops_start { "error" } else { "warning" }
}

fn shown(service: &Service) -> String {
    let parameters: Vec<_> = service.parameters.iter().map(row).collect();
    format!(
        "{}\n  {}\n  from {}, {}\n{}",
        service.name,
        service.description,
        service.origin.as_str(),
        service.workflow_file.display(),
        output::aligned(&parameters)
    )
}

fn row(parameter: &ServiceParameter) -> [String; 4] {
    let absent = match (&parameter.default, parameter.required) {
        (Some(default), _) => format!("default {default}"),
        (None, true) => "must be given".to_owned(),
        (None, false) => "may be left out".to_owned(),
    };
    let description = parameter.description.clone().unwrap_or_default();
    [format!("  {}", parameter.name), parameter.kind.to_string(), absent, description]
}

fn json(set: &ServiceSet) -> Json {
    let services = set.services.iter().map(|service| service_json(service));
    Json::object([
        ("services", Json::Array(services.collect())),
        ("problems", Json::Array(set.problems.iter().map(problem_json).collect())),
    ])
}

fn service_json(service: &Service) -> Json {
    Json::object([
        ("name", Json::from(service.name.as_str())),
        ("description", Json::from(service.description.as_str())),
        ("origin", Json::from(service.origin.as_str())),
        ("workflow_file", Json::from(service.workflow_file.display().to_string())),
        ("parameters", Json::Array(service.parameters.iter().map(parameter_json).collect())),
    ])
}

fn parameter_json(parameter: &ServiceParameter) -> Json {
    Json::object([
        ("name", Json::from(parameter.name.as_str())),
        ("description", parameter.description.as_deref().map_or(Json::Null, Json::from)),
        ("kind", Json::from(parameter.kind.as_str())),
        ("required", Json::from(parameter.required)),
        ("default", parameter.default.clone().unwrap_or_default()),
    ])
}

fn problem_json(problem: &ServiceProblem) -> Json {
    Json::object([
        ("file", Json::from(problem.file.display().to_string())),
        ("service", problem.service.as_deref().map_or(Json::Null, Json::from)),
        ("problem", Json::from(problem.problem.as_str())),
        ("stops_start", Json::from(problem.stops_start)),
    ])
}

//! Services as tools: each takes its own parameters and answers at once with a job.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use mediafactory::{
    Error, FailureCode, Json, RunService, Service, ServiceKind, ServiceOrigin, ServiceParameter,
    ServiceProblem, ServiceSet,
};
use rmcp::model::{JsonObject, Tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    definition::{Answer, Call, Definition, Effect},
    execution::{placing, seconds},
    names,
    offer::Services,
    schema, server,
    toolsets::{SERVICES_TOOLSET, Selection},
};

/// The services that are offered, as tools, and the names of those that cannot be: what is built
/// in goes before them.
pub(crate) fn tools(set: &ServiceSet, selection: &Selection) -> (Services, Vec<String>) {
    let built_in = server::names();
    let (taken, free): (Vec<_>, Vec<_>) =
        set.services.iter().partition(|service| is_taken(&built_in, service));
    let offered = free.into_iter().filter(|service| selection.takes_service(&service.name));
    let tools = offered.map(|service| (service.name.clone(), Arc::new(tool(service))));
    (tools.collect(), taken.into_iter().map(|service| service.name.clone()).collect())
}

/// What keeps services from being tools that could be read.
pub(crate) fn name_problems(set: &ServiceSet) -> impl Iterator<Item = ServiceProblem> {
    let built_in = server::names();
    let taken = set.services.iter().filter(move |service| is_taken(&built_in, service));
    taken.map(|service| ServiceProblem {
        file: service.workflow_file.clone(),
        service: Some(service.name.clone()),
        problem: format!("`{}` is the name of a tool of this server", service.name),
        stops_start: false,
    })
}

fn is_taken(built_in: &BTreeSet<String>, service: &Service) -> bool {
    built_in.contains(&service.name) || names::listed_name(&service.name) != service.name
}

/// How the job of a service is placed, as far as the service has no parameters of these names.
#[derive(Deserialize, JsonSchema)]
struct Placement {
    /// A server's name or tag, a GPU number, or auto.
    backend: Option<String>,
    /// Highest first. Default 0.
    #[schemars(range(min = -1000, max = 1000))]
    priority: Option<i32>,
    /// Stops the job when it has run so long. Default 600.
    #[schemars(range(min = 1, max = 604_800))]
    timeout_seconds: Option<u32>,
}

impl Placement {
    /// The arguments that every tool has that starts a job.
    fn properties() -> JsonObject {
        match schema::of_arguments::<Self>().remove("properties") {
            Some(Value::Object(properties)) => properties,
            Some(_) | None => JsonObject::new(),
        }
    }
}

fn tool(service: &Arc<Service>) -> Definition {
    let (service, shown) = (Arc::clone(service), service.name.clone());
    let (placement, own): (Vec<_>, Vec<_>) = Placement::properties()
        .into_iter()
        .partition(|(name, _)| service.parameter(name).is_none());
    let own: Vec<String> = own.into_iter().map(|(name, _)| format!("`{name}`")).collect();
    let own = if own.is_empty() {
        String::new()
    } else {
        let own = own.join(", ");
        format!(" Parameters of the service itself, not of where or how long its job runs: {own}.")
    };
    let description = format!(
        "{} Answers at once with a job; wait_for_completion waits for it.{own}",
        service.description
    );
    let arguments = arguments(&service, placement.iter().cloned());
    let tool = Tool::new(shown.clone(), description, Arc::new(arguments)).with_title(shown);
    let placement: Vec<String> = placement.into_iter().map(|(name, _)| name).collect();
    Definition::described(SERVICES_TOOLSET, tool, Effect::Adds, move |call, mut given| {
        let placed = placement.iter().filter_map(|name| given.remove_entry(name)).collect();
        start(call, service.name.clone(), given, placed)
    })
}

/// The schema of a service's parameters, and of what says where its job goes.
fn arguments(service: &Service, placement: impl Iterator<Item = (String, Value)>) -> JsonObject {
    let properties = service.parameters.iter();
    let properties = properties
        .map(|parameter| (parameter.name.clone(), property(service.origin, parameter)))
        .chain(placement);
    let required = service.parameters.iter().filter(|parameter| parameter.required);
    let required: Vec<&str> = required.map(|parameter| parameter.name.as_str()).collect();
    let mut schema = JsonObject::new();
    schema.insert("type".to_owned(), json!("object"));
    schema.insert("properties".to_owned(), Value::Object(properties.collect()));
    if !required.is_empty() {
        schema.insert("required".to_owned(), json!(required));
    }
    schema.insert("additionalProperties".to_owned(), Value::Bool(false));
    schema
}

fn property(origin: ServiceOrigin, parameter: &ServiceParameter) -> Value {
    let mut property = JsonObject::new();
    let (kind, what) = match parameter.kind {
        ServiceKind::Text => (Some("string"), None),
        ServiceKind::Integer => (Some("integer"), None),
        ServiceKind::Number => (Some("number"), None),
        ServiceKind::Flag => (Some("boolean"), None),
        ServiceKind::File => (Some("string"), Some("The name of a file that the server has.")),
        ServiceKind::Seed => {
            (Some("integer"), Some("0 to 2^64-1, beyond 2^53 as text; random when absent."))
        }
        ServiceKind::Any | _ => (None, None),
    };
    if let Some(kind) = kind {
        property.insert("type".to_owned(), json!(kind));
    }
    if parameter.kind == ServiceKind::Seed {
        property.insert("minimum".to_owned(), json!(0));
    }
    let mut words: Vec<&str> = Vec::new();
    words.extend(parameter.description.as_deref().or(what));
    // What stands inside a workflow may be a stranger's text, which no list of tools repeats.
    let is_ours = origin == ServiceOrigin::Configured;
    match &parameter.default {
        Some(default) if is_ours || default.as_str().is_none() => {
            property.insert("default".to_owned(), default.to_serde());
        }
        Some(_) => words.push("The workflow has a default for it."),
        None if parameter.required || parameter.kind == ServiceKind::Seed => {}
        None => words.push("When absent, the value in the workflow stays."),
    }
    if !words.is_empty() {
        property.insert("description".to_owned(), json!(words.join(" ")));
    }
    Value::Object(property)
}

/// A job that is on its way.
#[derive(Serialize, JsonSchema)]
struct StartedResult {
    job_id: String,
    /// recorded, submitting, queued, running
    state: &'static str,
    service: String,
    /// What was set, defaults included.
    #[schemars(schema_with = "schema::any_object")]
    parameters: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    /// What was not given, and what was done about it.
    notes: Vec<String>,
}

async fn start(
    call: Call,
    service: String,
    given: JsonObject,
    placement: JsonObject,
) -> Result<Answer<StartedResult>, Error> {
    let parameters: BTreeMap<String, Json> =
        given.into_iter().map(|(name, value)| (name, Json::from(value))).collect();
    let Placement { backend, priority, timeout_seconds } =
        serde_json::from_value(Value::Object(placement))
            .map_err(|problem| Error::new(FailureCode::ValidationError, problem.to_string()))?;
    let run = RunService {
        service: service.clone(),
        parameters,
        timeout: timeout_seconds.map(seconds),
        placing: placing(&call, backend, priority, None),
    };
    let started = call.factory.start_service(run).await?;
    let report = call.factory.job(&started.job).await?;
    let state = report.state.as_str();
    let mut text = format!("job {} {state}: wait_for_completion waits for it", started.job);
    started.notes.iter().for_each(|note| text.extend(["\nnote: ", note]));
    let result = StartedResult {
        job_id: started.job.to_string(),
        state,
        service,
        parameters: started.parameters.to_serde(),
        seed: started.seed,
        notes: started.notes,
    };
    Ok(Answer::new(text, result))
}

//! Services as tools: each takes its own parameters and answers at once with a job.

use std::{collections::BTreeMap, sync::Arc};

use mediafactory::{
    Json, Placing, Service, ServiceKind, ServiceOrigin, ServiceParameter, ServiceSet,
};
use rmcp::model::{JsonObject, Tool};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    definition::{Answer, Call, Definition, Effect},
    names,
    offer::Services,
    schema, server,
    toolsets::{SERVICES_TOOLSET, Selection},
};

/// The services that are offered, as tools, and the names of those that cannot be: what is built
/// in goes before them.
pub(crate) fn tools(set: &ServiceSet, selection: &Selection) -> (Services, Vec<String>) {
    let built_in = server::names();
    let is_taken = |service: &&Arc<Service>| {
        built_in.contains(&service.name) || names::listed_name(&service.name) != service.name
    };
    let (taken, free): (Vec<_>, Vec<_>) = set.services.iter().partition(is_taken);
    let offered = free.into_iter().filter(|service| selection.takes_service(&service.name));
    let tools = offered.map(|service| (service.name.clone(), Arc::new(tool(service))));
    (tools.collect(), taken.into_iter().map(|service| service.name.clone()).collect())
}

fn tool(service: &Service) -> Definition {
    let (name, shown) = (service.name.clone(), service.name.clone());
    let description = format!(
        "{} Answers at once with a job; wait_for_completion waits for it.",
        service.description
    );
    let tool =
        Tool::new(shown.clone(), description, Arc::new(arguments(service))).with_title(shown);
    Definition::described(SERVICES_TOOLSET, tool, Effect::Adds, move |call, given| {
        start(call, name.clone(), given)
    })
}

/// The schema of a service's parameters.
fn arguments(service: &Service) -> JsonObject {
    let properties = service.parameters.iter();
    let properties =
        properties.map(|parameter| (parameter.name.clone(), property(service.origin, parameter)));
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
) -> Result<Answer<StartedResult>, mediafactory::Error> {
    let given: BTreeMap<String, Json> =
        given.into_iter().map(|(name, value)| (name, Json::from(value))).collect();
    let placing = Placing { caller: call.caller.to_string(), ..Placing::default() };
    let started = call.factory.start_service(&service, &given, placing).await?;
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

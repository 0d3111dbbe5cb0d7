//! `POST /prompt`.

use std::sync::Arc;

use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::info::NODE_REPLACEMENTS;
use super::reply::{self, Posted};
use crate::catalog::Catalog;
use crate::fault::Fault;
use crate::listener::Cut;
use crate::python;
use crate::queue::QueueItem;
use crate::server::{ReceivedPrompt, Server, now_ms};
use crate::validate::{HandlerFailed, top_level, validate};

/// Members of `extra_data` that `/queue` and `/history` never show.
const SENSITIVE: &[&str] = &["auth_token_comfy_org", "api_key_comfy_org"];

pub(super) async fn submit(
    State(server): State<Arc<Server>>,
    ConnectInfo(connection): ConnectInfo<Cut>,
    headers: HeaderMap,
    posted: Posted,
) -> Response {
    let refused = server.script.take(|fault| {
        let Fault::RefusePrompt { status, body } = fault else { return None };
        Some((*status, body.clone()))
    });
    if let Some((status, body)) = refused {
        return reply::scripted(status, body);
    }
    if server.script.take_exact(&Fault::DropPromptBeforeAccepting) {
        connection.0.cancel();
        return reply::in_trouble();
    }
    let usage_source =
        headers.get("comfy-usage-source").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (server, accepting) = (Arc::clone(&server), server);
    let answered =
        tokio::task::spawn_blocking(move || accept(&accepting, posted.json(), usage_source)).await;
    let Ok(Ok((status, answer))) = answered else { return reply::in_trouble() };
    if status == StatusCode::OK && server.script.take_exact(&Fault::DropReplyAfterAccepting) {
        connection.0.cancel();
    }
    reply::json_with(status, &answer)
}

fn accept(
    server: &Server,
    body: Option<Value>,
    usage_source: Option<String>,
) -> Result<(StatusCode, Value), HandlerFailed> {
    server.log_info("got prompt");
    let mut body = match body.ok_or(HandlerFailed)? {
        Value::Object(body) => body,
        // Python finds no key in a list or a text either, and goes on.
        Value::Array(_) | Value::String(_) => Map::new(),
        Value::Null | Value::Bool(_) | Value::Number(_) => return Err(HandlerFailed),
    };
    let number = number_of(server, &body)?;
    let Some(prompt) = body.remove("prompt") else {
        return Ok(refused(
            &top_level("no_prompt", "No prompt provided", "No prompt provided", &json!({})),
            &Map::new(),
        ));
    };
    let Some(prompt_id) = prompt_id_of(&body) else {
        let details = "prompt_id must be a UUID string in canonical lowercase hyphenated form; omit it to let the server generate one";
        let error =
            top_level("invalid_prompt_id", "prompt_id must be a valid UUID", details, &json!({}));
        return Ok(refused(&error, &Map::new()));
    };
    let Value::Object(mut prompt) = prompt else { return Err(HandlerFailed) };
    replace_nodes(&server.catalog, &mut prompt)?;
    let targets = match body.get("partial_execution_targets") {
        None | Some(Value::Null) => None,
        Some(targets) => Some(targets.as_array().ok_or(HandlerFailed)?.as_slice()),
    };
    let verdict = validate(&server.catalog, &server.folders, &mut prompt, targets)?;
    let mut extra_data = match body.remove("extra_data") {
        None => Map::new(),
        Some(Value::Object(extra_data)) => extra_data,
        Some(_) => return Err(HandlerFailed),
    };
    if let Some(client_id) = body.remove("client_id") {
        extra_data.insert("client_id".to_owned(), client_id);
    }
    if let (Some(source), false) = (usage_source, extra_data.contains_key("comfy_usage_source")) {
        extra_data.insert("comfy_usage_source".to_owned(), json!(source));
    }
    let client_id = extra_data.get("client_id").and_then(Value::as_str).map(str::to_owned);
    server.remember(ReceivedPrompt {
        prompt_id: prompt_id.clone(),
        client_id,
        accepted: verdict.error.is_none(),
    });
    if let Some(error) = verdict.error {
        return Ok(refused(&error, &verdict.node_errors));
    }
    extra_data.retain(|name, _| !SENSITIVE.contains(&name.as_str()));
    extra_data.insert("create_time".to_owned(), json!(now_ms()));
    let answer =
        json!({"prompt_id": prompt_id, "number": number, "node_errors": verdict.node_errors});
    let item = QueueItem { number, prompt_id, prompt, extra_data, outputs: verdict.outputs };
    server.enqueue(item).map_err(|_| HandlerFailed)?;
    Ok((StatusCode::OK, answer))
}

fn refused(error: &Value, node_errors: &Map<String, Value>) -> (StatusCode, Value) {
    (StatusCode::BAD_REQUEST, json!({"error": error, "node_errors": node_errors}))
}

/// The priority: the client's, as a float, or else the next of the server's.
fn number_of(server: &Server, body: &Map<String, Value>) -> Result<Value, HandlerFailed> {
    if let Some(number) = body.get("number") {
        return python::float(number).map_err(|_| HandlerFailed);
    }
    let mut state = server.state();
    let number = state.counter;
    state.counter = number.wrapping_add(1);
    let is_front = body.get("front").is_some_and(python::truthy);
    Ok(json!(if is_front { number.wrapping_neg() } else { number }))
}

/// The client's id, if it is spelled the one allowed way, or a new one.
fn prompt_id_of(body: &Map<String, Value>) -> Option<String> {
    match body.get("prompt_id") {
        None | Some(Value::Null) => Some(uuid::Uuid::new_v4().to_string()),
        Some(id) => {
            let id = id.as_str()?;
            is_canonical_uuid(id).then(|| id.to_owned())
        }
    }
}

pub(super) fn is_canonical_uuid(id: &str) -> bool {
    uuid::Uuid::try_parse(id).is_ok_and(|uuid| uuid.to_string() == id)
}

/// Swaps classes that have been renamed, as far as the old one is unknown and the new one is not.
fn replace_nodes(catalog: &Catalog, prompt: &mut Map<String, Value>) -> Result<(), HandlerFailed> {
    let replacements: Value = serde_json::from_str(NODE_REPLACEMENTS).map_err(|_| HandlerFailed)?;
    for node in prompt.values_mut() {
        let node = node.as_object_mut().ok_or(HandlerFailed)?;
        let Some(class) = node.get("class_type").and_then(Value::as_str) else { continue };
        let replacement = replacements
            .get(class)
            .and_then(|all| all.get(0))
            .filter(|_| catalog.class(class).is_none());
        let Some(inputs) = node.get("inputs") else { continue };
        let inputs = inputs.as_object().ok_or(HandlerFailed)?;
        let Some(replacement) = replacement else { continue };
        let Some(new_class) = replacement
            .get("new_node_id")
            .filter(|new| new.as_str().is_some_and(|new| catalog.class(new).is_some()))
        else {
            continue;
        };
        if !node.contains_key("_meta") {
            return Err(HandlerFailed);
        }
        let mut new_inputs = Map::new();
        for mapping in
            replacement.get("input_mapping").and_then(Value::as_array).into_iter().flatten()
        {
            let name = mapping.get("new_id").map(python::str).unwrap_or_default();
            let value =
                match (mapping.get("set_value"), mapping.get("old_id").and_then(Value::as_str)) {
                    (Some(value), _) => value.clone(),
                    (None, Some(old)) => inputs.get(old).cloned().ok_or(HandlerFailed)?,
                    (None, None) => continue,
                };
            new_inputs.insert(name, value);
        }
        let new_class = new_class.clone();
        node.insert("class_type".to_owned(), new_class);
        node.insert("inputs".to_owned(), Value::Object(new_inputs));
    }
    Ok(())
}

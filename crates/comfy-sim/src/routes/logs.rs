//! `/internal/logs`: what the frontend shows in its terminal.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::empty;
use super::reply::{self, Posted};
use crate::python;
use crate::server::Server;

pub(super) async fn text(State(server): State<Arc<Server>>) -> Response {
    reply::json(&json!(server.log.text()))
}

pub(super) async fn raw(State(server): State<Arc<Server>>) -> Response {
    reply::json(&server.log.raw())
}

pub(super) async fn subscribe(State(server): State<Arc<Server>>, posted: Posted) -> Response {
    let Some(Value::Object(body)) = posted.json() else { return reply::in_trouble() };
    let (Some(client_id), Some(enabled)) = (body.get("clientId"), body.get("enabled")) else {
        return reply::in_trouble();
    };
    match client_id {
        // What cannot be in a Python set.
        Value::Array(_) | Value::Object(_) => return reply::in_trouble(),
        Value::String(client_id) if python::truthy(enabled) => {
            server.log.subscribe(client_id.clone());
        }
        Value::String(client_id) => server.log.unsubscribe(client_id),
        // No socket has such an id.
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    empty(StatusCode::OK)
}

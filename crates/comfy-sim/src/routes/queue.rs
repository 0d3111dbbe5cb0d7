//! The queue, and what stops or frees things.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::empty;
use super::reply::{self, Posted};
use crate::python;
use crate::server::{Server, queue_info};

pub(super) async fn remaining(State(server): State<Arc<Server>>) -> Response {
    let info = queue_info(&server.state());
    reply::json(&info)
}

pub(super) async fn list(State(server): State<Arc<Server>>) -> Response {
    let state = server.state();
    let running: Vec<Value> =
        state.queue.running().map(crate::queue::QueueItem::view).into_iter().collect();
    let pending: Vec<Value> = state.queue.pending().iter().map(|item| item.view()).collect();
    drop(state);
    reply::json(&json!({"queue_running": running, "queue_pending": pending}))
}

pub(super) async fn change(State(server): State<Arc<Server>>, posted: Posted) -> Response {
    let Some(Value::Object(body)) = posted.json() else { return reply::in_trouble() };
    if body.get("clear").is_some_and(python::truthy) {
        let mut state = server.state();
        state.queue.clear_pending();
        server.announce(&state);
    }
    match body.get("delete") {
        None => {}
        Some(Value::Array(ids)) => ids.iter().filter_map(Value::as_str).for_each(|id| {
            server.delete_pending(id);
        }),
        Some(_) => return reply::in_trouble(),
    }
    empty(StatusCode::OK)
}

/// Stops the prompt that is named, if it is the one that runs; without a name, whatever runs.
pub(super) async fn interrupt(State(server): State<Arc<Server>>, posted: Posted) -> Response {
    let body = match posted.json() {
        None => json!({}),
        Some(body @ Value::Object(_)) => body,
        Some(_) => return reply::in_trouble(),
    };
    match body.get("prompt_id").filter(|id| python::truthy(id)) {
        None => server.interrupt(),
        Some(id) => {
            server.interrupt_if_running(id.as_str().unwrap_or_default());
        }
    }
    empty(StatusCode::OK)
}

pub(super) async fn free(State(server): State<Arc<Server>>, posted: Posted) -> Response {
    let Some(Value::Object(body)) = posted.json() else { return reply::in_trouble() };
    if body.get("free_memory").is_some_and(python::truthy) {
        server.state().free_memory = true;
        server.work.notify_one();
    }
    empty(StatusCode::OK)
}

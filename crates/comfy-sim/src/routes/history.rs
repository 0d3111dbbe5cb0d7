//! The history of finished prompts.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value};

use super::empty;
use super::reply::{self, Posted};
use crate::python;
use crate::server::Server;

pub(super) async fn list(
    State(server): State<Arc<Server>>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let number = |name: &str| query.get(name).map(|text| text.trim().parse::<i64>()).transpose();
    let (Ok(items_max), Ok(offset)) = (number("max_items"), number("offset")) else {
        return reply::in_trouble();
    };
    let page = server.state().queue.history_page(items_max, offset.unwrap_or(-1));
    reply::json(&Value::Object(page))
}

pub(super) async fn entry(
    State(server): State<Arc<Server>>,
    Path(prompt_id): Path<String>,
) -> Response {
    let entry = server.state().queue.history().get(&prompt_id).cloned();
    reply::json(&Value::Object(
        entry.map(|entry| (prompt_id, entry)).into_iter().collect::<Map<_, _>>(),
    ))
}

pub(super) async fn change(State(server): State<Arc<Server>>, posted: Posted) -> Response {
    let Some(Value::Object(body)) = posted.json() else { return reply::in_trouble() };
    let mut state = server.state();
    if body.get("clear").is_some_and(python::truthy) {
        state.queue.forget_all();
    }
    match body.get("delete") {
        None => {}
        Some(Value::Array(ids)) => {
            for id in ids.iter().filter_map(Value::as_str) {
                state.queue.forget(id);
            }
        }
        Some(_) => return reply::in_trouble(),
    }
    empty(StatusCode::OK)
}

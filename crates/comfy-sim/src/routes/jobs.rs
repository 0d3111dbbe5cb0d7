//! The jobs routes: queue and history in one list.

mod job;

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use self::job::{Broken, from_history, from_queue};
use super::prompt::is_canonical_uuid;
use super::reply::{self, Posted};
use crate::python;
use crate::server::Server;

const STATUSES: &[&str] = &["pending", "in_progress", "completed", "failed", "cancelled"];

/// What a list is asked for.
struct Wanted {
    statuses: Vec<String>,
    workflow_id: Option<String>,
    by_duration: bool,
    descending: bool,
    limit: Option<usize>,
    offset: usize,
}

pub(super) async fn list(
    State(server): State<Arc<Server>>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let wanted = match Wanted::read(&query) {
        Ok(wanted) => wanted,
        Err(text) => return reply::bad_request(&text),
    };
    let Ok(mut jobs) = all_jobs(&server, &wanted.statuses) else { return reply::in_trouble() };
    if let Some(workflow_id) = wanted.workflow_id.filter(|id| !id.is_empty()) {
        jobs.retain(|job| job.get("workflow_id").and_then(Value::as_str) == Some(&workflow_id));
    }
    let key = |job: &Value| sort_key(job, wanted.by_duration);
    jobs.sort_by(|left, right| {
        if wanted.descending { key(right).cmp(&key(left)) } else { key(left).cmp(&key(right)) }
    });
    let total = jobs.len();
    let page: Vec<Value> =
        jobs.into_iter().skip(wanted.offset).take(wanted.limit.unwrap_or(usize::MAX)).collect();
    let has_more = wanted.offset.saturating_add(page.len()) < total;
    let pagination = json!({"offset": wanted.offset, "limit": wanted.limit, "total": total, "has_more": has_more});
    reply::json(&json!({"jobs": page, "pagination": pagination}))
}

impl Wanted {
    fn read(query: &HashMap<String, String>) -> Result<Self, String> {
        let word = |name: &str, default: &str| {
            query.get(name).map_or_else(|| default.to_owned(), |word| word.to_lowercase())
        };
        let asked: Vec<String> = query
            .get("status")
            .map(|list| {
                list.split(',')
                    .map(|status| status.trim().to_lowercase())
                    .filter(|status| !status.is_empty())
                    .collect()
            })
            .unwrap_or_default();
        let unknown: Vec<&str> =
            asked.iter().map(String::as_str).filter(|status| !STATUSES.contains(status)).collect();
        if !unknown.is_empty() {
            let (unknown, valid) = (unknown.join(", "), STATUSES.join(", "));
            return Err(format!("Invalid status value(s): {unknown}. Valid values: {valid}"));
        }
        let by_duration = match word("sort_by", "created_at").as_str() {
            "created_at" => false,
            "execution_duration" => true,
            _ => return Err("sort_by must be 'created_at' or 'execution_duration'".to_owned()),
        };
        let descending = match word("sort_order", "desc").as_str() {
            "desc" => true,
            "asc" => false,
            _ => return Err("sort_order must be 'asc' or 'desc'".to_owned()),
        };
        let number = |name: &str| {
            let parsed = query.get(name).map(|text| text.trim().parse::<i64>()).transpose();
            parsed.map_err(|_| format!("{name} must be an integer"))
        };
        let limit = number("limit")?;
        if limit.is_some_and(|limit| limit <= 0) {
            return Err("limit must be a positive integer".to_owned());
        }
        let length = |number: i64| usize::try_from(number).unwrap_or(0);
        let offset = number("offset")?.map_or(0, length);
        let statuses = if query.get("status").is_none_or(String::is_empty) {
            STATUSES.iter().map(|status| (*status).to_owned()).collect()
        } else {
            asked
        };
        let workflow_id = query.get("workflow_id").cloned();
        Ok(Self {
            statuses,
            workflow_id,
            by_duration,
            descending,
            limit: limit.map(length),
            offset,
        })
    }
}

fn all_jobs(server: &Server, statuses: &[String]) -> Result<Vec<Value>, Broken> {
    let wants = |status: &str| statuses.iter().any(|wanted| wanted == status);
    let state = server.state();
    let mut jobs = Vec::new();
    if let Some(item) = state.queue.running().filter(|_| wants("in_progress")) {
        jobs.push(from_queue(item, "in_progress")?);
    }
    if wants("pending") {
        for item in state.queue.pending() {
            jobs.push(from_queue(item, "pending")?);
        }
    }
    if ["completed", "failed", "cancelled"].into_iter().any(wants) {
        for (id, entry) in state.queue.history() {
            let job = from_history(id, entry)?;
            if job.get("status").and_then(Value::as_str).is_some_and(wants) {
                jobs.push(job);
            }
        }
    }
    Ok(jobs)
}

fn sort_key(job: &Value, by_duration: bool) -> i64 {
    let time = |name: &str| job.get(name).and_then(Value::as_i64).unwrap_or(0);
    match (by_duration, time("execution_start_time"), time("execution_end_time")) {
        (false, ..) => time("create_time"),
        (true, 0, _) | (true, _, 0) => 0,
        (true, start, end) => end - start,
    }
}

pub(super) async fn one(State(server): State<Arc<Server>>, Path(id): Path<String>) -> Response {
    let found = {
        let state = server.state();
        let pending = || state.queue.pending().iter().find(|item| item.prompt_id == id);
        if let Some(entry) = state.queue.history().get(&id) {
            Some(job::detail(&id, entry))
        } else if let Some(item) = state.queue.running().filter(|item| item.prompt_id == id) {
            Some(from_queue(item, "in_progress"))
        } else {
            pending().map(|item| from_queue(item, "pending"))
        }
    };
    match found {
        Some(Ok(job)) => reply::json(&job),
        Some(Err(Broken)) => reply::in_trouble(),
        None => reply::json_with(StatusCode::NOT_FOUND, &json!({"error": "Job not found"})),
    }
}

pub(super) async fn cancel(State(server): State<Arc<Server>>, Path(id): Path<String>) -> Response {
    reply::json(&json!({"cancelled": cancel_one(&server, &id)}))
}

pub(super) async fn cancel_many(State(server): State<Arc<Server>>, posted: Posted) -> Response {
    let Some(body) = posted.json() else {
        return reply::bad_request("Request body must be valid JSON");
    };
    let Some(ids) = body.get("job_ids").and_then(Value::as_array) else {
        return reply::bad_request("job_ids must be a list");
    };
    let invalid: Vec<String> = ids
        .iter()
        .filter(|id| !id.as_str().is_some_and(is_canonical_uuid))
        .map(|id| id.as_str().map_or_else(|| python::repr(id), str::to_owned))
        .collect();
    if !invalid.is_empty() {
        let error = json!({"error": "job_ids contains invalid id(s)", "invalid_ids": invalid});
        return reply::json_with(StatusCode::BAD_REQUEST, &error);
    }
    let count = ids.iter().filter_map(Value::as_str).filter(|id| cancel_one(&server, id)).count();
    reply::json(&json!({"cancelled": count > 0}))
}

/// Interrupts the job if it runs, or takes it out of the queue.
fn cancel_one(server: &Server, id: &str) -> bool {
    server.interrupt_if_running(id) || server.delete_pending(id) || server.interrupt_if_running(id)
}

//! Jobs as tasks, for clients with the extension `io.modelcontextprotocol/tasks`: a call that
//! would wait for its job answers with a task at once. The task is the job, under the same id, so
//! it outlives this process like every job.

use std::sync::{Arc, OnceLock};

use mediafactory::{Factory, JobReport, State, Waited};
use rmcp::model::{
    CallToolResult, DetailedTask, ErrorData, GetTaskResult, Task, TaskPayload, TaskStatus,
};
use serde_json::Value;

use crate::{
    elsewhere,
    execution::{self, job_id},
    progress, resources,
};

/// How often a client should ask.
const POLL_INTERVAL_MS: u64 = 1_000;

/// Where a call says that its job goes on as a task. Calls of clients that know no tasks have none.
#[derive(Clone, Default)]
pub(crate) struct TaskSlot(Arc<OnceLock<Task>>);

impl TaskSlot {
    pub(crate) fn begin(&self, report: &JobReport) {
        if self.0.set(task(report)).is_err() {
            tracing::error!(job = %report.job, "a call began two tasks");
        }
    }

    pub(crate) fn begun(&self) -> Option<Task> {
        self.0.get().cloned()
    }
}

/// Where a task stands, with its result when there is one.
pub(crate) async fn get(factory: &Factory, id: &str) -> Result<GetTaskResult, ErrorData> {
    let report = async { factory.job(&job_id(id)?).await }.await;
    let report = report.map_err(|error| resources::refused_call(&error))?;
    let task = task(&report);
    let payload = match report.state {
        State::Cancelled => TaskPayload::Cancelled,
        State::Succeeded | State::Failed | State::TimedOut | State::Lost => {
            TaskPayload::Completed { result: members(&concluded(factory, report)?) }
        }
        State::Recorded | State::Submitting | State::Queued | State::Running => {
            TaskPayload::Working
        }
    };
    Ok(GetTaskResult::new(DetailedTask::new(task, payload)))
}

/// Stops a task; one that has ended stays as it is.
pub(crate) async fn cancel(factory: &Factory, id: &str) -> Result<(), ErrorData> {
    let stopped = async { factory.stop(&job_id(id)?).await }.await;
    stopped.map(drop).map_err(|error| resources::refused_call(&error))
}

fn task(report: &JobReport) -> Task {
    let changed = report.finished_at.or(report.started_at).unwrap_or(report.created_at);
    let created = report.created_at.to_string();
    let message = match (&report.progress, &report.recorded) {
        (Some(progress), _) => progress::describe(progress),
        (None, Some(recorded)) => elsewhere::describe(recorded),
        (None, None) => report.state.to_string(),
    };
    Task::new(report.job.to_string(), TaskStatus::Working, created, changed.to_string())
        .with_status_message(message)
        .with_poll_interval_ms(POLL_INTERVAL_MS)
}

/// What the call would have answered.
fn concluded(factory: &Factory, report: JobReport) -> Result<CallToolResult, ErrorData> {
    execution::answer_of(factory, Waited::Finished(report))
}

fn members(result: &CallToolResult) -> serde_json::Map<String, Value> {
    // A result of a tool is written to every client: writing it cannot fail.
    match serde_json::to_value(result) {
        Ok(Value::Object(members)) => members,
        Ok(_) | Err(_) => serde_json::Map::new(),
    }
}

//! Jobs: what is known of them, waiting for them, stopping them.

use std::time::Duration;

use assets::{Asset, AssetQuery, AssetStore};
use batch::{CancelError, Event, Failure, Job, JobId, JobStore, Preview, Progress, State, Steps};
use tokio::{sync::watch, time::Instant};
use workflow_graph::Json;

use crate::{
    error::{Error, FailureCode, Retry},
    factory::{Factory, WAIT_MAX},
    failure,
    requests::{GenerateRequest, JobReport, RecordedProgress, RunWorkflow, Waited},
};

/// How often a job that another process follows is read again.
pub(crate) const POLL_PAUSE: Duration = Duration::from_millis(500);

/// How long `cancel` waits for the server to stop a job. A node that computes in one long call
/// notices later; the job then ends as cancelled on its own.
const CANCEL_WAIT: Duration = Duration::from_secs(15);

impl Factory {
    /// [`start_generate`](Self::start_generate), and waits until the pictures are here. A job
    /// that does not succeed is an error.
    pub async fn generate(&self, request: GenerateRequest) -> Result<JobReport, Error> {
        let started = self.start_generate(request).await?;
        self.wait_for_success(&started.job).await
    }

    /// [`start_workflow`](Self::start_workflow), and waits until its results are here. A job
    /// that does not succeed is an error.
    pub async fn run_workflow(&self, run: RunWorkflow) -> Result<JobReport, Error> {
        let started = self.start_workflow(run).await?;
        self.wait_for_success(&started.job).await
    }

    async fn wait_for_success(&self, job: &JobId) -> Result<JobReport, Error> {
        match self.wait(job, WAIT_MAX).await? {
            Waited::Finished(report) => Self::require_success(report),
            Waited::StillRunning(report) => {
                let message = format!("job {} did not end within a day", report.job);
                Err(Error::new(FailureCode::TimedOut, message).with_hint("ask for the job later"))
            }
        }
    }

    /// The progress of a job that is under way in this process; the channel closes when its task
    /// has ended.
    pub fn progress(&self, job: &JobId) -> Option<watch::Receiver<Progress>> {
        self.parts.engine.progress(job)
    }

    /// The latest preview of a job that is under way in this process, `None` in it until there is
    /// one; the channel closes when its task has ended. Previews are not recorded.
    pub fn preview(&self, job: &JobId) -> Option<watch::Receiver<Option<Preview>>> {
        self.parts.engine.preview(job)
    }

    /// Every step of a job that is under way in this process, from where it is now.
    pub fn steps(&self, job: &JobId) -> Option<Steps> {
        self.parts.engine.steps(job)
    }

    /// What the latest preview shows, where there is one.
    pub async fn latest_preview(&self, job: &JobId) -> Result<Preview, Error> {
        let latest = self.preview(job).and_then(|preview| preview.borrow().clone());
        if let Some(preview) = latest {
            return Ok(preview);
        }
        let state = self.recorded(job).await?.ok_or_else(|| unknown(job))?.state;
        let message = format!("job {job} shows no picture now; it is {state}");
        let hint = if state.is_final() {
            "previews end with the job; `get_job_result` tells what came out of it"
        } else {
            "samplers show pictures while they run, in the process that runs the job"
        };
        Err(Error::new(FailureCode::AssetNotFoundOrExpired, message).with_hint(hint))
    }

    /// Waits until a job has ended, but no longer than `at_most`.
    pub async fn wait(&self, job: &JobId, at_most: Duration) -> Result<Waited, Error> {
        let until = Instant::now() + at_most.min(WAIT_MAX);
        loop {
            // While it is under way here, its record says nothing that is not shown.
            if let Some(mut progress) = self.progress(job) {
                let ended = progress.wait_for(|progress| progress.state.is_final());
                // A channel that closes before the job is final has lost its task.
                drop(tokio::time::timeout_at(until, ended).await);
            }
            let report = self.job(job).await?;
            if report.state.is_final() {
                return Ok(Waited::Finished(report));
            }
            if Instant::now() >= until {
                return Ok(Waited::StillRunning(report));
            }
            tokio::time::sleep_until(until.min(Instant::now() + POLL_PAUSE)).await;
        }
    }

    /// All that is known of a job, whichever process runs it.
    pub async fn job(&self, id: &JobId) -> Result<JobReport, Error> {
        let found = self.parts.store.job_with_assets(id).await;
        let found = found.map_err(|error| failure::database("the job cannot be read", error))?;
        let (job, assets) = found.ok_or_else(|| unknown(id))?;
        let progress = self.progress(id).map(|progress| progress.borrow().clone());
        let backend = job.server().and_then(|url| self.server_name(url)).map(str::to_owned);
        Ok(JobReport { backend, ..report(job, assets, progress) })
    }

    /// What is written down of a job.
    pub(crate) async fn recorded(&self, id: &JobId) -> Result<Option<Job>, Error> {
        let found = JobStore::get(&self.parts.store, id).await;
        found.map_err(|error| failure::storage("the job cannot be read", error))
    }

    /// All assets of a job, in the order in which the server listed them.
    pub(crate) async fn assets_of(&self, id: &JobId) -> Result<Vec<Asset>, Error> {
        let mut query = AssetQuery {
            job: Some(id.as_uuid()),
            limit: AssetQuery::LIMIT_MAX,
            ..AssetQuery::default()
        };
        let mut assets = Vec::new();
        loop {
            let page = AssetStore::list(&self.parts.store, &query).await;
            let page =
                page.map_err(|error| failure::storage("the assets cannot be read", error))?;
            assets.extend(page.assets);
            match page.next_cursor {
                Some(cursor) => query.cursor = Some(cursor),
                None => break,
            }
        }
        assets.reverse();
        Ok(assets)
    }

    /// Cancels one job: takes it out of the queue, or interrupts it if it runs. A job that has
    /// ended is an error, so that nobody takes its results for undone. The answer comes when the
    /// job has ended, or says that it still runs when the server takes long to stop it.
    pub async fn cancel(&self, id: &JobId) -> Result<JobReport, Error> {
        let state = self.job(id).await?.state;
        if state.is_final() { Err(has_ended(id, state)) } else { self.stop(id).await }
    }

    /// [`cancel`](Self::cancel), for whoever only wants that the job runs no longer: one that has
    /// ended is given as it is.
    pub async fn stop(&self, id: &JobId) -> Result<JobReport, Error> {
        self.parts.engine.cancel(id).await.map_err(|error| match error {
            CancelError::UnknownJob(id) => unknown(&id),
            CancelError::Server(error) => failure::client(error),
            CancelError::OtherServer { server } => {
                let message = format!("job {id} is at {server}, which is none of the servers here");
                Error::new(FailureCode::Forbidden, message)
                    .with_hint("use that server, with COMFYUI_URL, to cancel it")
            }
            error @ (CancelError::Store(_) | _) => {
                failure::storage("the job cannot be stopped", error)
            }
        })?;
        match self.wait(id, CANCEL_WAIT).await? {
            Waited::Finished(report) | Waited::StillRunning(report) => Ok(report),
        }
    }

    /// Stops every job that is under way in this process. For a program whose server ends with
    /// it: those jobs could never be finished by anybody.
    pub async fn cancel_all(&self) {
        self.parts.engine.cancel_all(CANCEL_WAIT).await;
    }

    /// Turns the report of a job that ended otherwise than well into its failure.
    pub fn require_success(report: JobReport) -> Result<JobReport, Error> {
        let job = report.job;
        match report.state {
            State::Succeeded => Ok(report),
            State::Cancelled => {
                Err(Error::new(FailureCode::Cancelled, format!("job {job} was cancelled")))
            }
            State::TimedOut => {
                let message = format!("job {job} ran past its deadline and was stopped");
                Err(Error::new(FailureCode::TimedOut, message).with_hint(
                    "ask for fewer steps or a smaller picture, or allow more time with the \
                         setting `job_timeout_seconds`",
                ))
            }
            State::Failed => Err(failed(&job, report.failure.as_ref())),
            State::Lost => Err(lost(&job, report.failure.as_ref())),
            State::Recorded | State::Submitting | State::Queued | State::Running => {
                let message = format!("job {job} has not ended; it is {}", report.state);
                Err(Error::new(FailureCode::TimedOut, message).with_retry(Retry::Safe))
            }
        }
    }
}

fn report(job: Job, assets: Vec<Asset>, progress: Option<Progress>) -> JobReport {
    let failure = job.failure().cloned().or_else(|| {
        let Event::Lost { reason } = &job.log.last()?.event else { return None };
        Some(Failure::new("lost", reason.as_str()))
    });
    let warnings = job.warnings().to_vec();
    let progress = progress.filter(|_| !job.state.is_final());
    let recorded = if progress.is_none() { RecordedProgress::of(&job) } else { None };
    JobReport {
        job: job.record.id,
        state: job.state,
        started_at: job.started_at(),
        finished_at: job.finished_at(),
        server: job.server().map(str::to_owned),
        backend: None,
        service: job.record.service.clone(),
        nodes: job.nodes().to_vec(),
        texts: job.texts().to_vec(),
        memory: job.memory().cloned(),
        template: job.record.template,
        model: job.record.model,
        seed: job.record.seed,
        parameters: job.record.parameters,
        notes: job.record.notes.into_iter().chain(warnings).collect(),
        created_at: job.record.created_at,
        progress,
        recorded,
        failure,
        assets,
    }
}

pub(crate) fn unknown(id: &JobId) -> Error {
    Error::new(FailureCode::JobNotFound, format!("there is no job {id}"))
        .with_hint("job ids are given by `generate` and `execute_workflow`")
}

fn has_ended(id: &JobId, state: State) -> Error {
    if state == State::Cancelled {
        let message = format!("job {id} is cancelled already");
        return Error::new(FailureCode::Cancelled, message)
            .with_hint("nothing is left to be done: it runs no longer");
    }
    let message = format!("job {id} cannot be cancelled: it has ended as {state}");
    Error::new(FailureCode::ValidationError, message)
        .with_hint("`get_job_result` tells how it ended and what came out of it")
}

fn lost(job: &JobId, failure: Option<&Failure>) -> Error {
    let why = failure.map(|failure| format!(": {}", failure.message)).unwrap_or_default();
    Error::new(FailureCode::Lost, format!("what became of job {job} is not known{why}"))
        .with_hint("look at the server's history before you run it again: it may have run")
        .with_retry(Retry::CheckFirst)
}

fn failed(job: &JobId, failure: Option<&Failure>) -> Error {
    let Some(failure) = failure else {
        return Error::new(FailureCode::ExecutionFailed, format!("job {job} failed"));
    };
    let (code, hint, retry) = explain(failure);
    let place = match (&failure.node, &failure.class_type) {
        (Some(node), Some(class)) if !failure.message.contains(class.as_str()) => {
            format!(" in node {node} ({class})")
        }
        _ => String::new(),
    };
    let text = |value: &Option<String>| value.as_deref().map_or(Json::Null, Json::from);
    let details = Json::object([
        ("kind", Json::from(failure.kind.as_str())),
        ("node", text(&failure.node)),
        ("class_type", text(&failure.class_type)),
        ("server", failure.details.clone()),
    ]);
    let error = Error::new(code, format!("job {job} failed{place}: {}", failure.message));
    let hint = failure.hint.as_deref().or(hint);
    let error = match hint {
        Some(hint) => error.with_hint(hint),
        None => error,
    };
    error.with_details(details).with_retry(retry)
}

/// What the client calls a node that did not find the memory it needs.
const OUT_OF_MEMORY: &str = "out_of_memory";

/// What a failure means for whoever asked.
fn explain(failure: &Failure) -> (FailureCode, Option<&'static str>, Retry) {
    if failure.details.get("cause").and_then(Json::as_str) == Some(OUT_OF_MEMORY) {
        return (FailureCode::OutOfMemory, None, Retry::Safe);
    }
    match failure.kind.as_str() {
        "comfyui_unreachable" => (FailureCode::ComfyuiUnreachable, None, Retry::Safe),
        "results_unreachable" => (FailureCode::ComfyuiUnreachable, None, Retry::Safe),
        "comfyui_forbidden" => (
            FailureCode::Forbidden,
            Some("check the address and the credentials of the server"),
            Retry::Never,
        ),
        "comfyui_too_large" => (FailureCode::LimitExceeded, None, Retry::Never),
        "comfyui_refused" => {
            (FailureCode::ComfyuiRejected, Some("look at the server's log"), Retry::Never)
        }
        "missing_node_type" => (
            FailureCode::NodesMissing,
            Some("install the custom node that has this class, or use another class"),
            Retry::Never,
        ),
        "results_not_kept" => (FailureCode::StorageFailed, None, Retry::Safe),
        "prompt_no_outputs" => (
            FailureCode::ComfyuiRejected,
            Some("add an output node such as SaveImage, or link one that is there"),
            Retry::Never,
        ),
        kind if kind == "invalid_prompt" || kind.starts_with("prompt_") => (
            FailureCode::ComfyuiRejected,
            Some("correct the inputs that are named; `get_node_info` lists what a node takes"),
            Retry::Never,
        ),
        _ => (FailureCode::ExecutionFailed, None, Retry::Never),
    }
}

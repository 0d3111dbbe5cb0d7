//! Making things, and following jobs.

use std::{collections::BTreeMap, time::Duration};

use mediafactory::{
    Error, Factory, FailureCode, GenerateRequest, JobId, JobReport, Json, Placing, RunWorkflow,
    StartedJob, Waited,
};
use rmcp::model::{CallToolResult, ErrorData};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    arguments::ObjectArgument,
    definition::{Answer, Call, Definition, Effect, Words},
    failure,
    progress::{self, OnCancel},
    results::{JobResult, describe_job, links},
    toolsets::Toolset,
    workflows,
};

/// How long a call waits for its job when the caller does not say, and at most. Longer jobs are
/// waited for again: a call that hangs for an hour is taken for dead by most clients.
const WAIT_SECONDS_MAX: u32 = 600;

pub(crate) fn tools() -> Vec<Definition> {
    const SET: Toolset = Toolset::Execution;
    let generate = Words {
        name: "generate",
        title: "Generate",
        description: "Make a picture, video, sound or 3D model and wait for it. Picks the \
                      recommended model of those there and says why, unless one is named. \
                      Cancelling the call cancels the job, unless detached.",
    };
    let execute = Words {
        name: "execute_workflow",
        title: "Run a workflow",
        description: "Run a ComfyUI workflow in API or UI format and wait for what comes out. What \
                      the server would refuse is refused with what would work. Cancelling the \
                      call cancels the job.",
    };
    let status = Words {
        name: "get_workflow_status",
        title: "Get the state of a job",
        description: "Where a job stands now, how far it is, why it failed, what came out.",
    };
    let wait = Words {
        name: "wait_for_completion",
        title: "Wait for a job",
        description: "Wait until a job has ended. Cancelling this call leaves the job running.",
    };
    let cancel = Words {
        name: "cancel_job",
        title: "Cancel a job",
        description: "Stop one job, waiting or running. One that has ended is refused.",
    };
    vec![
        Definition::new(SET, Effect::Adds, generate, self::generate),
        Definition::new(SET, Effect::Adds, execute, execute_workflow),
        Definition::new(SET, Effect::ReadsHere, status, get_workflow_status),
        Definition::new(SET, Effect::ReadsServer, wait, wait_for_completion),
        Definition::new(SET, Effect::Stops, cancel, cancel_job),
    ]
}

#[derive(Deserialize, JsonSchema)]
struct Generate {
    /// What it shows; empty where no words are taken.
    prompt: String,
    /// What it should not show.
    negative_prompt: Option<String>,
    /// Such as image-edit; default text-to-image.
    task: Option<String>,
    /// From `list_workflow_templates`.
    template: Option<String>,
    /// Its file, from `list_models`, or its name.
    model: Option<String>,
    #[schemars(range(min = 16, max = 16384))]
    width: Option<u32>,
    #[schemars(range(min = 16, max = 16384))]
    height: Option<u32>,
    #[schemars(range(min = 1, max = 10000))]
    steps: Option<u32>,
    #[schemars(range(min = 0.0, max = 100.0))]
    cfg: Option<f64>,
    /// 0 to 2^64-1, beyond 2^53 as text; random when absent.
    #[schemars(range(min = 0))]
    seed: Option<u64>,
    /// Further parameters of the template, by name.
    parameters: Option<ObjectArgument>,
    /// Default 600; then the answer is `timed_out` and the job goes on.
    #[schemars(range(min = 0, max = 600))]
    wait_seconds: Option<u32>,
    /// The job outlives this call; answers at once unless `wait_seconds` is given.
    detach: Option<bool>,
    /// A server's name or tag, a GPU number, or auto.
    backend: Option<String>,
    /// Highest first. Default 0.
    #[schemars(range(min = -1000, max = 1000))]
    priority: Option<i32>,
    /// Stops the job when it has run so long. Default 600.
    #[schemars(range(min = 1, max = 604_800))]
    timeout_seconds: Option<u32>,
    /// Take an earlier job's results if it ran the very same workflow.
    reuse: Option<bool>,
}

async fn generate(call: Call, arguments: Generate) -> Result<Answer<JobResult>, Error> {
    let is_detached = arguments.detach.unwrap_or(false);
    let wait_default = if is_detached { 0 } else { WAIT_SECONDS_MAX };
    let at_most = seconds(arguments.wait_seconds.unwrap_or(wait_default));
    let on_cancel = if is_detached { OnCancel::LeaveJob } else { OnCancel::StopJob };
    let started = call.factory.start_generate(arguments.into_request(&call)?).await?;
    follow(&call, started, at_most, on_cancel).await
}

impl Generate {
    fn into_request(self, call: &Call) -> Result<GenerateRequest, Error> {
        let placing = placing(call, self.backend, self.priority, self.reuse);
        let mut parameters = match self.parameters {
            Some(given) => members(given, "parameters")?,
            None => BTreeMap::new(),
        };
        let own = [
            ("width", self.width.map(|width| Json::from(u64::from(width)))),
            ("height", self.height.map(|height| Json::from(u64::from(height)))),
            ("steps", self.steps.map(|steps| Json::from(u64::from(steps)))),
            ("cfg", self.cfg.map(Json::from)),
            ("seed", self.seed.map(Json::from)),
        ];
        for (name, value) in own {
            let Some(value) = value else { continue };
            if parameters.insert(name.to_owned(), value).is_some() {
                return Err(Error::new(
                    FailureCode::ValidationError,
                    format!("`{name}` is given twice: as an argument and in `parameters`"),
                )
                .with_hint("leave one of the two out"));
            }
        }
        Ok(GenerateRequest {
            prompt: self.prompt,
            negative_prompt: self.negative_prompt,
            task: self.task,
            template: self.template,
            model: self.model,
            parameters,
            timeout: self.timeout_seconds.map(seconds),
            placing,
        })
    }
}

/// Where and how urgently the job of a call goes.
pub(crate) fn placing(
    call: &Call,
    backend: Option<String>,
    priority: Option<i32>,
    reuse: Option<bool>,
) -> Placing {
    Placing {
        backend,
        priority: priority.unwrap_or_default(),
        caller: call.caller.to_string(),
        reuse: reuse.unwrap_or(false),
    }
}

/// The members of an argument that is an object.
pub(crate) fn members(
    given: ObjectArgument,
    argument: &str,
) -> Result<BTreeMap<String, Json>, Error> {
    let json = given.into_json(argument)?;
    let members = json.as_object().into_iter().flatten();
    Ok(members.map(|(name, value)| (name.to_string(), value.clone())).collect())
}

#[derive(Deserialize, JsonSchema)]
struct ExecuteWorkflow {
    /// API or UI format: an object, JSON text, or a `workflow_uri` of another answer.
    workflow: ObjectArgument,
    /// Default true; false answers at once and the job outlives this call.
    wait: Option<bool>,
    /// Default 600; then the answer is `timed_out` and the job goes on.
    #[schemars(range(min = 0, max = 600))]
    wait_seconds: Option<u32>,
    /// A server's name or tag, a GPU number, or auto.
    backend: Option<String>,
    /// Highest first. Default 0.
    #[schemars(range(min = -1000, max = 1000))]
    priority: Option<i32>,
    /// Stops the job when it has run so long. Default 600.
    #[schemars(range(min = 1, max = 604_800))]
    timeout_seconds: Option<u32>,
    /// Take an earlier job's results if it ran the very same workflow.
    reuse: Option<bool>,
    /// Ids of the output nodes to run; all when absent.
    targets: Option<Vec<String>>,
    /// The same graph in UI format, to be embedded in what comes out.
    ui_workflow: Option<ObjectArgument>,
}

async fn execute_workflow(
    call: Call,
    arguments: ExecuteWorkflow,
) -> Result<Answer<JobResult>, Error> {
    let waits = arguments.wait.unwrap_or(true);
    let wait_seconds = arguments.wait_seconds.unwrap_or(WAIT_SECONDS_MAX);
    let at_most = if waits { seconds(wait_seconds) } else { Duration::ZERO };
    let on_cancel = if waits { OnCancel::StopJob } else { OnCancel::LeaveJob };
    let ui_workflow = arguments.ui_workflow.map(|given| given.into_json("ui_workflow"));
    let run = RunWorkflow {
        workflow: workflows::whole(&call, arguments.workflow, "workflow")?,
        ui_workflow: ui_workflow.transpose()?,
        targets: arguments.targets,
        timeout: arguments.timeout_seconds.map(seconds),
        placing: placing(&call, arguments.backend, arguments.priority, arguments.reuse),
    };
    let started = call.factory.start_workflow(run).await?;
    follow(&call, started, at_most, on_cancel).await
}

#[derive(Deserialize, JsonSchema)]
struct OneJob {
    job_id: String,
}

async fn get_workflow_status(call: Call, arguments: OneJob) -> Result<Answer<JobResult>, Error> {
    let report = call.factory.job(&job_id(&arguments.job_id)?).await?;
    Ok(tell(&report, JobResult::new(&call.factory, &report)))
}

async fn cancel_job(call: Call, arguments: OneJob) -> Result<Answer<JobResult>, Error> {
    let report = call.factory.cancel(&job_id(&arguments.job_id)?).await?;
    Ok(tell(&report, JobResult::new(&call.factory, &report)))
}

#[derive(Deserialize, JsonSchema)]
struct WaitForCompletion {
    job_id: String,
    /// Default 600.
    #[schemars(range(min = 0, max = 600))]
    wait_seconds: Option<u32>,
}

async fn wait_for_completion(
    call: Call,
    arguments: WaitForCompletion,
) -> Result<Answer<JobResult>, Error> {
    let job = job_id(&arguments.job_id)?;
    let at_most = seconds(arguments.wait_seconds.unwrap_or(WAIT_SECONDS_MAX));
    let waited = progress::wait(&call, &job, at_most, OnCancel::LeaveJob).await?;
    conclude(&call.factory, waited)
}

/// Waits for a job that this call started.
async fn follow(
    call: &Call,
    started: StartedJob,
    at_most: Duration,
    on_cancel: OnCancel,
) -> Result<Answer<JobResult>, Error> {
    let at_most =
        if goes_on_as_task(call, &started, at_most).await? { Duration::ZERO } else { at_most };
    let waited = progress::wait(call, &started.job, at_most, on_cancel).await?;
    let answer = conclude(&call.factory, waited)?;
    if started.is_reused {
        let told = started.notes.join("\n");
        return Ok(answer.map(|result| result.reused(started.notes)).with_line(&told));
    }
    Ok(answer)
}

/// Whether a call that would wait hands its job over to a task instead.
async fn goes_on_as_task(
    call: &Call,
    started: &StartedJob,
    at_most: Duration,
) -> Result<bool, Error> {
    let Some(task) = call.task.as_ref().filter(|_| !at_most.is_zero()) else { return Ok(false) };
    let Waited::StillRunning(report) = call.factory.wait(&started.job, Duration::ZERO).await?
    else {
        return Ok(false);
    };
    task.begin(&report);
    Ok(true)
}

/// The answer of a call whose job has come so far.
pub(crate) fn answer_of(factory: &Factory, waited: Waited) -> Result<CallToolResult, ErrorData> {
    match conclude(factory, waited) {
        Ok(answer) => answer.into_result(),
        Err(error) => Ok(failure::result_of(&error)),
    }
}

/// The end of a wait as a result; a job that did not succeed is a failure.
fn conclude(factory: &Factory, waited: Waited) -> Result<Answer<JobResult>, Error> {
    let (report, timed_out) = match waited {
        Waited::Finished(report) => (Factory::require_success(report)?, false),
        Waited::StillRunning(report) => (report, true),
    };
    let answer = tell(&report, JobResult::after_wait(factory, &report, timed_out));
    if timed_out {
        return Ok(answer.with_line("it goes on; wait_for_completion waits, cancel_job stops it"));
    }
    Ok(answer)
}

fn tell(report: &JobReport, result: JobResult) -> Answer<JobResult> {
    Answer::new(describe_job(report), result).with_blocks(links(&report.assets))
}

pub(crate) fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(u64::from(seconds))
}

/// Reads the id of a job.
pub(crate) fn job_id(text: &str) -> Result<JobId, Error> {
    text.parse().map_err(|problem| {
        Error::new(FailureCode::ValidationError, format!("argument `job_id`: {problem}"))
            .with_hint("give the job_id that generate or execute_workflow answered")
    })
}

//! From a request to a recorded job.

use std::collections::BTreeMap;

use batch::{JobId, JobQuery, JobRecord, JobStore, StartError, State};
use jiff::Timestamp;
use uuid::Uuid;
use workflow_graph::{Json, Workflow};

use crate::{
    error::{Error, FailureCode, Retry},
    factory::Factory,
    failure, models,
    prepare::foresee,
    requests::{GenerateRequest, Placing, RunWorkflow, StartedJob},
    templates::FilledTemplate,
};

/// Seeds that we choose stay below 2^53, so that a client whose numbers are doubles can give
/// them back exactly.
const RANDOM_SEED_BITS: u32 = 53;

/// What a job says whose server is our simulator.
const SIMULATED_NOTE: &str =
    "the server is comfy-sim: where a model would run, the picture is drawn, not generated";

impl Factory {
    /// Makes what is asked for: picks a template where none is named, sets its parameters and
    /// starts the job. When this answers, the job is recorded and survives a crash.
    pub async fn start_generate(&self, request: GenerateRequest) -> Result<StartedJob, Error> {
        let servers = self.reachable(self.placed(request.placing.backend.as_deref())?).await?;
        let choice = self.choose_for_one_of(&servers, &request).await?;
        let filled = choice.filled;
        let foreseen = foresee(&servers, &filled.workflow, None).await?;
        let notes = choice.notes.into_iter().chain(foreseen.notes).collect();
        let reuse = request.placing.reuse;
        let record = JobRecord {
            servers: foreseen.servers,
            parameters: filled.parameters.clone(),
            seed: filled.seed,
            template: Some(choice.template),
            model: filled.model.clone(),
            tool: "generate".to_owned(),
            notes,
            running_time_max: Some(request.timeout.unwrap_or(self.parts.config.job_timeout)),
            ..record(&filled.workflow, request.placing)
        };
        self.start(record, reuse).await
    }

    /// Runs a workflow of either format: one in UI format is converted as the front end does. What
    /// the server would refuse is refused here, with what would have worked. When this answers, the
    /// job is recorded and survives a crash.
    pub async fn start_workflow(&self, run: RunWorkflow) -> Result<StartedJob, Error> {
        let ready = self.prepare(run).await?;
        let reuse = ready.placing.reuse;
        let record = JobRecord {
            servers: ready.foreseen.servers,
            ui_workflow: ready.ui_workflow,
            targets: ready.targets,
            seed: only_seed(&ready.workflow),
            tool: "execute_workflow".to_owned(),
            notes: ready.foreseen.notes,
            running_time_max: Some(ready.timeout.unwrap_or(self.parts.config.job_timeout)),
            ..record(&ready.workflow, ready.placing)
        };
        self.start(record, reuse).await
    }

    /// A template with its parameters set, without running it.
    pub fn workflow_from_template(
        &self,
        name: &str,
        parameters: &BTreeMap<String, Json>,
    ) -> Result<FilledTemplate, Error> {
        self.templates().get(name)?.fill(parameters, random_seed()?)
    }

    pub(crate) async fn start(
        &self,
        mut record: JobRecord,
        reuse: bool,
    ) -> Result<StartedJob, Error> {
        if reuse && let Some(earlier) = self.same_work(&record).await? {
            return Ok(earlier);
        }
        if self.may_be_simulated(&record.servers).await? {
            record.notes.push(SIMULATED_NOTE.to_owned());
        }
        let started = StartedJob {
            job: record.id,
            template: record.template.clone(),
            model: record.model.clone(),
            seed: record.seed,
            parameters: record.parameters.clone(),
            notes: record.notes.clone(),
            is_reused: false,
        };
        self.parts.engine.start(record).await.map_err(not_started)?;
        Ok(started)
    }

    /// An earlier job with the same workflow on one of the same servers, whose results are here.
    async fn same_work(&self, record: &JobRecord) -> Result<Option<StartedJob>, Error> {
        let query = JobQuery {
            states: vec![State::Succeeded],
            workflow_digest: Some(record.workflow_digest.clone()),
            ..JobQuery::default()
        };
        let page = JobStore::list(&self.parts.store, &query).await;
        let page = page.map_err(|error| failure::storage("the jobs cannot be read", error))?;
        for job in page.jobs {
            let is_there =
                job.server().is_some_and(|at| record.servers.iter().any(|url| url == at));
            let is_same = job.record.targets == record.targets;
            if !(is_there && is_same) || self.assets_of(&job.record.id).await?.is_empty() {
                continue;
            }
            let made_at = job.record.created_at;
            let note =
                format!("this very workflow ran before, at {made_at}: nothing was run again");
            return Ok(Some(StartedJob {
                job: job.record.id,
                template: job.record.template,
                model: job.record.model,
                seed: job.record.seed,
                parameters: job.record.parameters,
                notes: vec![note],
                is_reused: true,
            }));
        }
        Ok(None)
    }

    /// Whether one of these servers is the simulator.
    pub(crate) async fn may_be_simulated(&self, urls: &[String]) -> Result<bool, Error> {
        for server in self.parts.servers.iter().filter(|server| urls.contains(&server.url())) {
            let connection = self.parts.engine.connection(&server.url());
            if server.is_simulated(connection).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

pub(crate) fn record(workflow: &Workflow, placing: Placing) -> JobRecord {
    let id = JobId::from(Uuid::now_v7());
    let workload = models::workload(workflow);
    JobRecord {
        workflow_digest: workflow.digest().to_string(),
        shape_digest: workflow.shape_digest().to_string(),
        caller: placing.caller,
        priority: placing.priority,
        models: workload.files,
        workload: workload.sizes.unwrap_or_default(),
        ..JobRecord::new(id, Timestamp::now(), workflow.to_json())
    }
}

/// The seed of a workflow that has one alone; of several, none is the workflow's.
pub(crate) fn only_seed(workflow: &Workflow) -> Option<u64> {
    let mut seeds = workflow.nodes().flat_map(|(_, node)| {
        ["seed", "noise_seed"].into_iter().filter_map(|name| node.input(name)?.to_json().as_u64())
    });
    let first = seeds.next();
    if seeds.next().is_some() { None } else { first }
}

pub(crate) fn random_seed() -> Result<u64, Error> {
    let random = getrandom::u64().map_err(|error| {
        Error::new(FailureCode::StorageFailed, "this machine gives no random numbers")
            .with_source(error)
    })?;
    Ok(random >> (u64::BITS - RANDOM_SEED_BITS))
}

fn not_started(error: StartError) -> Error {
    match error {
        StartError::TooMany { .. } => Error::new(FailureCode::LimitExceeded, error.to_string())
            .with_hint("wait until some have ended, or cancel them")
            .with_retry(Retry::Safe),
        StartError::ShuttingDown => {
            Error::new(FailureCode::Forbidden, error.to_string()).with_retry(Retry::Safe)
        }
        StartError::Workflow(source) => failure::argument(source.to_string()).with_source(source),
        error @ (StartError::Store(_) | _) => failure::storage("the job was not recorded", error),
    }
}

//! The queues of the servers, and what can be done to a server as a whole.

use std::{collections::HashMap, time::Duration};

use batch::{Job, JobId, JobQuery, JobStore, State};
use comfy_client::{Free, QueueItem};
use futures::future::join_all;
use jiff::Timestamp;
use workflow_graph::Workflow;

use crate::{error::Error, factory::Factory, failure, requests::Page, servers::Server};

/// How many entries of a queue are told; a queue may have thousands.
const ENTRIES_MAX: usize = 100;

/// How many earlier runs an estimate looks at: the latest, since drivers and models change.
const RUNS_LOOKED_AT: u32 = 20;

/// What waits and runs, here and at the servers.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueReport {
    /// The servers that were asked.
    pub backends: Vec<BackendQueue>,
    /// How many jobs are recorded and wait for a server, in all processes on this database. They
    /// stand in no server's queue yet.
    pub waiting_here: u64,
}

/// The queue of one server.
#[derive(Clone, Debug, PartialEq)]
pub struct BackendQueue {
    /// What the server is called.
    pub backend: String,
    /// Its address, without credentials.
    pub url: String,
    /// Why its queue is not known, when it gave no answer.
    pub problem: Option<String>,
    /// How many prompts run, whoever sent them.
    pub running: usize,
    /// How many prompts wait, whoever sent them.
    pub pending: usize,
    /// The prompts in the order in which they run, those that run now first; the first hundred.
    pub entries: Vec<QueueEntry>,
}

/// One prompt in the queue of a server.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueEntry {
    /// The id of the prompt, as the server tells it.
    pub prompt: String,
    /// The job that it is, when it is one of ours.
    pub job: Option<JobId>,
    /// Whether it runs now.
    pub is_running: bool,
    /// How many come before it.
    pub before: usize,
    /// In what time it should have ended, by earlier runs of graphs of the same shape; or why
    /// that cannot be said.
    pub ends_in: Result<Duration, String>,
}

/// What a server shall let go of, once the prompt that runs has ended.
///
/// ```
/// assert_eq!(mediafactory::Forget::default(), mediafactory::Forget::Models);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Forget {
    /// The models that it holds in memory.
    #[default]
    Models,
    /// Also the results of nodes that it keeps, so that the next prompt runs whole.
    ModelsAndResults,
}

/// A server that was told to free memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freed {
    /// What the server is called.
    pub backend: String,
    /// Its address, without credentials.
    pub url: String,
    /// Why it could not be told, when it could not.
    pub problem: Option<String>,
}

/// What was stopped on a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interrupted {
    /// What the server is called.
    pub backend: String,
    /// Its address, without credentials.
    pub url: String,
    /// The prompts that ran just before, whoever sent them. None: nothing ran, and nothing was
    /// stopped.
    pub prompts: Vec<String>,
    /// Those of them that are jobs of ours. They end as cancelled.
    pub jobs: Vec<JobId>,
}

impl Factory {
    /// The queues of the servers that a word stands for, of all when none is given.
    pub async fn queue(&self, backend: Option<&str>) -> Result<QueueReport, Error> {
        let asked = self.placed(backend)?.into_iter().map(|server| self.queue_of(server));
        let backends: Result<_, Error> = join_all(asked).await.into_iter().collect();
        let waiting = JobQuery { states: vec![State::Recorded], limit: 1, ..JobQuery::default() };
        Ok(QueueReport {
            backends: backends?,
            waiting_here: self.recorded_jobs(&waiting).await?.total,
        })
    }

    async fn queue_of(&self, server: &Server) -> Result<BackendQueue, Error> {
        let (backend, url) = (server.name.clone(), server.url());
        let queue = match server.client.queue().await {
            Ok(queue) => queue,
            Err(error) => {
                let problem = Some(failure::client(error).to_string());
                let (running, pending, entries) = (0, 0, Vec::new());
                return Ok(BackendQueue { backend, url, problem, running, pending, entries });
            }
        };
        let (running, pending) = (queue.running.len(), queue.pending.len());
        let mut forecast =
            Forecast { factory: self, usual: HashMap::new(), sum: Ok(Duration::ZERO) };
        let items = queue.running.iter().map(|item| (item, true));
        let items = items.chain(queue.pending.iter().map(|item| (item, false)));
        let mut entries = Vec::new();
        for (before, (item, is_running)) in items.take(ENTRIES_MAX).enumerate() {
            entries.push(forecast.entry(item, is_running, before).await?);
        }
        Ok(BackendQueue { backend, url, problem: None, running, pending, entries })
    }

    /// Stops whatever runs on one server, also what others sent there. The word has to stand for
    /// one server alone; it may be left out where there is only one.
    pub async fn interrupt(&self, backend: Option<&str>) -> Result<Interrupted, Error> {
        let servers = self.placed(backend)?;
        let [server] = servers.as_slice() else {
            let names: Vec<&str> = servers.iter().map(|server| server.name.as_str()).collect();
            return Err(failure::argument(format!(
                "{} servers are meant, and what runs is stopped on one at a time",
                names.len()
            ))
            .with_hint(format!("name one as the backend: {}", names.join(", "))));
        };
        let queue = server.client.queue().await.map_err(failure::client)?;
        let prompts: Vec<String> = queue.running.into_iter().map(|item| item.prompt_id).collect();
        if !prompts.is_empty() {
            server.client.interrupt_whatever_runs().await.map_err(failure::client)?;
        }
        let mut jobs = Vec::new();
        for prompt in &prompts {
            jobs.extend(self.job_of(prompt).await?.map(|job| job.record.id));
        }
        Ok(Interrupted { backend: server.name.clone(), url: server.url(), prompts, jobs })
    }

    /// Tells the servers that a word stands for, or all, to free memory as soon as nothing runs.
    /// It is an error when none could be told.
    pub async fn free_memory(
        &self,
        backend: Option<&str>,
        forget: Forget,
    ) -> Result<Vec<Freed>, Error> {
        let free = Free { unload_models: true, free_memory: forget == Forget::ModelsAndResults };
        let told = self.placed(backend)?.into_iter().map(|server| async move {
            (server, server.client.free(free).await.map_err(failure::client))
        });
        let mut refusal = None;
        let mut freed = Vec::new();
        for (server, told) in join_all(told).await {
            let problem = told.as_ref().err().map(ToString::to_string);
            refusal = refusal.or(told.err());
            freed.push(Freed { backend: server.name.clone(), url: server.url(), problem });
        }
        match refusal {
            Some(error) if freed.iter().all(|freed| freed.problem.is_some()) => Err(error),
            _ => Ok(freed),
        }
    }

    /// The job that a prompt at a server is.
    async fn job_of(&self, prompt: &str) -> Result<Option<Job>, Error> {
        match prompt.parse() {
            Ok(id) => self.recorded(&id).await,
            Err(_) => Ok(None),
        }
    }

    async fn recorded_jobs(&self, query: &JobQuery) -> Result<Page<Job>, Error> {
        let page = JobStore::list(&self.parts.store, query).await;
        let page = page.map_err(|error| failure::storage("the jobs cannot be read", error))?;
        Ok(Page { items: page.jobs, total: page.total, next_cursor: None })
    }
}

/// When the entries of one queue should end, one after the other.
struct Forecast<'a> {
    factory: &'a Factory,
    /// The usual time of each shape that was asked for.
    usual: HashMap<String, Option<Duration>>,
    /// When the entry before should have ended.
    sum: Result<Duration, String>,
}

impl Forecast<'_> {
    async fn entry(
        &mut self,
        item: &QueueItem,
        is_running: bool,
        before: usize,
    ) -> Result<QueueEntry, Error> {
        let job = self.factory.job_of(&item.prompt_id).await?;
        if let Ok(sum) = self.sum {
            self.sum = match self.usual_time(item, job.as_ref()).await? {
                Some(usual) => Ok(sum.saturating_add(usual.saturating_sub(elapsed(job.as_ref())))),
                None => Err(format!(
                    "no earlier run of a graph like that of prompt {} is on record",
                    item.prompt_id
                )),
            };
        }
        Ok(QueueEntry {
            prompt: item.prompt_id.clone(),
            job: job.map(|job| job.record.id),
            is_running,
            before,
            ends_in: self.sum.clone(),
        })
    }

    /// The median of the latest runs of the same shape.
    async fn usual_time(
        &mut self,
        item: &QueueItem,
        job: Option<&Job>,
    ) -> Result<Option<Duration>, Error> {
        let shape = match job {
            Some(job) => job.record.shape_digest.clone(),
            None => match Workflow::from_json(&item.workflow) {
                Ok(workflow) => workflow.shape_digest().to_string(),
                Err(_) => return Ok(None),
            },
        };
        if let Some(known) = self.usual.get(&shape) {
            return Ok(*known);
        }
        let query = JobQuery {
            states: vec![State::Succeeded],
            shape_digest: Some(shape.clone()),
            limit: RUNS_LOOKED_AT,
            ..JobQuery::default()
        };
        let runs = self.factory.recorded_jobs(&query).await?;
        let mut times: Vec<Duration> = runs.items.iter().filter_map(running_time).collect();
        times.sort_unstable();
        let median = times.get(times.len() / 2).copied();
        self.usual.insert(shape, median);
        Ok(median)
    }
}

fn running_time(job: &Job) -> Option<Duration> {
    job.finished_at()?.duration_since(job.started_at()?).try_into().ok()
}

/// How long a job has been running; no time where its beginning was not seen.
fn elapsed(job: Option<&Job>) -> Duration {
    let began = job.filter(|job| job.state == State::Running).and_then(Job::started_at);
    let elapsed = began.map(|began| Timestamp::now().duration_since(began));
    elapsed.and_then(|elapsed| elapsed.try_into().ok()).unwrap_or_default()
}

//! Plain data in, plain data out: what callers ask and what they are told.

use std::{collections::BTreeMap, time::Duration};

use assets::Asset;
use batch::{Advance, Failure, Job, JobId, MemoryPeak, NodeRun, NodeText, Progress, State};
use jiff::Timestamp;
use workflow_graph::Json;

use crate::services::ServiceProblem;

/// Something to be made from words.
///
/// ```
/// use mediafactory::GenerateRequest;
/// let picture = GenerateRequest::new("a red fox in the snow");
/// let video = GenerateRequest { task: Some("text-to-video".to_owned()), ..picture };
/// assert!(video.template.is_none());
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GenerateRequest {
    /// What is to be seen or heard; empty where the template takes no words.
    pub prompt: String,
    /// What it should not show, where the model knows how to use that.
    pub negative_prompt: Option<String>,
    /// What to do, such as `text-to-video`: a task of the templates. Not given, it is that of the
    /// template, or `text-to-image`.
    pub task: Option<String>,
    /// The template to use, by its name or the id of one that the server offers. Not given, it is
    /// the one for the task whose model is recommended, of those whose models the server has.
    pub template: Option<String>,
    /// The checkpoint or diffusion model to use: its file as the server lists it, or the name of a
    /// model that the registry has.
    pub model: Option<String>,
    /// Further parameters of the template by name, such as `width`, `steps` or `seed`.
    pub parameters: BTreeMap<String, Json>,
    /// How long it may run; the configured deadline when not given.
    pub timeout: Option<Duration>,
    /// Where, how urgently and for whom.
    pub placing: Placing,
}

impl GenerateRequest {
    /// A picture, with nothing given but the text.
    pub fn new(prompt: impl Into<String>) -> Self {
        Self { prompt: prompt.into(), ..Self::default() }
    }
}

/// A workflow to be run.
///
/// ```
/// use mediafactory::{Json, RunWorkflow};
/// let run = RunWorkflow::new(Json::parse(br#"{"1": {"class_type": "EmptyImage", "inputs": {}}}"#)?);
/// assert!(run.targets.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunWorkflow {
    /// The workflow, in API format or as the front end saves it.
    pub workflow: Json,
    /// The same workflow in UI format, to be embedded in what comes out. Not needed when
    /// `workflow` is in that format.
    pub ui_workflow: Option<Json>,
    /// The output nodes to run; all when not given.
    pub targets: Option<Vec<String>>,
    /// How long it may run; the configured deadline when not given.
    pub timeout: Option<Duration>,
    /// Where, how urgently and for whom.
    pub placing: Placing,
}

/// A service to be run.
///
/// ```
/// use mediafactory::RunService;
/// let run = RunService::new("portrait");
/// assert!(run.parameters.is_empty() && run.timeout.is_none());
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunService {
    /// The name of the service.
    pub service: String,
    /// What to set, by the names that the service has for it.
    pub parameters: BTreeMap<String, Json>,
    /// How long it may run; the configured deadline when not given.
    pub timeout: Option<Duration>,
    /// Where, how urgently and for whom.
    pub placing: Placing,
}

impl RunService {
    /// A service without parameters.
    pub fn new(service: impl Into<String>) -> Self {
        Self { service: service.into(), ..Self::default() }
    }
}

/// Where a job runs, how urgent it is, and whose it is.
///
/// ```
/// use mediafactory::Placing;
/// let urgent = Placing { backend: Some("gpu-1".to_owned()), priority: 10, ..Placing::default() };
/// assert!(!urgent.reuse);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placing {
    /// The name or a tag of a server, the number of its GPU, or `auto`, which is also meant when
    /// it is not given: whichever of those that can run it is likely to begin first.
    pub backend: Option<String>,
    /// Of the jobs that wait here, those with the highest number come first.
    pub priority: i32,
    /// Whose job it is. Callers take turns, however many jobs each of them has.
    pub caller: String,
    /// Whether the results of an earlier job will do that ran the very same workflow, on one of
    /// these servers, and has its results still.
    pub reuse: bool,
}

impl RunWorkflow {
    /// All outputs of a workflow.
    pub fn new(workflow: Json) -> Self {
        Self { workflow, ..Self::default() }
    }
}

/// A job that has been recorded and is on its way.
#[derive(Clone, Debug, PartialEq)]
pub struct StartedJob {
    /// The job; also the prompt id at the server.
    pub job: JobId,
    /// The template it was made from.
    pub template: Option<String>,
    /// The model file it uses.
    pub model: Option<String>,
    /// The seed it uses.
    pub seed: Option<u64>,
    /// The parameters in force, defaults included, as an object.
    pub parameters: Json,
    /// What was chosen for the caller and why, in sentences.
    pub notes: Vec<String>,
    /// Whether it is an earlier job, whose results are here already.
    pub is_reused: bool,
}

/// All that is known of one job.
#[derive(Clone, Debug, PartialEq)]
pub struct JobReport {
    /// The job; also the prompt id at the server.
    pub job: JobId,
    /// Where it stands.
    pub state: State,
    /// The server that it is or was at, without credentials; `None` while it waits for one.
    pub server: Option<String>,
    /// What that server is called, as long as it is configured.
    pub backend: Option<String>,
    /// The configured service that it is a call of.
    pub service: Option<String>,
    /// The template it was made from.
    pub template: Option<String>,
    /// The model file it uses.
    pub model: Option<String>,
    /// The seed it uses.
    pub seed: Option<u64>,
    /// The parameters in force, as an object.
    pub parameters: Json,
    /// What was chosen for the caller and why, and what the server left out, in sentences.
    pub notes: Vec<String>,
    /// When it was recorded.
    pub created_at: Timestamp,
    /// When the server began with it, as far as it was seen.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// The latest progress, while it runs in this process.
    pub progress: Option<Progress>,
    /// How far it was when that was written down last, while another process drives it.
    pub recorded: Option<RecordedProgress>,
    /// Why it did not succeed.
    pub failure: Option<Failure>,
    /// What was seen of its nodes, when it came to an end at its server.
    pub nodes: Vec<NodeRun>,
    /// What its nodes told in words; long texts are cut.
    pub texts: Vec<NodeText>,
    /// The most memory that was seen in use at its server while it ran; a short job is not looked at.
    pub memory: Option<MemoryPeak>,
    /// What came out of it.
    pub assets: Vec<Asset>,
}

/// How far a job was when the process that drives it wrote that down last, which it does now and
/// then: it is behind by some seconds, and by more when that process has died. It never goes back.
///
/// ```
/// use mediafactory::RecordedProgress;
/// let at = "2026-01-02T03:04:05Z".parse()?;
/// let recorded = RecordedProgress { percent: 41.5, nodes_done: 3, nodes_total: 7, at };
/// assert!(recorded.percent < 100.0);
/// # Ok::<(), jiff::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RecordedProgress {
    /// How much of the whole graph was done, from 0 to 100.
    pub percent: f64,
    /// Nodes done or cached.
    pub nodes_done: u32,
    /// Nodes that there are.
    pub nodes_total: u32,
    /// When it was written down, by the clock of who wrote it.
    pub at: Timestamp,
}

impl RecordedProgress {
    /// What the log of a running job says.
    pub(crate) fn of(job: &Job) -> Option<Self> {
        let (advance, at) = job.advance().filter(|_| job.state == State::Running)?;
        let Advance { percent, nodes_done, nodes_total } = advance;
        Some(Self { percent, nodes_done, nodes_total, at })
    }
}

/// The end of a wait.
#[derive(Clone, Debug, PartialEq)]
pub enum Waited {
    /// The job has ended, one way or another: its state says which.
    Finished(JobReport),
    /// The wait is over and the job is not.
    StillRunning(JobReport),
}

/// Which assets to list, newest first.
///
/// ```
/// use mediafactory::AssetFilter;
/// assert_eq!(AssetFilter::default().limit, None);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AssetFilter {
    /// Only those of one job.
    pub job: Option<JobId>,
    /// Only those whose media type begins so, such as `image/`.
    pub media_type: Option<String>,
    /// At most so many, up to 100; 20 when not given.
    pub limit: Option<u32>,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// The items of this page.
    pub items: Vec<T>,
    /// How many there are on all pages.
    pub total: u64,
    /// Where the next page begins, when there is one.
    pub next_cursor: Option<String>,
}

/// A picture made small enough to be shown inline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InlinePicture {
    /// The encoded picture.
    pub bytes: Vec<u8>,
    /// Its media type, such as `image/jpeg`.
    pub media_type: String,
    /// Its width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
}

/// The files of one kind that the server has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelList {
    /// The folder, such as `checkpoints`.
    pub kind: String,
    /// The file names as loaders take them.
    pub files: Vec<String>,
}

/// One node class as a search finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeMatch {
    /// The class, such as `KSampler`.
    pub class_type: String,
    /// The name shown to people.
    pub display_name: String,
    /// Where the front end lists it.
    pub category: String,
    /// The types it takes, without repeats.
    pub inputs: Vec<String>,
    /// The types it gives.
    pub outputs: Vec<String>,
}

/// The state of the server and of what this process does with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Health {
    /// The server, without credentials.
    pub server: String,
    /// Its ComfyUI version.
    pub version: Option<String>,
    /// Whether it is `comfy-sim`: pictures are drawn, not generated.
    pub simulated: bool,
    /// Whether its socket is open.
    pub socket_open: bool,
    /// Prompts it runs now.
    pub queue_running: u32,
    /// Prompts that wait.
    pub queue_pending: u32,
    /// Its devices.
    pub devices: Vec<Device>,
    /// How many jobs stand in each state, without the states that no job is in.
    pub jobs: Vec<(State, u64)>,
    /// What is wrong with the services that are configured.
    pub service_problems: Vec<ServiceProblem>,
}

/// What is known of one of the servers.
#[derive(Clone, Debug, PartialEq)]
pub struct BackendReport {
    /// What it is called.
    pub name: String,
    /// Its address, without credentials.
    pub url: String,
    /// Words by which it can be asked for.
    pub tags: Vec<String>,
    /// The number by which its GPU can be asked for.
    pub gpu_id: u32,
    /// Its ComfyUI version.
    pub version: Option<String>,
    /// Whether it is `comfy-sim`: pictures are drawn, not generated.
    pub simulated: bool,
    /// Its devices.
    pub devices: Vec<Device>,
    /// Why it gave no answer just now, when it gave none.
    pub problem: Option<String>,
    /// Why it gets no jobs, while it gets none: it failed, and is asked again and again.
    pub set_aside: Option<String>,
    /// Whether its socket is open.
    pub socket_open: bool,
    /// How many jobs of this process it has.
    pub in_flight: u32,
    /// How many it may have.
    pub in_flight_max: u32,
    /// How many prompts are in its queue, whoever sent them; `None` while its socket is closed.
    pub queue_remaining: Option<u64>,
    /// The model files of the job that it got last from this process.
    pub warm_models: Vec<String>,
}

/// One device of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its name as the server prints it.
    pub name: String,
    /// `cuda`, `cpu` and the like.
    pub kind: String,
    /// Its memory in bytes.
    pub vram_total_bytes: Option<u64>,
    /// What is free of it, in bytes.
    pub vram_free_bytes: Option<u64>,
}

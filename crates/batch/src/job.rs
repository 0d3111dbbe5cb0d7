//! What is known of one job.

use std::time::Duration;

use jiff::Timestamp;
use workflow_graph::Json;

use crate::{
    Advance, Event, Failure, IllegalEvent, JobId, MemoryPeak, NodeRun, NodeText, State, StopReason,
};

/// What is written down of a job before ComfyUI hears of it; it never changes afterwards.
///
/// ```
/// use batch::{JobId, JobRecord};
/// use workflow_graph::Json;
///
/// let id: JobId = "0197f1ce-3c5a-7000-8000-00000000002a".parse()?;
/// let record = JobRecord {
///     tool: "image_generate".to_owned(),
///     seed: Some(u64::MAX),
///     ..JobRecord::new(id, "2026-01-02T03:04:05Z".parse()?, Json::parse(b"{}")?)
/// };
/// assert_eq!(record.workflow.to_string(), "{}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct JobRecord {
    /// The job, and the prompt id that ComfyUI is given.
    pub id: JobId,
    /// When it was written down.
    pub created_at: Timestamp,
    /// The servers it may run on, as URLs without credentials; none is any that the engine has.
    pub servers: Vec<String>,
    /// The prompt in API format, exactly as it is sent.
    pub workflow: Json,
    /// The same graph for ComfyUI's editor, which ComfyUI writes into the pictures it saves.
    pub ui_workflow: Option<Json>,
    /// The digest of the workflow, as text: equal digests ask ComfyUI for the same work.
    pub workflow_digest: String,
    /// The digest of its classes and links without its values, as text: jobs of one shape take
    /// about the same time at the same sizes.
    pub shape_digest: String,
    /// The output nodes to execute; `None` is all of them.
    pub targets: Option<Vec<String>>,
    /// What the caller asked for, as an object.
    pub parameters: Json,
    /// The seed, over the whole range of 64 bits.
    pub seed: Option<u64>,
    /// The template that the workflow was made from.
    pub template: Option<String>,
    /// The model it uses.
    pub model: Option<String>,
    /// The tool or command that asked for it.
    pub tool: String,
    /// The configured service that it is a call of.
    pub service: Option<String>,
    /// Whose job it is, for fair turns: an MCP session, a batch, a person.
    pub caller: String,
    /// How urgent it is: of the jobs that wait, those with the highest number come first.
    pub priority: i32,
    /// What was chosen for the caller and why, in sentences.
    pub notes: Vec<String>,
    /// How long it may run at the server; `None` is the engine's limit.
    pub running_time_max: Option<Duration>,
    /// The files of weights that it loads, as `folder/name`. A job without any is not counted among
    /// the [outcomes](crate::Outcome).
    pub models: Vec<String>,
    /// What it computes on, in the words of whoever recorded it: jobs with the same files and the
    /// same text take about the same memory. Empty where that is not known.
    pub workload: String,
}

/// One line of a job's log.
#[derive(Clone, Debug, PartialEq)]
pub struct LogEntry {
    /// Its place in the log, from 0 and without gaps.
    pub seq: u32,
    /// When it happened, by the clock of whoever wrote it.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
}

/// A job with its log, and the state that follows from it.
///
/// ```
/// use batch::{Event, Job, JobRecord, State};
/// use workflow_graph::Json;
///
/// let at = "2026-01-02T03:04:05Z".parse()?;
/// let id = "0197f1ce-3c5a-7000-8000-00000000002a".parse()?;
/// let mut job = Job::new(JobRecord::new(id, at, Json::parse(b"{}")?));
/// job.apply(Event::SubmitStarted { server: "http://127.0.0.1:8188/".to_owned() }, at)?;
/// assert_eq!(job.server(), Some("http://127.0.0.1:8188/"));
/// assert_eq!(job.state, State::Submitting);
/// assert!(job.apply(Event::Started, at).is_err(), "it was never accepted");
/// assert_eq!(job.log.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// What was written down first.
    pub record: JobRecord,
    /// Where it stands.
    pub state: State,
    /// All that happened since, oldest first.
    pub log: Vec<LogEntry>,
}

impl JobRecord {
    /// A record that says no more than what to run: texts are empty, options absent and the
    /// parameters an empty object.
    pub fn new(id: JobId, created_at: Timestamp, workflow: Json) -> Self {
        Self {
            id,
            created_at,
            servers: Vec::new(),
            workflow,
            ui_workflow: None,
            workflow_digest: String::new(),
            shape_digest: String::new(),
            targets: None,
            parameters: Json::object([]),
            seed: None,
            template: None,
            model: None,
            tool: String::new(),
            service: None,
            caller: String::new(),
            priority: 0,
            notes: Vec::new(),
            running_time_max: None,
            models: Vec::new(),
            workload: String::new(),
        }
    }
}

impl Job {
    /// A job to which nothing happened yet.
    pub fn new(record: JobRecord) -> Self {
        Self { record, state: State::Recorded, log: Vec::new() }
    }

    /// The job that a stored log describes: recovery, through the same function as live work.
    pub fn replay(
        record: JobRecord,
        log: impl IntoIterator<Item = (Event, Timestamp)>,
    ) -> Result<Self, IllegalEvent> {
        let mut job = Self::new(record);
        for (event, at) in log {
            job.apply(event, at)?;
        }
        Ok(job)
    }

    /// Adds what happened to the log. A refused event leaves the job as it was.
    pub fn apply(&mut self, event: Event, at: Timestamp) -> Result<State, IllegalEvent> {
        self.state = self.state.next(&event)?;
        let seq = self.log.last().map_or(0, |last| last.seq.saturating_add(1));
        self.log.push(LogEntry { seq, at, event });
        Ok(self.state)
    }

    /// When execution began; `None` also when that was never seen.
    pub fn started_at(&self) -> Option<Timestamp> {
        self.log.iter().find(|entry| entry.event == Event::Started).map(|entry| entry.at)
    }

    /// How far it was when that was written down, and when that was; `None` before it was. A process
    /// that took the job over may have seen less of it, so what counts is the furthest.
    pub fn advance(&self) -> Option<(Advance, Timestamp)> {
        let written = self.log.iter().filter_map(|entry| {
            let Event::Advanced { advance } = &entry.event else { return None };
            Some((*advance, entry.at))
        });
        written.max_by(|(one, _), (other, _)| one.percent.total_cmp(&other.percent))
    }

    /// When the job came to its end.
    pub fn finished_at(&self) -> Option<Timestamp> {
        self.log.last().filter(|_| self.state.is_final()).map(|entry| entry.at)
    }

    /// The server that has it, or had it last; `None` while it waits for one, and where it ended
    /// after it had come back from the last.
    pub fn server(&self) -> Option<&str> {
        let sent_or_returned = self.latest(|event| {
            if let Event::Returned { .. } = event {
                return Some(None);
            }
            let Event::SubmitStarted { server } = event else { return None };
            Some(Some(server.as_str()))
        });
        sent_or_returned.flatten()
    }

    /// Why it shall stop, when that was asked.
    pub fn stop_requested(&self) -> Option<StopReason> {
        self.latest(|event| {
            let Event::StopRequested { why } = event else { return None };
            Some(*why)
        })
    }

    /// What the server left out of it, in sentences.
    pub fn warnings(&self) -> &[String] {
        let warnings = self.latest(|event| {
            let Event::Accepted { warnings } = event else { return None };
            Some(warnings.as_slice())
        });
        warnings.unwrap_or_default()
    }

    /// Why it failed, when it did.
    pub fn failure(&self) -> Option<&Failure> {
        self.latest(Event::failure)
    }

    /// What was seen of its nodes, when it came to an end at the server.
    pub fn nodes(&self) -> &[NodeRun] {
        let nodes = self.latest(|event| {
            let (Event::Finished { nodes, .. } | Event::ExecutionFailed { nodes, .. }) = event
            else {
                return None;
            };
            Some(nodes.as_slice())
        });
        nodes.unwrap_or_default()
    }

    /// What its nodes told in words, when it came to a good end.
    pub fn texts(&self) -> &[NodeText] {
        let texts = self.latest(|event| {
            let Event::Finished { texts, .. } = event else { return None };
            Some(texts.as_slice())
        });
        texts.unwrap_or_default()
    }

    /// How long the server computed, when it came to a good end and did not only look up results.
    pub fn ran(&self) -> Option<Duration> {
        self.latest(|event| {
            let Event::Finished { ran, .. } = event else { return None };
            *ran
        })
    }

    /// The most memory that was seen in use while it ran, when it came to a good end.
    pub fn memory(&self) -> Option<&MemoryPeak> {
        self.latest(|event| {
            let Event::Finished { memory, .. } = event else { return None };
            memory.as_ref()
        })
    }

    fn latest<'a, T>(&'a self, of: impl FnMut(&'a Event) -> Option<T>) -> Option<T> {
        self.log.iter().rev().map(|entry| &entry.event).find_map(of)
    }
}

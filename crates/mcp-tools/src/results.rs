//! What tools tell of jobs and assets: twins of the domain types that can be written as JSON.

use mediafactory::{Asset, Factory, Failure, JobReport, State};
use rmcp::model::{ContentBlock, Resource};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::{
    elsewhere::{self, DRIVEN_ELSEWHERE},
    progress, schema,
    uris::ResourceUri,
};

// What a list says of one asset. Not a doc comment, which would be listed with every tool.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AssetResult {
    pub(crate) asset_id: String,
    pub(crate) uri: String,
    /// The file, on the machine of this server.
    path: String,
    file_name: String,
    media_type: String,
    size_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    job_id: String,
    created_at: String,
}

/// Where a job stands and what came of it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct JobResult {
    job_id: String,
    /// recorded, submitting, queued, running, succeeded, failed, cancelled, `timed_out`, lost
    state: &'static str,
    /// The wait ended before the job did; it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    timed_out: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<ProgressResult>,
    assets: Vec<AssetResult>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<FailureResult>,
    /// The server that it is or was at.
    #[serde(skip_serializing_if = "Option::is_none")]
    backend: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
    /// What was chosen, and why.
    notes: Vec<String>,
    /// It is an earlier job: nothing was run.
    #[serde(skip_serializing_if = "Option::is_none")]
    reused: Option<bool>,
}

#[derive(Serialize, JsonSchema)]
struct ProgressResult {
    percent: f64,
    message: String,
    /// When another process wrote it down, which drives the job and alone shows its previews.
    #[serde(skip_serializing_if = "Option::is_none")]
    recorded_at: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct FailureResult {
    kind: String,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    class_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    #[serde(skip_serializing_if = "Value::is_null")]
    #[schemars(schema_with = "schema::any_value")]
    details: Value,
}

impl AssetResult {
    pub(crate) fn new(factory: &Factory, asset: &Asset) -> Self {
        Self {
            asset_id: asset.id.to_string(),
            uri: ResourceUri::Asset(asset.id.to_string()).to_string(),
            path: factory.asset_path(asset).display().to_string(),
            file_name: asset.file_name.clone(),
            media_type: asset.media_type.clone(),
            size_bytes: asset.size_bytes,
            width: asset.width,
            height: asset.height,
            job_id: asset.origin.job.to_string(),
            created_at: asset.created_at.to_string(),
        }
    }
}

impl JobResult {
    /// The job as it stands.
    pub(crate) fn new(factory: &Factory, report: &JobReport) -> Self {
        Self {
            job_id: report.job.to_string(),
            state: report.state.as_str(),
            timed_out: None,
            progress: ProgressResult::of(report),
            assets: report.assets.iter().map(|asset| AssetResult::new(factory, asset)).collect(),
            failure: report.failure.as_ref().map(FailureResult::new),
            backend: report.backend.clone(),
            template: report.template.clone(),
            model: report.model.clone(),
            seed: report.seed,
            seconds: seconds(report),
            notes: report.notes.clone(),
            reused: None,
        }
    }

    /// The results of an earlier job in place of a new one.
    pub(crate) fn reused(self, why: Vec<String>) -> Self {
        let notes = why.into_iter().chain(self.notes).collect();
        Self { notes, reused: Some(true), ..self }
    }

    /// The job as it stands at the end of a wait.
    pub(crate) fn after_wait(factory: &Factory, report: &JobReport, timed_out: bool) -> Self {
        Self { timed_out: Some(timed_out), ..Self::new(factory, report) }
    }
}

impl ProgressResult {
    /// What is known of a job that has not ended.
    fn of(report: &JobReport) -> Option<Self> {
        if let Some(progress) = &report.progress {
            let (percent, message) = (progress.percent, progress::describe(progress));
            return Some(Self { percent, message, recorded_at: None });
        }
        let recorded = report.recorded.as_ref()?;
        let (percent, message) = (recorded.percent, elsewhere::describe(recorded));
        Some(Self { percent, message, recorded_at: Some(recorded.at.to_string()) })
    }
}

impl FailureResult {
    pub(crate) fn new(failure: &Failure) -> Self {
        Self {
            kind: failure.kind.clone(),
            message: failure.message.clone(),
            node: failure.node.clone(),
            class_type: failure.class_type.clone(),
            hint: failure.hint.clone(),
            details: failure.details.to_serde(),
        }
    }
}

/// How long the job ran, or has been running when it ended unseen.
pub(crate) fn seconds(report: &JobReport) -> Option<f64> {
    let finished = report.finished_at?;
    let started = report.started_at.unwrap_or(report.created_at);
    let seconds = finished.duration_since(started).as_secs_f64();
    Some((seconds * 1_000.0).round() / 1_000.0)
}

/// One link for each asset, so that large bytes travel only when they are asked for.
pub(crate) fn links(assets: &[Asset]) -> Vec<ContentBlock> {
    assets.iter().map(|asset| ContentBlock::ResourceLink(resource(asset))).collect()
}

/// An asset as clients list it.
pub(crate) fn resource(asset: &Asset) -> Resource {
    let uri = ResourceUri::Asset(asset.id.to_string()).to_string();
    Resource::new(uri, &asset.file_name)
        .with_mime_type(&asset.media_type)
        .with_size(asset.size_bytes)
}

/// The job in a few lines.
pub(crate) fn describe_job(report: &JobReport) -> String {
    let mut lines = vec![headline(report)];
    if report.state == State::Running && report.progress.is_none() {
        lines.push(DRIVEN_ELSEWHERE.to_owned());
    }
    lines.extend(report.assets.iter().map(describe_asset));
    let chosen = [
        report.seed.map(|seed| format!("seed {seed}")),
        report.model.as_ref().map(|model| format!("model {model}")),
        report.template.as_ref().map(|template| format!("template {template}")),
    ];
    let chosen: Vec<String> = chosen.into_iter().flatten().collect();
    if !chosen.is_empty() {
        lines.push(chosen.join(", "));
    }
    lines.extend(report.notes.iter().map(|note| format!("note: {note}")));
    lines.join("\n")
}

fn headline(report: &JobReport) -> String {
    let running = report.progress.as_ref().filter(|_| !report.state.is_final());
    let parts = [
        Some(format!("job {} {}", report.job, report.state.as_str())),
        seconds(report).map(|seconds| format!(" after {seconds:.1} s")),
        report.failure.as_ref().map(|failure| format!(": {}", failure.message)),
        running.map(|progress| format!(", {}", progress::describe(progress))),
        report.recorded.as_ref().map(|recorded| format!(", {}", elsewhere::describe(recorded))),
    ];
    parts.into_iter().flatten().collect()
}

/// An asset in one line.
pub(crate) fn describe_asset(asset: &Asset) -> String {
    let pixels = asset.width.zip(asset.height);
    let pixels = pixels.map(|(width, height)| format!(", {width}x{height}")).unwrap_or_default();
    format!(
        "asset {} {} ({}{pixels}, {} bytes)",
        asset.id, asset.file_name, asset.media_type, asset.size_bytes
    )
}

//! `mediafactory jobs show`.

use std::process::ExitCode;

use clap::Args;
use mediafactory::{
    Factory, Failure as JobFailure, JobId, JobReport, Json, MemoryPeak, NodeRun, NodeText,
    models::describe_peak,
};

use crate::{failure::Failure, output, report};

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The job
    #[arg(value_name = "JOB")]
    job: JobId,
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

pub(super) async fn perform(factory: &Factory, task: &Show) -> Result<ExitCode, Failure> {
    let report = factory.job(&task.job).await?;
    if task.json {
        output::result(&json(factory, &report).to_string())?;
    } else {
        output::result(&output::aligned(&rows(factory, &report)))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn rows(factory: &Factory, report: &JobReport) -> Vec<[String; 2]> {
    let mut rows = vec![["state".to_owned(), report.state.to_string()]];
    let mut row = |name: &str, value: Option<String>| {
        rows.extend(value.map(|value| [name.to_owned(), value]));
    };
    row("why", report.failure.as_ref().map(|failure| failure.message.clone()));
    row("hint", report.failure.as_ref().and_then(|failure| failure.hint.clone()));
    row("backend", report.backend.clone());
    row("service", report.service.clone());
    row("recorded", Some(report.created_at.to_string()));
    row("began", report.started_at.map(|time| time.to_string()));
    row("ended", report.finished_at.map(|time| time.to_string()));
    row("memory", report.memory.as_ref().map(describe_peak));
    rows.extend(report::rows(factory, report));
    let told = |text: &NodeText| format!("node {}: {}", text.node, text.text);
    rows.extend(report.texts.iter().map(|text| ["text".to_owned(), told(text)]));
    rows.extend(report.nodes.iter().map(|run| ["node".to_owned(), node(run)]));
    rows.extend(report.notes.iter().map(|note| ["note".to_owned(), note.clone()]));
    rows
}

fn node(run: &NodeRun) -> String {
    let time = match (run.cached, run.duration_ms) {
        (true, _) => "cached".to_owned(),
        (false, Some(time)) => format!("{time} ms"),
        (false, None) => "time not seen".to_owned(),
    };
    format!("{} ({}), {time}", run.node, run.class_type)
}

fn json(factory: &Factory, report: &JobReport) -> Json {
    let text = |text: Option<String>| text.map_or(Json::Null, Json::from);
    let further = [
        ("service", text(report.service.clone())),
        ("created_at", Json::from(report.created_at.to_string())),
        ("started_at", text(report.started_at.map(|time| time.to_string()))),
        ("finished_at", text(report.finished_at.map(|time| time.to_string()))),
        ("failure", report.failure.as_ref().map_or(Json::Null, failure_json)),
        ("memory", report.memory.as_ref().map_or(Json::Null, MemoryPeak::to_json)),
        ("texts", Json::Array(report.texts.iter().map(text_json).collect())),
        ("nodes", Json::Array(report.nodes.iter().map(node_json).collect())),
    ];
    Json::object(report::members(factory, report).into_iter().chain(further))
}

fn failure_json(failure: &JobFailure) -> Json {
    let text = |text: &Option<String>| text.as_deref().map_or(Json::Null, Json::from);
    Json::object([
        ("kind", Json::from(failure.kind.as_str())),
        ("message", Json::from(failure.message.as_str())),
        ("node", text(&failure.node)),
        ("class_type", text(&failure.class_type)),
        ("hint", text(&failure.hint)),
        ("details", failure.details.clone()),
    ])
}

fn text_json(told: &NodeText) -> Json {
    Json::object([
        ("node", Json::from(told.node.as_str())),
        ("key", Json::from(told.key.as_str())),
        ("text", Json::from(told.text.as_str())),
        ("cut", Json::from(told.is_cut)),
    ])
}

fn node_json(run: &NodeRun) -> Json {
    let number = |number: Option<u64>| number.map_or(Json::Null, Json::from);
    Json::object([
        ("node", Json::from(run.node.as_str())),
        ("class_type", Json::from(run.class_type.as_str())),
        ("started_ms", number(run.started_ms)),
        ("duration_ms", number(run.duration_ms)),
        ("cached", Json::from(run.cached)),
    ])
}

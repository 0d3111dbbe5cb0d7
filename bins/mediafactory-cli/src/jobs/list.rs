//! `mediafactory jobs list`.

use std::process::ExitCode;

use clap::{Args, value_parser};
use mediafactory::{Factory, JobFilter, JobSummary, Json, State};

use crate::{failure::Failure, output};

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only jobs in this state, such as `running`; may be repeated
    #[arg(long = "state", value_name = "STATE")]
    states: Vec<State>,
    /// Only calls of this configured service
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// How many jobs
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = value_parser!(u32).range(1..=100))]
    limit: u32,
    /// Go on where the list before ended
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

pub(super) async fn perform(factory: &Factory, task: List) -> Result<ExitCode, Failure> {
    let filter = JobFilter {
        states: task.states,
        service: task.service,
        limit: Some(task.limit),
        cursor: task.cursor,
    };
    let page = factory.jobs(filter).await?;
    if task.json {
        let listed = Json::object([
            ("jobs", Json::Array(page.items.iter().map(json).collect())),
            ("total", Json::from(page.total)),
            ("next_cursor", page.next_cursor.as_deref().map_or(Json::Null, Json::from)),
        ]);
        output::result(&listed.to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    if page.items.is_empty() {
        output::note("there are no such jobs");
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<_> = page.items.iter().map(row).collect();
    output::result(&output::aligned(&rows))?;
    if let Some(cursor) = page.next_cursor {
        output::note(&format!("{} jobs in all; go on with --cursor {cursor}", page.total));
    }
    Ok(ExitCode::SUCCESS)
}

fn row(job: &JobSummary) -> [String; 6] {
    // What another process wrote down last is behind.
    let about = if job.is_recorded { "≥ " } else { "" };
    let percent = job.percent.map(|percent| format!("{about}{percent:.0} %"));
    let what = job.service.as_ref().or(job.template.as_ref()).or(job.model.as_ref());
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    [
        job.job.to_string(),
        job.state.to_string(),
        or_none(percent),
        or_none(job.backend.clone().or_else(|| job.server.clone())),
        format!("{:.0}", job.created_at),
        or_none(what.cloned()),
    ]
}

fn json(job: &JobSummary) -> Json {
    let text = |text: &Option<String>| text.as_deref().map_or(Json::Null, Json::from);
    Json::object([
        ("job", Json::from(job.job.to_string())),
        ("state", Json::from(job.state.as_str())),
        ("percent", job.percent.map_or(Json::Null, Json::from)),
        ("percent_is_recorded", Json::from(job.is_recorded)),
        ("server", text(&job.server)),
        ("backend", text(&job.backend)),
        ("service", text(&job.service)),
        ("template", text(&job.template)),
        ("model", text(&job.model)),
        ("created_at", Json::from(job.created_at.to_string())),
        ("finished_at", text(&job.finished_at.map(|time| time.to_string()))),
    ])
}

//! `mediafactory run`: a workflow as it is.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::{Args, value_parser};
use mediafactory::{JobReport, RunWorkflow, config::Resolved};

use crate::{
    failure::Failure, follow, generate::TIMEOUT_SECONDS_MAX, input, output, place::Place, report,
    server::Workplace,
};

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The workflow, in API format or as ComfyUI saves it; `-` reads it from stdin
    #[arg(value_name = "WORKFLOW.JSON")]
    workflow: PathBuf,
    /// The same workflow as ComfyUI saves it, to be embedded in the pictures
    #[arg(long, value_name = "FILE")]
    ui: Option<PathBuf>,
    /// Run only this output node; may be repeated
    #[arg(long = "target", value_name = "NODE")]
    targets: Vec<String>,
    /// How long it may take
    #[arg(long, value_name = "SECONDS", value_parser = value_parser!(u64).range(1..=TIMEOUT_SECONDS_MAX))]
    timeout: Option<u64>,
    #[command(flatten)]
    place: Place,
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

pub(crate) async fn perform(task: Run, resolved: &Resolved) -> Result<ExitCode, Failure> {
    let ui_workflow = match &task.ui {
        Some(path) => Some(input::workflow(path).await?),
        None => None,
    };
    let request = RunWorkflow {
        workflow: input::workflow(&task.workflow).await?,
        ui_workflow,
        targets: (!task.targets.is_empty()).then_some(task.targets),
        timeout: task.timeout.map(Duration::from_secs),
        placing: task.place.into_placing(),
    };
    let workplace = Workplace::for_making(resolved).await?;
    let told = match make(&workplace, request).await {
        Ok(report) => report::tell(&workplace, report, task.json).await,
        Err(failure) => Err(failure),
    };
    workplace.close(told).await
}

async fn make(workplace: &Workplace, request: RunWorkflow) -> Result<JobReport, Failure> {
    let started = workplace.factory.start_workflow(request).await?;
    for note in &started.notes {
        output::note(&format!("note: {note}"));
    }
    follow::to_the_end(&workplace.factory, &started.job).await
}

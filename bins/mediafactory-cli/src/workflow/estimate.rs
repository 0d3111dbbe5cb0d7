//! `workflow estimate`.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;

use crate::{
    failure::Failure,
    input,
    models::{self, Card},
    server::Workplace,
    startup,
};

#[derive(Debug, Args)]
pub(crate) struct Estimate {
    /// The workflow: JSON of either format, or a picture that has one; `-` reads it from stdin
    #[arg(value_name = "WORKFLOW")]
    workflow: PathBuf,
    #[command(flatten)]
    card: Card,
    /// The ComfyUI server whose device and files are meant, by its name or a tag
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

/// Exits with 1 when the server would run out of memory.
pub(super) async fn estimate(
    task: Estimate,
    settings: Vec<(String, String)>,
) -> Result<ExitCode, Failure> {
    let workflow = input::api_or_ui(&task.workflow).await?;
    let workplace = Workplace::for_looking(&startup::configure(settings)?).await?;
    let on = task.card.on(task.backend.as_deref());
    let answer = workplace.factory.estimate_vram(workflow, &on).await.map_err(Failure::from);
    models::told(&workplace.close(answer).await?, task.json)
}

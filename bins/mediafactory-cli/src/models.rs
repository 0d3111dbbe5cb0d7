//! `mediafactory models`: what the server has.

use std::process::ExitCode;

use clap::Args;
use mediafactory::{Factory, config::Resolved};

use crate::{failure::Failure, output, server::Workplace};

#[derive(Debug, Args)]
pub(crate) struct Models {
    /// The kind, such as `checkpoints`; without one, the kinds are listed
    kind: Option<String>,
    /// The ComfyUI server to ask, by its name or a tag; the first one when not given
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
}

pub(crate) async fn perform(task: &Models, resolved: &Resolved) -> Result<ExitCode, Failure> {
    let workplace = Workplace::for_looking(resolved).await?;
    let told = tell(&workplace.factory, task).await;
    workplace.close(told).await?;
    Ok(ExitCode::SUCCESS)
}

async fn tell(factory: &Factory, task: &Models) -> Result<(), Failure> {
    let backend = task.backend.as_deref();
    let names = match &task.kind {
        Some(kind) => factory.models(kind, backend).await?.files,
        None => factory.model_kinds(backend).await?,
    };
    if names.is_empty() {
        output::note("the server has none");
        return Ok(());
    }
    output::result(&names.join("\n"))
}

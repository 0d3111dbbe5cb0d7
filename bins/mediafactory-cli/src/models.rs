//! `mediafactory models`: what the server has.

use std::process::ExitCode;

use clap::Args;
use mediafactory::{Factory, config::Resolved};

use crate::{failure::Failure, output, server::Workplace};

#[derive(Debug, Args)]
pub(crate) struct Models {
    /// The kind, such as `checkpoints`; without one, the kinds are listed
    kind: Option<String>,
}

pub(crate) async fn perform(task: &Models, resolved: &Resolved) -> Result<ExitCode, Failure> {
    let workplace = Workplace::for_looking(resolved).await?;
    let told = tell(&workplace.factory, task.kind.as_deref()).await;
    workplace.close(told).await?;
    Ok(ExitCode::SUCCESS)
}

async fn tell(factory: &Factory, kind: Option<&str>) -> Result<(), Failure> {
    let names = match kind {
        Some(kind) => factory.models(kind).await?.files,
        None => factory.model_kinds().await?,
    };
    if names.is_empty() {
        output::note("the server has none");
        return Ok(());
    }
    output::result(&names.join("\n"))
}

//! `workflow convert` and `workflow lift`.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use mediafactory::{Json, workflows::Rulebook};

use super::rulebook::Definitions;
use crate::{failure::Failure, input, output};

#[derive(Debug, Args)]
pub(crate) struct Convert {
    /// The saved workflows, or pictures that have one; `-` reads one from stdin
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    definitions: Definitions,
    /// Write each to this folder under its own name; without it, one is written to stdout
    #[arg(long, value_name = "DIR")]
    out_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Lift {
    /// The workflow in API format, or a picture that has one; `-` reads it from stdin
    #[arg(value_name = "WORKFLOW")]
    workflow: PathBuf,
    #[command(flatten)]
    definitions: Definitions,
}

pub(super) async fn lift(task: Lift, settings: Vec<(String, String)>) -> Result<ExitCode, Failure> {
    let rulebook = task.definitions.rulebook(settings).await?;
    let lifted = rulebook.lift(&input::api_or_ui(&task.workflow).await?)?;
    for (old, new) in &lifted.renamed {
        output::note(&format!("note: node {old} has the number {new}"));
    }
    for finding in &lifted.findings {
        output::note(&format!("note: {finding}"));
    }
    output::result(&lifted.workflow.to_string())?;
    Ok(ExitCode::SUCCESS)
}

/// Exits with 1 when one of the files could not be converted; the others are.
pub(super) async fn convert(
    task: Convert,
    settings: Vec<(String, String)>,
) -> Result<ExitCode, Failure> {
    if task.out_dir.is_none() && task.files.len() > 1 {
        return Err(Failure::usage("several files need --out-dir to be written to"));
    }
    let rulebook = task.definitions.rulebook(settings).await?;
    let Some(folder) = &task.out_dir else {
        for path in &task.files {
            output::result(&converted(&rulebook, path).await?.to_string())?;
        }
        return Ok(ExitCode::SUCCESS);
    };
    let made = tokio::fs::create_dir_all(folder).await;
    made.map_err(|source| Failure::unwritable(folder, source))?;
    let mut code = ExitCode::SUCCESS;
    for path in &task.files {
        if let Err(failure) = write(&rulebook, path, folder).await {
            output::note(&format!("{}:", path.display()));
            failure.tell();
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}

async fn write(rulebook: &Rulebook, path: &Path, folder: &Path) -> Result<(), Failure> {
    let name = path.file_stem().filter(|_| path != Path::new("-"));
    let Some(name) = name else {
        return Err(Failure::usage("what is read from stdin has no name to be written under"));
    };
    let mut target = folder.join(name).into_os_string();
    target.push(".json");
    let target = PathBuf::from(target);
    let workflow = converted(rulebook, path).await?;
    let written = tokio::fs::write(&target, workflow.to_string()).await;
    written.map_err(|source| Failure::unwritable(&target, source))
}

/// What could not be carried over is told, and the rest is written: a person may go on with it.
async fn converted(rulebook: &Rulebook, path: &Path) -> Result<Json, Failure> {
    let converted = rulebook.convert(input::ui_or_api(path).await?)?;
    for finding in &converted.findings {
        let level = if finding.blocks { "warning" } else { "note" };
        output::note(&format!("{level}: {}: {}", path.display(), finding.message));
    }
    Ok(converted.workflow)
}

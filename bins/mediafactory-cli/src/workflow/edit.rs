//! `workflow edit`, `diff`, `merge` and `show`: what needs no node classes.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, ValueEnum};
use mediafactory::workflows::{self, Drawing, MergeChoice, MergeStrategy};

use crate::{failure::Failure, input, output};

#[derive(Debug, Args)]
pub(crate) struct Edit {
    /// The workflow in API format; `-` reads it from stdin
    #[arg(value_name = "WORKFLOW")]
    workflow: PathBuf,
    /// The patch: {"version": 1, "operations": [..]}, or the list of operations alone
    #[arg(long, value_name = "FILE")]
    patch: PathBuf,
    /// Write the patch that takes the edit back to this file
    #[arg(long, value_name = "FILE")]
    inverse: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The earlier workflow in API format
    before: PathBuf,
    /// The later one
    after: PathBuf,
    /// Print one JSON object with text, data and patch instead of lines
    #[arg(long, conflicts_with = "patch")]
    json: bool,
    /// Print the patch that makes the later one of the earlier
    #[arg(long)]
    patch: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Merge {
    /// What both were made from, in API format
    base: PathBuf,
    /// Ours
    ours: PathBuf,
    /// Theirs
    theirs: PathBuf,
    /// How conflicts are settled; `manual` goes by --choose, and where nothing is chosen the
    /// conflict stays open and what was there before stays
    #[arg(long, value_enum, default_value = "manual")]
    strategy: Strategy,
    /// Whose value counts at one conflict, such as /3/inputs/cfg=theirs; may be repeated
    #[arg(long = "choose", value_name = "PATH=SIDE", value_parser = choice)]
    choices: Vec<MergeChoice>,
    /// Print one JSON object with the conflicts instead of the workflow
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Strategy {
    Ours,
    Theirs,
    Manual,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The workflow in API format, or a picture that has one; `-` reads it from stdin
    #[arg(value_name = "WORKFLOW")]
    workflow: PathBuf,
    /// Mark what is different from this earlier workflow
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// `mermaid`, `graphviz`, `svg` or `html`
    #[arg(long, default_value = "mermaid", value_parser = drawing)]
    format: Drawing,
}

pub(super) async fn edit(task: Edit) -> Result<ExitCode, Failure> {
    let workflow = input::api_or_ui(&task.workflow).await?;
    let edited = workflows::edit(&workflow, &input::workflow(&task.patch).await?)?;
    if let Some(path) = &task.inverse {
        let written = tokio::fs::write(path, edited.inverse.to_string()).await;
        written.map_err(|source| Failure::unwritable(path, source))?;
    }
    output::result(&edited.workflow.to_string())?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn diff(task: Diff) -> Result<ExitCode, Failure> {
    let before = input::api_or_ui(&task.before).await?;
    let found = workflows::diff(&before, &input::api_or_ui(&task.after).await?)?;
    if task.json {
        output::result(&found.to_json().to_string())?;
    } else if task.patch {
        output::result(&found.patch.to_string())?;
    } else if found.same {
        output::note("no difference");
    } else {
        output::result(&found.text)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Exits with 1 when a conflict is open.
pub(super) async fn merge(task: Merge) -> Result<ExitCode, Failure> {
    let strategy = match (task.strategy, task.choices.is_empty()) {
        (Strategy::Ours, true) => MergeStrategy::Ours,
        (Strategy::Theirs, true) => MergeStrategy::Theirs,
        (Strategy::Manual, _) => MergeStrategy::Choose(task.choices),
        (Strategy::Ours | Strategy::Theirs, false) => {
            let message = "--choose goes with --strategy manual: the others settle every conflict";
            return Err(Failure::usage(message));
        }
    };
    let base = input::api_or_ui(&task.base).await?;
    let ours = input::api_or_ui(&task.ours).await?;
    let theirs = input::api_or_ui(&task.theirs).await?;
    let merged = workflows::merge(&base, &ours, &theirs, &strategy)?;
    if task.json {
        output::result(&merged.to_json().to_string())?;
    } else {
        for (path, conflict) in merged.paths.iter().zip(merged.text.lines()) {
            output::note(&format!("conflict: {path}: {conflict}"));
        }
        output::result(&merged.workflow.to_string())?;
    }
    Ok(if merged.settled { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

pub(super) async fn show(task: Show) -> Result<ExitCode, Failure> {
    let workflow = input::api_or_ui(&task.workflow).await?;
    let drawing = match &task.against {
        Some(before) => {
            workflows::draw_diff(&input::api_or_ui(before).await?, &workflow, task.format)?
        }
        None => workflows::draw(&workflow, task.format)?,
    };
    output::result(&drawing)?;
    Ok(ExitCode::SUCCESS)
}

fn choice(text: &str) -> Result<MergeChoice, String> {
    text.parse().map_err(|error: mediafactory::Error| error.to_string())
}

fn drawing(text: &str) -> Result<Drawing, String> {
    text.parse().map_err(|error: mediafactory::Error| error.hint().unwrap_or_default().to_owned())
}

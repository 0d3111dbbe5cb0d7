//! `mediafactory workflow`: checking, correcting, converting, estimating, editing, comparing and
//! drawing.
//!
//! Nothing here runs a workflow. What depends on node classes takes them from `--object-info`, and
//! then needs neither server nor configuration, or else from the server.

mod convert;
mod edit;
mod estimate;
mod inspect;
mod rulebook;
mod validate;

use std::process::ExitCode;

use clap::Subcommand;

use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum WorkflowTask {
    /// Say what ComfyUI would say of a workflow
    Validate(validate::Validate),
    /// Correct what ComfyUI would object to, where there is one best choice
    Fix(validate::Fix),
    /// Make workflows in API format of saved ones, as ComfyUI's front end does
    Convert(convert::Convert),
    /// Lay a workflow in API format out for ComfyUI's front end
    Lift(convert::Lift),
    /// List the inputs, outputs and models of a workflow, and what the server lacks of them
    Inspect(inspect::Inspect),
    /// Say whether a workflow fits into memory, and what would make it fit
    Estimate(estimate::Estimate),
    /// Apply a patch, all of it or nothing
    Edit(edit::Edit),
    /// Tell what is different between two workflows
    Diff(edit::Diff),
    /// Bring together what two people did to one workflow
    Merge(edit::Merge),
    /// Draw a workflow, or the difference of two
    Show(edit::Show),
}

pub(crate) async fn perform(
    task: WorkflowTask,
    settings: Vec<(String, String)>,
) -> Result<ExitCode, Failure> {
    match task {
        WorkflowTask::Validate(task) => validate::validate(task, settings).await,
        WorkflowTask::Fix(task) => validate::fix(task, settings).await,
        WorkflowTask::Convert(task) => convert::convert(task, settings).await,
        WorkflowTask::Lift(task) => convert::lift(task, settings).await,
        WorkflowTask::Inspect(task) => inspect::inspect(task, settings).await,
        WorkflowTask::Estimate(task) => estimate::estimate(task, settings).await,
        WorkflowTask::Edit(task) => edit::edit(task).await,
        WorkflowTask::Diff(task) => edit::diff(task).await,
        WorkflowTask::Merge(task) => edit::merge(task).await,
        WorkflowTask::Show(task) => edit::show(task).await,
    }
}

//! `mediafactory services`: the configured workflows with named parameters.

mod list;
mod run;

use std::process::ExitCode;

use clap::Subcommand;
use mediafactory::config::Resolved;

use self::{list::List, run::Run};
use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum ServicesTask {
    /// All of them with their parameters, and what is wrong with those that cannot be read
    List(List),
    /// Run one
    Run(Run),
}

pub(crate) async fn perform(task: ServicesTask, resolved: &Resolved) -> Result<ExitCode, Failure> {
    match task {
        ServicesTask::List(task) => list::perform(&task, resolved).await,
        ServicesTask::Run(task) => run::perform(task, resolved).await,
    }
}

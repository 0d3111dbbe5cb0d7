//! `mediafactory jobs`: what is on record, whichever process runs it.

mod list;
mod show;
mod watch;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use mediafactory::{Factory, JobId, JobReport, config::Resolved};

use self::{list::List, show::Show, watch::Watch};
use crate::{failure::Failure, output, server::Workplace};

#[derive(Debug, Subcommand)]
pub(crate) enum JobsTask {
    /// List jobs, newest first
    List(List),
    /// Show one job and what came of it
    Show(Show),
    /// Watch jobs until all have ended; fails when one did not succeed
    Watch(Watch),
    /// Cancel jobs, waiting or running
    Cancel(Cancel),
}

#[derive(Debug, Args)]
pub(crate) struct Cancel {
    /// The jobs
    #[arg(value_name = "JOB", required = true)]
    jobs: Vec<JobId>,
}

pub(crate) async fn perform(task: JobsTask, resolved: &Resolved) -> Result<ExitCode, Failure> {
    let workplace = Workplace::for_records(resolved).await?;
    let factory = &workplace.factory;
    let done = match task {
        JobsTask::List(task) => list::perform(factory, task).await,
        JobsTask::Show(task) => show::perform(factory, &task).await,
        JobsTask::Watch(task) => watch::perform(factory, task).await,
        JobsTask::Cancel(task) => cancel(factory, &task.jobs).await,
    };
    workplace.close(done).await
}

/// Cancels one after the other; one that cannot be cancelled keeps none of the others running.
async fn cancel(factory: &Factory, jobs: &[JobId]) -> Result<ExitCode, Failure> {
    let mut code = ExitCode::SUCCESS;
    for job in jobs {
        match factory.cancel(job).await {
            Ok(report) => output::result(&cancelled(&report))?,
            Err(error) => {
                Failure::from(error).tell();
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

fn cancelled(report: &JobReport) -> String {
    if report.state.is_final() {
        return format!("job {} {}", report.job, report.state);
    }
    format!("job {} was told to stop and is still {}", report.job, report.state)
}

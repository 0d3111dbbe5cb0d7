//! `mediafactory jobs watch`: several jobs at once, until all have ended.

use std::process::ExitCode;

use clap::Args;
use futures::future::try_join_all;
use mediafactory::{Factory, JobFilter, JobId, JobReport, State};

use crate::{
    display::{Board, Display},
    failure::Failure,
    follow, output,
};

#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// The jobs; without any, all that have not ended
    #[arg(value_name = "JOB")]
    jobs: Vec<JobId>,
}

pub(super) async fn perform(factory: &Factory, task: Watch) -> Result<ExitCode, Failure> {
    let jobs = if task.jobs.is_empty() { unfinished(factory).await? } else { task.jobs };
    if jobs.is_empty() {
        output::note("no job is unfinished");
        return Ok(ExitCode::SUCCESS);
    }
    // Before anything is drawn: a job that there is not is one error, and no view.
    for job in &jobs {
        factory.job(job).await?;
    }
    // Nobody else may be there to fetch what comes out of a job whose process has left.
    factory.resume().await?;
    let board = Board::new();
    let all = jobs.iter().map(|job| to_the_end(factory, job, board.add(&job.to_string())));
    let reports = tokio::select! {
        reports = try_join_all(all) => reports?,
        () = follow::interrupted() => return Err(Failure::Left),
    };
    tell(&reports)
}

async fn unfinished(factory: &Factory) -> Result<Vec<JobId>, Failure> {
    let states = State::ALL.into_iter().filter(|state| !state.is_final()).collect();
    let mut filter = JobFilter { states, limit: Some(100), ..JobFilter::default() };
    let mut jobs = Vec::new();
    loop {
        let page = factory.jobs(filter.clone()).await?;
        jobs.extend(page.items.iter().map(|job| job.job));
        filter.cursor = page.next_cursor;
        if filter.cursor.is_none() {
            return Ok(jobs);
        }
    }
}

async fn to_the_end(
    factory: &Factory,
    job: &JobId,
    mut display: Display,
) -> Result<JobReport, Failure> {
    let mut follower = factory.follow(job);
    while let Some(news) = follower.next().await? {
        display.show_news(&news);
    }
    display.keep();
    Ok(factory.job(job).await?)
}

/// How each of them ended, and to the shell whether all did well.
fn tell(reports: &[JobReport]) -> Result<ExitCode, Failure> {
    let rows = reports.iter().map(|report| {
        let why = report.failure.as_ref().map(|failure| failure.message.clone());
        [report.job.to_string(), report.state.to_string(), why.unwrap_or_default()]
    });
    output::result(&output::aligned(&rows.collect::<Vec<_>>()))?;
    let all_succeeded = reports.iter().all(|report| report.state == State::Succeeded);
    Ok(if all_succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

//! Following one job to its end, with progress for people and Ctrl-C for second thoughts.

use std::{future, pin::pin, time::Duration};

use mediafactory::{Error, Factory, JobId, JobReport, Progress, State, Waited};
use tokio::{signal::ctrl_c, sync::watch};

use crate::{display::Display, failure::Failure, output};

/// How long one wait lasts before the next begins; the job itself has its own deadline.
const WAIT: Duration = Duration::from_mins(10);

/// Waits for the end. The first Ctrl-C cancels the job and waits on; the second leaves.
pub(crate) async fn to_the_end(factory: &Factory, job: &JobId) -> Result<JobReport, Failure> {
    let mut display = Display::new();
    let mut progress = factory.progress(job);
    if let Some(receiver) = &progress {
        display.show(&receiver.borrow());
    }
    let mut finished = pin!(finished(factory, job));
    let mut interrupted = pin!(interrupted());
    loop {
        tokio::select! {
            report = &mut finished => {
                let report = report?;
                if let Some(receiver) = &progress {
                    display.show(&at_the_end(&receiver.borrow(), &report));
                }
                return Ok(report);
            }
            now = next(&mut progress) => display.show(&now),
            () = &mut interrupted => break,
        }
    }
    display.clear();
    interrupted.set(self::interrupted());
    let cancelled = async {
        output::note("cancelling the job; press Ctrl-C again to leave at once");
        factory.stop(job).await?;
        finished.await
    };
    // In this order: whoever has read the note is already listened to.
    tokio::select! {
        biased;
        () = interrupted => Err(Failure::Left),
        report = cancelled => Ok(report?),
    }
}

/// Where the job is now that it has ended: the news of it may come later than the end itself.
fn at_the_end(last: &Progress, report: &JobReport) -> Progress {
    let percent = if report.state == State::Succeeded { 100.0 } else { last.percent };
    Progress { state: report.state, percent, node: None, queue_position: None, ..last.clone() }
}

async fn finished(factory: &Factory, job: &JobId) -> Result<JobReport, Error> {
    loop {
        if let Waited::Finished(report) = factory.wait(job, WAIT).await? {
            return Ok(report);
        }
    }
}

/// Never ends where this process cannot be told of Ctrl-C.
pub(crate) async fn interrupted() {
    if ctrl_c().await.is_err() {
        future::pending::<()>().await;
    }
}

/// The next news; never ends when there will be none.
async fn next(progress: &mut Option<watch::Receiver<Progress>>) -> Progress {
    while let Some(receiver) = progress {
        if receiver.changed().await.is_ok() {
            return receiver.borrow_and_update().clone();
        }
        *progress = None;
    }
    future::pending().await
}

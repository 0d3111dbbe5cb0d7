//! Following one job to its end, with progress for people and Ctrl-C for second thoughts.

use std::{future, io::IsTerminal as _, pin::pin, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use mediafactory::{Error, Factory, JobId, JobReport, Progress, State, Waited};
use tokio::{signal::ctrl_c, sync::watch};

use crate::{failure::Failure, output};

/// How long one wait lasts before the next begins; the job itself has its own deadline.
const WAIT: Duration = Duration::from_mins(10);

/// How much further a job must be for another line about the same node, where no bar can be drawn.
const PERCENT_BETWEEN_LINES: f64 = 10.0;

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
            report = &mut finished => return Ok(report?),
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

/// A bar on a terminal, now and then a line elsewhere.
#[derive(Debug)]
enum Display {
    Bar(ProgressBar),
    Lines { last: Option<(String, f64)> },
}

impl Display {
    fn new() -> Self {
        if !std::io::stderr().is_terminal() {
            return Self::Lines { last: None };
        }
        let bar = ProgressBar::new(100);
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos:>3} %  {msg}") {
            bar.set_style(style);
        }
        Self::Bar(bar)
    }

    fn show(&mut self, progress: &Progress) {
        let (what, step) = described(progress);
        let percent = progress.percent.clamp(0.0, 100.0);
        match self {
            Self::Bar(bar) => {
                bar.set_position(whole(percent));
                bar.set_message(format!("{what}{step}"));
            }
            Self::Lines { last } => {
                // Between two nodes a job just runs, which is no news.
                let runs_on = progress.node.is_none() && progress.state == State::Running;
                let is_news = last.as_ref().is_none_or(|(said, at)| {
                    !runs_on && (*said != what || percent - at >= PERCENT_BETWEEN_LINES)
                });
                if is_news {
                    output::note(&format!("{percent:>3.0} %  {what}{step}"));
                    *last = Some((what, percent));
                }
            }
        }
    }

    fn clear(&self) {
        match self {
            Self::Bar(bar) => bar.finish_and_clear(),
            Self::Lines { .. } => {}
        }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        self.clear();
    }
}

/// What happens, and how far it is. Only a change of the first is worth a line of its own.
fn described(progress: &Progress) -> (String, String) {
    if let Some(node) = &progress.node {
        let title = node.title.as_ref().filter(|title| **title != node.class_type);
        let title = title.map(|title| format!(" \u{201c}{title}\u{201d}")).unwrap_or_default();
        let step = if node.steps > 1.0 {
            format!(", step {} of {}", node.step, node.steps)
        } else {
            String::new()
        };
        return (format!("{}{title}", node.class_type), step);
    }
    let what = match (progress.state, progress.queue_position) {
        (State::Recorded, _) => "recorded",
        (State::Submitting, _) => "being sent",
        (State::Queued, None) => "queued",
        (State::Queued, Some(0)) => "next in the queue",
        (State::Queued, Some(before)) => {
            return (format!("queued, {before} before it"), String::new());
        }
        (State::Running, _) => "running",
        (State::Succeeded, _) => "done",
        (State::Failed, _) => "failed",
        (State::Cancelled, _) => "cancelled",
        (State::TimedOut, _) => "timed out",
        (State::Lost, _) => "lost",
    };
    (what.to_owned(), String::new())
}

/// Percent without its fraction.
fn whole(percent: f64) -> u64 {
    (1..=100_u32).take_while(|&step| f64::from(step) <= percent).last().map_or(0, u64::from)
}

#[cfg(test)]
mod tests {
    use mediafactory::NodeProgress;

    use super::*;

    fn progress(state: State, queue_position: Option<u32>) -> Progress {
        Progress {
            state,
            queue_position,
            percent: 0.0,
            nodes_done: 0,
            nodes_total: 7,
            node: None,
            seconds_left: None,
        }
    }

    #[track_caller]
    fn check_described(progress: &Progress, expected: &str) {
        let (what, step) = described(progress);
        assert_eq!(what + &step, expected);
    }

    #[test]
    fn progress_is_told_in_words() {
        check_described(&progress(State::Recorded, None), "recorded");
        check_described(&progress(State::Queued, Some(2)), "queued, 2 before it");
        check_described(&progress(State::Queued, Some(0)), "next in the queue");
        let mut node = NodeProgress {
            id: "3".to_owned(),
            class_type: "KSampler".to_owned(),
            title: Some("Refine".to_owned()),
            step: 8.0,
            steps: 20.0,
        };
        let of = |node: &NodeProgress| Progress {
            node: Some(node.clone()),
            ..progress(State::Running, None)
        };
        check_described(&of(&node), "KSampler \u{201c}Refine\u{201d}, step 8 of 20");
        node.title = Some("KSampler".to_owned());
        node.steps = 1.0;
        check_described(&of(&node), "KSampler");
    }

    #[test]
    fn percent_lose_their_fraction_and_nothing_else() {
        for (percent, expected) in [(0.0, 0), (0.9, 0), (1.0, 1), (99.99, 99), (100.0, 100)] {
            assert_eq!(whole(percent), expected);
        }
    }
}

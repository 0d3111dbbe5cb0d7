//! How far jobs are, for people: bars on a terminal, now and then a line elsewhere.

use std::io::IsTerminal as _;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use mediafactory::{News, Progress, RecordedProgress, State};

use crate::output;

/// How much further a job must be for another line about the same node, where no bar can be drawn.
const PERCENT_BETWEEN_LINES: f64 = 10.0;

/// One job on the screen.
#[derive(Debug)]
pub(crate) enum Display {
    Bar(ProgressBar),
    Lines {
        /// What stands before every line.
        prefix: String,
        last: Option<(String, f64)>,
    },
}

/// Several jobs on the screen, one below the other.
#[derive(Debug)]
pub(crate) struct Board(Option<MultiProgress>);

impl Board {
    pub(crate) fn new() -> Self {
        Self(std::io::stderr().is_terminal().then(MultiProgress::new))
    }

    /// One more job.
    pub(crate) fn add(&self, name: &str) -> Display {
        let Some(bars) = &self.0 else {
            return Display::Lines { prefix: format!("{name}  "), last: None };
        };
        let bar = bars.add(bar("{prefix}  {bar:20} {pos:>3} %  {msg}"));
        bar.set_prefix(name.to_owned());
        Display::Bar(bar)
    }
}

fn bar(template: &str) -> ProgressBar {
    let bar = ProgressBar::new(100);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

impl Display {
    pub(crate) fn new() -> Self {
        if std::io::stderr().is_terminal() {
            Self::Bar(bar("{bar:30} {pos:>3} %  {msg}"))
        } else {
            Self::Lines { prefix: String::new(), last: None }
        }
    }

    pub(crate) fn show(&mut self, progress: &Progress) {
        let (what, step) = described(progress);
        let percent = progress.percent.clamp(0.0, 100.0);
        match self {
            Self::Bar(bar) => {
                bar.set_position(whole(percent));
                bar.set_message(format!("{what}{step}"));
            }
            Self::Lines { prefix, last } => {
                // Between two nodes a job just runs, which is no news.
                let runs_on = progress.node.is_none() && progress.state == State::Running;
                let is_news = last.as_ref().is_none_or(|(said, at)| {
                    !runs_on && (*said != what || percent - at >= PERCENT_BETWEEN_LINES)
                });
                if is_news {
                    output::note(&format!("{prefix}{percent:>3.0} %  {what}{step}"));
                    *last = Some((what, percent));
                }
            }
        }
    }

    /// Shows a job wherever it runs; of one in another process it is known how far that one wrote
    /// down that it is.
    pub(crate) fn show_news(&mut self, news: &News) {
        if let Some(progress) = &news.progress {
            return self.show(progress);
        }
        let (what, _) = described(&Progress::waiting(news.state));
        let elsewhere = match (news.state.is_final(), &news.recorded) {
            (true, _) => String::new(),
            (false, None) => ", in another process".to_owned(),
            (false, Some(recorded)) => {
                let RecordedProgress { nodes_done, nodes_total, .. } = recorded;
                format!(", in another process: {nodes_done} of {nodes_total} nodes when last heard")
            }
        };
        let percent = match (news.state, &news.recorded) {
            (State::Succeeded, _) => Some(100.0),
            (_, recorded) => recorded.as_ref().map(|recorded| recorded.percent),
        };
        match self {
            Self::Bar(bar) => {
                if let Some(percent) = percent {
                    bar.set_position(whole(percent));
                }
                bar.set_message(format!("{what}{elsewhere}"));
            }
            Self::Lines { prefix, last } => {
                let percent = percent.unwrap_or_default();
                let is_news = last.as_ref().is_none_or(|(said, at)| {
                    *said != what || percent - at >= PERCENT_BETWEEN_LINES
                });
                if is_news {
                    let far = news.recorded.map(|_| format!("{percent:>3.0} %  "));
                    let far = far.unwrap_or_default();
                    output::note(&format!("{prefix}{far}{what}{elsewhere}"));
                    *last = Some((what, percent));
                }
            }
        }
    }

    /// Leaves the bar as it is now.
    pub(crate) fn keep(&self) {
        match self {
            Self::Bar(bar) => bar.abandon(),
            Self::Lines { .. } => {}
        }
    }

    pub(crate) fn clear(&self) {
        match self {
            Self::Bar(bar) if !bar.is_finished() => bar.finish_and_clear(),
            Self::Bar(_) | Self::Lines { .. } => {}
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

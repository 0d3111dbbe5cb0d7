//! Jobs that another process drives: what it wrote down of them.

use std::convert::Infallible;

use mediafactory::{JobId, News, RecordedProgress};

use crate::{
    definition::Call,
    progress::{self, HEARTBEAT, Scale},
};

/// How far such a job is, in words.
pub(crate) fn describe(recorded: &RecordedProgress) -> String {
    let RecordedProgress { percent, nodes_done, nodes_total, .. } = recorded;
    format!("{percent:.0} %, {nodes_done} of {nodes_total} nodes, as its process wrote down last")
}

/// What is said of such a job beside that.
pub(crate) const DRIVEN_ELSEWHERE: &str =
    "another process drives it, which alone shows its steps and previews";

/// Reports a job of another process to a caller who asked for progress, until it is dropped.
pub(crate) async fn report(call: &Call, job: &JobId) -> Infallible {
    if let Some(reporter) = &call.reporter
        && call.factory.progress(job).is_none()
    {
        let mut follower = call.factory.follow(job);
        let (mut scale, mut told) = (Scale::default(), None);
        loop {
            match tokio::time::timeout(HEARTBEAT, follower.next()).await {
                Ok(Ok(Some(news))) => told = Some(tell(&news, told.map_or(0.0, |(last, _)| last))),
                Ok(Ok(None) | Err(_)) => break,
                // It is said once more where the job is.
                Err(_) => {}
            }
            let Some((percent, message)) = told.clone() else { continue };
            let is_over = call.ending.nobody_cancels.is_cancelled();
            if is_over || !reporter.tell(scale.next(percent), message).await {
                break;
            }
        }
    }
    std::future::pending().await
}

/// What is told of one piece of news after a job was so far.
fn tell(news: &News, last: f64) -> (f64, String) {
    match (&news.progress, &news.recorded) {
        // This process has taken the job over.
        (Some(progress), _) => (progress.percent, progress::describe(progress)),
        (None, Some(recorded)) => (recorded.percent, describe(recorded)),
        (None, None) => (last, news.state.to_string()),
    }
}

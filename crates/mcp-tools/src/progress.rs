//! Waiting for a job while telling the caller how far it is.

use std::{pin::pin, time::Duration};

use mediafactory::{Error, JobId, Progress, State, Steps, Waited};
use rmcp::{
    Peer, RoleServer,
    model::{ProgressNotificationParam, ProgressToken},
};

use crate::{
    definition::{Call, Ending},
    elsewhere,
};

/// How long one notification may take. A client that stopped reading would otherwise hold the
/// job's own loop, and with it the answer.
const NOTIFY_TIMEOUT: Duration = Duration::from_secs(1);

/// How often something is said when nothing changes. Sessions over HTTP count a silent call as
/// idle, and clients reset their own timeouts on progress.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(20);

/// Progress has to grow with every notification; news without progress grows by this much.
const GROWTH_MIN: f64 = 0.001;

/// The end of the scale: per cent of the whole graph.
const WHOLE: f64 = 100.0;

/// Tells one caller about one job.
#[derive(Clone)]
pub(crate) struct Reporter {
    peer: Peer<RoleServer>,
    token: ProgressToken,
}

/// What becomes of the job when the caller takes the call back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnCancel {
    /// The call started the job, so it ends with the call.
    StopJob,
    /// The job is its own.
    LeaveJob,
}

impl Reporter {
    pub(crate) fn new(peer: Peer<RoleServer>, token: ProgressToken) -> Self {
        Self { peer, token }
    }

    /// Says it, or gives up after a moment; whether the caller still listens.
    pub(crate) async fn tell(&self, percent: f64, message: String) -> bool {
        let notification = ProgressNotificationParam::new(self.token.clone(), percent)
            .with_total(WHOLE)
            .with_message(message);
        let sent = tokio::time::timeout(NOTIFY_TIMEOUT, self.peer.notify_progress(notification));
        matches!(sent.await, Ok(Ok(())))
    }
}

/// Waits for a job, but not longer than `at_most`, than the caller wants, or than this server
/// runs.
pub(crate) async fn wait(
    call: &Call,
    job: &JobId,
    at_most: Duration,
    on_cancel: OnCancel,
) -> Result<Waited, Error> {
    let ending = &call.ending;
    let waiting = call.factory.wait(job, at_most);
    let reporting = report(call.factory.steps(job), call.reporter.as_ref(), ending);
    let waited = tokio::select! {
        biased;
        () = ending.waits_end.cancelled() => as_it_stands(call, job).await?,
        () = call.cancelled.cancelled() => give_up(call, job, on_cancel).await?,
        waited = tell_meanwhile(waiting, reporting) => waited?,
        never = elsewhere::report(call, job) => match never {},
    };
    if let (Waited::Finished(report), Some(reporter)) = (&waited, &call.reporter)
        && report.state == State::Succeeded
        && !ending.nobody_cancels.is_cancelled()
    {
        reporter.tell(WHOLE, "done".to_owned()).await;
    }
    Ok(waited)
}

/// Waits for a job while every step of it is told, and at its end for the steps that are not told
/// yet: the answer comes after them.
async fn tell_meanwhile(
    waiting: impl Future<Output = Result<Waited, Error>>,
    reporting: impl Future<Output = ()>,
) -> Result<Waited, Error> {
    let (mut waiting, mut reporting) = (pin!(waiting), pin!(reporting));
    let mut has_told = false;
    let waited = loop {
        tokio::select! {
            biased;
            waited = &mut waiting => break waited?,
            () = &mut reporting, if !has_told => has_told = true,
        }
    };
    if !has_told
        && matches!(waited, Waited::Finished(_))
        && tokio::time::timeout(NOTIFY_TIMEOUT, reporting).await.is_err()
    {
        tracing::debug!("the caller reads too slowly to be told the last steps");
    }
    Ok(waited)
}

/// Ends the wait because the call was cancelled. A caller that takes the call back takes the
/// job back with it; when the caller is gone, the job stays with ComfyUI.
async fn give_up(call: &Call, job: &JobId, on_cancel: OnCancel) -> Result<Waited, Error> {
    if call.ending.nobody_cancels.is_cancelled() || on_cancel == OnCancel::LeaveJob {
        return as_it_stands(call, job).await;
    }
    call.factory.stop(job).await.map(Waited::Finished)
}

async fn as_it_stands(call: &Call, job: &JobId) -> Result<Waited, Error> {
    call.factory.wait(job, Duration::ZERO).await
}

/// Reports every step of a job until it has ended or nobody listens any more.
async fn report(steps: Option<Steps>, reporter: Option<&Reporter>, ending: &Ending) {
    let (Some(mut steps), Some(reporter)) = (steps, reporter) else { return };
    let mut scale = Scale::default();
    let mut now = None;
    loop {
        match tokio::time::timeout(HEARTBEAT, steps.next()).await {
            Ok(Some(step)) => now = Some(step),
            Ok(None) => return,
            // It is said once more where the job is.
            Err(_) => {}
        }
        let Some(now) = now.as_ref().filter(|now| !now.state.is_final()) else { return };
        let (percent, message) = (scale.next(now.percent), describe(now));
        if ending.nobody_cancels.is_cancelled() || !reporter.tell(percent, message).await {
            return;
        }
    }
}

/// How far a job is, in words.
pub(crate) fn describe(progress: &Progress) -> String {
    if let Some(node) = &progress.node {
        let title = node.title.as_ref().map(|title| format!(" ({title})")).unwrap_or_default();
        let step = if node.steps > 1.0 {
            format!(", step {} of {}", node.step, node.steps)
        } else {
            String::new()
        };
        return format!("{:.0} %: {}{title}{step}", progress.percent, node.class_type);
    }
    match (progress.state, progress.queue_position) {
        (State::Queued, Some(0)) => "queued: next".to_owned(),
        (State::Queued, Some(before)) => format!("queued: {before} before it"),
        (State::Running, _) => format!("{:.0} %", progress.percent),
        (state, _) => state.as_str().to_owned(),
    }
}

/// Turns per cent into values that always grow and stay below the whole, as the protocol wants:
/// a new place in the queue is news, but no progress.
#[derive(Default)]
pub(crate) struct Scale {
    last: Option<f64>,
}

impl Scale {
    pub(crate) fn next(&mut self, percent: f64) -> f64 {
        let next = match self.last {
            None => percent.clamp(0.0, WHOLE - GROWTH_MIN),
            Some(last) => {
                let grown = percent.max(last + GROWTH_MIN);
                if grown < WHOLE { grown } else { last + (WHOLE - last) / 2.0 }
            }
        };
        self.last = Some(next);
        next
    }
}

#[cfg(test)]
mod tests {
    use mediafactory::NodeProgress;

    use super::*;

    #[test]
    fn words_name_the_place_in_the_queue_then_node_and_step() {
        let mut progress = Progress::waiting(State::Queued);
        assert_eq!(describe(&progress), "queued");
        progress.queue_position = Some(2);
        assert_eq!(describe(&progress), "queued: 2 before it");
        progress.state = State::Running;
        progress.percent = 41.7;
        assert_eq!(describe(&progress), "42 %");
        let node = NodeProgress {
            id: "3".to_owned(),
            class_type: "KSampler".to_owned(),
            title: Some("Sample".to_owned()),
            step: 5.0,
            steps: 20.0,
        };
        progress.node = Some(node.clone());
        assert_eq!(describe(&progress), "42 %: KSampler (Sample), step 5 of 20");
        progress.node = Some(NodeProgress { title: None, step: 0.0, steps: 1.0, ..node });
        assert_eq!(describe(&progress), "42 %: KSampler");
    }

    #[test]
    fn what_is_told_always_grows_and_stays_below_the_whole() {
        let mut scale = Scale::default();
        let told: Vec<f64> = [0.0, 0.0, 40.0, 30.0, 100.0, 100.0]
            .into_iter()
            .map(|percent| scale.next(percent))
            .collect();
        assert!(told.is_sorted_by(|one, other| one < other), "{told:?}");
        assert_eq!(told.first(), Some(&0.0));
        assert!(told.contains(&40.0));
        assert!(told.iter().all(|value| *value < WHOLE));
    }
}

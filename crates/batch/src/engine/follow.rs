//! Following a prompt that ComfyUI has, to the end that its history tells.

use std::{pin::Pin, time::Duration};

use comfy_client::{Ended, Error, Outcome, Watch};
use tokio::time::{Instant, MissedTickBehavior, Sleep};

use super::{
    FinishError, Finished,
    ran::ran,
    run::Run,
    submit::{execution_failure, with_causes},
};
use crate::{Event, Failure, State, StopReason, StoreError, estimate::node_runs};

/// How long a job that waits at the server is not asked for: most begin before.
const QUEUE_PAUSE_FIRST: Duration = Duration::from_secs(1);

/// How often the log is read for what other processes wrote, and a stop is repeated until it
/// took effect.
const POLL_PAUSE: Duration = Duration::from_secs(2);

/// How often the server's queue is asked for the place of a job that waits: the reply holds every
/// workflow that waits there.
const QUEUE_PAUSE: Duration = Duration::from_secs(6);

/// How long a prompt may go on after it was told to stop. A node that computes in one long call
/// notices only after it; beyond this the job is given up, and the server left to it.
const STOP_PATIENCE: Duration = Duration::from_mins(5);

/// The pause before results are fetched again that could not be.
const FINISH_PAUSE: Duration = Duration::from_secs(2);

/// The times that matter while a prompt is followed.
struct Times {
    deadline: Pin<Box<Sleep>>,
    /// When the server's queue is asked next; at once for a job whose beginning may be missed.
    queue_at: Instant,
    /// Since when the prompt is told to stop.
    stopping_since: Option<Instant>,
}

impl Run {
    /// Follows the prompt until its outcome is written, or the engine stops. What stops it stands
    /// in the log, whichever process wrote it.
    pub(super) async fn follow(&mut self, mut watch: Watch) -> Result<(), StoreError> {
        let first_pause = if self.sees_beginning && self.job.stop_requested().is_none() {
            QUEUE_PAUSE_FIRST
        } else {
            Duration::ZERO
        };
        let first_look = Instant::now() + first_pause;
        let mut times = Times {
            deadline: Box::pin(tokio::time::sleep(Duration::MAX)),
            queue_at: first_look,
            stopping_since: None,
        };
        self.arm(&mut times);
        let mut poll = tokio::time::interval_at(first_look, POLL_PAUSE);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (cancel, stopping) = (self.cancel.clone(), self.shared.stopping.clone());
        loop {
            let asked_to_stop = self.job.stop_requested().is_some();
            tokio::select! {
                event = watch.next() => match event {
                    Some(event) => self.observe(&event, &mut times).await?,
                    None => break,
                },
                () = cancel.cancelled(), if !asked_to_stop => {
                    self.write(Event::StopRequested { why: StopReason::Cancelled }).await?;
                    poll.reset_immediately();
                }
                () = &mut times.deadline, if !asked_to_stop => {
                    self.write(Event::StopRequested { why: StopReason::TimedOut }).await?;
                    poll.reset_immediately();
                }
                _ = poll.tick() => self.poll(&mut times).await?,
                () = stopping.cancelled() => return Ok(()),
            }
            if self.job.state.is_final() {
                return Ok(());
            }
        }
        self.read_no_more_memory();
        match watch.finish().await {
            Ok(ended) => self.end(&ended).await,
            Err(error) => self.write(Event::Lost { reason: with_causes(&error) }).await.map(drop),
        }
    }

    /// Sets the deadline, counted from when the server began, and begins to look at its memory.
    fn arm(&mut self, times: &mut Times) {
        if self.job.state == State::Running {
            self.read_memory();
            let began = self.job.started_at().unwrap_or(self.job.record.created_at);
            let most = self.job.record.running_time_max;
            let most = most.unwrap_or(self.shared.options.running_time_max);
            let left = most.saturating_sub(self.shared.since(began));
            if let Some(deadline) = Instant::now().checked_add(left) {
                times.deadline.as_mut().reset(deadline);
            }
        }
    }

    fn read_memory(&mut self) {
        if self.reading.is_none()
            && let Some(server) = self.server()
        {
            self.reading = Some(self.shared.read_memory(server));
        }
    }

    /// What came after the end says nothing of this job.
    fn read_no_more_memory(&mut self) {
        let Some(seen) = self.reading.take().and_then(|reading| reading.peak()) else { return };
        match &mut self.memory {
            Some(memory) => memory.take_in(&seen),
            none @ None => *none = Some(seen),
        }
    }

    /// The server has begun with it.
    async fn began(&mut self, times: &mut Times) -> Result<(), StoreError> {
        self.write(Event::Started).await?;
        self.arm(times);
        let shape = &self.job.record.shape_digest;
        if shape.is_empty() {
            return Ok(());
        }
        match self.shared.earlier.of_shape(shape, &*self.shared.store).await {
            Ok(expected) => self.tracker.expect(expected),
            // One of them may be damaged. This job runs all the same, without an estimate.
            Err(error) => tracing::warn!(job = %self.id(), %error, "no earlier jobs to compare"),
        }
        Ok(())
    }

    /// Takes in what the server says.
    async fn observe(
        &mut self,
        event: &comfy_client::Event,
        times: &mut Times,
    ) -> Result<(), StoreError> {
        if self.job.state == State::Queued && shows_execution(event) {
            self.began(times).await?;
        }
        self.tracker.take_in(event);
        self.show_preview(event);
        self.show();
        Ok(())
    }

    /// Looks at the log and at the server's queue, as far as that is due.
    async fn poll(&mut self, times: &mut Times) -> Result<(), StoreError> {
        self.reload().await?;
        self.write_advance().await?;
        let asked = match self.job.stop_requested() {
            _ if self.job.state.is_final() => Ok(()),
            Some(why) => self.stop(why, times).await?,
            None if self.job.state == State::Queued && Instant::now() >= times.queue_at => {
                times.queue_at = Instant::now() + QUEUE_PAUSE;
                self.ask_queue(times).await?
            }
            None => Ok(()),
        };
        if let Err(error) = asked {
            tracing::debug!(job = %self.id(), %error, "the server did not answer; asked again later");
        }
        Ok(())
    }

    /// Tells the server to stop the prompt, again and again: a node that computes may not notice
    /// at once, and a prompt may have moved from the queue to running just then. One that is
    /// taken out of the queue leaves no trace there; otherwise the history tells.
    async fn stop(
        &mut self,
        why: StopReason,
        times: &mut Times,
    ) -> Result<Result<(), Error>, StoreError> {
        let since = *times.stopping_since.get_or_insert_with(Instant::now);
        let Some(server) = self.server() else { return Ok(Ok(())) };
        let stopped = match server.client.cancel(&self.prompt).await {
            Ok(cancelled) if cancelled.is_stopped() => Ok(true),
            Ok(_) => self.is_at(server).await.map(|is_there| !is_there),
            Err(error) => Err(error),
        };
        let gives_up = since.elapsed() >= STOP_PATIENCE;
        if gives_up {
            tracing::warn!(job = %self.id(), "the server still runs a prompt that was told to stop");
        }
        if gives_up || matches!(stopped, Ok(true)) {
            self.write(stop_event(why)).await?;
        }
        Ok(stopped.map(drop))
    }

    /// Asks the server's queue how many prompts come before this one. Also tells that it began
    /// where no event did: the deadline must not hang on the socket.
    async fn ask_queue(&mut self, times: &mut Times) -> Result<Result<(), Error>, StoreError> {
        let Some(server) = self.server() else { return Ok(Ok(())) };
        let queue = match server.client.queue().await {
            Ok(queue) => queue,
            Err(error) => return Ok(Err(error)),
        };
        let is_ours = |item: &comfy_client::QueueItem| self.prompt.names(&item.prompt_id);
        if queue.running.iter().any(is_ours) {
            self.began(times).await?;
            return Ok(Ok(()));
        }
        let waiting = queue.pending.iter().position(is_ours);
        let before = waiting.map(|place| place.saturating_add(queue.running.len()));
        self.tracker.queue_position(before.and_then(|before| u32::try_from(before).ok()));
        self.show();
        Ok(Ok(()))
    }

    /// Writes the end that the history tells. What was asked for explains an interruption, never
    /// a success.
    async fn end(&mut self, ended: &Ended) -> Result<(), StoreError> {
        if ended.outcome == Outcome::Succeeded {
            return self.keep_results(ended).await;
        }
        self.reload().await?;
        let stop = self.job.stop_requested();
        let event = match &ended.outcome {
            Outcome::Failed(error) => self.failed(execution_failure(error), ended),
            Outcome::Interrupted { .. } => stop.map_or(Event::Cancelled, stop_event),
            Outcome::Lost => stop.map_or_else(|| lost(ended), stop_event),
            outcome @ (Outcome::Unexplained { .. } | _) => {
                let message =
                    format!("the server's history does not say how the prompt ended ({outcome:?})");
                self.failed(Failure::new("unexplained", message), ended)
            }
        };
        self.write(event).await.map(drop)
    }

    fn failed(&self, failure: Failure, ended: &Ended) -> Event {
        Event::ExecutionFailed { failure, nodes: node_runs(&ended.timings, &self.workflow) }
    }

    /// Has the results kept, together with the last log entry. While they cannot be fetched, the
    /// job goes on: they are on the server, and it may only be away.
    async fn keep_results(&mut self, ended: &Ended) -> Result<(), StoreError> {
        let Some(server) = self.server().cloned() else { return Ok(()) };
        let nodes = node_runs(&ended.timings, &self.workflow);
        let ran = ended.entry.as_ref().and_then(|entry| ran(entry, &self.workflow));
        let began = Instant::now();
        loop {
            let (job, client) = (&self.job, &server.client);
            let memory = self.memory.as_ref();
            let finished = Finished { job, ended, client, nodes: &nodes, ran, memory };
            let failure = match self.shared.finisher.finish(finished).await {
                Ok(state) => {
                    self.shared.earlier.note(&self.job.record.shape_digest, nodes);
                    self.enter(state);
                    return Ok(());
                }
                Err(FinishError::Store(StoreError::Illegal { .. })) => {
                    return self.reload().await;
                }
                Err(FinishError::Store(error)) => return Err(error),
                Err(FinishError::Results { failure, try_again }) => {
                    let is_late = began.elapsed() >= self.shared.options.server_away_max;
                    if is_late || !try_again {
                        let failed = self.failed(failure, ended);
                        return self.write(failed).await.map(drop);
                    }
                    failure
                }
            };
            tracing::warn!(job = %self.id(), failure.message, "the results are fetched again");
            self.rest(FINISH_PAUSE).await;
            self.reload().await?;
            if self.shared.stopping.is_cancelled() || self.job.state.is_final() {
                return Ok(());
            }
            // Who gives the job up does not want to wait for results that cannot be had now.
            let cancelled = self.cancel.is_cancelled().then_some(StopReason::Cancelled);
            if let Some(why) = self.job.stop_requested().or(cancelled) {
                return self.write(stop_event(why)).await.map(drop);
            }
        }
    }
}

pub(super) fn stop_event(why: StopReason) -> Event {
    match why {
        StopReason::Cancelled => Event::Cancelled,
        StopReason::TimedOut => Event::TimedOut,
    }
}

fn lost(ended: &Ended) -> Event {
    let why = if ended.server_was_away {
        "the server was away meanwhile, and was most likely restarted"
    } else {
        "it was deleted there, or the server was restarted"
    };
    let reason = format!("the prompt is neither in the server's queue nor in its history: {why}");
    Event::Lost { reason }
}

/// Whether an event only comes of a prompt that the server has begun with.
fn shows_execution(event: &comfy_client::Event) -> bool {
    use comfy_client::Event as E;
    !matches!(event, E::SocketLost { .. } | E::SocketBack | E::Missed { .. })
}

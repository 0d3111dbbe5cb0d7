//! Following a prompt that ComfyUI has, to the end that its history tells.

use std::{pin::Pin, time::Duration};

use comfy_client::{Ended, Error, Outcome, Watch};
use tokio::time::{Instant, MissedTickBehavior, Sleep};

use super::{
    FinishError, cancel,
    run::Run,
    submit::{execution_failure, with_causes},
};
use crate::{Event, Failure, State, StoreError};

/// How often the place in the queue is asked for, and a stop is repeated until it took effect.
const POLL_PAUSE: Duration = Duration::from_secs(2);

/// Why we ask the server to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    Cancel,
    TimeOut,
}

/// What a look at the server's queue brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Polled {
    Nothing,
    Began,
    Over,
}

/// Where a prompt is that its server has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Waits,
    Runs,
}

impl Run {
    /// Follows the prompt until its outcome is known, or the engine stops.
    pub(super) async fn follow(mut self, mut watch: Watch) -> Result<(), StoreError> {
        let mut stop = None;
        let mut deadline = Box::pin(tokio::time::sleep(Duration::MAX));
        self.arm(&mut deadline);
        let mut poll = tokio::time::interval(POLL_PAUSE);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (cancel, stopping) = (self.cancel.clone(), self.shared.stopping.clone());
        loop {
            tokio::select! {
                event = watch.next() => match event {
                    Some(event) => {
                        if self.observe(&event).await? {
                            self.arm(&mut deadline);
                        }
                    }
                    None => break,
                },
                () = cancel.cancelled(), if stop.is_none() => {
                    stop = Some(Stop::Cancel);
                    poll.reset_immediately();
                }
                () = &mut deadline, if stop.is_none() => {
                    stop = Some(Stop::TimeOut);
                    poll.reset_immediately();
                }
                _ = poll.tick() => match self.poll(stop).await? {
                    Polled::Over => return Ok(()),
                    Polled::Began => self.arm(&mut deadline),
                    Polled::Nothing => {}
                },
                () = stopping.cancelled() => return Ok(()),
            }
        }
        match watch.finish().await {
            Ok(ended) => self.end(ended, stop).await,
            Err(error) => self.gone(&error).await,
        }
    }

    /// Sets the deadline, counted from when the server began.
    fn arm(&self, deadline: &mut Pin<Box<Sleep>>) {
        if self.job.state == State::Running {
            let began = self.job.started_at().unwrap_or(self.job.record.created_at);
            let ran = self.shared.now().duration_since(began).unsigned_abs();
            let left = self.running_time_max().saturating_sub(ran);
            deadline.as_mut().reset(Instant::now() + left);
        }
    }

    fn running_time_max(&self) -> Duration {
        self.job.record.running_time_max.unwrap_or(self.shared.options.running_time_max)
    }

    /// Takes in what the server says. Answers whether the job has begun with it.
    async fn observe(&mut self, event: &comfy_client::Event) -> Result<bool, StoreError> {
        let begins = self.job.state == State::Queued && shows_execution(event);
        if begins {
            self.write(Event::Started).await?;
        }
        self.tracker.take_in(event);
        self.show();
        Ok(begins)
    }

    /// Asks for the place in the queue, or repeats that the prompt is to stop: a node that
    /// blocks may not notice at once, and a prompt may have moved from the queue to running
    /// just then.
    async fn poll(&mut self, stop: Option<Stop>) -> Result<Polled, StoreError> {
        let asked = match stop {
            Some(stop) => match self.stop_at_server().await {
                // Taken out of the queue, it leaves no trace.
                Ok(true) => return self.write(stop.event()).await.map(|_| Polled::Over),
                Ok(false) => Ok(()),
                Err(error) => Err(error),
            },
            None if self.job.state == State::Queued => match self.ask_queue().await {
                Ok(Place::Runs) => return self.write(Event::Started).await.map(|_| Polled::Began),
                Ok(Place::Waits) => Ok(()),
                Err(error) => Err(error),
            },
            None => Ok(()),
        };
        if let Err(error) = asked {
            tracing::debug!(job = %self.id(), %error, "the server did not answer; asked again later");
        }
        Ok(Polled::Nothing)
    }

    async fn stop_at_server(&self) -> Result<bool, Error> {
        cancel::at_server(&self.shared, &self.job).await?;
        Ok(!self.is_at_server().await?)
    }

    /// Asks the server's queue how many prompts come before this one. Also tells that it began
    /// where no event did: the deadline must not hang on the socket.
    async fn ask_queue(&mut self) -> Result<Place, Error> {
        let queue = self.shared.client.queue().await?;
        if queue.running.iter().any(|item| self.prompt.names(&item.prompt_id)) {
            return Ok(Place::Runs);
        }
        let waiting = queue.pending.iter().position(|item| self.prompt.names(&item.prompt_id));
        let before = waiting.map(|place| place.saturating_add(queue.running.len()));
        self.tracker.queue_position(before.and_then(|before| u32::try_from(before).ok()));
        self.show();
        Ok(Place::Waits)
    }

    /// Writes the end that the history tells. What we asked for explains an interruption, never
    /// a success.
    async fn end(mut self, ended: Ended, stop: Option<Stop>) -> Result<(), StoreError> {
        let event = match &ended.outcome {
            Outcome::Succeeded => match self.shared.finisher.finish(&self.job, &ended).await {
                Ok(_) | Err(FinishError::Store(StoreError::Illegal { .. })) => {
                    return self.reload().await;
                }
                Err(FinishError::Store(error)) => return Err(error),
                Err(FinishError::Results(failure)) => Event::ExecutionFailed { failure },
            },
            Outcome::Failed(error) => Event::ExecutionFailed { failure: execution_failure(error) },
            Outcome::Interrupted { .. } => stop.map_or(Event::Cancelled, Stop::event),
            Outcome::Lost => stop.map_or_else(deleted, Stop::event),
            outcome @ (Outcome::Unexplained { .. } | _) => Event::ExecutionFailed {
                failure: Failure::new(
                    "unexplained",
                    format!("the server's history does not say how the prompt ended ({outcome:?})"),
                ),
            },
        };
        self.write(event).await.map(drop)
    }

    /// The server went away for longer than it may.
    async fn gone(mut self, error: &Error) -> Result<(), StoreError> {
        self.write(Event::Lost { reason: with_causes(error) }).await.map(drop)
    }
}

impl Stop {
    fn event(self) -> Event {
        match self {
            Self::Cancel => Event::Cancelled,
            Self::TimeOut => Event::TimedOut,
        }
    }
}

fn deleted() -> Event {
    Event::Lost {
        reason: "the prompt is neither in the server's queue nor in its history: it was deleted \
                 there, or the server was restarted"
            .to_owned(),
    }
}

/// Whether an event only comes of a prompt that the server has begun with.
fn shows_execution(event: &comfy_client::Event) -> bool {
    use comfy_client::Event as E;
    !matches!(event, E::SocketLost { .. } | E::SocketBack | E::Missed { .. })
}

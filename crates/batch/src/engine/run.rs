//! One job's way from its record to its end.

use std::{sync::Arc, time::Duration};

use comfy_client::{ClientId, Error, PromptId, Watch};
use tokio::sync::{SemaphorePermit, watch};
use tokio_util::sync::CancellationToken;
use workflow_graph::{ReadError, Workflow};

use super::{
    Shared, UnderWay,
    submit::{LOOK_UP_ATTEMPTS, LOOK_UP_PAUSE, with_causes},
};
use crate::{Event, Job, JobId, Progress, State, StoreError, progress::Tracker};

/// How often a job that another process drives is read again.
const ELSEWHERE_PAUSE: Duration = Duration::from_secs(1);

/// One job under way in this process.
pub(super) struct Run {
    pub(super) shared: Arc<Shared>,
    pub(super) job: Job,
    pub(super) workflow: Workflow,
    pub(super) prompt: PromptId,
    pub(super) tracker: Tracker,
    pub(super) cancel: CancellationToken,
    progress: watch::Sender<Progress>,
    /// Whether this run wrote `submit_started`, so that it and nobody else may send the prompt.
    claimed: bool,
}

/// Whose log entry it is that a job goes on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    ByUs,
    ByAnother,
}

pub(super) fn prompt_id(id: &JobId) -> PromptId {
    PromptId::from_uuid(id.as_uuid())
}

impl Run {
    pub(super) fn new(shared: Arc<Shared>, job: Job) -> Result<Self, ReadError> {
        let workflow = Workflow::from_json(&job.record.workflow)?;
        let tracker = Tracker::new(&workflow, job.state);
        let (progress, _) = watch::channel(tracker.progress().clone());
        let prompt = prompt_id(&job.record.id);
        let cancel = CancellationToken::new();
        Ok(Self { shared, job, workflow, prompt, tracker, cancel, progress, claimed: false })
    }

    pub(super) fn id(&self) -> JobId {
        self.job.record.id
    }

    pub(super) fn under_way(&self) -> UnderWay {
        UnderWay { progress: self.progress.subscribe(), cancel: self.cancel.clone() }
    }

    /// Goes on from wherever the log says that the job is, until it is final or the engine
    /// stops. Every turn begins at the state that the last log entry made, whoever wrote it.
    pub(super) async fn drive(mut self) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        let Some(_slot) = self.wait_for_slot(&shared).await? else { return Ok(()) };
        // The watch stands before the prompt is sent, so that no event is missed.
        let mut watch = self.open_watch().await;
        while !(self.job.state.is_final() || shared.stopping.is_cancelled()) {
            match self.job.state {
                State::Recorded => {
                    self.claimed = self.write(Event::SubmitStarted).await? == Written::ByUs;
                }
                State::Submitting if self.claimed => {
                    self.claimed = false;
                    match &watch {
                        Ok((_, client_id)) => drop(self.submit(*client_id).await?),
                        Err(error) => drop(self.refuse_unsent(error).await?),
                    }
                }
                State::Submitting => self.resume_submitting().await?,
                State::Queued | State::Running => match watch {
                    Ok((watch, _)) => return self.follow(watch).await,
                    Err(error) => watch = self.open_watch_again(error).await?,
                },
                State::Succeeded
                | State::Failed
                | State::Cancelled
                | State::TimedOut
                | State::Lost => {}
            }
        }
        Ok(())
    }

    /// Writes a log entry. When the job's log says something that excludes it, another process
    /// has been faster: then the job goes on from what that one wrote.
    pub(super) async fn write(&mut self, event: Event) -> Result<Written, StoreError> {
        let (id, at) = (self.id(), self.shared.now());
        let written = match self.shared.store.append(&id, event.clone(), at).await {
            Ok(_) => Written::ByUs,
            Err(StoreError::Illegal { .. }) => Written::ByAnother,
            Err(error) => return Err(error),
        };
        if written == Written::ByUs && self.job.apply(event, at).is_ok() {
            self.show();
        } else {
            self.reload().await?;
        }
        Ok(written)
    }

    pub(super) async fn reload(&mut self) -> Result<(), StoreError> {
        let id = self.id();
        self.job = self.shared.store.get(&id).await?.ok_or(StoreError::UnknownJob { id })?;
        self.show();
        Ok(())
    }

    /// Tells whoever waits where the job is.
    pub(super) fn show(&mut self) {
        self.tracker.enter(self.job.state);
        self.progress.send_replace(self.tracker.progress().clone());
    }

    /// Waits until the server's queue may take one more of ours. `None`: the job is not to go on
    /// here.
    async fn wait_for_slot<'a>(
        &mut self,
        shared: &'a Shared,
    ) -> Result<Option<SemaphorePermit<'a>>, StoreError> {
        tokio::select! {
            slot = shared.in_flight.acquire() => Ok(slot.ok()),
            () = shared.stopping.cancelled() => Ok(None),
            () = self.cancel.cancelled(), if self.job.state == State::Recorded => {
                self.write(Event::Cancelled).await.map(|_| None)
            }
        }
    }

    async fn open_watch(&self) -> Result<(Watch, ClientId), Error> {
        let session = self.shared.session().await?;
        Ok((session.watch(&self.prompt).await, session.client_id()))
    }

    /// The server has the job and does not answer: it is asked for a while, then the job is lost.
    async fn open_watch_again(
        &mut self,
        mut error: Error,
    ) -> Result<Result<(Watch, ClientId), Error>, StoreError> {
        for _ in 0..LOOK_UP_ATTEMPTS {
            tokio::select! {
                () = tokio::time::sleep(LOOK_UP_PAUSE) => {}
                () = self.shared.stopping.cancelled() => return Ok(Err(error)),
            }
            match self.open_watch().await {
                Ok(opened) => return Ok(Ok(opened)),
                Err(next) => error = next,
            }
        }
        self.write(Event::Lost { reason: with_causes(&error) }).await?;
        Ok(Err(error))
    }

    /// A job that some process, perhaps this one before a crash, began to send. While that may
    /// still be under way, it is left to its sender.
    async fn resume_submitting(&mut self) -> Result<(), StoreError> {
        let began = self.job.log.last().map_or(self.job.record.created_at, |entry| entry.at);
        let age = self.shared.now().duration_since(began).unsigned_abs();
        if age >= self.shared.options.submit_grace {
            return self.look_up_submitted().await.map(drop);
        }
        tokio::select! {
            () = tokio::time::sleep(ELSEWHERE_PAUSE) => self.reload().await,
            () = self.shared.stopping.cancelled() => Ok(()),
        }
    }
}

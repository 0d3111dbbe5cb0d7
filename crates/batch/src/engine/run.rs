//! One job's way from its record to its end.

use std::{sync::Arc, time::Duration};

use comfy_client::{ClientId, Error, PromptId, Retry, Watch};
use jiff::Timestamp;
use tokio::{
    sync::{broadcast, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use workflow_graph::{ReadError, Workflow, roles};

use super::{
    Shared, UnderWay,
    dispatch::{Seat, Wish},
    follow::stop_event,
    gauge::Reading,
    server::Server,
    submit::with_causes,
};
use crate::{
    Appended, Event, Job, JobId, JobRecord, MemoryPeak, Preview, Progress, State, Steps,
    StoreError, progress::Tracker,
};

/// The first pause before a server that does not answer is tried again; it doubles each time.
const AWAY_PAUSE_MIN: Duration = Duration::from_millis(500);

/// The longest pause between two attempts.
const AWAY_PAUSE_MAX: Duration = Duration::from_secs(15);

/// One job under way in this process.
pub(super) struct Run {
    pub(super) shared: Arc<Shared>,
    pub(super) job: Job,
    pub(super) workflow: Workflow,
    pub(super) prompt: PromptId,
    pub(super) tracker: Tracker,
    pub(super) cancel: CancellationToken,
    /// Its place at a server, from its turn to its end.
    pub(super) seat: Option<Seat>,
    /// Whether the watch stood before the prompt was sent, so that its beginning is told.
    pub(super) sees_beginning: bool,
    /// The memory that it sees while it runs.
    pub(super) reading: Option<Reading>,
    /// What it saw of the memory before, where it is followed again.
    pub(super) memory: Option<MemoryPeak>,
    /// Whether the log may have grown since `job` was read.
    may_be_outdated: bool,
    progress: watch::Sender<Progress>,
    steps: broadcast::Sender<Progress>,
    preview: watch::Sender<Option<Preview>>,
}

/// What a job needs to be sent.
pub(super) struct Ready {
    watch: Watch,
    client_id: ClientId,
    /// The log entry that claims it, and its time.
    pub(super) claim: (Event, Timestamp),
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
        let mut tracker = Tracker::new(&workflow, job.state);
        if let Some((advance, _)) = job.advance() {
            tracker.resume(&advance);
        }
        let (progress, _) = watch::channel(tracker.progress().clone());
        let (steps, _) = broadcast::channel(Steps::KEPT_MAX);
        let (preview, _) = watch::channel(None);
        let prompt = prompt_id(&job.record.id);
        let cancel = CancellationToken::new();
        Ok(Self {
            shared,
            job,
            workflow,
            prompt,
            tracker,
            cancel,
            seat: None,
            sees_beginning: false,
            reading: None,
            memory: None,
            may_be_outdated: false,
            progress,
            steps,
            preview,
        })
    }

    pub(super) fn id(&self) -> JobId {
        self.job.record.id
    }

    pub(super) fn under_way(&self) -> UnderWay {
        UnderWay {
            progress: self.progress.subscribe(),
            steps: self.steps.clone(),
            preview: self.preview.subscribe(),
            cancel: self.cancel.clone(),
        }
    }

    /// A place at a server and a watch there, where both are to be had at once. Then the job
    /// need not be written down as one that waits.
    pub(super) async fn get_ready(&mut self) -> Option<Ready> {
        let seat = self.shared.dispatch.seat_at_once(self.wish())?;
        let server = Arc::clone(seat.server());
        if !server.link.is_up() {
            return None;
        }
        let (watch, client_id) = self.open_watch(&server).await?.ok()?;
        self.seat = Some(seat);
        let claim = Event::SubmitStarted { server: server.url.clone() };
        Some(Ready { watch, client_id, claim: (claim, self.shared.now()) })
    }

    /// Writes the job down as one that is being sent.
    pub(super) async fn create_sent(
        &mut self,
        record: JobRecord,
        (claim, at): (Event, Timestamp),
    ) -> Result<(), StoreError> {
        let id = record.id;
        let shared = &self.shared;
        shared.store.expect(shared.dispatch.in_flight());
        shared.store.create_with(record, &shared.owner, claim.clone(), at).await?;
        self.job.apply(claim, at).map_err(|source| StoreError::Illegal { id, source })?;
        self.show();
        Ok(())
    }

    /// Goes on from wherever the log says that the job is, until it is final or the engine
    /// stops. Every turn begins at the state that the last log entry made, whoever wrote it.
    pub(super) async fn drive(&mut self, ready: Option<Ready>) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        // It is driven again after the store failed, and what was written then is not known.
        if std::mem::replace(&mut self.may_be_outdated, true) {
            self.reload().await?;
        }
        let mut watch = match ready {
            Some(ready) => Some(self.send_claimed(ready.watch, ready.client_id).await?),
            None => None,
        };
        while !(self.job.state.is_final() || shared.stopping.is_cancelled()) {
            if self.job.state != State::Recorded && !self.has_server() {
                return Ok(());
            }
            match self.job.state {
                State::Recorded => watch = self.get_to_a_server().await?,
                // Who was sending it is dead, or its log failed: what it did is looked up.
                State::Submitting => drop(self.look_up_submitted().await?),
                State::Queued | State::Running => match watch.take() {
                    Some(watch) => self.follow(watch).await?,
                    None => watch = self.watch_again().await?,
                },
                State::Succeeded
                | State::Failed
                | State::Cancelled
                | State::TimedOut
                | State::Lost => {}
            }
        }
        self.seat = None;
        Ok(())
    }

    /// Whether the job's server is one of ours, where it then has its place. Only such jobs are
    /// adopted, so anything else is a defect.
    fn has_server(&mut self) -> bool {
        let Some(url) = self.job.server() else { return false };
        if self.seat.as_ref().is_none_or(|seat| seat.server().url != url) {
            self.seat = self.shared.dispatch.taken_seat(url);
        }
        if self.seat.is_none() {
            tracing::error!(job = %self.id(), server = url, "the job's server is none of ours");
        }
        self.seat.is_some()
    }

    /// One step of a job that waits: to its turn, or from there to a server.
    async fn get_to_a_server(&mut self) -> Result<Option<Watch>, StoreError> {
        if self.cancel.is_cancelled() {
            self.write(Event::Cancelled).await?;
        } else if let Some(why) = self.job.stop_requested() {
            self.write(stop_event(why)).await?;
        } else if let Some(seat) = &self.seat {
            let server = Arc::clone(seat.server());
            return self.send(&server).await;
        } else {
            // Another process may cancel it meanwhile; then the log does not take that it is sent.
            self.seat = self.wait_for_turn().await;
        }
        Ok(None)
    }

    /// Claims the job and sends it, once its server can be reached. A server that cannot is set
    /// aside, and the job waits for another turn: an outage fails nothing. Gives the watch that
    /// stood before the prompt was sent, so that no event is missed.
    async fn send(&mut self, server: &Arc<Server>) -> Result<Option<Watch>, StoreError> {
        let opened = match self.open_watch(server).await {
            Some(Err(error)) if error.retry() == Retry::Safe => {
                tracing::debug!(job = %self.id(), %error, "the job waits for a server");
                self.shared.set_aside(server, &error);
                self.seat = None;
                return Ok(None);
            }
            Some(opened) => opened,
            None => return Ok(None),
        };
        let server = server.url.clone();
        if self.write(Event::SubmitStarted { server }).await? == Written::ByAnother {
            return Ok(None);
        }
        match opened {
            Ok((watch, client_id)) => self.send_claimed(watch, client_id).await.map(Some),
            Err(error) => {
                self.refuse(&error).await?;
                Ok(None)
            }
        }
    }

    /// Sends a job that is claimed. Gives the watch that stood before.
    async fn send_claimed(
        &mut self,
        watch: Watch,
        client_id: ClientId,
    ) -> Result<Watch, StoreError> {
        self.submit(client_id).await?;
        self.sees_beginning = true;
        Ok(watch)
    }

    /// Writes a log entry. When the job's log says something that excludes it, another process
    /// has been faster: then the job goes on from what that one wrote.
    pub(super) async fn write(&mut self, event: Event) -> Result<Written, StoreError> {
        let (id, at) = (self.id(), self.shared.now());
        let next = self.job.log.last().map_or(0, |last| last.seq.saturating_add(1));
        self.shared.store.expect(self.shared.dispatch.in_flight());
        let written = match self.shared.store.append(&id, event.clone(), at).await {
            // Nobody else has written: this is the whole log.
            Ok(Appended { seq, .. }) if seq == next && self.job.apply(event, at).is_ok() => {
                self.show();
                return Ok(Written::ByUs);
            }
            Ok(_) => Written::ByUs,
            Err(StoreError::Illegal { .. }) => Written::ByAnother,
            Err(error) => return Err(error),
        };
        // What is read is what all agree on.
        self.reload().await?;
        Ok(written)
    }

    pub(super) async fn reload(&mut self) -> Result<(), StoreError> {
        let id = self.id();
        self.job = self.shared.store.get(&id).await?.ok_or(StoreError::UnknownJob { id })?;
        self.show();
        Ok(())
    }

    /// Takes over the state of a last log entry that somebody else wrote for this job.
    pub(super) fn enter(&mut self, state: State) {
        self.job.state = state;
        self.show();
    }

    /// Tells whoever waits where the job is.
    pub(super) fn show(&mut self) {
        self.tracker.enter(self.job.state);
        let now = self.tracker.progress();
        self.progress.send_if_modified(|shown| {
            let is_news = shown != now;
            if is_news {
                shown.clone_from(now);
                // While it is shown, so that who begins to read here is told each step once.
                if self.steps.receiver_count() > 0 {
                    drop(self.steps.send(now.clone()));
                }
            }
            is_news
        });
    }

    /// Shows the picture that an event brings; there is always only the latest.
    pub(super) fn show_preview(&self, event: &comfy_client::Event) {
        if let Some(preview) = Preview::of(event) {
            self.preview.send_replace(Some(preview));
        }
    }

    /// The server that the job is at. Only asked where the job has its place.
    pub(super) fn server(&self) -> Option<&Arc<Server>> {
        self.seat.as_ref().map(Seat::server)
    }

    /// Waits until it is this job's turn at a server, or the job is to stop.
    async fn wait_for_turn(&self) -> Option<Seat> {
        let wish = self.wish();
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => None,
            () = self.shared.stopping.cancelled() => None,
            seat = self.shared.dispatch.seat(wish) => seat,
        }
    }

    fn wish(&self) -> Wish {
        let record = &self.job.record;
        Wish {
            priority: record.priority,
            caller: record.caller.clone(),
            servers: record.servers.clone(),
            models: self.models(),
        }
    }

    /// The model files that the job loads, where there is a choice of servers to make by them.
    fn models(&self) -> Vec<String> {
        if self.shared.servers.len() < 2 {
            return Vec::new();
        }
        let roles = roles::of(&self.workflow);
        roles.models().filter_map(|found| found.value.as_str().map(str::to_owned)).collect()
    }

    /// `None`: the job is to stop.
    async fn open_watch(&self, server: &Server) -> Option<Result<(Watch, ClientId), Arc<Error>>> {
        let open = async {
            let session = server.link.session().await?;
            Ok((session.watch(&self.prompt).await, session.client_id()))
        };
        tokio::select! {
            biased;
            () = self.cancel.cancelled(), if self.job.state == State::Recorded => None,
            () = self.shared.stopping.cancelled() => None,
            opened = open => Some(opened),
        }
    }

    /// Watches a job that the server should have. A server that does not answer is waited for;
    /// when it has been away for too long, the job is lost.
    async fn watch_again(&mut self) -> Result<Option<Watch>, StoreError> {
        let Some(server) = self.server().cloned() else { return Ok(None) };
        self.sees_beginning = false;
        let began = Instant::now();
        let mut pause = AWAY_PAUSE_MIN;
        loop {
            let error = match self.open_watch(&server).await {
                Some(Ok((watch, _))) => return Ok(Some(watch)),
                Some(Err(error)) => error,
                None => return Ok(None),
            };
            if began.elapsed() >= self.shared.options.server_away_max {
                self.write(Event::Lost { reason: with_causes(&*error) }).await?;
                return Ok(None);
            }
            self.rest(pause).await;
            pause = AWAY_PAUSE_MAX.min(pause.saturating_mul(2));
        }
    }

    /// Pauses, unless the engine stops.
    pub(super) async fn rest(&self, pause: Duration) {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = self.shared.stopping.cancelled() => {}
            () = self.cancel.cancelled(), if self.job.state == State::Recorded => {}
        }
    }
}

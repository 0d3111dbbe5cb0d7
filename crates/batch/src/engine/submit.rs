//! From a record to ComfyUI's queue, exactly once.

use std::{sync::Arc, time::Duration};

use comfy_client::{
    Accepted, Advice, ClientId, Error, ExecutionError, Previews, Retry, Submission,
};
use tokio::time::Instant;
use workflow_graph::{Json, NodeId};

use super::{
    Unsure,
    run::{Run, Written},
    server::Server,
};
use crate::{Event, Failure, StoreError};

/// The pause between two questions whether the server has a prompt.
const LOOK_UP_PAUSE: Duration = Duration::from_secs(2);

/// How often a server that does not have a prompt is asked again, when its reply was lost on the
/// way: the prompt may still be on its way too, or be in the middle of being checked.
const LATE_ARRIVALS: u32 = 3;

/// How often a job may come back from servers that did not get it, before it fails: a log shall
/// not grow for ever.
const RETURNS_MAX: usize = 50;

enum LookedUp {
    Found,
    NotThere,
    NoAnswer(Error),
}

impl Run {
    /// Sends the prompt and writes down what came of it.
    pub(super) async fn submit(&mut self, client_id: ClientId) -> Result<(), StoreError> {
        let record = &self.job.record;
        let targets = record
            .targets
            .as_ref()
            .map(|targets| targets.iter().filter_map(|node| node.parse::<NodeId>().ok()).collect());
        let submission = Submission {
            client_id: Some(client_id),
            ui_workflow: record.ui_workflow.as_ref(),
            targets,
            // A server makes none unless it is asked or was started so.
            previews: Previews::Auto,
            ..Submission::new(self.prompt, &self.workflow)
        };
        let Some(server) = self.server().cloned() else { return Ok(()) };
        let written = match server.client.submit(&submission).await {
            Ok(accepted) => self.accepted(&accepted).await?,
            Err(error) => self.not_accepted(&server, &error).await?,
        };
        if written == Written::ByAnother && self.job.state.is_final() {
            self.take_back(&server).await;
        }
        Ok(())
    }

    async fn accepted(&mut self, accepted: &Accepted) -> Result<Written, StoreError> {
        let warnings = accepted.dropped.iter().map(|dropped| {
            let outputs: Vec<&str> = dropped.dependent_outputs.iter().map(NodeId::as_str).collect();
            format!("the server leaves out output {}: {dropped}", outputs.join(", "))
        });
        self.write(Event::Accepted { warnings: warnings.collect() }).await
    }

    /// The job was given up while its prompt was on the way: a process that was frozen for long
    /// comes back to that. Its prompt shall not run.
    async fn take_back(&self, server: &Server) {
        if let Err(error) = server.client.cancel(&self.prompt).await {
            tracing::warn!(job = %self.id(), %error, "a prompt of a job that was given up may run");
        }
    }

    async fn not_accepted(
        &mut self,
        server: &Arc<Server>,
        error: &Error,
    ) -> Result<Written, StoreError> {
        if let Error::Rejected { rejection, .. } = error {
            let mut failure = Failure::new(&*rejection.kind, error.to_string());
            failure.details = rejection.raw.clone();
            if let Some(node) = rejection.nodes.first() {
                failure.node = Some(node.node.to_string());
                failure.class_type = Some(node.class_type.clone());
            }
            return self.write(Event::Refused { failure }).await;
        }
        match error.retry() {
            Retry::Safe if self.returns() < RETURNS_MAX => {
                self.shared.set_aside(server, error);
                self.seat = None;
                self.write(Event::Returned { reason: with_causes(error) }).await
            }
            Retry::Never | Retry::Safe => self.refuse(error).await,
            Retry::CheckFirst => self.reply_lost(server, error).await,
        }
    }

    /// How often the job came back from a server that did not get it.
    fn returns(&self) -> usize {
        let log = self.job.log.iter();
        log.filter(|entry| matches!(entry.event, Event::Returned { .. })).count()
    }

    /// The prompt certainly is not at the server.
    pub(super) async fn refuse(&mut self, error: &Error) -> Result<Written, StoreError> {
        let kind = if matches!(error, Error::Refused { .. } | Error::Redirected { .. }) {
            "comfyui_forbidden"
        } else if matches!(error, Error::RequestTooLarge { .. }) {
            "comfyui_too_large"
        } else if error.retry() == Retry::Safe {
            "comfyui_unreachable"
        } else {
            "comfyui_refused"
        };
        let mut failure = Failure::new(kind, with_causes(error));
        if error.retry() == Retry::Safe {
            failure.hint = Some("the prompt was not sent; the job can be started again".to_owned());
        }
        self.write(Event::Refused { failure }).await
    }

    /// The prompt may have arrived: the server's own lists decide.
    async fn reply_lost(&mut self, server: &Server, error: &Error) -> Result<Written, StoreError> {
        // ComfyUI itself says 500, at once, for a prompt that it did not take. Other statuses are
        // a proxy's, behind which the prompt may be on its way.
        let is_verdict = matches!(error, Error::Status { status: 500, .. });
        match self.look_up(server, if is_verdict { 0 } else { LATE_ARRIVALS }).await {
            LookedUp::Found => self.write(Event::Accepted { warnings: Vec::new() }).await,
            LookedUp::NotThere if is_verdict => {
                let failure = Failure::new("comfyui_refused", with_causes(error));
                self.write(Event::Refused { failure }).await
            }
            LookedUp::NotThere => self.not_there(&with_causes(error)).await,
            LookedUp::NoAnswer(last) => {
                let reason = format!("{}; then {}", with_causes(error), with_causes(&last));
                self.write(Event::Lost { reason }).await
            }
        }
    }

    /// What became of a prompt whose sender is no longer there.
    pub(super) async fn look_up_submitted(&mut self) -> Result<Written, StoreError> {
        let Some(server) = self.server().cloned() else { return Ok(Written::ByAnother) };
        match self.look_up(&server, LATE_ARRIVALS).await {
            LookedUp::Found => self.write(Event::Accepted { warnings: Vec::new() }).await,
            LookedUp::NotThere => self.not_there("it was being sent when its process ended").await,
            LookedUp::NoAnswer(_) if self.shared.stopping.is_cancelled() => Ok(Written::ByAnother),
            LookedUp::NoAnswer(error) => {
                self.write(Event::Lost { reason: with_causes(&error) }).await
            }
        }
    }

    /// The server answers, and does not have what may have been sent to it.
    async fn not_there(&mut self, why: &str) -> Result<Written, StoreError> {
        let reason =
            format!("{why}; the prompt is neither in the server's queue nor in its history");
        match self.shared.options.unsure {
            Unsure::SendAgain if self.returns() < RETURNS_MAX => {
                self.seat = None;
                self.write(Event::Returned { reason }).await
            }
            Unsure::SendAgain | Unsure::Lost => self.write(Event::Lost { reason }).await,
        }
    }

    /// Asks until the server answers, but no longer than it may be away; and again, when it does
    /// not have the prompt yet.
    async fn look_up(&self, server: &Server, mut late_arrivals: u32) -> LookedUp {
        let began = Instant::now();
        loop {
            match self.is_at(server).await {
                Ok(true) => return LookedUp::Found,
                Ok(false) if late_arrivals == 0 => return LookedUp::NotThere,
                Ok(false) => late_arrivals = late_arrivals.saturating_sub(1),
                Err(error)
                    if !error.is_retryable()
                        || self.shared.stopping.is_cancelled()
                        || began.elapsed() >= self.shared.options.server_away_max =>
                {
                    return LookedUp::NoAnswer(error);
                }
                Err(error) => tracing::debug!(job = %self.id(), %error, "asked again later"),
            }
            self.rest(LOOK_UP_PAUSE).await;
        }
    }

    /// Whether the prompt is in the server's queue or history. The history is asked last: a
    /// prompt moves from the queue to the history, never back.
    pub(super) async fn is_at(&self, server: &Server) -> Result<bool, Error> {
        let client = &server.client;
        Ok(client.queue().await?.holds(&self.prompt)
            || client.history_of(&self.prompt).await?.is_some())
    }
}

/// An error with its causes in one line, for the log of a job.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// The parts of a failed execution that a program reads.
pub(super) fn execution_failure(error: &ExecutionError) -> Failure {
    let mut failure = Failure::new(&*error.exception_type, &*error.message);
    failure.node = error.node.as_ref().map(ToString::to_string);
    failure.class_type = Some(error.class_type.clone()).filter(|class| !class.is_empty());
    let traceback = error.traceback.iter().map(|line| Json::from(line.as_str())).collect();
    let Advice { cause, what_happened, what_to_try } = error.advice();
    failure.details = Json::object([
        ("cause", Json::from(cause.code())),
        ("what_happened", Json::from(what_happened)),
        ("traceback", Json::Array(traceback)),
    ]);
    failure.hint = Some(what_to_try);
    failure
}

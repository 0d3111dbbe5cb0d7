//! From a record to ComfyUI's queue, exactly once.

use std::time::Duration;

use comfy_client::{Accepted, ClientId, Error, ExecutionError, Retry, Submission};
use workflow_graph::{Json, NodeId};

use super::run::{Run, Written};
use crate::{Event, Failure, StoreError};

/// How often an unreachable server is asked again whether it has a prompt. With the pause
/// between, it is as long as a server may be gone while a prompt is watched.
pub(super) const LOOK_UP_ATTEMPTS: u32 = 15;

/// The pause between two questions.
pub(super) const LOOK_UP_PAUSE: Duration = Duration::from_secs(2);

enum LookedUp {
    Found,
    NotThere,
    NoAnswer(Error),
}

impl Run {
    /// Sends the prompt and writes down what came of it.
    pub(super) async fn submit(&mut self, client_id: ClientId) -> Result<Written, StoreError> {
        let record = &self.job.record;
        let targets = record
            .targets
            .as_ref()
            .map(|targets| targets.iter().filter_map(|node| node.parse::<NodeId>().ok()).collect());
        let submission = Submission {
            client_id: Some(client_id),
            ui_workflow: record.ui_workflow.as_ref(),
            targets,
            ..Submission::new(self.prompt, &self.workflow)
        };
        match self.shared.client.submit(&submission).await {
            Ok(accepted) => self.accepted(&accepted).await,
            Err(error) => self.not_accepted(error).await,
        }
    }

    async fn accepted(&mut self, accepted: &Accepted) -> Result<Written, StoreError> {
        let warnings = accepted.dropped.iter().map(|dropped| {
            let outputs: Vec<&str> = dropped.dependent_outputs.iter().map(NodeId::as_str).collect();
            format!("the server leaves out output {}: {dropped}", outputs.join(", "))
        });
        self.write(Event::Accepted { warnings: warnings.collect() }).await
    }

    async fn not_accepted(&mut self, error: Error) -> Result<Written, StoreError> {
        if let Error::Rejected { rejection, .. } = &error {
            let mut failure = Failure::new(&*rejection.kind, error.to_string());
            failure.details = rejection.raw.clone();
            if let Some(node) = rejection.nodes.first() {
                failure.node = Some(node.node.to_string());
                failure.class_type = Some(node.class_type.clone());
            }
            return self.write(Event::Refused { failure }).await;
        }
        match error.retry() {
            Retry::Never | Retry::Safe => self.refuse_unsent(&error).await,
            Retry::CheckFirst => self.reply_lost(&error).await,
        }
    }

    /// The prompt certainly did not arrive.
    pub(super) async fn refuse_unsent(&mut self, error: &Error) -> Result<Written, StoreError> {
        let kind = match error.retry() {
            Retry::Safe => "comfyui_unreachable",
            Retry::Never | Retry::CheckFirst => "comfyui_refused",
        };
        let mut failure = Failure::new(kind, with_causes(error));
        failure.hint = Some("the prompt was not sent; the job can be started again".to_owned());
        self.write(Event::Refused { failure }).await
    }

    /// The prompt may have arrived: the server's own lists decide.
    async fn reply_lost(&mut self, error: &Error) -> Result<Written, StoreError> {
        match (self.look_up().await, error) {
            (LookedUp::Found, _) => self.write(Event::Accepted { warnings: Vec::new() }).await,
            // It answered, and it does not have the prompt: so it did not take it.
            (LookedUp::NotThere, Error::Status { .. }) => {
                let failure = Failure::new("comfyui_refused", with_causes(error));
                self.write(Event::Refused { failure }).await
            }
            (LookedUp::NotThere, _) => self.lost(&with_causes(error)).await,
            (LookedUp::NoAnswer(last), _) => {
                let reason = format!("{}; then {}", with_causes(error), with_causes(&last));
                self.write(Event::Lost { reason }).await
            }
        }
    }

    /// What became of a prompt whose sender is no longer there.
    pub(super) async fn look_up_submitted(&mut self) -> Result<Written, StoreError> {
        match self.look_up().await {
            LookedUp::Found => self.write(Event::Accepted { warnings: Vec::new() }).await,
            LookedUp::NotThere => self.lost("it was being sent when its process ended").await,
            LookedUp::NoAnswer(error) => {
                self.write(Event::Lost { reason: with_causes(&error) }).await
            }
        }
    }

    async fn lost(&mut self, why: &str) -> Result<Written, StoreError> {
        let reason =
            format!("{why}; the prompt is neither in the server's queue nor in its history");
        self.write(Event::Lost { reason }).await
    }

    /// Asks until the server answers, or has not for long.
    async fn look_up(&self) -> LookedUp {
        let mut attempt = 1;
        loop {
            match self.is_at_server().await {
                Ok(true) => return LookedUp::Found,
                Ok(false) => return LookedUp::NotThere,
                Err(error) if attempt == LOOK_UP_ATTEMPTS || !error.is_retryable() => {
                    return LookedUp::NoAnswer(error);
                }
                Err(_) => {
                    attempt += 1;
                    tokio::time::sleep(LOOK_UP_PAUSE).await;
                }
            }
        }
    }

    /// Whether the prompt is in the server's queue or history. The history is asked last: a
    /// prompt moves from the queue to the history, never back.
    pub(super) async fn is_at_server(&self) -> Result<bool, Error> {
        let client = &self.shared.client;
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
    failure.details = Json::object([(
        "traceback",
        Json::Array(error.traceback.iter().map(|line| Json::from(line.as_str())).collect()),
    )]);
    failure
}

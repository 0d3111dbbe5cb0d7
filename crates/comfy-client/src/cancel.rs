//! Stopping one prompt, wherever it is.

use workflow_graph::Json;

use crate::{
    client::Client,
    error::Error,
    http::{Body, Reply},
    ids::PromptId,
    queue::QueueItem,
};

/// Where a prompt was when it was told to stop, as far as the server lets it be known.
///
/// ```
/// use comfy_client::Cancelled;
/// assert!(Cancelled::WasPending.is_stopped());
/// assert!(!Cancelled::WasRunning.is_stopped(), "a node may take long to notice");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// It waited, and was taken out of the queue. Nothing of it remains on the server.
    WasPending,
    /// It ran and was told to stop, or the server did not say that it only waited. It goes on
    /// until its node notices; the history then tells how it ended, and that can still be well.
    WasRunning,
    /// The server had nothing to stop: the prompt has ended, or was never there. The history
    /// knows more.
    NotThere,
}

impl Cancelled {
    /// Whether nothing of the prompt can come any more.
    pub fn is_stopped(self) -> bool {
        self == Self::WasPending
    }
}

impl Client {
    /// Stops a prompt, whether it waits or runs, and no other one.
    ///
    /// A server of today has one route for this. Older ones are told to delete it from the queue
    /// and then to interrupt it, because it may move from one to the other between the two. Which
    /// way a server has is remembered, and found out anew after a [`Session`](crate::Session)
    /// lost it.
    ///
    /// After an error it may be stopped or not; the call may be made again.
    pub async fn cancel(&self, prompt: &PromptId) -> Result<Cancelled, Error> {
        if self.http.may_cancel_jobs() {
            let id = prompt.to_string();
            let body = Body::Json(Json::object([]));
            let reply = self.http.post(&["api", "jobs", &id, "cancel"], body).await?;
            if let Some(was_there) = self.understand(reply)? {
                return Ok(if was_there {
                    self.place_before(&id).await
                } else {
                    Cancelled::NotThere
                });
            }
        }
        self.cancel_in_two_steps(prompt).await
    }

    /// Whether the server has a route that cancels jobs; asks it to cancel none.
    pub(crate) async fn probe_cancelling(&self) -> Result<bool, Error> {
        let body = Json::object([("job_ids", Json::Array(Vec::new()))]);
        let reply = self.http.post(&["api", "jobs", "cancel"], Body::Json(body)).await?;
        Ok(self.understand(reply)?.is_some())
    }

    /// Whether something was cancelled; `None` from a server without such a route.
    fn understand(&self, reply: Reply) -> Result<Option<bool>, Error> {
        let has_route = !matches!(reply.status, 404 | 405);
        self.http.note_cancels_jobs(has_route);
        if !has_route {
            return Ok(None);
        }
        let reply = reply.success(&self.http)?;
        let cancelled = reply.json(&self.http)?.get("cancelled").and_then(Json::as_bool);
        let problem = || "it does not say whether anything was `cancelled`".to_owned();
        cancelled
            .map(Some)
            .ok_or_else(|| Error::UnexpectedReply { call: reply.call, problem: problem() })
    }

    /// Where a job was that is cancelled now: of one that waited, the server knows nothing any
    /// more. It is stopped in any case, so that a lost answer is no failure.
    async fn place_before(&self, id: &str) -> Cancelled {
        match self.http.get(&["api", "jobs", id], &[]).await {
            Ok(reply) if reply.status == 404 => Cancelled::WasPending,
            Ok(_) => Cancelled::WasRunning,
            Err(error) => {
                tracing::debug!(id, %error, "it is not known whether the cancelled prompt ran");
                Cancelled::WasRunning
            }
        }
    }

    async fn cancel_in_two_steps(&self, prompt: &PromptId) -> Result<Cancelled, Error> {
        // Looking is for the answer only: what cannot be read must not keep from stopping.
        let before = self.queue().await;
        self.delete_from_queue(&[*prompt]).await?;
        self.interrupt_prompt(prompt).await?;
        let is_ours = |item: &QueueItem| prompt.names(&item.prompt_id);
        Ok(match before {
            Ok(queue) if queue.running.iter().any(is_ours) => Cancelled::WasRunning,
            Ok(queue) if queue.pending.iter().any(is_ours) => self.place_after(prompt).await,
            Ok(_) => Cancelled::NotThere,
            Err(error) => {
                tracing::debug!(%prompt, %error, "it is not known where the prompt was");
                Cancelled::WasRunning
            }
        })
    }

    /// Where a prompt was stopped that waited just before: it may have begun in between.
    async fn place_after(&self, prompt: &PromptId) -> Cancelled {
        // In this order, because it moves from the queue to the history.
        let queue = self.queue().await;
        let entry = self.history_of(prompt).await;
        match (queue, entry) {
            (Ok(queue), Ok(None)) if !queue.holds(prompt) => Cancelled::WasPending,
            _ => Cancelled::WasRunning,
        }
    }
}

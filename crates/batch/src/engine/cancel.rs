//! Stopping jobs that this process does not follow.

use super::{CancelError, Shared};
use crate::{Event, Job, JobId, State, StoreError};

/// Stops a job that is under way in another process, or that nobody follows.
pub(super) async fn elsewhere(shared: &Shared, id: &JobId) -> Result<(), CancelError> {
    let job = shared.store.get(id).await.map_err(CancelError::Store)?;
    let job = job.ok_or(CancelError::UnknownJob(*id))?;
    match job.state {
        State::Succeeded | State::Failed | State::Cancelled | State::TimedOut | State::Lost => {
            Ok(())
        }
        State::Recorded => write(shared, &job).await,
        State::Submitting | State::Queued | State::Running => {
            at_server(shared, &job).await.map_err(CancelError::Server)?;
            write(shared, &job).await
        }
    }
}

/// Takes the prompt out of the queue and interrupts it: it may move from one to the other
/// between the two calls, in this order only.
pub(super) async fn at_server(shared: &Shared, job: &Job) -> Result<(), comfy_client::Error> {
    let prompt = super::run::prompt_id(&job.record.id);
    shared.client.delete_from_queue(&[prompt]).await?;
    shared.client.interrupt_prompt(&prompt).await
}

/// Whoever follows the job may have written its end already; then there is nothing to add.
async fn write(shared: &Shared, job: &Job) -> Result<(), CancelError> {
    match shared.store.append(&job.record.id, Event::Cancelled, shared.now()).await {
        Ok(_) | Err(StoreError::Illegal { .. }) => Ok(()),
        Err(error) => Err(CancelError::Store(error)),
    }
}

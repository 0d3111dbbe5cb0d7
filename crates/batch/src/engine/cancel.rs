//! Stopping jobs.

use std::sync::Arc;

use super::{CancelError, Shared, run::prompt_id};
use crate::{Event, Job, JobId, State, StopReason, StoreError};

/// Stops a job that is under way in another process, or that nobody follows. What is asked is
/// written down first: whoever follows the job stops it, and if that is nobody, this process
/// follows it from here on.
pub(super) async fn elsewhere(shared: &Arc<Shared>, id: &JobId) -> Result<(), CancelError> {
    loop {
        let job = shared.store.get(id).await.map_err(CancelError::Store)?;
        let job = job.ok_or(CancelError::UnknownJob(*id))?;
        let event = match job.state {
            State::Recorded => Event::Cancelled,
            State::Submitting | State::Queued | State::Running => {
                let server = job.server().unwrap_or_default();
                if shared.server(server).is_none() {
                    return Err(CancelError::OtherServer { server: server.to_owned() });
                }
                Event::StopRequested { why: StopReason::Cancelled }
            }
            State::Succeeded | State::Failed | State::Cancelled | State::TimedOut | State::Lost => {
                return Ok(());
            }
        };
        match shared.store.append(id, event, shared.now()).await {
            Ok(appended) if appended.state.is_final() => return Ok(()),
            Ok(_) => return adopt(shared, &job).await,
            // It went on in the meantime: look again where it is.
            Err(StoreError::Illegal { .. }) => {}
            Err(error) => return Err(CancelError::Store(error)),
        }
    }
}

async fn adopt(shared: &Arc<Shared>, job: &Job) -> Result<(), CancelError> {
    // Its own process may be frozen; the prompt shall stop in any case.
    if let Some(server) = job.server().and_then(|server| shared.server(server)) {
        let prompt = prompt_id(&job.record.id);
        server.client.cancel(&prompt).await.map_err(CancelError::Server)?;
    }
    // Or it may be dead.
    shared.come_alive().await.map_err(CancelError::Store)?;
    shared.adopt(Some(job.record.id)).await.map(drop).map_err(CancelError::Store)
}

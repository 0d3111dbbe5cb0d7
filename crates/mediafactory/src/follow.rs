//! Being told of one job whenever there is news of it.

use batch::{JobId, Progress, State};
use tokio::sync::watch;

use crate::{
    error::Error,
    factory::Factory,
    jobs::{POLL_PAUSE, unknown},
    requests::RecordedProgress,
};

/// Where a job stands now.
#[derive(Clone, Debug, PartialEq)]
pub struct News {
    /// Its state.
    pub state: State,
    /// How far it is, while it runs in this process.
    pub progress: Option<Progress>,
    /// How far it was, as another process wrote it down that drives it.
    pub recorded: Option<RecordedProgress>,
}

/// Tells of one job until it has ended, whichever process runs it. Made by
/// [`Factory::follow`].
#[derive(Debug)]
pub struct Follower {
    factory: Factory,
    job: JobId,
    progress: Option<watch::Receiver<Progress>>,
    told: Option<State>,
    /// What was told last of a job of another process.
    recorded: Option<RecordedProgress>,
}

impl Factory {
    /// Follows a job. One that runs in this process is told of as it goes; of another process's
    /// job the record is read again and again.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use mediafactory::{Factory, FailureCode, config::Config};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let data_dir = folder.path();
    /// let factory = Factory::open(Config::new(data_dir)).await?;
    /// let nobody = "0197f1ce-3c5a-7000-8000-00000000002a".parse()?;
    /// let refused = factory.follow(&nobody).next().await.unwrap_err();
    /// assert_eq!(refused.code(), FailureCode::JobNotFound);
    /// # Ok(())
    /// # }
    /// ```
    pub fn follow(&self, job: &JobId) -> Follower {
        let progress = self.progress(job);
        Follower { factory: self.clone(), job: *job, progress, told: None, recorded: None }
    }
}

impl Follower {
    /// At first where the job stands, then every change of that; `None` after its end was told.
    /// Changes that come faster than this is called are told as one.
    pub async fn next(&mut self) -> Result<Option<News>, Error> {
        if self.told.is_some_and(|state| state.is_final()) {
            return Ok(None);
        }
        loop {
            if let Some(progress) = self.next_progress().await {
                let state = progress.state;
                self.told = Some(state);
                return Ok(Some(News { state, progress: Some(progress), recorded: None }));
            }
            let job = self.factory.recorded(&self.job).await?;
            let job = job.ok_or_else(|| unknown(&self.job))?;
            let (state, recorded) = (job.state, RecordedProgress::of(&job));
            let before =
                (self.told.replace(state), std::mem::replace(&mut self.recorded, recorded));
            if before != (Some(state), recorded) {
                return Ok(Some(News { state, progress: None, recorded }));
            }
            tokio::time::sleep(POLL_PAUSE).await;
            // This process may have taken the job over.
            self.progress = self.factory.progress(&self.job);
        }
    }

    /// `None` while the job does not run in this process.
    async fn next_progress(&mut self) -> Option<Progress> {
        let progress = self.progress.as_mut()?;
        if self.told.is_some() && progress.changed().await.is_err() {
            self.progress = None;
            return None;
        }
        Some(progress.borrow_and_update().clone())
    }
}

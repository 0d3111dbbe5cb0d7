//! Writing down how far a job is: processes that do not drive it see nothing else of it.

use std::time::Duration;

use super::run::Run;
use crate::{Event, State, StoreError};

/// How much further a job must be for another entry: at most so many of a hundred make a log long.
const PERCENT_BETWEEN: f64 = 1.0;

/// How long a job has run at least before it is of interest to others how far it is: a short one
/// writes nothing more than its beginning and its end.
const WRITTEN_AFTER: Duration = Duration::from_secs(1);

impl Run {
    /// Writes down how far it is, when it is further than what stands in the log. It is called now
    /// and then while the job runs.
    pub(super) async fn write_advance(&mut self) -> Result<(), StoreError> {
        let began = self.job.started_at();
        if began.is_none_or(|began| self.shared.since(began) < WRITTEN_AFTER) {
            return Ok(());
        }
        let advance = self.tracker.written();
        let written = self.job.advance().map_or(0.0, |(written, _)| written.percent);
        if self.job.state == State::Running && advance.percent >= written + PERCENT_BETWEEN {
            self.write(Event::Advanced { advance }).await?;
        }
        Ok(())
    }
}

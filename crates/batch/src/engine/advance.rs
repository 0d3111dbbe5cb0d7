//! Writing down how far a job is: processes that do not drive it see nothing else of it.

use super::run::Run;
use crate::{Event, State, StoreError};

/// How much further a job must be for another entry: at most so many of a hundred make a log long.
const PERCENT_BETWEEN: f64 = 1.0;

impl Run {
    /// Writes down how far it is, when it is further than what stands in the log. It is called now
    /// and then while the job runs, so that one which takes no time writes nothing.
    pub(super) async fn write_advance(&mut self) -> Result<(), StoreError> {
        let advance = self.tracker.written();
        let written = self.job.advance().map_or(0.0, |(written, _)| written.percent);
        if self.job.state == State::Running && advance.percent >= written + PERCENT_BETWEEN {
            self.write(Event::Advanced { advance }).await?;
        }
        Ok(())
    }
}

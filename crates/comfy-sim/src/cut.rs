use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// A switch that cuts everything connected to it so far, and can be used again afterwards.
#[derive(Debug, Default)]
pub(crate) struct CutSwitch {
    current: Mutex<CancellationToken>,
}

impl CutSwitch {
    fn current(&self) -> MutexGuard<'_, CancellationToken> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A token that the next cut cancels.
    pub(crate) fn connect(&self) -> CancellationToken {
        self.current().child_token()
    }

    pub(crate) fn cut(&self) {
        std::mem::take(&mut *self.current()).cancel();
    }
}

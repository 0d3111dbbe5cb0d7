//! The one socket to a server, opened when it is first needed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use comfy_client::{Client, Error, Session};
use futures::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};

type Opening = Shared<BoxFuture<'static, Result<Arc<Session>, Arc<Error>>>>;

/// Opens one session, however many ask for it at once: they share the attempt and its outcome,
/// so that a server which does not answer is waited for once. A failure is not kept; who asks
/// later makes the next attempt.
pub(super) struct Link {
    client: Client,
    state: Mutex<State>,
}

enum State {
    Closed,
    Opening(Opening),
    Open(Arc<Session>),
}

impl Link {
    pub(super) fn new(client: Client) -> Self {
        Self { client, state: Mutex::new(State::Closed) }
    }

    pub(super) async fn session(&self) -> Result<Arc<Session>, Arc<Error>> {
        let opening = match &mut *self.state() {
            State::Open(session) => return Ok(Arc::clone(session)),
            State::Opening(opening) => opening.clone(),
            state @ State::Closed => {
                let client = self.client.clone();
                let open =
                    async move { client.open_session().await.map(Arc::new).map_err(Arc::new) };
                let opening = open.boxed().shared();
                *state = State::Opening(opening.clone());
                opening
            }
        };
        let opened = opening.clone().await;
        let mut state = self.state();
        // Another waiter may have settled it, and even begun the next attempt.
        if matches!(&*state, State::Opening(current) if current.ptr_eq(&opening)) {
            *state = match &opened {
                Ok(session) => State::Open(Arc::clone(session)),
                Err(_) => State::Closed,
            };
        }
        opened
    }

    pub(super) fn is_up(&self) -> bool {
        matches!(&*self.state(), State::Open(session) if session.is_connected())
    }

    /// Which connection it is, counted from the first; `None` while there is no socket.
    pub(super) fn connection(&self) -> Option<u64> {
        match &*self.state() {
            State::Open(session) if session.is_connected() => Some(session.connection()),
            State::Open(_) | State::Opening(_) | State::Closed => None,
        }
    }

    /// How many prompts the server says are in its queue; `None` while there is no socket.
    pub(super) fn queue_remaining(&self) -> Option<u64> {
        match &*self.state() {
            State::Open(session) if session.is_connected() => session.queue_remaining(),
            State::Open(_) | State::Opening(_) | State::Closed => None,
        }
    }

    /// Gives the session up, and closes it when nobody uses it any more.
    pub(super) async fn close(&self) {
        let state = std::mem::replace(&mut *self.state(), State::Closed);
        if let State::Open(session) = state
            && let Some(session) = Arc::into_inner(session)
        {
            session.close().await;
        }
    }

    /// The lock is never held over an await, so a poisoned state is still whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

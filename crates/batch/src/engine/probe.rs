//! Looking after servers: setting aside one that fails, and noticing that it is back.

use std::{sync::Arc, time::Duration};

use comfy_client::Error;
use tokio::time::MissedTickBehavior;

use super::{Shared, server::Server, submit::with_causes};

/// The first pause before a server that failed is asked again; it doubles each time.
const PROBE_PAUSE_MIN: Duration = Duration::from_millis(500);

/// The longest pause between two questions.
const PROBE_PAUSE_MAX: Duration = Duration::from_secs(15);

/// How often the free memory of each server is asked for, where there are several to choose from.
const SURVEY_PAUSE: Duration = Duration::from_secs(15);

impl Shared {
    /// Gives a server no more jobs until it answers again. What it has is followed all the same.
    pub(super) fn set_aside(self: &Arc<Self>, server: &Arc<Server>, error: &Error) {
        if self.dispatch.set_aside(server, with_causes(error)) {
            tracing::warn!(server = server.name, %error, "the server gets no jobs until it answers");
            self.tasks.spawn(probe(Arc::clone(self), Arc::clone(server)));
        }
    }
}

/// Asks a server that was set aside until it answers.
async fn probe(shared: Arc<Shared>, server: Arc<Server>) {
    let mut pause = PROBE_PAUSE_MIN;
    loop {
        tokio::select! {
            () = shared.stopping.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        let asked = tokio::select! {
            () = shared.stopping.cancelled() => return,
            asked = shared.ask(&server) => asked,
        };
        match asked {
            Ok(()) => {
                tracing::info!(server = server.name, "the server answers again");
                shared.dispatch.bring_back(&server);
                return;
            }
            Err(error) => tracing::debug!(server = server.name, %error, "still no answer"),
        }
        pause = PROBE_PAUSE_MAX.min(pause.saturating_mul(2));
    }
}

/// Keeps what a choice between servers needs: their queues, which their sockets tell, and their
/// free memory.
pub(super) async fn survey(shared: Arc<Shared>, server: Arc<Server>) {
    let mut every = tokio::time::interval(SURVEY_PAUSE);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shared.stopping.cancelled() => return,
            _ = every.tick() => {}
        }
        if shared.dispatch.is_set_aside(&server) {
            continue;
        }
        let asked = async {
            shared.ask(&server).await.map_err(Arc::new)?;
            server.link.session().await.map(drop)
        };
        let asked = tokio::select! {
            () = shared.stopping.cancelled() => return,
            asked = asked => asked,
        };
        if let Err(error) = asked {
            shared.set_aside(&server, &error);
        }
    }
}

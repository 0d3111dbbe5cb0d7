//! Running prompts: one worker takes them off the queue, orders their nodes, and runs what is not cached.

mod cache;
mod order;
mod progress;
mod run;
mod sampling;
mod scripted;

pub(crate) mod nodes;
pub(crate) mod values;

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::cache::Cache;
use self::run::Run;
use crate::queue::QueueItem;
use crate::server::{Current, Server};

/// What the worker keeps from one prompt to the next.
#[derive(Debug, Default)]
pub(crate) struct Workshop {
    pub(crate) cache: Cache,
    /// The random part of temporary file names, by node id and class: one per node object of the real server.
    pub(crate) temp_prefixes: HashMap<(String, String), String>,
    life: u64,
}

/// Runs prompts until the server stops.
pub(crate) async fn worker(server: Arc<Server>) {
    let mut workshop = Workshop::default();
    loop {
        tokio::select! {
            () = server.stop.cancelled() => break,
            () = server.work.notified() => {}
        }
        while let Some((item, abandon)) = start_next(&server) {
            let life = server.state().life;
            if workshop.life != life {
                workshop = Workshop { life, ..Workshop::default() };
            }
            server.count_execution();
            let began = Instant::now();
            Run::new(&server, &mut workshop, item, abandon).complete().await;
            let seconds = began.elapsed().as_secs_f64();
            server.log_info(&format!("\u{1b}[32mPrompt executed in {seconds:.2} seconds\u{1b}[0m"));
            free_if_asked(&server, &mut workshop);
            if server.stop.is_cancelled() {
                return;
            }
        }
        free_if_asked(&server, &mut workshop);
    }
}

fn start_next(server: &Server) -> Option<(Arc<QueueItem>, CancellationToken)> {
    let mut state = server.state();
    let item = state.queue.start_next()?;
    server.announce(&state);
    let abandon = server.stop.child_token();
    let client_id = item.extra_data.get("client_id").and_then(Value::as_str).map(str::to_owned);
    state.current = Some(Current { client_id, node: None, abandon: abandon.clone() });
    Some((item, abandon))
}

fn free_if_asked(server: &Server, workshop: &mut Workshop) {
    if std::mem::take(&mut server.state().free_memory) {
        *workshop = Workshop { life: workshop.life, ..Workshop::default() };
    }
}

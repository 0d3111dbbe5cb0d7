//! What the routes and the worker share.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::SimOptions;
use crate::catalog::Catalog;
use crate::cut::CutSwitch;
use crate::fault::Script;
use crate::folders::Folders;
use crate::hub::{self, Hub};
use crate::log::Log;
use crate::memory::Meter;
use crate::queue::{Queue, QueueItem};

/// How many submissions [`Sim::received_prompts`](crate::Sim::received_prompts) remembers.
const RECEIVED_MAX: usize = 10_000;

/// The first line of a server's log here; the real one writes some fifty before.
const STARTING: &str = "Starting server";

/// One `POST /prompt` that reached validation.
///
/// ```
/// # use comfy_sim::ReceivedPrompt;
/// fn doubled(all: &[ReceivedPrompt], id: &str) -> bool {
///     all.iter().filter(|one| one.accepted && one.prompt_id == id).count() > 1
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceivedPrompt {
    /// The id of the prompt, chosen by the client or else by the server.
    pub prompt_id: String,
    /// The client whose socket receives the events, if one was named.
    pub client_id: Option<String>,
    /// Whether the prompt was queued.
    pub accepted: bool,
}

#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) options: SimOptions,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) folders: Folders,
    pub(crate) hub: Hub,
    pub(crate) log: Log,
    pub(crate) script: Script,
    pub(crate) connections: Arc<CutSwitch>,
    pub(crate) memory: Meter,
    /// Cancelled when the server is to stop.
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
    /// Rings when there may be something for the worker to do.
    pub(crate) work: Notify,
    interrupt: watch::Sender<bool>,
    hangs: watch::Sender<bool>,
    received: Mutex<VecDeque<ReceivedPrompt>>,
    prompts_executed: AtomicUsize,
    state: Mutex<State>,
}

/// What a restart loses.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) queue: Queue,
    /// The number of the next prompt that does not bring its own.
    pub(crate) counter: i64,
    pub(crate) current: Option<Current>,
    pub(crate) free_memory: bool,
    /// Counts restarts, so that the worker knows when its cache is of another life.
    pub(crate) life: u64,
}

/// The run that the worker is at.
#[derive(Debug)]
pub(crate) struct Current {
    pub(crate) client_id: Option<String>,
    pub(crate) node: Option<String>,
    pub(crate) abandon: CancellationToken,
}

impl Server {
    pub(crate) fn new(options: SimOptions, catalog: Arc<Catalog>, folders: Folders) -> Self {
        let server = Self {
            memory: Meter::new(options.memory),
            options,
            catalog,
            folders,
            hub: Hub::default(),
            log: Log::default(),
            script: Script::default(),
            connections: Arc::default(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            work: Notify::new(),
            interrupt: watch::channel(false).0,
            hangs: watch::channel(false).0,
            received: Mutex::default(),
            prompts_executed: AtomicUsize::new(0),
            state: Mutex::default(),
        };
        server.log_info(STARTING);
        server
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells every client how many prompts remain.
    pub(crate) fn announce(&self, state: &State) {
        self.hub.send_to_all(&hub::event("status", &json!({"status": queue_info(state)})));
    }

    /// Queues a prompt. The error is the real server's failure on two equal prompts.
    pub(crate) fn enqueue(&self, item: QueueItem) -> Result<(), crate::queue::Incomparable> {
        let mut state = self.state();
        let queued = state.queue.put(item);
        // A failed comparison escapes the real server's `put` before it announces the change.
        if queued.is_ok() {
            self.announce(&state);
        }
        drop(state);
        self.work.notify_one();
        queued
    }

    pub(crate) fn delete_pending(&self, prompt_id: &str) -> bool {
        let mut state = self.state();
        let changes = state.queue.delete(prompt_id);
        (0..changes).for_each(|_| self.announce(&state));
        changes > 0
    }

    pub(crate) fn interrupt(&self) {
        self.interrupt.send_replace(true);
    }

    /// Interrupts this prompt if it is the one that runs.
    pub(crate) fn interrupt_if_running(&self, prompt_id: &str) -> bool {
        let state = self.state();
        let is_running = state.queue.is_running(prompt_id);
        if is_running {
            self.interrupt();
        }
        is_running
    }

    /// Takes the interrupt back: what the start of a prompt and the node that obeys it do.
    pub(crate) fn take_interrupt(&self) -> bool {
        self.interrupt.send_replace(false)
    }

    pub(crate) async fn interrupted(&self) {
        let mut interrupt = self.interrupt.subscribe();
        drop(interrupt.wait_for(|is_set| *is_set).await);
    }

    /// Neither answers nor tells anybody anything while this is set.
    pub(crate) fn hang(&self, hangs: bool) {
        self.hangs.send_replace(hangs);
    }

    pub(crate) async fn until_it_answers(&self) {
        let mut hangs = self.hangs.subscribe();
        tokio::select! {
            _ = hangs.wait_for(|hangs| !*hangs) => {}
            () = self.stop.cancelled() => {}
        }
    }

    /// Loses everything that lives in memory, as a crash does.
    pub(crate) fn lose_everything(&self) {
        let mut state = self.state();
        let life = state.life.wrapping_add(1);
        if let Some(current) = state.current.take() {
            current.abandon.cancel();
        }
        *state = State { life, ..State::default() };
        self.hub.cut_all();
        self.hub.speak();
        self.log.lose_everything();
        self.log_info(STARTING);
        self.folders.empty_temp();
    }

    pub(crate) fn remember(&self, received: ReceivedPrompt) {
        let mut all = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= RECEIVED_MAX {
            all.pop_front();
        }
        all.push_back(received);
    }

    pub(crate) fn received(&self) -> Vec<ReceivedPrompt> {
        let all = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().cloned().collect()
    }

    /// Writes a line to the log as the real server's logger does.
    pub(crate) fn log_info(&self, text: &str) {
        self.log.write(&self.hub, &format!("\u{1b}[32m[INFO]\u{1b}[0m {text}"));
    }

    pub(crate) fn count_execution(&self) {
        self.prompts_executed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn executions(&self) -> usize {
        self.prompts_executed.load(Ordering::Relaxed)
    }
}

/// The reply of `GET /prompt`.
pub(crate) fn queue_info(state: &State) -> Value {
    json!({"exec_info": {"queue_remaining": state.queue.remaining()}})
}

/// What the server says it can do.
pub(crate) fn features(options: &SimOptions) -> Value {
    json!({
        "supports_preview_metadata": true,
        "supports_model_type_tags": true,
        "max_upload_size": options.body_bytes_max,
        "extension": {"manager": {"supports_v4": true}},
        "node_replacements": true,
        "assets": false,
    })
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

//! Failures that a test can ask for, and gates that hold a run until a test lets it go on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

/// One failure. Each happens once, at the first occasion after it was scripted, in the order of scripting.
///
/// ```
/// use comfy_sim::{Fault, Moment};
///
/// let lost = Fault::RestartEmpty { at: Moment::AtStep(3) };
/// assert_eq!(lost.clone(), lost);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The next `POST /prompt` is answered with this, and nothing is queued.
    RefusePrompt {
        /// The HTTP status; one that does not exist counts as 500.
        status: u16,
        /// The body, sent as text.
        body: String,
    },
    /// The next `POST /prompt` is read, and the connection ends before anything is queued.
    DropPromptBeforeAccepting,
    /// The next `POST /prompt` is accepted, but the connection ends before the reply.
    DropReplyAfterAccepting,
    /// The next request to a path is answered only after a delay.
    SlowReply {
        /// The path without `/api` and without a query, such as `/history`.
        path: String,
        /// How long the reply waits, in the time of the tokio runtime.
        delay: Duration,
    },
    /// The next request to a path fails.
    FailRequest {
        /// The path without `/api` and without a query, such as `/queue`.
        path: String,
        /// The HTTP status; one that does not exist counts as 500.
        status: u16,
        /// The body, sent as text.
        body: String,
    },
    /// Every WebSocket is cut without a closing handshake. The run goes on.
    CloseSockets {
        /// When it happens.
        at: Moment,
    },
    /// The server loses queue, history, cache, temporary files and sockets, as by a crash and a new start.
    RestartEmpty {
        /// When it happens.
        at: Moment,
    },
    /// Every socket receives broken, unknown and truncated frames. The run goes on.
    GarbageFrames {
        /// When they are sent.
        at: Moment,
    },
    /// Every socket receives events that are valid JSON and odd all the same: types nobody knows, data that is a list,
    /// `output: null`, items that are no objects, progress beyond its end, `NaN`, a run of the past.
    OddEvents {
        /// When they are sent.
        at: Moment,
    },
    /// Every socket receives previews and a text of somebody else's prompt: binary frames of the types 1 and 3, which
    /// do not say whose they are.
    ForeignFrames {
        /// When they are sent.
        at: Moment,
    },
    /// Every socket receives one event of this size.
    HugeEvent {
        /// When it is sent.
        at: Moment,
        /// How many bytes of text are in it.
        bytes: usize,
    },
    /// From then on, every event of the run is sent twice.
    DuplicateEvents {
        /// When it begins.
        at: Moment,
    },
    /// The sockets stay open, but nothing is sent to them or read from them any more, not even a ping.
    HalfOpenSockets {
        /// When it begins.
        at: Moment,
    },
    /// The task that publishes events dies: no socket hears anything more until a restart. Everything else works.
    EventsStop {
        /// When it dies.
        at: Moment,
    },
    /// The worker dies, as by a node without `inputs`: the prompt stays in `queue_running`, requests are answered, and
    /// nothing runs until a restart.
    WorkerDies {
        /// When it dies.
        at: Moment,
    },
    /// The next prompt that ends is forgotten at once: it is in no queue and in no history.
    HistoryEvicted,
    /// The next reply to a path carries `NaN` and `Infinity`, as Python writes them.
    NotANumber {
        /// The path without `/api` and without a query, such as `/history`.
        path: String,
    },
    /// A node is told of as expanded into another, with an id that stands in no prompt. It then runs itself.
    ExpandedNode {
        /// The id of the node, or none for the first that runs.
        node: Option<String>,
    },
    /// A node is blocked: an `execution_error` of type `ExecutionBlocked` without a timestamp, which ends nothing and
    /// of which the history knows nothing. The node then runs all the same.
    ExecutionBlocked {
        /// The id of the node, or none for the first that runs.
        node: Option<String>,
    },
    /// A node turns out to depend on itself while it runs: an `execution_error` without inputs, and a history that
    /// says `success`.
    CycleWhileRunning {
        /// The id of the node, or none for the first that runs.
        node: Option<String>,
    },
    /// The next node that shows something shows items among its outputs that are `null` and text.
    OddOutputs,
    /// A node raises an exception instead of running.
    ExecutionError {
        /// The id of the node, or none for the first that runs.
        node: Option<String>,
        /// The Python name of the exception, such as `ValueError`.
        exception_type: String,
        /// Its text.
        message: String,
    },
    /// A node runs out of GPU memory instead of running.
    OutOfMemory {
        /// The id of the node, or none for the first that runs.
        node: Option<String>,
    },
}

/// A point in the run of the next prompt that gets there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Moment {
    /// After `execution_start` and `execution_cached`, before the first node.
    NextPrompt,
    /// After a sampler finished this step, counted from 1, and its progress was sent.
    AtStep(u32),
    /// After `execution_success`, `execution_error` or `execution_interrupted`, before the prompt is in the history.
    BeforeHistory,
}

/// Holds a run at a [`Moment`] until it is released or dropped. An interrupt ends the hold as well.
///
/// ```
/// use comfy_sim::{Moment, Sim, SimOptions};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let sim = Sim::start(SimOptions::default()).await?;
/// let gate = sim.hold(Moment::NextPrompt);
/// // … submit a prompt, then `gate.reached().await` …
/// gate.release();
/// sim.stop().await;
/// # Ok::<(), comfy_sim::SimError>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct Gate {
    shared: Arc<GateState>,
}

#[derive(Debug)]
pub(crate) struct GateState {
    at: Moment,
    reached: watch::Sender<bool>,
    released: watch::Sender<bool>,
}

impl Gate {
    /// Waits until a run is held here.
    pub async fn reached(&self) {
        let mut reached = self.shared.reached.subscribe();
        // The sender lives in `self`, so the wait ends only by being reached.
        drop(reached.wait_for(|reached| *reached).await);
    }

    /// Lets the run go on.
    pub fn release(self) {}
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.shared.released.send_replace(true);
    }
}

impl GateState {
    /// Announces that a run is here and waits for its release.
    pub(crate) async fn hold(&self) {
        self.reached.send_replace(true);
        let mut released = self.released.subscribe();
        drop(released.wait_for(|released| *released).await);
    }
}

/// What is scripted and has not happened yet.
#[derive(Debug, Default)]
pub(crate) struct Script {
    faults: Mutex<Vec<Fault>>,
    gates: Mutex<Vec<Arc<GateState>>>,
}

impl Script {
    fn faults(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gates(&self) -> MutexGuard<'_, Vec<Arc<GateState>>> {
        self.gates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, fault: Fault) {
        self.faults().push(fault);
    }

    /// Takes the first fault that `wanted` recognizes.
    pub(crate) fn take<T>(&self, wanted: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        let mut faults = self.faults();
        let (index, found) =
            faults.iter().enumerate().find_map(|(index, fault)| Some((index, wanted(fault)?)))?;
        faults.remove(index);
        Some(found)
    }

    /// Takes a fault that is known to the last member, and says whether it was there.
    pub(crate) fn take_exact(&self, wanted: &Fault) -> bool {
        self.take(|fault| (fault == wanted).then_some(())).is_some()
    }

    pub(crate) fn gate(&self, at: Moment) -> Gate {
        let (reached, _) = watch::channel(false);
        let (released, _) = watch::channel(false);
        let shared = Arc::new(GateState { at, reached, released });
        self.gates().push(Arc::clone(&shared));
        Gate { shared }
    }

    /// Takes the first gate that stands at this moment and was not let go already.
    pub(crate) fn take_gate(&self, at: Moment) -> Option<Arc<GateState>> {
        let mut gates = self.gates();
        gates.retain(|gate| !*gate.released.borrow());
        let index = gates.iter().position(|gate| gate.at == at)?;
        Some(gates.remove(index))
    }
}

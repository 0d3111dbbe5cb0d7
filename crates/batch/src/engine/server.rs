//! The servers of an engine, and what is known of each.

use std::sync::{Mutex, MutexGuard, PoisonError};

use comfy_client::Client;

use super::{gauge::Gauge, link::Link};

/// One ComfyUI server and how much of the work it gets.
///
/// ```
/// use batch::ServerOptions;
/// use comfy_client::{Client, ClientOptions};
/// let client = Client::new("http://127.0.0.1:8188".parse()?, ClientOptions::default())?;
/// assert_eq!(ServerOptions::new("workstation", client).in_flight_max, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// What people call it.
    pub name: String,
    /// The way to it. Its URL is what a job's log names, so that a server may be renamed.
    pub client: Client,
    /// How much faster it is than one of weight 1: of servers that are equally busy, the heavier
    /// one gets the next job. What is not above zero counts as 1.
    pub weight: f64,
    /// How many of our jobs it holds at once, running and waiting; the others wait here, where
    /// they can be cancelled without a trace and may go to another server. One more than it runs
    /// keeps it busy.
    pub in_flight_max: usize,
}

impl ServerOptions {
    /// One job running and one waiting, and a weight of 1.
    pub fn new(name: impl Into<String>, client: Client) -> Self {
        Self { name: name.into(), client, weight: 1.0, in_flight_max: 2 }
    }
}

/// What an engine knows of one of its servers.
///
/// ```
/// use batch::ServerStatus;
/// fn is_of_use(server: &ServerStatus) -> bool {
///     server.set_aside.is_none() && server.in_flight < server.in_flight_max
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ServerStatus {
    /// What people call it.
    pub name: String,
    /// Its address without credentials.
    pub url: String,
    /// Whether the socket to it is open.
    pub is_connected: bool,
    /// Why it gets no jobs, while it gets none: it failed, and is asked again and again.
    pub set_aside: Option<String>,
    /// How many jobs of this engine it has.
    pub in_flight: usize,
    /// How many it may have.
    pub in_flight_max: usize,
    /// How many prompts are in its queue, whoever sent them, running ones included; `None` before
    /// its socket was open.
    pub queue_remaining: Option<u64>,
    /// Free memory of its first device in bytes, when it was last asked.
    pub vram_free_bytes: Option<u64>,
    /// The model files of the job that it got last, which it probably still holds in memory.
    pub warm_models: Vec<String>,
}

pub(super) struct Server {
    pub(super) name: String,
    pub(super) url: String,
    pub(super) client: Client,
    pub(super) link: Link,
    pub(super) gauge: Gauge,
    pub(super) weight: f64,
    pub(super) in_flight_max: usize,
    vram_free_bytes: Mutex<Option<u64>>,
}

impl Server {
    pub(super) fn new(options: ServerOptions) -> Self {
        let ServerOptions { name, client, weight, in_flight_max } = options;
        Self {
            name,
            url: client.url().to_string(),
            link: Link::new(client.clone()),
            gauge: Gauge::default(),
            client,
            weight: if weight > 0.0 { weight } else { 1.0 },
            in_flight_max: in_flight_max.max(1),
            vram_free_bytes: Mutex::default(),
        }
    }

    pub(super) fn vram_free_bytes(&self) -> Option<u64> {
        *self.vram()
    }

    pub(super) fn note_vram(&self, free_bytes: Option<u64>) {
        *self.vram() = free_bytes;
    }

    /// A number is never half written.
    fn vram(&self) -> MutexGuard<'_, Option<u64>> {
        self.vram_free_bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

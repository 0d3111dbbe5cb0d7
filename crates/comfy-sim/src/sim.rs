use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::watch;

use crate::catalog::Catalog;
use crate::execute::worker;
use crate::fault::{Fault, Gate, Moment};
use crate::folders::Folders;
use crate::listener::{Cut, Door, SimListener};
use crate::routes;
use crate::server::{ReceivedPrompt, Server};
use crate::{SimError, SimMemory, SimOptions};

/// A running server. It stops when it is dropped; [`stop`](Sim::stop) also waits for its tasks.
///
/// ```
/// use comfy_sim::{Sim, SimOptions};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let sim = Sim::start(SimOptions::default()).await?;
/// assert!(sim.url().starts_with("http://127.0.0.1:"));
/// sim.stop().await;
/// # Ok::<(), comfy_sim::SimError>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct Sim {
    server: Arc<Server>,
    address: SocketAddr,
    door: watch::Sender<Door>,
}

impl Sim {
    /// Binds [`SimOptions::address`] and starts to serve. Must be called inside a tokio runtime.
    pub async fn start(options: SimOptions) -> Result<Self, SimError> {
        let catalog = Catalog::shared()?;
        let folders = Folders::prepare(options.storage.as_deref())?;
        let wanted = options.address;
        let server = Arc::new(Server::new(options, catalog, folders));
        let (door, _) = watch::channel(Door::Open);
        let listener = SimListener::bind(wanted, door.clone(), Arc::clone(&server.connections))
            .await
            .map_err(|source| SimError::Bind { address: wanted, source })?;
        let address = listener.address();
        let service =
            routes::router(Arc::clone(&server)).into_make_service_with_connect_info::<Cut>();
        let stop = server.stop.clone();
        let serving = axum::serve(listener, service).with_graceful_shutdown(stop.cancelled_owned());
        server.tasks.spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(%error, "the server ended");
            }
        });
        server.tasks.spawn(worker(Arc::clone(&server)));
        server.tasks.close();
        Ok(Self { server, address, door })
    }

    /// The base URL, such as `http://127.0.0.1:41234`, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address that the server listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets a failure happen at its next occasion.
    pub fn script(&self, fault: Fault) {
        self.server.script.add(fault);
    }

    /// Places a gate that holds the next run which gets to `at`.
    pub fn hold(&self, at: Moment) -> Gate {
        self.server.script.gate(at)
    }

    /// Loses queue, history, cache and temporary files and cuts every socket, as a crash and a new start at the same
    /// port do. Files in `input` and `output` stay. What ran until now ends without a trace.
    pub fn restart_empty(&self) {
        self.server.lose_everything();
    }

    /// Cuts every WebSocket without a closing handshake.
    pub fn close_sockets(&self) {
        self.server.hub.cut_all();
    }

    /// Cuts every WebSocket without a closing handshake as soon as so many more frames were sent; what was sent before
    /// still arrives. With the number of frames of a whole run, a test can cut a run at each of them.
    pub fn close_sockets_after(&self, frames: usize) {
        self.server.hub.cut_all_after(frames);
    }

    /// How many frames were sent until now; one that goes to several sockets counts once, and what greets a new socket
    /// does not count.
    pub fn frames_sent(&self) -> usize {
        self.server.hub.frames_sent()
    }

    /// Stops to answer, as a server does whose event loop is blocked: connections are accepted, and then neither
    /// requests are answered nor events sent. Runs go on. [`answer_again`](Sim::answer_again) ends it, and what was
    /// held up is delivered.
    pub fn hang(&self) {
        self.server.hang(true);
    }

    /// Goes on to answer after [`hang`](Sim::hang).
    pub fn answer_again(&self) {
        self.server.hang(false);
    }

    /// Closes the port and cuts every connection: from the return of this call on, connecting is refused.
    pub async fn refuse_connections(&self) {
        self.turn_door(Door::Closing, Door::Closed).await;
        self.server.hub.cut_all();
        self.server.connections.cut();
    }

    /// Opens the port again after [`refuse_connections`](Sim::refuse_connections). Nothing else was lost.
    pub async fn accept_connections(&self) {
        self.turn_door(Door::Opening, Door::Open).await;
    }

    async fn turn_door(&self, asked: Door, wanted: Door) {
        let mut door = self.door.subscribe();
        if *door.borrow() == wanted {
            return;
        }
        self.door.send_replace(asked);
        drop(door.wait_for(|door| *door == wanted).await);
    }

    /// Every `POST /prompt` that came to validation, in order of arrival; restarts do not clear it.
    pub fn received_prompts(&self) -> Vec<ReceivedPrompt> {
        self.server.received()
    }

    /// How often a prompt with this id was accepted. More than once is what a client must never cause.
    pub fn submissions_of(&self, prompt_id: &str) -> usize {
        self.server
            .received()
            .iter()
            .filter(|received| received.accepted && received.prompt_id == prompt_id)
            .count()
    }

    /// How many prompts began to run, cached ones included.
    pub fn executions(&self) -> usize {
        self.server.executions()
    }

    /// Writes a line to the log of the server, as something that runs in it would.
    pub fn write_log(&self, text: &str) {
        self.server.log_info(text);
    }

    /// Says something else of the memory from now on.
    pub fn set_memory(&self, memory: SimMemory) {
        self.server.memory.set(memory);
    }

    /// How often `GET /system_stats` was answered.
    pub fn memory_asked(&self) -> usize {
        self.server.memory.asked()
    }

    /// The ids under which a socket receives events now, sorted.
    pub fn connected_clients(&self) -> Vec<String> {
        self.server.hub.client_ids()
    }

    /// The folder that holds `input`, `output` and `temp`.
    pub fn storage(&self) -> std::path::PathBuf {
        self.server.folders.base().to_owned()
    }

    /// Stops to serve, ends the run and waits until every task of the server is gone.
    pub async fn stop(self) {
        self.server.stop.cancel();
        self.server.hub.cut_all();
        self.server.connections.cut();
        self.server.tasks.wait().await;
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.server.stop.cancel();
        self.server.hub.cut_all();
        self.server.connections.cut();
    }
}

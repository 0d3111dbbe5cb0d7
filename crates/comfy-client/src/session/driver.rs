//! The task that owns the socket.

use std::{collections::HashMap, pin::pin, time::Duration};

use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{self, Instant},
};
use tokio_tungstenite::tungstenite::{self, Message};

use super::{
    Connection, Reader,
    socket::{self, Socket},
};
use crate::{
    client::Client,
    ids::{ClientId, PromptId},
    watch::{
        event::{Event, News},
        mailbox::Check,
    },
    wire::{self, Binary},
};

/// The first wait before reconnecting; each further one is twice as long. Not zero, so that the
/// server has noticed the end of the old socket.
const RECONNECT_WAIT_MIN: Duration = Duration::from_millis(250);

/// The longest wait between two attempts to reconnect.
const RECONNECT_WAIT_MAX: Duration = Duration::from_secs(5);

/// What a [`Session`](super::Session) asks of the task.
pub(crate) enum Command {
    Watch { prompt: PromptId, mailbox: Reader, added: oneshot::Sender<()> },
    Close,
}

pub(crate) struct Driver {
    client: Client,
    client_id: ClientId,
    commands: mpsc::Receiver<Command>,
    state: watch::Sender<Connection>,
    readers: HashMap<PromptId, Vec<Reader>>,
    /// The prompt that runs for this socket: pictures of old servers say nothing of theirs.
    running: Option<PromptId>,
}

/// The session is to be closed.
struct Closing;

impl Driver {
    pub(crate) fn new(
        client: Client,
        client_id: ClientId,
        commands: mpsc::Receiver<Command>,
        state: watch::Sender<Connection>,
    ) -> Self {
        Self { client, client_id, commands, state, readers: HashMap::new(), running: None }
    }

    pub(crate) async fn run(mut self, mut socket: Socket) {
        loop {
            let served = self.serve(&mut socket).await;
            socket::close(socket).await;
            let Ok(reason) = served else { return };
            self.lost(reason);
            match self.reconnect().await {
                Ok(new) => socket = new,
                Err(Closing) => return,
            }
        }
    }

    /// Takes frames until the socket is lost, and returns why.
    async fn serve(&mut self, socket: &mut Socket) -> Result<String, Closing> {
        let limits = self.client.limits().clone();
        let mut heard_at = Instant::now();
        let mut ping_at = heard_at + limits.ping_every;
        loop {
            let silent_at = heard_at + limits.silence_max;
            let wake_at = ping_at.min(silent_at);
            match self.meanwhile(time::timeout_at(wake_at, socket.next())).await? {
                Ok(Some(Ok(frame))) => {
                    heard_at = Instant::now();
                    if let Message::Close(_) = frame {
                        return Ok("the server closed it".to_owned());
                    }
                    self.take_in(frame);
                }
                Ok(Some(Err(error))) => return Ok(told(&error)),
                Ok(None) => return Ok("the connection ended".to_owned()),
                Err(_) if Instant::now() >= silent_at => {
                    return Ok(format!("the server was silent for {:?}", limits.silence_max));
                }
                Err(_) => {
                    ping_at = Instant::now() + limits.ping_every;
                    let ping = socket.send(Message::Ping(Bytes::new()));
                    match self.meanwhile(time::timeout_at(silent_at, ping)).await? {
                        Ok(Ok(())) => {}
                        Ok(Err(error)) => return Ok(told(&error)),
                        Err(_) => return Ok("the server does not read from it".to_owned()),
                    }
                }
            }
        }
    }

    async fn reconnect(&mut self) -> Result<Socket, Closing> {
        let (client, client_id) = (self.client.clone(), self.client_id);
        let mut wait = RECONNECT_WAIT_MIN;
        loop {
            self.meanwhile(time::sleep(wait)).await?;
            match self.meanwhile(Box::pin(socket::open(&client, client_id))).await? {
                Ok((socket, queue_remaining)) => {
                    self.back(queue_remaining);
                    return Ok(socket);
                }
                Err(error) => tracing::debug!(%error, "cannot reconnect yet"),
            }
            wait = wait.saturating_mul(2).min(RECONNECT_WAIT_MAX);
        }
    }

    /// Waits for something while commands are still carried out.
    async fn meanwhile<T>(&mut self, waiting: impl Future<Output = T>) -> Result<T, Closing> {
        let mut waiting = pin!(waiting);
        loop {
            tokio::select! {
                biased;
                command = self.commands.recv() => match command {
                    Some(Command::Watch { prompt, mailbox, added }) => {
                        self.add(prompt, mailbox);
                        if added.send(()).is_err() {
                            tracing::trace!(%prompt, "nobody waits for the watch any more");
                        }
                    }
                    Some(Command::Close) | None => return Err(Closing),
                },
                done = &mut waiting => return Ok(done),
            }
        }
    }

    fn add(&mut self, prompt: PromptId, reader: Reader) {
        self.readers.retain(|_, readers| {
            readers.retain(|reader| reader.strong_count() > 0);
            !readers.is_empty()
        });
        self.readers.entry(prompt).or_default().push(reader);
    }

    fn take_in(&mut self, frame: Message) {
        let taken = match frame {
            Message::Text(text) => {
                wire::decode_text(text.as_bytes()).map(|message| self.take_message(message))
            }
            Message::Binary(bytes) => {
                wire::decode_binary(&bytes).map(|binary| self.take_binary(binary))
            }
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => Ok(()),
        };
        if let Err(error) = taken {
            tracing::warn!(server = %self.client.url(), %error, "skipped a frame");
        }
    }

    fn take_message(&mut self, message: wire::Message) {
        if let wire::Message::Status { queue_remaining, .. } = message {
            self.state.send_modify(|state| state.queue_remaining = queue_remaining);
            return;
        }
        let Some(News { prompt, event, may_have_ended }) = News::of(message) else { return };
        let Ok(prompt) = prompt.parse::<PromptId>() else { return };
        self.running = Some(prompt).filter(|_| !may_have_ended);
        if let Some(event) = event {
            self.tell(&prompt, &event);
        }
        if may_have_ended {
            self.ask(&prompt, Check::History);
        }
    }

    fn take_binary(&mut self, binary: Binary) {
        let (prompt, event) = match binary {
            Binary::Preview(image) => (self.running, Event::Preview { node: None, image }),
            Binary::PreviewWithMetadata { image, prompt, node, .. } => {
                (prompt.and_then(|id| id.parse().ok()), Event::Preview { node, image })
            }
            // These name no prompt and come from anybody's.
            Binary::Text { .. } => return,
            Binary::Unknown { event, bytes } => {
                tracing::debug!(event, bytes = bytes.len(), "skipped an unknown binary frame");
                return;
            }
        };
        if let Some(prompt) = prompt {
            self.tell(&prompt, &event);
        }
    }

    fn lost(&mut self, reason: String) {
        tracing::warn!(server = %self.client.url(), reason, "the socket is lost");
        self.running = None;
        self.state.send_modify(|state| state.is_up = false);
        self.tell_all(&Event::SocketLost { reason });
    }

    fn back(&mut self, queue_remaining: Option<u64>) {
        tracing::info!(server = %self.client.url(), "the socket is back");
        self.state.send_replace(Connection { is_up: true, queue_remaining });
        self.tell_all(&Event::SocketBack);
    }

    fn tell(&self, prompt: &PromptId, event: &Event) {
        let readers = self.readers.get(prompt).into_iter().flatten();
        readers.filter_map(Reader::upgrade).for_each(|mailbox| mailbox.put(event.clone()));
    }

    fn ask(&self, prompt: &PromptId, check: Check) {
        let readers = self.readers.get(prompt).into_iter().flatten();
        readers.filter_map(Reader::upgrade).for_each(|mailbox| mailbox.ask_for(check));
    }

    /// Events may have been missed, and the server may have been restarted.
    fn tell_all(&self, event: &Event) {
        for prompt in self.readers.keys() {
            self.tell(prompt, event);
            self.ask(prompt, Check::HistoryAndQueue);
        }
    }
}

fn told(error: &tungstenite::Error) -> String {
    error.to_string()
}

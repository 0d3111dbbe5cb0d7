//! The task that owns the socket.

use std::{collections::HashMap, mem, pin::pin, time::Duration};

use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{self, Instant},
};
use tokio_tungstenite::tungstenite::Message;

use super::{
    Connection, Reader,
    socket::{self, Socket},
};
use crate::{
    client::Client,
    error::Error,
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
    /// Why the socket is not up.
    down: Option<String>,
    /// Whether the server may still hold an older socket with this client id. It forgets the id,
    /// and with it the new socket, when it notices the end of the old one.
    is_id_in_doubt: bool,
    has_skipped_frames: bool,
}

/// The session is to be closed.
struct Closing;

/// The socket is lost.
struct Loss {
    reason: String,
    /// Whether the server may not have noticed.
    is_silent: bool,
}

impl Loss {
    /// One that the server knows of as well.
    fn known(reason: String) -> Self {
        Self { reason, is_silent: false }
    }
}

impl Driver {
    pub(crate) fn new(
        client: Client,
        client_id: ClientId,
        commands: mpsc::Receiver<Command>,
        state: watch::Sender<Connection>,
    ) -> Self {
        Self {
            client,
            client_id,
            commands,
            state,
            readers: HashMap::new(),
            running: None,
            down: None,
            is_id_in_doubt: false,
            has_skipped_frames: false,
        }
    }

    pub(crate) async fn run(mut self, mut socket: Socket) {
        loop {
            let served = self.serve(&mut socket).await;
            socket::close(socket).await;
            let Ok(loss) = served else { return };
            self.lost(loss);
            match self.reconnect().await {
                Ok(new) => socket = new,
                Err(Closing) => return,
            }
        }
    }

    /// Takes frames until the socket is lost, and returns why.
    async fn serve(&mut self, socket: &mut Socket) -> Result<Loss, Closing> {
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
                        return Ok(Loss::known("the server closed it".to_owned()));
                    }
                    self.take_in(frame);
                }
                Ok(Some(Err(error))) => return Ok(Loss::known(error.to_string())),
                Ok(None) => return Ok(Loss::known("the connection ended".to_owned())),
                Err(_) if Instant::now() >= silent_at => {
                    let reason = format!("the server was silent for {:?}", limits.silence_max);
                    return Ok(Loss { reason, is_silent: true });
                }
                Err(_) if self.may_renew_id() => {
                    let reason = "it is opened again under another client id".to_owned();
                    return Ok(Loss::known(reason));
                }
                Err(_) => {
                    ping_at = Instant::now() + limits.ping_every;
                    let ping = socket.send(Message::Ping(Bytes::new()));
                    match self.meanwhile(time::timeout_at(silent_at, ping)).await? {
                        Ok(Ok(())) => {}
                        Ok(Err(error)) => return Ok(Loss::known(error.to_string())),
                        Err(_) => {
                            let reason = "the server does not read from it".to_owned();
                            return Ok(Loss { reason, is_silent: true });
                        }
                    }
                }
            }
        }
    }

    async fn reconnect(&mut self) -> Result<Socket, Closing> {
        let client = self.client.clone();
        let mut wait = RECONNECT_WAIT_MIN;
        loop {
            self.meanwhile(time::sleep(wait)).await?;
            if self.may_renew_id() {
                self.renew_id();
            }
            let opening = Box::pin(socket::open(&client, self.client_id));
            match self.meanwhile(opening).await? {
                Ok((socket, queue_remaining)) => {
                    self.back(queue_remaining);
                    return Ok(socket);
                }
                Err(error) => {
                    tracing::debug!(%error, "cannot reconnect yet");
                    // The server may take this socket in when nobody is there any more.
                    self.is_id_in_doubt |= matches!(error, Error::Timeout { .. });
                }
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
        if let Some(reason) = &self.down
            && let Some(mailbox) = reader.upgrade()
        {
            mailbox.put(Event::SocketLost { reason: reason.clone() }, 0);
        }
        self.readers.entry(prompt).or_default().push(reader);
    }

    /// Whether the client id is in doubt and no prompt that was submitted with it is watched.
    fn may_renew_id(&self) -> bool {
        let is_watched = self.readers.values().flatten().any(|reader| reader.strong_count() > 0);
        self.is_id_in_doubt && !is_watched
    }

    fn renew_id(&mut self) {
        let client_id = ClientId::fresh();
        tracing::debug!(old = %self.client_id, new = %client_id, "the session takes another client id");
        self.client_id = client_id;
        self.is_id_in_doubt = false;
        self.state.send_modify(|state| state.client_id = client_id);
    }

    fn take_in(&mut self, frame: Message) {
        let bytes = frame.len();
        let taken = match frame {
            Message::Text(text) => {
                wire::decode_text(text.as_bytes()).map(|message| self.take_message(message, bytes))
            }
            Message::Binary(binary) => {
                wire::decode_binary(&binary).map(|binary| self.take_binary(binary, bytes))
            }
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => Ok(()),
        };
        if let Err(error) = taken {
            let server = self.client.url();
            if mem::replace(&mut self.has_skipped_frames, true) {
                tracing::debug!(%server, %error, "skipped a frame");
            } else {
                tracing::warn!(%server, %error, "skipped a frame; more are told at level debug");
            }
        }
    }

    fn take_message(&mut self, message: wire::Message, bytes: usize) {
        if let wire::Message::Status { queue_remaining, .. } = message {
            self.state.send_modify(|state| state.queue_remaining = queue_remaining);
            return;
        }
        let Some(News { prompt, event, may_have_ended }) = News::of(message) else { return };
        let Ok(prompt) = prompt.parse::<PromptId>() else { return };
        self.running = Some(prompt).filter(|_| !may_have_ended);
        if let Some(event) = event {
            self.tell(&prompt, &event, bytes);
        }
        if may_have_ended {
            self.ask(&prompt, Check::History);
        }
    }

    fn take_binary(&mut self, binary: Binary, bytes: usize) {
        let (prompt, event) = match binary {
            Binary::Preview(image) => {
                (self.running, Event::Preview { node: None, display_node: None, image })
            }
            Binary::PreviewWithMetadata { image, prompt, node, display_node } => {
                let prompt = prompt.and_then(|id| id.parse().ok());
                (prompt, Event::Preview { node, display_node, image })
            }
            // These name no prompt and come from anybody's.
            Binary::Text { .. } => return,
            Binary::Unknown { event, bytes } => {
                tracing::debug!(event, bytes = bytes.len(), "skipped an unknown binary frame");
                return;
            }
        };
        if let Some(prompt) = prompt {
            self.tell(&prompt, &event, bytes);
        }
    }

    fn lost(&mut self, Loss { reason, is_silent }: Loss) {
        tracing::warn!(server = %self.client.url(), reason, "the socket is lost");
        self.running = None;
        self.down = Some(reason.clone());
        self.is_id_in_doubt |= is_silent;
        self.state.send_modify(|state| state.is_up = false);
        self.tell_all(&Event::SocketLost { reason });
    }

    fn back(&mut self, queue_remaining: Option<u64>) {
        tracing::info!(server = %self.client.url(), "the socket is back");
        self.down = None;
        self.state.send_modify(|state| {
            state.is_up = true;
            state.queue_remaining = queue_remaining;
        });
        self.tell_all(&Event::SocketBack);
    }

    fn tell(&self, prompt: &PromptId, event: &Event, bytes: usize) {
        let readers = self.readers.get(prompt).into_iter().flatten();
        readers.filter_map(Reader::upgrade).for_each(|mailbox| mailbox.put(event.clone(), bytes));
    }

    fn ask(&self, prompt: &PromptId, check: Check) {
        let readers = self.readers.get(prompt).into_iter().flatten();
        readers.filter_map(Reader::upgrade).for_each(|mailbox| mailbox.ask_for(check));
    }

    /// Events may have been missed, and the server may have been restarted.
    fn tell_all(&self, event: &Event) {
        for prompt in self.readers.keys() {
            self.tell(prompt, event, 0);
            self.ask(prompt, Check::HistoryAndQueue);
        }
    }
}

//! The task that owns the socket.

use std::{collections::HashMap, io, mem, pin::pin, time::Duration};

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
    wire::{self, Binary, DecodeError, NodeStateReader},
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
    /// The node states that were told last, of prompts that somebody watches.
    states: HashMap<PromptId, NodeStateReader>,
    /// The prompt that runs for this socket: pictures of old servers say nothing of theirs.
    running: Option<PromptId>,
    /// Why the socket is not up.
    down: Option<String>,
    absence: Absence,
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

/// What shows that the server is away, and who should know.
#[derive(Default)]
struct Absence {
    /// Whether nobody took connections where the server should be.
    is_seen: bool,
    /// Who read when the socket was lost.
    readers: Vec<Reader>,
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
            states: HashMap::new(),
            running: None,
            down: None,
            absence: Absence::default(),
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
                    self.absence.is_seen |= shows_absence(&error);
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
        // This reader has to be told the states of all nodes.
        self.states.retain(|other, _| *other != prompt && self.readers.contains_key(other));
        if let Some(reason) = &self.down
            && let Some(mailbox) = reader.upgrade()
        {
            mailbox.put(Event::SocketLost { reason: reason.clone() }, 0, now());
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
            Message::Text(text) => self.take_text(&text.into()),
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

    /// Frames of node states grow with the graph and are most of what comes, so they are not
    /// decoded as a whole.
    fn take_text(&mut self, text: &Bytes) -> Result<(), DecodeError> {
        if let Some(prompt) = NodeStateReader::prompt_of(text) {
            match prompt.parse() {
                Ok(prompt) => self.take_states(prompt, text),
                Err(_) => Ok(()),
            }
        } else {
            let message = wire::decode_text(text)?;
            self.take_message(message, text.len());
            Ok(())
        }
    }

    fn take_states(&mut self, prompt: PromptId, frame: &Bytes) -> Result<(), DecodeError> {
        self.running = Some(prompt);
        if self.readers.contains_key(&prompt) {
            let changed = self.states.entry(prompt).or_default().read(frame)?;
            if !changed.is_empty() {
                self.tell(&prompt, Event::NodeStates(changed), frame.len());
            }
        }
        Ok(())
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
            self.tell(&prompt, event, bytes);
        }
        if may_have_ended {
            self.states.remove(&prompt);
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
            self.tell(&prompt, event, bytes);
        }
    }

    fn lost(&mut self, Loss { reason, is_silent }: Loss) {
        tracing::warn!(server = %self.client.url(), reason, "the socket is lost");
        self.running = None;
        self.states.clear();
        self.down = Some(reason.clone());
        let readers = self.readers.values().flatten().cloned().collect();
        self.absence = Absence { is_seen: false, readers };
        self.is_id_in_doubt |= is_silent;
        self.state.send_modify(|state| state.is_up = false);
        self.tell_all(&Event::SocketLost { reason });
    }

    fn back(&mut self, queue_remaining: Option<u64>) {
        tracing::info!(server = %self.client.url(), "the socket is back");
        self.down = None;
        // It may be another version now.
        self.client.http.forget_abilities();
        let Absence { is_seen, readers } = mem::take(&mut self.absence);
        if is_seen {
            readers.iter().filter_map(Reader::upgrade).for_each(|mailbox| mailbox.note_absence());
        }
        self.state.send_modify(|state| {
            state.is_up = true;
            state.reopened = state.reopened.saturating_add(1);
            state.queue_remaining = queue_remaining;
        });
        self.tell_all(&Event::SocketBack);
    }

    fn tell(&self, prompt: &PromptId, event: Event, bytes: usize) {
        let now = now();
        let readers = self.readers.get(prompt).into_iter().flatten();
        let mut mailboxes = readers.filter_map(Reader::upgrade).peekable();
        let mut event = Some(event);
        while let Some(mailbox) = mailboxes.next() {
            let is_last = mailboxes.peek().is_none();
            let told = if is_last { event.take() } else { event.clone() };
            if let Some(event) = told {
                mailbox.put(event, bytes, now);
            }
        }
    }

    fn ask(&self, prompt: &PromptId, check: Check) {
        let readers = self.readers.get(prompt).into_iter().flatten();
        readers.filter_map(Reader::upgrade).for_each(|mailbox| mailbox.ask_for(check));
    }

    /// Events may have been missed, and the server may have been restarted.
    fn tell_all(&self, event: &Event) {
        for prompt in self.readers.keys() {
            self.tell(prompt, event.clone(), 0);
            self.ask(prompt, Check::HistoryAndQueue);
        }
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

/// Whether nobody listens where the server should be, as a proxy may say in its place. A running
/// server is slow at times, but it never stops to take connections.
fn shows_absence(error: &Error) -> bool {
    #[expect(clippy::wildcard_enum_match_arm, reason = "only these of many errors show it")]
    match error {
        Error::Connect { source, .. } => source
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused),
        Error::Status { status, .. } => matches!(status, 502 | 503),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::ClientOptions;

    async fn absence_at(port: u16) -> bool {
        let url = format!("http://127.0.0.1:{port}").parse().unwrap();
        let client = Client::new(url, ClientOptions::default()).unwrap();
        shows_absence(&socket::open(&client, ClientId::fresh()).await.unwrap_err())
    }

    #[tokio::test]
    async fn a_port_where_nobody_listens_shows_absence_and_a_broken_connection_does_not() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (shown, ()) = tokio::join!(absence_at(port), async {
            drop(listener.accept().await.unwrap());
        });
        assert!(!shown);
        drop(listener);
        assert!(absence_at(port).await);
    }
}

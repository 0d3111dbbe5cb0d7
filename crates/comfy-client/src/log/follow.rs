//! Following a server's log over a socket of its own.

use std::{collections::VecDeque, fmt, time::Duration};

use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _};
use tokio::time::{self, Instant};
use tokio_tungstenite::tungstenite::Message;
use workflow_graph::Json;

use super::LogLine;
use crate::{
    client::Client,
    error::{Error, Retry},
    http::Reply,
    ids::ClientId,
    session::socket::{self, Socket},
    wire,
};

/// The first wait before reconnecting; each further one is twice as long.
const RECONNECT_WAIT_MIN: Duration = Duration::from_millis(250);

/// The longest wait between two attempts to reconnect.
const RECONNECT_WAIT_MAX: Duration = Duration::from_secs(5);

/// How many lines are remembered to tell each only once: more than the server gives on request.
const LINES_REMEMBERED: usize = 1_000;

/// What happens in a log that is followed.
///
/// ```
/// use comfy_client::LogEvent;
/// let back = LogEvent::Back { may_lack_lines: true };
/// assert_ne!(back, LogEvent::Back { may_lack_lines: false });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogEvent {
    /// Lines that were not told before, oldest first; never none.
    Lines(Vec<LogLine>),
    /// The socket is lost; it is opened again.
    Lost {
        /// Why.
        reason: String,
    },
    /// The socket is back. What was written meanwhile comes next.
    Back {
        /// Whether there is more of it than the server kept, or the server was restarted.
        may_lack_lines: bool,
    },
}

/// Follows the log of one server. Made by [`Client::follow_log`]; dropping it ends that.
pub struct LogFollower {
    client: Client,
    connection: Option<Connection>,
    /// What is to be told before anything else is read.
    pending: VecDeque<LogEvent>,
    told: VecDeque<LogLine>,
    reconnect_wait: Duration,
}

struct Connection {
    socket: Socket,
    client_id: ClientId,
    heard_at: Instant,
    ping_at: Instant,
}

impl Client {
    /// Follows the server's log: first what [`Client::log`] gives, then every line as it is written.
    /// Paths of the server and texts of all its users stand in it.
    ///
    /// `None` from a server without this route, which is meant for ComfyUI's own pages.
    pub async fn follow_log(&self) -> Result<Option<LogFollower>, Error> {
        let (connection, reply) = connect(self).await?;
        if matches!(reply.status, 404 | 405) {
            socket::close(connection.socket).await;
            return Ok(None);
        }
        reply.success(&self.http)?;
        let mut follower = LogFollower {
            client: self.clone(),
            connection: Some(connection),
            pending: VecDeque::new(),
            told: VecDeque::new(),
            reconnect_wait: RECONNECT_WAIT_MIN,
        };
        let lines = self.log().await?.unwrap_or_default();
        follower.note(lines);
        Ok(Some(follower))
    }
}

impl LogFollower {
    /// What happened next. A lost socket is opened again until the server takes it or refuses it;
    /// the latter is the only error. It may be dropped while it waits: nothing is lost.
    pub async fn next(&mut self) -> Result<LogEvent, Error> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Ok(event);
            }
            let limits = self.client.limits();
            let (ping_every, silence_max) = (limits.ping_every, limits.silence_max);
            match &mut self.connection {
                None => self.reconnect().await?,
                Some(connection) => match connection.read(ping_every, silence_max).await {
                    Ok(lines) => self.note(lines),
                    Err(reason) => {
                        self.connection = None;
                        return Ok(LogEvent::Lost { reason });
                    }
                },
            }
        }
    }

    /// Tells the server that nobody follows any more, and closes the socket.
    pub async fn close(self) {
        let Some(Connection { socket, client_id, .. }) = self.connection else { return };
        if let Err(error) = subscribe(&self.client, client_id, false).await {
            tracing::debug!(%error, "the server forgets it when the socket closes");
        }
        socket::close(socket).await;
    }

    async fn reconnect(&mut self) -> Result<(), Error> {
        time::sleep(self.reconnect_wait).await;
        self.reconnect_wait = self.reconnect_wait.saturating_mul(2).min(RECONNECT_WAIT_MAX);
        let again = async {
            let (connection, reply) = connect(&self.client).await?;
            reply.success(&self.client.http)?;
            Ok::<_, Error>((connection, self.client.log().await?.unwrap_or_default()))
        };
        match again.await {
            Ok((connection, lines)) => {
                self.connection = Some(connection);
                self.reconnect_wait = RECONNECT_WAIT_MIN;
                let is_joined =
                    self.told.is_empty() || lines.iter().any(|line| self.told.contains(line));
                self.pending.push_back(LogEvent::Back { may_lack_lines: !is_joined });
                self.note(lines);
                Ok(())
            }
            Err(error) if error.retry() == Retry::Never => Err(error),
            Err(error) => {
                tracing::debug!(%error, "cannot reconnect yet");
                Ok(())
            }
        }
    }

    /// Has those lines told that were not.
    fn note(&mut self, mut lines: Vec<LogLine>) {
        lines.retain(|line| !self.told.contains(line));
        if lines.is_empty() {
            return;
        }
        self.told.extend(lines.iter().cloned());
        let too_many = self.told.len().saturating_sub(LINES_REMEMBERED);
        self.told.drain(..too_many);
        self.pending.push_back(LogEvent::Lines(lines));
    }
}

impl Connection {
    /// The lines of the next frame, which may be none; or why there will be no more.
    async fn read(
        &mut self,
        ping_every: Duration,
        silence_max: Duration,
    ) -> Result<Vec<LogLine>, String> {
        let silent_at = self.heard_at + silence_max;
        match time::timeout_at(self.ping_at.min(silent_at), self.socket.next()).await {
            Ok(Some(Ok(frame))) => {
                self.heard_at = Instant::now();
                match frame {
                    Message::Close(_) => Err("the server closed it".to_owned()),
                    Message::Text(text) => Ok(lines_of(text.as_bytes())),
                    Message::Binary(_)
                    | Message::Ping(_)
                    | Message::Pong(_)
                    | Message::Frame(_) => Ok(Vec::new()),
                }
            }
            Ok(Some(Err(error))) => Err(error.to_string()),
            Ok(None) => Err("the connection ended".to_owned()),
            Err(_) if Instant::now() >= silent_at => {
                Err(format!("the server was silent for {silence_max:?}"))
            }
            Err(_) => {
                self.ping_at = Instant::now() + ping_every;
                let ping = self.socket.send(Message::Ping(Bytes::new()));
                match time::timeout_at(silent_at, ping).await {
                    Ok(Ok(())) => Ok(Vec::new()),
                    Ok(Err(error)) => Err(error.to_string()),
                    Err(_) => Err("the server does not read from it".to_owned()),
                }
            }
        }
    }
}

impl fmt::Debug for LogFollower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogFollower")
            .field("server", self.client.url())
            .field("is_connected", &self.connection.is_some())
            .finish_non_exhaustive()
    }
}

/// A socket under an id of its own that the log is asked for, and what the server said to that.
async fn connect(client: &Client) -> Result<(Connection, Reply), Error> {
    let client_id = ClientId::fresh();
    let (socket, _) = socket::open(client, client_id).await?;
    let reply = subscribe(client, client_id, true).await?;
    let now = Instant::now();
    let ping_at = now + client.limits().ping_every;
    Ok((Connection { socket, client_id, heard_at: now, ping_at }, reply))
}

async fn subscribe(client: &Client, client_id: ClientId, is_on: bool) -> Result<Reply, Error> {
    let body = Json::object([
        ("clientId", Json::from(client_id.to_string())),
        ("enabled", Json::from(is_on)),
    ]);
    client.http.patch(&["internal", "logs", "subscribe"], &body).await
}

fn lines_of(frame: &[u8]) -> Vec<LogLine> {
    match wire::decode_text(frame) {
        Ok(wire::Message::Logs(json)) => LogLine::all_from_json(&json),
        Ok(_) => Vec::new(),
        Err(error) => {
            tracing::debug!(%error, "skipped a frame");
            Vec::new()
        }
    }
}

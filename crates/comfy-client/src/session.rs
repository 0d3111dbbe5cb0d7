//! One WebSocket, shared by all prompts of one client.

mod driver;
pub(crate) mod socket;

use std::{
    fmt,
    sync::{Arc, Weak},
};

use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
    time::Instant,
};

use self::driver::{Command, Driver};
use crate::{
    client::Client,
    error::Error,
    ids::{ClientId, PromptId},
    watch::{Event, Watch, mailbox::Mailbox},
};

/// How many commands may wait for the task. Small on purpose: whoever sends one waits for its
/// answer, so a longer queue would only hide that the task is behind.
const COMMANDS_QUEUED_MAX: usize = 16;

/// One open WebSocket of a server. It reconnects by itself when it is lost. One task owns it,
/// which [`Session::close`] joins and dropping the session aborts; watches go on without it, only
/// without events.
pub struct Session {
    client: Client,
    commands: mpsc::Sender<Command>,
    connection: watch::Receiver<Connection>,
    task: JoinSet<()>,
}

/// What the task knows of its socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connection {
    pub(crate) is_up: bool,
    /// How often it was opened again.
    pub(crate) reopened: u64,
    pub(crate) queue_remaining: Option<u64>,
    pub(crate) client_id: ClientId,
}

impl Session {
    pub(crate) async fn open(client: Client) -> Result<Self, Error> {
        let client_id = ClientId::fresh();
        let (socket, queue_remaining) = socket::open(&client, client_id).await?;
        let (commands, inbox) = mpsc::channel(COMMANDS_QUEUED_MAX);
        let (state, connection) =
            watch::channel(Connection { is_up: true, reopened: 0, queue_remaining, client_id });
        let mut task = JoinSet::new();
        task.spawn(Driver::new(client.clone(), client_id, inbox, state).run(socket));
        Ok(Self { client, commands, connection, task })
    }

    /// The id to submit with, so that events come here. Ask for it with each submission, after
    /// [`Session::watch`]: it stays the same while a prompt is watched.
    ///
    /// When a socket died without the server noticing, the server mutes the next one with the
    /// same id as soon as it does notice. So the session then takes another id once nothing is
    /// watched. Until that, events may stop; outcomes come from the history all the same.
    pub fn client_id(&self) -> ClientId {
        self.connection.borrow().client_id
    }

    /// Whether the socket is up at this moment.
    pub fn is_connected(&self) -> bool {
        self.connection.borrow().is_up
    }

    /// How often the socket was opened again since the first time. While the number stays and the
    /// socket is up, it is the same run of the same server that answers.
    pub fn connection(&self) -> u64 {
        self.connection.borrow().reopened
    }

    /// How many prompts wait or run on the server, as it last said.
    pub fn queue_remaining(&self) -> Option<u64> {
        self.connection.borrow().queue_remaining
    }

    /// Watches a prompt. Call this before submitting it: from when it returns, every event that
    /// comes over the socket is told. The first one is [`Event::SocketLost`] when the socket is
    /// down just then; events can be missed until [`Event::SocketBack`].
    pub async fn watch(&self, prompt: &PromptId) -> Watch {
        let mailbox = Arc::new(Mailbox::default());
        let (added, is_added) = oneshot::channel();
        let command =
            Command::Watch { prompt: *prompt, mailbox: Arc::<Mailbox>::downgrade(&mailbox), added };
        // The task runs as long as this session, unless it panicked; then there are no events,
        // and the watch asks the history as it always does.
        if self.commands.send(command).await.is_err() || is_added.await.is_err() {
            tracing::error!(prompt = %prompt, "the task of the session has ended");
            let reason = "the task of the session has ended".to_owned();
            mailbox.put(Event::SocketLost { reason }, 0, Instant::now().into_std());
        }
        Watch::new(self.client.clone(), *prompt, mailbox)
    }

    /// Closes the socket and waits until its task has ended, at most a few seconds.
    pub async fn close(mut self) {
        if self.commands.send(Command::Close).await.is_err() {
            tracing::debug!("the task of the session had ended before");
        }
        while let Some(end) = self.task.join_next().await {
            if let Err(error) = end {
                tracing::error!(%error, "the task of the session did not end well");
            }
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("server", self.client.url())
            .field("connection", &*self.connection.borrow())
            .finish_non_exhaustive()
    }
}

/// A reader that may be gone.
pub(crate) type Reader = Weak<Mailbox>;

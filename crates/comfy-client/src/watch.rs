//! Following one prompt to its end.

pub(crate) mod event;
pub(crate) mod mailbox;
mod seen;

use std::{fmt, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use tokio::time::{self, Instant};

pub use self::event::Event;
use self::{
    mailbox::{Check, Letter, Mailbox},
    seen::Seen,
};
use crate::{
    client::Client, error::Error, history::HistoryEntry, ids::PromptId, outcome::Outcome,
    outputs::NodeOutput, timings::NodeTimings,
};

/// Follows one prompt: its events as they come, and at the end its outcome.
///
/// Get it from [`Session::watch`](crate::Session::watch) *before* submitting, so that no event is
/// missed, and call [`Watch::next`] or [`Watch::finish`] *after*: from then on, a prompt that is
/// neither in the queue nor in the history counts as [`Outcome::Lost`].
///
/// The outcome is what the history says. The watch asks when an event says that the prompt may
/// have ended, every few seconds, and after the socket was lost; so it also ends when the session
/// is closed, and when events never come.
pub struct Watch {
    client: Client,
    prompt: PromptId,
    mailbox: Arc<Mailbox>,
    /// A request under way. Kept here, so that dropping the future of [`Watch::next`] loses
    /// nothing.
    check: Option<BoxFuture<'static, Result<Verdict, Error>>>,
    schedule: Option<Schedule>,
    silence: Option<Silence>,
    /// Whether a check ever came to an answer of this server.
    was_answered: bool,
    seen: Seen,
    end: Option<Result<End, Error>>,
}

/// How a prompt ended, and what it left.
///
/// ```
/// use comfy_client::{Ended, Outcome};
/// let ended = Ended::new(Outcome::Lost);
/// assert_eq!(ended.outputs().count(), 0);
/// assert!(ended.entry.is_none() && !ended.server_was_away);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// How it ended.
    pub outcome: Outcome,
    /// The history entry that says so; `None` exactly when it is [`Outcome::Lost`].
    pub entry: Option<HistoryEntry>,
    /// What nodes reported over the socket and the history does not have. Should nodes have
    /// reported thousands of outputs or many megabytes, only the latest are here.
    pub unrecorded: Vec<NodeOutput>,
    /// How long the nodes took, as far as it was seen.
    pub timings: NodeTimings,
    /// See [`Watch::server_was_away`].
    pub server_was_away: bool,
}

impl Ended {
    /// An end of which nothing more is known.
    pub fn new(outcome: Outcome) -> Self {
        Self {
            outcome,
            entry: None,
            unrecorded: Vec::new(),
            timings: NodeTimings::default(),
            server_was_away: false,
        }
    }

    /// Everything that nodes reported, from the history first. A prompt that failed has what was
    /// made before.
    pub fn outputs(&self) -> impl Iterator<Item = &NodeOutput> {
        self.entry.iter().flat_map(|entry| &entry.outputs).chain(&self.unrecorded)
    }
}

enum Verdict {
    Ended(Box<HistoryEntry>),
    Waiting,
    Unknown,
}

#[derive(Debug)]
enum End {
    Recorded(Box<HistoryEntry>),
    Lost,
}

#[derive(Debug)]
struct Schedule {
    history_at: Instant,
    queue_at: Instant,
}

/// The server owes an answer.
#[derive(Debug)]
struct Silence {
    gone_at: Instant,
    last_error: Option<Error>,
    /// How many answers in a row came from something that is not ComfyUI.
    foreign_answers: u32,
}

/// After so many answers that ComfyUI does not give, it is not behind this address any more.
/// More than one, because proxies answer in place of a server that restarts.
const FOREIGN_ANSWERS_MAX: u32 = 10;

/// How long a watch that was not polled when its patience ended goes on waiting: an answer may
/// have come meanwhile, and only polling takes it in. Short, so that a reader that polls seldom
/// notices all the same that the server is gone.
const LATE_ANSWER_WAIT: Duration = Duration::from_secs(1);

impl Watch {
    pub(crate) fn new(client: Client, prompt: PromptId, mailbox: Arc<Mailbox>) -> Self {
        Self {
            client,
            prompt,
            mailbox,
            check: None,
            schedule: None,
            silence: None,
            was_answered: false,
            seen: Seen::default(),
            end: None,
        }
    }

    /// The prompt that is watched.
    pub fn prompt_id(&self) -> &PromptId {
        &self.prompt
    }

    /// How long the nodes took so far, by the times at which the events came in, however late
    /// they are read. A copy: it has a line for each node.
    pub fn timings(&self) -> NodeTimings {
        self.mailbox.timings()
    }

    /// Whether the server went away and came back while the prompt was watched: the socket was
    /// lost, and then nobody took connections at its address for a while.
    ///
    /// ComfyUI tells nothing by which one run of it could be told from the next. It stops to take
    /// connections only when it ends, though, and a new run of it knows no prompt of the one
    /// before. So a prompt that is [`Outcome::Lost`] after this was lost by a restart, and one
    /// that is lost without it was most likely deleted. By itself this proves nothing: a tunnel
    /// that broke looks the same.
    pub fn server_was_away(&self) -> bool {
        self.mailbox.was_away()
    }

    /// The next event; `None` when the prompt has ended or its server is gone, which
    /// [`Watch::finish`] then tells. The future may be dropped and the call made again.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(Letter { event, bytes }) = self.mailbox.take() {
                if let Event::Executed { output, .. } = &event {
                    self.seen.note(output.clone(), bytes);
                }
                return Some(event);
            }
            if self.end.is_some() {
                return None;
            }
            self.advance().await;
        }
    }

    /// Waits for the end, past all events that were not read.
    ///
    /// Fails with [`Error::ServerGone`] when there was no usable answer for
    /// [`Limits::gone_after`](crate::Limits::gone_after); at once when the history entry is
    /// larger than a limit or the first check is refused for its credentials; and when the
    /// answers of another program keep coming in place of the history.
    pub async fn finish(mut self) -> Result<Ended, Error> {
        loop {
            if self.next().await.is_none()
                && let Some(end) = self.end.take()
            {
                let end = end?;
                let (timings, server_was_away) = (self.timings(), self.server_was_away());
                return Ok(Ended { timings, server_was_away, ..ended(end, self.seen) });
            }
        }
    }

    /// Waits for one thing to happen and takes it in.
    async fn advance(&mut self) {
        if self.mailbox.take_heard() {
            self.silence = self.check.is_some().then(|| self.new_silence());
        }
        let wake_at = self.begin_what_is_due();
        let answer = async {
            match &mut self.check {
                Some(check) => check.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            answer = answer => self.settle(answer),
            () = self.mailbox.changed() => {}
            () = time::sleep_until(wake_at) => self.give_up_when_gone(),
        }
    }

    /// Begins a check if it is time for one, and returns when to look again.
    fn begin_what_is_due(&mut self) -> Instant {
        let limits = self.client.limits();
        let now = Instant::now();
        let schedule = self.schedule.get_or_insert_with(|| Schedule {
            history_at: now + limits.history_poll_every,
            queue_at: now + limits.queue_poll_every,
        });
        if self.check.is_none() {
            let on_time = (now >= schedule.history_at).then_some(Check::History);
            if let Some(asked) = self.mailbox.take_check().max(on_time) {
                let with_queue = asked == Check::HistoryAndQueue || now >= schedule.queue_at;
                if with_queue {
                    schedule.queue_at = now + limits.queue_poll_every;
                }
                schedule.history_at = now + limits.history_poll_every;
                self.check = Some(Box::pin(look_up(self.client.clone(), self.prompt, with_queue)));
                self.silence.get_or_insert_with(|| Silence::new(now + limits.gone_after));
            }
        }
        let gone_at = self.silence.as_ref().map(|silence| silence.gone_at);
        match (gone_at, self.check.is_some()) {
            (Some(gone_at), true) => gone_at,
            (Some(gone_at), false) => gone_at.min(schedule.history_at),
            (None, _) => schedule.history_at,
        }
    }

    fn settle(&mut self, answer: Result<Verdict, Error>) {
        self.check = None;
        let was_answered = self.was_answered;
        self.was_answered |= answer.is_ok();
        match answer {
            Ok(Verdict::Ended(entry)) => self.end = Some(Ok(End::Recorded(entry))),
            Ok(Verdict::Unknown) => self.end = Some(Ok(End::Lost)),
            Ok(Verdict::Waiting) => self.silence = None,
            // Waiting will not change these.
            Err(error @ Error::BodyTooLarge { .. }) => self.end = Some(Err(error)),
            Err(error @ Error::Refused { .. }) if !was_answered => self.end = Some(Err(error)),
            Err(error) => {
                tracing::debug!(prompt = %self.prompt, %error, "the server gave no usable answer");
                // It may be restarting, which would empty its queue.
                if let Some(schedule) = &mut self.schedule {
                    schedule.queue_at = Instant::now();
                }
                let mut silence = self.silence.take().unwrap_or_else(|| self.new_silence());
                if silence.proves_another_program(&error) {
                    self.end = Some(Err(error));
                    return;
                }
                silence.last_error = Some(error);
                self.silence = Some(silence);
                self.give_up_when_gone();
            }
        }
    }

    fn new_silence(&self) -> Silence {
        Silence::new(Instant::now() + self.client.limits().gone_after)
    }

    fn give_up_when_gone(&mut self) {
        let (now, after) = (Instant::now(), self.client.limits().gone_after);
        let Some(silence) = &mut self.silence else { return };
        if now < silence.gone_at {
            return;
        }
        if now.duration_since(silence.gone_at) > LATE_ANSWER_WAIT {
            silence.gone_at = now + LATE_ANSWER_WAIT;
            return;
        }
        self.check = None;
        self.end = Some(Err(Error::ServerGone {
            server: self.client.url().clone(),
            prompt: self.prompt,
            after,
            source: silence.last_error.take().map(Box::new),
        }));
    }
}

impl Silence {
    fn new(gone_at: Instant) -> Self {
        Self { gone_at, last_error: None, foreign_answers: 0 }
    }

    /// Counts the answers that ComfyUI does not give to a question for a prompt's history.
    fn proves_another_program(&mut self, error: &Error) -> bool {
        let is_foreign =
            matches!(error, Error::NotComfyUi { .. } | Error::Status { status: 404, .. });
        self.foreign_answers = if is_foreign { self.foreign_answers.saturating_add(1) } else { 0 };
        self.foreign_answers >= FOREIGN_ANSWERS_MAX
    }
}

/// What has become of a prompt. It moves from the queue to the history, so the history is asked
/// once more before it counts as unknown. The history alone decides: a queue that cannot be read,
/// perhaps because of what others put there, leaves the prompt where it was.
async fn look_up(client: Client, prompt: PromptId, with_queue: bool) -> Result<Verdict, Error> {
    if let Some(entry) = client.history_of(&prompt).await? {
        return Ok(Verdict::Ended(Box::new(entry)));
    }
    if !with_queue {
        return Ok(Verdict::Waiting);
    }
    match client.queue().await {
        Ok(queue) if queue.holds(&prompt) => return Ok(Verdict::Waiting),
        Ok(_) => {}
        Err(error) => {
            tracing::debug!(%prompt, %error, "the queue cannot be read; asked again later");
            return Ok(Verdict::Waiting);
        }
    }
    let entry = client.history_of(&prompt).await?;
    Ok(entry.map_or(Verdict::Unknown, |entry| Verdict::Ended(Box::new(entry))))
}

fn ended(end: End, seen: Seen) -> Ended {
    let (outcome, entry) = match end {
        End::Recorded(entry) => (entry.outcome(), Some(*entry)),
        End::Lost => (Outcome::Lost, None),
    };
    let is_recorded = |output: &NodeOutput| {
        entry.iter().flat_map(|entry| &entry.outputs).any(|known| known.node == output.node)
    };
    let unrecorded = seen.into_outputs().filter(|output| !is_recorded(output)).collect();
    Ended { entry, unrecorded, ..Ended::new(outcome) }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("prompt", &self.prompt).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::ClientOptions;

    fn watch(gone_at: Instant) -> Watch {
        let client = Client::new("http://127.0.0.1:1".parse().unwrap(), ClientOptions::default());
        let prompt = "550e8400-e29b-41d4-a716-446655440000".parse().unwrap();
        let mut watch = Watch::new(client.unwrap(), prompt, Arc::default());
        watch.silence = Some(Silence::new(gone_at));
        watch
    }

    #[tokio::test]
    async fn time_in_which_nobody_polled_is_not_the_servers_silence() {
        let long_ago = Instant::now().checked_sub(LATE_ANSWER_WAIT * 2).unwrap();
        let mut watch = watch(long_ago);
        watch.give_up_when_gone();
        assert!(watch.end.is_none());
        assert!(watch.silence.as_ref().unwrap().gone_at > Instant::now());
        watch.silence = Some(Silence::new(Instant::now()));
        watch.give_up_when_gone();
        assert!(matches!(watch.end, Some(Err(Error::ServerGone { .. }))));
    }
}

//! Between the socket, which must never wait, and a reader, who may be slow.

use std::{
    collections::VecDeque,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::event::Event;

/// How many events may wait. A prompt has about three for each node that cannot be left out, so
/// this is out of reach for a reader that reads at all.
const EVENTS_MAX: usize = 16_384;

/// How many bytes the frames may have had whose events wait.
const BYTES_MAX: usize = 256 << 20;

/// What the reader should look up next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Check {
    /// Whether the history has an entry.
    History,
    /// Also whether the queue still has the prompt.
    HistoryAndQueue,
}

/// The events of one prompt for one reader.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    state: Mutex<State>,
    changed: Notify,
}

/// An event and the size of the frame that brought it; nothing for what comes from this side.
#[derive(Debug)]
pub(crate) struct Letter {
    pub(crate) event: Event,
    pub(crate) bytes: usize,
}

#[derive(Debug, Default)]
struct State {
    letters: VecDeque<Letter>,
    bytes: usize,
    missed: u64,
    check: Option<Check>,
    heard: bool,
}

impl Mailbox {
    /// Puts an event in. Of progress and previews only the latest is kept.
    pub(crate) fn put(&self, event: Event, bytes: usize) {
        let mut state = self.lock();
        state.heard |= !matches!(event, Event::SocketLost { .. });
        state.put(Letter { event, bytes });
        drop(state);
        self.changed.notify_one();
    }

    /// Asks the reader to look up how the prompt is.
    pub(crate) fn ask_for(&self, check: Check) {
        let mut state = self.lock();
        state.check = state.check.max(Some(check));
        drop(state);
        self.changed.notify_one();
    }

    /// The oldest event.
    pub(crate) fn take(&self) -> Option<Letter> {
        self.lock().take()
    }

    /// What should be looked up; asked for once.
    pub(crate) fn take_check(&self) -> Option<Check> {
        self.lock().check.take()
    }

    /// Whether the server sent something since this was last asked.
    pub(crate) fn take_heard(&self) -> bool {
        mem::take(&mut self.lock().heard)
    }

    /// Waits until something was put in or asked for. May return without a reason.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Nothing in here panics half-way, so a poisoned state is a whole one.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn put(&mut self, letter: Letter) {
        if only_latest_counts(&letter.event) {
            let same = mem::discriminant(&letter.event);
            let older = self.letters.iter().rposition(|old| {
                mem::discriminant(&old.event) == same && only_latest_counts(&old.event)
            });
            if let Some(older) = older {
                self.remove(older);
            }
        }
        while self.letters.len() >= EVENTS_MAX
            || self.bytes.saturating_add(letter.bytes) > BYTES_MAX
        {
            self.missed = self.missed.saturating_add(1);
            // How far it is matters less than what happened.
            match self.letters.iter().position(|old| only_latest_counts(&old.event)) {
                Some(oldest) => self.remove(oldest),
                None => return,
            }
        }
        self.bytes = self.bytes.saturating_add(letter.bytes);
        self.letters.push_back(letter);
    }

    fn remove(&mut self, index: usize) {
        if let Some(letter) = self.letters.remove(index) {
            self.bytes = self.bytes.saturating_sub(letter.bytes);
        }
    }

    fn take(&mut self) -> Option<Letter> {
        let Some(letter) = self.letters.pop_front() else {
            let events = mem::take(&mut self.missed);
            return (events > 0).then_some(Letter { event: Event::Missed { events }, bytes: 0 });
        };
        self.bytes = self.bytes.saturating_sub(letter.bytes);
        Some(letter)
    }
}

fn only_latest_counts(event: &Event) -> bool {
    match event {
        Event::Progress { .. } | Event::NodeStates(_) => true,
        // A PNG can be a result that is stored nowhere else.
        Event::Preview { image, .. } => !image.is_png(),
        Event::Started { .. }
        | Event::Cached { .. }
        | Event::Executing { .. }
        | Event::Executed { .. }
        | Event::Blocked(_)
        | Event::Failed(_)
        | Event::Interrupted { .. }
        | Event::Succeeded { .. }
        | Event::SocketLost { .. }
        | Event::SocketBack
        | Event::Missed { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::wire::PreviewImage;

    fn progress(value: f64) -> Event {
        Event::Progress { node: None, value, max: 9.0 }
    }

    fn picture(media_type: &str, bytes: Bytes) -> Event {
        let image = PreviewImage { media_type: media_type.into(), bytes };
        Event::Preview { node: None, display_node: None, image }
    }

    fn drain(mailbox: &Mailbox) -> Vec<Event> {
        std::iter::from_fn(|| mailbox.take()).map(|letter| letter.event).collect()
    }

    #[test]
    fn a_slow_reader_gets_every_step_and_only_the_latest_progress() {
        let mailbox = Mailbox::default();
        let png = picture("image/png", Bytes::from_static(b"result"));
        let executing = Event::Executing { node: "1".parse().unwrap(), display_node: None };
        let events = [
            progress(1.0),
            picture("image/jpeg", Bytes::from_static(b"old")),
            executing.clone(),
            png.clone(),
            progress(2.0),
            picture("image/jpeg", Bytes::from_static(b"new")),
            png.clone(),
            progress(3.0),
        ];
        for event in events {
            mailbox.put(event, 1);
        }
        let new = picture("image/jpeg", Bytes::from_static(b"new"));
        assert_eq!(drain(&mailbox), [executing, png.clone(), new, png, progress(3.0)]);
    }

    #[test]
    fn what_does_not_fit_is_counted_and_told_last() {
        let mailbox = Mailbox::default();
        for _ in 0..EVENTS_MAX + 2 {
            mailbox.put(Event::SocketBack, 0);
        }
        let events = drain(&mailbox);
        assert_eq!(events.len(), EVENTS_MAX + 1);
        assert_eq!(events.last(), Some(&Event::Missed { events: 2 }));
    }

    #[test]
    fn all_events_are_bounded_in_bytes_and_reading_makes_room() {
        let mailbox = Mailbox::default();
        let half = BYTES_MAX / 2 + 1;
        mailbox.put(picture("image/png", Bytes::new()), half);
        mailbox.put(Event::Cached { nodes: Vec::new() }, half);
        assert_eq!(drain(&mailbox).last(), Some(&Event::Missed { events: 1 }));
        mailbox.put(Event::Cached { nodes: Vec::new() }, half);
        assert_eq!(drain(&mailbox).len(), 1);
    }

    #[test]
    fn progress_and_previews_give_way_to_what_happened() {
        let mailbox = Mailbox::default();
        let half = BYTES_MAX / 2;
        mailbox.put(picture("image/jpeg", Bytes::new()), half);
        mailbox.put(progress(1.0), half);
        mailbox.put(Event::SocketBack, 1);
        mailbox.put(Event::Cached { nodes: Vec::new() }, half);
        let missed = Event::Missed { events: 2 };
        assert_eq!(drain(&mailbox), [Event::SocketBack, Event::Cached { nodes: vec![] }, missed]);
    }

    #[test]
    fn the_deeper_check_wins() {
        let mailbox = Mailbox::default();
        mailbox.ask_for(Check::HistoryAndQueue);
        mailbox.ask_for(Check::History);
        assert_eq!(mailbox.take_check(), Some(Check::HistoryAndQueue));
        assert_eq!(mailbox.take_check(), None);
    }
}

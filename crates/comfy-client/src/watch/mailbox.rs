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

/// How many bytes of pictures may wait.
const PICTURE_BYTES_MAX: usize = 256 << 20;

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

#[derive(Debug, Default)]
struct State {
    events: VecDeque<Event>,
    picture_bytes: usize,
    missed: u64,
    check: Option<Check>,
    heard: bool,
}

impl Mailbox {
    /// Puts an event in. Of progress and previews only the latest is kept.
    pub(crate) fn put(&self, event: Event) {
        let mut state = self.lock();
        state.heard |= !matches!(event, Event::SocketLost { .. });
        state.put(event);
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
    pub(crate) fn take(&self) -> Option<Event> {
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
    fn put(&mut self, event: Event) {
        if only_latest_counts(&event) {
            let same = mem::discriminant(&event);
            let older = self
                .events
                .iter()
                .rposition(|old| mem::discriminant(old) == same && only_latest_counts(old));
            if let Some(older) = older.and_then(|index| self.events.remove(index)) {
                self.picture_bytes = self.picture_bytes.saturating_sub(picture_bytes(&older));
            }
        }
        let bytes = self.picture_bytes.saturating_add(picture_bytes(&event));
        if self.events.len() >= EVENTS_MAX || bytes > PICTURE_BYTES_MAX {
            self.missed = self.missed.saturating_add(1);
            return;
        }
        self.picture_bytes = bytes;
        self.events.push_back(event);
    }

    fn take(&mut self) -> Option<Event> {
        let Some(event) = self.events.pop_front() else {
            let events = mem::take(&mut self.missed);
            return (events > 0).then_some(Event::Missed { events });
        };
        self.picture_bytes = self.picture_bytes.saturating_sub(picture_bytes(&event));
        Some(event)
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

fn picture_bytes(event: &Event) -> usize {
    if let Event::Preview { image, .. } = event { image.bytes.len() } else { 0 }
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
        Event::Preview { node: None, image: PreviewImage { media_type: media_type.into(), bytes } }
    }

    fn drain(mailbox: &Mailbox) -> Vec<Event> {
        std::iter::from_fn(|| mailbox.take()).collect()
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
            mailbox.put(event);
        }
        let new = picture("image/jpeg", Bytes::from_static(b"new"));
        assert_eq!(drain(&mailbox), [executing, png.clone(), new, png, progress(3.0)]);
    }

    #[test]
    fn what_does_not_fit_is_counted_and_told_last() {
        let mailbox = Mailbox::default();
        for _ in 0..EVENTS_MAX + 2 {
            mailbox.put(Event::SocketBack);
        }
        let events = drain(&mailbox);
        assert_eq!(events.len(), EVENTS_MAX + 1);
        assert_eq!(events.last(), Some(&Event::Missed { events: 2 }));
    }

    #[test]
    fn pictures_are_bounded_in_bytes_and_reading_makes_room() {
        let mailbox = Mailbox::default();
        let half = Bytes::from(vec![0; PICTURE_BYTES_MAX / 2 + 1]);
        mailbox.put(picture("image/png", half.clone()));
        mailbox.put(picture("image/png", half.clone()));
        assert_eq!(drain(&mailbox).last(), Some(&Event::Missed { events: 1 }));
        mailbox.put(picture("image/png", half));
        assert_eq!(drain(&mailbox).len(), 1);
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

//! Between the socket, which must never wait, and a reader, who may be slow.

use std::{
    collections::VecDeque,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use indexmap::IndexMap;
use tokio::sync::Notify;
use workflow_graph::NodeId;

use super::event::Event;
use crate::{
    timings::NodeTimings,
    wire::{NodeProgress, NodeState},
};

/// How many events may wait. A prompt has about three for each node that cannot be left out, so
/// this is out of reach for a reader that reads at all.
const EVENTS_MAX: usize = 16_384;

/// How many steps of progress may wait, the latest ones. A server tells some tens a second, so a
/// reader that is held up for a moment misses none.
const PROGRESS_MAX: usize = 64;

/// How many bytes the frames may have had whose events wait.
const BYTES_MAX: usize = 256 << 20;

/// How many bytes the node states may have that wait: those of some hundred thousand nodes.
const STATES_BYTES_MAX: usize = 32 << 20;

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
    /// Node states have only their place here.
    letters: VecDeque<Letter>,
    bytes: usize,
    /// The states that changed since the reader last took them.
    states: IndexMap<NodeId, NodeProgress>,
    states_bytes: usize,
    timings: NodeTimings,
    was_away: bool,
    missed: u64,
    check: Option<Check>,
    heard: bool,
}

impl Mailbox {
    /// Puts an event in that came at a time. Of progress only the latest steps are kept, of
    /// previews the latest, and of node states the latest of each node.
    pub(crate) fn put(&self, event: Event, bytes: usize, at: Instant) {
        let mut state = self.lock();
        state.heard |= !matches!(event, Event::SocketLost { .. });
        state.timings.observe(&event, at);
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

    /// How long the nodes took so far.
    pub(crate) fn timings(&self) -> NodeTimings {
        self.lock().timings.clone()
    }

    /// Notes that the server went away and came back.
    pub(crate) fn note_absence(&self) {
        self.lock().was_away = true;
    }

    /// Whether the server went away and came back.
    pub(crate) fn was_away(&self) -> bool {
        self.lock().was_away
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
    fn put(&mut self, mut letter: Letter) {
        if let Event::NodeStates(nodes) = &mut letter.event {
            self.note_states(mem::take(nodes));
            letter.bytes = 0;
        }
        if let Some(most) = latest_kept(&letter.event) {
            let same = mem::discriminant(&letter.event);
            let is_same = |old: &&Letter| {
                mem::discriminant(&old.event) == same && latest_kept(&old.event).is_some()
            };
            let older = || self.letters.iter().filter(is_same).count();
            if older() >= most
                && let Some(oldest) = self.letters.iter().position(|old| is_same(&old))
            {
                self.remove(oldest);
            }
        }
        while self.letters.len() >= EVENTS_MAX
            || self.bytes.saturating_add(letter.bytes) > BYTES_MAX
        {
            self.missed = self.missed.saturating_add(1);
            // How far it is matters less than what happened.
            match self.letters.iter().position(|old| latest_kept(&old.event).is_some()) {
                Some(oldest) => self.remove(oldest),
                None => return,
            }
        }
        self.bytes = self.bytes.saturating_add(letter.bytes);
        self.letters.push_back(letter);
    }

    /// Keeps the latest state of each node.
    fn note_states(&mut self, nodes: Vec<NodeProgress>) {
        for node in nodes {
            let before = self.states.get(&node.node).map_or(0, bytes_of);
            let bytes = self.states_bytes.saturating_sub(before).saturating_add(bytes_of(&node));
            if bytes > STATES_BYTES_MAX {
                self.missed = self.missed.saturating_add(1);
                continue;
            }
            self.states_bytes = bytes;
            self.states.insert(node.node.clone(), node);
        }
    }

    fn remove(&mut self, index: usize) {
        if let Some(letter) = self.letters.remove(index) {
            self.bytes = self.bytes.saturating_sub(letter.bytes);
        }
    }

    fn take(&mut self) -> Option<Letter> {
        let Some(mut letter) = self.letters.pop_front() else {
            let events = mem::take(&mut self.missed);
            return (events > 0).then_some(Letter { event: Event::Missed { events }, bytes: 0 });
        };
        self.bytes = self.bytes.saturating_sub(letter.bytes);
        if let Event::NodeStates(nodes) = &mut letter.event {
            *nodes = mem::take(&mut self.states).into_values().collect();
            self.states_bytes = 0;
        }
        Some(letter)
    }
}

fn bytes_of(progress: &NodeProgress) -> usize {
    let word = if let NodeState::Other(word) = &progress.state { word.len() } else { 0 };
    let display = progress.display_node.as_ref().map_or(0, |node| node.as_str().len());
    // The name is also the key.
    size_of::<NodeProgress>() + 2 * progress.node.as_str().len() + display + word
}

/// How many of its kind are kept, where only the latest count.
fn latest_kept(event: &Event) -> Option<usize> {
    match event {
        Event::Progress { .. } => Some(PROGRESS_MAX),
        Event::NodeStates(_) => Some(1),
        // A PNG can be a result that is stored nowhere else.
        Event::Preview { image, .. } => (!image.is_png()).then_some(1),
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
        | Event::Missed { .. } => None,
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

    fn put(mailbox: &Mailbox, event: Event, bytes: usize) {
        mailbox.put(event, bytes, Instant::now());
    }

    fn states(nodes: &[(&str, f64)]) -> Event {
        let state = |(node, value): &(&str, f64)| NodeProgress {
            node: node.parse().unwrap(),
            display_node: None,
            state: NodeState::Running,
            value: *value,
            max: 9.0,
        };
        Event::NodeStates(nodes.iter().map(state).collect())
    }

    fn drain(mailbox: &Mailbox) -> Vec<Event> {
        std::iter::from_fn(|| mailbox.take()).map(|letter| letter.event).collect()
    }

    #[test]
    fn a_slow_reader_gets_all_that_happened_and_only_the_latest_picture() {
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
            put(&mailbox, event, 1);
        }
        let new = picture("image/jpeg", Bytes::from_static(b"new"));
        let told = [progress(1.0), executing, png.clone(), progress(2.0), new, png, progress(3.0)];
        assert_eq!(drain(&mailbox), told);
    }

    #[test]
    fn of_a_flood_of_progress_the_latest_steps_are_kept() {
        let mailbox = Mailbox::default();
        let steps = || (0..2 * u32::try_from(PROGRESS_MAX).unwrap()).map(f64::from).map(progress);
        for step in steps() {
            put(&mailbox, step, 1);
        }
        assert_eq!(drain(&mailbox), steps().skip(PROGRESS_MAX).collect::<Vec<_>>());
    }

    #[test]
    fn a_slow_reader_gets_the_latest_state_of_each_node() {
        let mailbox = Mailbox::default();
        let executing = Event::Executing { node: "3".parse().unwrap(), display_node: None };
        let events = [
            states(&[("4", 0.0)]),
            executing.clone(),
            states(&[("4", 9.0), ("3", 1.0)]),
            states(&[("3", 2.0)]),
        ];
        for event in events {
            put(&mailbox, event, 1);
        }
        assert_eq!(drain(&mailbox), [executing, states(&[("4", 9.0), ("3", 2.0)])]);
        put(&mailbox, states(&[("3", 3.0)]), 0);
        assert_eq!(drain(&mailbox), [states(&[("3", 3.0)])]);
    }

    #[test]
    fn a_server_that_makes_up_nodes_fills_no_memory() {
        let mailbox = Mailbox::default();
        let (name, long) = ("n".repeat(1 << 20), STATES_BYTES_MAX >> 20);
        for node in 0..long {
            put(&mailbox, states(&[(&format!("{node}{name}"), 0.0)]), 0);
        }
        let events = drain(&mailbox);
        assert!(matches!(&events[..], [Event::NodeStates(told), Event::Missed { .. }]
            if told.len() < long / 2));
        put(&mailbox, states(&[(&name, 0.0)]), 0);
        assert_eq!(drain(&mailbox).len(), 1, "reading makes room");
    }

    #[test]
    fn what_does_not_fit_is_counted_and_told_last() {
        let mailbox = Mailbox::default();
        for _ in 0..EVENTS_MAX + 2 {
            put(&mailbox, Event::SocketBack, 0);
        }
        let events = drain(&mailbox);
        assert_eq!(events.len(), EVENTS_MAX + 1);
        assert_eq!(events.last(), Some(&Event::Missed { events: 2 }));
    }

    #[test]
    fn all_events_are_bounded_in_bytes_and_reading_makes_room() {
        let mailbox = Mailbox::default();
        let half = BYTES_MAX / 2 + 1;
        put(&mailbox, picture("image/png", Bytes::new()), half);
        put(&mailbox, Event::Cached { nodes: Vec::new() }, half);
        assert_eq!(drain(&mailbox).last(), Some(&Event::Missed { events: 1 }));
        put(&mailbox, Event::Cached { nodes: Vec::new() }, half);
        assert_eq!(drain(&mailbox).len(), 1);
    }

    #[test]
    fn progress_and_previews_give_way_to_what_happened() {
        let mailbox = Mailbox::default();
        let half = BYTES_MAX / 2;
        put(&mailbox, picture("image/jpeg", Bytes::new()), half);
        put(&mailbox, progress(1.0), half);
        put(&mailbox, Event::SocketBack, 1);
        put(&mailbox, Event::Cached { nodes: Vec::new() }, half);
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

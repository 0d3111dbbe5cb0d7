use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::outputs::NodeOutput;

fn id(text: &str) -> NodeId {
    text.parse().unwrap()
}

fn executing(node: &str, display: &str) -> Event {
    Event::Executing { node: id(node), display_node: display.parse().ok() }
}

fn state(node: &str, display: &str, state: NodeState) -> NodeProgress {
    let display_node = display.parse().ok();
    NodeProgress { node: id(node), display_node, state, value: 0.0, max: 1.0 }
}

fn runs(node: &str) -> Event {
    Event::NodeStates(vec![state(node, node, NodeState::Running)])
}

fn ends(node: &str) -> Event {
    Event::NodeStates(vec![state(node, node, NodeState::Finished)])
}

fn started() -> Event {
    Event::Started { timestamp_ms: None }
}

fn lost() -> Event {
    Event::SocketLost { reason: "test".to_owned() }
}

/// The fold of events that came so many seconds after the beginning.
fn fold(events: &[(u64, Event)]) -> NodeTimings {
    let origin = Instant::now();
    let mut timings = NodeTimings::default();
    for (seconds, event) in events {
        timings.observe(event, origin + Duration::from_secs(*seconds));
    }
    timings
}

#[track_caller]
fn check(events: &[(u64, Event)], expected: &[(&str, Option<u64>)]) {
    let timings = fold(events);
    let told: Vec<_> = timings
        .iter()
        .map(|(node, timing)| (node.as_str(), timing.duration.map(|duration| duration.as_secs())))
        .collect();
    assert_eq!(told, expected);
}

#[test]
fn nodes_take_from_their_beginning_to_their_end() {
    let events = [
        (0, started()),
        (0, Event::Cached { nodes: vec![id("4")] }),
        (1, runs("6")),
        (1, executing("6", "6")),
        (3, ends("6")),
        (3, runs("3")),
        (3, executing("3", "3")),
        (9, ends("3")),
        (9, Event::Succeeded { timestamp_ms: None }),
    ];
    check(&events, &[("4", None), ("6", Some(2)), ("3", Some(6))]);
    let timings = fold(&events);
    assert!(timings.get("4").unwrap().is_cached);
    assert_eq!((timings.get("6").unwrap().runs, timings.get("4").unwrap().runs), (1, 0));
    assert_eq!(timings.total(), Some(Duration::from_secs(9)));
    assert_eq!(timings.get("").or(timings.get("7")), None);
}

#[test]
fn a_server_that_tells_no_states_runs_one_node_after_the_other() {
    check(
        &[
            (0, started()),
            (1, executing("6", "")),
            (4, executing("3", "")),
            (9, Event::Succeeded { timestamp_ms: None }),
        ],
        &[("6", Some(3)), ("3", Some(5))],
    );
}

#[test]
fn nodes_that_run_at_once_have_their_own_time_each() {
    check(
        &[(0, started()), (1, runs("a")), (2, runs("b")), (5, ends("a")), (7, ends("b"))],
        &[("a", Some(4)), ("b", Some(5))],
    );
}

#[test]
fn nodes_made_at_run_time_count_as_the_node_that_made_them() {
    let child = |word| Event::NodeStates(vec![state("5.0.0.1", "5", word)]);
    let events = [
        (0, started()),
        (1, runs("5")),
        (1, executing("5", "5")),
        (2, child(NodeState::Running)),
        (2, executing("5.0.0.1", "5")),
        (6, child(NodeState::Finished)),
        (7, ends("5")),
        // What it made may also run after it.
        (8, Event::NodeStates(vec![state("5.0.0.2", "5", NodeState::Running)])),
        (9, Event::NodeStates(vec![state("5.0.0.2", "5", NodeState::Finished)])),
    ];
    check(&events, &[("5", Some(7))]);
    assert_eq!(fold(&events).get("5").unwrap().runs, 3);
}

#[test]
fn a_node_that_asks_for_more_inputs_begins_again_and_goes_on() {
    let events = [
        (0, started()),
        (1, runs("lazy")),
        (1, executing("lazy", "lazy")),
        (2, runs("input")),
        (2, executing("input", "input")),
        (3, ends("input")),
        (3, runs("lazy")),
        (3, executing("lazy", "lazy")),
        (5, ends("lazy")),
    ];
    check(&events, &[("lazy", Some(4)), ("input", Some(1))]);
    assert_eq!(fold(&events).get("lazy").unwrap().runs, 2);
}

#[test]
fn a_result_found_in_the_cache_on_the_way_is_cached() {
    let timings = fold(&[(0, started()), (1, ends("9"))]);
    assert!(timings.get("9").unwrap().is_cached);
    // From the middle of a run on, nobody knows.
    let timings = fold(&[(1, ends("9"))]);
    assert_eq!(timings.get("9"), Some(&NodeTiming::default()));
}

#[test]
fn what_was_not_seen_is_not_guessed() {
    // It ended while the socket was lost.
    check(
        &[(0, started()), (1, runs("a")), (2, lost()), (5, Event::SocketBack), (6, ends("a"))],
        &[("a", None)],
    );
    // It goes on after it, as its progress shows.
    let progress = Event::Progress { node: Some(id("a")), value: 1.0, max: 2.0 };
    check(
        &[(0, started()), (1, runs("a")), (2, lost()), (5, progress), (6, ends("a"))],
        &[("a", Some(5))],
    );
    // It began while the socket was lost; the one after it is known again.
    check(
        &[
            (0, started()),
            (1, lost()),
            (5, Event::NodeStates(vec![state("a", "a", NodeState::Running)])),
            (6, ends("a")),
            (6, runs("b")),
            (8, ends("b")),
        ],
        &[("a", None), ("b", Some(2))],
    );
    // A pause between two nodes that count as one may have gone unseen.
    let child = |child: &str, word| state(child, "5", word);
    let both = || vec![child("5.2", NodeState::Running), child("5.1", NodeState::Finished)];
    check(
        &[
            (0, started()),
            (1, Event::NodeStates(vec![child("5.1", NodeState::Running)])),
            (2, lost()),
            (8, Event::NodeStates(both())),
            (9, Event::NodeStates(vec![child("5.2", NodeState::Finished)])),
        ],
        &[("5", None)],
    );
    // The run had begun before anybody looked.
    check(&[(5, runs("a")), (6, ends("a"))], &[("a", None)]);
}

#[test]
fn a_node_that_fails_or_is_stopped_took_until_then() {
    let failed = || Event::Failed(Box::default());
    check(&[(0, started()), (1, runs("a")), (4, failed())], &[("a", Some(3))]);
    let stopped = Event::Interrupted { node: None };
    let events = [(0, started()), (1, runs("a")), (3, stopped), (4, failed())];
    check(&events, &[("a", Some(2))]);
    assert_eq!(fold(&events).total(), Some(Duration::from_secs(3)), "the first end counts");
    // The end of a node was lost with a frame.
    let succeeded = Event::Succeeded { timestamp_ms: None };
    check(&[(0, started()), (1, runs("a")), (4, succeeded)], &[("a", None)]);
}

#[test]
fn echoes_change_nothing() {
    let events = [
        (0, started()),
        (1, runs("a")),
        (1, executing("a", "a")),
        (2, started()),
        (2, runs("a")),
        (4, ends("a")),
        (5, ends("a")),
    ];
    check(&events, &[("a", Some(3))]);
    assert_eq!(fold(&events).get("a").unwrap().runs, 1);
}

#[test]
fn a_server_that_makes_up_nodes_fills_no_memory() {
    let mut timings = NodeTimings::default();
    for node in 0..NODES_MAX + 9 {
        timings.observe(&runs(&node.to_string()), Instant::now());
    }
    assert_eq!((timings.iter().count(), timings.runs.len()), (NODES_MAX, NODES_MAX));
}

/// One step of a made-up run.
#[derive(Clone, Debug)]
enum Step {
    Toggle(usize),
    Progress(usize),
    Wait(u64),
    LoseSocket,
    GetSocketBack,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_usize..7).prop_map(Step::Toggle),
        1 => (0_usize..7).prop_map(Step::Progress),
        4 => (0_u64..50).prop_map(Step::Wait),
        1 => Just(Step::LoseSocket),
        1 => Just(Step::GetSocketBack),
    ]
}

/// A server that runs nodes at once and makes some at run time, a socket that is lost at times,
/// and the true times beside it.
struct Truth {
    now: Instant,
    timings: NodeTimings,
    is_up: bool,
    told_since_back: bool,
    /// By number of node: whether it is under way, or done.
    nodes: HashMap<usize, bool>,
    since: HashMap<String, Instant>,
    durations: HashMap<String, Duration>,
}

impl Truth {
    fn new() -> Self {
        let now = Instant::now();
        let mut timings = NodeTimings::default();
        timings.observe(&started(), now);
        Self {
            now,
            timings,
            is_up: true,
            told_since_back: true,
            nodes: HashMap::new(),
            since: HashMap::new(),
            durations: HashMap::new(),
        }
    }

    /// Three of the seven nodes are made by the first.
    fn names(node: usize) -> (String, String) {
        if node < 4 {
            (node.to_string(), node.to_string())
        } else {
            (format!("0.{node}"), "0".to_owned())
        }
    }

    fn under_way(&self, display: &str) -> usize {
        let runs =
            |(node, under_way): &(&usize, &bool)| **under_way && Self::names(**node).1 == display;
        self.nodes.iter().filter(runs).count()
    }

    fn tell_state(&mut self, node: usize) {
        if !self.is_up {
            return;
        }
        let all: Vec<usize> =
            if self.told_since_back { vec![node] } else { self.nodes.keys().copied().collect() };
        self.told_since_back = true;
        let states = all.iter().map(|node| {
            let (name, display) = Self::names(*node);
            let word = if self.nodes[node] { NodeState::Running } else { NodeState::Finished };
            state(&name, &display, word)
        });
        self.timings.observe(&Event::NodeStates(states.collect()), self.now);
    }

    fn toggle(&mut self, node: usize) {
        let (name, display) = Self::names(node);
        match self.nodes.get(&node) {
            // What is done is done.
            Some(false) => {}
            Some(true) => {
                self.nodes.insert(node, false);
                if self.under_way(&display) == 0 {
                    let passed = self.now - self.since[&display];
                    *self.durations.entry(display).or_default() += passed;
                }
                self.tell_state(node);
            }
            None => {
                if self.under_way(&display) == 0 {
                    self.since.insert(display.clone(), self.now);
                }
                self.nodes.insert(node, true);
                self.tell_state(node);
                if self.is_up {
                    self.timings.observe(&executing(&name, &display), self.now);
                }
            }
        }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Toggle(node) => self.toggle(*node),
            Step::Progress(node) if self.is_up && self.nodes.get(node) == Some(&true) => {
                let node = Some(id(&Self::names(*node).0));
                let progress = Event::Progress { node, value: 1.0, max: 9.0 };
                self.timings.observe(&progress, self.now);
            }
            Step::Progress(_) => {}
            Step::Wait(millis) => self.now += Duration::from_millis(*millis),
            Step::LoseSocket if self.is_up => {
                (self.is_up, self.told_since_back) = (false, false);
                self.timings.observe(&lost(), self.now);
            }
            Step::GetSocketBack if !self.is_up => {
                self.is_up = true;
                self.timings.observe(&Event::SocketBack, self.now);
            }
            Step::LoseSocket | Step::GetSocketBack => {}
        }
    }
}

fn any_event() -> impl Strategy<Value = Event> {
    let node = || (0_usize..5).prop_map(|node| node.to_string());
    let output = NodeOutput { node: id("1"), items: Vec::new() };
    prop_oneof![
        Just(started()),
        Just(lost()),
        Just(Event::SocketBack),
        Just(Event::Missed { events: 1 }),
        Just(Event::Succeeded { timestamp_ms: None }),
        Just(Event::Interrupted { node: None }),
        Just(Event::Executed { display_node: None, output }),
        node().prop_map(|node| Event::Cached { nodes: vec![id(&node)] }),
        (node(), node()).prop_map(|(node, display)| executing(&node, &display)),
        node().prop_map(|node| Event::Progress { node: Some(id(&node)), value: 1.0, max: 0.0 }),
        (node(), node(), any::<bool>()).prop_map(|(node, display, is_running)| {
            let word = if is_running { NodeState::Running } else { NodeState::Finished };
            Event::NodeStates(vec![state(&node, &display, word)])
        }),
    ]
}

proptest! {
    #[test]
    fn every_known_duration_is_the_true_one(steps in proptest::collection::vec(step(), 0..80)) {
        let mut truth = Truth::new();
        for step in &steps {
            truth.take(step);
        }
        let was_always_up = !steps.iter().any(|step| matches!(step, Step::LoseSocket));
        for (node, timing) in truth.timings.iter() {
            let is_done = truth.under_way(node.as_str()) == 0;
            let duration = truth.durations.get(node.as_str()).filter(|_| is_done);
            if truth.is_up && truth.told_since_back && timing.duration.is_some() {
                prop_assert_eq!(timing.duration.as_ref(), duration, "of node {}", node);
            }
            if was_always_up {
                prop_assert_eq!(timing.duration.as_ref(), duration, "of node {}", node);
                prop_assert_eq!(timing.is_running, !is_done);
                prop_assert!(timing.started.is_some() && timing.runs > 0);
            }
        }
    }

    #[test]
    fn nodes_one_after_the_other_take_no_longer_than_the_whole(
        waits in proptest::collection::vec((0_u64..50, 0_u64..50, any::<bool>()), 0..30)
    ) {
        let mut now = Instant::now();
        let mut timings = NodeTimings::default();
        timings.observe(&started(), now);
        for (node, (before, during, loses_socket)) in waits.iter().enumerate() {
            let node = node.to_string();
            now += Duration::from_millis(*before);
            timings.observe(&runs(&node), now);
            timings.observe(&executing(&node, &node), now);
            if *loses_socket {
                timings.observe(&lost(), now);
            }
            now += Duration::from_millis(*during);
            timings.observe(&ends(&node), now);
        }
        timings.observe(&Event::Succeeded { timestamp_ms: None }, now);
        let sum: Duration = timings.iter().filter_map(|(_, timing)| timing.duration).sum();
        prop_assert!(sum <= timings.total().unwrap());
    }

    #[test]
    fn no_order_of_events_panics_or_makes_more_time_than_passed(
        events in proptest::collection::vec((any_event(), 0_u64..1000), 0..60)
    ) {
        let origin = Instant::now();
        let mut timings = NodeTimings::default();
        for (event, millis) in &events {
            // Times go back as well.
            timings.observe(event, origin + Duration::from_millis(*millis));
        }
        let runs = u32::try_from(events.len()).unwrap();
        for (_, timing) in timings.iter() {
            prop_assert!(timing.duration <= Some(Duration::from_secs(1) * runs));
            prop_assert!(timing.runs <= runs);
            prop_assert!(!(timing.is_running && timing.duration.is_some()));
        }
    }
}

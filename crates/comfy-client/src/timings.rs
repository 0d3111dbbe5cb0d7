//! How long each node took: a fold over the events of one prompt.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use indexmap::IndexMap;
use workflow_graph::NodeId;

use crate::{
    watch::Event,
    wire::{NodeProgress, NodeState},
};

/// How many nodes are kept apart, those made at run time included. Beyond any graph that runs;
/// only a server that makes up names gets there, and further ones are left out.
const NODES_MAX: usize = 1 << 16;

/// How long each node of one prompt took, as seen from here.
///
/// Nodes made at run time count as the node of the submitted workflow that they stand for. What
/// cannot be known is not guessed: a node that began or ended while the socket was lost has no
/// duration.
///
/// A [`Watch`](crate::Watch) keeps one of its prompt, with the times at which the events came in:
/// see [`Watch::timings`](crate::Watch::timings).
///
/// ```
/// use std::time::{Duration, Instant};
/// use comfy_client::{Event, NodeTimings, wire::{NodeProgress, NodeState}};
///
/// let start = Instant::now();
/// let node: workflow_graph::NodeId = "3".parse()?;
/// let state = |state| {
///     let node = node.clone();
///     Event::NodeStates(vec![NodeProgress { node, display_node: None, state, value: 0.0, max: 1.0 }])
/// };
///
/// let mut timings = NodeTimings::default();
/// timings.observe(&Event::Started { timestamp_ms: None }, start);
/// timings.observe(&Event::Cached { nodes: vec!["4".parse()?] }, start);
/// timings.observe(&state(NodeState::Running), start + Duration::from_secs(1));
/// timings.observe(&state(NodeState::Finished), start + Duration::from_secs(4));
///
/// assert_eq!(timings.get("3").and_then(|timing| timing.duration), Some(Duration::from_secs(3)));
/// assert!(timings.get("4").is_some_and(|timing| timing.is_cached));
/// # Ok::<(), workflow_graph::InvalidId>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeTimings {
    began: Option<Instant>,
    ended: Option<Instant>,
    /// Whether everything was seen since the server began, or since it last told all states.
    is_gapless: bool,
    /// Whether the server tells when nodes end. One that does not runs one after the other.
    tells_states: bool,
    /// By the node of the submitted workflow, in the order they were first told of.
    nodes: IndexMap<NodeId, Node>,
    /// By the node that runs.
    runs: HashMap<NodeId, Run>,
}

/// How long one node took, together with the nodes it made at run time.
///
/// ```
/// use comfy_client::NodeTiming;
/// assert_eq!(NodeTiming::default().duration, None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeTiming {
    /// When it first began; `None` when that was not seen.
    pub started: Option<Instant>,
    /// How long it, or a node that it made, was under way: waiting for inputs that it asked for
    /// and, where nodes run at once, for others is part of it. For a node that failed or was
    /// stopped, until then. `None` while it runs, when a beginning or an end was not seen, and
    /// when it never ran.
    pub duration: Option<Duration>,
    /// Its result was in the server's cache; it did not run.
    pub is_cached: bool,
    /// Whether it is under way.
    pub is_running: bool,
    /// How often it, or a node that it made, began: more than once for a node that asks for
    /// further inputs, and for one that makes nodes.
    pub runs: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Node {
    timing: NodeTiming,
    /// How many of the nodes it stands for are under way.
    under_way: u32,
    /// How many of those may have ended unseen.
    in_doubt: u32,
    /// Since when at least one is; `None` when that was not seen.
    since: Option<Instant>,
    /// How long at least one was, until `since`.
    before: Duration,
    /// Whether a part of it was not seen.
    is_unknown: bool,
}

/// One node under its own name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Run {
    stands_for: NodeId,
    is_under_way: bool,
    /// Whether `executing` told of it since it began.
    is_announced: bool,
    /// Whether it may have ended unseen.
    is_in_doubt: bool,
}

impl NodeTimings {
    /// Takes in one event and when it came. Events must be told in their order; a time before
    /// the last one counts as no time passed.
    #[expect(clippy::wildcard_enum_match_arm, reason = "only these of many events tell of time")]
    pub fn observe(&mut self, event: &Event, at: Instant) {
        match event {
            Event::Started { .. } => {
                // A second one is an echo of the first.
                self.is_gapless |= self.began.is_none();
                self.began.get_or_insert(at);
            }
            Event::Cached { nodes } => {
                for node in nodes {
                    self.cached(node);
                }
            }
            Event::Executing { node, display_node } => {
                if !self.tells_states {
                    self.end_all(at, Some(node));
                }
                self.announce(node, display_node.as_ref(), at);
            }
            Event::Progress { node: Some(node), .. } => self.trust(node),
            Event::NodeStates(nodes) => {
                self.tells_states = true;
                for node in nodes {
                    self.state(node, at);
                }
                self.is_gapless = true;
            }
            Event::Failed(_) | Event::Interrupted { .. } => {
                self.end_all(at, None);
                self.ended.get_or_insert(at);
            }
            Event::Succeeded { .. } => {
                // All ends were told; one that was not lies somewhere before.
                if self.tells_states {
                    self.doubt_all();
                }
                self.end_all(at, None);
                self.ended.get_or_insert(at);
            }
            Event::SocketLost { .. } | Event::Missed { .. } => {
                self.is_gapless = false;
                self.doubt_all();
            }
            _ => {}
        }
    }

    /// The timing of a node of the submitted workflow, if it was told of.
    pub fn get(&self, node: &str) -> Option<&NodeTiming> {
        let node: NodeId = node.parse().ok()?;
        self.nodes.get(&node).map(|node| &node.timing)
    }

    /// All nodes that were told of, in the order in which they first were.
    pub fn iter(&self) -> impl Iterator<Item = (&NodeId, &NodeTiming)> {
        self.nodes.iter().map(|(id, node)| (id, &node.timing))
    }

    /// When the server began with the prompt, if that was seen.
    pub fn began(&self) -> Option<Instant> {
        self.began
    }

    /// How long the whole prompt ran, if its beginning and its end were seen.
    pub fn total(&self) -> Option<Duration> {
        Some(self.ended?.saturating_duration_since(self.began?))
    }

    fn cached(&mut self, id: &NodeId) {
        if let Some(node) = self.node(id)
            && node.timing.runs == 0
        {
            node.timing.is_cached = true;
        }
    }

    /// A node is told to begin.
    fn announce(&mut self, id: &NodeId, display: Option<&NodeId>, at: Instant) {
        match self.runs.get(id).map(|run| run.is_under_way) {
            Some(true) => self.announce_under_way(id),
            // States would have told of a beginning: this is an echo.
            Some(false) if self.tells_states => {}
            Some(false) | None => self.begin(id, display, Some(at), true),
        }
    }

    fn announce_under_way(&mut self, id: &NodeId) {
        self.trust(id);
        let Some(run) = self.runs.get_mut(id) else { return };
        let asked_for_inputs = std::mem::replace(&mut run.is_announced, true);
        let stands_for = run.stands_for.clone();
        if asked_for_inputs && let Some(node) = self.node(&stands_for) {
            node.timing.runs = node.timing.runs.saturating_add(1);
        }
    }

    fn state(&mut self, told: &NodeProgress, at: Instant) {
        let (id, display) = (&told.node, told.display_node.as_ref());
        let is_under_way = self.runs.get(id).map(|run| run.is_under_way);
        match (&told.state, is_under_way) {
            (NodeState::Running, Some(true)) => self.trust(id),
            (NodeState::Running, _) => {
                self.begin(id, display, self.is_gapless.then_some(at), false);
            }
            (NodeState::Finished, Some(true)) => self.end(id, at),
            (NodeState::Finished, Some(false)) => {}
            // It was done without having begun.
            (NodeState::Finished, None) if self.is_gapless => {
                self.cached(display.unwrap_or(id));
            }
            (NodeState::Finished, None) => {
                if let Some(node) = self.node(display.unwrap_or(id)) {
                    node.miss();
                }
                self.know(id, display, false);
            }
            (NodeState::Other(_), _) => {}
        }
    }

    fn begin(
        &mut self,
        id: &NodeId,
        display: Option<&NodeId>,
        at: Option<Instant>,
        is_announced: bool,
    ) {
        let Some(run) = self.know(id, display, true) else { return };
        run.is_announced = is_announced;
        let stands_for = run.stands_for.clone();
        if let Some(node) = self.node(&stands_for) {
            node.begin(at);
        }
    }

    fn end(&mut self, id: &NodeId, at: Instant) {
        let Some(run) = self.runs.get_mut(id).filter(|run| run.is_under_way) else { return };
        run.is_under_way = false;
        let is_in_doubt = std::mem::take(&mut run.is_in_doubt);
        if let Some(node) = self.nodes.get_mut(&run.stands_for) {
            node.in_doubt = node.in_doubt.saturating_sub(u32::from(is_in_doubt));
            node.end((!is_in_doubt).then_some(at));
        }
    }

    /// Ends all that run but one.
    fn end_all(&mut self, at: Instant, but: Option<&NodeId>) {
        let runs = self.runs.iter().filter(|(id, run)| run.is_under_way && Some(*id) != but);
        let ids: Vec<NodeId> = runs.map(|(id, _)| id.clone()).collect();
        for id in &ids {
            self.end(id, at);
        }
    }

    /// From here on, all that run may have ended unseen.
    fn doubt_all(&mut self) {
        let sure = |run: &&mut Run| run.is_under_way && !run.is_in_doubt;
        for run in self.runs.values_mut().filter(sure) {
            run.is_in_doubt = true;
            if let Some(node) = self.nodes.get_mut(&run.stands_for) {
                node.in_doubt = node.in_doubt.saturating_add(1);
            }
        }
    }

    /// A node shows that it still runs.
    fn trust(&mut self, id: &NodeId) {
        let Some(run) = self.runs.get_mut(id).filter(|run| run.is_in_doubt) else { return };
        run.is_in_doubt = false;
        if let Some(node) = self.nodes.get_mut(&run.stands_for) {
            node.in_doubt = node.in_doubt.saturating_sub(1);
        }
    }

    /// Notes whether a node runs, and forgets what was known of an earlier run.
    fn know(
        &mut self,
        id: &NodeId,
        display: Option<&NodeId>,
        is_under_way: bool,
    ) -> Option<&mut Run> {
        if self.runs.len() >= NODES_MAX && !self.runs.contains_key(id) {
            return None;
        }
        let stands_for = display.unwrap_or(id).clone();
        let run = Run { stands_for, is_under_way, is_announced: false, is_in_doubt: false };
        Some(self.runs.entry(id.clone()).insert_entry(run).into_mut())
    }

    fn node(&mut self, id: &NodeId) -> Option<&mut Node> {
        if self.nodes.len() >= NODES_MAX && !self.nodes.contains_key(id) {
            return None;
        }
        Some(self.nodes.entry(id.clone()).or_default())
    }
}

impl Node {
    /// One of the nodes it stands for begins, at a time that may be unknown.
    fn begin(&mut self, at: Option<Instant>) {
        if self.under_way == 0 {
            self.since = at;
            self.is_unknown |= at.is_none();
            if self.timing.runs == 0 && !self.is_unknown {
                self.timing.started = at;
            }
        } else if self.under_way == self.in_doubt {
            // There may have been a pause in between.
            self.is_unknown = true;
        }
        self.under_way = self.under_way.saturating_add(1);
        let timing = &mut self.timing;
        timing.runs = timing.runs.saturating_add(1);
        timing.is_running = true;
        timing.is_cached = false;
        timing.duration = None;
    }

    /// One of them ends, at a time that may be unknown.
    fn end(&mut self, at: Option<Instant>) {
        self.under_way = self.under_way.saturating_sub(1);
        if self.under_way > 0 {
            return;
        }
        self.timing.is_running = false;
        match (self.since.take(), at) {
            (Some(since), Some(at)) => {
                let passed = at.saturating_duration_since(since);
                self.before = self.before.saturating_add(passed);
            }
            _ => self.is_unknown = true,
        }
        self.timing.duration = (!self.is_unknown).then_some(self.before);
    }

    /// One of them ran unseen.
    fn miss(&mut self) {
        self.is_unknown = true;
        self.timing.duration = None;
    }
}

#[cfg(test)]
mod tests;

//! How far a job is: a fold over what the server tells of its nodes.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use comfy_client::{Event, wire::NodeState};
use workflow_graph::{Input, Json, Node, NodeId, Workflow};

use crate::{Advance, State, estimate::Expected};

/// How far one job is.
///
/// ```
/// use batch::{Progress, State};
/// let progress = Progress::waiting(State::Recorded);
/// assert_eq!((progress.percent, progress.node), (0.0, None));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Where the job stands.
    pub state: State,
    /// How many prompts of the server come before it, while it is queued and that is known.
    pub queue_position: Option<u32>,
    /// How much of the whole graph is done, from 0 to 100; it never goes back. Nodes count
    /// alike, samplers as much as they have steps.
    pub percent: f64,
    /// Nodes done or cached.
    pub nodes_done: u32,
    /// Nodes that there are.
    pub nodes_total: u32,
    /// The node that runs.
    pub node: Option<NodeProgress>,
    /// How many seconds it will still run, by what earlier jobs of the same graph shape took;
    /// `None` before it began and when there were none.
    pub seconds_left: Option<f64>,
}

/// How far the node is that runs.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeProgress {
    /// The node in the workflow.
    pub id: String,
    /// Its class.
    pub class_type: String,
    /// Its title, where it has one of its own.
    pub title: Option<String>,
    /// Steps done.
    pub step: f64,
    /// Steps that there are; 1 where the node does not count any.
    pub steps: f64,
}

/// The picture that a node showed last of what it works on.
///
/// ```
/// use batch::Preview;
/// let preview = Preview { media_type: "image/jpeg".to_owned(), bytes: Vec::new().into() };
/// assert_eq!(preview.clone(), preview);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// Its media type, such as `image/jpeg`.
    pub media_type: String,
    /// The encoded picture. Clones share it.
    pub bytes: Bytes,
}

impl Preview {
    /// The picture that an event brings, if it is one that brings any.
    pub(crate) fn of(event: &Event) -> Option<Self> {
        let Event::Preview { image, .. } = event else { return None };
        Some(Self { media_type: image.media_type.clone(), bytes: image.bytes.clone() })
    }
}

impl Progress {
    /// A job that has not begun.
    pub fn waiting(state: State) -> Self {
        Self {
            state,
            queue_position: None,
            percent: 0.0,
            nodes_done: 0,
            nodes_total: 0,
            node: None,
            seconds_left: None,
        }
    }
}

/// Folds events of one prompt into its [`Progress`].
#[derive(Debug)]
pub(crate) struct Tracker {
    nodes: HashMap<String, Known>,
    weight_total: f64,
    done: HashSet<String>,
    weight_done: f64,
    expected: Option<Expected>,
    seconds_pending: f64,
    progress: Progress,
}

#[derive(Debug)]
struct Known {
    class_type: String,
    title: Option<String>,
    weight: f64,
}

impl Tracker {
    pub(crate) fn new(workflow: &Workflow, state: State) -> Self {
        let nodes: HashMap<String, Known> = workflow
            .nodes()
            .map(|(id, node)| {
                let known = Known {
                    class_type: node.class_type().as_str().to_owned(),
                    title: node.title().map(str::to_owned),
                    weight: weight(workflow, node),
                };
                (id.as_str().to_owned(), known)
            })
            .collect();
        let mut progress = Progress::waiting(state);
        progress.nodes_total = u32::try_from(nodes.len()).unwrap_or(u32::MAX);
        let weight_total = nodes.values().map(|known| known.weight).sum();
        Self {
            nodes,
            weight_total,
            done: HashSet::new(),
            weight_done: 0.0,
            expected: None,
            seconds_pending: 0.0,
            progress,
        }
    }

    /// Goes on from where an earlier process saw it, so that nobody sees it go back.
    pub(crate) fn resume(&mut self, from: &Advance) {
        self.progress.percent = self.progress.percent.max(from.percent.clamp(0.0, 100.0));
    }

    /// What is written down of it.
    pub(crate) fn written(&self) -> Advance {
        let Progress { percent, nodes_done, nodes_total, .. } = self.progress;
        Advance { percent, nodes_done, nodes_total }
    }

    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }

    pub(crate) fn enter(&mut self, state: State) {
        self.progress.state = state;
        if state != State::Queued {
            self.progress.queue_position = None;
        }
        if state.is_final() {
            self.progress.node = None;
            self.progress.seconds_left = None;
        }
        if state == State::Succeeded {
            self.progress.percent = 100.0;
        }
    }

    pub(crate) fn queue_position(&mut self, position: Option<u32>) {
        self.progress.queue_position = position;
    }

    /// A node has ended, or its result was in the cache.
    pub(crate) fn done(&mut self, id: &str) {
        let Some(known) = self.nodes.get(id) else { return };
        if self.done.insert(id.to_owned()) {
            self.weight_done += known.weight;
            self.seconds_pending -= self.expected.as_ref().map_or(0.0, |of| of.seconds(id));
            self.progress.nodes_done = self.progress.nodes_done.saturating_add(1);
        }
        if self.progress.node.as_ref().is_some_and(|node| node.id == id) {
            self.progress.node = None;
        }
        self.advance(0.0);
    }

    /// A node runs. The one before has ended, unless the server runs several at once and says
    /// so with its node states.
    pub(crate) fn running(&mut self, id: &str) {
        if self.progress.node.as_ref().is_some_and(|node| node.id == id) {
            return;
        }
        let Some(known) = self.nodes.get(id) else { return };
        self.progress.node = Some(NodeProgress {
            id: id.to_owned(),
            class_type: known.class_type.clone(),
            title: known.title.clone(),
            step: 0.0,
            steps: 1.0,
        });
        self.advance(0.0);
    }

    /// A node has done `step` of `steps`. A server may say nonsense; it moves nothing.
    pub(crate) fn step(&mut self, id: &str, step: f64, steps: f64) {
        if !(step >= 0.0 && steps > 0.0 && steps.is_finite()) {
            return;
        }
        self.running(id);
        let Some(node) = self.progress.node.as_mut().filter(|node| node.id == id) else { return };
        (node.step, node.steps) = (step.min(steps), steps);
        let share = node.step / node.steps;
        let weight = self.nodes.get(id).map_or(0.0, |known| known.weight);
        if !self.done.contains(id) {
            self.advance(weight * share);
        }
    }

    /// Takes in what the server tells. Nodes that another node made at run time count as the one
    /// they stand for, and never as done: the server does not say which of them is the last.
    #[expect(clippy::wildcard_enum_match_arm, reason = "only these of many events move anything")]
    pub(crate) fn take_in(&mut self, event: &Event) {
        match event {
            Event::Cached { nodes } => nodes.iter().for_each(|node| self.done(node.as_str())),
            Event::Executing { node, display_node } => {
                self.running(display_node.as_ref().unwrap_or(node).as_str());
            }
            Event::Progress { node: Some(node), value, max } => {
                self.step(node.as_str(), *value, *max);
            }
            Event::NodeStates(nodes) => {
                for node in nodes.iter().filter(|node| node.state == NodeState::Finished) {
                    self.done(node.node.as_str());
                }
            }
            _ => {}
        }
    }

    /// Takes in what earlier jobs of the same shape took.
    pub(crate) fn expect(&mut self, expected: Option<Expected>) {
        let Some(expected) = expected else { return };
        let pending = self.nodes.keys().filter(|id| !self.done.contains(*id));
        self.seconds_pending = pending.map(|id| expected.seconds(id)).sum();
        self.expected = Some(expected);
        self.estimate();
    }

    /// How long what is not done takes, without going through all nodes again: this is called for
    /// every step of each of them.
    fn estimate(&mut self) {
        let Some(expected) = &self.expected else { return };
        let running = self.progress.node.as_ref().filter(|node| !self.done.contains(&node.id));
        let done = running.map(|node| expected.seconds(&node.id) * node.step / node.steps);
        self.progress.seconds_left = Some((self.seconds_pending - done.unwrap_or(0.0)).max(0.0));
    }

    fn advance(&mut self, under_way: f64) {
        let percent = 100.0 * (self.weight_done + under_way) / self.weight_total.max(1.0);
        self.progress.percent = self.progress.percent.max(percent.clamp(0.0, 100.0));
        self.estimate();
    }
}

/// No more steps than this count for a node's weight, whatever its input says.
const STEPS_WEIGHED_MAX: u64 = 1000;

/// What a node weighs: 1, or the number of steps where it samples. A sampler is told by its
/// inputs, not by its class, so that those of custom nodes count too: it has steps and a latent
/// of its own, or takes sigmas from a scheduler that has the steps.
fn weight(workflow: &Workflow, node: &Node) -> f64 {
    let has = |name: &str| node.input(name).is_some();
    let steps = if has("latent_image") && has("steps") {
        literal_steps(node)
    } else if has("latent_image")
        && let Some(Input::Link { from, .. }) = node.input("sigmas")
    {
        steps_of(workflow, from)
    } else {
        None
    };
    let weight = steps.unwrap_or(1).clamp(1, STEPS_WEIGHED_MAX);
    u32::try_from(weight).map_or(1.0, f64::from)
}

fn steps_of(workflow: &Workflow, id: &NodeId) -> Option<u64> {
    literal_steps(workflow.node(id)?)
}

fn literal_steps(node: &Node) -> Option<u64> {
    match node.input("steps")? {
        Input::Literal(value) => Json::as_u64(value),
        Input::Link { .. } => None,
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the weights are small whole numbers")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tracker() -> Tracker {
        let json = Json::parse(
            br#"{"4": {"class_type": "CheckpointLoaderSimple", "inputs": {}},
                 "3": {"class_type": "KSampler", "inputs": {"steps": 8, "latent_image": ["5", 0]},
                       "_meta": {"title": "Sample"}},
                 "9": {"class_type": "SaveImage", "inputs": {}}}"#,
        );
        let workflow = Workflow::from_json(&json.unwrap()).unwrap();
        Tracker::new(&workflow, State::Queued)
    }

    #[test]
    fn samplers_weigh_as_much_as_they_have_steps() {
        let mut tracker = tracker();
        tracker.done("4");
        assert_eq!(tracker.progress().percent, 10.0);
        tracker.step("3", 4.0, 8.0);
        assert_eq!(tracker.progress().percent, 50.0);
        let node = tracker.progress().node.as_ref().unwrap();
        assert_eq!((node.title.as_deref(), node.step, node.steps), (Some("Sample"), 4.0, 8.0));
        tracker.done("3");
        assert_eq!((tracker.progress().percent, tracker.progress().nodes_done), (90.0, 2));
        tracker.enter(State::Succeeded);
        assert_eq!((tracker.progress().percent, &tracker.progress().node), (100.0, &None));
    }

    #[test]
    fn earlier_runs_tell_how_long_it_will_take() {
        let mut tracker = tracker();
        tracker.enter(State::Running);
        assert_eq!(tracker.progress().seconds_left, None);
        tracker.done("4");
        let seconds = [("4", 2.0), ("3", 8.0), ("9", 1.0), ("no longer there", 5.0)];
        tracker.expect(Some(Expected::from_iter(seconds)));
        assert_eq!(tracker.progress().seconds_left, Some(9.0));
        tracker.step("3", 6.0, 8.0);
        assert_eq!(tracker.progress().seconds_left, Some(3.0));
        tracker.done("3");
        assert_eq!(tracker.progress().seconds_left, Some(1.0));
        tracker.done("9");
        assert_eq!(tracker.progress().seconds_left, Some(0.0));
        tracker.enter(State::Succeeded);
        assert_eq!(tracker.progress().seconds_left, None);
    }

    #[test]
    fn what_another_process_saw_is_where_it_goes_on() {
        let mut tracker = tracker();
        tracker.resume(&Advance { percent: 40.0, nodes_done: 1, nodes_total: 3 });
        tracker.done("4");
        assert_eq!((tracker.progress().percent, tracker.progress().nodes_done), (40.0, 1));
        tracker.step("3", 4.0, 8.0);
        assert_eq!(tracker.written(), Advance { percent: 50.0, nodes_done: 1, nodes_total: 3 });
    }

    #[test]
    fn steps_behind_a_scheduler_count_for_the_sampler() {
        let json = Json::parse(
            br#"{"9": {"class_type": "Flux2Scheduler", "inputs": {"steps": 20}},
                 "11": {"class_type": "SamplerCustomAdvanced",
                        "inputs": {"sigmas": ["9", 0], "latent_image": ["10", 0]}}}"#,
        );
        let workflow = Workflow::from_json(&json.unwrap()).unwrap();
        let mut tracker = Tracker::new(&workflow, State::Running);
        tracker.step("11", 10.0, 20.0);
        assert_eq!(tracker.progress().percent, 1000.0 / 21.0);
    }

    #[test]
    fn nonsense_and_unknown_nodes_move_nothing() {
        let mut tracker = tracker();
        for (step, steps) in [(f64::NAN, 8.0), (1.0, 0.0), (-1.0, 8.0), (1.0, f64::INFINITY)] {
            tracker.step("3", step, steps);
        }
        tracker.step("12.0.0.1", 1.0, 2.0);
        tracker.done("12.0.0.1");
        assert_eq!((tracker.progress().percent, &tracker.progress().node), (0.0, &None));
        tracker.step("3", 99.0, 8.0);
        assert_eq!(tracker.progress().node.as_ref().unwrap().step, 8.0);
    }

    proptest! {
        #[test]
        fn percent_never_goes_back(
            events in prop::collection::vec((0_u8..3, 0_usize..4, -1.0..20.0_f64, -1.0..20.0_f64), 0..40)
        ) {
            let mut tracker = tracker();
            let mut before = 0.0;
            for (kind, node, step, steps) in events {
                let id = ["4", "3", "9", "x"][node];
                match kind {
                    0 => tracker.done(id),
                    1 => tracker.running(id),
                    _ => tracker.step(id, step, steps),
                }
                let percent = tracker.progress().percent;
                prop_assert!(percent >= before && percent <= 100.0);
                before = percent;
            }
        }
    }
}

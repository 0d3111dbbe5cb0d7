//! Every subgraph instance opened: which nodes there are in the end, and what they are called.

use super::{
    Finding,
    key::Key,
    scene::{Kind, ROOT, Scene},
};
use crate::{hash::HashMap, ui::UiMode};

/// How many nodes inside subgraphs are converted. Instances within instances multiply: thirty
/// definitions of a few lines each can stand for a billion nodes.
const INNER_NODES_MAX: usize = 250_000;

/// One graph as it stands in one instance, or at the top.
pub(super) struct Frame {
    pub(super) graph: usize,
    /// The instance it is in.
    host: Option<Seat>,
    /// What the ids of its nodes begin with.
    prefix: String,
}

/// A node in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Seat {
    pub(super) frame: usize,
    pub(super) node: usize,
}

pub(super) struct Expansion {
    frames: Vec<Frame>,
    inside: HashMap<Seat, usize>,
    /// Every node that may run, in order.
    pub(super) seats: Vec<Seat>,
}

impl Expansion {
    pub(super) fn frame(&self, at: usize) -> Option<&Frame> {
        self.frames.get(at)
    }

    /// The instance that a frame is in.
    pub(super) fn host(&self, frame: usize) -> Option<Seat> {
        self.frame(frame)?.host
    }

    /// The frame inside an instance.
    pub(super) fn inside(&self, host: Seat) -> Option<usize> {
        self.inside.get(&host).copied()
    }

    /// What a node is called in the prompt.
    pub(super) fn name(&self, scene: &Scene<'_>, seat: Seat) -> String {
        let Some(frame) = self.frame(seat.frame) else { return String::new() };
        let node = scene.graph(frame.graph).and_then(|graph| graph.nodes.get(seat.node));
        let id = match node.map(|node| &node.id) {
            Some(Key::Number(number)) => number.to_string(),
            Some(Key::Text(text)) => text.to_string(),
            None => String::new(),
        };
        if frame.prefix.is_empty() { id } else { [&*frame.prefix, &*id].concat() }
    }

    fn is_within(&self, frame: usize, graph: usize) -> bool {
        let mut at = Some(frame);
        while let Some(frame) = at.and_then(|at| self.frame(at)) {
            if frame.graph == graph {
                return true;
            }
            at = frame.host.map(|host| host.frame);
        }
        false
    }
}

/// Opens all instances. One at the top that is muted or bypassed stays shut; within a subgraph
/// the front end opens them all.
pub(super) fn expand(scene: &Scene<'_>, findings: &mut Vec<Finding>) -> Expansion {
    let top = Frame { graph: ROOT, host: None, prefix: String::new() };
    let mut expansion =
        Expansion { frames: vec![top], inside: HashMap::default(), seats: Vec::new() };
    let mut inner_nodes = 0_usize;
    let mut stack = vec![Seat { frame: 0, node: 0 }];
    while let Some(seat) = stack.pop() {
        let graph = expansion.frame(seat.frame).and_then(|frame| scene.graph(frame.graph));
        let Some(node) = graph.and_then(|graph| graph.nodes.get(seat.node)) else { continue };
        stack.push(Seat { node: seat.node + 1, ..seat });
        let definition = match node.kind {
            Kind::Class(_) | Kind::Unknown => {
                expansion.seats.push(seat);
                continue;
            }
            Kind::Virtual(_) => continue,
            Kind::Instance(definition) => definition,
        };
        if seat.frame == 0 && node.mode != UiMode::Active {
            continue;
        }
        if expansion.is_within(seat.frame, definition) {
            let subgraph = scene.graph(definition).map(|graph| graph.name.to_owned());
            let node = expansion.name(scene, seat);
            let subgraph = subgraph.unwrap_or_default();
            findings.push(Finding::RecursiveSubgraph { node, subgraph });
            continue;
        }
        inner_nodes += scene.graph(definition).map_or(0, |graph| graph.nodes.len());
        if inner_nodes > INNER_NODES_MAX {
            findings.push(Finding::TooManyNodes { limit: INNER_NODES_MAX });
            break;
        }
        let frame = expansion.frames.len();
        let prefix = format!("{}:", expansion.name(scene, seat));
        expansion.frames.push(Frame { graph: definition, host: Some(seat), prefix });
        expansion.inside.insert(seat, frame);
        stack.push(Seat { frame, node: 0 });
    }
    expansion
}

//! Walking a workflow towards what its nodes are made of.

use std::{
    cell::Cell,
    collections::{HashMap, HashSet, VecDeque},
};

use workflow_graph::{
    Input, Json, Node, NodeId, Workflow,
    roles::{Found, ModelKind, Role, Roles},
};

use super::{
    bytes::{real, whole},
    default::square,
    plan::Canvas,
};

/// How many nodes one walk looks at. The largest official workflow has some 200.
const NODES_MAX: usize = 2_048;
/// How many inputs all walks look at together. A graph made by a program may be any size.
const LOOKS_MAX: usize = 2_000_000;
/// How many links are followed from an input to where its number is written.
const HOPS_MAX: usize = 16;

/// A workflow with what is known of its inputs.
pub(super) struct Graph<'w> {
    nodes: HashMap<&'w NodeId, &'w Node>,
    order: Vec<(&'w NodeId, &'w Node)>,
    /// How many nodes all walks may still look at.
    left: Cell<usize>,
    models: HashMap<&'w NodeId, Vec<(&'w Found, ModelKind)>>,
}

impl<'w> Graph<'w> {
    pub(super) fn new(workflow: &'w Workflow, roles: &'w Roles) -> Self {
        let mut models: HashMap<_, Vec<_>> = HashMap::new();
        for found in roles.models() {
            if let Role::Model(kind) = found.role {
                models.entry(&found.node).or_default().push((found, kind));
            }
        }
        let order: Vec<_> = workflow.nodes().collect();
        let nodes = order.iter().copied().collect();
        Self { nodes, order, left: Cell::new(LOOKS_MAX), models }
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = (&'w NodeId, &'w Node)> {
        self.order.iter().copied()
    }

    pub(super) fn node(&self, id: &NodeId) -> Option<&'w Node> {
        self.nodes.get(id).copied()
    }

    /// The files that a node names, of one kind.
    pub(super) fn files(&self, id: &NodeId, kind: ModelKind) -> Vec<Named<'w>> {
        let found = self.models.get(id).into_iter().flatten();
        let found = found.filter(|(_, own)| *own == kind);
        found
            .filter_map(|(found, kind)| Some(Named { name: found.value.as_str()?, kind: *kind }))
            .collect()
    }

    /// Nodes upstream of some inputs of a node, the nearest first and each once, over the links
    /// that `follows` names.
    pub(super) fn upstream(
        &self,
        from: &Node,
        enters: impl Fn(&str) -> bool,
        follows: impl Fn(&str) -> bool,
    ) -> Vec<(&'w NodeId, &'w Node)> {
        let mut waiting: VecDeque<&NodeId> = links(from, enters).collect();
        let mut seen = HashSet::new();
        let mut found = Vec::new();
        while let Some(id) = waiting.pop_front() {
            let Some((id, node)) = self.nodes.get_key_value(id) else { continue };
            if found.len() >= NODES_MAX || !seen.insert(*id) {
                continue;
            }
            let Some(left) = self.left.get().checked_sub(1 + node.inputs().len()) else { break };
            self.left.set(left);
            found.push((*id, *node));
            waiting.extend(links(node, &follows));
        }
        found
    }

    /// The nearest node upstream that names files of one of some kinds, with its first file.
    pub(super) fn loader(
        &self,
        from: &Node,
        enters: impl Fn(&str) -> bool,
        follows: impl Fn(&str) -> bool,
        kinds: &[ModelKind],
    ) -> Option<(&'w NodeId, Named<'w>)> {
        let upstream = self.upstream(from, enters, follows);
        upstream.into_iter().find_map(|(id, _)| {
            let mut kinds = kinds.iter();
            kinds.find_map(|kind| Some((id, *self.files(id, *kind).first()?)))
        })
    }

    /// The number of an input: written there, or in the nodes that its links lead to.
    pub(super) fn number(&self, node: &'w Node, name: &str) -> Option<f64> {
        let mut input = node.input(name)?;
        for _ in 0..HOPS_MAX {
            match input {
                Input::Literal(Json::Number(number)) => return Some(number.as_f64()),
                Input::Literal(_) => return None,
                Input::Link { from, .. } => {
                    let node = self.node(from)?;
                    let same = node.inputs().find(|(input, _)| *input == name);
                    let value = same.or_else(|| node.inputs().find(|(input, _)| *input == "value"));
                    input = value?.1;
                }
            }
        }
        None
    }

    /// A number of an input that counts something, at least 1.
    pub(super) fn count(&self, node: &'w Node, names: &[&str]) -> Option<u64> {
        let number = names.iter().find_map(|name| self.number(node, name))?;
        (number.is_finite() && number >= 1.0).then(|| whole(number.floor()))
    }

    /// The canvas that is written nearest upstream, larger or smaller by what lies between.
    pub(super) fn canvas(&self, from: &Node, enters: impl Fn(&str) -> bool) -> Option<Canvas> {
        let mut scale = 1.0;
        let mut canvas: Option<Canvas> = None;
        for (_, node) in self.upstream(from, enters, shapes) {
            let before = canvas.take();
            let sized = before.as_ref().is_none_or(|canvas| canvas.width == 0);
            let (width, height) = if sized {
                self.size(node).unwrap_or_default()
            } else {
                before.as_ref().map_or((0, 0), |canvas| (canvas.width, canvas.height))
            };
            if sized && width == 0 {
                scale *= self.number(node, "scale_by").filter(|by| *by > 0.0).unwrap_or(1.0);
            }
            let before = before.unwrap_or_else(|| Canvas::pixels(0, 0));
            let frames = ["length", "frames", "num_frames", "video_frames", "frames_number"];
            canvas = Some(Canvas {
                width,
                height,
                frames: before.frames.or_else(|| self.count(node, &frames)),
                layers: before.layers.or_else(|| self.count(node, &["layers"])),
                tokens: before.tokens.or_else(|| self.tokens(node)),
                seconds: before.seconds.or_else(|| self.seconds(node)),
                batch: before.batch.max(self.count(node, &["batch_size", "amount"]).unwrap_or(1)),
                is_assumed: false,
            });
        }
        let canvas = canvas?;
        let side = |side: u64| whole((real(side) * scale).floor());
        let is_known = canvas.width > 0 || canvas.tokens.is_some() || canvas.seconds.is_some();
        let (width, height) = (side(canvas.width), side(canvas.height));
        is_known.then_some(Canvas { width, height, ..canvas })
    }

    /// The size that a node gives to what it makes, in pixels.
    fn size(&self, node: &'w Node) -> Option<(u64, u64)> {
        let both = self.count(node, &["width"]).zip(self.count(node, &["height"]));
        let all = || Some(square(self.number(node, "megapixels").filter(|of| *of > 0.0)?));
        both.or_else(all).or_else(|| {
            // The size is chosen by a node for both sides, such as `ResolutionSelector`.
            let upstream = self.upstream(node, |name| matches!(name, "width" | "height"), |_| true);
            upstream.iter().find_map(|(_, node)| {
                self.number(node, "megapixels").filter(|of| *of > 0.0).map(square)
            })
        })
    }

    /// Of nodes that make 3D or sound: others have numbers of these names for something else.
    fn tokens(&self, node: &'w Node) -> Option<u64> {
        let is_3d = node.class_type().as_str().contains("3D");
        self.count(node, &["resolution"]).filter(|_| is_3d)
    }

    fn seconds(&self, node: &'w Node) -> Option<f64> {
        let is_sound = node.class_type().as_str().contains("Audio");
        let seconds = self.number(node, "seconds").filter(|_| is_sound);
        seconds.filter(|seconds| seconds.is_finite() && *seconds > 0.0)
    }
}

/// A file of weights that a node names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Named<'w> {
    pub(super) name: &'w str,
    kind: ModelKind,
}

impl Named<'_> {
    /// The folder of ComfyUI that nodes take files of this kind from.
    pub(super) fn folder(&self) -> &'static str {
        self.kind.folder().unwrap_or("diffusion_models")
    }
}

fn links<'n>(
    node: &'n Node,
    follows: impl Fn(&str) -> bool + 'n,
) -> impl Iterator<Item = &'n NodeId> + 'n {
    let followed = node.inputs().filter(move |(name, _)| follows(name));
    followed.filter_map(|(_, input)| input.as_link().map(|(from, _)| from))
}

/// Inputs through which a size comes: those of latents and pictures.
pub(super) fn shapes(name: &str) -> bool {
    let name = last_part(name);
    ["latent", "samples", "image", "pixels", "video"].iter().any(|part| name.contains(part))
        || is_choice(name)
}

/// Inputs through which a model comes.
pub(super) fn carries_model(name: &str) -> bool {
    let name = last_part(name);
    name.starts_with("model") || name == "guider" || is_choice(name)
}

/// Inputs through which conditioning comes, and what it was made of.
pub(super) fn carries_conditioning(name: &str) -> bool {
    let name = last_part(name);
    matches!(name, "positive" | "negative" | "guider")
        || name.starts_with("cond")
        || is_choice(name)
}

/// The inputs of switches, where anything passes.
pub(super) fn is_choice(name: &str) -> bool {
    matches!(last_part(name), "" | "on_true" | "on_false" | "input" | "any" | "value" | "anything")
}

fn last_part(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

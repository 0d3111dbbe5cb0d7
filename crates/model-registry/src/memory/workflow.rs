//! The plan of a workflow.

use std::collections::HashSet;

use workflow_graph::{
    Input, Node, NodeId, Workflow,
    roles::{ModelKind, Roles},
};

use super::{
    Asked,
    default::{self, requested},
    estimate::StageKind,
    graph::{Graph, Named, carries_conditioning, carries_model, is_choice, shapes},
    plan::{Canvas, ModelUse, Notes, PixelTile, Plan, PlannedStage},
    tensors::Part,
};
use crate::{
    family::Family,
    names::Medium,
    registry::Registry,
    resolve::{Found, Resolution, file_name},
};

/// How many stages of a kind are looked at.
const STAGES_MAX: usize = 64;
/// The output of a checkpoint loader that is the text encoder.
const CHECKPOINT_ENCODER: u32 = 1;
/// What nodes that read reference pictures make of them: so many pixels.
const REFERENCE_SIDE: u64 = 1024;

/// Finds the stages of a workflow, in the order ComfyUI is likely to run them.
pub(super) fn plan<'r>(registry: &'r Registry, workflow: &Workflow, roles: &Roles) -> Plan<'r> {
    let graph = Graph::new(workflow, roles);
    let mut reader = Reader { registry, graph: &graph, notes: Notes::default() };
    let samplers = roles.samplers().iter().take(STAGES_MAX);
    let sampling: Vec<_> = samplers.filter_map(|id| reader.sampling(id)).collect();
    let family = sampling.iter().find_map(|stage| stage.family);
    let mut stages = reader.text_encoding(family);
    stages.extend(reader.vae(StageKind::VaeEncode, &sampling));
    let decoding = reader.vae(StageKind::VaeDecode, &sampling);
    stages.extend(sampling);
    stages.extend(decoding);
    let mut notes = reader.notes;
    if stages.is_empty() {
        notes.miss("no node of the workflow loads a model to sample, encode or decode with");
    }
    Plan { stages, notes }
}

struct Reader<'a, 'w, 'r> {
    registry: &'r Registry,
    graph: &'a Graph<'w>,
    notes: Notes,
}

impl<'w, 'r> Reader<'_, 'w, 'r> {
    fn sampling(&mut self, id: &NodeId) -> Option<PlannedStage<'r>> {
        let node = self.graph.node(id)?;
        let enters = |name: &str| carries_model(name);
        let kinds = [ModelKind::Diffusion, ModelKind::Checkpoint];
        let mut stage = PlannedStage::new(StageKind::Sampling, Some(id));
        let Some((loader, file)) = self.graph.loader(node, enters, carries_model, &kinds) else {
            self.notes.miss(format!("which model node {id} samples with"));
            return Some(stage);
        };
        let found = self.found(file.name);
        stage.family = found.as_ref().map(|found| found.family);
        if stage.family.is_none() {
            self.notes.miss(format!("which family `{}` belongs to", file.name));
        }
        let mut model = self.model(&file, Part::Diffusion, stage.family);
        let weight_dtype = self.graph.node(loader).and_then(|node| node.input("weight_dtype"));
        model.requested =
            weight_dtype.and_then(Input::as_literal).and_then(|word| requested(word.as_str()?));
        stage.models.push(model);
        if let Some(found) = &found {
            stage.factor = self.factor(found, file.name);
            stage.packed = default::is_packed(found.family, &mut self.notes);
        }
        self.controlnets(node, &mut stage);
        self.references(node, &mut stage);
        let latents =
            |name: &str| matches!(name, "latent_image" | "latent" | "samples" | "latents");
        let written = self.graph.canvas(node, latents);
        stage.canvas = self.canvas(written, found.as_ref(), id);
        Some(stage)
    }

    /// The memory usage factor of a file; the largest, where its family has several and nothing
    /// tells which is its own.
    fn factor(&mut self, found: &Found<'r>, file: &str) -> Option<f64> {
        let variants = found.variants.iter().map(|variant| Some(*variant));
        let variants = variants.chain(found.variants.is_empty().then_some(None));
        let mut factors: Vec<f64> =
            variants.filter_map(|variant| default::factor(found.family, variant)).collect();
        factors.sort_by(f64::total_cmp);
        factors.dedup();
        let largest = factors.pop()?;
        if !factors.is_empty() {
            self.notes.assume(format!(
                "`{file}` computes like the largest model of {}: nothing tells which it is",
                found.family.title
            ));
        }
        Some(largest)
    }

    /// What is written, or else what the family makes by itself.
    fn canvas(
        &mut self,
        written: Option<Canvas>,
        found: Option<&Found<'r>>,
        id: &NodeId,
    ) -> Option<Canvas> {
        let found = found?;
        let variants = || found.variants.iter().filter(|variant| variant.latent.is_some());
        let makes_time = variants()
            .any(|variant| variant.latent.as_ref().is_some_and(|latent| latent.frames.is_some()));
        match written {
            Some(canvas) if canvas.frames.is_some() || !makes_time => Some(canvas),
            Some(canvas) => {
                let frames = variants().find_map(|variant| variant.latent.as_ref()?.frames.clone());
                let frames = frames.map(|frames| u64::from(frames.value));
                if let Some(frames) = frames {
                    self.notes.assume(format!(
                        "node {id} makes {frames} frames, as {} does: the workflow does not say",
                        found.family.title
                    ));
                }
                Some(Canvas { frames, ..canvas }.assumed())
            }
            None => {
                let Some(variant) = variants().next() else {
                    return self.picture(found.family, id);
                };
                self.notes.assume(format!(
                    "node {id} makes what the template {} does: no size is written for it",
                    variant.template
                ));
                let made = Asked::default();
                default::canvas(found.family, variant, &made, &mut self.notes).map(Canvas::assumed)
            }
        }
    }

    /// What a family of pictures makes of one whose size nothing tells.
    fn picture(&mut self, family: &Family, id: &NodeId) -> Option<Canvas> {
        if family.makes != Medium::Image {
            return None;
        }
        self.notes.assume(format!(
            "node {id} makes {REFERENCE_SIDE}x{REFERENCE_SIDE}: a picture that is read decides, and \
             nothing tells its size"
        ));
        Some(Canvas::pixels(REFERENCE_SIDE, REFERENCE_SIDE).assumed())
    }

    /// Each `ControlNet` is loaded together with the model whose sampling they steer.
    fn controlnets(&mut self, node: &Node, stage: &mut PlannedStage<'r>) {
        let follows =
            |name: &str| carries_conditioning(name) || matches!(name, "control_net" | "model");
        let mut files = Vec::new();
        for (id, _) in self.graph.upstream(node, follows, follows) {
            for file in self.graph.files(id, ModelKind::ControlNet) {
                if !files.contains(&file) {
                    files.push(file);
                    stage.models.push(self.model(&file, Part::Whole, None));
                }
            }
        }
        if !files.is_empty() {
            self.notes.assume("what a ControlNet computes is within what ComfyUI keeps besides");
        }
    }

    /// Reference pictures, where conditioning takes them up.
    fn references(&mut self, node: &Node, stage: &mut PlannedStage<'r>) {
        let guider = |name: &str| matches!(name, "guider") || is_choice(name);
        let mut entries = vec![node];
        entries.extend(self.graph.upstream(node, guider, guider).into_iter().map(|(_, node)| node));
        for (side, name) in [(0, "positive"), (1, "negative")] {
            let enters = |input: &str| input == name || side == 0 && input.starts_with("cond");
            let follows =
                |input: &str| enters(input) || input.starts_with("cond") || is_choice(input);
            let mut canvases = Vec::new();
            for entry in &entries {
                for (_, node) in self.graph.upstream(entry, enters, follows) {
                    canvases.extend(self.references_of(node));
                }
            }
            if let Some(own) = stage.references.get_mut(side) {
                *own = canvases;
            }
        }
    }

    /// The reference pictures that one node adds to its conditioning.
    fn references_of(&mut self, node: &Node) -> Vec<Canvas> {
        let class = node.class_type().as_str();
        let linked = |name: &str| node.input(name).is_some_and(|input| input.as_link().is_some());
        if class == "ReferenceLatent" && linked("latent") {
            let written = self.graph.canvas(node, |name| name == "latent");
            return vec![written.unwrap_or_else(|| self.unwritten())];
        }
        let is_edit = linked("vae") && class.starts_with("TextEncode");
        let images = node.inputs().filter(|(name, input)| {
            name.starts_with("image") && !name.contains("size") && input.as_link().is_some()
        });
        let images = images.filter(|_| is_edit).count();
        (0..images).map(|_| self.unwritten()).collect()
    }

    fn unwritten(&mut self) -> Canvas {
        self.notes.assume(format!(
            "a reference picture of unknown size counts as {REFERENCE_SIDE}x{REFERENCE_SIDE}, to \
             which the nodes for editing bring it"
        ));
        Canvas::pixels(REFERENCE_SIDE, REFERENCE_SIDE).assumed()
    }

    fn text_encoding(&mut self, family: Option<&'r Family>) -> Vec<PlannedStage<'r>> {
        let taken = self.encoders_taken();
        let mut stages = Vec::new();
        for (id, _) in self.graph.nodes() {
            if stages.len() >= STAGES_MAX {
                break;
            }
            let mut stage = PlannedStage::new(StageKind::TextEncoding, Some(id));
            stage.family = family;
            let encoders = self.graph.files(id, ModelKind::TextEncoder);
            for file in &encoders {
                stage.models.push(self.model(file, Part::TextEncoder, family));
            }
            if encoders.is_empty() && taken.contains(id) {
                let checkpoints = self.graph.files(id, ModelKind::Checkpoint);
                for file in checkpoints.into_iter().take(1) {
                    let family = self.found(file.name).map(|found| found.family).or(family);
                    stage.models.push(self.model(&file, Part::TextEncoder, family));
                }
            }
            if !stage.models.is_empty() {
                stages.push(stage);
            }
        }
        stages
    }

    /// The nodes whose second output somebody takes: of a checkpoint loader that is the encoder.
    fn encoders_taken(&self) -> HashSet<&'w NodeId> {
        let inputs = self.graph.nodes().flat_map(|(_, node)| node.inputs());
        let links = inputs.filter_map(|(_, input)| input.as_link());
        links.filter(|(_, slot)| *slot == CHECKPOINT_ENCODER).map(|(from, _)| from).collect()
    }

    fn vae(&mut self, kind: StageKind, sampling: &[PlannedStage<'r>]) -> Vec<PlannedStage<'r>> {
        let class = if kind == StageKind::VaeDecode { "VAEDecode" } else { "VAEEncode" };
        let nodes: Vec<_> = self
            .graph
            .nodes()
            .filter(|(_, node)| {
                node.class_type().as_str().contains(class) && node.input("vae").is_some()
            })
            .take(STAGES_MAX)
            .collect();
        nodes.into_iter().map(|(id, node)| self.one_vae(kind, id, node, sampling)).collect()
    }

    fn one_vae(
        &mut self,
        kind: StageKind,
        id: &NodeId,
        node: &'w Node,
        sampling: &[PlannedStage<'r>],
    ) -> PlannedStage<'r> {
        let mut stage = PlannedStage::new(kind, Some(id));
        let upstream = self.graph.upstream(node, shapes, |_| true);
        let by_id = |id: &NodeId| sampling.iter().find(|stage| stage.node.as_ref() == Some(id));
        let sampled = upstream.iter().find_map(|(id, _)| by_id(id));
        let nearest = sampled.or(sampling.first());
        stage.family = nearest.and_then(|stage| stage.family);
        let kinds = [ModelKind::Vae, ModelKind::Checkpoint];
        let vae = |name: &str| name == "vae";
        let follows = |name: &str| name.contains("vae") || is_choice(name);
        match self.graph.loader(node, vae, follows, &kinds) {
            Some((_, file)) => {
                let family = stage.family;
                let own = self.found(file.name).map(|found| found.family);
                stage.family = family.or(own);
                stage.models.push(self.model(&file, Part::Vae, own.or(family)));
            }
            None => self.notes.miss(format!("which VAE node {id} uses")),
        }
        stage.canvas = if kind == StageKind::VaeDecode {
            let written = self.graph.canvas(node, |name| name == "samples");
            let frames = nearest.and_then(|stage| stage.canvas.as_ref());
            written
                .map(|canvas| {
                    let known = frames.and_then(|sampled| sampled.frames);
                    Canvas { frames: canvas.frames.or(known), ..canvas }
                })
                .or_else(|| frames.cloned())
        } else {
            Some(self.graph.canvas(node, |name| name == "pixels").unwrap_or_else(|| {
                self.notes.assume(format!(
                    "the picture that node {id} encodes counts as \
                     {REFERENCE_SIDE}x{REFERENCE_SIDE}: its size is written nowhere"
                ));
                Canvas::pixels(REFERENCE_SIDE, REFERENCE_SIDE).assumed()
            }))
        };
        stage.tile = self.tile(node);
        stage
    }

    /// The tiles of a node that decodes in tiles.
    fn tile(&self, node: &'w Node) -> Option<PixelTile> {
        let side = self.graph.count(node, &["tile_size"])?;
        Some(PixelTile { side, frames: self.graph.count(node, &["temporal_size"]) })
    }

    fn model(&self, file: &Named<'_>, part: Part, family: Option<&'r Family>) -> ModelUse<'r> {
        let name = file_name(file.name);
        let in_data = family.and_then(|family| family.file(name));
        let others = self.registry.users(name).filter_map(|other| other.file(name));
        let mut sizes =
            in_data.into_iter().chain(others).filter_map(|file| file.gigabytes.as_ref());
        ModelUse {
            folder: in_data.map_or(file.folder(), |file| file.folder.as_str()).to_owned(),
            file: file.name.to_owned(),
            part,
            family,
            gigabytes: sizes.next().map(|gigabytes| gigabytes.value),
            requested: None,
        }
    }

    fn found(&self, file: &str) -> Option<Found<'r>> {
        match self.registry.known(file_name(file))? {
            Resolution::Found(found) => Some(found),
            Resolution::Shared { .. } | Resolution::Unknown { .. } => None,
        }
    }
}

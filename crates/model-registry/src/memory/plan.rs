//! What will be done, before anybody computes what it takes. It comes from a workflow or from a
//! variant, and suggestions are changes to it.

use workflow_graph::NodeId;

use super::{
    arithmetic::{LatentShape, References},
    bytes::{real, whole},
    estimate::StageKind,
    tensors::{Dtype, Part},
};
use crate::{
    family::{Family, Geometry},
    names::VaeKind,
    variant::{FramesRule, SizeRule},
};

/// Stages in the order they are done, and what was noted while they were found.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan<'r> {
    pub(super) stages: Vec<PlannedStage<'r>>,
    pub(super) notes: Notes,
}

/// What was taken to be so, and what is not known. Each is said once.
#[derive(Clone, Debug, Default)]
pub(super) struct Notes {
    pub(super) assumptions: Vec<String>,
    pub(super) unknown: Vec<String>,
}

impl Notes {
    pub(super) fn assume(&mut self, what: impl Into<String>) {
        note(&mut self.assumptions, what.into());
    }

    pub(super) fn miss(&mut self, what: impl Into<String>) {
        note(&mut self.unknown, what.into());
    }
}

fn note(notes: &mut Vec<String>, what: String) {
    if !notes.contains(&what) {
        notes.push(what);
    }
}

#[derive(Clone, Debug)]
pub(super) struct PlannedStage<'r> {
    pub(super) kind: StageKind,
    pub(super) node: Option<NodeId>,
    pub(super) models: Vec<ModelUse<'r>>,
    /// The family whose latents these are.
    pub(super) family: Option<&'r Family>,
    /// The memory usage factor, where the family has one.
    pub(super) factor: Option<f64>,
    pub(super) canvas: Option<Canvas>,
    /// The canvases of reference pictures, of the positive and the negative prompt.
    pub(super) references: [Vec<Canvas>; 2],
    /// Whether the latent is one row of picture and sound.
    pub(super) packed: bool,
    /// In pixels and frames, where the node decodes in tiles.
    pub(super) tile: Option<PixelTile>,
}

impl<'r> PlannedStage<'r> {
    pub(super) fn new(kind: StageKind, node: Option<&NodeId>) -> Self {
        Self {
            kind,
            node: node.cloned(),
            models: Vec::new(),
            family: None,
            factor: None,
            canvas: None,
            references: [Vec::new(), Vec::new()],
            packed: false,
            tile: None,
        }
    }

    pub(super) fn geometry(&self) -> Option<&'r Geometry> {
        self.family.and_then(|family| family.geometry.as_ref())
    }

    pub(super) fn vae(&self) -> Option<VaeKind> {
        let memory = self.family.and_then(|family| family.memory.as_ref());
        memory.and_then(|memory| memory.vae.as_ref()).map(|vae| vae.value)
    }

    pub(super) fn latent(&self) -> Option<LatentShape> {
        self.canvas.as_ref().zip(self.geometry()).and_then(|(canvas, shape)| canvas.latent(shape))
    }

    /// The places of reference pictures, where the model counts them.
    pub(super) fn reference_places(&self) -> References {
        let memory = self.family.and_then(|family| family.memory.as_ref());
        let counts = memory.and_then(|memory| memory.references.as_ref());
        let Some(geometry) = self.geometry().filter(|_| counts.is_some_and(|counts| counts.value))
        else {
            return References::default();
        };
        let places = |canvases: &Vec<Canvas>| {
            let latents = canvases.iter().filter_map(|canvas| canvas.latent(geometry));
            latents.map(|latent| latent.area()).sum::<u64>()
        };
        let [positive, negative] = self.references.each_ref().map(places);
        References { largest: positive.max(negative), together: positive + negative }
    }
}

/// A model that a stage needs.
#[derive(Clone, Debug)]
pub(super) struct ModelUse<'r> {
    pub(super) folder: String,
    pub(super) file: String,
    pub(super) part: Part,
    pub(super) family: Option<&'r Family>,
    /// What the data says of the size of the file, be it in another family.
    pub(super) gigabytes: Option<f64>,
    /// The type that the loader was told to convert to.
    pub(super) requested: Option<Dtype>,
}

/// A tile of a decoding node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PixelTile {
    pub(super) side: u64,
    pub(super) frames: Option<u64>,
}

/// What is made, in pixels, frames and seconds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Canvas {
    pub(super) width: u64,
    pub(super) height: u64,
    pub(super) batch: u64,
    pub(super) frames: Option<u64>,
    /// Pictures in one latent besides the first.
    pub(super) layers: Option<u64>,
    pub(super) seconds: Option<f64>,
    /// Tokens or cells, of models that make 3D.
    pub(super) tokens: Option<u64>,
    /// Whether nothing in the workflow says this: it is what was taken to be so.
    pub(super) is_assumed: bool,
}

/// Sound is sampled so often at most, by the models whose latents are known.
const SAMPLES_PER_SECOND: f64 = 48_000.0;

impl Canvas {
    pub(super) fn pixels(width: u64, height: u64) -> Self {
        Self {
            width,
            height,
            batch: 1,
            frames: None,
            layers: None,
            seconds: None,
            tokens: None,
            is_assumed: false,
        }
    }

    /// The same, where nothing in the workflow says it.
    pub(super) fn assumed(self) -> Self {
        Self { is_assumed: true, ..self }
    }

    /// The latent of it. `None` where the data does not know how it comes about.
    pub(super) fn latent(&self, geometry: &Geometry) -> Option<LatentShape> {
        let channels = u64::from(geometry.channels);
        let Some(spatial) = geometry.spatial else {
            return self.row(geometry).map(|row| LatentShape::new(self.batch, channels, [row]));
        };
        let sides = [self.height, self.width].map(|side| (side / u64::from(spatial)).max(1));
        let [height, width] = sides;
        Some(match geometry.temporal {
            Some(temporal) => {
                let frames = self.frames.unwrap_or(1).max(1);
                let frames = (frames - 1) / u64::from(temporal) + 1 + self.layers.unwrap_or(0);
                LatentShape::new(self.batch, channels, [frames, height, width])
            }
            // Without time in the latent, frames are a batch.
            None => {
                let batch = self.batch.saturating_mul(self.frames.unwrap_or(1));
                LatentShape::new(batch, channels, [height, width])
            }
        })
    }

    fn row(&self, geometry: &Geometry) -> Option<u64> {
        let samples = |seconds: f64, each: u32| {
            whole((seconds * SAMPLES_PER_SECOND / f64::from(each)).ceil())
        };
        let of_sound = self.seconds.zip(geometry.temporal);
        self.tokens.or(of_sound.map(|(seconds, each)| samples(seconds, each)))
    }

    /// The sides by a factor, as far as a rule allows, and no larger than before.
    pub(super) fn scaled(&self, factor: f64, rule: &SizeRule) -> Self {
        let side = |side: u64| rule.nearest(whole((real(side) * factor).floor())).min(side);
        Self { width: side(self.width), height: side(self.height), ..self.clone() }
    }

    /// The next smaller number of frames that a rule allows.
    pub(super) fn shorter(&self, rule: &FramesRule) -> Option<Self> {
        let frames = self.frames?;
        let fewer = rule.nearest(frames.checked_sub(u64::from(rule.step.value))?);
        (fewer < frames).then(|| Self { frames: Some(fewer), ..self.clone() })
    }
}

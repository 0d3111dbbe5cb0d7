//! The plan of a variant, as its official template runs it.

use super::{
    Asked,
    bytes::whole,
    estimate::StageKind,
    plan::{Canvas, ModelUse, Notes, Plan, PlannedStage},
    tensors::{Dtype, Part},
};
use crate::{
    family::Family,
    names::Runs,
    read::NO_VAE,
    variant::{Extent, Latent, Load, Variant},
};

/// The pixels that one megapixel is, as ComfyUI's nodes count.
pub(super) const MEGAPIXEL: f64 = 1_048_576.0;

/// The stages of a variant: its encoders, its sampling, its VAE. Two samplers with two models are
/// two stages, however often they run.
pub(super) fn plan<'r>(family: &'r Family, variant: &'r Variant, asked: &Asked) -> Plan<'r> {
    let mut plan = Plan::default();
    if family.runs == Runs::Api {
        plan.notes.miss(format!("{} runs at a service: it needs no memory here", family.title));
        return plan;
    }
    let canvas = canvas(family, variant, asked, &mut plan.notes);
    let stage = |kind| PlannedStage { family: Some(family), ..PlannedStage::new(kind, None) };
    for load in variant.loads.iter().filter(|load| loads(load, Loader::Encoder)) {
        let models = uses(family, load, Part::TextEncoder).collect();
        plan.stages.push(PlannedStage { models, ..stage(StageKind::TextEncoding) });
    }
    let checkpoints = || variant.loads.iter().filter(|load| loads(load, Loader::Checkpoint));
    if plan.stages.is_empty() {
        for load in checkpoints() {
            let models = uses(family, load, Part::TextEncoder).collect();
            plan.stages.push(PlannedStage { models, ..stage(StageKind::TextEncoding) });
        }
    }
    let diffusion = variant.loads.iter().filter(|load| loads(load, Loader::Diffusion));
    let factor = factor(family, Some(variant));
    let packed = is_packed(family, &mut plan.notes);
    for load in checkpoints().chain(diffusion) {
        for model in uses(family, load, Part::Diffusion) {
            let (models, canvas) = (vec![model], canvas.clone());
            let stage = stage(StageKind::Sampling);
            plan.stages.push(PlannedStage { models, factor, canvas, packed, ..stage });
        }
    }
    let vae = variant.loads.iter().find(|load| loads(load, Loader::Vae));
    let vae: Vec<ModelUse<'_>> = match vae {
        Some(load) => uses(family, load, Part::Vae).collect(),
        None => checkpoints().flat_map(|load| uses(family, load, Part::Vae)).take(1).collect(),
    };
    plan.stages.push(PlannedStage { models: vae, canvas, ..stage(StageKind::VaeDecode) });
    plan
}

/// The memory usage factor of a family, or of a variant where they differ in it.
pub(super) fn factor(family: &Family, variant: Option<&Variant>) -> Option<f64> {
    let own = variant.and_then(|variant| variant.memory_factor.as_ref());
    let common = family.memory.as_ref().and_then(|memory| memory.factor.as_ref());
    own.or(common).map(|factor| factor.value)
}

/// Whether a family samples picture and sound in one row.
pub(super) fn is_packed(family: &Family, notes: &mut Notes) -> bool {
    let memory = family.memory.as_ref();
    let packed =
        memory.and_then(|memory| memory.packed.as_ref()).is_some_and(|packed| packed.value);
    if packed {
        notes.assume("the sound that is sampled with the video is not counted: it is small");
    }
    packed
}

/// What nodes load, told apart by what ComfyUI calls their classes.
#[derive(Clone, Copy, Debug)]
enum Loader {
    Encoder,
    Checkpoint,
    Diffusion,
    Vae,
}

fn loads(load: &Load, loader: Loader) -> bool {
    let has = |part: &str| load.node.contains(part);
    match loader {
        Loader::Encoder => has("CLIPLoader") || has("TextEncoderLoader"),
        Loader::Checkpoint => has("Checkpoint"),
        Loader::Diffusion => has("UNET") || has("Diffusion"),
        Loader::Vae => load.node == "VAELoader",
    }
}

fn uses<'r>(family: &'r Family, load: &'r Load, part: Part) -> impl Iterator<Item = ModelUse<'r>> {
    let files = load.files.iter().filter(|file| *file != NO_VAE);
    files.filter_map(move |name| {
        let file = family.file(name)?;
        let requested = load.dtype.as_deref().and_then(requested);
        let (folder, file_name) = (file.folder.clone(), name.clone());
        let gigabytes = file.gigabytes.as_ref().map(|gigabytes| gigabytes.value);
        let family = Some(family);
        Some(ModelUse { folder, file: file_name, part, family, gigabytes, requested })
    })
}

/// The type that a loader's `weight_dtype` asks for.
pub(super) fn requested(word: &str) -> Option<Dtype> {
    word.starts_with("fp8").then_some(Dtype::F8)
}

/// What a variant makes by itself, but for what was asked for.
pub(super) fn canvas(
    family: &Family,
    variant: &Variant,
    asked: &Asked,
    notes: &mut Notes,
) -> Option<Canvas> {
    let latent = variant.latent.as_ref()?;
    let has_pixels = family.geometry.as_ref().is_some_and(|geometry| geometry.spatial.is_some());
    let (width, height) = match &latent.extent {
        Some(Extent::Pixels { width, height }) => (u64::from(*width), u64::from(*height)),
        Some(Extent::Megapixels { megapixels, .. }) => square(*megapixels),
        Some(Extent::Input) | None => {
            if has_pixels && (asked.width.is_none() || asked.height.is_none()) {
                notes.assume(format!(
                    "what {} makes is as large as what it reads: computed for 1024x1024",
                    family.title
                ));
            }
            (1024, 1024)
        }
    };
    if latent.frames_of_input && asked.frames.is_none() {
        notes.miss(format!("how many frames {} makes: as many as it reads", family.title));
        return None;
    }
    let rest = rest(latent);
    // What has no frames, or no pixels, has none however many are asked for.
    let has_frames = rest.frames.is_some() || latent.frames_of_input;
    Some(Canvas {
        width: asked.width.filter(|_| has_pixels).map_or(width, u64::from),
        height: asked.height.filter(|_| has_pixels).map_or(height, u64::from),
        frames: asked.frames.filter(|_| has_frames).map(u64::from).or(rest.frames),
        batch: asked.batch.map_or(rest.batch, u64::from),
        ..rest
    })
}

fn rest(latent: &Latent) -> Canvas {
    let figure = |figure: &Option<crate::Setting<u32>>| {
        figure.as_ref().map(|figure| u64::from(figure.value))
    };
    Canvas {
        frames: figure(&latent.frames),
        layers: figure(&latent.layers),
        seconds: latent.seconds.as_ref().map(|seconds| seconds.value),
        tokens: figure(&latent.resolution),
        ..Canvas::pixels(0, 0)
    }
}

/// The sides of a square of so many megapixels: its form makes no difference to the memory.
pub(super) fn square(megapixels: f64) -> (u64, u64) {
    let side = whole((megapixels * MEGAPIXEL).max(0.0).sqrt().round()).max(1);
    (side, side)
}

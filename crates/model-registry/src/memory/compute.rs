//! From what will be done to what it takes.

use super::{
    admission::{Admission, Request, Verdict},
    arithmetic::{self, Activations, Tile},
    bytes::told,
    device::{Backend, Device},
    estimate::{Basis, Estimate, ModelMemory, StageKind, StageMemory},
    files::WeightFiles,
    plan::{Notes, Plan, PlannedStage},
    weights::Scales,
};

/// The sides of the tiles, in places, that a picture is decoded in after it has run out of memory.
const TILE_PLACES: u64 = 64;
/// The same of a video, in pixels, and the frames it is cut to at last.
const VIDEO_TILE_PIXELS: u64 = 256;
const VIDEO_TILE_FRAMES: u64 = 2;
/// The sides of the tiles, in pixels, that a picture is encoded in then.
const ENCODE_TILE_PIXELS: u64 = 512;

/// Computes every stage. There are no suggestions yet.
pub(super) fn compute(plan: &Plan<'_>, device: &Device, files: &WeightFiles) -> Estimate {
    let mut notes = plan.notes.clone();
    let stages = plan.stages.iter().map(|stage| one(stage, device, files, &mut notes)).collect();
    if !plan.stages.is_empty() {
        assume_of(device, &mut notes);
    }
    let (assumptions, unknown) = (notes.assumptions, notes.unknown);
    Estimate { stages, suggestions: Vec::new(), assumptions, unknown }
}

fn one(
    stage: &PlannedStage<'_>,
    device: &Device,
    files: &WeightFiles,
    notes: &mut Notes,
) -> StageMemory {
    let scales = Scales { device, files, vae: stage.vae() };
    let models: Vec<ModelMemory> =
        stage.models.iter().map(|model| scales.weigh(model, notes)).collect();
    let weights = models.iter().map(|model| model.bytes).sum::<Option<u64>>();
    let weights = weights.filter(|_| !models.is_empty() || stage.kind != StageKind::Sampling);
    let activations = activations(stage, device, notes);
    let on_processor = stage.kind == StageKind::TextEncoding && device.encodes_on_processor();
    let admission = weights.zip(activations).map(|(weights, activations)| {
        let weights = if on_processor { 0 } else { weights };
        let yields = tiled(stage, device);
        Request { weights, activations, yields }.admit(device)
    });
    let fails_anyway = activations.is_some_and(|activations| {
        tiled(stage, device).unwrap_or(activations.minimum) > device.free()
    });
    let verdict = match &admission {
        Some(admission) => admission.verdict,
        None if fails_anyway => Verdict::Fails,
        None => Verdict::Unknown,
    };
    let mut reason = if on_processor {
        "it runs on the processor: the server was started to do so".to_owned()
    } else {
        reason(verdict, admission.as_ref(), activations, device)
    };
    if models.iter().any(|model| model.basis == Basis::DownloadTotal) {
        reason.push_str("; the weights are at most this large, and may fit better");
    }
    StageMemory {
        kind: stage.kind,
        node: stage.node.clone(),
        models,
        latent: stage.latent().map(|latent| if stage.packed { latent.packed() } else { latent }),
        weights,
        activations,
        reserve: device.reserve(),
        total: admission.map(|admission| admission.needs.fully),
        offloaded: admission.map_or(0, |admission| admission.offloaded),
        needs: admission.map(|admission| admission.needs),
        verdict,
        reason,
    }
}

fn reason(
    verdict: Verdict,
    admission: Option<&Admission>,
    activations: Option<Activations>,
    device: &Device,
) -> String {
    let free = told(device.free());
    let least = activations.map_or(0, |activations| activations.minimum);
    match (verdict, admission) {
        (Verdict::Fits, Some(admission)) => {
            format!("{} must be free, and {free} are", told(admission.needs.fully))
        }
        (Verdict::Partly, Some(_)) if least > device.free() => format!(
            "computing takes {}, and {free} are free: ComfyUI goes on in tiles, slower",
            told(least)
        ),
        (Verdict::Partly, Some(admission)) => format!(
            "{free} are free of {} for all weights: {} of them are streamed from main memory",
            told(admission.needs.fully),
            told(admission.offloaded)
        ),
        (Verdict::Fails, admission) => {
            let least = admission.map_or(least, |admission| admission.needs.at_all);
            format!("{} must be free at least, and {free} are", told(least))
        }
        (Verdict::Fits | Verdict::Partly | Verdict::Unknown, _) => {
            "too little is known of it".to_owned()
        }
    }
}

/// What intermediate results take. `None` where it is not known, which is noted.
fn activations(
    stage: &PlannedStage<'_>,
    device: &Device,
    notes: &mut Notes,
) -> Option<Activations> {
    let by_kind = match stage.kind {
        StageKind::TextEncoding => {
            notes.assume("what a text encoder computes is within the 0.8 GiB that ComfyUI keeps");
            return Some(Activations::same(0));
        }
        StageKind::Sampling => of_sampling(stage, device),
        StageKind::VaeDecode => decoding(stage, device).map(Activations::same),
        StageKind::VaeEncode => encoding(stage, device).map(Activations::same),
    };
    if by_kind.is_none() {
        let place = stage.node.as_ref().map(|node| format!(" of node {node}")).unwrap_or_default();
        let what = stage.kind.as_str().replace('_', " ");
        let family = stage.family.map_or("an unknown family", |family| family.title.as_str());
        notes.miss(format!("what the {what}{place} computes: {}", lacks(stage, family)));
    }
    by_kind
}

/// What the data lacks for a stage.
fn lacks(stage: &PlannedStage<'_>, family: &str) -> String {
    if stage.family.is_none() {
        "the model is of no family that is known".to_owned()
    } else if stage.kind == StageKind::Sampling && stage.factor.is_none() {
        format!("there is no memory usage factor of {family}")
    } else if stage.latent().is_none() {
        format!("how large the latent of {family} is")
    } else {
        format!("there is no arithmetic of the VAE of {family}")
    }
}

fn of_sampling(stage: &PlannedStage<'_>, device: &Device) -> Option<Activations> {
    let latent = stage.latent()?;
    let latent = if stage.packed { latent.packed() } else { latent };
    Some(Activations::of_sampling(&latent, stage.reference_places(), stage.factor?, device))
}

fn decoding(stage: &PlannedStage<'_>, device: &Device) -> Option<u64> {
    let (latent, vae) = (stage.latent()?, stage.vae()?);
    let Some(tile) = stage.tile else { return Some(arithmetic::decode(vae, &latent, device)) };
    let geometry = stage.geometry()?;
    let spatial = u64::from(geometry.spatial?);
    let places = |frames: u64| match geometry.temporal {
        Some(temporal) => (frames / u64::from(temporal)).max(2),
        None => frames,
    };
    let tile = Tile { side: (tile.side / spatial).max(1), frames: tile.frames.map(places) };
    Some(arithmetic::decode(vae, &latent.cut(tile), device))
}

fn encoding(stage: &PlannedStage<'_>, device: &Device) -> Option<u64> {
    let (canvas, vae) = (stage.canvas.as_ref()?, stage.vae()?);
    let pixels = [canvas.frames.unwrap_or(1), canvas.height, canvas.width];
    arithmetic::encode(vae, pixels, device)
}

/// What the smallest tiles take that ComfyUI goes on with after a VAE has run out of memory.
fn tiled(stage: &PlannedStage<'_>, device: &Device) -> Option<u64> {
    let geometry = stage.geometry()?;
    let spatial = u64::from(geometry.spatial?);
    match stage.kind {
        StageKind::VaeDecode => {
            let tile = match geometry.temporal {
                None => Tile { side: TILE_PLACES, frames: None },
                Some(_) => {
                    let side = (VIDEO_TILE_PIXELS / spatial).max(1);
                    Tile { side, frames: Some(VIDEO_TILE_FRAMES) }
                }
            };
            Some(arithmetic::decode(stage.vae()?, &stage.latent()?.cut(tile), device))
        }
        StageKind::VaeEncode => {
            let canvas = stage.canvas.as_ref()?;
            let tile =
                if geometry.temporal.is_some() { VIDEO_TILE_PIXELS } else { ENCODE_TILE_PIXELS };
            let frames = canvas.frames.unwrap_or(1);
            let pixels = [frames, canvas.height.min(tile), canvas.width.min(tile)];
            arithmetic::encode(stage.vae()?, pixels, device)
        }
        StageKind::TextEncoding | StageKind::Sampling => None,
    }
}

/// What every estimate for a device takes to be so.
fn assume_of(device: &Device, notes: &mut Notes) {
    notes.assume("the stages are done one after the other, and what ComfyUI has loaded makes room");
    notes.assume("there is main memory for the weights that do not fit");
    for option in device.not_followed() {
        notes.assume(format!("the server's option `{option}` changes nothing: it is not counted"));
    }
    match device.backend() {
        Backend::Nvidia { capability: None } => notes.assume(format!(
            "`{}` computes with 16 bits and not with 8: no card of this name is known",
            device.name()
        )),
        Backend::Nvidia { capability: Some((7, _)) } => notes.assume(
            "the model computes with fp16; one that knows only bf16 takes twice as much on this card",
        ),
        Backend::Amd => notes.assume(
            "which attention the card has follows from its name, and it computes with 16 bits",
        ),
        Backend::Other => notes.assume("the card is treated as one by NVIDIA without 8 bits"),
        Backend::Nvidia { .. } | Backend::Apple | Backend::Cpu => {}
    }
    if !matches!(device.backend(), Backend::Cpu | Backend::Apple) {
        notes.assume(
            "weights are counted as ComfyUI admits them; where it pages them on demand (dynamic \
             VRAM), more may be streamed than is told here, and less",
        );
    }
}

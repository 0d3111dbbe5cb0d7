//! What would make a plan fit: every change is tried, and what helps is told.

use std::collections::BTreeSet;

use super::{
    admission::Verdict,
    bytes::{real, told},
    compute::compute,
    device::Device,
    estimate::{Change, Estimate, StageKind, Suggestion},
    files::WeightFiles,
    plan::{Canvas, PixelTile, Plan},
    tensors::{Dtype, Part},
};
use crate::{
    advice::common,
    family::Family,
    variant::{FramesRule, SizeRule},
};

/// The tile that the node `VAEDecodeTiled` has by itself, in pixels and frames.
const TILE: PixelTile = PixelTile { side: 512, frames: Some(64) };
/// The type of weights that the node `UNETLoader` converts to.
const FP8: &str = "fp8_e4m3fn";
/// Sizes are tried in so many steps down to a part of the sides that is still a picture.
const SIZE_STEPS: u32 = 28;
const SIZE_STEP: f64 = 0.025;
/// How much of what was streamed may still be, for a change to be worth telling.
const STREAMED_SHARE: f64 = 0.9;
/// How many numbers of frames are tried; above it they are skipped evenly.
const FRAMES_TRIED: usize = 64;

/// What a plan is tried on.
struct Trial<'a, 'r> {
    plan: &'a Plan<'r>,
    device: &'a Device,
    files: &'a WeightFiles,
    before: &'a Estimate,
}

/// The changes that make a plan fit, or at least better: those that keep the picture first.
pub(super) fn suggest(
    plan: &Plan<'_>,
    device: &Device,
    files: &WeightFiles,
    before: &Estimate,
) -> Vec<Suggestion> {
    if !matches!(before.verdict(), Verdict::Partly | Verdict::Fails) {
        return Vec::new();
    }
    let trial = Trial { plan, device, files, before };
    let mut found: Vec<Suggestion> = Vec::new();
    found.extend(trial.tiled());
    found.extend(trial.encoders());
    found.extend(trial.fp8());
    found.extend(trial.one_at_once());
    found.extend(trial.frames());
    found.extend(trial.size());
    found
}

impl<'r> Trial<'_, 'r> {
    /// What a change comes to, where it helps: a better verdict for the whole, or for a stage
    /// where the whole stays what it is, or less to stream.
    fn of(&self, change: Change, told: &str, changed: &Plan<'r>) -> Option<Suggestion> {
        let after = compute(changed, self.device, self.files);
        let (verdict, offloaded) = (after.verdict(), after.offloaded());
        let troubled = |estimate: &Estimate| {
            estimate.stages.iter().filter(|stage| stage.verdict != Verdict::Fits).count()
        };
        // A tenth less to stream is worth a change; less is not.
        let streams_less = real(offloaded) <= STREAMED_SHARE * real(self.before.offloaded());
        let helps = verdict < self.before.verdict()
            || verdict == self.before.verdict()
                && (troubled(&after) < troubled(self.before)
                    || streams_less && self.before.offloaded() > 0);
        let then = match verdict {
            Verdict::Fits => "all of it fits then".to_owned(),
            Verdict::Partly if offloaded > 0 => {
                format!("it runs then, with {} of weights streamed", self::told(offloaded))
            }
            Verdict::Partly => "it runs then, not all of it at full speed".to_owned(),
            Verdict::Unknown | Verdict::Fails => "it does not suffice alone".to_owned(),
        };
        helps.then(|| Suggestion { change, verdict, offloaded, told: format!("{told}: {then}") })
    }

    fn changed(&self, change: impl FnOnce(&mut Plan<'r>)) -> Plan<'r> {
        let mut plan = self.plan.clone();
        change(&mut plan);
        plan
    }

    fn tiled(&self) -> Option<Suggestion> {
        let told = format!("decode in tiles of {} pixels with `VAEDecodeTiled`", TILE.side);
        let plan = self.changed(|plan| {
            let whole = plan.stages.iter_mut().filter(|stage| stage.tile.is_none());
            for stage in whole.filter(|stage| stage.kind == StageKind::VaeDecode) {
                stage.tile = Some(TILE);
            }
        });
        self.of(Change::TiledDecode { pixels: TILE.side }, &told, &plan)
    }

    /// Other encoders that the family names, where the server or the data knows their size.
    fn encoders(&self) -> Vec<Suggestion> {
        let mut found = Vec::new();
        for (at, stage) in self.plan.stages.iter().enumerate() {
            let (StageKind::TextEncoding, [model]) = (stage.kind, stage.models.as_slice()) else {
                continue;
            };
            for other in encoders_alone(stage.family, &model.folder) {
                if other == model.file {
                    continue;
                }
                let stage_family = stage.family;
                let plan = self.changed(|plan| {
                    let stage = plan.stages.get_mut(at);
                    for model in stage.into_iter().flat_map(|stage| &mut stage.models) {
                        other.clone_into(&mut model.file);
                        model.gigabytes = gigabytes(stage_family, other);
                    }
                });
                let told = format!("read the text with `{other}` instead of `{}`", model.file);
                found.extend(self.of(Change::Encoder { file: other.to_owned() }, &told, &plan));
            }
        }
        found
    }

    fn fp8(&self) -> Option<Suggestion> {
        let plan = self.changed(|plan| {
            let sampling = plan.stages.iter_mut().filter(|stage| stage.kind == StageKind::Sampling);
            let models = sampling.flat_map(|stage| &mut stage.models);
            // Only `UNETLoader` converts.
            for model in models.filter(|model| model.folder == "diffusion_models") {
                if model.part == Part::Diffusion && model.requested.is_none() {
                    model.requested = Some(Dtype::F8);
                }
            }
        });
        let told = format!("load the weights with `weight_dtype` {FP8} in `UNETLoader`");
        self.of(Change::WeightType { value: FP8 }, &told, &plan)
    }

    fn one_at_once(&self) -> Option<Suggestion> {
        let batches = self.canvases().map(|canvas| canvas.batch);
        if batches.max()? < 2 {
            return None;
        }
        let plan = self.with_canvases(|canvas| Canvas { batch: 1, ..canvas.clone() });
        self.of(Change::Batch { size: 1 }, "make one at once", &plan)
    }

    /// The longest video that fits better than this one.
    fn frames(&self) -> Option<Suggestion> {
        let family = self.family()?;
        let rule: &FramesRule = common(family, |variant| variant.frames_rule.as_ref())?;
        let longest = self.canvases().max_by_key(|canvas| canvas.frames)?;
        let shorter: Vec<Canvas> =
            std::iter::successors(longest.shorter(rule), |canvas| canvas.shorter(rule))
                .take_while(|canvas| canvas.frames > Some(u64::from(rule.step.value)))
                .collect();
        let step = shorter.len().div_ceil(FRAMES_TRIED).max(1);
        let tried = shorter.iter().step_by(step).filter_map(|shorter| {
            let frames = shorter.frames?;
            let plan = self.with_canvases(|canvas| Canvas {
                frames: canvas.frames.map(|own| own.min(frames)),
                ..canvas.clone()
            });
            self.of(Change::Frames { frames }, &format!("make {frames} frames"), &plan)
        });
        best(tried, self.before.verdict())
    }

    /// The largest picture that fits better than this one.
    fn size(&self) -> Option<Suggestion> {
        let family = self.family()?;
        let rule: &SizeRule = common(family, |variant| variant.size_rule.as_ref())?;
        let first = self.canvases().next()?;
        let tried = (1..=SIZE_STEPS).filter_map(|step| {
            let factor = 1.0 - SIZE_STEP * f64::from(step);
            let Canvas { width, height, .. } = first.scaled(factor, rule);
            if (width, height) == (first.width, first.height) {
                return None;
            }
            // All sizes of a workflow shrink alike: what is enlarged in it stays so.
            let own = real(width) / real(first.width.max(1));
            let plan = self.with_canvases(|canvas| canvas.scaled(own, rule));
            self.of(Change::Size { width, height }, &format!("make it {width}x{height}"), &plan)
        });
        best(tried, self.before.verdict())
    }

    fn family(&self) -> Option<&'r Family> {
        self.sampling().find_map(|stage| stage.family)
    }

    fn sampling(&self) -> impl Iterator<Item = &super::plan::PlannedStage<'r>> {
        self.plan.stages.iter().filter(|stage| stage.kind == StageKind::Sampling)
    }

    fn canvases(&self) -> impl Iterator<Item = &Canvas> {
        self.sampling().filter_map(|stage| stage.canvas.as_ref())
    }

    fn with_canvases(&self, change: impl Fn(&Canvas) -> Canvas) -> Plan<'r> {
        self.changed(|plan| {
            for stage in &mut plan.stages {
                stage.canvas = stage.canvas.as_ref().map(&change);
            }
        })
    }
}

/// The text encoders that variants of a family run with and no other beside it.
fn encoders_alone<'r>(family: Option<&'r Family>, folder: &str) -> BTreeSet<&'r str> {
    let Some(family) = family else { return BTreeSet::new() };
    let loads = family.variants.iter().flat_map(|variant| &variant.loads);
    let alone = loads.filter_map(|load| match load.files.as_slice() {
        [only] => Some(only.as_str()),
        _ => None,
    });
    alone.filter(|name| family.file(name).is_some_and(|file| file.folder == folder)).collect()
}

fn gigabytes(family: Option<&Family>, file: &str) -> Option<f64> {
    let file = family.and_then(|family| family.file(file))?;
    file.gigabytes.as_ref().map(|gigabytes| gigabytes.value)
}

/// The first of the best: the first that fits, or else the first whose verdict is better. Nobody
/// makes a smaller picture to stream a little less.
fn best(tried: impl Iterator<Item = Suggestion>, before: Verdict) -> Option<Suggestion> {
    let mut best: Option<Suggestion> = None;
    for next in tried.filter(|next| next.verdict < before) {
        if next.verdict == Verdict::Fits {
            return Some(next);
        }
        if best.as_ref().is_none_or(|best| next.verdict < best.verdict) {
            best = Some(next);
        }
    }
    best
}

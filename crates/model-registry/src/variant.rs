//! A variant of a family: one way to run it, with its settings.

use crate::{
    family::Family,
    figure::{Day, Setting, Source},
    names::{Age, Negative, Recommendation, Task},
};

/// One way to run a family, as one official template does it.
///
/// ```
/// use model_registry::{Registry, Task};
/// # let texts = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/texts.rs"));
/// let registry = Registry::load(texts)?;
/// let variant = registry.family("fox-1").unwrap().variant("t2i").unwrap();
/// assert_eq!(variant.tasks, [Task::TextToImage]);
/// assert_eq!(variant.encoder_types().collect::<Vec<_>>(), ["fox"]);
/// # Ok::<(), model_registry::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Variant {
    /// Its name within the family.
    pub name: String,
    /// What it does.
    pub tasks: Vec<Task>,
    /// The official template that runs it.
    pub template: String,
    /// Where its figures come from, unless they say otherwise.
    pub source: Source,
    /// The day of the template.
    pub published: Option<Day>,
    /// The oldest ComfyUI that runs the template.
    pub minimum_version: Option<String>,
    /// What all its files are to download, by the official index: a hint, some are off.
    pub download_bytes: Option<u64>,
    /// What the official index thinks of the template.
    pub rank: Rank,
    /// The nodes that load its files.
    pub loads: Vec<Load>,
    /// LoRA files that are on.
    pub loras: Vec<LoraUse>,
    /// Files of parts that are off.
    pub optional: Vec<String>,
    /// The nodes that read the prompt.
    pub encode: Vec<String>,
    /// What stands behind the negative prompt.
    pub negative: Option<Setting<Negative>>,
    /// The shift of the noise schedule.
    pub shift: Option<Shift>,
    /// Guidance that is part of the conditioning.
    pub guidance: Option<Setting<f64>>,
    /// Frames a second.
    pub fps: Option<Setting<f64>>,
    /// Further nodes that change the model.
    pub patches: Vec<String>,
    /// Switches of the template and how they stand.
    pub switches: Vec<Switch>,
    /// Where the latent comes from, and its size.
    pub latent: Option<Latent>,
    /// Which sizes are possible.
    pub size_rule: Option<SizeRule>,
    /// Which numbers of frames are possible.
    pub frames_rule: Option<FramesRule>,
    /// The memory usage factor, where variants differ in it.
    pub memory_factor: Option<Setting<f64>>,
    /// The sampling, in the order it runs.
    pub stages: Vec<Stage>,
    /// Between which numbers of steps its makers advise to stay.
    pub steps_range: Option<Range>,
    /// Between which scales of guidance its makers advise to stay.
    pub cfg_range: Option<Range>,
    /// The steps that its makers use, where the template uses others.
    pub maker_steps: Option<Setting<u32>>,
    /// The scale of guidance that its makers use, where the template uses another.
    pub maker_cfg: Option<Setting<f64>>,
    /// The shift that its makers use, where the template uses another.
    pub maker_shift: Option<Setting<f64>>,
    /// The nodes that call the service, where it runs at one.
    pub nodes: Vec<String>,
}

impl Variant {
    /// The name by which [`crate::Registry::resolve`] finds it: `family/variant`.
    pub fn name_in(&self, family: &Family) -> String {
        format!("{}/{}", family.name, self.name)
    }

    /// The files it cannot run without.
    pub fn needs(&self) -> impl Iterator<Item = &str> {
        let loaded = self.loads.iter().flat_map(|load| &load.files);
        loaded.chain(self.loras.iter().map(|lora| &lora.file)).map(String::as_str)
    }

    /// All its files, those of parts that are off last.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.needs().chain(self.optional.iter().map(String::as_str))
    }

    /// The encoder types that its text encoders are loaded with.
    pub fn encoder_types(&self) -> impl Iterator<Item = &str> {
        self.loads.iter().filter_map(|load| load.encoder_type.as_deref())
    }

    /// Whether all its sampling runs at a cfg of 1, where a negative prompt has no effect.
    pub fn runs_without_cfg(&self) -> bool {
        let is_one = |stage: &Stage| {
            stage.cfg.as_ref().is_some_and(|cfg| (cfg.value - 1.0).abs() < f64::EPSILON)
        };
        !self.stages.is_empty() && self.stages.iter().all(is_one)
    }
}

/// What the official index thinks of a template.
///
/// ```
/// use model_registry::Registry;
/// # let texts = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/texts.rs"));
/// let registry = Registry::load(texts)?;
/// assert_eq!(registry.family("fox-1").unwrap().variants[0].rank.usage, Some(7));
/// # Ok::<(), model_registry::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rank {
    /// How strongly it recommends it.
    pub recommend: Option<Recommendation>,
    /// How young it calls it.
    pub freshness: Option<Age>,
    /// How often it was used.
    pub usage: Option<u64>,
}

/// A node that loads files.
///
/// ```
/// use model_registry::Registry;
/// # let texts = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/texts.rs"));
/// let registry = Registry::load(texts)?;
/// assert_eq!(registry.family("fox-1").unwrap().variants[0].loads[0].node, "UNETLoader");
/// # Ok::<(), model_registry::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Load {
    /// The class of the node.
    pub node: String,
    /// The files, in the order of the node's inputs. `pixel_space` is no file: there is no VAE.
    pub files: Vec<String>,
    /// The value of its input `type`: which model the encoder encodes for.
    pub encoder_type: Option<String>,
    /// The value of its input `weight_dtype`, where it is not the default.
    pub dtype: Option<String>,
}

/// A LoRA that is on.
///
/// ```
/// use model_registry::Registry;
/// # let texts = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/texts.rs"));
/// let registry = Registry::load(texts)?;
/// assert!(registry.family("fox-1").unwrap().variants[0].loras.is_empty());
/// # Ok::<(), model_registry::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LoraUse {
    /// The file.
    pub file: String,
    /// How strong it is.
    pub strength: Setting<f64>,
}

/// The shift of the noise schedule.
///
/// ```
/// use model_registry::Registry;
/// # let texts = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/texts.rs"));
/// let registry = Registry::load(texts)?;
/// assert_eq!(registry.family("fox-1").unwrap().variants[0].shift.as_ref().unwrap().amount.value, 3.0);
/// # Ok::<(), model_registry::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Shift {
    /// The class of the node that sets it.
    pub node: String,
    /// The shift.
    pub amount: Setting<f64>,
}

/// A switch of a template.
///
/// ```
/// use model_registry::Registry;
/// # let texts = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/texts.rs"));
/// let registry = Registry::load(texts)?;
/// assert!(registry.family("fox-1").unwrap().variants[0].switches.is_empty());
/// # Ok::<(), model_registry::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Switch {
    /// What stands beside it.
    pub title: String,
    /// Whether it is on.
    pub on: bool,
}

/// From where to where a figure is advised to be.
///
/// ```
/// use model_registry::Registry;
/// # let texts = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/texts.rs"));
/// let registry = Registry::load(texts)?;
/// let range = registry.family("fox-1").unwrap().variants[0].steps_range.clone().unwrap();
/// assert_eq!((range.least, range.most), (15.0, 30.0));
/// # Ok::<(), model_registry::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Range {
    /// The least.
    pub least: f64,
    /// The most.
    pub most: f64,
    /// Where that comes from.
    pub source: Source,
}

/// Where the latent comes from, and its size. What a picture decides is `None`.
///
/// ```
/// use model_registry::{Extent, Registry};
/// # let texts = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/texts.rs"));
/// let registry = Registry::load(texts)?;
/// let latent = registry.family("fox-1").unwrap().variants[0].latent.as_ref().unwrap();
/// assert_eq!(latent.extent, Some(Extent::Pixels { width: 1024, height: 1024 }));
/// # Ok::<(), model_registry::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Latent {
    /// The class of the node that makes it.
    pub node: String,
    /// How large it is, where that is known.
    pub extent: Option<Extent>,
    /// How many frames.
    pub frames: Option<Setting<u32>>,
    /// Whether there are as many frames as the video that is read has.
    pub frames_of_input: bool,
    /// How many seconds of sound.
    pub seconds: Option<Setting<f64>>,
    /// How many layers.
    pub layers: Option<Setting<u32>>,
    /// How many tokens or cells: the resolution of 3D models.
    pub resolution: Option<Setting<u32>>,
}

/// How large a latent is.
///
/// ```
/// use model_registry::Extent;
/// assert_ne!(Extent::Input, Extent::Pixels { width: 512, height: 512 });
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Extent {
    /// So many pixels.
    Pixels {
        /// From left to right.
        width: u32,
        /// From top to bottom.
        height: u32,
    },
    /// So many pixels in all, in this form.
    Megapixels {
        /// Width to height: `16:9`.
        aspect: String,
        /// 2²⁰ pixels each, as the node `ResolutionSelector` counts.
        megapixels: f64,
    },
    /// As large as the picture or video that is read.
    Input,
}

/// Which widths and heights are possible.
///
/// ```
/// use model_registry::Registry;
/// # let texts = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/texts.rs"));
/// let registry = Registry::load(texts)?;
/// let rule = registry.family("fox-1").unwrap().variants[0].size_rule.clone().unwrap();
/// assert!(rule.allows(1024) && !rule.allows(1000));
/// assert_eq!(rule.nearest(1000), 992);
/// # Ok::<(), model_registry::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SizeRule {
    /// What both are multiples of.
    pub divisor: Setting<u32>,
    /// The least.
    pub least: u32,
    /// The most.
    pub most: u32,
}

impl SizeRule {
    /// Whether a width or height is possible.
    pub fn allows(&self, pixels: u64) -> bool {
        pixels.is_multiple_of(u64::from(self.divisor.value))
            && (u64::from(self.least)..=u64::from(self.most)).contains(&pixels)
    }

    /// The nearest that is possible; of two, the smaller.
    pub fn nearest(&self, pixels: u64) -> u64 {
        nearest(pixels, self.divisor.value, 0, (self.least, self.most))
    }
}

/// Which numbers of frames are possible.
///
/// ```
/// use model_registry::Registry;
/// # let texts = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/texts.rs"));
/// let registry = Registry::load(texts)?;
/// let rule = registry.family("fox-video").unwrap().variants[0].frames_rule.clone().unwrap();
/// assert!(rule.allows(81) && !rule.allows(80));
/// assert_eq!(rule.nearest(80), 81);
/// assert_eq!(rule.to_string(), "4n+1");
/// # Ok::<(), model_registry::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FramesRule {
    /// The distance between two possible numbers.
    pub step: Setting<u32>,
    /// What is added to a multiple of the step.
    pub offset: u32,
    /// The least.
    pub least: u32,
    /// The most.
    pub most: u32,
}

impl FramesRule {
    /// Whether a number of frames is possible.
    pub fn allows(&self, frames: u64) -> bool {
        (u64::from(self.least)..=u64::from(self.most)).contains(&frames)
            && frames
                .checked_sub(u64::from(self.offset))
                .is_some_and(|rest| rest.is_multiple_of(u64::from(self.step.value)))
    }

    /// The nearest that is possible; of two, the smaller.
    pub fn nearest(&self, frames: u64) -> u64 {
        nearest(frames, self.step.value, self.offset, (self.least, self.most))
    }
}

impl std::fmt::Display for FramesRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}n+{}", self.step.value, self.offset)
    }
}

/// The multiple of `step` plus `offset` that is nearest to `wanted` within the range. The data is
/// checked to have a step that is not zero and a range with a possible number in it.
fn nearest(wanted: u64, step: u32, offset: u32, (least, most): (u32, u32)) -> u64 {
    let (step, offset) = (u64::from(step.max(1)), u64::from(offset));
    let lowest = offset + u64::from(least).saturating_sub(offset).div_ceil(step) * step;
    let highest = offset + u64::from(most).saturating_sub(offset) / step * step;
    let below = offset + wanted.saturating_sub(offset) / step * step;
    let above = below.saturating_add(step);
    let nearest =
        if wanted.saturating_sub(below) <= above - wanted.min(above) { below } else { above };
    nearest.max(lowest).min(highest.max(lowest))
}

/// One run of a sampler.
///
/// ```
/// use model_registry::Registry;
/// # let texts = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/texts.rs"));
/// let registry = Registry::load(texts)?;
/// let stage = &registry.family("fox-1").unwrap().variants[0].stages[0];
/// assert_eq!(stage.sampler.as_ref().unwrap().value, "euler");
/// assert_eq!(stage.cfg.as_ref().unwrap().value, 1.0);
/// # Ok::<(), model_registry::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Stage {
    /// The class of the node that samples.
    pub node: String,
    /// The class of the guider, where the sampler takes one.
    pub guider: Option<String>,
    /// The sampling algorithm.
    pub sampler: Option<Setting<String>>,
    /// The class of the node that is the algorithm, where it is not chosen by name.
    pub sampler_node: Option<String>,
    /// The schedule of noise.
    pub scheduler: Option<Setting<String>>,
    /// The class of the node that makes the schedule, where it is not chosen by name alone.
    pub scheduler_node: Option<String>,
    /// How many steps.
    pub steps: Option<Setting<u32>>,
    /// The scale of guidance.
    pub cfg: Option<Setting<f64>>,
    /// The second scale, of guiders that have two.
    pub second_cfg: Option<Setting<f64>>,
    /// The step at which it begins.
    pub start: Option<Setting<u32>>,
    /// The step at which it ends.
    pub end: Option<Setting<u32>>,
    /// The step at which two models change, where one schedule is split.
    pub split: Option<Setting<u32>>,
    /// The noise of every step, where it is written out.
    pub sigmas: Vec<f64>,
}

//! How much memory a workflow needs, by ComfyUI's own arithmetic.
//!
//! ```
//! use model_registry::{Registry, memory::{Device, Report, StageKind, Verdict, WeightFiles}};
//! use workflow_graph::{Json, Workflow};
//! # let texts = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/texts.rs"));
//! let registry = Registry::load(texts)?;
//! let json = Json::parse(br#"{
//!     "1": {"class_type": "UNETLoader", "inputs": {"unet_name": "fox_1_bf16.safetensors"}},
//!     "2": {"class_type": "EmptySD3LatentImage", "inputs": {"width": 1024, "height": 1024, "batch_size": 1}},
//!     "3": {"class_type": "KSampler", "inputs": {"model": ["1", 0], "positive": ["9", 0], "latent_image": ["2", 0], "seed": 1}}
//! }"#)?;
//! let report = Report {
//!     vram_total: 16e9,
//!     vram_free: 15e9,
//!     ..Report::new("linux", "cuda", "cuda:0 NVIDIA GeForce RTX 4060 Ti : native")
//! };
//! let device = Device::new(&report, &["main.py"])?;
//! let mut files = WeightFiles::default();
//! files.insert("diffusion_models", "fox_1_bf16.safetensors", 12_000_000_000);
//! let estimate = registry.estimate(&Workflow::from_json(&json)?, &device, &files);
//! let sampling = &estimate.stages[0];
//! assert_eq!((sampling.kind, sampling.weights), (StageKind::Sampling, Some(12_000_000_000)));
//! // The data has no memory usage factor of this family, so nothing is promised.
//! assert_eq!(estimate.verdict(), Verdict::Unknown);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Weights come from the headers of files, their sizes, or what the data says of them, in this
//! order; activations from the family's memory usage factor and the shape of the latent; what is
//! kept free from the settings of the server. The formulas are those of ComfyUI 0.33.0 and are
//! told in `docs/design/008-memory.md`.
//!
//! # What it does not do
//!
//! It measures nothing. What it takes to be so stands in [`Estimate::assumptions`], and what it
//! does not know in [`Estimate::unknown`]: such a stage has no number and the verdict
//! [`Verdict::Unknown`]. It does not know the order in which a server unloads, nor how large the
//! modules of a model are that are streamed.

mod admission;
mod arithmetic;
mod bytes;
mod card;
mod compute;
mod default;
mod device;
mod error;
mod estimate;
mod files;
mod graph;
mod plan;
mod suggest;
mod tensors;
mod weights;
mod workflow;
mod workload;

use workflow_graph::{Workflow, roles};

use self::plan::Plan;
pub use self::{
    admission::{Needs, Verdict},
    arithmetic::{Activations, LatentShape, References},
    device::{Backend, Device, Mode, Report},
    error::MemoryError,
    estimate::{Basis, Change, Estimate, ModelMemory, StageKind, StageMemory, Suggestion},
    files::WeightFiles,
    tensors::{Dtype, Part, Sums, TensorTable},
    workload::Workload,
};
use crate::{family::Family, registry::Registry, variant::Variant};

impl Registry {
    /// What a workflow needs of a device. What the registry and `files` do not know is said, not
    /// guessed.
    pub fn estimate(&self, workflow: &Workflow, device: &Device, files: &WeightFiles) -> Estimate {
        of(&workflow::plan(self, workflow, &roles::of(workflow)), device, files)
    }

    /// What a variant of a family needs of a device, run as its official template does.
    ///
    /// ```
    /// use model_registry::{Registry, memory::{Device, Report, StageKind, WeightFiles}};
    /// # let texts = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/texts.rs"));
    /// let registry = Registry::load(texts)?;
    /// let fox = registry.family("fox-1").unwrap();
    /// let report = Report { vram_total: 24e9, vram_free: 24e9, ..Report::new("linux", "cuda", "cuda:0 NVIDIA L4") };
    /// let device = Device::new(&report, &[])?;
    /// let estimate = registry.estimate_variant(fox, &fox.variants[0], &device, &WeightFiles::default());
    /// let kinds: Vec<_> = estimate.stages.iter().map(|stage| stage.kind).collect();
    /// assert_eq!(kinds, [StageKind::TextEncoding, StageKind::Sampling, StageKind::VaeDecode]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn estimate_variant(
        &self,
        family: &Family,
        variant: &Variant,
        device: &Device,
        files: &WeightFiles,
    ) -> Estimate {
        family.estimate(variant, &Asked::default(), device, files)
    }
}

impl Family {
    /// What a variant of it needs of a device, with another size, length or number than its
    /// official template has.
    ///
    /// ```
    /// use model_registry::{Registry, memory::{Asked, Device, Report, WeightFiles}};
    /// # let texts = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/texts.rs"));
    /// let registry = Registry::load(texts)?;
    /// let fox = registry.family("fox-1").unwrap();
    /// let report = Report { vram_total: 24e9, vram_free: 24e9, ..Report::new("linux", "cuda", "cuda:0 NVIDIA L4") };
    /// let device = Device::new(&report, &[])?;
    /// let small = Asked { width: Some(512), height: Some(512), ..Asked::default() };
    /// let estimate = fox.estimate(&fox.variants[0], &small, &device, &WeightFiles::default());
    /// assert_eq!(estimate.stages[1].latent.as_ref().unwrap().to_string(), "[1, 16, 64, 64]");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn estimate(
        &self,
        variant: &Variant,
        asked: &Asked,
        device: &Device,
        files: &WeightFiles,
    ) -> Estimate {
        of(&default::plan(self, variant, asked), device, files)
    }
}

/// What shall be made, where it is not what the official template makes.
///
/// ```
/// use model_registry::memory::Asked;
/// let four = Asked { batch: Some(4), ..Asked::default() };
/// assert_eq!(four.width, None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// From left to right, in pixels.
    pub width: Option<u32>,
    /// From top to bottom, in pixels.
    pub height: Option<u32>,
    /// How many frames.
    pub frames: Option<u32>,
    /// How many at once.
    pub batch: Option<u32>,
}

fn of(plan: &Plan<'_>, device: &Device, files: &WeightFiles) -> Estimate {
    let mut estimate = compute::compute(plan, device, files);
    estimate.suggestions = suggest::suggest(plan, device, files, &estimate);
    estimate
}

//! What an estimate says.

use workflow_graph::NodeId;

use super::{
    admission::{Needs, Verdict},
    arithmetic::{Activations, LatentShape},
};

/// What a workflow needs of a device, stage by stage.
///
/// ```
/// use model_registry::{Registry, memory::{Device, Report, Verdict, WeightFiles}};
/// # let texts = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/texts.rs"));
/// let registry = Registry::load(texts)?;
/// let fox = registry.family("fox-1").unwrap();
/// let report = Report { vram_total: 24e9, vram_free: 24e9, ..Report::new("linux", "cuda", "cuda:0 NVIDIA L4") };
/// let device = Device::new(&report, &[])?;
/// let estimate = registry.estimate_variant(fox, &fox.variants[0], &device, &WeightFiles::default());
/// // Nobody said how large its files are.
/// assert_eq!(estimate.verdict(), Verdict::Unknown);
/// assert!(!estimate.unknown.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Estimate {
    /// What is done one after the other; the memory of one stage is there for the next.
    pub stages: Vec<StageMemory>,
    /// What would make it fit, or fit better: computed, the nearest to what was asked first.
    pub suggestions: Vec<Suggestion>,
    /// What was taken to be so and is not known.
    pub assumptions: Vec<String>,
    /// What would be needed to say more.
    pub unknown: Vec<String>,
}

impl Estimate {
    /// That of the stage that is worst off. Without stages nothing is known.
    pub fn verdict(&self) -> Verdict {
        self.stages.iter().map(|stage| stage.verdict).max().unwrap_or(Verdict::Unknown)
    }

    /// The stage that needs the most, of those whose need is known.
    pub fn peak(&self) -> Option<&StageMemory> {
        let known = self.stages.iter().filter(|stage| stage.total.is_some());
        known.max_by_key(|stage| stage.total)
    }

    /// How much must be free for all of it. `None` where a stage is not known.
    pub fn needs(&self) -> Option<Needs> {
        let nothing = Needs { fully: 0, at_all: 0 };
        let largest = |most: Needs, next: Needs| Needs {
            fully: most.fully.max(next.fully),
            at_all: most.at_all.max(next.at_all),
        };
        let known: Option<Vec<Needs>> = self.stages.iter().map(|stage| stage.needs).collect();
        known
            .filter(|known| !known.is_empty())
            .map(|known| known.into_iter().fold(nothing, largest))
    }

    /// How many bytes of weights stay in main memory in the stage that leaves most there.
    pub fn offloaded(&self) -> u64 {
        self.stages.iter().map(|stage| stage.offloaded).max().unwrap_or_default()
    }
}

/// What is done in a stage.
///
/// ```
/// assert_eq!(model_registry::memory::StageKind::VaeDecode.as_str(), "vae_decode");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StageKind {
    /// Text becomes conditioning.
    TextEncoding,
    /// A picture becomes a latent.
    VaeEncode,
    /// Noise becomes a latent.
    Sampling,
    /// A latent becomes a picture.
    VaeDecode,
}

impl StageKind {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TextEncoding => "text_encoding",
            Self::VaeEncode => "vae_encode",
            Self::Sampling => "sampling",
            Self::VaeDecode => "vae_decode",
        }
    }
}

/// The memory of one stage, in bytes.
///
/// ```
/// use model_registry::memory::{Estimate, StageKind, StageMemory};
/// fn sampling(estimate: &Estimate) -> Option<&StageMemory> {
///     estimate.stages.iter().find(|stage| stage.kind == StageKind::Sampling)
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StageMemory {
    /// What is done.
    pub kind: StageKind,
    /// The node that does it; none where there is no workflow.
    pub node: Option<NodeId>,
    /// The models that must be there together.
    pub models: Vec<ModelMemory>,
    /// What is computed on, where that is known and counts.
    pub latent: Option<LatentShape>,
    /// What all weights take as they are held, where that is known.
    pub weights: Option<u64>,
    /// What intermediate results take, where that is known.
    pub activations: Option<Activations>,
    /// What ComfyUI leaves to others.
    pub reserve: u64,
    /// What must be free for all weights to be loaded.
    pub total: Option<u64>,
    /// How many bytes of weights stay in main memory.
    pub offloaded: u64,
    /// What must be free at all.
    pub needs: Option<Needs>,
    /// Whether it fits.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
}

/// The weights of one model.
///
/// ```
/// use model_registry::memory::{Basis, ModelMemory};
/// fn is_certain(model: &ModelMemory) -> bool {
///     matches!(model.basis, Basis::Header | Basis::Size)
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ModelMemory {
    /// The folder of ComfyUI that its file is in.
    pub folder: String,
    /// Its file, as the workflow names it.
    pub file: String,
    /// The family that it belongs to, by name, where that is known.
    pub family: Option<String>,
    /// What its weights take as they are held, where that is known.
    pub bytes: Option<u64>,
    /// What that was computed from.
    pub basis: Basis,
}

/// What the size of weights was computed from, the surest first.
///
/// ```
/// use model_registry::memory::Basis;
/// assert!(Basis::Header < Basis::DownloadTotal);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Basis {
    /// The header of the file: every tensor with its type.
    Header,
    /// The size of the file.
    Size,
    /// The size that the data gives for the file.
    Data,
    /// What all files of an official template are to download: it is no larger.
    DownloadTotal,
    /// Nothing: it is not known.
    Unknown,
}

/// A change that helps.
///
/// ```
/// use model_registry::memory::Change;
/// assert_ne!(Change::Size { width: 512, height: 512 }, Change::Frames { frames: 49 });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// Decode in tiles, with the node `VAEDecodeTiled` and its input `tile_size`, in pixels.
    TiledDecode {
        /// The tile.
        pixels: u64,
    },
    /// Take another text encoder of the family.
    Encoder {
        /// Its file.
        file: String,
    },
    /// Load the weights with 8 bits: `weight_dtype` of the node `UNETLoader`.
    WeightType {
        /// The value of the input.
        value: &'static str,
    },
    /// Make fewer at once.
    Batch {
        /// So many.
        size: u64,
    },
    /// Make a shorter video.
    Frames {
        /// So many frames.
        frames: u64,
    },
    /// Make it smaller.
    Size {
        /// From left to right, in pixels.
        width: u64,
        /// From top to bottom, in pixels.
        height: u64,
    },
}

/// A change and what it comes to.
///
/// ```
/// use model_registry::memory::{Estimate, Verdict};
/// fn what_makes_it_fit(estimate: &Estimate) -> Vec<&str> {
///     let suggestions = estimate.suggestions.iter();
///     let fitting = suggestions.filter(|suggestion| suggestion.verdict == Verdict::Fits);
///     fitting.map(|suggestion| suggestion.told.as_str()).collect()
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Suggestion {
    /// The change.
    pub change: Change,
    /// Whether all of it fits then.
    pub verdict: Verdict,
    /// How many bytes of weights stay in main memory then.
    pub offloaded: u64,
    /// The change and what it comes to, for people.
    pub told: String,
}

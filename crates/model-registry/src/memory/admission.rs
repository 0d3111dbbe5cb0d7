//! Whether models are loaded whole, in part or not at all: `load_models_gpu` in
//! `comfy/model_management.py` of ComfyUI 0.33.0.

use super::{
    arithmetic::Activations,
    bytes::{real, whole},
    device::{Device, Mode},
};

/// Whether something fits into the memory of a device, the best first.
///
/// ```
/// use model_registry::memory::Verdict;
/// assert!(Verdict::Fits < Verdict::Partly && Verdict::Partly < Verdict::Fails);
/// assert_eq!(Verdict::Partly.as_str(), "partly");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Verdict {
    /// All weights are loaded.
    Fits,
    /// It runs, slower: weights are streamed from main memory, or a picture is made in tiles.
    Partly,
    /// Too little is known to say.
    Unknown,
    /// It runs out of memory.
    Fails,
}

impl Verdict {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fits => "fits",
            Self::Partly => "partly",
            Self::Unknown => "unknown",
            Self::Fails => "fails",
        }
    }
}

/// How much memory must be free, in bytes.
///
/// ```
/// use model_registry::memory::Needs;
/// let needs = Needs { fully: 12 << 30, at_all: 2 << 30 };
/// assert!(needs.at_all <= needs.fully);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// For all weights to be loaded.
    pub fully: u64,
    /// For it to run, with weights streamed where they have no room.
    pub at_all: u64,
}

/// What becomes of models that are to be loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Admission {
    pub(super) verdict: Verdict,
    /// How many bytes of the weights stay in main memory.
    pub(super) offloaded: u64,
    pub(super) needs: Needs,
}

/// A request for room for weights and for what is computed with them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) weights: u64,
    pub(super) activations: Activations,
    /// Whether activations that do not fit are made smaller: decoding goes on in tiles.
    pub(super) yields: Option<u64>,
}

impl Request {
    /// What must stay free beside the weights: the least that activations need and the reserve.
    fn beside(&self, device: &Device) -> u64 {
        let wanted = self.activations.minimum.saturating_add(device.reserve());
        wanted.max(device.minimum_inference())
    }

    /// What becomes of it on a device.
    pub(super) fn admit(&self, device: &Device) -> Admission {
        let needs = self.needs(device);
        let free = device.free();
        let streamed = device.mode() == Mode::No && !device.loads_whole();
        let room = if streamed { 0 } else { self.room(device) };
        let offloaded = if device.loads_whole() { 0 } else { self.weights.saturating_sub(room) };
        let verdict = if free < needs.at_all {
            Verdict::Fails
        } else if free < needs.fully || (streamed && self.weights > 0) {
            Verdict::Partly
        } else {
            Verdict::Fits
        };
        let offloaded = if verdict == Verdict::Fits { 0 } else { offloaded };
        Admission { verdict, offloaded, needs }
    }

    /// How much ComfyUI gives to weights.
    fn room(&self, device: &Device) -> u64 {
        let free = device.free();
        let beside = free.saturating_sub(self.beside(device));
        let share = whole(real(free) * device.weights_share());
        beside.max(share.min(free.saturating_sub(device.minimum_inference())))
    }

    fn needs(&self, device: &Device) -> Needs {
        let activations = self.activations.minimum;
        let least = self.yields.unwrap_or(activations).min(activations);
        if device.loads_whole() {
            let fully = self.weights.saturating_add(activations);
            return Needs { fully, at_all: self.weights.saturating_add(least) };
        }
        // Loading is whole where there is more room than weights, not where there is as much.
        let beside = self.weights.saturating_add(self.beside(device)).saturating_add(1);
        let share = device.weights_share();
        let fully = if share > 0.0 {
            let by_share = whole(real(self.weights) / share).saturating_add(1);
            let above = self.weights.saturating_add(device.minimum_inference()).saturating_add(1);
            beside.min(by_share.max(above))
        } else {
            beside
        };
        // Where a share goes to weights whatever they leave, activations must still find room.
        let beside_all = self.weights.saturating_add(activations);
        let beside_share = whole(real(least) / (1.0 - share));
        Needs { fully: fully.max(beside_all), at_all: beside_share.min(beside_all) }
    }
}

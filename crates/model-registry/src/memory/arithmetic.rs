//! ComfyUI's own formulas. Read in 0.33.0: `BaseModel.memory_required` (`comfy/model_base.py`),
//! `estimate_memory` (`comfy/sampler_helpers.py`), `VAE.__init__` (`comfy/sd.py`).

use super::{
    bytes::{MIB, real, whole},
    device::{Backend, Device},
};
use crate::names::VaeKind;

/// The numbers that a sampler works on: one of each channel at each place.
///
/// ```
/// use model_registry::memory::LatentShape;
/// let video = LatentShape::new(1, 16, [21, 60, 104]);
/// assert_eq!((video.area(), video.to_string()), (131_040, "[1, 16, 21, 60, 104]".to_owned()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LatentShape {
    batch: u64,
    channels: u64,
    places: Vec<u64>,
}

impl LatentShape {
    /// So many at once, with so many channels, in each direction so many places.
    pub fn new(batch: u64, channels: u64, places: impl Into<Vec<u64>>) -> Self {
        Self { batch, channels, places: places.into() }
    }

    /// The places of all that are computed at once. Channels do not count.
    pub fn area(&self) -> u64 {
        self.places.iter().fold(self.batch, |area, side| area.saturating_mul(*side))
    }

    /// The same numbers in one row, as models are given picture and sound together: channels are
    /// places then.
    #[must_use]
    pub fn packed(&self) -> Self {
        let row = self.places.iter().fold(self.channels, |row, side| row.saturating_mul(*side));
        Self { batch: self.batch, channels: 1, places: vec![row] }
    }

    /// From the last direction on: width, height, frames.
    fn place(&self, from_end: usize) -> f64 {
        self.places.iter().rev().nth(from_end).map_or(1.0, |side| real(*side))
    }

    /// The same with no more places in each direction than a tile has.
    pub(super) fn cut(&self, tile: Tile) -> Self {
        let mut cut = self.clone();
        let most = [Some(tile.side), Some(tile.side), tile.frames];
        for (side, most) in cut.places.iter_mut().rev().zip(most) {
            *side = most.map_or(*side, |most| (*side).min(most));
        }
        cut
    }
}

impl std::fmt::Display for LatentShape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{}, {}", self.batch, self.channels)?;
        for side in &self.places {
            write!(f, ", {side}")?;
        }
        f.write_str("]")
    }
}

/// A tile of a latent, in its places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tile {
    pub(super) side: u64,
    pub(super) frames: Option<u64>,
}

/// The places of reference pictures, which count like those of the latent.
///
/// ```
/// use model_registry::memory::References;
/// let in_both_prompts = References { largest: 4096, together: 8192 };
/// assert_ne!(in_both_prompts, References::default());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// Those of the prompt that has the most.
    pub largest: u64,
    /// Those of the positive and the negative prompt.
    pub together: u64,
}

/// What a model needs for its intermediate results, in bytes.
///
/// ```
/// use model_registry::memory::{Activations, Device, LatentShape, References, Report};
/// let report = Report { vram_total: 24e9, vram_free: 24e9, ..Report::new("linux", "cuda", "cuda:0 NVIDIA GeForce RTX 4090") };
/// let device = Device::new(&report, &[])?;
/// let flux = Activations::of_sampling(&LatentShape::new(1, 16, [128, 128]), References::default(), 3.1, &device);
/// assert_eq!((flux.minimum >> 20, flux.preferred >> 20), (1015, 2031));
/// # Ok::<(), model_registry::memory::MemoryError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Activations {
    /// For the positive and the negative prompt one after the other. With less it fails.
    pub minimum: u64,
    /// For both at once, which ComfyUI makes room for even where there is only one.
    pub preferred: u64,
}

impl Activations {
    /// What sampling needs.
    pub fn of_sampling(
        shape: &LatentShape,
        references: References,
        factor: f64,
        device: &Device,
    ) -> Self {
        let per_place =
            if device.fast_attention() { real(device.compute_bytes()) * 0.01 } else { 0.15 };
        let bytes = |area: f64| whole(area * per_place * factor * MIB);
        let area = real(shape.area());
        Self {
            minimum: bytes(area + real(references.largest)),
            preferred: bytes(2.0 * area + real(references.together)),
        }
    }

    pub(super) fn same(bytes: u64) -> Self {
        Self { minimum: bytes, preferred: bytes }
    }
}

/// What decoding a latent needs. The batch does not count: ComfyUI decodes as many at once as fit.
pub(super) fn decode(kind: VaeKind, shape: &LatentShape, device: &Device) -> u64 {
    let (width, height, frames) = (shape.place(0), shape.place(1), shape.place(2));
    let area = width * height;
    let elements = match kind {
        VaeKind::Kl => 2178.0 * area * 64.0 * amd_extra(device),
        VaeKind::Flux2 => 4.0 * 2178.0 * area * 64.0 * amd_extra(device),
        VaeKind::Wan21 => (if frames <= 4.0 { 2200.0 } else { 7000.0 }) * area * 64.0,
        VaeKind::Wan22 => 8000.0 * area * 256.0,
        VaeKind::HunyuanVideo => 2800.0 * f64::min(8.0, (frames - 1.0) * 4.0 + 1.0) * area * 64.0,
        VaeKind::HunyuanVideo15 => 2800.0 * frames * area * 256.0,
        VaeKind::Ltx => 1200.0 * frames * area * 512.0,
        VaeKind::Mage => 1000.0 * area * 256.0,
        VaeKind::Pixel => area,
        VaeKind::Ace => area * 87_000.0,
        VaeKind::Oobleck => 1000.0 * width * 2048.0,
    };
    whole(elements * real(vae_bytes(kind, device)))
}

/// What encoding pictures needs, by their size in pixels.
pub(super) fn encode(kind: VaeKind, pixels: [u64; 3], device: &Device) -> Option<u64> {
    let [frames, height, width] = pixels.map(real);
    let area = height * width;
    let elements = match kind {
        VaeKind::Kl | VaeKind::Flux2 => 1767.0 * area * amd_extra(device),
        VaeKind::Wan21 => (if frames <= 4.0 { 1500.0 } else { 6000.0 }) * area,
        VaeKind::Wan22 => 3300.0 * area,
        VaeKind::HunyuanVideo => 1400.0 * frames.min(9.0) * area,
        VaeKind::HunyuanVideo15 => 2800.0 * area,
        VaeKind::Ltx => 80.0 * frames.max(7.0) * area,
        VaeKind::Mage => 400.0 * area,
        VaeKind::Pixel => area,
        VaeKind::Ace | VaeKind::Oobleck => return None,
    };
    Some(whole(elements * real(vae_bytes(kind, device))))
}

/// How many bytes a number takes in a VAE of a kind: two where the card has a type of 16 bits that
/// this VAE works in. Those for pictures know bf16 alone, which older cards do not have.
pub(super) fn vae_bytes(kind: VaeKind, device: &Device) -> u64 {
    match kind {
        VaeKind::Wan21
        | VaeKind::Wan22
        | VaeKind::HunyuanVideo
        | VaeKind::HunyuanVideo15
        | VaeKind::Ace
        | VaeKind::Oobleck => device.compute_bytes(),
        VaeKind::Kl | VaeKind::Flux2 | VaeKind::Ltx | VaeKind::Mage | VaeKind::Pixel => {
            device.bf16_bytes()
        }
    }
}

/// ComfyUI asks for more on AMD's cards, where the VAE has no fast attention.
fn amd_extra(device: &Device) -> f64 {
    if device.backend() == Backend::Amd { 2.73 } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::{Device, LatentShape, VaeKind, decode, encode};
    use crate::memory::Report;

    /// The lines of `VAE.__init__` in 0.33.0, evaluated for one latent and one clip each.
    #[test]
    fn every_vae_takes_what_comfyui_says() {
        let name = "cuda:0 NVIDIA GeForce RTX 4090 : native";
        let report = Report { vram_total: 24e9, ..Report::new("linux", "cuda", name) };
        let device = Device::new(&report, &[]).unwrap();
        let clip = [9, 512, 768];
        let area = 512 * 768;
        for (kind, latent, decoded, encoded) in [
            (VaeKind::Kl, vec![64, 96], 2178 * 64 * 96 * 64, Some(1767 * area)),
            (VaeKind::Flux2, vec![32, 48], 2178 * 32 * 48 * 64 * 4, Some(1767 * area)),
            (VaeKind::Wan21, vec![1, 64, 96], 2200 * 64 * 96 * 64, Some(6000 * area)),
            (VaeKind::Wan21, vec![5, 64, 96], 7000 * 64 * 96 * 64, Some(6000 * area)),
            (VaeKind::Wan22, vec![3, 32, 48], 8000 * 32 * 48 * 256, Some(3300 * area)),
            (
                VaeKind::HunyuanVideo,
                vec![2, 64, 96],
                2800 * 5 * 64 * 96 * 64,
                Some(1400 * 9 * area),
            ),
            (
                VaeKind::HunyuanVideo,
                vec![3, 64, 96],
                2800 * 8 * 64 * 96 * 64,
                Some(1400 * 9 * area),
            ),
            (VaeKind::HunyuanVideo15, vec![3, 32, 48], 2800 * 3 * 32 * 48 * 256, Some(2800 * area)),
            (VaeKind::Ltx, vec![2, 16, 24], 1200 * 2 * 16 * 24 * 512, Some(80 * 9 * area)),
            (VaeKind::Mage, vec![32, 48], 1000 * 32 * 48 * 256, Some(400 * area)),
            (VaeKind::Pixel, vec![512, 768], area, Some(area)),
            (VaeKind::Ace, vec![16, 100], 16 * 100 * 87_000, None),
            (VaeKind::Oobleck, vec![100], 1000 * 100 * 2048, None),
        ] {
            let latent = LatentShape::new(1, 16, latent);
            assert_eq!(decode(kind, &latent, &device), 2 * decoded, "{kind}, {latent}");
            assert_eq!(encode(kind, clip, &device), encoded.map(|bytes| 2 * bytes), "{kind}");
        }
    }
}

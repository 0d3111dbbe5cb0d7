//! What weights take as they are held: by the header of their file, its size, or less.

use super::{
    arithmetic::vae_bytes,
    bytes::{real, told, whole},
    device::Device,
    estimate::{Basis, ModelMemory},
    files::{WeightFiles, told_by_name},
    plan::{ModelUse, Notes},
    tensors::{Dtype, Part, Sums},
};
use crate::{family::Family, names::VaeKind, resolve::file_name};

/// What is needed to weigh models.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scales<'a> {
    pub(super) device: &'a Device,
    pub(super) files: &'a WeightFiles,
    /// The arithmetic of the VAE among the models, where it is known.
    pub(super) vae: Option<VaeKind>,
}

impl Scales<'_> {
    /// What a model takes, and what was assumed for it.
    pub(super) fn weigh(&self, model: &ModelUse<'_>, notes: &mut Notes) -> ModelMemory {
        let (bytes, basis) = self.bytes(model, notes);
        if bytes.is_none() {
            notes.miss(format!("how large `{}/{}` is", model.folder, model.file));
        }
        ModelMemory {
            folder: model.folder.clone(),
            file: model.file.clone(),
            family: model.family.map(|family| family.name.clone()),
            bytes,
            basis,
        }
    }

    fn bytes(&self, model: &ModelUse<'_>, notes: &mut Notes) -> (Option<u64>, Basis) {
        let (folder, file) = (model.folder.as_str(), model.file.as_str());
        if let Some(sums) = self.files.sums(folder, file, model.part) {
            return (Some(self.held(model, &sums)), Basis::Header);
        }
        let (bytes, basis) = if let Some(bytes) = self.files.bytes(folder, file) {
            (bytes, Basis::Size)
        } else if let Some(gigabytes) = model.gigabytes {
            (whole(gigabytes * 1e9), Basis::Data)
        } else if let Some(bytes) = model.family.and_then(|family| download(family, file)) {
            notes.assume(format!(
                "`{file}` is {} at most, what its official template is to download",
                told(bytes)
            ));
            // No more is known of the file than a bound: its type would change nothing.
            return (Some(bytes), Basis::DownloadTotal);
        } else {
            return (None, Basis::Unknown);
        };
        if model.part != Part::Whole && folder == "checkpoints" {
            notes.assume(format!(
                "every part of `{file}` is as large as all of it: only its header tells them apart"
            ));
            return (Some(bytes), basis);
        }
        (Some(self.held(model, &by_name(file, model.part, bytes, notes))), basis)
    }

    /// What ComfyUI makes of the numbers of a file: `unet_dtype` of `comfy/model_management.py`
    /// for what samples, `vae_dtype` for a VAE. Text encoders keep what is stored.
    fn held(&self, model: &ModelUse<'_>, sums: &Sums) -> u64 {
        let stored = sums.bytes;
        let Some(main) = sums.main_dtype().filter(|_| !sums.quantized) else { return stored };
        let each = |bytes: u64| sums.elements.saturating_mul(bytes);
        match model.part {
            Part::TextEncoder | Part::Whole => stored,
            Part::Vae => self.vae.map_or(stored, |vae| each(vae_bytes(vae, self.device))),
            Part::Diffusion if model.requested == Some(Dtype::F8) => each(1),
            Part::Diffusion if main == Dtype::F8 && self.keeps_fp8(sums.elements) => each(1),
            Part::Diffusion => each(self.device.weight_bytes()),
        }
    }

    fn keeps_fp8(&self, elements: u64) -> bool {
        let limited = 2.0 * real(elements) > self.device.weights_at_most();
        self.device.computes_fp8() || limited
    }
}

/// What the size and the name of a file tell of its numbers. What samples is published with 16
/// bits where the name says nothing else.
fn by_name(file: &str, part: Part, bytes: u64, notes: &mut Notes) -> Sums {
    let dtype = match told_by_name(file) {
        Some((dtype, false)) => {
            notes.assume(format!("the numbers in `{file}` are of the type that its name tells"));
            dtype
        }
        None if part == Part::Diffusion => {
            notes.assume(format!("the numbers in `{file}` have 16 bits: its name tells no type"));
            Dtype::Bf16
        }
        told => {
            let quantized = told.is_some();
            let why = if quantized { "its name tells scales" } else { "its name tells no type" };
            notes.assume(format!("`{file}` is held as it is stored: {why}"));
            return Sums { bytes, quantized, ..Sums::default() };
        }
    };
    let elements = bytes.saturating_mul(8) / dtype.bits();
    Sums { elements, bytes, by_dtype: [(dtype, elements)].into(), quantized: false }
}

/// How large a file can be by the templates that need it: what all their files are together, less
/// those whose size is known.
fn download(family: &Family, file: &str) -> Option<u64> {
    let file = file_name(file);
    let known = |other: &str| {
        let gigabytes = family.file(other).and_then(|other| other.gigabytes.as_ref());
        gigabytes.map_or(0, |gigabytes| whole(gigabytes.value * 1e9))
    };
    let users = family.variants.iter().filter(|variant| variant.needs().any(|need| need == file));
    let bounds = users.filter_map(|variant| {
        let others = variant.needs().filter(|need| *need != file).map(known).sum();
        variant.download_bytes.map(|total| total.saturating_sub(others))
    });
    bounds.filter(|bound| *bound > 0).min()
}

//! How much memory a template needs as it stands.

use model_registry::memory::{Basis, Device, Estimate, ModelMemory, Needs, Report, WeightFiles};

use super::{Template, TemplateModel};
use crate::{
    error::{Error, FailureCode},
    models::{self, in_gib},
};

/// 2⁴⁰ bytes, more than any template takes: where nothing is short, an estimate says what is
/// needed and not what a certain card makes of it.
const PLENTY: f64 = 1_099_511_627_776.0;

/// A card that computes with 8 bits, so that weights that are stored so stay so. Older cards
/// leave them so too, unless the weights fit twice.
const CARD: &str = "NVIDIA GeForce RTX 4090";

/// What a template needs of a graphics card at its defaults: computed as ComfyUI computes it,
/// not measured.
///
/// ```
/// let templates = mediafactory::Templates::own()?;
/// let turbo = templates.get("z_image_turbo_txt2img")?.memory()?;
/// assert!(!turbo.is_bound && turbo.summary().starts_with("12.8 GiB for all weights"));
/// // The sizes of its encoders and its model are known only together.
/// assert!(templates.get("hidream_txt2img")?.memory()?.is_bound);
/// // No family of the registry has its model.
/// assert!(templates.get("upscale_image")?.memory()?.needs.is_none());
/// # Ok::<(), mediafactory::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TemplateMemory {
    /// How much must be free; none where too little is known.
    pub needs: Option<Needs>,
    /// Whether `needs.fully` is a bound that is not reached: the sizes of some weights are known
    /// only together with others.
    pub is_bound: bool,
    /// Files of the template that are not in `needs`, with their folders.
    pub not_counted: Vec<String>,
    /// What would have to be known to say more.
    pub unknown: Vec<String>,
}

impl Template {
    /// What the workflow needs with nothing given but what must be. Sizes of files are those of the
    /// registry of models.
    pub fn memory(&self) -> Result<TemplateMemory, Error> {
        let report =
            Report { vram_total: PLENTY, vram_free: PLENTY, ..Report::new("linux", "cuda", CARD) };
        let device = Device::new(&report, &[]).map_err(|error| {
            let message = format!("no memory can be computed with this card: {error}");
            Error::new(FailureCode::ValidationError, message).with_source(error)
        })?;
        let sizes_of_the_registry = WeightFiles::default();
        let estimate =
            models::registry()?.estimate(self.workflow(), &device, &sizes_of_the_registry);
        Ok(TemplateMemory::of(self, estimate))
    }
}

impl TemplateMemory {
    fn of(template: &Template, estimate: Estimate) -> Self {
        let counted: Vec<&ModelMemory> =
            estimate.stages.iter().flat_map(|stage| &stage.models).collect();
        let is_counted = |file: &TemplateModel| {
            counted.iter().any(|model| model.folder == file.folder && model.file == file.file)
        };
        let others = template.models.iter().filter(|file| !is_counted(file));
        let mut not_counted: Vec<String> =
            others.map(|file| format!("{}/{}", file.folder, file.file)).collect();
        not_counted.dedup();
        let needs = estimate.needs();
        Self {
            needs,
            is_bound: needs.is_some() && counted.iter().any(|model| is_larger(model)),
            not_counted,
            unknown: estimate.unknown,
        }
    }

    /// It in one line.
    pub fn summary(&self) -> String {
        let Some(needs) = self.needs else {
            return format!("unknown: {}", self.unknown.join("; "));
        };
        let at_most = if self.is_bound { "at most " } else { "" };
        let (fully, at_all) = (in_gib(needs.fully), in_gib(needs.at_all));
        let besides = match self.not_counted.as_slice() {
            [] => String::new(),
            files => format!(", besides {}", files.join(", ")),
        };
        format!("{at_most}{fully} for all weights to be loaded, {at_all} to run at all{besides}")
    }
}

/// Whether weights are counted larger than they are: what several files take together for each
/// of them, or a whole checkpoint for each of its parts.
fn is_larger(model: &ModelMemory) -> bool {
    let is_one_of_several = model.basis == Basis::DownloadTotal;
    is_one_of_several || (model.folder == "checkpoints" && model.basis != Basis::Header)
}

#[cfg(test)]
mod tests {
    use crate::Templates;

    #[test]
    fn what_every_template_needs_is_computed_or_it_is_said_what_is_lacking() {
        for template in Templates::own().unwrap().all() {
            let memory = template.memory().unwrap();
            assert_ne!(memory.needs.is_some(), !memory.unknown.is_empty(), "{}", template.name);
        }
    }

    #[test]
    fn the_line_says_what_is_a_bound_and_what_is_not_counted() {
        let templates = Templates::own().unwrap();
        let told = |name: &str| templates.get(name).unwrap().memory().unwrap().summary();
        let names = ["flux1_dev_lora", "hidream_txt2img", "upscale_image", "wan22_txt2vid"];
        insta::assert_snapshot!(names.map(told).join("\n"));
    }
}

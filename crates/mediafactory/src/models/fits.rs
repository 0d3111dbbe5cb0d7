//! Whether a model fits, before there is a workflow.

use model_registry::memory::Asked;

use super::{
    Variant, find,
    inventory::base_name,
    memory::{MemoryAnswer, OnDevice, device},
    registry, variants,
};
use crate::{error::Error, factory::Factory, failure};

/// A model, what it shall make, and the memory for it.
///
/// ```
/// use mediafactory::models::{FitQuestion, OnDevice};
/// let question = FitQuestion {
///     frames: Some(49),
///     on: OnDevice { total_vram_gb: Some(16.0), ..OnDevice::default() },
///     ..FitQuestion::new("wan-2.2-14b/t2v")
/// };
/// assert_eq!(question.width, None);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FitQuestion {
    /// The model: a name, an alias, a template or a file.
    pub model: String,
    /// The way to run it; the first that has weights when neither this nor the name says.
    pub variant: Option<String>,
    /// On what.
    pub on: OnDevice,
    /// From left to right, in pixels; what the template makes when not given.
    pub width: Option<u32>,
    /// From top to bottom, in pixels; what the template makes when not given.
    pub height: Option<u32>,
    /// How many frames; as many as the template makes when not given.
    pub frames: Option<u32>,
    /// How many at once; as many as the template makes when not given.
    pub batch: Option<u32>,
}

impl FitQuestion {
    /// The model as its template runs it, on the first server.
    pub fn new(model: impl Into<String>) -> Self {
        Self { model: model.into(), ..Self::default() }
    }
}

impl Factory {
    /// Whether a model fits into the memory of a server or of a card, run as its official template
    /// does or at another size. It is computed as for a workflow.
    pub async fn check_model_fits(&self, question: &FitQuestion) -> Result<MemoryAnswer, Error> {
        let &FitQuestion { width, height, frames, batch, .. } = question;
        for (name, number) in
            [("width", width), ("height", height), ("frames", frames), ("batch", batch)]
        {
            if number == Some(0) {
                return Err(failure::argument(format!("`{name}` is 0, but has to be at least 1")));
            }
        }
        let found = find(&question.model)?;
        let meant = variants(&found, question.variant.as_deref())?;
        let local = meant.iter().find(|variant| !variant.stages.is_empty());
        let variant = local.or(meant.first()).copied().ok_or_else(|| {
            failure::argument(format!("nothing is known of how {} is run", found.family.name))
        })?;
        let mut notes = Vec::new();
        if meant.len() > 1 {
            let names: Vec<&str> = meant.iter().map(|variant| variant.name.as_str()).collect();
            notes.push(format!("computed for `{}`, one of {}", variant.name, names.join(", ")));
        }
        notes.extend(not_made(variant, question));
        let on = &question.on;
        let device = device(self.asked(on.backend.as_deref())?, on).await?;
        let is_loaded = |file: &str| variant.needs().any(|name| name == base_name(file));
        let files = self.sizes(on, &is_loaded, &mut notes).await?;
        let asked = Asked { width, height, frames, batch };
        let family = found.family;
        let estimate = family.estimate(variant, &asked, &device, &files);
        let measured = if on.is_a_server() {
            let past = self.past(on.backend.as_deref(), &mut notes).await?;
            past.of_variant(registry()?, family, variant)
        } else {
            None
        };
        Ok(MemoryAnswer { estimate, device, model: Some((family, variant)), measured, notes })
    }
}

/// What the model does not make at all, told with the nearest that it does.
fn not_made(variant: &Variant, question: &FitQuestion) -> Vec<String> {
    let mut told = Vec::new();
    if let Some(rule) = &variant.size_rule {
        let sides = [("width", question.width), ("height", question.height)];
        let sides = sides.into_iter().filter_map(|(name, side)| Some((name, u64::from(side?))));
        for (name, side) in sides.filter(|(_, side)| !rule.allows(*side)) {
            let (divisor, nearest) = (rule.divisor.value, rule.nearest(side));
            told.push(format!(
                "a {name} of {side} is not possible: multiples of {divisor}, such as {nearest}"
            ));
        }
    }
    if let (Some(rule), Some(frames)) = (&variant.frames_rule, question.frames.map(u64::from))
        && !rule.allows(frames)
    {
        let nearest = rule.nearest(frames);
        told.push(format!("{frames} frames are not possible: {rule}, such as {nearest}"));
    }
    told
}

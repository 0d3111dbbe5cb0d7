//! A family of models: what its data file says.

use crate::{
    figure::{Day, Setting, Source},
    names::{Medium, Runs, VaeKind},
    recommend::{Need, Style},
    resolve::Pattern,
    variant::Variant,
};

/// Models of one name and architecture, which share files and rules.
///
/// What the data does not know is `None` or empty, never a guess.
///
/// ```
/// use model_registry::{Medium, Registry, Runs};
/// # let texts = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/texts.rs"));
/// let registry = Registry::load(texts)?;
/// let fox = registry.family("fox-1").unwrap();
/// assert_eq!((fox.title.as_str(), fox.makes, fox.runs), ("Fox 1", Medium::Image, Runs::Local));
/// # Ok::<(), model_registry::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Family {
    /// The name by which tools call it; that of its file.
    pub name: String,
    /// The name for people.
    pub title: String,
    /// What it makes.
    pub makes: Medium,
    /// Where it runs.
    pub runs: Runs,
    /// Other names that people use.
    pub aliases: Vec<String>,
    /// How the files of its diffusion models are called.
    pub patterns: Vec<Pattern>,
    /// What a person should know besides.
    pub note: Option<String>,
    /// How prompts for it are written, where its makers say so.
    pub prompt: Option<Setting<String>>,
    /// The looks that it is made for, where it is made for some.
    pub styles: Vec<Setting<Style>>,
    /// What it can meet that not every model of its tasks can.
    pub meets: Vec<Setting<Need>>,
    /// What one may do with it.
    pub licence: Licence,
    /// The day by which it was out: that of its first official template. It may be older.
    pub released_by: Option<Setting<Day>>,
    /// The family that took its place, by name.
    pub superseded_by: Option<Setting<String>>,
    /// What its memory use is computed from.
    pub memory: Option<Memory>,
    /// The shape of its latents.
    pub geometry: Option<Geometry>,
    /// Every file that its variants use. Empty where it runs at a service.
    pub files: Vec<ModelFile>,
    /// What it can do and how, in the order of the data file.
    pub variants: Vec<Variant>,
}

impl Family {
    /// The variant of a name.
    pub fn variant(&self, name: &str) -> Option<&Variant> {
        self.variants.iter().find(|variant| variant.name == name)
    }

    /// The file of a name, which has no folder.
    pub fn file(&self, name: &str) -> Option<&ModelFile> {
        self.files.iter().find(|file| file.name == name)
    }
}

/// What one may do with a model.
///
/// ```
/// use model_registry::{Licence, Registry};
/// # let texts = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/texts.rs"));
/// let registry = Registry::load(texts)?;
/// assert_eq!(registry.family("fox-1").unwrap().licence, Licence::Unknown);
/// # Ok::<(), model_registry::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Licence {
    /// Nobody has looked it up.
    Unknown,
    /// It has this one.
    Known {
        /// Its name.
        name: String,
        /// Whether it allows commercial use, where that is known.
        commercial: Option<bool>,
        /// Where that comes from.
        source: Source,
    },
}

/// What ComfyUI computes a model's memory use from.
///
/// ```
/// use model_registry::Registry;
/// # let texts = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/texts.rs"));
/// let registry = Registry::load(texts)?;
/// assert!(registry.family("fox-1").unwrap().memory.is_none());
/// # Ok::<(), model_registry::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Memory {
    /// The model class in ComfyUI.
    pub class: String,
    /// The memory usage factor, where it is the same for all variants and known.
    pub factor: Option<Setting<f64>>,
    /// Which arithmetic its VAE has, where that is known.
    pub vae: Option<Setting<VaeKind>>,
    /// Whether reference pictures count as further latents.
    pub references: Option<Setting<bool>>,
    /// Whether picture and sound are sampled as one row of numbers, where channels count too.
    pub packed: Option<Setting<bool>>,
}

/// The shape of a model's latents.
///
/// ```
/// use model_registry::Registry;
/// # let texts = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/texts.rs"));
/// let registry = Registry::load(texts)?;
/// let geometry = registry.family("fox-1").unwrap().geometry.as_ref().unwrap();
/// assert_eq!((geometry.channels, geometry.spatial, geometry.temporal), (16, Some(8), None));
/// # Ok::<(), model_registry::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Geometry {
    /// Numbers at each place.
    pub channels: u32,
    /// Pixels in each direction that become one place; none where there are no pixels.
    pub spatial: Option<u32>,
    /// Frames, or samples of sound, that become one place; none where there is no time.
    pub temporal: Option<u32>,
    /// Where that comes from.
    pub source: Source,
}

/// A file of weights.
///
/// ```
/// use model_registry::Registry;
/// # let texts = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/texts.rs"));
/// let registry = Registry::load(texts)?;
/// let file = &registry.family("fox-1").unwrap().files[0];
/// assert_eq!((file.folder.as_str(), file.name.as_str()), ("diffusion_models", "fox_1_bf16.safetensors"));
/// # Ok::<(), model_registry::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ModelFile {
    /// Its name, without folder.
    pub name: String,
    /// The folder of ComfyUI that it belongs into.
    pub folder: String,
    /// Where it can be had.
    pub url: String,
    /// Other places that official templates give for it.
    pub other_urls: Vec<String>,
    /// The SHA-256 of its bytes, in small hexadecimal letters, where known.
    pub sha256: Option<String>,
    /// About how large it is, in 10⁹ bytes, where known.
    pub gigabytes: Option<Setting<f64>>,
    /// Where all that comes from.
    pub source: Source,
}

impl ModelFile {
    /// About how large it is, in bytes, where known.
    pub fn bytes(&self) -> Option<u64> {
        let bytes = self.gigabytes.as_ref()?.value * 1e9;
        #[expect(
            clippy::as_conversions,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the range is checked"
        )]
        (0.0..1e15).contains(&bytes).then_some(bytes as u64)
    }
}

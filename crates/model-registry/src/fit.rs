//! Which files go with which family.

use std::collections::BTreeSet;

use crate::{
    family::Family,
    registry::Registry,
    resolve::{file_name, folded},
    variant::Variant,
};

/// Whether a file goes with a family.
///
/// ```
/// use model_registry::{Fit, Registry};
/// # let texts = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/texts.rs"));
/// let registry = Registry::load(texts)?;
/// let fox = registry.family("fox-1").unwrap();
/// assert_eq!(registry.fit(fox, "fox_encoder.safetensors"), Fit::Known);
/// assert_eq!(registry.fit(fox, "my_own_lora.safetensors"), Fit::Unknown);
/// assert!(matches!(registry.fit(fox, "fox_video_smooth.safetensors"), Fit::Foreign { .. }));
/// # Ok::<(), model_registry::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Fit<'r> {
    /// The family uses it.
    Known,
    /// A family that is built alike uses it, which often works.
    Likely {
        /// The families that use it.
        users: Vec<&'r Family>,
    },
    /// Only families that are built differently use it.
    Foreign {
        /// The families that use it.
        users: Vec<&'r Family>,
    },
    /// Nothing is known of the file.
    Unknown,
}

impl Registry {
    /// Whether a file goes with a family: a text encoder, a VAE, a LoRA, a ControlNet.
    pub fn fit<'r>(&'r self, family: &Family, file: &str) -> Fit<'r> {
        let users: Vec<_> = self.users(file_name(file)).collect();
        if users.iter().any(|user| user.name == family.name) {
            Fit::Known
        } else if users.is_empty() {
            Fit::Unknown
        } else if users.iter().any(|user| family.is_built_like(user)) {
            Fit::Likely { users }
        } else {
            Fit::Foreign { users }
        }
    }
}

impl Family {
    /// The encoder types that its text encoders are loaded with, in order. Empty where the
    /// encoder comes with the checkpoint.
    pub fn encoder_types(&self) -> BTreeSet<&str> {
        self.variants.iter().flat_map(Variant::encoder_types).collect()
    }

    /// The nodes that make its empty latents.
    pub fn latent_nodes(&self) -> BTreeSet<&str> {
        let latents = self.variants.iter().filter_map(|variant| variant.latent.as_ref());
        latents.map(|latent| latent.node.as_str()).collect()
    }

    /// The names of its files in one folder of ComfyUI.
    ///
    /// ```
    /// use model_registry::Registry;
    /// # let texts = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/texts.rs"));
    /// let registry = Registry::load(texts)?;
    /// let encoders: Vec<_> = registry.family("fox-1").unwrap().files_in("text_encoders").collect();
    /// assert_eq!(encoders, ["fox_encoder.safetensors"]);
    /// # Ok::<(), model_registry::Error>(())
    /// ```
    pub fn files_in(&self, folder: &str) -> impl Iterator<Item = &str> {
        let files = self.files.iter().filter(move |file| file.folder == folder);
        files.map(|file| file.name.as_str())
    }

    /// Whether another family has latents of the same shape and reads text through the same kind
    /// of encoder. Where the data knows neither of one of them, they are not alike.
    fn is_built_like(&self, other: &Self) -> bool {
        let shape = |family: &Self| {
            family.geometry.as_ref().map(|shape| (shape.channels, shape.spatial, shape.temporal))
        };
        let same_shape = shape(self).is_some() && shape(self) == shape(other);
        let (own, others) = (self.encoder_types(), other.encoder_types());
        let same_class = |one: &Self| one.memory.as_ref().map(|memory| folded(&memory.class));
        let no_encoders = own.is_empty() && others.is_empty();
        same_shape
            && (own.intersection(&others).next().is_some()
                || no_encoders
                    && same_class(self).is_some()
                    && same_class(self) == same_class(other))
    }
}

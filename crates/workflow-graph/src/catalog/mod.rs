//! What node classes a server has, read from its `/object_info`.

mod class;
mod input;
mod read;
mod replacement;

use std::{borrow::Borrow, fmt, ops::Deref, sync::Arc};

use indexmap::IndexMap;
use thiserror::Error;

use crate::json::{Json, ParseError};

pub use self::{
    class::{Generation, NodeClass, OutputSpec},
    input::{Autogrow, Category, Combo, DynamicOption, InputKind, InputSpec, MatchType},
    replacement::{NodeReplacement, ReplacedInput},
};

/// A name that is held once however often it occurs: of a class, an input, an output or a type.
///
/// ```
/// use workflow_graph::catalog::Name;
/// let name = Name::from("KSampler");
/// assert_eq!(name, "KSampler");
/// assert_eq!(name.to_string(), "KSampler");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Arc<str>);

/// Every node class of a server: inputs in order, outputs, flags. Cloning it shares it.
///
/// ```
/// use workflow_graph::catalog::NodeCatalog;
///
/// let catalog = NodeCatalog::from_bytes(br#"{"Invert": {
///     "input": {"required": {"image": ["IMAGE"], "mode": [["soft", "hard"], {"default": "soft"}]}},
///     "output": ["IMAGE"], "output_node": false}}"#)?;
/// let class = catalog.class("Invert").unwrap();
/// assert_eq!(class.input("image").unwrap().type_name(), Some("IMAGE"));
/// assert_eq!(class.input("mode").unwrap().choices().unwrap().len(), 2);
/// assert!(catalog.class("NoSuchNode").is_none());
/// # Ok::<(), workflow_graph::catalog::CatalogError>(())
/// ```
#[derive(Clone, Debug)]
pub struct NodeCatalog {
    shared: Arc<Shared>,
}

#[derive(Clone, Debug)]
struct Shared {
    classes: IndexMap<Name, NodeClass>,
    unreadable: Vec<Name>,
    replacements: IndexMap<Name, Vec<NodeReplacement>>,
}

/// Why a text is not the answer of `/object_info`.
///
/// ```
/// use workflow_graph::catalog::NodeCatalog;
/// let error = NodeCatalog::from_bytes(b"[]").unwrap_err();
/// assert_eq!(error.to_string(), "node definitions must be an object of classes, but are a list");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// The text is not JSON.
    #[error("node definitions cannot be read")]
    NotJson {
        /// Where and why.
        #[source]
        source: ParseError,
    },
    /// The JSON is not an object.
    #[error("node definitions must be an object of classes, but are {found}")]
    NotAnObject {
        /// The kind of value, in words.
        found: &'static str,
    },
    /// No member of the object reads as a node class: the answer of another route, or an error.
    #[error("node definitions hold no class with `input` and `output`; they have {}", have.join(", "))]
    NoClasses {
        /// The first names that are there.
        have: Vec<String>,
    },
}

impl NodeCatalog {
    /// Reads the body of `GET /object_info`, in the spelling of any ComfyUI since 0.3.
    pub fn from_bytes(text: &[u8]) -> Result<Self, CatalogError> {
        let json = Json::parse(text).map_err(|source| CatalogError::NotJson { source })?;
        Self::from_json(json)
    }

    /// Reads the parsed body; it is taken by value because its parts are kept, not copied.
    pub fn from_json(json: Json) -> Result<Self, CatalogError> {
        let (classes, unreadable) = read::classes(json)?;
        Ok(Self { shared: Arc::new(Shared { classes, unreadable, replacements: IndexMap::new() }) })
    }

    /// The same catalog with the body of `GET /node_replacements`: what a server puts in the
    /// place of a class that it no longer has. Entries that do not read are left out.
    #[must_use]
    pub fn with_replacements(self, json: &Json) -> Self {
        let mut shared = Arc::unwrap_or_clone(self.shared);
        shared.replacements = replacement::read(json);
        Self { shared: Arc::new(shared) }
    }

    /// One class.
    pub fn class(&self, name: &str) -> Option<&NodeClass> {
        self.shared.classes.get(name)
    }

    /// All classes, in the server's order.
    pub fn classes(&self) -> impl ExactSizeIterator<Item = &NodeClass> {
        self.shared.classes.values()
    }

    /// The classes whose definition is not an object, so that nothing is known of them.
    pub fn unreadable(&self) -> &[Name] {
        &self.shared.unreadable
    }

    /// What takes the place of a class, best first. A class may be here and still exist.
    pub fn replacements(&self, class: &str) -> &[NodeReplacement] {
        self.shared.replacements.get(class).map_or(&[], Vec::as_slice)
    }

    /// Whether both are the same shared catalog; a cheap test before comparing what was built
    /// from it.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl Name {
    /// The text of the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        *self.0 == *other
    }
}

impl PartialEq<&str> for Name {
    fn eq(&self, other: &&str) -> bool {
        *self.0 == **other
    }
}

#[cfg(test)]
mod tests;

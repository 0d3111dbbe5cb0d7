//! What a workflow is held against.

use workflow_graph::{Json, catalog::NodeCatalog};

use super::Rules;
use crate::{
    error::{Error, FailureCode},
    failure,
};

/// The node classes of a server, and whose rules count. Cloning it shares it.
///
/// ```
/// use mediafactory::workflows::{Rulebook, Rules};
/// let error = Rulebook::from_bytes(b"[]", Rules::V0_33).unwrap_err();
/// assert_eq!(error.to_string(), "node definitions must be an object of classes, but are a list");
/// ```
#[derive(Clone, Debug)]
pub struct Rulebook {
    pub(super) catalog: NodeCatalog,
    pub(super) rules: Rules,
}

/// More than any server answers: one with every known pack has a fifth of it.
const DEFINITIONS_BYTES_MAX: usize = 256 * 1024 * 1024;

impl Rulebook {
    /// Reads the body of `GET /object_info` as it was saved to a file, of at most 256 MiB.
    pub fn from_bytes(object_info: &[u8], rules: Rules) -> Result<Self, Error> {
        if object_info.len() > DEFINITIONS_BYTES_MAX {
            let message = format!("node definitions have more than {DEFINITIONS_BYTES_MAX} bytes");
            return Err(Error::new(FailureCode::LimitExceeded, message));
        }
        let catalog = NodeCatalog::from_bytes(object_info).map_err(unreadable)?;
        Ok(Self { catalog, rules })
    }

    /// Takes the body of `GET /object_info`, and that of `GET /node_replacements` where there is
    /// one.
    pub(crate) fn new(
        object_info: Json,
        replacements: Option<Json>,
        rules: Rules,
    ) -> Result<Self, Error> {
        let catalog = NodeCatalog::from_json(object_info).map_err(unreadable)?;
        let catalog = match replacements {
            Some(replacements) => catalog.with_replacements(&replacements),
            None => catalog,
        };
        Ok(Self { catalog, rules })
    }

    /// The same with the body of `GET /node_replacements`: what the server puts in the place of
    /// classes that it no longer has.
    #[must_use]
    pub fn with_replacements(self, replacements: &Json) -> Self {
        Self { catalog: self.catalog.with_replacements(replacements), rules: self.rules }
    }

    pub(crate) fn catalog(&self) -> &NodeCatalog {
        &self.catalog
    }

    /// How many node classes it knows.
    pub fn class_count(&self) -> usize {
        self.catalog.classes().len()
    }
}

fn unreadable(error: workflow_graph::catalog::CatalogError) -> Error {
    let causes = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
    failure::argument(format!("{error}{}", causes.unwrap_or_default()))
        .with_hint("it should be what the server answers on /object_info")
        .with_source(error)
}

//! Identifiers: opaque, never empty.

use std::{fmt, str::FromStr};

use thiserror::Error;

/// A text that cannot be an identifier.
///
/// ```
/// use workflow_graph::NodeId;
/// assert_eq!("".parse::<NodeId>().unwrap_err().to_string(), "a node id must not be empty");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("a {what} must not be empty")]
pub struct InvalidId {
    what: &'static str,
}

/// The key of one node in an API-format workflow: opaque, never empty. It is often a decimal
/// number, but the nodes of a subgraph use `57:8` and nodes made at run time `12.0.0.3`.
///
/// ```
/// use workflow_graph::NodeId;
/// assert_eq!("57:8".parse::<NodeId>()?.as_str(), "57:8");
/// assert!("".parse::<NodeId>().is_err());
/// # Ok::<(), workflow_graph::InvalidId>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(Box<str>);

/// The class of a node, such as `KSampler`: opaque, never empty.
///
/// ```
/// use workflow_graph::ClassType;
/// assert_eq!("KSampler".parse::<ClassType>()?.as_str(), "KSampler");
/// assert!("".parse::<ClassType>().is_err());
/// # Ok::<(), workflow_graph::InvalidId>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClassType(Box<str>);

macro_rules! opaque_id {
    ($name:ident, $what:literal) => {
        impl $name {
            /// The text of the identifier.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                if text.is_empty() {
                    return Err(InvalidId { what: $what });
                }
                Ok(Self(text.into()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

opaque_id!(NodeId, "node id");
opaque_id!(ClassType, "node class");

impl ClassType {
    /// A class of ComfyUI's own, by its name; never empty.
    pub(crate) fn own(name: &'static str) -> Self {
        Self(name.into())
    }
}

impl NodeId {
    pub(crate) fn from_number(number: u64) -> Self {
        Self(number.to_string().into())
    }
}

//! Identifiers that this side chooses.

use std::{fmt, str::FromStr};

use thiserror::Error;
use uuid::Uuid;

/// The id of one submitted workflow, chosen by the client so that a submission whose reply was
/// lost can be looked up. ComfyUI takes only the canonical spelling of a UUID: lowercase, with
/// hyphens. So does this type, and it prints nothing else.
///
/// ```
/// use comfy_client::PromptId;
///
/// let id: PromptId = "550e8400-e29b-41d4-a716-446655440000".parse()?;
/// assert_eq!(id.to_string(), "550e8400-e29b-41d4-a716-446655440000");
/// assert!("550E8400-E29B-41D4-A716-446655440000".parse::<PromptId>().is_err());
/// assert!("550e8400e29b41d4a716446655440000".parse::<PromptId>().is_err());
/// assert!("7".parse::<PromptId>().is_err());
/// # Ok::<(), comfy_client::InvalidPromptId>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PromptId(Uuid);

/// A text that ComfyUI would not take as a prompt id.
///
/// ```
/// use comfy_client::PromptId;
/// assert_eq!(
///     "7".parse::<PromptId>().unwrap_err().to_string(),
///     "`7` is not a prompt id: it must be a UUID in lowercase with hyphens"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{text}` is not a prompt id: it must be a UUID in lowercase with hyphens")]
pub struct InvalidPromptId {
    /// The beginning of what was given.
    text: String,
}

/// How much of a refused id an error repeats.
const REFUSED_CHARS_SHOWN: usize = 64;

impl PromptId {
    /// The id with this value; any version of UUID will do.
    pub fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The value.
    pub fn as_uuid(&self) -> Uuid {
        self.0
    }

    /// Whether a text that a server sent names this prompt. Old servers let other clients use
    /// any text as an id, so such a text is not always a `PromptId` itself.
    pub fn names(&self, text: &str) -> bool {
        text.parse() == Ok(*self)
    }
}

impl FromStr for PromptId {
    type Err = InvalidPromptId;

    fn from_str(text: &str) -> Result<Self, InvalidPromptId> {
        match Uuid::try_parse(text) {
            Ok(uuid) if uuid.hyphenated().to_string() == text => Ok(Self(uuid)),
            Ok(_) | Err(_) => {
                Err(InvalidPromptId { text: text.chars().take(REFUSED_CHARS_SHOWN).collect() })
            }
        }
    }
}

impl fmt::Display for PromptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// The name under which one WebSocket is registered at a server. Events of a submission that
/// carries it go to that socket only. Two sockets must never share one: the server forgets both
/// when the older closes.
///
/// ```
/// use comfy_client::ClientId;
/// assert_ne!(ClientId::fresh(), ClientId::fresh());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientId(Uuid);

impl ClientId {
    /// A random id.
    pub fn fresh() -> Self {
        Self(Uuid::new_v4())
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

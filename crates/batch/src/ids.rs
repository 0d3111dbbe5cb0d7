//! The name of a job, which is also ComfyUI's prompt id.

use std::{fmt, str::FromStr};

use thiserror::Error;
use uuid::Uuid;

/// The id of one job. It is chosen before ComfyUI hears of the job and is sent as its
/// `prompt_id`, so that a lost reply can be answered by looking the prompt up.
///
/// Its text is the canonical lower-case UUID, and no other spelling is read: ComfyUI compares
/// prompt ids as text, so two spellings would be two prompts there.
///
/// ```
/// use batch::JobId;
/// let text = "0197f1ce-3c5a-7000-8000-00000000002a";
/// assert_eq!(text.parse::<JobId>()?.to_string(), text);
/// assert!("0197F1CE-3C5A-7000-8000-00000000002A".parse::<JobId>().is_err());
/// assert!("0197f1ce3c5a7000800000000000002a".parse::<JobId>().is_err());
/// # Ok::<(), batch::InvalidJobId>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(Uuid);

/// A text that is not the id of a job.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{}` is no job id; one is a lower-case UUID such as 0197f1ce-3c5a-7000-8000-00000000002a", .text.escape_debug())]
pub struct InvalidJobId {
    /// The text as it was given, cut after [`InvalidJobId::TEXT_CHARS_MAX`] characters.
    pub text: String,
}

impl InvalidJobId {
    /// How much of a refused text is repeated: enough to recognize it, too little to flood a log.
    pub const TEXT_CHARS_MAX: usize = 64;
}

impl JobId {
    /// The id as a UUID.
    pub fn as_uuid(&self) -> Uuid {
        self.0
    }
}

impl From<Uuid> for JobId {
    fn from(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl FromStr for JobId {
    type Err = InvalidJobId;

    fn from_str(text: &str) -> Result<Self, InvalidJobId> {
        Uuid::try_parse(text).ok().map(Self).filter(|id| id.to_string() == text).ok_or_else(|| {
            InvalidJobId { text: text.chars().take(InvalidJobId::TEXT_CHARS_MAX).collect() }
        })
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// Who drives jobs: one process, for as long as it lives.
///
/// ```
/// use batch::OwnerId;
/// let owner = OwnerId::random();
/// assert_eq!(owner.to_string().len(), 36);
/// assert_ne!(owner, OwnerId::random());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OwnerId(Uuid);

impl OwnerId {
    /// An owner that nobody else is.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl fmt::Display for OwnerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

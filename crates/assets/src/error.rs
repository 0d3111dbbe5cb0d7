//! What can go wrong with blobs, assets and previews.

use std::{error, io, path::PathBuf};

use thiserror::Error;
use uuid::Uuid;

use crate::{AssetId, BlobDigest};

/// An error of someone else's making, kept as a source.
pub type BoxError = Box<dyn error::Error + Send + Sync>;

/// Why something about blobs, assets or previews was not done.
///
/// ```
/// use assets::{Error, Retry};
/// let error = "no digest".parse::<assets::BlobDigest>().unwrap_err();
/// assert_eq!(error.to_string(), "`no digest` is no blob digest; one is 64 lower-case hexadecimal digits");
/// assert_eq!(error.retry(), Retry::Never);
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// A text that should name a thing does not have that thing's form.
    #[error("`{}` is no {what}; one is {expected}", .text.escape_debug())]
    InvalidId {
        /// What it should name.
        what: &'static str,
        /// The text, cut after 80 characters.
        text: String,
        /// The form that is read.
        expected: &'static str,
    },
    /// The cursor of a page was made up or changed.
    #[error(
        "that is no cursor; pass the `next_cursor` of the page before unchanged, or none for the first page"
    )]
    InvalidCursor,
    /// A file or folder could not be used.
    #[error("cannot {doing} {}", .path.display())]
    Io {
        /// What was tried, as a verb: `write`.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The bytes stopped coming; nothing was stored.
    #[error("the bytes to store stopped coming after {received_bytes} bytes")]
    Incoming {
        /// How many had come until then.
        received_bytes: u64,
        /// What the sender says.
        #[source]
        source: BoxError,
    },
    /// More bytes came than the caller allows; nothing was stored.
    #[error("the bytes to store are more than the limit of {limit_bytes} bytes")]
    TooLarge {
        /// The limit.
        limit_bytes: u64,
    },
    /// No blob has this digest.
    #[error("there is no blob {digest}")]
    NoSuchBlob {
        /// The digest that was asked for.
        digest: BlobDigest,
    },
    /// What is stored under a digest are other bytes than were stored there.
    #[error(
        "blob {digest} is damaged: its bytes now have the digest {found}; remove it and fetch the result again"
    )]
    DamagedBlob {
        /// The digest under which the bytes were stored.
        digest: BlobDigest,
        /// The digest of the bytes that are there.
        found: BlobDigest,
    },
    /// The id of a new asset is already that of another; nothing was inserted.
    #[error(
        "asset {id} is already recorded, for another output; every asset needs an id of its own"
    )]
    DuplicateId {
        /// The id that is taken.
        id: AssetId,
    },
    /// An output is already recorded with other bytes; nothing was inserted.
    #[error(
        "output {output_index} of node {node} of job {job} is already recorded as asset {id}, with other bytes"
    )]
    OutputTaken {
        /// The asset that stands.
        id: AssetId,
        /// The job of the output.
        job: Uuid,
        /// The node of the output.
        node: String,
        /// Which of the node's outputs.
        output_index: u32,
    },
    /// What is stored of an asset cannot be read.
    #[error("what is stored of asset {id} cannot be read: {problem}")]
    DamagedAsset {
        /// The asset, as the store spells it.
        id: String,
        /// Which part of it, and why.
        problem: String,
    },
    /// The store of assets itself failed. Whether a write happened is not known.
    #[error("the asset store cannot {doing}")]
    Backend {
        /// What it was doing.
        doing: &'static str,
        /// What went wrong there.
        #[source]
        source: BoxError,
    },
    /// The bytes are no picture, or a broken one.
    #[error("these bytes are not a picture that can be shown; PNG, JPEG, WebP and GIF can")]
    NotAPicture {
        /// What the decoder says.
        #[source]
        source: BoxError,
    },
    /// The picture is larger than one that is decoded, whatever its bytes claim to hold.
    #[error(
        "the picture has {width} × {height} pixels; a preview is made of at most {pixels_max} pixels"
    )]
    PictureTooLarge {
        /// Its width in pixels.
        width: u32,
        /// Its height in pixels.
        height: u32,
        /// The most pixels that are decoded.
        pixels_max: u64,
    },
    /// Decoding the picture would take too much memory.
    #[error("decoding the picture takes more than the limit of {memory_bytes_max} bytes")]
    PictureMemory {
        /// The limit.
        memory_bytes_max: u64,
        /// What the decoder says.
        #[source]
        source: BoxError,
    },
    /// The picture could not be written as a preview.
    #[error("cannot write the preview of a picture")]
    Encode {
        /// What the encoder says.
        #[source]
        source: BoxError,
    },
    /// Not even the smallest preview fits.
    #[error("no preview fits into {size_bytes_max} bytes; the smallest one takes {smallest_bytes}")]
    PreviewBudget {
        /// The limit.
        size_bytes_max: usize,
        /// How many bytes the smallest attempt has.
        smallest_bytes: usize,
    },
}

/// What a caller may do after an [`Error`](enum@Error).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The same call fails again.
    Never,
    /// The same call may work later, and repeating it does no harm.
    Later,
    /// The same call works when a person has made room on the disk.
    AfterFreeingSpace,
    /// The same call works when a person has given this program access.
    AfterGrantingAccess,
}

impl Error {
    /// What a caller may do next. Every operation of this crate may be repeated: blobs are named
    /// by their bytes, and an output is recorded once.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Io { source, .. } => after_io_error(source.kind()),
            Self::Incoming { .. } | Self::Backend { .. } => Retry::Later,
            Self::InvalidId { .. }
            | Self::InvalidCursor
            | Self::TooLarge { .. }
            | Self::NoSuchBlob { .. }
            | Self::DamagedBlob { .. }
            | Self::DuplicateId { .. }
            | Self::OutputTaken { .. }
            | Self::DamagedAsset { .. }
            | Self::NotAPicture { .. }
            | Self::PictureTooLarge { .. }
            | Self::PictureMemory { .. }
            | Self::Encode { .. }
            | Self::PreviewBudget { .. } => Retry::Never,
        }
    }

    pub(crate) fn invalid_id(what: &'static str, text: &str, expected: &'static str) -> Self {
        Self::InvalidId { what, text: text.chars().take(80).collect(), expected }
    }
}

fn after_io_error(kind: io::ErrorKind) -> Retry {
    use io::ErrorKind as K;
    if matches!(kind, K::StorageFull | K::QuotaExceeded) {
        Retry::AfterFreeingSpace
    } else if matches!(kind, K::PermissionDenied | K::ReadOnlyFilesystem) {
        Retry::AfterGrantingAccess
    } else {
        Retry::Later
    }
}

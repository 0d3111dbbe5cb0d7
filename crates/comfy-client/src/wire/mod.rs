//! ComfyUI's WebSocket protocol without a socket: frames in, messages out.
//!
//! ```
//! use comfy_client::wire::{Message, decode_text};
//!
//! let frame = r#"{"type": "status", "data": {"status": {"exec_info": {"queue_remaining": 2}}}}"#;
//! assert_eq!(
//!     decode_text(frame.as_bytes())?,
//!     Message::Status { queue_remaining: Some(2), session: None }
//! );
//! # Ok::<(), comfy_client::wire::DecodeError>(())
//! ```
//!
//! No frame makes this panic, and a frame of an unknown kind, or of a known kind with data that
//! lack what it needs, is kept and not an error: node packs send their own. An error means that
//! the frame is not in the protocol's envelope at all.

mod binary;
mod states;
mod text;

use thiserror::Error;
use workflow_graph::json::ParseError;

pub use self::{
    binary::{Binary, PreviewImage, decode_binary},
    states::NodeStateReader,
    text::{Message, NodeProgress, NodeState, decode_text, feature_flags},
};

/// Why a frame is not a message.
///
/// ```
/// use comfy_client::wire::decode_binary;
/// use bytes::Bytes;
/// assert_eq!(
///     decode_binary(&Bytes::from_static(&[0, 0])).unwrap_err().to_string(),
///     "a binary frame of 2 bytes ends before its event number"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// A text frame is not JSON.
    #[error("a text frame of {len} bytes is not JSON")]
    NotJson {
        /// Its length in bytes.
        len: usize,
        /// Where it stops being JSON.
        #[source]
        source: ParseError,
    },
    /// A text frame is JSON without the envelope.
    #[error("a text frame must be an object with a text `type`, and this is {found}")]
    NoEnvelope {
        /// What it is.
        found: &'static str,
    },
    /// A binary frame is too short for what it announces.
    #[error("a binary frame of {len} bytes ends before its {field}")]
    Truncated {
        /// Its length in bytes.
        len: usize,
        /// What is missing or cut off.
        field: &'static str,
    },
    /// The metadata in a binary frame are not JSON.
    #[error("the metadata of a preview are not JSON")]
    Metadata {
        /// Where they stop being JSON.
        #[source]
        source: ParseError,
    },
}

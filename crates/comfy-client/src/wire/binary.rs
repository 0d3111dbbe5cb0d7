//! Binary frames: a number that says what follows, then that. Integers are big-endian.

use bytes::Bytes;
use workflow_graph::{Json, NodeId};

use super::{DecodeError, text::node_id};

/// One binary message of a server.
///
/// ```
/// use bytes::Bytes;
/// use comfy_client::wire::{Binary, decode_binary};
///
/// let frame = Bytes::from_static(b"\0\0\0\x03\0\0\0\x01" );
/// assert!(decode_binary(&frame).is_err());
/// let frame = Bytes::from_static(b"\0\0\0\x03\0\0\0\x027:hello");
/// assert_eq!(
///     decode_binary(&frame)?,
///     Binary::Text { node: "7:".parse().ok(), text: "hello".to_owned() }
/// );
/// # Ok::<(), comfy_client::wire::DecodeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Binary {
    /// A picture of unknown origin: it belongs to what runs for this socket.
    Preview(PreviewImage),
    /// A text to show at a node. It names no prompt and goes to every socket.
    Text {
        /// The node.
        node: Option<NodeId>,
        /// The text.
        text: String,
    },
    /// A picture that says where it comes from.
    PreviewWithMetadata {
        /// The picture.
        image: PreviewImage,
        /// The prompt.
        prompt: Option<String>,
        /// The node; it may be one that another node made at run time.
        node: Option<NodeId>,
        /// The node of the submitted workflow that it stands for.
        display_node: Option<NodeId>,
    },
    /// Anything else, as it was sent.
    Unknown {
        /// The number that says what it is.
        event: u32,
        /// What follows.
        bytes: Bytes,
    },
}

/// A picture that a node sent while it ran: a preview in JPEG, or, as PNG, often a result of
/// `SaveImageWebsocket` that is stored nowhere else.
///
/// ```
/// use bytes::Bytes;
/// use comfy_client::wire::PreviewImage;
/// let image = PreviewImage { media_type: "image/png".to_owned(), bytes: Bytes::new() };
/// assert!(image.is_png());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviewImage {
    /// What it is: `image/jpeg` or `image/png`, or what the server says.
    pub media_type: String,
    /// The file.
    pub bytes: Bytes,
}

impl PreviewImage {
    /// Whether it is a PNG.
    pub fn is_png(&self) -> bool {
        self.media_type == "image/png"
    }
}

/// Decodes one binary frame. The pictures share its memory.
pub fn decode_binary(frame: &Bytes) -> Result<Binary, DecodeError> {
    let mut reader = Reader { rest: frame.clone(), len: frame.len() };
    Ok(match reader.number("event number")? {
        1 => {
            let media_type = match reader.number("image format")? {
                1 => "image/jpeg".to_owned(),
                2 => "image/png".to_owned(),
                other => format!("application/octet-stream; comfyui-format={other}"),
            };
            Binary::Preview(PreviewImage { media_type, bytes: reader.rest })
        }
        3 => {
            let node = reader.block("node id")?;
            Binary::Text {
                node: String::from_utf8_lossy(&node).parse().ok(),
                text: String::from_utf8_lossy(&reader.rest).into_owned(),
            }
        }
        4 => {
            let metadata = reader.block("metadata")?;
            let metadata =
                Json::parse_deep(&metadata).map_err(|source| DecodeError::Metadata { source })?;
            let text = |name| metadata.get(name).and_then(Json::as_str).map(ToOwned::to_owned);
            let media_type =
                text("image_type").unwrap_or_else(|| "application/octet-stream".to_owned());
            Binary::PreviewWithMetadata {
                prompt: text("prompt_id"),
                node: metadata.get("node_id").and_then(node_id),
                display_node: metadata.get("display_node_id").and_then(node_id),
                image: PreviewImage { media_type, bytes: reader.rest },
            }
        }
        event => Binary::Unknown { event, bytes: reader.rest },
    })
}

struct Reader {
    rest: Bytes,
    len: usize,
}

impl Reader {
    fn number(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        let truncated = DecodeError::Truncated { len: self.len, field };
        let digits: [u8; 4] = *self.rest.first_chunk().ok_or(truncated)?;
        self.rest = self.rest.slice(digits.len()..);
        Ok(u32::from_be_bytes(digits))
    }

    /// A block that begins with its length.
    fn block(&mut self, field: &'static str) -> Result<Bytes, DecodeError> {
        let truncated = DecodeError::Truncated { len: self.len, field };
        let length = usize::try_from(self.number(field)?).map_err(|_| truncated.clone())?;
        if length > self.rest.len() {
            return Err(truncated);
        }
        Ok(self.rest.split_to(length))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(numbers: &[u32], tail: &[u8]) -> Bytes {
        let head = numbers.iter().flat_map(|number| number.to_be_bytes());
        head.chain(tail.iter().copied()).collect()
    }

    #[test]
    fn previews_come_in_two_layouts() {
        let image = |media_type: &str| PreviewImage {
            media_type: media_type.to_owned(),
            bytes: Bytes::from_static(b"pic"),
        };
        assert_eq!(
            decode_binary(&frame(&[1, 1], b"pic")),
            Ok(Binary::Preview(image("image/jpeg")))
        );
        assert_eq!(decode_binary(&frame(&[1, 2], b"pic")), Ok(Binary::Preview(image("image/png"))));
        let metadata = br#"{"node_id": "3.0", "prompt_id": "p", "display_node_id": "3", "image_type": "image/png"}pic"#;
        let length = u32::try_from(metadata.len() - 3).unwrap();
        assert_eq!(
            decode_binary(&frame(&[4, length], metadata)),
            Ok(Binary::PreviewWithMetadata {
                image: image("image/png"),
                prompt: Some("p".to_owned()),
                node: "3.0".parse().ok(),
                display_node: "3".parse().ok(),
            })
        );
    }

    #[test]
    fn what_is_unknown_is_kept_and_what_is_cut_off_is_told() {
        let bytes = Bytes::from_static(b"x");
        assert_eq!(decode_binary(&frame(&[2], b"x")), Ok(Binary::Unknown { event: 2, bytes }));
        let error = decode_binary(&frame(&[4, 100], b"{}")).unwrap_err();
        assert_eq!(error, DecodeError::Truncated { len: 10, field: "metadata" });
        let error = decode_binary(&frame(&[4, u32::MAX], b"")).unwrap_err();
        assert_eq!(error, DecodeError::Truncated { len: 8, field: "metadata" });
        assert!(matches!(decode_binary(&frame(&[4, 1], b"{")), Err(DecodeError::Metadata { .. })));
    }

    proptest! {
        #[test]
        fn no_frame_panics(event in 0_u32..6, tail in proptest::collection::vec(any::<u8>(), 0..40)) {
            drop(decode_binary(&frame(&[event], &tail)));
            drop(decode_binary(&Bytes::from(tail)));
        }
    }
}

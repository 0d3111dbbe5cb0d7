//! What bytes are, by looking at them.
//!
//! A server's word and a file's name are hints from outside; what is stored and shown as a
//! picture is one. Only for text, which has no mark of its own, does the name decide, and never
//! in favor of a type that a browser would run. The one such type is found by its content: an
//! SVG is a picture that may hold scripts, so nothing may show `image/svg+xml` inside a page of
//! its own.

use std::io::Cursor;

use image::ImageReader;

/// The media type of bytes that nothing is known of.
pub const UNKNOWN: &str = "application/octet-stream";

/// How many bytes from the beginning of a file [`sniff`] looks at.
pub const HEAD_BYTES: usize = 4096;

/// The media type of a file, from its first [`HEAD_BYTES`] and, for text, from the ending of its
/// name. A name that promises a picture does not make one.
///
/// ```
/// use assets::media;
/// assert_eq!(media::sniff(b"\x89PNG\r\n\x1a\n....", "fox.txt"), "image/png");
/// assert_eq!(media::sniff(b"{\"a\": 1}", "fox.json"), "application/json");
/// assert_eq!(media::sniff(b"<html>", "fox.html"), "text/plain");
/// assert_eq!(media::sniff(b"\x00\x01", "fox.png"), media::UNKNOWN);
/// ```
pub fn sniff(head: &[u8], file_name: &str) -> &'static str {
    let head = head.get(..HEAD_BYTES).unwrap_or(head);
    by_mark(head).or_else(|| text_type(head, file_name)).unwrap_or(UNKNOWN)
}

/// Width and height in pixels of a PNG, JPEG, WebP or GIF, read from its header: the pixels are
/// neither decoded nor checked. A JPEG may have its header far into the file, so all bytes are
/// wanted.
///
/// ```
/// let gif = b"GIF89a\x40\x00\x20\x00\x80\x00\x00\xff\x00\x00\x00\x00\x00,\x00\x00\x00\x00\x40\x00\x20\x00\x00";
/// assert_eq!(assets::media::picture_size(gif), Some((64, 32)));
/// assert_eq!(assets::media::picture_size(b"no picture"), None);
/// ```
pub fn picture_size(bytes: &[u8]) -> Option<(u32, u32)> {
    ImageReader::new(Cursor::new(bytes)).with_guessed_format().ok()?.into_dimensions().ok()
}

fn by_mark(head: &[u8]) -> Option<&'static str> {
    const MARKS: [(&[u8], &str); 12] = [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"GIF87a", "image/gif"),
        (b"GIF89a", "image/gif"),
        (b"fLaC", "audio/flac"),
        (b"ID3", "audio/mpeg"),
        (b"OggS", "audio/ogg"),
        (b"glTF", "model/gltf-binary"),
        (b"ply\n", "model/ply"),
        (b"ply\r\n", "model/ply"),
        (b"%PDF-", "application/pdf"),
        (b"PK\x03\x04", "application/zip"),
    ];
    let marked = MARKS.iter().find(|(mark, _)| head.starts_with(mark));
    if let Some((_, media_type)) = marked {
        return Some(media_type);
    }
    match (head.get(..4)?, head.get(4..8), head.get(8..12)) {
        (b"RIFF", _, Some(b"WEBP")) => Some("image/webp"),
        (b"RIFF", _, Some(b"WAVE")) => Some("audio/wav"),
        (_, Some(b"ftyp"), Some(brand)) => Some(iso_media_type(brand)),
        ([0x1a, 0x45, 0xdf, 0xa3], _, _) => Some(matroska_type(head)),
        ([0xff, second, ..], _, _) if is_mpeg_audio(*second) => Some("audio/mpeg"),
        _ => None,
    }
}

/// The brand names what an ISO base media file is for; most are video.
fn iso_media_type(brand: &[u8]) -> &'static str {
    match brand {
        b"avif" | b"avis" => "image/avif",
        b"heic" | b"heix" | b"mif1" => "image/heic",
        b"M4A " | b"M4B " => "audio/mp4",
        b"qt  " => "video/quicktime",
        _ => "video/mp4",
    }
}

/// `WebM` is Matroska with this word as its document type, which stands near the beginning.
fn matroska_type(head: &[u8]) -> &'static str {
    let beginning = head.get(..64).unwrap_or(head);
    if beginning.windows(4).any(|word| word == b"webm") { "video/webm" } else { "video/x-matroska" }
}

/// The second byte of an MPEG audio frame: three bits of the sync word, a version that exists,
/// and layer III.
fn is_mpeg_audio(second: u8) -> bool {
    second & 0b1110_0000 == 0b1110_0000
        && second & 0b0001_1000 != 0b0000_1000
        && second & 0b0000_0110 == 0b0000_0010
}

fn text_type(head: &[u8], file_name: &str) -> Option<&'static str> {
    if head.is_empty() || head.contains(&0) {
        return None;
    }
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The head may end inside a character.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(head.get(..error.valid_up_to())?).ok()?
        }
        Err(_) => return None,
    };
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let ending = file_name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    Some(match ending.as_deref() {
        Some("json") if text.starts_with(['{', '[']) => "application/json",
        Some("gltf") if text.starts_with('{') => "model/gltf+json",
        Some("csv") => "text/csv",
        Some("md") => "text/markdown",
        Some("srt") => "application/x-subrip",
        Some("vtt") if text.starts_with("WEBVTT") => "text/vtt",
        _ if is_svg(text) => "image/svg+xml",
        _ => "text/plain",
    })
}

/// Whether the first element is `svg`, behind what XML allows to stand before it.
fn is_svg(text: &str) -> bool {
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let behind = |opening, closing| {
            rest.strip_prefix(opening).and_then(|inside| Some(inside.split_once(closing)?.1))
        };
        let prolog = behind("<?", "?>").or_else(|| behind("<!--", "-->"));
        let Some(next) = prolog.or_else(|| behind("<!DOCTYPE svg", ">")) else { break };
        rest = next;
    }
    let Some(name_ends) = rest.strip_prefix("<svg") else { return false };
    name_ends.starts_with(|character: char| character.is_whitespace() || "/>".contains(character))
}

#[cfg(test)]
mod tests;

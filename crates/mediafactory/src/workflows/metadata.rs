//! What ComfyUI writes into the files it saves: `prompt` and `workflow` as texts.
//!
//! PNG has them as text chunks, WebP and JPEG as EXIF texts that begin with the name. Everything
//! is read within its bounds; what does not read is passed over.

/// The texts of one file, as far as they are there.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Texts {
    pub(super) prompt: Option<String>,
    pub(super) workflow: Option<String>,
    /// Whether one of them is there, but compressed, which ComfyUI never writes.
    pub(super) compressed: bool,
}

impl Texts {
    pub(super) fn put(&mut self, name: &str, text: String) {
        match name {
            "prompt" => self.prompt = Some(text),
            "workflow" => self.workflow = Some(text),
            _ => {}
        }
    }
}

pub(super) const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// The text chunks of a PNG file.
pub(super) fn of_png(bytes: &[u8]) -> Texts {
    let mut texts = Texts::default();
    let mut rest = bytes.get(PNG_SIGNATURE.len()..).unwrap_or_default();
    while let Some((kind, data, after)) = png_chunk(rest) {
        match kind {
            b"tEXt" => {
                if let Some((name, text)) = split(data) {
                    // The encoding of such a chunk is Latin-1, whose characters are those bytes.
                    texts.put(&latin_1(name), latin_1(text));
                }
            }
            b"iTXt" => international(data, &mut texts),
            b"zTXt" => texts.compressed |= split(data).is_some_and(|(name, _)| is_ours(name)),
            b"IEND" => break,
            _ => {}
        }
        rest = after;
    }
    texts
}

/// Type, data, and what follows the checksum.
fn png_chunk(bytes: &[u8]) -> Option<(&[u8; 4], &[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (kind, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (data, rest) = rest.split_at_checked(length)?;
    Some((kind, data, rest.get(CHECKSUM_BYTES..).unwrap_or_default()))
}

const CHECKSUM_BYTES: usize = 4;

fn international(data: &[u8], texts: &mut Texts) {
    let Some((name, [compressed, _method, rest @ ..])) = split(data) else { return };
    if *compressed != 0 {
        texts.compressed |= is_ours(name);
        return;
    }
    let text = split(rest).and_then(|(_language, rest)| split(rest));
    if let Some((_translated, text)) = text {
        texts.put(&latin_1(name), String::from_utf8_lossy(text).into_owned());
    }
}

fn is_ours(name: &[u8]) -> bool {
    matches!(name, b"prompt" | b"workflow")
}

/// What stands before and after the first zero byte.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let zero = bytes.iter().position(|byte| *byte == 0)?;
    let (before, after) = bytes.split_at_checked(zero)?;
    Some((before, after.get(1..)?))
}

fn latin_1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

pub(super) fn is_webp(bytes: &[u8]) -> bool {
    bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP")
}

/// The EXIF chunk of a WebP file.
pub(super) fn of_webp(bytes: &[u8]) -> Texts {
    let mut rest = bytes.get(12..).unwrap_or_default();
    while let Some((kind, after)) = rest.split_first_chunk::<4>() {
        let Some((length, after)) = after.split_first_chunk::<4>() else { break };
        let Ok(length) = usize::try_from(u32::from_le_bytes(*length)) else { break };
        let Some((data, after)) = after.split_at_checked(length) else { break };
        if kind == b"EXIF" {
            return of_exif(data);
        }
        // Chunks begin at even places.
        rest = after.get(length % 2..).unwrap_or_default();
    }
    Texts::default()
}

pub(super) const JPEG_SIGNATURE: &[u8] = b"\xff\xd8\xff";

/// The EXIF segment of a JPEG file.
pub(super) fn of_jpeg(bytes: &[u8]) -> Texts {
    let mut rest = bytes.get(2..).unwrap_or_default();
    while let [0xff, marker, high, low, after @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low])).saturating_sub(2);
        let Some((data, after)) = after.split_at_checked(length) else { break };
        if *marker == 0xe1 && data.starts_with(EXIF_HEADER) {
            return of_exif(data);
        }
        rest = after;
    }
    Texts::default()
}

const EXIF_HEADER: &[u8] = b"Exif\0\0";

/// The texts of the first directory: ComfyUI writes `prompt:{…}` and `workflow:{…}` into tags
/// that mean something else.
fn of_exif(data: &[u8]) -> Texts {
    let tiff = Tiff::new(data.strip_prefix(EXIF_HEADER).unwrap_or(data));
    let mut texts = Texts::default();
    for text in tiff.iter().flat_map(Tiff::texts) {
        if let Some((name, text)) = text.split_once(':') {
            texts.put(name, text.to_owned());
        }
    }
    texts
}

/// The container of EXIF data, in either order of bytes.
struct Tiff<'a> {
    bytes: &'a [u8],
    little: bool,
}

/// The type of a field that is a text.
const TEXT_FIELD: u16 = 2;

/// A text of up to this many bytes stands in the field itself.
const BYTES_IN_FIELD: usize = 4;

impl<'a> Tiff<'a> {
    fn new(bytes: &'a [u8]) -> Option<Self> {
        match bytes.get(..2)? {
            b"II" => Some(Self { bytes, little: true }),
            b"MM" => Some(Self { bytes, little: false }),
            _ => None,
        }
    }

    fn texts(&self) -> Vec<String> {
        let Some(directory) = self.number(4) else { return Vec::new() };
        let count = self.short(directory).unwrap_or(0);
        let fields = (0..usize::from(count)).map(|index| directory + 2 + index * 12);
        fields.filter_map(|field| self.text(field)).collect()
    }

    fn text(&self, field: usize) -> Option<String> {
        if self.short(field + 2)? != TEXT_FIELD {
            return None;
        }
        let length = self.number(field + 4)?;
        let start = if length <= BYTES_IN_FIELD { field + 8 } else { self.number(field + 8)? };
        let text = self.bytes.get(start..start.checked_add(length)?)?;
        let text = text.split(|byte| *byte == 0).next()?;
        Some(String::from_utf8_lossy(text).into_owned())
    }

    fn short(&self, at: usize) -> Option<u16> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    }

    fn number(&self, at: usize) -> Option<usize> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        let number =
            if self.little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) };
        usize::try_from(number).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(kind: &[u8], data: &[u8]) -> Vec<u8> {
        let length = &u32::try_from(data.len()).unwrap().to_be_bytes()[..];
        [length, kind, data, &[0; 4]].concat()
    }

    /// One directory with one text, as Pillow writes it.
    fn exif(text: &str) -> Vec<u8> {
        let length = u32::try_from(text.len() + 1).unwrap();
        let mut tiff = b"II*\0\x08\0\0\0\x01\0\x10\x01\x02\0".to_vec();
        tiff.extend(length.to_le_bytes());
        tiff.extend(26_u32.to_le_bytes());
        tiff.extend([0; 4]);
        tiff.extend(text.as_bytes());
        tiff.push(0);
        tiff
    }

    #[test]
    fn png_texts_of_both_kinds_are_read() {
        let png = [
            PNG_SIGNATURE.to_vec(),
            chunk(b"IHDR", &[0; 13]),
            chunk(b"tEXt", b"prompt\0{\"a\":\"\xe9\"}"),
            chunk(b"iTXt", "workflow\0\0\0\0\0{\"ü\":1}".as_bytes()),
            chunk(b"zTXt", b"other\0\0x"),
            chunk(b"IEND", b""),
            chunk(b"tEXt", b"prompt\0too late"),
        ];
        let texts = of_png(&png.concat());
        assert_eq!(texts.prompt.as_deref(), Some("{\"a\":\"é\"}"));
        assert_eq!(texts.workflow.as_deref(), Some("{\"ü\":1}"));
        assert!(!texts.compressed);
    }

    #[test]
    fn exif_texts_are_read_in_webp_and_jpeg() {
        let exif = exif("prompt:{\"1\":2}");
        let length = u32::try_from(exif.len()).unwrap().to_le_bytes();
        let webp = [b"RIFF\0\0\0\0WEBPVP8 \x01\0\0\0x\0EXIF", &length[..], &exif].concat();
        assert!(is_webp(&webp));
        assert_eq!(of_webp(&webp).prompt.as_deref(), Some("{\"1\":2}"));

        let segment = [EXIF_HEADER, &exif].concat();
        let length = u16::try_from(segment.len() + 2).unwrap().to_be_bytes();
        let jpeg = [b"\xff\xd8\xff\xe0\0\x03x\xff\xe1", &length[..], &segment].concat();
        assert_eq!(of_jpeg(&jpeg).prompt.as_deref(), Some("{\"1\":2}"));
    }

    #[test]
    fn no_cut_and_no_changed_byte_breaks_a_reader() {
        let exif = exif("workflow:{}");
        let png = [PNG_SIGNATURE.to_vec(), chunk(b"iTXt", b"prompt\0\0\0\0\0{}")].concat();
        for file in [exif, png] {
            for at in 0..file.len() {
                let mut changed = file.clone();
                changed[at] = 0xff;
                for bytes in [&file[..at], &changed] {
                    of_png(bytes);
                    of_webp(bytes);
                    of_jpeg(bytes);
                    of_exif(bytes);
                }
            }
        }
    }
}

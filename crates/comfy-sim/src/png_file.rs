//! PNG files with their text chunks.

use std::io::{BufWriter, Cursor};
use std::path::Path;

/// Keyword and text of each `tEXt` chunk.
pub(crate) type Texts = Vec<(String, String)>;

/// Pixels as they are stored: eight bits a channel, row by row.
pub(crate) struct Pixels<'a> {
    pub(crate) size: (u32, u32),
    pub(crate) color: png::ColorType,
    pub(crate) bytes: &'a [u8],
}

pub(crate) fn write(
    path: &Path,
    pixels: &Pixels<'_>,
    texts: &Texts,
) -> Result<(), png::EncodingError> {
    let file = BufWriter::new(std::fs::File::create(path)?);
    let mut encoder = png::Encoder::new(file, pixels.size.0, pixels.size.1);
    encoder.set_color(pixels.color);
    encoder.set_depth(png::BitDepth::Eight);
    for (key, text) in texts {
        encoder.add_text_chunk(key.clone(), text.clone())?;
    }
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels.bytes)?;
    writer.finish()
}

/// The text chunks of a file that may be a PNG.
pub(crate) fn texts(file: &[u8]) -> Texts {
    let Ok(mut reader) = png::Decoder::new(Cursor::new(file)).read_info() else {
        return Texts::new();
    };
    if reader.finish().is_err() {
        return Texts::new();
    }
    let chunks = &reader.info().uncompressed_latin1_text;
    chunks.iter().map(|chunk| (chunk.keyword.clone(), chunk.text.clone())).collect()
}

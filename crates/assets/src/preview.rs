//! Small pictures that stand for large ones.

use std::io::Cursor;

use bytes::Bytes;
use image::{
    DynamicImage, ImageDecoder as _, ImageError, ImageReader, Limits, RgbImage,
    codecs::jpeg::JpegEncoder,
};

use crate::Error;

/// How large a preview, and the picture that it is made of, may be.
///
/// ```
/// use assets::preview::PreviewLimits;
/// let limits = PreviewLimits { size_bytes_max: 50_000, ..PreviewLimits::default() };
/// assert_eq!(limits.side_px_max, 1024);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PreviewLimits {
    /// How many bytes the preview may have. The default of 200,000 becomes less than 270,000
    /// characters in a tool result, which agents still take.
    pub size_bytes_max: usize,
    /// How many pixels the longer side of the preview may have. Models look at pictures of about
    /// the default of 1,024, so more would only cost.
    pub side_px_max: u32,
    /// How many pixels the picture may have. The default of 100 million is a square of 10,000.
    pub source_pixels_max: u64,
    /// How many bytes the decoder may allocate. The default of 1 GiB holds the largest picture
    /// in sixteen bits a channel.
    pub memory_bytes_max: u64,
}

/// A preview: a picture without any of the original's metadata, so without the workflow that
/// ComfyUI writes into its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// The file.
    pub bytes: Bytes,
    /// `image/jpeg`, or `image/png` for one that is partly transparent.
    pub media_type: &'static str,
    /// Its width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
}

/// The qualities of JPEG that are tried at each size: below the last, a smaller picture looks
/// better than a worse one.
const QUALITIES: [u8; 3] = [85, 70, 50];

/// Below this side length no picture is recognized, so no smaller one is tried.
const SIDE_PX_MIN: u32 = 16;

/// Makes a preview of a PNG, JPEG, WebP or GIF, of which the first frame is taken. It is turned
/// upright when its metadata says so, and never enlarged. Quality goes down before size.
///
/// This decodes and encodes pictures on the calling thread, for up to some seconds: in async code
/// call it inside `spawn_blocking`.
///
/// ```
/// use assets::preview::{PreviewLimits, preview};
/// let gif = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\x00\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";
/// let preview = preview(gif, &PreviewLimits::default())?;
/// assert_eq!((preview.media_type, preview.width, preview.height), ("image/jpeg", 1, 1));
/// # Ok::<(), assets::Error>(())
/// ```
pub fn preview(bytes: &[u8], limits: &PreviewLimits) -> Result<Preview, Error> {
    let mut picture = decode(bytes, limits)?;
    let side = picture.width().max(picture.height());
    if side > limits.side_px_max {
        picture = shrink(&picture, limits.side_px_max);
    }
    let mut smallest_bytes = usize::MAX;
    if is_partly_transparent(&picture) {
        let encoded = encode_png(&picture)?;
        if encoded.bytes.len() <= limits.size_bytes_max {
            return Ok(encoded);
        }
        smallest_bytes = encoded.bytes.len();
    }
    let mut picture = on_white(&picture);
    loop {
        for quality in QUALITIES {
            let encoded = encode_jpeg(&picture, quality)?;
            if encoded.bytes.len() <= limits.size_bytes_max {
                return Ok(encoded);
            }
            smallest_bytes = smallest_bytes.min(encoded.bytes.len());
        }
        let side = picture.width().max(picture.height()) / 4 * 3;
        if side < SIDE_PX_MIN {
            let size_bytes_max = limits.size_bytes_max;
            return Err(Error::PreviewBudget { size_bytes_max, smallest_bytes });
        }
        picture = shrink(&picture.into(), side).into_rgb8();
    }
}

impl Default for PreviewLimits {
    fn default() -> Self {
        Self {
            size_bytes_max: 200_000,
            side_px_max: 1024,
            source_pixels_max: 100_000_000,
            memory_bytes_max: 1 << 30,
        }
    }
}

/// Reads the size first: a few bytes can claim a picture that fills the memory.
fn decode(bytes: &[u8], limits: &PreviewLimits) -> Result<DynamicImage, Error> {
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|source| Error::NotAPicture { source: Box::new(source) })?;
    let mut decoder_limits = Limits::default();
    decoder_limits.max_alloc = Some(limits.memory_bytes_max);
    reader.limits(decoder_limits.clone());
    let mut decoder = reader.into_decoder().map_err(|error| decode_error(error, limits))?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > limits.source_pixels_max {
        let pixels_max = limits.source_pixels_max;
        return Err(Error::PictureTooLarge { width, height, pixels_max });
    }
    // The decoder counts its own buffers only; the pixels that it fills are counted here.
    decoder_limits
        .reserve(decoder.total_bytes())
        .and_then(|()| decoder.set_limits(decoder_limits))
        .map_err(|error| decode_error(error, limits))?;
    let orientation = decoder.orientation().map_err(|error| decode_error(error, limits))?;
    let mut picture =
        DynamicImage::from_decoder(decoder).map_err(|error| decode_error(error, limits))?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

fn decode_error(error: ImageError, limits: &PreviewLimits) -> Error {
    let memory_bytes_max = limits.memory_bytes_max;
    if matches!(error, ImageError::Limits(_)) {
        Error::PictureMemory { memory_bytes_max, source: Box::new(error) }
    } else {
        Error::NotAPicture { source: Box::new(error) }
    }
}

fn shrink(picture: &DynamicImage, side_px: u32) -> DynamicImage {
    picture.thumbnail(side_px, side_px)
}

fn is_partly_transparent(picture: &DynamicImage) -> bool {
    picture.color().has_alpha() && picture.to_rgba8().pixels().any(|pixel| pixel.0[3] < u8::MAX)
}

/// JPEG has no transparency, and most viewers show transparent parts on white.
fn on_white(picture: &DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.to_rgb8();
    }
    let source = picture.to_rgba8();
    let mut flat = RgbImage::new(source.width(), source.height());
    for (to, from) in flat.pixels_mut().zip(source.pixels()) {
        let [red, green, blue, alpha] = from.0;
        to.0 = [red, green, blue].map(|color| over_white(color, alpha));
    }
    flat
}

fn over_white(color: u8, alpha: u8) -> u8 {
    let (color, alpha) = (u32::from(color), u32::from(alpha));
    let mixed = (color * alpha + 255 * (255 - alpha) + 127) / 255;
    mixed.try_into().unwrap_or(u8::MAX)
}

fn encode_png(picture: &DynamicImage) -> Result<Preview, Error> {
    let mut bytes = Cursor::new(Vec::new());
    let picture = DynamicImage::from(picture.to_rgba8());
    picture
        .write_to(&mut bytes, image::ImageFormat::Png)
        .map_err(|source| Error::Encode { source: Box::new(source) })?;
    Ok(Preview {
        bytes: bytes.into_inner().into(),
        media_type: "image/png",
        width: picture.width(),
        height: picture.height(),
    })
}

fn encode_jpeg(picture: &RgbImage, quality: u8) -> Result<Preview, Error> {
    let mut bytes = Vec::new();
    picture
        .write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, quality))
        .map_err(|source| Error::Encode { source: Box::new(source) })?;
    Ok(Preview {
        bytes: bytes.into(),
        media_type: "image/jpeg",
        width: picture.width(),
        height: picture.height(),
    })
}

#[cfg(test)]
mod tests;

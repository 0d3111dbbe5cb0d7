//! Animated pictures: WebP without loss, and PNG.

use std::io::Write;

use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder as _, RgbImage};

/// Why an animation could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AnimationError {
    #[error("a frame cannot be encoded as WebP: {0}")]
    WebP(#[from] image::ImageError),
    #[error("a frame cannot be encoded as PNG: {0}")]
    Png(#[from] png::EncodingError),
    #[error("the file cannot be written: {0}")]
    Write(#[from] std::io::Error),
    #[error("a picture of {0}x{1} is too large for this format")]
    TooLarge(u32, u32),
}

/// Writes a WebP file that shows each picture for `milliseconds`, for ever.
pub(crate) fn write_webp(
    file: &mut impl Write,
    pictures: &[RgbImage],
    milliseconds: u32,
) -> Result<(), AnimationError> {
    let (width, height) = pictures.first().map(RgbImage::dimensions).unwrap_or_default();
    let side = |length: u32| u24(length.saturating_sub(1));
    let (Some(last_x), Some(last_y)) = (side(width), side(height)) else {
        return Err(AnimationError::TooLarge(width, height));
    };
    let mut chunks = Vec::new();
    // The extended header, with nothing set but that it is animated.
    push(&mut chunks, *b"VP8X", &[&[0x02, 0, 0, 0], &last_x[..], &last_y[..]].concat());
    // A black background, and no end of loops.
    push(&mut chunks, *b"ANIM", &[0, 0, 0, 0xff, 0, 0]);
    for picture in pictures {
        let mut encoded = Vec::new();
        WebPEncoder::new_lossless(&mut encoded).write_image(
            picture.as_raw(),
            picture.width(),
            picture.height(),
            ExtendedColorType::Rgb8,
        )?;
        // Without its own RIFF header, a still picture is the chunk that a frame carries.
        let still = encoded.get(12..).unwrap_or_default();
        let duration = u24(milliseconds).unwrap_or([0xff; 3]);
        let place = [&[0; 6], &last_x[..], &last_y[..], &duration[..], &[0x02]].concat();
        push(&mut chunks, *b"ANMF", &[&place, still].concat());
    }
    let length = u32::try_from(chunks.len().saturating_add(4))
        .map_err(|_| AnimationError::TooLarge(width, height))?;
    file.write_all(b"RIFF")?;
    file.write_all(&length.to_le_bytes())?;
    file.write_all(b"WEBP")?;
    file.write_all(&chunks)?;
    Ok(())
}

/// Writes a PNG file that shows each picture for `milliseconds`, for ever.
pub(crate) fn write_png(
    file: &mut impl Write,
    pictures: &[RgbImage],
    milliseconds: u16,
    texts: &crate::png_file::Texts,
) -> Result<(), AnimationError> {
    let (width, height) = pictures.first().map(RgbImage::dimensions).unwrap_or_default();
    let mut encoder = png::Encoder::new(file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_animated(u32::try_from(pictures.len()).unwrap_or(u32::MAX), 0)?;
    encoder.set_frame_delay(milliseconds, 1000)?;
    for (key, text) in texts {
        encoder.add_text_chunk(key.clone(), text.clone())?;
    }
    let mut writer = encoder.write_header()?;
    for picture in pictures {
        writer.write_image_data(picture.as_raw())?;
    }
    writer.finish()?;
    Ok(())
}

/// Appends a RIFF chunk, which has an even length.
fn push(chunks: &mut Vec<u8>, name: [u8; 4], content: &[u8]) {
    chunks.extend(name);
    chunks.extend(u32::try_from(content.len()).unwrap_or(u32::MAX).to_le_bytes());
    chunks.extend(content);
    if content.len() % 2 == 1 {
        chunks.push(0);
    }
}

/// Three bytes, little-endian; nothing where the number needs more.
fn u24(number: u32) -> Option<[u8; 3]> {
    let [low, middle, high, 0] = number.to_le_bytes() else { return None };
    Some([low, middle, high])
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::codecs::png::PngDecoder;
    use image::codecs::webp::WebPDecoder;
    use image::{AnimationDecoder as _, Rgb};

    use super::*;

    fn pictures() -> Vec<RgbImage> {
        [10, 200, 90].map(|red| RgbImage::from_pixel(33, 20, Rgb([red, 0, 7]))).to_vec()
    }

    #[track_caller]
    fn check_frames(frames: &[image::Frame]) {
        let colors: Vec<u8> =
            frames.iter().map(|frame| frame.buffer().get_pixel(32, 19).0[0]).collect();
        assert_eq!(colors, [10, 200, 90]);
    }

    #[test]
    fn a_webp_animation_can_be_read_again() {
        let mut file = Vec::new();
        write_webp(&mut file, &pictures(), 125).unwrap();
        let decoder = WebPDecoder::new(Cursor::new(file)).unwrap();
        assert!(decoder.has_animation());
        check_frames(&decoder.into_frames().collect_frames().unwrap());
    }

    #[test]
    fn a_png_animation_can_be_read_again() {
        let mut file = Vec::new();
        write_png(&mut file, &pictures(), 125, &vec![("prompt".to_owned(), "{}".to_owned())])
            .unwrap();
        let decoder = PngDecoder::new(Cursor::new(file)).unwrap().apng().unwrap();
        check_frames(&decoder.into_frames().collect_frames().unwrap());
    }
}

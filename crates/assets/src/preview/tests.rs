use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};

use super::{Preview, PreviewLimits, on_white, preview};
use crate::{Error, media};

/// A picture that compresses badly, the same each time.
fn noise(width: u32, height: u32) -> DynamicImage {
    let mut state = 1_u32;
    RgbImage::from_fn(width, height, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [_, blue, green, red] = state.to_le_bytes();
        Rgb([red, green, blue])
    })
    .into()
}

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn limits(size_bytes_max: usize) -> PreviewLimits {
    PreviewLimits { size_bytes_max, side_px_max: 256, ..PreviewLimits::default() }
}

#[track_caller]
fn check(preview: &Preview, media_type: &str, size: (u32, u32), size_bytes_max: usize) {
    assert_eq!((preview.media_type, (preview.width, preview.height)), (media_type, size));
    assert!(preview.bytes.len() <= size_bytes_max, "{} bytes", preview.bytes.len());
    assert_eq!(media::sniff(&preview.bytes, ""), media_type);
    assert_eq!(media::picture_size(&preview.bytes), Some(size));
}

#[test]
fn a_picture_within_the_limits_keeps_its_size() {
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Gif] {
        let bytes = encoded(&noise(40, 20), format);
        check(&preview(&bytes, &limits(200_000)).unwrap(), "image/jpeg", (40, 20), 200_000);
    }
}

#[test]
fn a_long_side_is_shortened_and_the_shape_stays() {
    let bytes = encoded(&noise(1024, 512), ImageFormat::Png);
    check(&preview(&bytes, &limits(200_000)).unwrap(), "image/jpeg", (256, 128), 200_000);
}

#[test]
fn a_tight_budget_costs_quality_and_then_size() {
    let bytes = encoded(&noise(256, 256), ImageFormat::Png);
    let generous = preview(&bytes, &limits(60_000)).unwrap();
    let tight = preview(&bytes, &limits(4_000)).unwrap();
    check(&generous, "image/jpeg", (256, 256), 60_000);
    assert!(tight.width < 256 && tight.width == tight.height);
    check(&tight, "image/jpeg", (tight.width, tight.height), 4_000);
}

#[test]
fn a_budget_that_nothing_fits_is_refused() {
    let bytes = encoded(&noise(64, 64), ImageFormat::Png);
    let error = preview(&bytes, &limits(10)).unwrap_err();
    assert!(
        matches!(error, Error::PreviewBudget { size_bytes_max: 10, smallest_bytes } if smallest_bytes > 100)
    );
}

#[test]
fn transparency_stays_when_it_is_used_and_fits() {
    let glass = RgbaImage::from_pixel(32, 32, Rgba([255, 0, 0, 100]));
    let bytes = encoded(&glass.into(), ImageFormat::Png);
    check(&preview(&bytes, &limits(200_000)).unwrap(), "image/png", (32, 32), 200_000);

    let opaque = RgbaImage::from_pixel(32, 32, Rgba([255, 0, 0, 255]));
    let bytes = encoded(&opaque.into(), ImageFormat::Png);
    check(&preview(&bytes, &limits(200_000)).unwrap(), "image/jpeg", (32, 32), 200_000);
}

#[test]
fn transparent_parts_become_white_where_transparency_does_not_fit() {
    let noisy = noise(128, 128).to_rgba8();
    let glass = RgbaImage::from_fn(128, 128, |x, y| {
        let Rgba([red, green, blue, _]) = *noisy.get_pixel(x, y);
        Rgba([red, green, blue, 128])
    });
    let bytes = encoded(&glass.into(), ImageFormat::Png);
    check(&preview(&bytes, &limits(20_000)).unwrap(), "image/jpeg", (128, 128), 20_000);

    let pixels = [[0, 0, 0, 0], [10, 20, 30, 255], [0, 0, 0, 127]].concat();
    let flat = on_white(&RgbaImage::from_raw(3, 1, pixels).unwrap().into());
    assert_eq!(flat.into_raw(), [255, 255, 255, 10, 20, 30, 128, 128, 128]);
}

#[test]
fn a_picture_is_turned_upright_as_its_metadata_says() {
    // One entry, the orientation, with the value 6: to be turned by a quarter.
    let exif =
        b"\xff\xe1\0\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    let mut bytes = encoded(&noise(40, 20), ImageFormat::Jpeg);
    bytes.splice(2..2, *exif);
    assert_eq!(media::picture_size(&bytes), Some((40, 20)));
    check(&preview(&bytes, &limits(200_000)).unwrap(), "image/jpeg", (20, 40), 200_000);
}

#[test]
fn the_workflow_in_a_picture_does_not_travel_with_its_preview() {
    let mut bytes = Vec::new();
    let mut info = png::Info::with_size(1, 1);
    info.color_type = png::ColorType::Rgb;
    let mut encoder = png::Encoder::with_info(&mut bytes, info).unwrap();
    encoder.add_text_chunk("prompt".to_owned(), "secret".to_owned()).unwrap();
    encoder.write_header().unwrap().write_image_data(&[1, 2, 3]).unwrap();
    assert!(bytes.windows(6).any(|word| word == b"secret"));
    let preview = preview(&bytes, &PreviewLimits::default()).unwrap();
    assert!(!preview.bytes.windows(6).any(|word| word == b"secret"));
}

#[test]
fn a_few_bytes_that_claim_many_pixels_are_refused_unread() {
    let mut bytes = encoded(&noise(1, 1), ImageFormat::Gif);
    bytes.splice(6..10, [0xff; 4]);
    let error = preview(&bytes, &PreviewLimits::default()).unwrap_err();
    assert!(
        matches!(error, Error::PictureTooLarge { width: 65_535, height: 65_535, .. }),
        "{error:?}"
    );

    let small_memory = PreviewLimits { memory_bytes_max: 1_000, ..PreviewLimits::default() };
    let error = preview(&encoded(&noise(64, 64), ImageFormat::Png), &small_memory).unwrap_err();
    assert!(matches!(error, Error::PictureMemory { memory_bytes_max: 1_000, .. }), "{error:?}");
}

#[test]
fn what_is_no_picture_is_refused() {
    let whole = encoded(&noise(64, 64), ImageFormat::Png);
    for bytes in [b"".as_slice(), b"text", b"<svg/>", &whole[..100]] {
        let error = preview(bytes, &PreviewLimits::default()).unwrap_err();
        assert!(matches!(error, Error::NotAPicture { .. }), "{error:?}");
    }
}

//! Nodes that change the size of pictures.

use std::sync::Arc;

use image::imageops::{self, FilterType};
use image::{GrayImage, RgbImage};
use serde_json::json;

use super::images::{Batch, check_size, first_size, gray_as_rgb, images, number, of, whole, word};
use super::{Context, Exception, Produced};
use crate::execute::values::{Inputs, NodeValue, input};

/// The sizes that the Kontext model was trained with.
const KONTEXT_SIZES: &[(u32, u32)] = &[
    (672, 1568),
    (688, 1504),
    (720, 1456),
    (752, 1392),
    (800, 1328),
    (832, 1248),
    (880, 1184),
    (944, 1104),
    (1024, 1024),
    (1104, 944),
    (1184, 880),
    (1248, 832),
    (1328, 800),
    (1392, 752),
    (1456, 720),
    (1504, 688),
    (1568, 672),
];

/// Rounded, at least one pixel.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the conversion saturates, and `check_size` refuses what is too large"
)]
fn pixels(length: f64) -> u32 {
    (length.round() as u32).max(1)
}

/// Resizes to width and height; `center` cuts the sides off first that do not fit the shape.
pub(super) fn resized(
    image: &RgbImage,
    (width, height): (u32, u32),
    method: &str,
    crop: &str,
) -> RgbImage {
    let filter = match method {
        "nearest-exact" => FilterType::Nearest,
        "bicubic" => FilterType::CatmullRom,
        "lanczos" => FilterType::Lanczos3,
        _ => FilterType::Triangle,
    };
    if crop != "center" {
        return imageops::resize(image, width, height, filter);
    }
    let (old_width, old_height) = (f64::from(image.width()), f64::from(image.height()));
    let aspect = f64::from(width) / f64::from(height);
    let (cut_width, cut_height) = if old_width / old_height > aspect {
        (pixels(old_height * aspect), image.height())
    } else {
        (image.width(), pixels(old_width / aspect))
    };
    let (x, y) = (
        image.width().saturating_sub(cut_width) / 2,
        image.height().saturating_sub(cut_height) / 2,
    );
    let part = imageops::crop_imm(image, x, y, cut_width, cut_height).to_image();
    imageops::resize(&part, width, height, filter)
}

fn all_resized(
    batch: &Batch,
    size: (u32, u32),
    method: &str,
    crop: &str,
) -> Result<Produced, Exception> {
    check_size(size.0, size.1, u64::try_from(batch.len()).unwrap_or(u64::MAX))?;
    Ok(of(batch.iter().map(|image| resized(image, size, method, crop)).collect()))
}

pub(super) fn scale(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    let batch = images(inputs, "image")?;
    let size = match (whole(inputs, "width")?, whole(inputs, "height")?) {
        (0, 0) => return Ok(Produced::of(NodeValue::Image(batch))),
        asked => completed(asked, first_size(&batch)),
    };
    all_resized(&batch, size, word(inputs, "upscale_method"), word(inputs, "crop"))
}

fn scaled_by(batch: &Batch, factor: f64, method: &str) -> Result<Produced, Exception> {
    let (width, height) = first_size(batch);
    let size = (pixels(f64::from(width) * factor), pixels(f64::from(height) * factor));
    all_resized(batch, size, method, "disabled")
}

pub(super) fn scale_by(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    scaled_by(
        &images(inputs, "image")?,
        number(inputs, "scale_by")?,
        word(inputs, "upscale_method"),
    )
}

pub(super) fn scale_to_total_pixels(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    let batch = images(inputs, "image")?;
    let (width, height) = first_size(&batch);
    let wanted = number(inputs, "megapixels")? * 1024.0 * 1024.0;
    let factor = (wanted / (f64::from(width) * f64::from(height))).sqrt();
    let step = f64::from(whole(inputs, "resolution_steps").unwrap_or(1).max(1));
    let side = |length: u32| pixels((f64::from(length) * factor / step).round() * step);
    all_resized(&batch, (side(width), side(height)), word(inputs, "upscale_method"), "disabled")
}

pub(super) fn scale_to_max_dimension(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    let batch = images(inputs, "image")?;
    let (width, height) = first_size(&batch);
    let factor = number(inputs, "largest_size")? / f64::from(width.max(height).max(1));
    scaled_by(&batch, factor, word(inputs, "upscale_method"))
}

/// Width and height of a size of which one side may be left to the other.
fn completed((width, height): (u32, u32), old: (u32, u32)) -> (u32, u32) {
    let ratio = f64::from(old.0) / f64::from(old.1.max(1));
    match (width, height) {
        (0, 0) => old,
        (0, height) => (pixels(f64::from(height) * ratio), height),
        (width, 0) => (width, pixels(f64::from(width) / ratio)),
        both => both,
    }
}

pub(super) fn resize_image_or_mask(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    let (batch, is_mask) = pictures(inputs, "input")?;
    let old = first_size(&batch);
    let kind = word(inputs, "resize_type");
    let factor =
        |factor: f64| (pixels(f64::from(old.0) * factor), pixels(f64::from(old.1) * factor));
    let length = |name: &str| whole(inputs, &format!("resize_type.{name}"));
    let share = |name: &str| number(inputs, &format!("resize_type.{name}"));
    let crop = word(inputs, "resize_type.crop");
    let (longer, shorter) = (f64::from(old.0.max(old.1)), f64::from(old.0.min(old.1)));
    let size = match kind {
        "scale dimensions" => completed((length("width")?, length("height")?), old),
        "scale by multiplier" => factor(share("multiplier")?),
        "scale longer dimension" => factor(share("longer_size")? / longer),
        "scale shorter dimension" => factor(share("shorter_size")? / shorter),
        "scale width" => completed((length("width")?, 0), old),
        "scale height" => completed((0, length("height")?), old),
        "scale total pixels" => {
            factor((share("megapixels")? * 1024.0 * 1024.0 / (longer * shorter)).sqrt())
        }
        "match size" => first_size(&pictures(inputs, "resize_type.match")?.0),
        "scale to multiple" => {
            let multiple = length("multiple")?.max(1);
            let down = |side: u32| if side < multiple { side } else { side - side % multiple };
            (down(old.0), down(old.1))
        }
        other => {
            return Err(Exception::new("ValueError", format!("Unsupported resize type: {other}")));
        }
    };
    let crop = if kind == "scale to multiple" { "center" } else { crop };
    let resized = all_resized(&batch, size, word(inputs, "scale_method"), crop)?;
    Ok(if is_mask { as_masks(resized) } else { resized })
}

/// The pictures at an input, and whether they are really masks.
fn pictures(inputs: &Inputs, name: &str) -> Result<(Batch, bool), Exception> {
    match input(inputs, name) {
        Some(NodeValue::Mask(masks)) => {
            Ok((Arc::new(masks.iter().map(gray_as_rgb).collect()), true))
        }
        _ => Ok((images(inputs, name)?, false)),
    }
}

fn as_masks(produced: Produced) -> Produced {
    let as_mask = |image: &RgbImage| {
        let values = image.pixels().map(|pixel| {
            let [value, ..] = pixel.0;
            value
        });
        GrayImage::from_raw(image.width(), image.height(), values.collect()).unwrap_or_default()
    };
    let outputs = produced.outputs.into_iter().map(|output| match output.as_images() {
        Some(images) => NodeValue::Mask(Arc::new(images.iter().map(as_mask).collect())),
        None => output,
    });
    Produced { outputs: outputs.collect(), ui: produced.ui }
}

/// The trained size whose shape is nearest.
pub(super) fn scale_for_kontext(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    let batch = images(inputs, "image")?;
    let (width, height) = first_size(&batch);
    let shape = |(width, height): (u32, u32)| f64::from(width) / f64::from(height.max(1));
    let distance = |size: (u32, u32)| (shape((width, height)) - shape(size)).abs();
    let nearest = KONTEXT_SIZES
        .iter()
        .copied()
        .min_by(|left, right| distance(*left).total_cmp(&distance(*right)));
    all_resized(&batch, nearest.unwrap_or((width, height)), "lanczos", "center")
}

/// Width and height for a shape such as `16:9 (Widescreen)`.
pub(super) fn select_resolution(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    let shape =
        word(inputs, "aspect_ratio").split(' ').next().and_then(|shape| shape.split_once(':'));
    let sides = shape.and_then(|(width, height)| {
        Some((width.parse::<u32>().ok()?, height.parse::<u32>().ok()?))
    });
    let Some((width, height)) = sides.filter(|(width, height)| *width > 0 && *height > 0) else {
        return Err(Exception::new(
            "KeyError",
            crate::python::repr(&json!(word(inputs, "aspect_ratio"))),
        ));
    };
    let (width, height) = (f64::from(width), f64::from(height));
    let scale = (number(inputs, "megapixels")? * 1024.0 * 1024.0 / (width * height)).sqrt();
    let multiple = f64::from(whole(inputs, "multiple")?.max(1));
    let side = |length: f64| {
        NodeValue::Plain(json!(pixels((length * scale / multiple).round() * multiple)))
    };
    Ok(Produced { outputs: vec![side(width), side(height)], ui: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_side_that_is_left_out_follows_the_other() {
        assert_eq!(completed((0, 50), (200, 100)), (100, 50));
        assert_eq!(completed((50, 0), (200, 100)), (50, 25));
        assert_eq!(completed((0, 0), (200, 100)), (200, 100));
    }

    #[test]
    fn cutting_the_sides_keeps_the_middle() {
        let mut image = RgbImage::new(4, 2);
        image.put_pixel(1, 0, image::Rgb([90; 3]));
        let cut = resized(&image, (2, 2), "nearest-exact", "center");
        assert_eq!((cut.dimensions(), cut.get_pixel(0, 0).0), ((2, 2), [90; 3]));
    }
}

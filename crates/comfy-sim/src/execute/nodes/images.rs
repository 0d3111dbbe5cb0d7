//! Nodes that compute with pixels, for real.

use std::sync::Arc;

use image::imageops;
use image::{GrayImage, Luma, Rgb, RgbImage};
use serde_json::{Value, json};

use super::picture::byte;
use super::resizing::resized;
use super::{Context, Exception, Produced};
use crate::execute::values::{Inputs, NodeValue, input, plain};

/// How many bytes of pixels one output may have. The real server would take what the machine has.
pub(super) const OUTPUT_BYTES_MAX: u64 = 512 * 1024 * 1024;

const RGB_BYTES: u64 = 3;

pub(super) type Batch = Arc<Vec<RgbImage>>;

pub(super) fn images(inputs: &Inputs, name: &str) -> Result<Batch, Exception> {
    match input(inputs, name) {
        Some(NodeValue::Image(images)) => Ok(Arc::clone(images)),
        Some(other) => Err(Exception::new(
            "TypeError",
            format!("'{name}' must be an IMAGE, not {}", other.shown()),
        )),
        None => Err(Exception::missing_input(name)),
    }
}

pub(super) fn masks(inputs: &Inputs, name: &str) -> Result<Arc<Vec<GrayImage>>, Exception> {
    match input(inputs, name) {
        Some(NodeValue::Mask(masks)) => Ok(Arc::clone(masks)),
        Some(other) => Err(Exception::new(
            "TypeError",
            format!("'{name}' must be a MASK, not {}", other.shown()),
        )),
        None => Err(Exception::missing_input(name)),
    }
}

pub(super) fn number(inputs: &Inputs, name: &str) -> Result<f64, Exception> {
    plain(inputs, name).and_then(Value::as_f64).ok_or_else(|| Exception::missing_input(name))
}

pub(super) fn whole(inputs: &Inputs, name: &str) -> Result<u32, Exception> {
    let value =
        plain(inputs, name).and_then(Value::as_u64).and_then(|value| u32::try_from(value).ok());
    value.ok_or_else(|| Exception::missing_input(name))
}

pub(super) fn word<'a>(inputs: &'a Inputs, name: &str) -> &'a str {
    plain(inputs, name).and_then(Value::as_str).unwrap_or_default()
}

/// Refuses an output that would not fit, before memory is taken for it.
pub(super) fn check_size(width: u32, height: u32, count: u64) -> Result<(), Exception> {
    let bytes = u64::from(width)
        .saturating_mul(height.into())
        .saturating_mul(count)
        .saturating_mul(RGB_BYTES);
    if bytes <= OUTPUT_BYTES_MAX {
        return Ok(());
    }
    let text = format!(
        "{count} pictures of {width}x{height} need {bytes} bytes; comfy-sim takes at most {OUTPUT_BYTES_MAX}"
    );
    Err(Exception::new("MemoryError", text))
}

pub(super) fn of(images: Vec<RgbImage>) -> Produced {
    Produced::of(NodeValue::Image(Arc::new(images)))
}

pub(super) fn first_size(batch: &Batch) -> (u32, u32) {
    batch.first().map(RgbImage::dimensions).unwrap_or_default()
}

pub(super) fn empty(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    let (width, height, count) =
        (whole(inputs, "width")?, whole(inputs, "height")?, whole(inputs, "batch_size")?);
    check_size(width, height, count.into())?;
    let [_, red, green, blue] = whole(inputs, "color")?.to_be_bytes();
    let picture = RgbImage::from_pixel(width, height, Rgb([red, green, blue]));
    Ok(of((0..count).map(|_| picture.clone()).collect()))
}

pub(super) fn invert(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    let mut all = images(inputs, "image")?.to_vec();
    all.iter_mut().for_each(imageops::invert);
    Ok(of(all))
}

pub(super) fn blend(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    let (under, over) = (images(inputs, "image1")?, images(inputs, "image2")?);
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        reason = "a factor between 0 and 1"
    )]
    let factor = number(inputs, "blend_factor")? as f32;
    let mode = word(inputs, "blend_mode");
    let size = first_size(&under);
    let blended = |(under, over): (&RgbImage, &RgbImage)| {
        let over = if over.dimensions() == size {
            over.clone()
        } else {
            resized(over, size, "bicubic", "center")
        };
        let mut out = under.clone();
        for (below, above) in out.pixels_mut().zip(over.pixels()) {
            for (below, above) in below.0.iter_mut().zip(above.0) {
                let (low, high) = (f32::from(*below) / 255.0, f32::from(above) / 255.0);
                *below = byte(
                    255.0 * (low * (1.0 - factor) + blended_channel(low, high, mode) * factor),
                );
            }
        }
        out
    };
    Ok(of(under.iter().zip(over.iter()).map(blended).collect()))
}

fn blended_channel(low: f32, high: f32, mode: &str) -> f32 {
    let curve = |x: f32| if x <= 0.25 { ((16.0 * x - 12.0) * x + 4.0) * x } else { x.sqrt() };
    match mode {
        "multiply" => low * high,
        "screen" => 1.0 - (1.0 - low) * (1.0 - high),
        "overlay" if low <= 0.5 => 2.0 * low * high,
        "overlay" => 1.0 - 2.0 * (1.0 - low) * (1.0 - high),
        "soft_light" if high <= 0.5 => low - (1.0 - 2.0 * high) * low * (1.0 - low),
        "soft_light" => low + (2.0 * high - 1.0) * (curve(low) - low),
        "difference" => low - high,
        _ => high,
    }
}

pub(super) fn crop(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    let batch = images(inputs, "image")?;
    let (width, height) = first_size(&batch);
    let x = whole(inputs, "x")?.min(width.saturating_sub(1));
    let y = whole(inputs, "y")?.min(height.saturating_sub(1));
    let (cut_width, cut_height) = (whole(inputs, "width")?, whole(inputs, "height")?);
    Ok(of(batch
        .iter()
        .map(|image| imageops::crop_imm(image, x, y, cut_width, cut_height).to_image())
        .collect()))
}

pub(super) fn flip(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    let is_vertical = word(inputs, "flip_method").starts_with('x');
    let flipped = |image: &RgbImage| {
        if is_vertical { imageops::flip_vertical(image) } else { imageops::flip_horizontal(image) }
    };
    Ok(of(images(inputs, "image")?.iter().map(flipped).collect()))
}

pub(super) fn rotate(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    let rotation = word(inputs, "rotation");
    let rotated = |image: &RgbImage| match rotation {
        "90 degrees" => imageops::rotate90(image),
        "180 degrees" => imageops::rotate180(image),
        "270 degrees" => imageops::rotate270(image),
        _ => image.clone(),
    };
    Ok(of(images(inputs, "image")?.iter().map(rotated).collect()))
}

/// Joins all pictures that come in, at the size of the first.
pub(super) fn batch(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    let all: Vec<&RgbImage> = inputs
        .iter()
        .filter_map(|(_, value)| value.as_images())
        .flat_map(|images| images.iter())
        .collect();
    let size = all.first().ok_or_else(|| Exception::missing_input("images"))?.dimensions();
    check_size(size.0, size.1, u64::try_from(all.len()).unwrap_or(u64::MAX))?;
    let fitted = |image: &RgbImage| {
        if image.dimensions() == size {
            image.clone()
        } else {
            resized(image, size, "bilinear", "center")
        }
    };
    Ok(of(all.into_iter().map(fitted).collect()))
}

pub(super) fn repeat(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    let batch = images(inputs, "image")?;
    let amount = whole(inputs, "amount")?;
    let (width, height) = first_size(&batch);
    check_size(
        width,
        height,
        u64::from(amount).saturating_mul(u64::try_from(batch.len()).unwrap_or(u64::MAX)),
    )?;
    Ok(of((0..amount).flat_map(|_| batch.iter().cloned()).collect()))
}

pub(super) fn from_batch(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    let batch = images(inputs, "image")?;
    let index = plain(inputs, "batch_index").and_then(Value::as_i64).unwrap_or(0);
    let length = usize::try_from(whole(inputs, "length")?).unwrap_or(usize::MAX);
    let last = batch.len().saturating_sub(1);
    let start = match usize::try_from(index) {
        Ok(index) => index.min(last),
        Err(_) => {
            batch.len().saturating_sub(usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX))
        }
    };
    Ok(of(batch.iter().skip(start).take(length.max(1)).cloned().collect()))
}

pub(super) fn size(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    let batch = images(inputs, "image")?;
    let (width, height) = first_size(&batch);
    let outputs = [json!(width), json!(height), json!(batch.len())].map(NodeValue::Plain);
    Ok(Produced { outputs: outputs.to_vec(), ui: None })
}

pub(super) fn solid_mask(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    let (width, height) = (whole(inputs, "width")?, whole(inputs, "height")?);
    check_size(width, height, 1)?;
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        reason = "a share between 0 and 1"
    )]
    let value = byte(number(inputs, "value")? as f32 * 255.0);
    Ok(Produced::of(NodeValue::Mask(Arc::new(vec![GrayImage::from_pixel(
        width,
        height,
        Luma([value]),
    )]))))
}

pub(super) fn invert_mask(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    let mut all = masks(inputs, "mask")?.to_vec();
    all.iter_mut().for_each(imageops::invert);
    Ok(Produced::of(NodeValue::Mask(Arc::new(all))))
}

pub(super) fn mask_to_image(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    Ok(of(masks(inputs, "mask")?.iter().map(gray_as_rgb).collect()))
}

/// Pictures have no transparency here, so only where all is opaque they are what comes out.
pub(super) fn join_alpha(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    let (pictures, alphas) = (images(inputs, "image")?, masks(inputs, "alpha")?);
    let is_opaque = alphas.iter().all(|alpha| alpha.as_raw().iter().all(|value| *value == 0));
    if !is_opaque {
        return Err(Exception::new(
            "NotImplementedError",
            "comfy-sim does not make pictures with transparency; use a real ComfyUI",
        ));
    }
    let count = pictures.len().max(alphas.len());
    Ok(of(pictures.iter().cycle().take(count).cloned().collect()))
}

pub(super) fn gray_as_rgb(mask: &GrayImage) -> RgbImage {
    RgbImage::from_fn(mask.width(), mask.height(), |x, y| {
        let [value] = mask.get_pixel(x, y).0;
        Rgb([value; 3])
    })
}

//! Nodes that read and write files, under the names that the real server gives.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::{DynamicImage, GrayImage, RgbImage};
use serde_json::{Value, json};

use super::images::{gray_as_rgb, images, masks};
use super::{Context, Exception, Produced};
use crate::execute::values::{Inputs, NodeValue, plain};
use crate::folders::{Folders, Root};
use crate::png_file::{self, Pixels, Texts};
use crate::python;

/// The side of the empty mask that a picture without transparency comes with.
const EMPTY_MASK_SIDE: u32 = 64;

pub(super) fn load_image(inputs: &Inputs, context: &Context) -> Result<Produced, Exception> {
    let image = read(inputs, context)?;
    let mask = mask_of(&image);
    let outputs = vec![
        NodeValue::Image(Arc::new(vec![image.to_rgb8()])),
        NodeValue::Mask(Arc::new(vec![mask])),
    ];
    Ok(Produced { outputs, ui: None })
}

pub(super) fn load_image_mask(inputs: &Inputs, context: &Context) -> Result<Produced, Exception> {
    let image = read(inputs, context)?;
    let channel = match plain(inputs, "channel").and_then(Value::as_str) {
        Some("red") => 0,
        Some("green") => 1,
        Some("blue") => 2,
        _ => return Ok(Produced::of(NodeValue::Mask(Arc::new(vec![mask_of(&image)])))),
    };
    let rgb = image.to_rgb8();
    let values = rgb.pixels().filter_map(|pixel| pixel.0.get(channel).copied()).collect();
    let mask = GrayImage::from_raw(rgb.width(), rgb.height(), values).unwrap_or_default();
    Ok(Produced::of(NodeValue::Mask(Arc::new(vec![mask]))))
}

fn read(inputs: &Inputs, context: &Context) -> Result<DynamicImage, Exception> {
    let name = plain(inputs, "image")
        .and_then(Value::as_str)
        .ok_or_else(|| Exception::missing_input("image"))?;
    let path = context.folders.annotated(name).ok_or_else(|| {
        Exception::new("ValueError", format!("Invalid file path: {}", python::repr(&json!(name))))
    })?;
    let bytes = std::fs::read(&path).map_err(|error| file_error(&path, &error))?;
    image::load_from_memory(&bytes).map_err(|_| {
        Exception::new(
            "PIL.UnidentifiedImageError",
            format!("cannot identify image file '{}'", path.display()),
        )
    })
}

fn file_error(path: &Path, error: &std::io::Error) -> Exception {
    let kind =
        if error.kind() == std::io::ErrorKind::NotFound { "FileNotFoundError" } else { "OSError" };
    Exception::new(kind, format!("{error}: '{}'", path.display()))
}

/// What is transparent is white; a picture without transparency has a small black mask.
fn mask_of(image: &DynamicImage) -> GrayImage {
    if !image.color().has_alpha() {
        return GrayImage::new(EMPTY_MASK_SIDE, EMPTY_MASK_SIDE);
    }
    let rgba = image.to_rgba8();
    let values = rgba.pixels().map(|pixel| {
        let [.., alpha] = pixel.0;
        u8::MAX - alpha
    });
    GrayImage::from_raw(rgba.width(), rgba.height(), values.collect()).unwrap_or_default()
}

pub(super) fn save_image(inputs: &Inputs, context: &Context) -> Result<Produced, Exception> {
    let prefix = plain(inputs, "filename_prefix").map_or_else(|| "ComfyUI".to_owned(), python::str);
    let batch = images(inputs, "images")?;
    let ui = save(&batch, Root::Output, &prefix, context)?;
    Ok(Produced { outputs: vec![NodeValue::Image(batch)], ui: Some(ui) })
}

pub(super) fn preview_image(inputs: &Inputs, context: &Context) -> Result<Produced, Exception> {
    let batch = images(inputs, "images")?;
    let ui = save(&batch, Root::Temp, &format!("ComfyUI_temp_{}", context.temp_prefix), context)?;
    Ok(Produced { outputs: vec![NodeValue::Image(batch)], ui: Some(ui) })
}

pub(super) fn preview_mask(inputs: &Inputs, context: &Context) -> Result<Produced, Exception> {
    let masks = masks(inputs, "mask")?;
    let pictures: Vec<RgbImage> = masks.iter().map(gray_as_rgb).collect();
    let ui =
        save(&pictures, Root::Temp, &format!("ComfyUI_temp_{}", context.temp_prefix), context)?;
    Ok(Produced { outputs: vec![NodeValue::Mask(masks)], ui: Some(ui) })
}

fn save(
    batch: &[RgbImage],
    root: Root,
    prefix: &str,
    context: &Context,
) -> Result<Value, Exception> {
    let size = batch.first().map(RgbImage::dimensions).unwrap_or_default();
    let place = SavePlace::find(&context.folders, root, &with_tokens(prefix, size))?;
    let mut saved = Vec::new();
    for (index, image) in batch.iter().enumerate() {
        let stem = place.stem.replace("%batch_num%", &index.to_string());
        let number = place.counter.saturating_add(u64::try_from(index).unwrap_or(u64::MAX));
        let name = format!("{stem}_{number:05}_.png");
        let path = place.folder.join(&name);
        let pixels =
            Pixels { size: image.dimensions(), color: png::ColorType::Rgb, bytes: image.as_raw() };
        png_file::write(&path, &pixels, &metadata(context))
            .map_err(|error| Exception::new("OSError", format!("{error}: '{}'", path.display())))?;
        saved.push(json!({"filename": name, "subfolder": place.subfolder, "type": root.name()}));
    }
    Ok(json!({"images": saved}))
}

/// Replaces the tokens that the server knows; others stay as they are.
pub(super) fn with_tokens(prefix: &str, (width, height): (u32, u32)) -> String {
    if !prefix.contains('%') {
        return prefix.to_owned();
    }
    let now = jiff::Zoned::now();
    [
        ("%width%", width.to_string()),
        ("%height%", height.to_string()),
        ("%year%", now.year().to_string()),
        ("%month%", format!("{:02}", now.month())),
        ("%day%", format!("{:02}", now.day())),
        ("%hour%", format!("{:02}", now.hour())),
        ("%minute%", format!("{:02}", now.minute())),
        ("%second%", format!("{:02}", now.second())),
    ]
    .into_iter()
    .fold(prefix.to_owned(), |text, (token, value)| text.replace(token, &value))
}

/// Where the next files with a prefix go.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SavePlace {
    pub(super) folder: PathBuf,
    pub(super) subfolder: String,
    pub(super) stem: String,
    pub(super) counter: u64,
}

impl SavePlace {
    /// Splits a prefix into folder and stem, and counts on from the highest number in that folder.
    pub(super) fn find(folders: &Folders, root: Root, prefix: &str) -> Result<Self, Exception> {
        let prefix = prefix.trim_end_matches('/');
        let (subfolder, stem) = prefix.rsplit_once('/').unwrap_or(("", prefix));
        let subfolder = subfolder
            .split('/')
            .filter(|part| !matches!(*part, "" | "."))
            .collect::<Vec<_>>()
            .join("/");
        let is_absolute = prefix.starts_with('/');
        let folder = folders.inside(root, &subfolder).filter(|_| !is_absolute).ok_or_else(|| {
            let text = format!(
                "**** ERROR: Saving image outside the output folder is not allowed.\n full_output_folder: {}\n         output_dir: {}",
                folders.path(root).join(prefix).parent().unwrap_or(Path::new("")).display(),
                folders.path(root).display()
            );
            Exception::new("Exception", text)
        })?;
        std::fs::create_dir_all(&folder).map_err(|error| file_error(&folder, &error))?;
        let counter = highest_number(&folder, stem).map_or(1, |number| number.saturating_add(1));
        Ok(Self { folder, subfolder, stem: stem.to_owned(), counter })
    }
}

/// The highest number of files named `stem_number…`; a name without a number counts as zero.
fn highest_number(folder: &Path, stem: &str) -> Option<u64> {
    let start = format!("{stem}_");
    let entries = std::fs::read_dir(folder).ok()?;
    let names =
        entries.filter_map(Result::ok).filter_map(|entry| entry.file_name().into_string().ok());
    names
        .filter_map(|name| {
            let rest = name.strip_prefix(&start)?;
            let digits = rest.split(['.', '_']).next().unwrap_or_default();
            Some(digits.parse().unwrap_or(0))
        })
        .max()
}

/// The text chunks of a picture: the prompt, and whatever the client sent along to be kept.
pub(super) fn metadata(context: &Context) -> Texts {
    let prompt = python::dumps(&Value::Object(context.item.prompt.clone()));
    let extra = context.item.extra_data.get("extra_pnginfo").and_then(Value::as_object);
    let extra = extra.into_iter().flatten().map(|(key, value)| (key.clone(), python::dumps(value)));
    std::iter::once(("prompt".to_owned(), prompt)).chain(extra).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_on_from_the_highest_of_the_same_stem() {
        let folders = Folders::prepare(None).unwrap();
        let output = folders.path(Root::Output);
        for name in ["img_00002_.png", "img_00010_.png", "img_b_00099_.png", "other_00500_.png"] {
            std::fs::write(output.join(name), b"").unwrap();
        }
        let counter =
            |prefix: &str| SavePlace::find(&folders, Root::Output, prefix).unwrap().counter;
        assert_eq!((counter("img"), counter("img_b"), counter("fresh")), (11, 100, 1));
    }

    #[test]
    fn a_prefix_may_name_folders_but_not_leave_them() {
        let folders = Folders::prepare(None).unwrap();
        let place = SavePlace::find(&folders, Root::Output, "a/b/img").unwrap();
        assert_eq!((place.subfolder.as_str(), place.stem.as_str()), ("a/b", "img"));
        assert!(SavePlace::find(&folders, Root::Output, "../img").is_err());
        assert!(SavePlace::find(&folders, Root::Output, "/tmp/img").is_err());
    }

    #[test]
    fn the_size_is_known_to_a_prefix() {
        assert_eq!(with_tokens("%width%x%height%_%unknown%", (64, 48)), "64x48_%unknown%");
    }
}

//! Nodes of animations and videos, as far as they can be done without a model.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::sync::Arc;

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, RgbImage};
use serde_json::{Value, json};

use super::files::{SavePlace, metadata, with_tokens};
use super::images::images;
use super::{Context, Exception, Produced, picture};
use crate::animation_file::{self, AnimationError};
use crate::execute::values::{Inputs, NodeValue, Video, input, plain};
use crate::folders::Root;
use crate::mp4_file::{self, Film};
use crate::python;

/// How many pictures stand for a film, and how fast they follow each other.
const UNREAD_FRAMES: u32 = 5;
const UNREAD_FRAMES_PER_SECOND: f64 = 8.0;

/// The quality of a video's frames.
const JPEG_QUALITY: u8 = 90;

pub(super) fn save_webp(inputs: &Inputs, context: &Context) -> Result<Produced, Exception> {
    if plain(inputs, "lossless").is_some_and(|lossless| !python::truthy(lossless)) {
        return Err(refused("SaveAnimatedWEBP", "with loss"));
    }
    save_animation(inputs, context, "webp", |file, pictures, milliseconds| {
        animation_file::write_webp(file, pictures, milliseconds)
    })
}

pub(super) fn save_png(inputs: &Inputs, context: &Context) -> Result<Produced, Exception> {
    let texts = metadata(context);
    save_animation(inputs, context, "png", |file, pictures, milliseconds| {
        let milliseconds = u16::try_from(milliseconds).unwrap_or(u16::MAX);
        animation_file::write_png(file, pictures, milliseconds, &texts)
    })
}

fn save_animation(
    inputs: &Inputs,
    context: &Context,
    extension: &str,
    write: impl FnOnce(&mut BufWriter<File>, &[RgbImage], u32) -> Result<(), AnimationError>,
) -> Result<Produced, Exception> {
    let pictures = images(inputs, "images")?;
    let milliseconds = milliseconds_each(number(inputs, "fps")?);
    let size = pictures.first().map(RgbImage::dimensions).unwrap_or_default();
    let target = Target::find(inputs, context, size, &format!("_.{extension}"))?;
    let mut file = target.create()?;
    write(&mut file, &pictures, milliseconds)
        .and_then(|()| Ok(file.flush()?))
        .map_err(|error| Exception::new("OSError", error.to_string()))?;
    let ui = json!({"images": [target.item()], "animated": [pictures.len() != 1]});
    Ok(Produced { outputs: vec![NodeValue::Image(pictures)], ui: Some(ui) })
}

pub(super) fn create_video(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    let sound = match input(inputs, "audio") {
        Some(NodeValue::Audio(sound)) => Some(*sound),
        None => None,
        Some(other) if other.as_plain().is_some_and(Value::is_null) => None,
        Some(other) => return Err(not_sound(other)),
    };
    let pictures = images(inputs, "images")?;
    let frames_per_second = number(inputs, "fps")?;
    let video = Video { pictures, frames_per_second, sound };
    Ok(Produced::of(NodeValue::Video(Arc::new(video))))
}

/// No film is decoded: it is stood for by a few pictures that say so.
pub(super) fn load_video(inputs: &Inputs, context: &Context) -> Result<Produced, Exception> {
    let name = plain(inputs, "file").and_then(Value::as_str);
    let name = name.ok_or_else(|| Exception::missing_input("file"))?;
    let is_there = context.folders.annotated(name).is_some_and(|path| path.is_file());
    if !is_there {
        let message = format!("No such file or directory: '{name}'");
        return Err(Exception::new("FileNotFoundError", message));
    }
    let pictures = (0..UNREAD_FRAMES).map(|index| {
        let mut picture = picture::draw(name, None, index, picture::SIZE_UNKNOWN);
        picture::stamp(&mut picture, "FILM NOT READ - comfy-sim");
        picture
    });
    let pictures = Arc::new(pictures.collect());
    let video = Video { pictures, frames_per_second: UNREAD_FRAMES_PER_SECOND, sound: None };
    Ok(Produced::of(NodeValue::Video(Arc::new(video))))
}

pub(super) fn video_components(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    let Some(NodeValue::Video(video)) = input(inputs, "video") else {
        return Err(Exception::missing_input("video"));
    };
    let sound = video.sound.map_or(NodeValue::Plain(Value::Null), NodeValue::Audio);
    let outputs = vec![
        NodeValue::Image(Arc::clone(&video.pictures)),
        sound,
        NodeValue::Plain(json!(video.frames_per_second)),
        NodeValue::Plain(json!(8)),
        NodeValue::Plain(json!("bt709")),
    ];
    Ok(Produced { outputs, ui: None })
}

pub(super) fn save_video(inputs: &Inputs, context: &Context) -> Result<Produced, Exception> {
    let Some(NodeValue::Video(video)) = input(inputs, "video") else {
        return Err(Exception::missing_input("video"));
    };
    for name in ["format", "codec", "format.codec"] {
        let wanted = plain(inputs, name).and_then(Value::as_str);
        let is_made = matches!((name, wanted), (_, None | Some("auto")) | ("format", Some("mp4")));
        if !is_made {
            return Err(refused("SaveVideo", wanted.unwrap_or_default()));
        }
    }
    let size = video.pictures.first().map(RgbImage::dimensions).unwrap_or_default();
    let (Ok(width), Ok(height)) = (u16::try_from(size.0), u16::try_from(size.1)) else {
        return Err(Exception::new("ValueError", format!("a video of {}x{}", size.0, size.1)));
    };
    let frames = video.pictures.iter().map(jpeg).collect::<Result<Vec<_>, _>>()?;
    let film =
        Film { size: (width, height), frames_per_second: video.frames_per_second, frames: &frames };
    let target = Target::find(inputs, context, size, "_.mp4")?;
    let mut writer = target.create()?;
    mp4_file::write(&mut writer, &film)
        .and_then(|()| writer.flush())
        .map_err(|error| Exception::new("OSError", error.to_string()))?;
    let ui = json!({"images": [target.item()], "animated": [true]});
    Ok(Produced { outputs: vec![NodeValue::Video(Arc::clone(video))], ui: Some(ui) })
}

fn jpeg(picture: &RgbImage) -> Result<Vec<u8>, Exception> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY)
        .encode(picture.as_raw(), picture.width(), picture.height(), ExtendedColorType::Rgb8)
        .map_err(|error| Exception::new("RuntimeError", error.to_string()))?;
    Ok(bytes)
}

fn not_sound(other: &NodeValue) -> Exception {
    Exception::new("TypeError", format!("'audio' must be an AUDIO, not {}", other.shown()))
}

/// The one file that a node writes.
pub(super) struct Target {
    place: SavePlace,
    root: Root,
    name: String,
}

impl Target {
    pub(super) fn find(
        inputs: &Inputs,
        context: &Context,
        size: (u32, u32),
        ending: &str,
    ) -> Result<Self, Exception> {
        let prefix =
            plain(inputs, "filename_prefix").map_or_else(|| "ComfyUI".to_owned(), python::str);
        Self::at(context, Root::Output, &with_tokens(&prefix, size), ending)
    }

    pub(super) fn at(
        context: &Context,
        root: Root,
        prefix: &str,
        ending: &str,
    ) -> Result<Self, Exception> {
        let place = SavePlace::find(&context.folders, root, prefix)?;
        let name = format!("{}_{:05}{ending}", place.stem, place.counter);
        Ok(Self { place, root, name })
    }

    pub(super) fn create(&self) -> Result<BufWriter<File>, Exception> {
        let path = self.place.folder.join(&self.name);
        File::create(&path)
            .map(BufWriter::new)
            .map_err(|error| Exception::new("OSError", format!("{error}: '{}'", path.display())))
    }

    pub(super) fn item(&self) -> Value {
        json!({"filename": self.name, "subfolder": self.place.subfolder, "type": self.root.name()})
    }
}

pub(super) fn refused(class: &str, what: &str) -> Exception {
    Exception::new(
        "NotImplementedError",
        format!("comfy-sim does not execute {class} {what}; use a real ComfyUI"),
    )
}

pub(super) fn number(inputs: &Inputs, name: &str) -> Result<f64, Exception> {
    let number = plain(inputs, name).and_then(Value::as_f64);
    number.ok_or_else(|| Exception::missing_input(name))
}

#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the conversion saturates"
)]
fn milliseconds_each(frames_per_second: f64) -> u32 {
    (1000.0 / frames_per_second) as u32
}

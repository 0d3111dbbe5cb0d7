//! Nodes of animations, videos and sound, as far as they can be done without a model.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::sync::Arc;

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, RgbImage};
use serde_json::{Value, json};

use super::files::{SavePlace, metadata, with_tokens};
use super::images::images;
use super::{Context, Exception, Produced};
use crate::animation_file::{self, AnimationError};
use crate::execute::values::{Inputs, NodeValue, Video, input, plain};
use crate::flac_file::{self, Silence};
use crate::folders::Root;
use crate::mp4_file::{self, Film};
use crate::python;

/// The quality of a video's frames.
const JPEG_QUALITY: u8 = 90;

/// The longest silence that is written, in samples of a channel: a day of it at 48 kHz would do no good to anybody.
const SAMPLES_MAX: f64 = 1e9;

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
    if input(inputs, "audio").is_some() {
        return Err(refused("CreateVideo", "with sound"));
    }
    let pictures = images(inputs, "images")?;
    let frames_per_second = number(inputs, "fps")?;
    let video = Video { pictures, frames_per_second };
    Ok(Produced::of(NodeValue::Video(Arc::new(video))))
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

#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "what does not fit was refused before"
)]
pub(super) fn empty_audio(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    let whole = |name: &str| plain(inputs, name).and_then(Value::as_u64);
    let sample_rate = whole("sample_rate").and_then(|rate| u32::try_from(rate).ok());
    let sample_rate = sample_rate.ok_or_else(|| Exception::missing_input("sample_rate"))?;
    let channels = whole("channels").and_then(|count| u8::try_from(count).ok());
    let channels = channels.ok_or_else(|| Exception::missing_input("channels"))?;
    let samples = (number(inputs, "duration")? * f64::from(sample_rate)).round();
    if !(0.0..=SAMPLES_MAX).contains(&samples) {
        return Err(refused("EmptyAudio", "of such a length"));
    }
    let sound = Silence { sample_rate, channels, samples: samples as u64 };
    Ok(Produced::of(NodeValue::Audio(sound)))
}

pub(super) fn save_audio(inputs: &Inputs, context: &Context) -> Result<Produced, Exception> {
    let target = Target::find(inputs, context, (0, 0), ".flac")?;
    write_audio(inputs, &target)
}

pub(super) fn preview_audio(inputs: &Inputs, context: &Context) -> Result<Produced, Exception> {
    let prefix = format!("ComfyUI_temp_{}", context.temp_prefix);
    let target = Target::at(context, Root::Temp, &prefix, ".flac")?;
    write_audio(inputs, &target)
}

fn write_audio(inputs: &Inputs, target: &Target) -> Result<Produced, Exception> {
    let Some(NodeValue::Audio(sound)) = input(inputs, "audio") else {
        return Err(Exception::missing_input("audio"));
    };
    let mut file = target.create()?;
    flac_file::write(&mut file, *sound)
        .and_then(|()| file.flush())
        .map_err(|error| Exception::new("OSError", error.to_string()))?;
    let ui = json!({"audio": [target.item()]});
    Ok(Produced { outputs: vec![NodeValue::Audio(*sound)], ui: Some(ui) })
}

/// The one file that a node writes.
struct Target {
    place: SavePlace,
    root: Root,
    name: String,
}

impl Target {
    fn find(
        inputs: &Inputs,
        context: &Context,
        size: (u32, u32),
        ending: &str,
    ) -> Result<Self, Exception> {
        let prefix =
            plain(inputs, "filename_prefix").map_or_else(|| "ComfyUI".to_owned(), python::str);
        Self::at(context, Root::Output, &with_tokens(&prefix, size), ending)
    }

    fn at(context: &Context, root: Root, prefix: &str, ending: &str) -> Result<Self, Exception> {
        let place = SavePlace::find(&context.folders, root, prefix)?;
        let name = format!("{}_{:05}{ending}", place.stem, place.counter);
        Ok(Self { place, root, name })
    }

    fn create(&self) -> Result<BufWriter<File>, Exception> {
        let path = self.place.folder.join(&self.name);
        File::create(&path)
            .map(BufWriter::new)
            .map_err(|error| Exception::new("OSError", format!("{error}: '{}'", path.display())))
    }

    fn item(&self) -> Value {
        json!({"filename": self.name, "subfolder": self.place.subfolder, "type": self.root.name()})
    }
}

fn refused(class: &str, what: &str) -> Exception {
    Exception::new(
        "NotImplementedError",
        format!("comfy-sim does not execute {class} {what}; use a real ComfyUI"),
    )
}

fn number(inputs: &Inputs, name: &str) -> Result<f64, Exception> {
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

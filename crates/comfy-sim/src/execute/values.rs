//! What flows along the links of a running prompt.

use std::sync::Arc;

use image::{GrayImage, RgbImage};
use serde_json::Value;

use crate::flac_file::Silence;

/// The value at one output of a node.
#[derive(Clone, Debug)]
pub(crate) enum NodeValue {
    /// A batch of pictures of one size.
    Image(Arc<Vec<RgbImage>>),
    Mask(Arc<Vec<GrayImage>>),
    Audio(Silence),
    Video(Arc<Video>),
    /// Text, numbers, booleans and whatever else JSON can say.
    Plain(Value),
    /// Stands for a model, a conditioning, a latent: something that only a real ComfyUI has.
    Simulated(Arc<Simulated>),
}

/// Pictures that follow each other.
#[derive(Clone, Debug)]
pub(crate) struct Video {
    pub(crate) pictures: Arc<Vec<RgbImage>>,
    pub(crate) frames_per_second: f64,
    /// It is carried, and not written into any file.
    pub(crate) sound: Option<Silence>,
}

/// What is known of a thing that is only simulated: enough to draw a picture that tells where it came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Simulated {
    /// The type of the output, such as `LATENT`.
    pub(crate) kind: String,
    pub(crate) seed: Option<u64>,
    /// The prompt, as far as texts were found upstream.
    pub(crate) text: String,
    /// Width and height in pixels.
    pub(crate) size: Option<(u32, u32)>,
    pub(crate) batch: Option<u32>,
    pub(crate) steps: Option<u32>,
    /// How long the sound is that it stands for.
    pub(crate) milliseconds: Option<u64>,
}

/// The named inputs of a node, resolved, in the order of the prompt.
pub(crate) type Inputs = Vec<(String, NodeValue)>;

impl NodeValue {
    pub(crate) fn as_images(&self) -> Option<&Arc<Vec<RgbImage>>> {
        if let Self::Image(images) = self { Some(images) } else { None }
    }

    pub(crate) fn as_plain(&self) -> Option<&Value> {
        if let Self::Plain(value) = self { Some(value) } else { None }
    }

    pub(crate) fn as_simulated(&self) -> Option<&Arc<Simulated>> {
        if let Self::Simulated(simulated) = self { Some(simulated) } else { None }
    }

    /// How the value appears among the inputs of an error: primitives as they are, the rest described.
    pub(crate) fn shown(&self) -> Value {
        match self {
            Self::Plain(value) if !value.is_array() && !value.is_object() => value.clone(),
            Self::Plain(value) => Value::String(crate::python::str(value)),
            Self::Image(images) => Value::String(described(
                "IMAGE",
                images.len(),
                images.first().map(RgbImage::dimensions),
            )),
            Self::Mask(masks) => Value::String(described(
                "MASK",
                masks.len(),
                masks.first().map(GrayImage::dimensions),
            )),
            Self::Audio(_) => Value::String("<AUDIO of silence>".to_owned()),
            Self::Video(video) => Value::String(described(
                "VIDEO",
                video.pictures.len(),
                video.pictures.first().map(RgbImage::dimensions),
            )),
            Self::Simulated(simulated) => Value::String(format!("<simulated {}>", simulated.kind)),
        }
    }

    /// The bytes of pixels that the value keeps alive.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Image(images) => images.iter().map(|image| image.as_raw().len()).sum(),
            Self::Mask(masks) => masks.iter().map(|mask| mask.as_raw().len()).sum(),
            Self::Video(video) => video.pictures.iter().map(|image| image.as_raw().len()).sum(),
            Self::Audio(_) | Self::Plain(_) | Self::Simulated(_) => 0,
        }
    }
}

fn described(kind: &str, count: usize, size: Option<(u32, u32)>) -> String {
    let (width, height) = size.unwrap_or_default();
    format!("<{kind} {count} of {width}x{height}>")
}

pub(crate) fn input<'a>(inputs: &'a Inputs, name: &str) -> Option<&'a NodeValue> {
    inputs.iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

pub(crate) fn plain<'a>(inputs: &'a Inputs, name: &str) -> Option<&'a Value> {
    input(inputs, name)?.as_plain()
}

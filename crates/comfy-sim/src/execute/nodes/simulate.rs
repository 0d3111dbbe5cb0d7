//! Nodes whose effect only a real model has: what they give is carried as a note, and drawn as a placeholder.

use std::sync::Arc;

use image::imageops::{self, FilterType};
use serde_json::Value;

use super::images::{check_size, images};
use super::{Context, Exception, Produced, picture};
use crate::catalog::NodeClass;
use crate::execute::values::{Inputs, NodeValue, Simulated, input, plain};

/// Types that can be stood for by a note. Not among them: pictures, sound, video and 3D, which somebody would look
/// at and take for real.
const NOTED: &[&str] = &[
    "BACKGROUND_REMOVAL",
    "CLIP",
    "CLIP_VISION",
    "CLIP_VISION_OUTPUT",
    "CONDITIONING",
    "CONTROL_NET",
    "GLIGEN",
    "GUIDER",
    "HOOKS",
    "HOOK_KEYFRAMES",
    "LATENT",
    "LATENT_OPERATION",
    "LATENT_UPSCALE_MODEL",
    "MODEL",
    "MODEL_PATCH",
    "NOISE",
    "PHOTOMAKER",
    "SAMPLER",
    "SIGMAS",
    "STYLE_MODEL",
    "TIMESTEPS_RANGE",
    "UPSCALE_MODEL",
    "VAE",
];

/// How many times wider and higher an upscale model makes a picture.
const UPSCALE_FACTOR: u32 = 4;

pub(crate) fn can_simulate(class: NodeClass<'_>) -> bool {
    let is_noted = |kind: &Value| kind.as_str().is_some_and(|kind| NOTED.contains(&kind));
    let outputs = class.outputs();
    !outputs.is_empty() && outputs.iter().all(is_noted) && !class.is_output() && !class.is_api()
}

/// One note per output, with what is known from the inputs.
pub(crate) fn simulated(class: NodeClass<'_>, inputs: &Inputs) -> Produced {
    let note = |(slot, kind): (usize, &Value)| {
        let kind = kind.as_str().unwrap_or_default();
        NodeValue::Simulated(Arc::new(note(kind, class.output_name(slot), inputs)))
    };
    Produced { outputs: class.outputs().iter().enumerate().map(note).collect(), ui: None }
}

fn note(kind: &str, output: &str, inputs: &Inputs) -> Simulated {
    let notes = || {
        inputs.iter().filter_map(|(name, value)| as_note(value).map(|note| (name.as_str(), note)))
    };
    let whole = |name: &str| plain(inputs, name).and_then(Value::as_u64);
    let small = |name: &str| whole(name).and_then(|number| u32::try_from(number).ok());
    let latent = notes().map(|(_, note)| note).find(|note| note.kind == "LATENT");
    Simulated {
        kind: kind.to_owned(),
        seed: whole("seed")
            .or_else(|| whole("noise_seed"))
            .or_else(|| notes().find_map(|(_, note)| note.seed)),
        text: text_of(kind, output, inputs),
        size: (kind == "LATENT").then(|| size_of(inputs, latent)).flatten(),
        batch: small("batch_size").or_else(|| latent.and_then(|latent| latent.batch)),
        steps: small("steps")
            .or_else(|| listed_sigmas(inputs))
            .or_else(|| notes().find_map(|(_, note)| note.steps)),
        milliseconds: milliseconds(inputs)
            .or_else(|| notes().find_map(|(_, note)| note.milliseconds)),
    }
}

/// How long a sound is to be: in seconds, or as long as the frames of a video.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the conversion saturates, and a sound that is too long is refused"
)]
fn milliseconds(inputs: &Inputs) -> Option<u64> {
    let number = |name: &str| plain(inputs, name).and_then(Value::as_f64);
    let of_frames = || Some(number("frames_number")? / number("frame_rate")?);
    let seconds = number("seconds").or_else(of_frames).filter(|seconds| seconds.is_finite())?;
    Some((seconds * 1000.0).round() as u64)
}

pub(super) fn as_note(value: &NodeValue) -> Option<&Simulated> {
    value.as_simulated().map(AsRef::as_ref)
}

/// A conditioning made of texts has them; everything else takes over the text of its positive side.
fn text_of(kind: &str, output: &str, inputs: &Inputs) -> String {
    let texts: Vec<&str> = inputs
        .iter()
        .filter(|(name, _)| {
            ["text", "prompt", "clip_l", "clip_g", "t5xxl", "llama", "tags"]
                .iter()
                .any(|known| name.starts_with(known))
        })
        .filter_map(|(_, value)| value.as_plain()?.as_str())
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .collect();
    if kind == "CONDITIONING" && !texts.is_empty() {
        let mut unique: Vec<&str> = Vec::new();
        for text in texts {
            if !unique.contains(&text) {
                unique.push(text);
            }
        }
        return unique.join(" / ");
    }
    let wanted = if output == "negative" { "negative" } else { "positive" };
    let of = |name: &str| {
        input(inputs, name)
            .and_then(as_note)
            .map(|note| note.text.clone())
            .filter(|text| !text.is_empty())
    };
    let any = || {
        let others = inputs
            .iter()
            .filter(|(name, _)| name != "negative")
            .filter_map(|(_, value)| as_note(value));
        others.map(|note| note.text.clone()).find(|text| !text.is_empty())
    };
    of(wanted).or_else(any).unwrap_or_default()
}

/// The size that a latent is given, has already, or takes over from a picture.
fn size_of(inputs: &Inputs, latent: Option<&Simulated>) -> Option<(u32, u32)> {
    let side = |name: &str| {
        plain(inputs, name).and_then(Value::as_u64).and_then(|side| u32::try_from(side).ok())
    };
    if let (Some(width @ 1..), Some(height @ 1..)) = (side("width"), side("height")) {
        return Some((width, height));
    }
    if let Some((width, height)) = latent.and_then(|latent| latent.size) {
        let factor = plain(inputs, "scale_by").and_then(Value::as_f64).unwrap_or(1.0);
        return Some((scaled(width, factor), scaled(height, factor)));
    }
    inputs.iter().find_map(|(_, value)| value.as_images()?.first().map(image::RgbImage::dimensions))
}

#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the conversion saturates, and a picture that is too large is refused"
)]
fn scaled(side: u32, factor: f64) -> u32 {
    (f64::from(side) * factor).round().max(1.0) as u32
}

/// `ManualSigmas` lists its schedule: one step fewer than numbers.
fn listed_sigmas(inputs: &Inputs) -> Option<u32> {
    let list = plain(inputs, "sigmas")?.as_str()?;
    u32::try_from(list.split(',').filter(|part| !part.trim().is_empty()).count())
        .ok()?
        .checked_sub(1)
}

/// Draws the placeholder where a real server decodes a latent.
pub(super) fn decode(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    let latent = input(inputs, "samples")
        .and_then(as_note)
        .ok_or_else(|| Exception::missing_input("samples"))?;
    let (width, height) = latent.size.unwrap_or(picture::SIZE_UNKNOWN);
    let count = latent.batch.unwrap_or(1);
    check_size(width, height, count.into())?;
    let pictures =
        (0..count).map(|index| picture::draw(&latent.text, latent.seed, index, (width, height)));
    Ok(Produced::of(NodeValue::Image(Arc::new(pictures.collect()))))
}

/// Enlarges without a model, and marks the picture.
pub(super) fn upscale(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    let batch = images(inputs, "image")?;
    let (width, height) = batch.first().map(image::RgbImage::dimensions).unwrap_or_default();
    let (width, height) =
        (width.saturating_mul(UPSCALE_FACTOR), height.saturating_mul(UPSCALE_FACTOR));
    check_size(width, height, u64::try_from(batch.len()).unwrap_or(u64::MAX))?;
    let enlarged = |image: &image::RgbImage| {
        let mut out = imageops::resize(image, width, height, FilterType::CatmullRom);
        picture::stamp(&mut out, "SIMULATED UPSCALE - comfy-sim");
        out
    };
    Ok(Produced::of(NodeValue::Image(Arc::new(batch.iter().map(enlarged).collect()))))
}

/// Only marks the picture: what is computed from it here is simulated anyway.
pub(super) fn find_edges(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    marked(inputs, "image", "SIMULATED EDGES - comfy-sim")
}

/// The same for the losses of a video that a model is used to.
pub(super) fn compress(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    marked(inputs, "image", "SIMULATED LOSS - comfy-sim")
}

/// The same for the margin that `SeedVR2` wants around pictures.
pub(super) fn add_margin(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    marked(inputs, "resized_images", "SIMULATED MARGIN - comfy-sim")
}

/// Cuts pictures to what they were made from, and marks that their colors were left as they are.
pub(super) fn correct_colors(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    let (made, originals) = (images(inputs, "images")?, images(inputs, "original_resized_images")?);
    let cut = |(made, original): (&image::RgbImage, &image::RgbImage)| {
        let even = |one: u32, other: u32| (one.min(other) & !1).max(1);
        let width = even(made.width(), original.width());
        let height = even(made.height(), original.height());
        let mut out = imageops::crop_imm(made, 0, 0, width, height).to_image();
        picture::stamp(&mut out, "SIMULATED COLORS - comfy-sim");
        out
    };
    let pictures = made.iter().zip(originals.iter()).map(cut).collect();
    Ok(Produced::of(NodeValue::Image(Arc::new(pictures))))
}

fn marked(inputs: &Inputs, name: &str, mark: &str) -> Result<Produced, Exception> {
    let mut pictures = images(inputs, name)?.to_vec();
    for picture in &mut pictures {
        picture::stamp(picture, mark);
    }
    Ok(Produced::of(NodeValue::Image(Arc::new(pictures))))
}

/// The notes of a start for VACE, and how much of it is to be cut off at the end: the frame of
/// the reference.
pub(super) fn begin_vace(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    vace(inputs)
}

fn vace(inputs: &Inputs) -> Result<Produced, Exception> {
    if let Some(lacks) =
        ["positive", "negative", "vae"].iter().find(|it| input(inputs, it).is_none())
    {
        return Err(Exception::missing_input(lacks));
    }
    let outputs =
        [("CONDITIONING", "positive"), ("CONDITIONING", "negative"), ("LATENT", "latent")];
    let notes =
        outputs.map(|(kind, output)| NodeValue::Simulated(Arc::new(note(kind, output, inputs))));
    let trimmed = u32::from(input(inputs, "reference_image").is_some());
    let outputs = notes.into_iter().chain([NodeValue::Plain(Value::from(trimmed))]);
    Ok(Produced { outputs: outputs.collect(), ui: None })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalog::Catalog;

    fn run(class: &str, inputs: &Inputs) -> Vec<NodeValue> {
        let catalog = Catalog::shared().unwrap();
        simulated(catalog.class(class).unwrap(), inputs).outputs
    }

    fn literal(name: &str, value: Value) -> (String, NodeValue) {
        (name.to_owned(), NodeValue::Plain(value))
    }

    fn first(mut outputs: Vec<NodeValue>) -> NodeValue {
        outputs.remove(0)
    }

    #[test]
    fn a_sampler_knows_its_seed_its_size_and_the_positive_text() {
        let text = |text: &str| first(run("CLIPTextEncode", &vec![literal("text", json!(text))]));
        let size = vec![
            literal("width", json!(640)),
            literal("height", json!(384)),
            literal("batch_size", json!(2)),
        ];
        let sampled = first(run(
            "KSampler",
            &vec![
                literal("seed", json!(u64::MAX)),
                literal("steps", json!(7)),
                ("negative".to_owned(), text("ugly")),
                ("positive".to_owned(), text("a fox")),
                ("latent_image".to_owned(), first(run("EmptyLatentImage", &size))),
            ],
        ));
        let expected = Simulated {
            kind: "LATENT".to_owned(),
            seed: Some(u64::MAX),
            text: "a fox".to_owned(),
            size: Some((640, 384)),
            batch: Some(2),
            steps: Some(7),
            milliseconds: None,
        };
        assert_eq!(as_note(&sampled), Some(&expected));
    }

    #[test]
    fn a_picture_whose_edges_are_not_looked_for_says_so() {
        let image = image::RgbImage::new(320, 64);
        let inputs = vec![("image".to_owned(), NodeValue::Image(Arc::new(vec![image.clone()])))];
        let produced = marked(&inputs, "image", "SIMULATED EDGES - comfy-sim").unwrap();
        let marked = produced.outputs[0].as_images().unwrap();
        assert_eq!(marked[0].dimensions(), image.dimensions());
        assert_ne!(marked[0], image);
    }

    #[test]
    fn vace_cuts_off_the_frame_of_a_reference_only_where_there_is_one() {
        let class = |name: &str| first(run(name, &vec![literal("text", json!("a fox"))]));
        let mut inputs = vec![
            ("positive".to_owned(), class("CLIPTextEncode")),
            ("negative".to_owned(), class("CLIPTextEncode")),
            ("vae".to_owned(), class("VAELoader")),
        ];
        let trimmed = |inputs: &Inputs| {
            let outputs = vace(inputs).unwrap().outputs;
            outputs.last().unwrap().as_plain().cloned()
        };
        assert_eq!(trimmed(&inputs), Some(json!(0)));
        let picture = NodeValue::Image(Arc::new(vec![image::RgbImage::new(8, 8)]));
        inputs.push(("reference_image".to_owned(), picture));
        assert_eq!(trimmed(&inputs), Some(json!(1)));
        inputs.remove(0);
        assert_eq!(vace(&inputs).unwrap_err(), Exception::missing_input("positive"));
    }

    #[test]
    fn what_could_be_taken_for_real_is_not_simulated() {
        let catalog = Catalog::shared().unwrap();
        let can = |name: &str| can_simulate(catalog.class(name).unwrap());
        assert!(
            can("CheckpointLoaderSimple")
                && can("BasicScheduler")
                && can("ControlNetApplyAdvanced")
        );
        assert!(
            !can("SaveVideo") && !can("VAEDecodeAudio") && !can("SaveImage") && !can("CreateVideo")
        );
    }
}

//! Nodes of sound. There is only silence; where it stands for what a model would have made, its files say so.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};

use serde_json::{Value, json};

use super::images::word;
use super::media::{Target, number, refused};
use super::simulate::as_note;
use super::{Context, Exception, Produced};
use crate::execute::values::{Inputs, NodeValue, input, plain};
use crate::flac_file::{self, Silence};
use crate::folders::Root;
use crate::mp3_file;

/// The longest silence that is written, in samples of a channel: a day of it at 48 kHz would do no good to anybody.
const SAMPLES_MAX: u64 = 1_000_000_000;

/// The samples in a second of simulated sound.
const SAMPLE_RATE: u32 = 48_000;

/// How long a sound is whose latent does not say it.
const MILLISECONDS_UNKNOWN: u64 = 1000;

#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the conversion saturates, and what is too long is refused"
)]
pub(super) fn empty_audio(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    let whole = |name: &str| plain(inputs, name).and_then(Value::as_u64);
    let sample_rate = whole("sample_rate").and_then(|rate| u32::try_from(rate).ok());
    let sample_rate = sample_rate.ok_or_else(|| Exception::missing_input("sample_rate"))?;
    let channels = whole("channels").and_then(|count| u8::try_from(count).ok());
    let channels = channels.ok_or_else(|| Exception::missing_input("channels"))?;
    let samples = (number(inputs, "duration")? * f64::from(sample_rate)).round();
    let counted = samples as u64;
    if samples.is_nan() || samples < 0.0 || counted > SAMPLES_MAX {
        return Err(refused("EmptyAudio", "of such a length"));
    }
    let sound = Silence { sample_rate, channels, samples: counted, is_simulated: false };
    Ok(Produced::of(NodeValue::Audio(sound)))
}

/// Silence as long as the sound that the latent stands for.
pub(super) fn decode_audio(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    let latent = input(inputs, "samples").and_then(as_note);
    let latent = latent.ok_or_else(|| Exception::missing_input("samples"))?;
    let milliseconds = latent.milliseconds.unwrap_or(MILLISECONDS_UNKNOWN);
    let samples = milliseconds.saturating_mul(SAMPLE_RATE.into()) / 1000;
    if samples > SAMPLES_MAX {
        return Err(refused("VAEDecodeAudio", "of such a length"));
    }
    let sound = Silence { sample_rate: SAMPLE_RATE, channels: 2, samples, is_simulated: true };
    Ok(Produced::of(NodeValue::Audio(sound)))
}

pub(super) fn save_audio_as(inputs: &Inputs, context: &Context) -> Result<Produced, Exception> {
    match word(inputs, "format") {
        "flac" => save_audio(inputs, context),
        "mp3" => {
            let target = Target::find(inputs, context, (0, 0), ".mp3")?;
            write_audio(inputs, &target, |file, sound| {
                mp3_file::write(file, sound)
                    .unwrap_or_else(|| Err(io::Error::other("MP3 cannot hold such a sound")))
            })
        }
        other => Err(refused("SaveAudioAdvanced", other)),
    }
}

pub(super) fn save_audio(inputs: &Inputs, context: &Context) -> Result<Produced, Exception> {
    let target = Target::find(inputs, context, (0, 0), ".flac")?;
    write_audio(inputs, &target, flac_file::write)
}

pub(super) fn preview_audio(inputs: &Inputs, context: &Context) -> Result<Produced, Exception> {
    let prefix = format!("ComfyUI_temp_{}", context.temp_prefix);
    let target = Target::at(context, Root::Temp, &prefix, ".flac")?;
    write_audio(inputs, &target, flac_file::write)
}

fn write_audio(
    inputs: &Inputs,
    target: &Target,
    write: impl FnOnce(&mut BufWriter<File>, Silence) -> io::Result<()>,
) -> Result<Produced, Exception> {
    let Some(NodeValue::Audio(sound)) = input(inputs, "audio") else {
        return Err(Exception::missing_input("audio"));
    };
    let mut file = target.create()?;
    write(&mut file, *sound)
        .and_then(|()| file.flush())
        .map_err(|error| Exception::new("OSError", error.to_string()))?;
    let ui = json!({"audio": [target.item()]});
    Ok(Produced { outputs: vec![NodeValue::Audio(*sound)], ui: Some(ui) })
}

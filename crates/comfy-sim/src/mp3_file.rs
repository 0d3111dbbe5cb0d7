//! MP3 files of silence: frames that hold no sound at all, after a tag that says what they are.

use std::io::{self, Write};

use crate::flac_file::{SIMULATED, Silence};

/// Samples of each channel in one frame of MPEG-1 Layer III.
const FRAME_SAMPLES: u64 = 1152;

/// The lowest bit rate, in bits a second: nothing has to be told.
const BIT_RATE: u32 = 32_000;

/// Writes silence. `None`: the format has no such sample rate or no so many channels.
pub(crate) fn write(file: &mut impl Write, sound: Silence) -> Option<io::Result<()>> {
    let frame = frame(sound)?;
    let tag = if sound.is_simulated { tag(SIMULATED) } else { Vec::new() };
    let written = file.write_all(&tag).and_then(|()| {
        (0..sound.samples.div_ceil(FRAME_SAMPLES)).try_for_each(|_| file.write_all(&frame))
    });
    Some(written)
}

/// One frame. Its side information is zero, which gives every part of the sound a length of nothing.
fn frame(sound: Silence) -> Option<Vec<u8>> {
    let rate = match sound.sample_rate {
        44_100 => 0,
        48_000 => 1,
        32_000 => 2,
        _ => return None,
    };
    let mode = match sound.channels {
        1 => 0xc0,
        2 => 0x00,
        _ => return None,
    };
    let length = usize::try_from(144 * BIT_RATE / sound.sample_rate).ok()?;
    let mut frame = vec![0xff, 0xfb, 1 << 4 | rate << 2, mode];
    frame.resize(length, 0);
    Some(frame)
}

/// An ID3 tag of version 2.3 with a title.
fn tag(title: &str) -> Vec<u8> {
    let mut content = b"TIT2".to_vec();
    content.extend(u32::try_from(title.len() + 1).unwrap_or_default().to_be_bytes());
    // No flags; Latin-1.
    content.extend([0, 0, 0]);
    content.extend(title.as_bytes());
    let length = u32::try_from(content.len()).unwrap_or_default();
    // Seven bits a byte, so that no byte looks like the beginning of a frame.
    let seven = [21, 14, 7, 0].map(|shift| (length >> shift & 0x7f).to_be_bytes());
    let mut tag = b"ID3\x03\0\0".to_vec();
    tag.extend(seven.iter().filter_map(|bytes| bytes.last()));
    tag.extend(content);
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Silence =
        Silence { sample_rate: 48_000, channels: 2, samples: 48_000, is_simulated: true };

    #[test]
    fn a_second_is_as_many_frames_as_it_takes_after_a_tag() {
        let mut file = Vec::new();
        write(&mut file, SECOND).unwrap().unwrap();
        assert_eq!(&file[..10], b"ID3\x03\0\0\0\0\0\x4a");
        let frames = file[10 + 0x4a..].chunks(96);
        assert_eq!(frames.len(), 42);
        assert!(frames.into_iter().all(|frame| frame.starts_with(&[0xff, 0xfb, 0x14, 0x00])));
    }

    #[test]
    fn what_the_format_cannot_hold_is_not_written() {
        for sound in [Silence { sample_rate: 96_000, ..SECOND }, Silence { channels: 6, ..SECOND }]
        {
            assert!(write(&mut Vec::new(), sound).is_none());
        }
        let mut file = Vec::new();
        let mono = Silence { channels: 1, samples: 0, is_simulated: false, ..SECOND };
        write(&mut file, mono).unwrap().unwrap();
        assert!(file.is_empty());
    }
}

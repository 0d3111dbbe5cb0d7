//! FLAC files of silence, the only sound that is made here.

use std::io::{self, Write};

/// Samples of each channel in one frame.
const BLOCK: u32 = 4096;

/// What a file says of silence that stands for the sound of a model.
pub(crate) const SIMULATED: &str =
    "simulated by comfy-sim: silence instead of the sound of a model";

/// Sound without a sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Silence {
    /// Samples of one channel in a second; at most 655,350.
    pub(crate) sample_rate: u32,
    /// One to eight.
    pub(crate) channels: u8,
    /// Samples of one channel.
    pub(crate) samples: u64,
    /// Whether it stands for the sound of a model, which files say of it.
    pub(crate) is_simulated: bool,
}

/// Writes 16-bit samples that are all zero: a stream of constant subframes.
pub(crate) fn write(file: &mut impl Write, sound: Silence) -> io::Result<()> {
    file.write_all(b"fLaC")?;
    file.write_all(&stream_info(sound))?;
    if sound.is_simulated {
        file.write_all(&comment(SIMULATED))?;
    }
    let mut left = sound.samples;
    let mut number = 0;
    while left > 0 {
        let samples = u32::try_from(left).unwrap_or(BLOCK).min(BLOCK);
        file.write_all(&frame(number, samples, sound.channels))?;
        left -= u64::from(samples);
        number += 1;
    }
    Ok(())
}

/// The first metadata block, marked as the last where no other follows. Sixteen zeros at its end say that no checksum was made.
fn stream_info(sound: Silence) -> Vec<u8> {
    let [_, _, high, low] = BLOCK.to_be_bytes();
    let last = if sound.is_simulated { 0 } else { 0x80 };
    let mut block = vec![last, 0, 0, 34, high, low, high, low, 0, 0, 0, 0, 0, 0];
    let packed = u64::from(sound.sample_rate) << 44
        | u64::from(sound.channels.saturating_sub(1)) << 41
        | 15 << 36
        | sound.samples & 0xf_ffff_ffff;
    block.extend(packed.to_be_bytes());
    block.extend([0; 16]);
    block
}

/// The last metadata block: who wrote the file, and one comment.
fn comment(text: &str) -> Vec<u8> {
    let text = format!("COMMENT={text}");
    let mut content = Vec::new();
    for (count, text) in [(None, "comfy-sim"), (Some(1_u32), &*text)] {
        content.extend(count.into_iter().flat_map(u32::to_le_bytes));
        content.extend(u32::try_from(text.len()).unwrap_or_default().to_le_bytes());
        content.extend(text.as_bytes());
    }
    let [_, high, middle, low] = u32::try_from(content.len()).unwrap_or_default().to_be_bytes();
    let mut block = vec![0x84, high, middle, low];
    block.extend(content);
    block
}

/// One frame: header, a constant subframe of zero for each channel, checksum.
fn frame(number: u32, samples: u32, channels: u8) -> Vec<u8> {
    // A fixed block size, written out as 16 bits; the sample rate as in the stream; 16 bits a sample.
    let mut frame = vec![0xff, 0xf8, 0x70, channels.saturating_sub(1) << 4 | 0x08];
    frame.extend(as_utf8(number));
    let [_, _, high, low] = samples.saturating_sub(1).to_be_bytes();
    frame.extend([high, low]);
    frame.push(crc8(&frame));
    for _ in 0..channels {
        frame.extend([0, 0, 0]);
    }
    let checksum = crc16(&frame);
    frame.extend(checksum.to_be_bytes());
    frame
}

/// A number in the way in which UTF-8 writes a code point, which FLAC stretches to 31 bits.
fn as_utf8(number: u32) -> Vec<u8> {
    if number < 0x80 {
        return number.to_be_bytes().into_iter().skip(3).collect();
    }
    let mut bytes = Vec::new();
    let mut rest = number;
    let mut room = 0x40;
    while rest >= room {
        let [.., low] = (rest & 0x3f).to_be_bytes();
        bytes.push(0x80 | low);
        rest >>= 6;
        room = if room == 0x40 { 0x20 } else { room >> 1 };
    }
    let [.., low] = rest.to_be_bytes();
    let [.., mark] = (!(room.saturating_mul(2) - 1) & 0xff).to_be_bytes();
    bytes.push(mark | low);
    bytes.reverse();
    bytes
}

fn crc8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ byte, |crc, _| crc << 1 ^ if crc & 0x80 == 0 { 0 } else { 0x07 })
    })
}

fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc: u16, byte| {
        let mixed = crc ^ u16::from(*byte) << 8;
        (0..8).fold(mixed, |crc, _| crc << 1 ^ if crc & 0x8000 == 0 { 0 } else { 0x8005 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksums_are_those_of_the_format() {
        // The check values of CRC-8/SMBUS and of CRC-16/UMTS, which are the two that FLAC uses.
        assert_eq!(crc8(b"123456789"), 0xf4);
        assert_eq!(crc16(b"123456789"), 0xfee8);
    }

    #[test]
    fn frame_numbers_are_written_as_code_points() {
        for number in [0, 0x7f, 0x80, 0x7ff, 0x800, 0xffff, 0x1_0000] {
            let letter = char::from_u32(number).map(String::from).unwrap_or_default();
            assert_eq!(as_utf8(number), letter.into_bytes(), "{number:#x}");
        }
    }

    #[test]
    fn a_second_is_as_many_frames_as_it_takes() {
        let mut file = Vec::new();
        let sound =
            Silence { sample_rate: 44_100, channels: 2, samples: 44_100, is_simulated: false };
        write(&mut file, sound).unwrap();
        assert_eq!(&file[..8], b"fLaC\x80\0\0\x22");
        let frames = file[42..].chunks(4 + 1 + 2 + 1 + 6 + 2);
        assert_eq!(frames.len(), 11);
        assert!(frames.into_iter().all(|frame| frame.starts_with(&[0xff, 0xf8])));
    }

    #[test]
    fn a_file_of_simulated_sound_says_so() {
        let mut file = Vec::new();
        let sound = Silence { sample_rate: 48_000, channels: 2, samples: 10, is_simulated: true };
        write(&mut file, sound).unwrap();
        assert_eq!(&file[..8], b"fLaC\0\0\0\x22");
        let (comment, text) = (&file[42..], format!("COMMENT={SIMULATED}"));
        assert_eq!(comment[0], 0x84);
        let length = usize::from(comment[3]);
        assert_eq!(&comment[4 + length - text.len()..4 + length], text.as_bytes());
        assert!(comment[4 + length..].starts_with(&[0xff, 0xf8]));
    }
}

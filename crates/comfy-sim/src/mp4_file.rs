//! MP4 files whose frames are JPEG pictures.
//!
//! A real ComfyUI encodes H.264. No encoder for it is carried here, so what is written is what the format also allows
//! and common players read: Motion JPEG, with each picture whole.

use std::io::{self, Write};

/// Time units in a second, for the whole file.
const TIMESCALE: u32 = 90_000;

/// Identifies JPEG among the codecs of an `mp4v` track.
const JPEG_OBJECT_TYPE: u8 = 0x6c;

/// The transformation that changes nothing, in the fixed-point form of the format.
const IDENTITY: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];

/// What is to be written.
pub(crate) struct Film<'a> {
    pub(crate) size: (u16, u16),
    /// Pictures in a second, more than zero.
    pub(crate) frames_per_second: f64,
    /// One whole JPEG file each.
    pub(crate) frames: &'a [Vec<u8>],
}

/// Writes the file. A sum of frames above 4 GiB is refused.
pub(crate) fn write(target: &mut impl Write, film: &Film<'_>) -> io::Result<()> {
    let frames_bytes: usize = film.frames.iter().map(Vec::len).sum();
    let data_length = u32::try_from(frames_bytes.saturating_add(8))
        .map_err(|_| io::Error::other("more than 4 GiB of frames"))?;
    let kind = boxed(*b"ftyp", &[b"isom", &512_u32.to_be_bytes(), b"isom", b"mp41"]);
    let note = boxed(*b"free", &[b"written by comfy-sim: Motion JPEG, no H.264"]);
    let ahead = length(kind.len().saturating_add(note.len()).saturating_add(8));
    target.write_all(&kind)?;
    target.write_all(&note)?;
    target.write_all(&data_length.to_be_bytes())?;
    target.write_all(b"mdat")?;
    for frame in film.frames {
        target.write_all(frame)?;
    }
    target.write_all(&movie(film, ahead))
}

/// `moov`: what there is, how long it takes and where it lies.
fn movie(film: &Film<'_>, frames_at: u32) -> Vec<u8> {
    let (width, height) = film.size;
    let each = frame_duration(film.frames_per_second);
    let duration = each.saturating_mul(length(film.frames.len()));
    let matrix: Vec<u8> = IDENTITY.iter().flat_map(|number| number.to_be_bytes()).collect();
    let movie_header = full(
        *b"mvhd",
        0,
        &[
            &words(&[0, 0, TIMESCALE, duration, 0x1_0000, 0x0100_0000, 0, 0]),
            &matrix,
            &words(&[0, 0, 0, 0, 0, 0, 2]),
        ],
    );
    let track_header = full(
        *b"tkhd",
        // Enabled, and part of the presentation.
        3,
        &[
            &words(&[0, 0, 1, 0, duration, 0, 0, 0, 0]),
            &matrix,
            &words(&[u32::from(width) << 16, u32::from(height) << 16]),
        ],
    );
    let media_header = full(*b"mdhd", 0, &[&words(&[0, 0, TIMESCALE, duration, 0x55c4_0000])]);
    let handler = full(*b"hdlr", 0, &[&words(&[0]), b"vide", &words(&[0, 0, 0]), b"pictures\0"]);
    let video_header = full(*b"vmhd", 1, &[&words(&[0, 0])]);
    let here = full(*b"url ", 1, &[]);
    let references = full(*b"dref", 0, &[&words(&[1]), &here]);
    let data = boxed(*b"dinf", &[&references]);
    let sizes: Vec<u32> = film.frames.iter().map(|frame| length(frame.len())).collect();
    let count = length(sizes.len());
    let table = boxed(
        *b"stbl",
        &[
            &full(*b"stsd", 0, &[&words(&[1]), &sample_entry(width, height)]),
            &full(*b"stts", 0, &[&words(&[1, count, each])]),
            &full(*b"stsc", 0, &[&words(&[1, 1, count, 1])]),
            &full(*b"stsz", 0, &[&words(&[0, count]), &words(&sizes)]),
            &full(*b"stco", 0, &[&words(&[1, frames_at])]),
        ],
    );
    let information = boxed(*b"minf", &[&video_header, &data, &table]);
    let media = boxed(*b"mdia", &[&media_header, &handler, &information]);
    let track = boxed(*b"trak", &[&track_header, &media]);
    boxed(*b"moov", &[&movie_header, &track])
}

/// `mp4v` with the codec named by number.
fn sample_entry(width: u16, height: u16) -> Vec<u8> {
    // A stream that is video, without a buffer size or bit rates.
    let config = [&[JPEG_OBJECT_TYPE, 0x11, 0, 0, 0][..], &words(&[0, 0])].concat();
    let decoder = descriptor(0x04, &config);
    let stream = descriptor(0x03, &[&[0, 1, 0][..], &decoder, &descriptor(0x06, &[2])].concat());
    let codec = full(*b"esds", 0, &[&stream]);
    boxed(
        *b"mp4v",
        &[
            &[0; 6],
            &1_u16.to_be_bytes(),
            &[0; 16],
            &width.to_be_bytes(),
            &height.to_be_bytes(),
            // 72 dots an inch, one frame a sample, no name, 24 bits of color, no palette.
            &words(&[0x0048_0000, 0x0048_0000, 0]),
            &1_u16.to_be_bytes(),
            &[0; 32],
            &24_u16.to_be_bytes(),
            &u16::MAX.to_be_bytes(),
            &codec,
        ],
    )
}

/// How long one frame is shown, in units of [`TIMESCALE`].
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the conversion saturates"
)]
fn frame_duration(frames_per_second: f64) -> u32 {
    ((f64::from(TIMESCALE) / frames_per_second).round() as u32).max(1)
}

fn boxed(kind: [u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let content: usize = parts.iter().map(|part| part.len()).sum();
    let mut bytes = length(content.saturating_add(8)).to_be_bytes().to_vec();
    bytes.extend(kind);
    for part in parts {
        bytes.extend(*part);
    }
    bytes
}

/// A box with a version, which is zero, and flags.
fn full(kind: [u8; 4], flags: u32, parts: &[&[u8]]) -> Vec<u8> {
    let head = flags.to_be_bytes();
    let all: Vec<&[u8]> = std::iter::once(&head[..]).chain(parts.iter().copied()).collect();
    boxed(kind, &all)
}

/// An MPEG-4 descriptor of fewer than 128 bytes.
fn descriptor(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag, u8::try_from(content.len()).unwrap_or(0x7f)];
    bytes.extend(content);
    bytes
}

fn words(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

/// A length inside a file that is known to be below 4 GiB.
fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names and contents of the boxes in a row.
    fn boxes(mut bytes: &[u8]) -> Vec<(String, &[u8])> {
        let mut all = Vec::new();
        while let Some((size, _)) = bytes.split_first_chunk::<4>() {
            let (one, rest) = bytes.split_at(usize::try_from(u32::from_be_bytes(*size)).unwrap());
            all.push((String::from_utf8_lossy(&one[4..8]).into_owned(), &one[8..]));
            bytes = rest;
        }
        all
    }

    #[test]
    fn the_boxes_nest_and_the_frames_lie_where_the_table_says() {
        let frames = vec![vec![0xff, 0xd8, 1], vec![0xff, 0xd8, 2, 3]];
        let two = Film { size: (64, 48), frames_per_second: 8.0, frames: &frames };
        let mut file = Vec::new();
        write(&mut file, &two).unwrap();
        let top: Vec<String> = boxes(&file).into_iter().map(|(name, _)| name).collect();
        assert_eq!(top, ["ftyp", "free", "mdat", "moov"]);
        let inside =
            |bytes, name: &str| boxes(bytes).into_iter().find(|(kind, _)| kind == name).unwrap().1;
        let mut at = inside(&file, "moov");
        for name in ["trak", "mdia", "minf", "stbl"] {
            at = inside(at, name);
        }
        let offset = inside(at, "stco")[8..12].try_into().unwrap();
        let offset = usize::try_from(u32::from_be_bytes(offset)).unwrap();
        assert_eq!(&file[offset..offset + 7], &[0xff, 0xd8, 1, 0xff, 0xd8, 2, 3]);
        assert_eq!(&inside(at, "stsz")[4..], words(&[0, 2, 3, 4]));
        assert_eq!(&inside(at, "stts")[4..], words(&[1, 2, 11_250]));
    }
}

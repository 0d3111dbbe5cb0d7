//! The metadata of MP4 and MOV files, as ComfyUI writes it: pairs of a name and a text in
//! `moov/meta`, the names in `keys` and the texts in `ilst`.

use super::metadata::Texts;

pub(super) fn is_mp4(bytes: &[u8]) -> bool {
    bytes.get(4..8) == Some(b"ftyp")
}

/// The texts of a file. The boxes that hold sound and pictures are stepped over.
pub(super) fn of_mp4(bytes: &[u8]) -> Texts {
    let mut texts = Texts::default();
    let Some(meta) = child(bytes, *b"moov").and_then(|movie| child(movie, *b"meta")) else {
        return texts;
    };
    // In MP4 a version stands before the boxes in it, in MOV none does.
    let meta = meta.strip_prefix(&[0; 4]).unwrap_or(meta);
    let (Some(keys), Some(list)) = (child(meta, *b"keys"), child(meta, *b"ilst")) else {
        return texts;
    };
    let names = keys.get(KEYS_HEADER_BYTES..).unwrap_or_default();
    let names: Vec<&[u8]> = Boxes(names).map(|(_, name)| name).collect();
    for (number, item) in Boxes(list) {
        // Names are counted from 1.
        let place = usize::try_from(u32::from_be_bytes(number)).ok();
        let name = place.and_then(|place| names.get(place.checked_sub(1)?));
        let text = child(item, *b"data").and_then(|data| data.get(DATA_HEADER_BYTES..));
        if let (Some(name), Some(text)) = (name, text) {
            let text = String::from_utf8_lossy(text).into_owned();
            texts.put(&String::from_utf8_lossy(name), text);
        }
    }
    texts
}

/// Version and count.
const KEYS_HEADER_BYTES: usize = 8;

/// Type and locale of a text.
const DATA_HEADER_BYTES: usize = 8;

/// The content of the first box of a kind.
fn child(bytes: &[u8], kind: [u8; 4]) -> Option<&[u8]> {
    Boxes(bytes).find(|(found, _)| *found == kind).map(|(_, content)| content)
}

/// The boxes that stand one after another: kind and content.
struct Boxes<'a>(&'a [u8]);

impl<'a> Iterator for Boxes<'a> {
    type Item = ([u8; 4], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (length, rest) = self.0.split_first_chunk::<4>()?;
        let (kind, rest) = rest.split_first_chunk::<4>()?;
        let (header, length, rest) = match u32::from_be_bytes(*length) {
            // It goes on to the end of the file.
            0 => (8, rest.len().checked_add(8)?, rest),
            1 => {
                let (length, rest) = rest.split_first_chunk::<8>()?;
                (16, usize::try_from(u64::from_be_bytes(*length)).ok()?, rest)
            }
            length => (8, usize::try_from(length).ok()?, rest),
        };
        let (content, rest) = rest.split_at_checked(length.checked_sub(header)?)?;
        self.0 = rest;
        Some((*kind, content))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(kind: &[u8], content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len() + 8).unwrap().to_be_bytes();
        [&length[..], kind, content].concat()
    }

    fn movie() -> Vec<u8> {
        let keys = [[0, 0, 0, 0, 0, 0, 0, 1].to_vec(), boxed(b"mdta", b"prompt")].concat();
        let data = boxed(b"data", b"\0\0\0\x01\0\0\0\0{\"1\":{}}");
        let list = boxed(&1_u32.to_be_bytes(), &data);
        let meta = [vec![0; 4], boxed(b"keys", &keys), boxed(b"ilst", &list)].concat();
        let media = [&1_u32.to_be_bytes()[..], b"mdat", &20_u64.to_be_bytes(), b"moov"].concat();
        [boxed(b"ftyp", b"isom"), media, boxed(b"moov", &boxed(b"meta", &meta))].concat()
    }

    #[test]
    fn texts_are_found_behind_the_media() {
        let movie = movie();
        assert!(is_mp4(&movie));
        assert_eq!(of_mp4(&movie).prompt.as_deref(), Some("{\"1\":{}}"));
    }

    #[test]
    fn no_cut_and_no_changed_byte_breaks_the_reader() {
        let movie = movie();
        for at in 0..movie.len() {
            of_mp4(&movie[..at]);
            for byte in [0, 1, 0xff] {
                let mut changed = movie.clone();
                changed[at] = byte;
                of_mp4(&changed);
            }
        }
    }
}

//! Lone surrogates: halves of a character, which Python and JavaScript keep in their texts and no
//! Rust text can hold.
//!
//! ComfyUI writes the names of files that are not UTF-8 with them, and finds the files by them;
//! front ends write one where they cut a text in the middle of an emoji. So each has a character
//! that stands for it here: the last 2,048 of the private ones, which are for nobody's use.

/// From a surrogate to the character that stands for it.
const OFFSET: u32 = 0x10_f800 - 0xd800;

const FIRST_STAND_IN: char = '\u{10f800}';

/// The character that stands for a lone surrogate.
pub(super) fn stand_in(surrogate: u32) -> char {
    char::from_u32(surrogate + OFFSET).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The surrogate that a character stands for.
pub(crate) fn of_stand_in(character: char) -> Option<u32> {
    (character >= FIRST_STAND_IN).then(|| u32::from(character) - OFFSET)
}

/// Where the first character stands that would be taken for a surrogate.
pub(super) fn first_stand_in(text: &str) -> Option<usize> {
    // They begin with the highest of all bytes that occur in UTF-8.
    if !text.as_bytes().contains(&0xf4) {
        return None;
    }
    text.find(|character| character >= FIRST_STAND_IN)
}

//! Numbers with units in a sentence: memory, lengths of time and sizes of pictures.

use std::ops::Range;

use super::tokens::{Break, Token};

/// Up to how much memory counts as little.
const LITTLE_MEMORY_BYTES: u64 = 12 << 30;

/// From how many seconds on a video or a piece of music is long.
const LONG_SECONDS: f64 = 10.0;

/// From how many pixels a side on a picture is large: more than common models make by themselves.
const LARGE_SIDE_PIXELS: u32 = 2_560;

/// A number with a unit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Quantity {
    pub(super) measure: Measure,
    /// Where it stands in the sentence.
    pub(super) at: Range<usize>,
}

/// What a number with a unit says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Measure {
    /// So many bytes of memory. People write gigabytes and mean what a card is sold with: 2³⁰.
    Memory(u64),
    /// So many seconds.
    Duration(f64),
    /// So many seconds until it shall be done.
    Deadline(f64),
    /// So many pixels at the longer side.
    Side(u32),
}

impl Measure {
    pub(super) fn is_little_memory(self) -> bool {
        matches!(self, Self::Memory(bytes) if bytes <= LITTLE_MEMORY_BYTES)
    }

    pub(super) fn is_soon(self) -> bool {
        matches!(self, Self::Deadline(_))
    }

    pub(super) fn is_long(self) -> bool {
        matches!(self, Self::Duration(seconds) if seconds > LONG_SECONDS)
    }

    pub(super) fn is_large(self) -> bool {
        matches!(self, Self::Side(pixels) if pixels >= LARGE_SIDE_PIXELS)
    }
}

const GIGABYTES: &[&str] = &["gb", "gib", "gig", "gigabyte", "g"];
const SECONDS: &[&str] = &["s", "sec", "second"];
const MINUTES: &[&str] = &["min", "minute"];

/// After a number of gigabytes, these say that it is not the memory of a card.
const OTHER_STORAGE: &[&str] = &["ram", "disk", "download", "file", "ssd", "storage"];

/// Before a number of "s" without space, these make it a decade or an age: `the 80s`.
const DECADES: &[&str] = &["the", "her", "his", "their", "early", "late", "mid"];

/// Before a number of seconds, these say how soon it shall be done.
const DEADLINES: &[&str] = &["in", "within", "under", "than"];

/// All numbers with units. What is quoted does not count.
pub(super) fn quantities(tokens: &[Token]) -> Vec<Quantity> {
    (0..tokens.len()).filter_map(|at| quantity(tokens, at)).collect()
}

fn quantity(tokens: &[Token], at: usize) -> Option<Quantity> {
    let token = tokens.get(at).filter(|token| !token.quoted)?;
    if let Some(side) = side(&token.word) {
        return Some(Quantity { measure: Measure::Side(side), at: token.at.clone() });
    }
    let (number, unit) = split(&token.word)?;
    let next = tokens.get(at + 1).filter(|next| next.before == Break::None);
    let (unit, end, after) = match (unit, next) {
        ("", Some(next)) => (next.word.as_str(), next, at + 2),
        ("", None) => return None,
        (unit, _) => (unit, token, at + 1),
    };
    let before = at.checked_sub(1).and_then(|before| tokens.get(before));
    let is_decade = unit == "s" && is_among(before, DECADES);
    let is_other = is_among(tokens.get(after), OTHER_STORAGE)
        || is_among(tokens.get(after), &["of"]) && is_among(tokens.get(after + 1), OTHER_STORAGE);
    let time = if is_among(before, DEADLINES) { Measure::Deadline } else { Measure::Duration };
    let measure = match unit {
        unit if GIGABYTES.contains(&unit) && !is_other => Measure::Memory(bytes(number)?),
        unit if SECONDS.contains(&unit) && !is_decade => time(number),
        unit if MINUTES.contains(&unit) => time(number * 60.0),
        _ => return None,
    };
    Some(Quantity { measure, at: token.at.start..end.at.end })
}

fn is_among(token: Option<&Token>, words: &[&str]) -> bool {
    token.is_some_and(|token| words.contains(&token.word.as_str()))
}

/// Numbers that people write out.
const WRITTEN_OUT: &[(&str, f64)] = &[
    ("two", 2.0),
    ("three", 3.0),
    ("four", 4.0),
    ("five", 5.0),
    ("six", 6.0),
    ("seven", 7.0),
    ("eight", 8.0),
    ("ten", 10.0),
    ("twelve", 12.0),
    ("fifteen", 15.0),
    ("sixteen", 16.0),
    ("twenty", 20.0),
    ("thirty", 30.0),
    ("forty", 40.0),
    ("sixty", 60.0),
    ("ninety", 90.0),
];

/// A number and the letters that stand right behind it.
fn split(word: &str) -> Option<(f64, &str)> {
    if let Some((_, number)) = WRITTEN_OUT.iter().find(|(written, _)| *written == word) {
        return Some((*number, ""));
    }
    let end = word.find(|letter: char| !letter.is_ascii_digit() && letter != '.');
    let (number, unit) = word.split_at(end.unwrap_or(word.len()));
    Some((number.parse().ok()?, unit))
}

/// The longer side of `1920x1080`.
fn side(word: &str) -> Option<u32> {
    let (width, height) = word.split_once(['x', '×'])?;
    Some(width.parse::<u32>().ok()?.max(height.parse().ok()?))
}

/// Gigabytes as bytes, where they are some that a machine could have.
pub(super) fn bytes(gigabytes: f64) -> Option<u64> {
    /// No machine has more; above it, whole bytes would get lost in the number.
    const GIGABYTES_AT_MOST: f64 = 1_048_576.0;
    if !(0.0..=GIGABYTES_AT_MOST).contains(&gigabytes) {
        return None;
    }
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range is checked above"
    )]
    let bytes = (gigabytes * 1_073_741_824.0).round() as u64;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::{Measure, quantities};
    use crate::recommend::tokens::tokens;

    #[track_caller]
    fn check(sentence: &str, expected: &[Measure]) {
        let found = quantities(&tokens(sentence));
        let found: Vec<Measure> = found.into_iter().map(|quantity| quantity.measure).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn numbers_with_units() {
        check("on an 8 GB card", &[Measure::Memory(8 << 30)]);
        check("8gb vram, 20s clip", &[Measure::Memory(8 << 30), Measure::Duration(20.0)]);
        check("a 1.5-minute song", &[Measure::Duration(90.0)]);
        check("3840x2160", &[Measure::Side(3840)]);
        check("in 5 seconds", &[Measure::Deadline(5.0)]);
        check("ten seconds", &[Measure::Duration(10.0)]);
    }

    #[test]
    fn what_only_looks_like_it() {
        check("the 80s, a woman in her 30s, 16 GB of RAM, 20 gb download", &[]);
        check("a sign with \"8 GB\" on it, 4 steps, 8", &[]);
        check("99999999999999999999999 GB", &[]);
    }
}

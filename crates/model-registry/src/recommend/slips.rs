//! Words with a slip of the pen.

use std::collections::{HashMap, HashSet};

/// From how many letters on a word is corrected where two neighbours are exchanged.
const LETTERS_EXCHANGED_MIN: usize = 5;

/// From how many letters on where one is missing or too many.
const LETTERS_OFF_BY_ONE_MIN: usize = 6;

/// From how many letters on where one is another. In shorter words that is often another word.
const LETTERS_REPLACED_MIN: usize = 8;

/// The words that cues are made of, to find what a wrong one was meant to be.
#[derive(Clone, Debug, Default)]
pub(super) struct Vocabulary {
    /// By first letter, which people seldom get wrong.
    by_first: HashMap<char, Vec<String>>,
    all: HashSet<String>,
}

impl Vocabulary {
    pub(super) fn add(&mut self, word: &str) {
        let Some(first) = word.chars().next() else { return };
        if self.all.insert(word.to_owned()) && word.len() >= LETTERS_EXCHANGED_MIN {
            self.by_first.entry(first).or_default().push(word.to_owned());
        }
    }

    /// The one word that this may have been meant to be; none where it is a known word itself, and
    /// where there are several.
    pub(super) fn meant(&self, word: &str) -> Option<&str> {
        if word.len() < LETTERS_EXCHANGED_MIN || !word.is_ascii() || self.all.contains(word) {
            return None;
        }
        let words = self.by_first.get(&word.chars().next()?)?;
        let mut near = words.iter().filter(|known| is_slip(word.as_bytes(), known.as_bytes()));
        let first = near.next()?;
        near.next().is_none().then_some(first.as_str())
    }
}

/// Whether one slip makes `meant` to `written`. The last letter is no slip: endings mean something.
fn is_slip(written: &[u8], meant: &[u8]) -> bool {
    let alike = written.iter().zip(meant).take_while(|(one, other)| one == other).count();
    let longer = written.len().max(meant.len());
    match (written.len(), meant.len()) {
        (one, other) if one == other => {
            let exchanged = written.get(alike) == meant.get(alike + 1)
                && written.get(alike + 1) == meant.get(alike)
                && rest(written, alike + 2) == rest(meant, alike + 2);
            let replaced = longer >= LETTERS_REPLACED_MIN
                && alike + 1 < one
                && rest(written, alike + 1) == rest(meant, alike + 1);
            alike < one && (exchanged || replaced)
        }
        (one, other) if one + 1 == other => {
            longer >= LETTERS_OFF_BY_ONE_MIN
                && alike < one
                && rest(written, alike) == rest(meant, alike + 1)
        }
        (one, other) if one == other + 1 => {
            longer > LETTERS_OFF_BY_ONE_MIN
                && alike < other
                && rest(written, alike + 1) == rest(meant, alike)
        }
        _ => false,
    }
}

fn rest(of: &[u8], from: usize) -> &[u8] {
    of.get(from..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::Vocabulary;

    #[test]
    fn one_slip_is_corrected_and_another_word_is_not() {
        let mut vocabulary = Vocabulary::default();
        for word in ["video", "picture", "photo", "poster", "portrait", "background", "anime"] {
            vocabulary.add(word);
        }
        let meant = |word| vocabulary.meant(word);
        assert_eq!(meant("vidoe"), Some("video"));
        assert_eq!(meant("pictrue"), Some("picture"));
        assert_eq!(meant("potrait"), Some("portrait"));
        assert_eq!(meant("backgruond"), Some("background"));
        for other in ["photon", "posted", "anima", "wideo", "vide", "portraits of", "bãckgroun"] {
            assert_eq!(meant(other), None, "{other}");
        }
    }
}

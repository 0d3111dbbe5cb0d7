//! Text that a server chose, cut to what fits into a message.

use std::fmt;

/// How much of one text a message repeats. Enough for a line of text or a page's title, and not
/// the thousand names of a folder of models.
const CHARS_SHOWN_MAX: usize = 200;

/// Shows the beginning of a text.
pub(crate) struct Excerpt<'a>(pub(crate) &'a str);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.char_indices().nth(CHARS_SHOWN_MAX);
        match shown.and_then(|(end, _)| self.0.get(..end)) {
            Some(start) => write!(f, "{start}…"),
            None => f.write_str(self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        let fits = "ä".repeat(CHARS_SHOWN_MAX);
        assert_eq!(Excerpt(&fits).to_string(), fits);
        assert_eq!(Excerpt(&format!("{fits}ä")).to_string(), format!("{fits}…"));
    }
}

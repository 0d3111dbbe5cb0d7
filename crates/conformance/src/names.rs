//! Names that differ from run to run, and which recorded one stands for which received one.

use std::collections::HashMap;

use uuid::Uuid;

/// A server counts its files in five digits, or more where they do not suffice.
const COUNT_DIGITS_MIN: usize = 5;

/// Recorded names bound to received ones, one to one.
#[derive(Debug, Default)]
pub(crate) struct Names {
    received: HashMap<String, String>,
    recorded: HashMap<String, String>,
}

impl Names {
    /// Whether the two may stand for each other; at their first meeting they are bound.
    pub(crate) fn bind(&mut self, recorded: &str, received: &str) -> bool {
        match (self.received.get(recorded), self.recorded.get(received)) {
            (None, None) => {
                self.received.insert(recorded.to_owned(), received.to_owned());
                self.recorded.insert(received.to_owned(), recorded.to_owned());
                true
            }
            (Some(bound), _) => bound == received,
            (None, Some(_)) => false,
        }
    }

    /// The text with every recorded name replaced by the received one.
    pub(crate) fn translated(&self, recorded: &str) -> String {
        self.received
            .iter()
            .fold(recorded.to_owned(), |text, (theirs, ours)| text.replace(theirs, ours))
    }

    pub(crate) fn is_recorded(&self, name: &str) -> bool {
        self.received.contains_key(name)
    }

    pub(crate) fn is_received(&self, name: &str) -> bool {
        self.recorded.contains_key(name)
    }
}

/// Whether this is an id in the one form that the server accepts.
pub(crate) fn is_prompt_id(text: &str) -> bool {
    Uuid::try_parse(text).is_ok_and(|id| id.hyphenated().to_string() == text)
}

/// Whether two file names are the same but for the number that the server counted, and for the random letters of a
/// temporary file.
pub(crate) fn are_counted_alike(one: &str, other: &str) -> bool {
    let (Some(one), Some(other)) = (without_count(one), without_count(other)) else { return false };
    one == other
}

/// `rec_00007_.png` as `rec` and `_.png`.
fn without_count(name: &str) -> Option<(&str, &str)> {
    let (stem, ending) = name.rmatch_indices('_').find_map(|(at, _)| {
        let (stem, rest) = name.split_at_checked(at)?;
        let counted = rest.strip_prefix('_')?;
        let ending = counted.trim_start_matches(|letter: char| letter.is_ascii_digit());
        (counted.len() - ending.len() >= COUNT_DIGITS_MIN).then_some((stem, ending))
    })?;
    let is_temporary = stem
        .strip_prefix("ComfyUI_temp_")
        .is_some_and(|letters| letters.len() == 5 && letters.chars().all(char::is_alphanumeric));
    let stem = if is_temporary { "ComfyUI_temp" } else { stem };
    (!ending.contains(['/', ' '])).then_some((stem, ending))
}

/// The text with the directories of every quoted absolute path cut off: they belong to the machine.
pub(crate) fn without_directories(text: &str) -> String {
    let shorten = |part: &str| match part.rsplit_once('/') {
        Some((_, name)) if part.starts_with('/') => format!("…/{name}"),
        _ => part.to_owned(),
    };
    text.split('\'').map(shorten).collect::<Vec<_>>().join("'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_for_one_other() {
        let mut names = Names::default();
        assert!(names.bind("a", "1"));
        assert!(names.bind("a", "1"));
        assert!(!names.bind("a", "2"));
        assert!(!names.bind("b", "1"));
        assert_eq!(names.translated("/x/a"), "/x/1");
    }

    #[test]
    fn counted_names_are_alike_but_for_the_count() {
        assert!(are_counted_alike("rec_00001_.png", "rec_00017_.png"));
        assert!(are_counted_alike("a_00001.flac", "a_00002.flac"));
        assert!(are_counted_alike("v_00001_.mp4", "v_00010_.mp4"));
        assert!(are_counted_alike(
            "ComfyUI_temp_abcde_00001_.png",
            "ComfyUI_temp_fghij_00003_.png"
        ));
        assert!(!are_counted_alike("rec_00001_.png", "img_00001_.png"));
        assert!(!are_counted_alike("rec_00001_.png", "rec_00001_.webp"));
        assert!(!are_counted_alike("rec.png", "rec.png"));
    }

    #[test]
    fn directories_are_cut_off_quoted_paths() {
        let text = "cannot identify '/opt/ComfyUI/input/a.png'";
        assert_eq!(without_directories(text), "cannot identify '…/a.png'");
        assert_eq!(without_directories("it's a/b"), "it's a/b");
    }
}

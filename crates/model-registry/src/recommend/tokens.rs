//! A sentence as words.

use std::ops::Range;

/// A word of a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    /// In small letters, without apostrophes, and in the singular as far as an `s` tells.
    pub(super) word: String,
    /// Where it stands in the sentence.
    pub(super) at: Range<usize>,
    /// What parts it from the word before.
    pub(super) before: Break,
    /// Whether it is within quotation marks: words to be shown or said, not a wish.
    pub(super) quoted: bool,
}

/// What parts two words, the weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Break {
    /// Nothing but a space, a hyphen or a slash.
    None,
    /// A comma or the like.
    Pause,
    /// The end of a sentence.
    Stop,
}

/// The words of a text.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut pending = Break::Stop;
    let mut start = None;
    let end_of = |start: &mut Option<usize>, end: usize, before: Break, into: &mut Vec<Token>| {
        let Some(from) = start.take() else { return false };
        let word = plain(text.get(from..end).unwrap_or_default());
        if word.is_empty() {
            return false;
        }
        into.push(Token { word, at: from..end, before, quoted: false });
        true
    };
    for (at, letter) in text.char_indices() {
        if letter.is_alphanumeric() || is_inside_word(text, at, letter) {
            start.get_or_insert(at);
            continue;
        }
        if end_of(&mut start, at, pending, &mut tokens) {
            pending = Break::None;
        }
        if is_arrow(text, at, letter) {
            let at = at..at + letter.len_utf8();
            tokens.push(Token { word: "to".to_owned(), at, before: pending, quoted: false });
            pending = Break::None;
        }
        pending = pending.max(breaks(text, at, letter));
    }
    end_of(&mut start, text.len(), pending, &mut tokens);
    mark_quotes(text, &mut tokens);
    tokens
}

/// An apostrophe between letters (`don't`) and a point or colon between digits (`1.5`, `16:9`) part
/// nothing.
fn is_inside_word(text: &str, at: usize, letter: char) -> bool {
    let before = text.get(..at).and_then(|text| text.chars().next_back());
    let after = text.get(at + letter.len_utf8()..).and_then(|text| text.chars().next());
    let both = |is: fn(char) -> bool| before.is_some_and(is) && after.is_some_and(is);
    match letter {
        '\'' | '’' => both(char::is_alphabetic),
        '.' | ':' => both(|letter| letter.is_ascii_digit()),
        _ => false,
    }
}

/// People write `photo -> video` and mean `to`.
fn is_arrow(text: &str, at: usize, letter: char) -> bool {
    let before = text.get(..at).and_then(|text| text.chars().next_back());
    letter == '→' || letter == '>' && matches!(before, Some('-' | '='))
}

fn breaks(text: &str, at: usize, letter: char) -> Break {
    match letter {
        '.' | '!' | '?' | ';' | '\n' => Break::Stop,
        ',' | ':' | '(' | ')' | '—' | '–' | '|' => Break::Pause,
        '-' => {
            let around = text.get(at.saturating_sub(1)..).unwrap_or_default();
            if around.starts_with(" - ") || around.starts_with(" -- ") {
                Break::Pause
            } else {
                Break::None
            }
        }
        _ => Break::None,
    }
}

/// A word as cues spell it.
fn plain(word: &str) -> String {
    let letters = word.chars().filter(|letter| !matches!(letter, '\'' | '’'));
    let mut word: String = letters.flat_map(char::to_lowercase).collect();
    let is_plural = word.len() > 3
        && word.ends_with('s')
        && !["ss", "us", "is"].iter().any(|ending| word.ends_with(ending));
    if is_plural {
        word.pop();
    }
    word
}

/// Marks what stands in quotation marks, unless that is all there is.
fn mark_quotes(text: &str, tokens: &mut [Token]) {
    let mut inside = Vec::new();
    let mut open: Option<(usize, char)> = None;
    for (at, letter) in text.char_indices() {
        match open {
            Some((from, close)) if letter == close && !is_inside_word(text, at, letter) => {
                inside.push(from..at);
                open = None;
            }
            None => open = closing(text, at, letter).map(|close| (at, close)),
            Some(_) => {}
        }
    }
    let is_quoted = |token: &Token| inside.iter().any(|range| range.contains(&token.at.start));
    if tokens.iter().all(is_quoted) {
        return;
    }
    for token in tokens {
        token.quoted = is_quoted(token);
    }
}

/// What ends a quotation that this letter opens. A single mark opens one only before a word.
fn closing(text: &str, at: usize, letter: char) -> Option<char> {
    match letter {
        '"' => Some('"'),
        '“' | '„' => Some('”'),
        '‘' => Some('’'),
        '\'' => {
            let before = text.get(..at).and_then(|text| text.chars().next_back());
            before.is_none_or(|letter| !letter.is_alphanumeric()).then_some('\'')
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Break, tokens};

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let found = tokens(text);
        let words: Vec<&str> = found.iter().map(|token| token.word.as_str()).collect();
        assert_eq!(words, expected);
    }

    #[test]
    fn words_are_plain() {
        check("I'd like Two lip-synced VIDEOS", &["id", "like", "two", "lip", "synced", "video"]);
        check("a 1.5 GB card.", &["a", "1.5", "gb", "card"]);
        check("photo -> video", &["photo", "to", "video"]);
        check("  ", &[]);
        check("'''", &[]);
    }

    #[test]
    fn punctuation_parts_words() {
        let breaks: Vec<_> =
            tokens("one, two. three - four five").iter().map(|token| token.before).collect();
        let expected = [Break::Stop, Break::Pause, Break::Stop, Break::Pause, Break::None];
        assert_eq!(breaks, expected);
    }

    #[test]
    fn what_is_quoted_is_marked() {
        let quoted = |text: &str| -> Vec<String> {
            let tokens = tokens(text).into_iter();
            tokens.filter(|token| token.quoted).map(|token| token.word).collect()
        };
        assert_eq!(quoted("a sign that says \"make video\""), ["make", "video"]);
        assert_eq!(quoted("a mug with 'Best Dad' on it"), ["best", "dad"]);
        assert_eq!(quoted("the dogs' bone isn't here"), Vec::<String>::new());
        assert_eq!(quoted("\"a whole sentence\""), Vec::<String>::new());
    }
}

//! Phrases as cues spell them, found in a sentence.

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

use super::tokens::{Break, Token, tokens};

/// How many pieces of one phrase may be optional: each doubles the number of phrases.
const OPTIONAL_AT_MOST: usize = 4;

/// A phrase: `from <the>? _? <picture>`. A word stands for itself, `<the>` for any word of a class,
/// `_` for any word but a few, and what has a `?` may be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    pieces: Vec<(Piece, Presence)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Always,
    Optional,
}

/// A part of a phrase.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Piece {
    /// This word.
    Word(String),
    /// Any word of this class.
    Class(String),
    /// Any word.
    Any,
}

impl Pattern {
    /// Reads a phrase; what is wrong with it, if anything.
    pub(crate) fn new(text: &str) -> Result<Self, &'static str> {
        let mut pieces = Vec::new();
        for part in text.split_whitespace() {
            let (part, presence) = match part.strip_suffix('?') {
                Some(part) => (part, Presence::Optional),
                None => (part, Presence::Always),
            };
            let class = part.strip_prefix('<').and_then(|part| part.strip_suffix('>'));
            match class {
                Some(class) => pieces.push((Piece::Class(class.to_owned()), presence)),
                None if part == "_" => pieces.push((Piece::Any, presence)),
                None => pieces.extend(words(part).map(|word| (Piece::Word(word), presence))),
            }
        }
        let optional = pieces.iter().filter(|(_, presence)| *presence == Presence::Optional);
        if optional.count() > OPTIONAL_AT_MOST {
            return Err("at most four of its pieces may be missing");
        }
        let says_something = |(piece, presence): &(Piece, Presence)| {
            *presence == Presence::Always && *piece != Piece::Any
        };
        if !pieces.iter().any(says_something) {
            return Err("a phrase has a word or a class that must be there");
        }
        Ok(Self { pieces })
    }

    /// All classes that it names.
    pub(crate) fn classes(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|(piece, _)| match piece {
            Piece::Class(class) => Some(class.as_str()),
            Piece::Word(_) | Piece::Any => None,
        })
    }

    /// All words that it names.
    pub(super) fn words(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|(piece, _)| match piece {
            Piece::Word(word) => Some(word.as_str()),
            Piece::Class(_) | Piece::Any => None,
        })
    }

    /// Every way to leave out what may be missing.
    fn spellings(&self) -> Vec<Vec<&Piece>> {
        let mut spellings = vec![Vec::new()];
        for (piece, presence) in &self.pieces {
            let without = spellings.clone();
            for spelling in &mut spellings {
                spelling.push(piece);
            }
            if *presence == Presence::Optional {
                spellings.extend(without);
            }
        }
        spellings
    }
}

/// The phrase as sentences are read: equal ones are the same phrase.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (piece, presence)) in self.pieces.iter().enumerate() {
            let between = if at == 0 { "" } else { " " };
            let end = if *presence == Presence::Optional { "?" } else { "" };
            match piece {
                Piece::Word(word) => write!(f, "{between}{word}{end}")?,
                Piece::Class(class) => write!(f, "{between}<{class}>{end}")?,
                Piece::Any => write!(f, "{between}_{end}")?,
            }
        }
        Ok(())
    }
}

/// The words of a text, as sentences are read.
pub(super) fn words(text: &str) -> impl Iterator<Item = String> {
    tokens(text).into_iter().map(|token| token.word)
}

/// All phrases of all cues, as a tree of their pieces.
#[derive(Clone, Debug)]
pub(super) struct Patterns {
    /// The classes of a word.
    classes: HashMap<String, Vec<Piece>>,
    /// Words that `_` does not stand for.
    bounds: HashSet<String>,
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, Default)]
struct Node {
    next: HashMap<Piece, usize>,
    /// The cue whose phrase ends here.
    cue: Option<usize>,
}

impl Patterns {
    /// The tree without phrases, over classes of words. `_` does not stand for one of the bounds.
    pub(super) fn new<'c>(
        classes: impl IntoIterator<Item = (&'c str, &'c [String])>,
        bounds: &[String],
    ) -> Self {
        let mut of_word: HashMap<String, Vec<Piece>> = HashMap::new();
        for (class, members) in classes {
            for word in members.iter().flat_map(|member| words(member)).collect::<HashSet<_>>() {
                of_word.entry(word).or_default().push(Piece::Class(class.to_owned()));
            }
        }
        let bounds = bounds.iter().flat_map(|bound| words(bound)).collect();
        Self { classes: of_word, bounds, nodes: vec![Node::default()] }
    }

    /// Adds a phrase. Of two equal ones the first counts.
    pub(super) fn add(&mut self, pattern: &Pattern, cue: usize) {
        for spelling in pattern.spellings() {
            let mut at = 0;
            for piece in spelling {
                let new = self.nodes.len();
                let Some(node) = self.nodes.get_mut(at) else { return };
                at = *node.next.entry(piece.clone()).or_insert(new);
                if at == new {
                    self.nodes.push(Node::default());
                }
            }
            if let Some(node) = self.nodes.get_mut(at) {
                node.cue.get_or_insert(cue);
            }
        }
    }

    /// The pieces that a word can be, the most telling first.
    pub(super) fn pieces(&self, word: &str) -> Vec<Piece> {
        let classes = self.classes.get(word).into_iter().flatten().cloned();
        let any = (!self.bounds.contains(word)).then_some(Piece::Any);
        [Piece::Word(word.to_owned())].into_iter().chain(classes).chain(any).collect()
    }

    /// The longest phrase that begins with the first of these words: its length and its cue.
    /// Each word is given with all pieces that it can be.
    pub(super) fn longest(&self, words: &[(&Token, Vec<Piece>)]) -> Option<(usize, usize)> {
        let mut best = None;
        let mut open: Vec<(usize, usize)> = vec![(0, 0)];
        while let Some((node, length)) = open.pop() {
            let Some(node) = self.nodes.get(node) else { continue };
            if let Some(cue) = node.cue
                && best.is_none_or(|(longest, _)| length > longest)
            {
                best = Some((length, cue));
            }
            let Some((token, pieces)) = words.get(length) else { continue };
            if token.quoted || (length > 0 && token.before != Break::None) {
                continue;
            }
            // The most telling is pushed last, so that it is looked at first and wins at equal length.
            for piece in pieces.iter().rev() {
                if let Some(next) = node.next.get(piece) {
                    open.push((*next, length + 1));
                }
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::{Pattern, Patterns};
    use crate::recommend::tokens::tokens;

    #[track_caller]
    fn check(phrases: &[&str], sentence: &str, expected: Option<(usize, usize)>) {
        let the = ["the".to_owned(), "my".to_owned()];
        let mut patterns = Patterns::new([("the", the.as_slice())], &["in".to_owned()]);
        for (cue, phrase) in phrases.iter().enumerate() {
            patterns.add(&Pattern::new(phrase).unwrap(), cue);
        }
        let tokens = tokens(sentence);
        let words: Vec<_> =
            tokens.iter().map(|token| (token, patterns.pieces(&token.word))).collect();
        assert_eq!(patterns.longest(&words), expected);
    }

    #[test]
    fn the_longest_phrase_counts() {
        check(&["film", "film set"], "film set lights", Some((2, 1)));
        check(&["film", "film set"], "film, set", Some((1, 0)));
        check(&["film set"], "film", None);
    }

    #[test]
    fn classes_gaps_and_what_may_be_missing() {
        let phrases = ["from <the>? _? photo", "from the photo"];
        check(&phrases, "from my photo", Some((3, 0)));
        check(&phrases, "from my old photo", Some((4, 0)));
        check(&phrases, "from photo", Some((2, 0)));
        check(&phrases, "from the photo", Some((3, 1)));
        check(&phrases, "from the very old photo", None);
        check(&phrases, "from my in photo", None);
    }

    #[test]
    fn a_phrase_says_something() {
        for wrong in ["", "_", "a?", "a? b? c? d? e? f"] {
            assert!(Pattern::new(wrong).is_err(), "{wrong}");
        }
    }
}

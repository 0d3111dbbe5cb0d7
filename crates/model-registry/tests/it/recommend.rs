//! Sentences are understood, and models recommended, on the repository's data.

mod answers;
mod any_text;
mod bad_words;
mod sentences;

use std::{fs, path::Path};

use model_registry::Lexicon;

/// The words of the repository's data.
fn lexicon() -> Lexicon {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recommendation/words.toml");
    let text = fs::read_to_string(file).unwrap();
    Lexicon::load("words.toml", &text).unwrap_or_else(|error| panic!("{error}"))
}

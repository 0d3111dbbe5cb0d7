//! Any text has an answer or an error, and always the same.

use std::sync::LazyLock;

use model_registry::{Lexicon, Registry, Request, Surroundings};
use proptest::prelude::*;

use super::lexicon;
use crate::registry;

static LEXICON: LazyLock<Lexicon> = LazyLock::new(lexicon);
static REGISTRY: LazyLock<Registry> = LazyLock::new(registry);

fn check(lexicon: &Lexicon, registry: &Registry, text: &str) {
    let understood = lexicon.understand(text);
    assert_eq!(understood, lexicon.understand(text));
    let Ok(wish) = understood else { return };
    assert!((0.0..=1.0).contains(&wish.clarity), "{text:?}: {}", wish.clarity);
    let request = Request { services_allowed: true, ..Request::new(&wish) };
    let here = Surroundings::unknown();
    let answer = registry.recommend(&request, &here);
    assert_eq!(answer, registry.recommend(&request, &here));
    if let Ok(answer) = answer {
        assert!((0.0..=1.0).contains(&answer.confidence), "{text:?}: {}", answer.confidence);
        assert!(!answer.to_string().is_empty());
    }
}

#[test]
fn nasty_texts() {
    let (lexicon, registry) = (&*LEXICON, &*REGISTRY);
    let texts = [
        "",
        " ",
        "\0",
        "'",
        "\"",
        "\"\"",
        "->",
        "→",
        ">",
        "-",
        " - ",
        "a",
        "of of of",
        "no no no video",
        "not",
        "video video video",
        "8",
        "8 GB GB",
        "GB",
        "1e999 GB",
        "-8 GB",
        "0 GB",
        "x",
        "1x1",
        "99999999999x2 px",
        "99999999999999999999 s",
        "ＶＩＤＥＯ",
        "İstanbul video",
        "ﬀ",
        "🎬 🎨",
        "a\u{301} portrait",
        "\u{202e}oediv",
        "“quoted",
        "‘",
        "portrait\r\n8 GB",
        "into into into",
        "(((",
        "<mine> _? <picture>",
        "from _ photo",
        "ß ß video",
        "1.",
        ".5 GB",
        "1..2 GB",
    ];
    for text in texts {
        check(lexicon, registry, text);
    }
    check(lexicon, registry, &"video of my photo into ".repeat(340));
    check(lexicon, registry, &"my ".repeat(2_600));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_at_all(texts in proptest::collection::vec(".{0,60}", 8)) {
        for text in texts {
            check(&LEXICON, &REGISTRY, &text);
        }
    }

    #[test]
    fn any_words_of_the_data(sentences in proptest::collection::vec(words(), 8)) {
        for words in sentences {
            check(&LEXICON, &REGISTRY, &words.join(" "));
        }
    }
}

/// Words that mean something, in any order.
fn words() -> impl Strategy<Value = Vec<&'static str>> {
    let words = [
        "a",
        "the",
        "my",
        "this",
        "photo",
        "video",
        "song",
        "3d",
        "model",
        "into",
        "to",
        "of",
        "from",
        "with",
        "not",
        "no",
        "make",
        "turn",
        "animate",
        "upscale",
        "sound",
        "text",
        "anime",
        "8",
        "GB",
        "20",
        "s",
        ",",
        ".",
        "\"",
        "fast",
        "layers",
        "mask",
        "reference",
        "lips",
        "voice",
        "->",
    ];
    proptest::collection::vec(proptest::sample::select(words.to_vec()), 0..20)
}

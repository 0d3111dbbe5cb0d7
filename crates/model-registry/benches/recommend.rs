//! How long it takes to understand a sentence and to recommend a model.
//!
//! Claim: both together in at most 1 ms, on the data of this repository.

#![expect(clippy::expect_used, reason = "a bench without its data has nothing to measure")]

mod data;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use model_registry::{History, Lexicon, MemoryNeed, Registry, Request, Surroundings};

const SENTENCE: &str = "a photorealistic portrait of an old fisherman, quick, on an 8 GB card";
const CLIP: &str = "turn this old photo of my grandmother into a 12 second video with sound, and keep \
                    the likeness as good as possible, it is for my company's anniversary";

fn recommend(criterion: &mut Criterion) {
    let texts = data::texts("model-registry");
    let pairs = texts.iter().map(|(file, text)| (file.as_str(), text.as_str()));
    let registry = Registry::load(pairs).expect("the data is sound");
    let words = data::texts("recommendation");
    let (_, words) = words.first().expect("the words");
    let lexicon = Lexicon::load("words.toml", words).expect("the words are sound");
    let here = Surroundings {
        free_bytes: Some(8 << 30),
        installed: Some(&|file| file.name.len() % 2 == 0),
        memory: &|_, _| Some(MemoryNeed { fits_fully_bytes: 12 << 30, runs_at_all_bytes: 6 << 30 }),
        history: &|_, _| {
            Some(History { jobs: 5, median_seconds: Some(12.0), ..History::default() })
        },
    };
    criterion.bench_function("lexicon/load", |bencher| {
        bencher.iter(|| black_box(Lexicon::load("words.toml", black_box(words))));
    });
    for (name, sentence) in [("portrait", SENTENCE), ("clip", CLIP)] {
        criterion.bench_function(&format!("understand/{name}"), |bencher| {
            bencher.iter(|| black_box(lexicon.understand(black_box(sentence))));
        });
        criterion.bench_function(&format!("understand and recommend/{name}"), |bencher| {
            bencher.iter(|| {
                let wish = lexicon.understand(black_box(sentence)).expect("a sentence");
                drop(black_box(registry.recommend(&Request::new(&wish), &here)));
            });
        });
    }
}

criterion_group!(benches, recommend);
criterion_main!(benches);

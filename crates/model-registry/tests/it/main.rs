//! The integration tests of `model-registry`, as one binary.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking, in its helper functions too, and says when it skips"
)]

mod advice;
mod bad_data;
mod current;
mod data;
mod ground_truth;
mod memory;
mod recommend;
mod resolve;

use std::{fs, path::Path};

use model_registry::Registry;

/// Every file of the repository's data with its text, by name.
fn texts() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../model-registry");
    let mut texts: Vec<(String, String)> = fs::read_dir(folder)
        .unwrap()
        .map(|file| {
            let file = file.unwrap();
            let name = file.file_name().into_string().unwrap();
            (name, fs::read_to_string(file.path()).unwrap())
        })
        .collect();
    texts.sort();
    texts
}

/// The registry of the repository's data.
fn registry() -> Registry {
    let texts = texts();
    let texts = texts.iter().map(|(file, text)| (file.as_str(), text.as_str()));
    Registry::load(texts).unwrap_or_else(|error| panic!("{error}"))
}

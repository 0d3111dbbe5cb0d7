//! How long it takes to read all families.
//!
//! Claim: the data of this repository in at most 5 ms.

use std::{fs, hint::black_box, path::Path};

use criterion::{Criterion, criterion_group, criterion_main};
use model_registry::Registry;

fn load(criterion: &mut Criterion) {
    let texts = texts();
    let load = || Registry::load(texts.iter().map(|(file, text)| (file.as_str(), text.as_str())));
    criterion.bench_function("load", |bencher| bencher.iter(|| black_box(load())));
    let Ok(registry) = load() else { return };
    criterion.bench_function("resolve/alias", |bencher| {
        bencher.iter(|| registry.resolve(black_box("Wan 2.2")) == registry.resolve("wan"));
    });
    criterion.bench_function("resolve/unknown", |bencher| {
        bencher.iter(|| {
            black_box(registry.resolve(black_box("wann-2.2-14q"))) == registry.resolve("wan")
        });
    });
}

/// Every file of the data with its text.
fn texts() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../model-registry");
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files
        .filter_map(|file| {
            let text = fs::read_to_string(file.path()).ok()?;
            Some((file.file_name().into_string().ok()?, text))
        })
        .collect()
}

criterion_group!(benches, load);
criterion_main!(benches);

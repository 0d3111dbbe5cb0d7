//! How long it takes to read all families, and to estimate a workflow.
//!
//! Claims: the data of this repository in at most 5 ms, an estimate with suggestions in at most 1 ms.

use std::{fs, hint::black_box, path::Path};

use criterion::{Criterion, criterion_group, criterion_main};
use model_registry::{
    Registry,
    memory::{Device, Report, WeightFiles},
};

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
    estimate(criterion, &registry);
}

/// A video on a card that is too small for it, so that all changes are tried.
fn estimate(criterion: &mut Criterion, registry: &Registry) {
    let report = Report {
        vram_total: 8e9,
        vram_free: 8e9,
        ..Report::new("linux", "cuda", "cuda:0 NVIDIA GeForce RTX 4060 : native")
    };
    let (Ok(device), Some(family)) = (Device::new(&report, &[]), registry.family("wan-2.2-14b"))
    else {
        return;
    };
    let Some(variant) = family.variant("i2v") else { return };
    let files = WeightFiles::default();
    criterion.bench_function("estimate/variant", |bencher| {
        bencher.iter(|| registry.estimate_variant(family, variant, black_box(&device), &files));
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

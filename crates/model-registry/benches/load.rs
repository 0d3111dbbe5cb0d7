//! How long it takes to read all families, and to estimate a workflow.
//!
//! Claims: the data of this repository in at most 5 ms, an estimate with suggestions in at most 1 ms.

#![expect(clippy::expect_used, reason = "a bench without its data has nothing to measure")]

mod data;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use model_registry::{
    Registry,
    memory::{Device, Report, WeightFiles},
};

fn load(criterion: &mut Criterion) {
    let texts = data::texts("model-registry");
    let load = || Registry::load(texts.iter().map(|(file, text)| (file.as_str(), text.as_str())));
    criterion.bench_function("load", |bencher| bencher.iter(|| black_box(load())));
    let registry = load().expect("the data is sound");
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
    let device = Device::new(&report, &[]).expect("a device");
    let family = registry.family("wan-2.2-14b").expect("it is in the data");
    let variant = family.variant("i2v").expect("it is in the data");
    let files = WeightFiles::default();
    criterion.bench_function("estimate/variant", |bencher| {
        bencher.iter(|| registry.estimate_variant(family, variant, black_box(&device), &files));
    });
}

criterion_group!(benches, load);
criterion_main!(benches);

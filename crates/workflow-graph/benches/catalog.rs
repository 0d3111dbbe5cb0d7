//! How long it takes to read what nodes a server has.
//!
//! Claim: 1.6 MB of `/object_info` in at most 15 ms. With `MEDIAFACTORY_GROUND_TRUTH` the real
//! 0.33.0 server's answer is read; without it one of the same size is made up.

use std::{fmt::Write as _, hint::black_box};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use workflow_graph::{Json, catalog::NodeCatalog};

fn load(criterion: &mut Criterion) {
    let (name, text) = definitions();
    let mut group = criterion.benchmark_group("catalog");
    group.throughput(Throughput::Bytes(u64::try_from(text.len()).unwrap_or(u64::MAX)));
    group.bench_function(format!("json/{name}"), |bencher| {
        bencher.iter(|| Json::parse(black_box(&text)));
    });
    group.bench_function(format!("load/{name}"), |bencher| {
        bencher.iter(|| NodeCatalog::from_bytes(black_box(&text)));
    });
    group.finish();
}

#[expect(clippy::disallowed_methods, reason = "where the ground truth is, only the caller knows")]
fn definitions() -> (&'static str, Vec<u8>) {
    let file = std::env::var_os("MEDIAFACTORY_GROUND_TRUTH")
        .map(|folder| std::path::PathBuf::from(folder).join("comfyui/object_info-0.33.0.json"));
    match file.and_then(|file| std::fs::read(file).ok()) {
        Some(text) => ("object_info-0.33.0", text),
        None => ("made-up", made_up().into_bytes()),
    }
}

/// 900 classes of eight inputs each.
fn made_up() -> String {
    let mut text = String::from("{");
    for class in 0..900 {
        let separator = if class == 0 { "" } else { "," };
        let result = write!(text, r#"{separator}"Class{class}": {{"input": {{"required": {{"#);
        debug_assert!(result.is_ok(), "a string takes all that is written");
        for input in 0..8 {
            let separator = if input == 0 { "" } else { "," };
            let result = write!(
                text,
                r#"{separator}"input_{input}": ["INT", {{"default": {input}, "min": 0, "max": 18446744073709551615,
                    "step": 1, "tooltip": "What the input does, in some words that nobody here will read."}}]"#
            );
            debug_assert!(result.is_ok(), "a string takes all that is written");
        }
        text.push_str(r#"}}, "output": ["IMAGE"], "output_node": false}"#);
    }
    text.push('}');
    text
}

/// That of the programs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

criterion_group!(benches, load);
criterion_main!(benches);

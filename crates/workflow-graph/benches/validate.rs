//! How long a verdict takes.
//!
//! Claims: 0.05 ms for the median official workflow (with `MEDIAFACTORY_GROUND_TRUTH`), and
//! linear time: a made-up graph of 10,000 nodes takes at most 12 times as long as one of 1,000.

use std::{fmt::Write as _, fs, hint::black_box, path::PathBuf, time::Duration};

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use workflow_graph::{
    Json,
    catalog::NodeCatalog,
    fix::fix,
    validate::{Profile, Targets, validate},
};

const DEFINITIONS: &[u8] = br#"{
    "Make": {"input": {"required": {"width": ["INT", {"min": 16, "max": 16384}], "mode": [["soft", "hard"]]}}, "output": ["IMAGE"]},
    "Mix": {"input": {"required": {"one": ["IMAGE"], "other": ["IMAGE"], "share": ["FLOAT", {"min": 0.0, "max": 1.0}]}}, "output": ["IMAGE"]},
    "Save": {"input": {"required": {"images": ["IMAGE"], "name": ["STRING"]}}, "output": [], "output_node": true}}"#;

fn official(criterion: &mut Criterion) {
    let Some((catalog, mut prompts)) = ground_truth() else { return };
    prompts.sort_by_key(|(_, prompt)| prompt.as_object().map_or(0, indexmap_len));
    let mut group = criterion.benchmark_group("validate/official");
    group.measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500));
    // By size: the smallest, the quartiles, the largest.
    for quarter in 0..=4 {
        let at = (prompts.len() - 1) * quarter / 4;
        let Some((name, prompt)) = prompts.get(at) else { continue };
        let nodes = prompt.as_object().map_or(0, indexmap_len);
        group.bench_function(BenchmarkId::new(format!("{nodes} nodes"), name), |bencher| {
            bencher.iter(|| validate(black_box(prompt), &catalog, Targets::All, Profile::V0_33));
        });
    }
    group.bench_function("all 228", |bencher| {
        bencher.iter(|| {
            for (_, prompt) in &prompts {
                black_box(validate(prompt, &catalog, Targets::All, Profile::V0_33));
            }
        });
    });
    group.finish();
}

/// What other work has put into the caches since a workflow was read: as much as they hold. Without
/// it 1,000 nodes stay in the fast caches from one turn to the next, and 10,000 do not.
const OTHERS_BYTES: usize = 64 * 1024 * 1024;

fn linear(criterion: &mut Criterion) {
    let Ok(catalog) = NodeCatalog::from_bytes(DEFINITIONS) else { return };
    let mut others = vec![1_u8; OTHERS_BYTES];
    for broken in [false, true] {
        let mut group =
            criterion.benchmark_group(if broken { "validate/broken" } else { "validate/graph" });
        group.sample_size(20);
        for nodes in [1_000, 10_000] {
            let prompt = graph(nodes, broken);
            let verdict = || validate(black_box(&prompt), &catalog, Targets::All, Profile::V0_33);
            group.bench_function(BenchmarkId::from_parameter(nodes), |bencher| {
                bencher.iter_batched(
                    || others.iter_mut().for_each(|byte| *byte = byte.wrapping_add(1)),
                    |()| verdict(),
                    BatchSize::PerIteration,
                );
            });
            group.bench_function(BenchmarkId::new("again and again", nodes), |bencher| {
                bencher.iter(verdict);
            });
        }
        group.finish();
    }
    let mut group = criterion.benchmark_group("fix/broken");
    group.sample_size(10);
    for nodes in [1_000, 10_000] {
        let prompt = graph(nodes, true);
        group.bench_with_input(BenchmarkId::from_parameter(nodes), &prompt, |bencher, prompt| {
            bencher.iter(|| fix(black_box(prompt), &catalog, Targets::All, Profile::V0_33));
        });
    }
    group.finish();
}

fn indexmap_len(members: &workflow_graph::json::Object) -> usize {
    members.len()
}

/// Chains of up to 500 nodes, each mixing the one before with a fresh picture; when broken,
/// every third value is wrong.
fn graph(nodes: usize, broken: bool) -> Json {
    let mut text = String::from("{");
    for at in 0..nodes {
        let wrong = broken && at % 3 == 0;
        let result = match at % 500 {
            0 => write!(
                text,
                r#""{at}": {{"class_type": "Make", "inputs": {{"width": {}, "mode": "soft"}}}},"#,
                if wrong { 1 } else { 64 }
            ),
            499 => write!(
                text,
                r#""{at}": {{"class_type": "Save", "inputs": {{"images": ["{}", 0], "name": "x"}}}},"#,
                at - 1
            ),
            place => write!(
                text,
                r#""{at}": {{"class_type": "Mix", "inputs": {{"one": ["{}", 0], "other": ["{}", 0], "share": {}}}}},"#,
                at - 1,
                at - place,
                if wrong { 7 } else { 0 }
            ),
        };
        debug_assert!(result.is_ok(), "a string takes all that is written");
    }
    let last = nodes - 2;
    let result = write!(
        text,
        r#""end": {{"class_type": "Save", "inputs": {{"images": ["{last}", 0], "name": "x"}}}}}}"#
    );
    debug_assert!(result.is_ok(), "a string takes all that is written");
    Json::parse(text.as_bytes()).unwrap_or_default()
}

#[expect(clippy::disallowed_methods, reason = "where the ground truth is, only the caller knows")]
fn ground_truth() -> Option<(NodeCatalog, Vec<(String, Json)>)> {
    let folder = PathBuf::from(std::env::var_os("MEDIAFACTORY_GROUND_TRUTH")?);
    let definitions = fs::read(folder.join("comfyui/object_info-0.33.0.json")).ok()?;
    let catalog = NodeCatalog::from_bytes(&definitions).ok()?;
    let prompts = fs::read_dir(folder.join("corpus/api")).ok()?.filter_map(|entry| {
        let path = entry.ok()?.path();
        let name = path.file_stem()?.to_string_lossy().into_owned();
        Some((name, Json::parse(&fs::read(path).ok()?).ok()?))
    });
    Some((catalog, prompts.collect()))
}

/// That of the programs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

criterion_group!(benches, official, linear);
criterion_main!(benches);

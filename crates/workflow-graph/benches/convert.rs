//! How long a conversion takes: of each official workflow (where the ground truth is given by
//! `MEDIAFACTORY_GROUND_TRUTH`), and of generated graphs of 1,000 and 10,000 nodes.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a bench is a program of its own that may end where a file does not read"
)]

use std::{fs, hint::black_box, path::PathBuf, process::Command, time::Instant};

use criterion::{BatchSize, Criterion, criterion_group};
use workflow_graph::{Json, catalog::NodeCatalog, convert::convert, ui::UiWorkflow};

fn ground_truth() -> Option<PathBuf> {
    std::env::var_os("MEDIAFACTORY_GROUND_TRUTH").map(PathBuf::from)
}

fn official(criterion: &mut Criterion) {
    let Some(folder) = ground_truth() else {
        eprintln!("skipped: MEDIAFACTORY_GROUND_TRUTH is not set");
        return;
    };
    let text = fs::read(folder.join("comfyui/object_info-0.33.0.json")).unwrap();
    let catalog = NodeCatalog::from_bytes(&text).unwrap();
    let files = fs::read_dir(folder.join("corpus/ui")).unwrap();
    let read = |file: fs::DirEntry| {
        let json = Json::parse(&fs::read(file.path()).unwrap()).unwrap();
        UiWorkflow::from_json(json).unwrap()
    };
    let workflows: Vec<UiWorkflow> = files.map(|file| read(file.unwrap())).collect();
    // Criterion has no median over inputs, so it is taken here.
    let mut times: Vec<u128> =
        workflows.iter().map(|workflow| nanoseconds(workflow, &catalog)).collect();
    times.sort_unstable();
    let middle = times.get(times.len() / 2).copied().unwrap_or(0);
    let slowest = times.last().copied().unwrap_or(0);
    println!("official workflows: median {middle} ns, slowest {slowest} ns");
    criterion.bench_function("convert/all 228 official", |bencher| {
        bencher.iter(|| {
            for workflow in &workflows {
                black_box(convert(workflow, &catalog));
            }
        });
    });
}

/// The best of several runs.
fn nanoseconds(workflow: &UiWorkflow, catalog: &NodeCatalog) -> u128 {
    let run = || {
        let start = Instant::now();
        black_box(convert(workflow, catalog));
        start.elapsed().as_nanos()
    };
    (0..20).map(|_| run()).min().unwrap_or(0)
}

/// A chain of samplers with a reroute before each.
fn chain(length: usize) -> String {
    let mut nodes = Vec::new();
    let mut links = Vec::new();
    for at in 0..length / 2 {
        let (node, reroute) = (2 * at + 1, 2 * at + 2);
        let before = if at == 0 { "null".to_owned() } else { (2 * at).to_string() };
        nodes.push(format!(
            r#"{{"id": {node}, "type": "KSampler", "inputs": [{{"name": "latent_image", "type": "LATENT", "link": {before}}}],
                "outputs": [{{"name": "LATENT", "type": "LATENT", "links": [{node}]}}],
                "widgets_values": [{at}, "fixed", 20, 8, "euler", "normal", 1]}}"#
        ));
        nodes.push(format!(
            r#"{{"id": {reroute}, "type": "Reroute", "inputs": [{{"name": "", "type": "*", "link": {node}}}],
                "outputs": [{{"name": "", "type": "LATENT", "links": [{reroute}]}}]}}"#
        ));
        links.push(format!(r#"[{node}, {node}, 0, {reroute}, 0, "*"]"#));
        links.push(format!(r#"[{reroute}, {reroute}, 0, {}, 0, "LATENT"]"#, reroute + 1));
    }
    format!(r#"{{"nodes": [{}], "links": [{}]}}"#, nodes.join(","), links.join(","))
}

/// What other work has put into the caches since a workflow was read: as much as they hold. Without
/// it 1,000 nodes stay in the fast caches from one turn to the next, and 10,000 do not.
const OTHERS_BYTES: usize = 64 * 1024 * 1024;

fn read(text: &str) -> UiWorkflow {
    UiWorkflow::from_json(Json::parse(text.as_bytes()).unwrap()).unwrap()
}

fn sampler_catalog() -> NodeCatalog {
    NodeCatalog::from_bytes(
        br#"{"KSampler": {"input": {"required": {"model": ["MODEL"], "seed": ["INT", {"control_after_generate": true}],
            "steps": ["INT"], "cfg": ["FLOAT"], "sampler_name": [["euler"]], "scheduler": [["normal"]],
            "latent_image": ["LATENT"], "denoise": ["FLOAT"]}}, "output": ["LATENT"]}}"#,
    )
    .unwrap()
}

fn generated(criterion: &mut Criterion) {
    let catalog = sampler_catalog();
    let mut others = vec![1_u8; OTHERS_BYTES];
    for length in [1_000, 10_000] {
        let text = chain(length);
        // What the command line does: from the bytes of a saved file to those of a prompt.
        criterion.bench_function(&format!("file to prompt/{length} nodes"), |bencher| {
            bencher.iter_batched(
                || others.iter_mut().for_each(|byte| *byte = byte.wrapping_add(1)),
                |()| convert(&read(&text), &catalog).workflow.to_string(),
                BatchSize::PerIteration,
            );
        });
        let workflow = read(&text);
        criterion.bench_function(&format!("convert/{length} nodes"), |bencher| {
            bencher.iter_batched(
                || others.iter_mut().for_each(|byte| *byte = byte.wrapping_add(1)),
                |()| convert(&workflow, &catalog),
                BatchSize::PerIteration,
            );
        });
        criterion.bench_function(&format!("convert again and again/{length} nodes"), |bencher| {
            bencher.iter(|| black_box(convert(&workflow, &catalog)));
        });
    }
}

/// The argument with which this program starts itself.
const ONCE: &str = "--convert-once";

/// What a command line does: one process, one file, one conversion. Nothing is warm then, neither
/// caches nor the allocator, whatever the size, so this is where growth shows as it is.
fn once(length: usize) {
    let catalog = sampler_catalog();
    let workflow = read(&chain(length));
    let start = Instant::now();
    black_box(convert(&workflow, &catalog));
    println!("{}", start.elapsed().as_nanos());
}

/// The median of so many processes.
const PROCESSES: usize = 101;

fn in_new_processes() {
    let program = std::env::current_exe().unwrap();
    let run = |length: usize| {
        let mut command = Command::new(&program);
        let output = command.args([ONCE, &length.to_string()]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse::<u64>().unwrap()
    };
    let mut medians = Vec::new();
    for length in [1_000, 10_000] {
        let mut times: Vec<u64> = (0..PROCESSES).map(|_| run(length)).collect();
        times.sort_unstable();
        let median = times.get(PROCESSES / 2).copied().unwrap_or(0);
        println!("convert/{length} nodes once in a new process: median {median} ns");
        medians.push(median);
    }
    if let [few, many] = medians[..] {
        println!("10,000 nodes take {}.{} times as long", many / few, many * 10 / few % 10);
    }
}

/// That of the programs: with the system's own, a conversion takes longer, since most of the
/// memory that it gives back is fetched again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

criterion_group!(benches, official, generated);

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [_, ONCE, length] => once(length.parse().unwrap()),
        _ => {
            in_new_processes();
            benches();
            Criterion::default().configure_from_args().final_summary();
        }
    }
}

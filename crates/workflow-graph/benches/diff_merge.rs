//! How long a patch, a difference, a merge and a drawing take on generated graphs of 1,000 and
//! 10,000 nodes. Ten times the nodes take ten times the instructions (9.4 to 10.1, counted with
//! callgrind); how much more time they take is what the memory of the machine adds.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench is a program of its own that may end where a graph does not read"
)]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::{Criterion, criterion_group, criterion_main};
use workflow_graph::{
    Json, NodeId, Workflow, diff,
    draw::Picture,
    merge::{self, Strategy},
    patch::{Operation, Patch},
    roles,
};

/// Chains of ten: a loader, a text, a sampler and what follows. `first` shifts the ids.
fn graph(nodes: u64, first: u64) -> Workflow {
    let node = |number: u64| {
        let class = ["Load", "Text", "KSampler", "Decode", "Scale"]
            .get(usize::try_from(number % 5).unwrap())
            .copied()
            .unwrap();
        let value = ("value", Json::from(number));
        let link = (!number.is_multiple_of(10)).then(|| {
            let from = Json::from((number - 1 + first).to_string());
            ("source", Json::Array(vec![from, Json::from(0_u64)]))
        });
        let inputs = Json::object(std::iter::once(value).chain(link));
        let node = Json::object([("class_type", Json::from(class)), ("inputs", inputs)]);
        ((number + first).to_string(), node)
    };
    Workflow::from_json(&Json::Object((0..nodes).map(node).collect())).unwrap()
}

/// Sets the value of every tenth node, beginning with one.
fn edits(workflow: &Workflow, begin: usize) -> Patch {
    let node = |id: &NodeId| Operation::Set {
        node: id.clone(),
        input: "value".to_owned(),
        value: Json::from(u64::MAX),
    };
    Patch::new(workflow.nodes().skip(begin).step_by(10).map(|(id, _)| node(id)))
}

fn edited(workflow: &Workflow, begin: usize) -> Workflow {
    let mut edited = workflow.clone();
    edited.apply(&edits(workflow, begin)).unwrap();
    edited
}

/// What is measured, and what it is measured on.
struct Case {
    base: Workflow,
    ours: Workflow,
    theirs: Workflow,
    renumbered: Workflow,
    set: Patch,
    removal: Patch,
}

/// A name and one run of what it names.
type Task = (&'static str, fn(&Case));

const TASKS: [Task; 8] = [
    ("patch/every tenth set", |case| {
        let mut edited = case.base.clone();
        black_box(edited.apply(&case.set).unwrap());
    }),
    ("patch/all removed", |case| {
        let mut edited = case.base.clone();
        black_box(edited.apply(&case.removal).unwrap());
    }),
    ("diff/every tenth set", |case| drop(black_box(diff::between(&case.base, &case.ours)))),
    ("diff/renumbered", |case| drop(black_box(diff::between(&case.base, &case.renumbered)))),
    ("diff/to patch", |case| drop(black_box(diff::between(&case.base, &case.ours).to_patch()))),
    ("merge/independent edits", |case| {
        black_box(merge::three_way(&case.base, &case.ours, &case.theirs, &Strategy::Ours));
    }),
    ("roles", |case| drop(black_box(roles::of(&case.base)))),
    ("draw/svg", |case| drop(black_box(Picture::of(&case.base).to_svg()))),
];

impl Case {
    fn new(nodes: u64) -> Self {
        let base = graph(nodes, 1);
        let remove = |id: &NodeId| Operation::RemoveNode { node: id.clone() };
        Self {
            ours: edited(&base, 0),
            theirs: edited(&base, 5),
            renumbered: graph(nodes, 1_000_000),
            set: edits(&base, 0),
            removal: Patch::new(base.nodes().map(|(id, _)| remove(id))),
            base,
        }
    }
}

fn growth(criterion: &mut Criterion) {
    let (small, large) = (Case::new(1_000), Case::new(10_000));
    for (name, run) in TASKS {
        let (of_small, of_large) = (best_of(run, &small), best_of(run, &large));
        let times = of_large.as_secs_f64() / of_small.as_secs_f64();
        println!("{name}: 1,000 nodes {of_small:?}, 10,000 nodes {of_large:?}, {times:.1} times");
        criterion.bench_function(&format!("{name}/1,000 nodes"), |bencher| {
            bencher.iter(|| run(&small));
        });
    }
}

fn best_of(run: fn(&Case), case: &Case) -> Duration {
    let time = || {
        let start = Instant::now();
        run(case);
        start.elapsed()
    };
    (0..10).map(|_| time()).min().unwrap_or_default()
}

/// That of the programs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).measurement_time(Duration::from_secs(2));
    targets = growth
}
criterion_main!(benches);

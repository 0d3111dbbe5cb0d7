//! What the node states of a whole run cost.
//!
//! A run of n nodes has 2n frames, and the frame after the nth node tells of n nodes: some 200
//! bytes each, 20 GB for 10,000 nodes. `floor` makes the frames and does nothing with them;
//! `changes` also reads them as the session does; `whole` decodes each as a whole, which is what
//! the reading of changes saves and too slow to be measured with more than a hundred nodes.
//!
//! Claim: 10,000 nodes in at most 15 s, of which the floor is about a third; decoding as a whole
//! would take half an hour. Each byte is compared once, and each node decoded twice, whether
//! its reader is fast or slow.

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use comfy_client::wire::{NodeStateReader, decode_text};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const HEAD: &str = r#"{"type": "progress_state", "data": {"prompt_id": "dff33695-65a3-4423-b001-740e58ec1dc0", "nodes": {"#;

/// The frames of a run, each made when it is asked for.
struct Run {
    /// The states of all nodes once they are done.
    done: String,
    /// Where the states of so many nodes end.
    ends: Vec<usize>,
    next: usize,
    buffer: BytesMut,
}

impl Run {
    fn new(nodes: usize) -> Self {
        let mut done = String::new();
        let mut ends = vec![0];
        for node in 0..nodes {
            done.push_str(&state(node, "finished"));
            done.push_str(", ");
            ends.push(done.len());
        }
        Self { done, ends, next: 0, buffer: BytesMut::new() }
    }

    fn bytes(nodes: usize) -> u64 {
        let mut run = Self::new(nodes);
        let mut bytes = 0;
        while let Some(frame) = run.frame() {
            bytes += u64::try_from(frame.len()).unwrap_or_default();
        }
        bytes
    }

    fn frame(&mut self) -> Option<Bytes> {
        let (node, is_done) = (self.next / 2, self.next % 2 == 1);
        let before = self.done.get(..*self.ends.get(node)?)?;
        if node + 1 >= self.ends.len() {
            return None;
        }
        self.next += 1;
        self.buffer.extend_from_slice(HEAD.as_bytes());
        self.buffer.extend_from_slice(before.as_bytes());
        let word = if is_done { "finished" } else { "running" };
        self.buffer.extend_from_slice(state(node, word).as_bytes());
        self.buffer.extend_from_slice(b"}}}");
        Some(self.buffer.split().freeze())
    }
}

fn state(node: usize, word: &str) -> String {
    format!(
        r#""{node}": {{"value": 1.0, "max": 1.0, "state": "{word}", "node_id": "{node}", "prompt_id": "dff33695-65a3-4423-b001-740e58ec1dc0", "display_node_id": "{node}", "parent_node_id": null, "real_node_id": "{node}"}}"#
    )
}

fn floor(nodes: usize) -> usize {
    let mut run = Run::new(nodes);
    std::iter::from_fn(|| run.frame()).map(|frame| black_box(frame).len()).sum()
}

fn changes(nodes: usize) -> usize {
    let (mut run, mut reader) = (Run::new(nodes), NodeStateReader::default());
    std::iter::from_fn(|| run.frame())
        .filter_map(|frame| reader.read(&frame).ok())
        .flatten()
        .count()
}

fn whole(nodes: usize) -> usize {
    let mut run = Run::new(nodes);
    std::iter::from_fn(|| run.frame()).filter(|frame| black_box(decode_text(frame)).is_ok()).count()
}

fn node_states(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("node_states");
    group.sample_size(10);
    for nodes in [100, 1_000, 10_000] {
        group.throughput(Throughput::Bytes(Run::bytes(nodes)));
        group.bench_function(BenchmarkId::new("floor", nodes), |bencher| {
            bencher.iter(|| floor(black_box(nodes)));
        });
        group.bench_function(BenchmarkId::new("changes", nodes), |bencher| {
            bencher.iter(|| changes(black_box(nodes)));
        });
        if nodes == 100 {
            group.bench_function(BenchmarkId::new("whole", nodes), |bencher| {
                bencher.iter(|| whole(black_box(nodes)));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, node_states);
criterion_main!(benches);

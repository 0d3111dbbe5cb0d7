//! How long a graph takes, by what earlier runs of the same shape took.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use comfy_client::NodeTimings;
use workflow_graph::{NodeId, Workflow};

use crate::{JobStore, NodeRun, StoreError, event::NODES_MAX};

/// How many earlier runs of the same shape tell how long the next one will take.
const RUNS_COMPARED: usize = 5;

/// Of how many shapes the runs are kept in memory, those that ran last.
const SHAPES_MAX: usize = 64;

/// What the latest runs of some shapes took, so that a job which is one of many does not read the
/// others again.
#[derive(Debug, Default)]
pub(crate) struct EarlierRuns {
    /// The one that was asked for last stands last.
    shapes: Mutex<VecDeque<Shape>>,
}

#[derive(Debug)]
struct Shape {
    digest: String,
    /// The newest last.
    runs: VecDeque<Vec<NodeRun>>,
}

impl EarlierRuns {
    /// What a job of this shape will take. The first of a shape is looked up in the store.
    pub(crate) async fn of_shape(
        &self,
        digest: &str,
        store: &dyn JobStore,
    ) -> Result<Option<Expected>, StoreError> {
        if let Some(known) = self.known(digest) {
            return Ok(Expected::of(&known));
        }
        let limit = u32::try_from(RUNS_COMPARED).unwrap_or(u32::MAX);
        let jobs = store.latest_of_shape(digest, limit).await?;
        let runs: VecDeque<_> = jobs.iter().rev().map(|job| job.nodes().to_vec()).collect();
        let expected = Expected::of(&runs);
        let mut shapes = self.lock();
        if !shapes.iter().any(|shape| shape.digest == digest) {
            if shapes.len() >= SHAPES_MAX {
                shapes.pop_front();
            }
            shapes.push_back(Shape { digest: digest.to_owned(), runs });
        }
        Ok(expected)
    }

    /// Another run of this shape came to a good end.
    pub(crate) fn note(&self, digest: &str, nodes: Vec<NodeRun>) {
        let mut shapes = self.lock();
        let Some(shape) = shapes.iter_mut().find(|shape| shape.digest == digest) else { return };
        if shape.runs.len() >= RUNS_COMPARED {
            shape.runs.pop_front();
        }
        shape.runs.push_back(nodes);
    }

    fn known(&self, digest: &str) -> Option<VecDeque<Vec<NodeRun>>> {
        let mut shapes = self.lock();
        let at = shapes.iter().position(|shape| shape.digest == digest)?;
        let shape = shapes.remove(at)?;
        let runs = shape.runs.clone();
        shapes.push_back(shape);
        Some(runs)
    }

    /// No method leaves the list half changed.
    fn lock(&self) -> MutexGuard<'_, VecDeque<Shape>> {
        self.shapes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long each node took on average. Nodes that never ran, because their results were still
/// there, have no part in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Expected {
    seconds: HashMap<String, f64>,
}

impl Expected {
    /// What these took; `None` when none of them tells.
    fn of(runs: &VecDeque<Vec<NodeRun>>) -> Option<Self> {
        let mut sums: HashMap<&str, (f64, u32)> = HashMap::new();
        for run in runs.iter().flatten() {
            let Some(ms) = run.duration_ms else { continue };
            let (sum, runs) = sums.entry(&run.node).or_default();
            *sum += Duration::from_millis(ms).as_secs_f64();
            *runs = runs.saturating_add(1);
        }
        let mean = |(node, (sum, runs)): (_, (f64, u32))| (node, sum / f64::from(runs.max(1)));
        (!sums.is_empty()).then(|| sums.into_iter().map(mean).collect())
    }

    /// How long a node takes; 0 for one that never ran.
    pub(crate) fn seconds(&self, node: &str) -> f64 {
        self.seconds.get(node).copied().unwrap_or_default()
    }
}

impl<'a> FromIterator<(&'a str, f64)> for Expected {
    fn from_iter<I: IntoIterator<Item = (&'a str, f64)>>(seconds: I) -> Self {
        Self { seconds: seconds.into_iter().map(|(node, time)| (node.to_owned(), time)).collect() }
    }
}

/// What was seen of the nodes of a run, for its log: those that took longest, if there are very
/// many.
pub(crate) fn node_runs(timings: &NodeTimings, workflow: &Workflow) -> Vec<NodeRun> {
    let class = |id: &NodeId| {
        workflow.node(id).map(|node| node.class_type().as_str().to_owned()).unwrap_or_default()
    };
    let whole_ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let mut runs: Vec<NodeRun> = timings
        .iter()
        .map(|(id, timing)| NodeRun {
            node: id.to_string(),
            class_type: class(id),
            started_ms: timing
                .started
                .zip(timings.began())
                .map(|(started, began)| whole_ms(started.saturating_duration_since(began))),
            duration_ms: timing.duration.map(whole_ms),
            cached: timing.is_cached,
        })
        .collect();
    if runs.len() > NODES_MAX {
        runs.sort_by_key(|run| std::cmp::Reverse(run.duration_ms));
        runs.truncate(NODES_MAX);
    }
    runs
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use uuid::Uuid;
    use workflow_graph::Json;

    use super::*;
    use crate::{Event, JobRecord, MemoryJobs, OwnerId};

    const SHAPE: &str = "one loader, one sampler";

    fn sampled(ms: u64) -> Vec<NodeRun> {
        let run =
            NodeRun { duration_ms: Some(ms), cached: false, ..NodeRun::cached("3", "KSampler") };
        vec![run, NodeRun::cached("4", "CheckpointLoaderSimple")]
    }

    async fn finish(store: &MemoryJobs, second: i64, nodes: Vec<NodeRun>) {
        let at = Timestamp::from_second(second).unwrap();
        let id = Uuid::now_v7().into();
        let of_shape =
            JobRecord { shape_digest: SHAPE.to_owned(), ..JobRecord::new(id, at, Json::Null) };
        store.create(of_shape, &OwnerId::random()).await.unwrap();
        let server = "http://127.0.0.1:8188/".to_owned();
        let accepted = Event::Accepted { warnings: Vec::new() };
        let finished = Event::Finished { nodes, texts: Vec::new(), ran: None, memory: None };
        for event in [Event::SubmitStarted { server }, accepted, finished] {
            store.append(&id, event, at).await.unwrap();
        }
    }

    async fn sampling(runs: &EarlierRuns, store: &MemoryJobs) -> f64 {
        runs.of_shape(SHAPE, store).await.unwrap().unwrap().seconds("3")
    }

    #[tokio::test]
    async fn the_latest_runs_are_averaged_and_cached_nodes_have_no_part() {
        let (runs, store) = (EarlierRuns::default(), MemoryJobs::default());
        assert_eq!(EarlierRuns::default().of_shape(SHAPE, &store).await.unwrap(), None);
        finish(&store, 0, sampled(60_000)).await;
        for second in 1..=5 {
            finish(&store, second, sampled(1_000)).await;
        }
        let expected = runs.of_shape(SHAPE, &store).await.unwrap().unwrap();
        let of = |node| expected.seconds(node);
        assert!((of("3") - 1.0).abs() < 1e-9 && of("4") == 0.0, "{expected:?}");
    }

    #[tokio::test]
    async fn the_store_is_read_once_a_shape_and_later_runs_are_noted() {
        let (runs, store) = (EarlierRuns::default(), MemoryJobs::default());
        finish(&store, 0, sampled(1_000)).await;
        assert!((sampling(&runs, &store).await - 1.0).abs() < 1e-9);
        runs.note(SHAPE, sampled(2_000));
        assert!((sampling(&runs, &MemoryJobs::default()).await - 1.5).abs() < 1e-9);
        for _ in 0..RUNS_COMPARED {
            runs.note(SHAPE, sampled(4_000));
        }
        assert!((sampling(&runs, &MemoryJobs::default()).await - 4.0).abs() < 1e-9);
    }

    #[tokio::test]
    async fn only_the_shapes_that_ran_last_are_kept() {
        let (runs, store) = (EarlierRuns::default(), MemoryJobs::default());
        for shape in 0..2 * SHAPES_MAX {
            runs.of_shape(&shape.to_string(), &store).await.unwrap();
        }
        assert_eq!(runs.lock().len(), SHAPES_MAX);
    }
}

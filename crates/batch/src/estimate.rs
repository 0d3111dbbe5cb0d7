//! How long a graph takes, by what earlier runs of the same shape took.

use std::{collections::HashMap, time::Duration};

use comfy_client::NodeTimings;
use workflow_graph::{NodeId, Workflow};

use crate::{Job, NodeRun, event::NODES_MAX};

/// How long each node took on average. Nodes that never ran, because their results were still
/// there, have no part in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Expected {
    seconds: HashMap<String, f64>,
}

impl Expected {
    /// What `jobs` took; `None` when none of them tells.
    pub(crate) fn of(jobs: &[Job]) -> Option<Self> {
        let mut sums: HashMap<&str, (f64, u32)> = HashMap::new();
        for run in jobs.iter().flat_map(Job::nodes) {
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
    use workflow_graph::Json;

    use super::*;
    use crate::{Event, JobRecord};

    fn job(nodes: Vec<NodeRun>) -> Job {
        let at = jiff::Timestamp::UNIX_EPOCH;
        let mut job = Job::new(JobRecord::new(uuid::Uuid::nil().into(), at, Json::Null));
        let server = "http://127.0.0.1:8188/".to_owned();
        let accepted = Event::Accepted { warnings: Vec::new() };
        for event in [
            Event::SubmitStarted { server },
            accepted,
            Event::Finished { nodes, texts: Vec::new() },
        ] {
            job.apply(event, at).unwrap();
        }
        job
    }

    #[test]
    fn runs_are_averaged_and_cached_nodes_have_no_part() {
        let run = |ms| NodeRun {
            duration_ms: Some(ms),
            cached: false,
            ..NodeRun::cached("3", "KSampler")
        };
        let loader = NodeRun::cached("4", "CheckpointLoaderSimple");
        let jobs = [job(vec![run(1_000), loader.clone()]), job(vec![run(2_000), loader])];
        let expected = Expected::of(&jobs).unwrap();
        assert_eq!((expected.seconds("3"), expected.seconds("4")), (1.5, 0.0));
        assert_eq!(Expected::of(&[job(Vec::new())]), None);
    }
}

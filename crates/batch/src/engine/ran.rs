//! How long a server computed.

use std::time::Duration;

use comfy_client::HistoryEntry;
use workflow_graph::{Workflow, roles};

/// How long a prompt kept its server busy, by the server's clock. `None` where the server still had
/// what takes the time: what all samplers made, or everything where there is no sampler. A run that
/// only looked results up says nothing of how long its graph takes.
pub(super) fn ran(entry: &HistoryEntry, workflow: &Workflow) -> Option<Duration> {
    let ran = entry.duration()?;
    let cached: Vec<&str> = entry.cached().collect();
    if cached.is_empty() {
        return Some(ran);
    }
    let is_cached = |id: &workflow_graph::NodeId| cached.contains(&id.as_str());
    let roles = roles::of(workflow);
    let samplers = roles.samplers();
    let was_looked_up = if samplers.is_empty() {
        workflow.nodes().all(|(id, _)| is_cached(id))
    } else {
        samplers.iter().any(is_cached)
    };
    (!was_looked_up).then_some(ran)
}

#[cfg(test)]
mod tests {
    use workflow_graph::Json;

    use super::*;

    const SAMPLING: &str = r#"{"1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "a.safetensors"}},
        "2": {"class_type": "KSampler", "inputs": {"seed": 1, "steps": 4, "cfg": 1.0, "sampler_name": "euler",
            "scheduler": "simple", "denoise": 1.0, "model": ["1", 0], "positive": ["1", 1], "negative": ["1", 1], "latent_image": ["1", 2]}},
        "3": {"class_type": "SaveLatent", "inputs": {"samples": ["2", 0]}}}"#;
    const DRAWING: &str = r#"{"1": {"class_type": "EmptyImage", "inputs": {}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0]}}}"#;

    #[track_caller]
    fn check(workflow: &str, cached: &str, expected_ms: Option<u64>) {
        let json = |text: &str| Json::parse(text.as_bytes()).unwrap();
        let entry = format!(
            r#"{{"status": {{"messages": [["execution_start", {{"timestamp": 1000}}],
                ["execution_cached", {{"nodes": {cached}}}], ["execution_success", {{"timestamp": 4000}}]]}}}}"#
        );
        let entry = HistoryEntry::from_json("a prompt", json(&entry));
        let workflow = Workflow::from_json(&json(workflow)).unwrap();
        assert_eq!(ran(&entry, &workflow), expected_ms.map(Duration::from_millis));
    }

    #[test]
    fn a_run_that_only_looked_results_up_has_no_time() {
        check(SAMPLING, "[]", Some(3_000));
        check(SAMPLING, r#"["1"]"#, Some(3_000));
        check(SAMPLING, r#"["1", "2"]"#, None);
        check(SAMPLING, r#"["1", "2", "3"]"#, None);
        check(DRAWING, r#"["1"]"#, Some(3_000));
        check(DRAWING, r#"["1", "2"]"#, None);
    }

    #[test]
    fn a_server_that_does_not_say_is_not_guessed() {
        let entry = HistoryEntry::from_json("a prompt", Json::object([]));
        let workflow = Json::parse(DRAWING.as_bytes()).unwrap();
        assert_eq!(ran(&entry, &Workflow::from_json(&workflow).unwrap()), None);
    }
}

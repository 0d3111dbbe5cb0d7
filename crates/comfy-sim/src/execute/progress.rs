//! How far each node of a run is, as `progress_state` tells it.

use serde_json::{Map, Value, json};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NodeState {
    Running,
    Finished,
}

#[derive(Debug)]
struct Entry {
    id: String,
    state: NodeState,
    value: Value,
    max: Value,
}

/// The nodes that were started or finished, in that order.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    entries: Vec<Entry>,
}

impl Progress {
    fn entry(&mut self, id: &str) -> Option<&mut Entry> {
        if !self.entries.iter().any(|entry| entry.id == id) {
            self.entries.push(Entry {
                id: id.to_owned(),
                state: NodeState::Running,
                value: json!(0),
                max: json!(1),
            });
        }
        self.entries.iter_mut().find(|entry| entry.id == id)
    }

    pub(crate) fn start(&mut self, id: &str) {
        self.set(id, json!(0.0), json!(1.0));
    }

    pub(crate) fn advance(&mut self, id: &str, value: u32, max: u32) {
        self.set(id, json!(value), json!(max));
    }

    fn set(&mut self, id: &str, value: Value, max: Value) {
        if let Some(entry) = self.entry(id) {
            (entry.state, entry.value, entry.max) = (NodeState::Running, value, max);
        }
    }

    pub(crate) fn finish(&mut self, id: &str) {
        if let Some(entry) = self.entry(id) {
            (entry.state, entry.value) = (NodeState::Finished, entry.max.clone());
        }
    }

    /// The data of a `progress_state` event.
    pub(crate) fn data(&self, prompt_id: &str) -> Value {
        let nodes: Map<String, Value> =
            self.entries.iter().map(|entry| (entry.id.clone(), entry.view(prompt_id))).collect();
        json!({"prompt_id": prompt_id, "nodes": nodes})
    }
}

impl Entry {
    fn view(&self, prompt_id: &str) -> Value {
        let state = match self.state {
            NodeState::Running => "running",
            NodeState::Finished => "finished",
        };
        json!({
            "value": self.value,
            "max": self.max,
            "state": state,
            "node_id": self.id,
            "prompt_id": prompt_id,
            "display_node_id": self.id,
            "parent_node_id": null,
            "real_node_id": self.id,
        })
    }
}

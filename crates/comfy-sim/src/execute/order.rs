//! Which node runs next: dependencies first, and among those that are ready the ones that show something soonest.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::catalog::Catalog;
use crate::execute::cache::as_link;

/// The nodes that still have to run, in the order in which they were found.
#[derive(Debug, Default)]
pub(crate) struct Order {
    pending: Vec<Pending>,
}

#[derive(Debug)]
struct Pending {
    id: String,
    is_output: bool,
    /// Whether the class runs besides others on the real server, which starts such a node early.
    is_async: bool,
    waits_for: Vec<String>,
}

/// What is asked of the prompt and the cache while nodes are added.
pub(crate) struct Graph<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) prompt: &'a Map<String, Value>,
    /// The nodes whose results are known before the run.
    pub(crate) cached: &'a HashSet<String>,
}

impl Order {
    /// Adds a node and everything that it needs and that is not cached. Lazy inputs wait until they are asked for.
    pub(crate) fn add(&mut self, id: &str, graph: &Graph<'_>) {
        let mut waiting = vec![id.to_owned()];
        while let Some(id) = waiting.pop() {
            if self.is_pending(&id) {
                continue;
            }
            let node = graph.prompt.get(&id);
            let class_type = node
                .and_then(|node| node.get("class_type"))
                .and_then(Value::as_str)
                .unwrap_or_default();
            let class = graph.catalog.class(class_type);
            let mut waits_for = Vec::new();
            let inputs = node.and_then(|node| node.get("inputs")).and_then(Value::as_object);
            for (name, value) in inputs.into_iter().flatten() {
                let Some((from, _)) = as_link(value) else { continue };
                let is_lazy = class
                    .and_then(|class| class.input(name))
                    .is_some_and(crate::catalog::InputSpec::is_lazy);
                if is_lazy || graph.cached.contains(from) {
                    continue;
                }
                waiting.push(from.to_owned());
                waits_for.push(from.to_owned());
            }
            let is_output = class.is_some_and(crate::catalog::NodeClass::is_output);
            let is_async = class.is_some_and(crate::catalog::NodeClass::is_api);
            self.pending.push(Pending { id, is_output, is_async, waits_for });
        }
    }

    /// Makes a pending node wait for one more, which a lazy input turned out to need.
    pub(crate) fn also_needs(&mut self, id: &str, from: &str, graph: &Graph<'_>) {
        if graph.cached.contains(from) {
            return;
        }
        self.add(from, graph);
        if let Some(node) = self.pending.iter_mut().find(|node| node.id == id) {
            node.waits_for.push(from.to_owned());
        }
    }

    /// The node to run now; nothing when all ran, or when the rest waits in a circle.
    pub(crate) fn next(&self) -> Option<String> {
        let ready = || self.pending.iter().filter(|node| node.waits_for.is_empty());
        let followers = |id: &str| {
            self.pending
                .iter()
                .filter(move |node| node.waits_for.iter().any(|needed| needed == id))
                .collect::<Vec<_>>()
        };
        ready()
            .find(|node| node.is_output || node.is_async)
            .or_else(|| ready().find(|node| followers(&node.id).iter().any(|next| next.is_output)))
            .or_else(|| {
                ready().find(|node| {
                    followers(&node.id)
                        .iter()
                        .any(|next| followers(&next.id).iter().any(|after| after.is_output))
                })
            })
            .or_else(|| ready().next())
            .map(|node| node.id.clone())
    }

    pub(crate) fn complete(&mut self, id: &str) {
        self.pending.retain(|node| node.id != id);
        for node in &mut self.pending {
            node.waits_for.retain(|needed| needed != id);
        }
    }

    fn is_pending(&self, id: &str) -> bool {
        self.pending.iter().any(|node| node.id == id)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn order_of(prompt: &Value, outputs: &[&str]) -> Vec<String> {
        let catalog = Catalog::shared().unwrap();
        let graph = Graph {
            catalog: &catalog,
            prompt: prompt.as_object().unwrap(),
            cached: &HashSet::new(),
        };
        let mut order = Order::default();
        for output in outputs {
            order.add(output, &graph);
        }
        let mut ran = Vec::new();
        while let Some(id) = order.next() {
            order.complete(&id);
            ran.push(id);
        }
        ran
    }

    #[test]
    fn text_to_image_runs_in_the_recorded_order() {
        let prompt = json!({
            "3": {"class_type": "KSampler", "inputs": {"model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0]}},
            "4": {"class_type": "CheckpointLoaderSimple", "inputs": {}},
            "5": {"class_type": "EmptyLatentImage", "inputs": {}},
            "6": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["4", 1]}},
            "7": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["4", 1]}},
            "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
            "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0]}},
        });
        assert_eq!(order_of(&prompt, &["9"]), ["4", "5", "7", "6", "3", "8", "9"]);
    }

    #[test]
    fn a_preview_comes_before_other_work() {
        let prompt = json!({
            "1": {"class_type": "EmptyImage", "inputs": {}},
            "2": {"class_type": "ImageScale", "inputs": {"image": ["1", 0]}},
            "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0]}},
            "4": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
        });
        assert_eq!(order_of(&prompt, &["3", "4"]), ["1", "4", "2", "3"]);
    }
}

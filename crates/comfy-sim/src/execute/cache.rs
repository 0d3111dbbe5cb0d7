//! Results of nodes that ran, found again by what went into them.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::catalog::Catalog;
use crate::execute::values::NodeValue;
use crate::folders::Folders;
use crate::python;

/// How many bytes of pixels are kept. The real server gives back what it needs when memory runs short; here the
/// oldest results go first.
const CACHE_BYTES_MAX: usize = 256 * 1024 * 1024;

/// How many results are kept, whatever their size.
const CACHE_ENTRIES_MAX: usize = 4_096;

/// What a node left behind.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) outputs: Vec<NodeValue>,
    /// The `output` member of `executed`, for nodes that show something.
    pub(crate) ui: Option<Value>,
}

#[derive(Debug, Default)]
pub(crate) struct Cache {
    kept: HashMap<String, Arc<Kept>>,
    ages: VecDeque<String>,
    bytes: usize,
}

impl Cache {
    pub(crate) fn get(&self, signature: &str) -> Option<Arc<Kept>> {
        self.kept.get(signature).cloned()
    }

    pub(crate) fn insert(&mut self, signature: &str, kept: Arc<Kept>) {
        self.bytes += size(&kept);
        if let Some(replaced) = self.kept.insert(signature.to_owned(), kept) {
            self.bytes = self.bytes.saturating_sub(size(&replaced));
            self.ages.retain(|known| known != signature);
        }
        self.ages.push_back(signature.to_owned());
        while self.bytes > CACHE_BYTES_MAX || self.kept.len() > CACHE_ENTRIES_MAX {
            let Some(oldest) = self.ages.pop_front() else { break };
            if let Some(removed) = self.kept.remove(&oldest) {
                self.bytes = self.bytes.saturating_sub(size(&removed));
            }
        }
    }
}

fn size(kept: &Kept) -> usize {
    kept.outputs.iter().map(NodeValue::bytes).sum()
}

/// Whether a value is a link, as the executor sees it.
pub(crate) fn as_link(value: &Value) -> Option<(&str, &Value)> {
    match value.as_array()?.as_slice() {
        [Value::String(from), slot @ (Value::Number(_) | Value::Bool(_))] => Some((from, slot)),
        _ => None,
    }
}

/// The signature of every node: its class, its values, and the same of everything upstream. The id of a node is no
/// part of it, except for classes that ask for their id.
pub(crate) fn signatures(
    catalog: &Catalog,
    folders: &Folders,
    prompt: &Map<String, Value>,
) -> HashMap<String, String> {
    let own: HashMap<&str, OwnSignature<'_>> = prompt
        .iter()
        .map(|(id, node)| (id.as_str(), OwnSignature::of(catalog, folders, id, node)))
        .collect();
    prompt.keys().map(|id| (id.clone(), joined(id, &own))).collect()
}

/// What a node contributes itself: text, and the links in the order of their names.
struct OwnSignature<'a> {
    text: String,
    links: Vec<(&'a str, &'a str, &'a Value)>,
}

impl<'a> OwnSignature<'a> {
    fn of(catalog: &Catalog, folders: &Folders, id: &str, node: &'a Value) -> Self {
        let class_type = node.get("class_type").and_then(Value::as_str).unwrap_or_default();
        let mut text = format!("{class_type:?}{:?}", file_fingerprint(class_type, node, folders));
        if catalog.class(class_type).is_some_and(crate::catalog::NodeClass::wants_its_own_id) {
            text.extend(["#", id]);
        }
        let mut links = Vec::new();
        let mut inputs: Vec<_> =
            node.get("inputs").and_then(Value::as_object).into_iter().flatten().collect();
        inputs.sort_unstable_by_key(|(name, _)| name.as_str());
        for (name, value) in inputs {
            match as_link(value) {
                Some((from, slot)) => links.push((name.as_str(), from, slot)),
                None => {
                    text.extend([";", &python::dumps(&json!(name)), "=", &python::dumps(value)]);
                }
            }
        }
        Self { text, links }
    }
}

/// Walks upstream, depth first, so that equal graphs give equal texts whatever their ids are.
fn joined(id: &str, own: &HashMap<&str, OwnSignature<'_>>) -> String {
    let mut digest = Sha256::new();
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    let mut waiting = vec![id];
    while let Some(node) = waiting.pop() {
        let Some(own) = own.get(node) else { continue };
        digest.update(&own.text);
        let mut fresh = Vec::new();
        for (name, from, slot) in &own.links {
            let next = numbers.len();
            let number = *numbers.entry(from).or_insert_with(|| {
                fresh.push(*from);
                next
            });
            digest.update(format!(";{name:?}<-{number}.{slot}"));
        }
        digest.update("|");
        waiting.extend(fresh.into_iter().rev());
    }
    uuid::Uuid::from_slice(digest.finalize().get(..16).unwrap_or_default())
        .unwrap_or_default()
        .simple()
        .to_string()
}

/// Loaders are run again when their file changed.
fn file_fingerprint(class: &str, node: &Value, folders: &Folders) -> Option<Vec<u8>> {
    let input = match class {
        "LoadImage" | "LoadImageMask" | "LoadImageOutput" => "image",
        "LoadLatent" => "latent",
        "LoadAudio" => "audio",
        "LoadVideo" => "file",
        _ => return None,
    };
    let path = folders.annotated(node.get("inputs")?.get(input)?.as_str()?)?;
    fs::read(path).ok().map(|bytes| Sha256::digest(bytes).to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(prompt: &Value) -> HashMap<String, String> {
        let catalog = Catalog::shared().unwrap();
        signatures(&catalog, &Folders::prepare(None).unwrap(), prompt.as_object().unwrap())
    }

    #[test]
    fn ids_are_no_part_of_a_signature_but_upstream_values_are() {
        let graph = |first: &str, second: &str, color: u32| {
            json!({
                first: {"class_type": "EmptyImage", "inputs": {"color": color}},
                second: {"class_type": "ImageInvert", "inputs": {"image": [first, 0]}},
            })
        };
        let (one, same, other) =
            (of(&graph("1", "2", 7)), of(&graph("a", "b", 7)), of(&graph("1", "2", 8)));
        assert_eq!(one["2"], same["b"]);
        assert_ne!(one["2"], other["2"]);
    }

    #[test]
    fn a_cycle_has_a_signature_too() {
        let signatures = of(&json!({
            "1": {"class_type": "ImageInvert", "inputs": {"image": ["2", 0]}},
            "2": {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}},
        }));
        assert_eq!(signatures.len(), 2);
    }
}

//! What the targets share: inputs of several documents, catalogs, and mutation of JSON as JSON.

pub mod mutate;

use std::{env, fs, path::PathBuf, sync::LazyLock};

use workflow_graph::{Json, Workflow, catalog::NodeCatalog};

/// Stands between the documents of one input. No UTF-8 text has this byte.
pub const SEPARATOR: u8 = 0xFF;

/// The folder with other people's workflows, where there is one.
pub fn ground_truth() -> Option<PathBuf> {
    env::var_os("MEDIAFACTORY_GROUND_TRUTH").map(PathBuf::from)
}

/// A real server's classes where ground truth is there, else the small ones of the seeds.
pub static CATALOG: LazyLock<NodeCatalog> = LazyLock::new(|| match ground_truth() {
    Some(folder) => {
        let text = fs::read(folder.join("comfyui/object_info-0.33.0.json")).expect("ground truth");
        NodeCatalog::from_bytes(&text).expect("a server's object_info")
    }
    None => small_catalog(),
});

/// Our own classes, one for each kind of input.
pub fn small_catalog() -> NodeCatalog {
    NodeCatalog::from_bytes(SMALL_CATALOG.as_bytes()).expect("the small catalog")
}

/// The text of [`small_catalog`].
pub const SMALL_CATALOG: &str = include_str!("../seeds/catalog.json");

/// The documents of an input that are JSON; `None` stands for one that is not.
pub fn documents(input: &[u8]) -> impl Iterator<Item = Option<Json>> {
    input.split(|byte| *byte == SEPARATOR).map(|text| Json::parse(text).ok())
}

/// The next document, when it is there and is JSON.
pub fn next(documents: &mut impl Iterator<Item = Option<Json>>) -> Option<Json> {
    documents.next().flatten()
}

/// The next document as a workflow.
pub fn next_workflow(documents: &mut impl Iterator<Item = Option<Json>>) -> Option<Workflow> {
    Workflow::from_json(&next(documents)?).ok()
}

/// The text of a workflow, which tells the order of members too.
pub fn text(workflow: &Workflow) -> String {
    workflow.to_json().to_string()
}

/// A target that gets its input mutated as JSON three times out of four.
#[macro_export]
macro_rules! json_target {
    ($body:expr) => {
        libfuzzer_sys::fuzz_target!(|input: &[u8]| {
            let run: fn(&[u8]) -> Option<()> = $body;
            run(input);
        });
        libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
            $crate::mutate::mutate(data, size, max_size, seed)
        });
    };
}

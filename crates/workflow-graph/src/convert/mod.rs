//! From a workflow as the front end saves it to the prompt that a server takes.
//!
//! ```
//! use workflow_graph::{Json, catalog::NodeCatalog, convert::convert, ui::UiWorkflow};
//!
//! let catalog = NodeCatalog::from_bytes(br#"{
//!     "Load": {"input": {"required": {"name": [["a.png", "b.png"]]}}, "output": ["IMAGE"]},
//!     "Save": {"input": {"required": {"image": ["IMAGE"], "seed": ["INT", {"default": 0}]}}, "output": []}}"#)?;
//! let saved = UiWorkflow::from_json(Json::parse(br#"{"nodes": [
//!     {"id": 1, "type": "Load", "widgets_values": ["b.png"], "outputs": [{"name": "IMAGE", "type": "IMAGE", "links": [5]}]},
//!     {"id": 2, "type": "Save", "widgets_values": [7, "randomize"], "inputs": [{"name": "image", "type": "IMAGE", "link": 5}]}],
//!     "links": [[5, 1, 0, 2, 0, "IMAGE"]]}"#)?)?;
//! let conversion = convert(&saved, &catalog);
//! assert_eq!(
//!     conversion.workflow.at(&["2", "inputs"]).map(ToString::to_string).as_deref(),
//!     Some(r#"{"seed":7,"image":["1",0]}"#)
//! );
//! assert!(conversion.findings.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The rules are those of ComfyUI's own front end, version 1.49.6: the workflow is loaded as it
//! loads one, with all its repairs of older files, and then written as it writes one. A value is
//! never guessed: what only a missing class or the moment of sending could tell is a [`Finding`].
//!
//! Two things are other than in the front end, on purpose. A broken link or a circle of reroutes
//! makes the front end refuse the whole workflow; here it costs one input and is a finding. And
//! where it draws lots for `{a|b}`, the first is taken, and said so.

mod body;
mod class_node;
mod expand;
mod filled;
mod finding;
pub(crate) mod form;
mod group;
mod instance;
mod key;
mod load;
mod migrate;
mod primitive;
mod prompt;
mod renumber;
mod resolve;
mod rounding;
mod scene;
mod settle;
mod table;
mod text;
mod ungroup;
mod unpick;
mod virtual_nodes;
mod widget;

pub use self::finding::Finding;
use crate::{
    catalog::NodeCatalog,
    json::Json,
    ui::UiWorkflow,
    workflow::{ReadError, Workflow},
};

/// A prompt made of a saved workflow, and what a person should know of it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Conversion {
    /// The workflow in API format. It has no nodes when everything is muted.
    pub workflow: Json,
    /// What could not be carried over, in the order of the nodes.
    pub findings: Vec<Finding>,
}

/// Converts a saved workflow by the rules of the front end, for a server with these classes.
pub fn convert(workflow: &UiWorkflow, catalog: &NodeCatalog) -> Conversion {
    let groups = group::Groups::read(workflow, catalog);
    let mut scene = load::load(workflow, catalog, &groups);
    settle::settle(&mut scene);
    ungroup::ungroup(&mut scene, &groups);
    primitive::push_values(&mut scene);
    let (prompt, findings) = prompt::write(&scene);
    Conversion { workflow: Json::Object(prompt), findings }
}

impl Conversion {
    /// The workflow for editing; refused when it has no nodes.
    pub fn to_workflow(&self) -> Result<Workflow, ReadError> {
        Workflow::from_json(&self.workflow)
    }

    /// Whether any finding is one that a server will refuse or that changes what runs.
    pub fn blocked(&self) -> bool {
        self.findings.iter().any(Finding::blocks)
    }
}

//! One node class: its inputs in order, its outputs, its flags.

use super::{Category, InputSpec, Name};
use crate::json::Json;

/// One node class as a server declares it.
///
/// ```
/// use workflow_graph::catalog::NodeCatalog;
/// let catalog = NodeCatalog::from_bytes(
///     br#"{"Save": {"input": {"required": {"images": ["IMAGE"]}, "hidden": {"prompt": "PROMPT"}},
///         "output": [], "output_node": true, "python_module": "custom_nodes.pack"}}"#)?;
/// let save = catalog.class("Save").unwrap();
/// assert!(save.output_node);
/// assert_eq!(save.pack(), "pack");
/// assert_eq!(save.inputs.len(), 2);
/// assert_eq!(save.declared_inputs().count(), 1);
/// # Ok::<(), workflow_graph::catalog::CatalogError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of its own that the server gives"
)]
pub struct NodeClass {
    /// The name that a prompt gives as `class_type`.
    pub name: Name,
    /// The name that people see, when the class has one of its own.
    pub display_name: Option<String>,
    /// What the class does, for people; often empty.
    pub description: String,
    /// The place in the menu, such as `loaders/video`.
    pub category: Name,
    /// The module it comes from: `nodes`, `comfy_extras.nodes_flux`, `custom_nodes.pack`.
    pub python_module: Name,
    /// In which of the two ways the class is written.
    pub generation: Generation,
    /// All inputs: required, then optional, then hidden, each in the server's order.
    pub inputs: Vec<InputSpec>,
    /// The outputs, by slot.
    pub outputs: Vec<OutputSpec>,
    /// Whether the node is a reason to run a prompt.
    pub output_node: bool,
    /// Whether the class is kept for old workflows only.
    pub deprecated: bool,
    /// Whether the class may change.
    pub experimental: bool,
    /// Whether the class is hidden from people who do not develop nodes.
    pub dev_only: bool,
    /// Whether the class calls a paid service.
    pub api_node: bool,
    /// Whether the node takes whole lists at once.
    pub is_input_list: bool,
    /// The price as the server gives it (an expression and what it depends on), when there is one.
    pub price_badge: Option<Json>,
}

/// The two ways in which a class is written. Only the newer one has dynamic inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// A class with `INPUT_TYPES`.
    V1,
    /// A class with a schema.
    V3,
}

/// One output slot of a class.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OutputSpec {
    /// The type: a string, or, of some custom nodes, the list of a combo's choices.
    pub type_json: Json,
    /// The name that people see.
    pub name: String,
    /// Whether the slot gives a list whose items run one by one.
    pub is_list: bool,
    /// The match template whose type this slot takes, when it has no type of its own.
    pub match_template: Option<Name>,
}

impl NodeClass {
    /// One input that a prompt may set; hidden ones are the server's own.
    pub fn input(&self, name: &str) -> Option<&InputSpec> {
        self.declared_inputs().find(|input| input.name == name)
    }

    /// The required and the optional inputs, in order.
    pub fn declared_inputs(&self) -> impl Iterator<Item = &InputSpec> {
        self.inputs.iter().filter(|input| input.category != Category::Hidden)
    }

    /// The name that people see: the display name, else the class's.
    pub fn title(&self) -> &str {
        self.display_name.as_deref().unwrap_or(&self.name)
    }

    /// The pack the class comes from: the folder under `custom_nodes`, else `comfyui`.
    pub fn pack(&self) -> &str {
        self.python_module
            .strip_prefix("custom_nodes.")
            .map_or("comfyui", |rest| rest.split('.').next().unwrap_or(rest))
    }
}

impl OutputSpec {
    /// The type, when it is a string and not a list of choices.
    pub fn type_name(&self) -> Option<&str> {
        self.type_json.as_str()
    }
}

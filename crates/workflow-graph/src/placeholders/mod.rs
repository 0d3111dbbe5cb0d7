//! Workflows with open places, and filling them.
//!
//! Three ways of marking a place are read:
//!
//! - `{{NAME}}`, `{{NAME:int}}` and `{{NAME:int=5}}`, as a whole value or inside a text;
//! - `PARAM_NAME` and `PARAM_INT_NAME`, as a whole value;
//! - a mapping of names to nodes and widgets beside the workflow, see [`Mapping`].
//!
//! ```
//! use std::collections::BTreeMap;
//! use workflow_graph::{Json, Workflow, placeholders::Placeholders};
//! let json = Json::parse(br#"{
//!     "1": {"class_type": "CLIPTextEncode", "inputs": {"text": "photo of {{WHAT}}, {{STYLE:text=plain}}"}},
//!     "2": {"class_type": "KSampler", "inputs": {"seed": "PARAM_INT_SEED"}}
//! }"#)?;
//! let template = Placeholders::find(&Workflow::from_json(&json)?)?;
//! let names: Vec<&str> = template.parameters().map(|parameter| &*parameter.name).collect();
//! assert_eq!(names, ["WHAT", "STYLE", "SEED"]);
//!
//! let values = BTreeMap::from([
//!     ("WHAT".to_owned(), Json::from("a {{fox}}")),
//!     ("SEED".to_owned(), Json::from(u64::MAX)),
//! ]);
//! assert_eq!(
//!     template.fill(&values)?.to_json().to_string(),
//!     r#"{"1":{"class_type":"CLIPTextEncode","inputs":{"text":"photo of a {{fox}}, plain"}},"2":{"class_type":"KSampler","inputs":{"seed":18446744073709551615}}}"#
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Values are set on the tree and never looked at again, so a value that looks like a
//! placeholder stays the text it is, and no value can change the structure of the workflow.

mod fill;
mod kind;
mod mapping;
mod scan;

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
};

use indexmap::IndexMap;
use thiserror::Error;

use self::scan::Spot;
pub use self::{kind::Kind, mapping::Mapping};
use crate::{ids::NodeId, json::Json, workflow::Workflow};

/// A workflow and its open places.
///
/// ```
/// use workflow_graph::{Json, Workflow, placeholders::Placeholders};
/// let json = Json::parse(br#"{"1": {"class_type": "A", "inputs": {"x": "{{not one}}"}}}"#)?;
/// let template = Placeholders::find(&Workflow::from_json(&json)?)?;
/// assert_eq!(template.parameters().len(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Placeholders {
    workflow: Workflow,
    parameters: IndexMap<String, Parameter>,
    spots: Vec<Spot>,
}

/// One name to give a value to.
///
/// ```
/// use workflow_graph::{Json, Workflow, placeholders::{Kind, Placeholders}};
/// let json = Json::parse(br#"{"1": {"class_type": "A", "inputs": {"x": "{{STEPS:int=5}}"}}}"#)?;
/// let template = Placeholders::find(&Workflow::from_json(&json)?)?;
/// let steps = template.parameters().next().unwrap();
/// assert_eq!((steps.kind, steps.default.clone()), (Kind::Integer, Some(Json::from(5_u64))));
/// assert_eq!(steps.places, [("1".parse()?, "x".to_owned())]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// The name.
    pub name: String,
    /// What its values must be.
    pub kind: Kind,
    /// The value when none is given.
    pub default: Option<Json>,
    /// Whether filling without a value is an error. One that is not needed and has no default
    /// leaves its place as it is.
    pub required: bool,
    /// The nodes and inputs it is set in.
    pub places: Vec<(NodeId, String)>,
}

/// Why a workflow with placeholders, or a mapping, cannot be read.
///
/// ```
/// use workflow_graph::{Json, Workflow, placeholders::Placeholders};
/// let json = Json::parse(br#"{"1": {"class_type": "A", "inputs": {"x": "{{N:int=many}}"}}}"#)?;
/// let error = Placeholders::find(&Workflow::from_json(&json)?).unwrap_err();
/// assert_eq!(error.to_string(), "placeholder {{N:int=many}} in input `x` of node 1: \"many\" is not a whole number");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// A placeholder says something that cannot be.
    #[error("placeholder {placeholder} in input `{input}` of node {node}: {problem}")]
    Placeholder {
        /// The placeholder as written.
        placeholder: String,
        /// The node.
        node: NodeId,
        /// Its input.
        input: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Two places of one name disagree.
    #[error("placeholder {name} is {first} in one place and {second} in another")]
    Disagreement {
        /// The name.
        name: String,
        /// What one place says.
        first: String,
        /// What another says.
        second: String,
    },
    /// The mapping cannot be read.
    #[error("{at}: {problem}")]
    Mapping {
        /// The place in the mapping, such as `parameters[2]`.
        at: String,
        /// What is wrong there.
        problem: String,
    },
}

/// Why a workflow was not filled: everything at once, so that one answer mends all.
///
/// ```
/// use std::collections::BTreeMap;
/// use workflow_graph::{Json, Workflow, placeholders::Placeholders};
/// let json = Json::parse(br#"{"1": {"class_type": "A", "inputs": {"x": "{{SEED:int}}", "y": "{{PROMPT}}"}}}"#)?;
/// let template = Placeholders::find(&Workflow::from_json(&json)?)?;
/// let values = BTreeMap::from([("SEDE".to_owned(), Json::from(1_u64))]);
/// assert_eq!(
///     template.fill(&values).unwrap_err().to_string(),
///     "no value for SEED, PROMPT; unknown SEDE (there are SEED, PROMPT)"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FillError {
    /// Names that need a value and have none.
    pub unfilled: Vec<String>,
    /// Names that a value was given for and that are not in the workflow.
    pub unknown: Vec<String>,
    /// Names whose value is of another kind, and what is wrong with it.
    pub mistyped: Vec<(String, String)>,
    /// All names there are.
    pub known: Vec<String>,
}

/// Which places of which names are known; a name may have as many as there are nodes.
type Declared = HashSet<(String, (NodeId, String))>;

impl Placeholders {
    /// Finds the placeholders written in the inputs of a workflow.
    pub fn find(workflow: &Workflow) -> Result<Self, TemplateError> {
        let mut found =
            Self { workflow: workflow.clone(), parameters: IndexMap::new(), spots: Vec::new() };
        let mut declared = Declared::new();
        for spot in scan::spots(workflow)? {
            for mark in spot.marks() {
                found.declare(mark, &spot.node, &spot.input, &mut declared)?;
            }
            found.spots.push(spot);
        }
        Ok(found)
    }

    /// The names, in the order they are first written.
    pub fn parameters(&self) -> impl ExactSizeIterator<Item = &Parameter> {
        self.parameters.values()
    }

    /// The workflow as it is, with its open places.
    pub fn workflow(&self) -> &Workflow {
        &self.workflow
    }

    /// The workflow with all places filled, or all that is wrong with the values.
    pub fn fill(&self, values: &BTreeMap<String, Json>) -> Result<Workflow, FillError> {
        fill::fill(self, values)
    }

    fn declare(
        &mut self,
        mark: &scan::Mark,
        node: &NodeId,
        input: &str,
        declared: &mut Declared,
    ) -> Result<(), TemplateError> {
        let place = (node.clone(), input.to_owned());
        let is_new = declared.insert((mark.name.clone(), place.clone()));
        let Some(known) = self.parameters.get_mut(&mark.name) else {
            let parameter = Parameter {
                name: mark.name.clone(),
                kind: mark.kind.unwrap_or(Kind::Any),
                default: mark.default.clone(),
                required: true,
                places: vec![place],
            };
            self.parameters.insert(mark.name.clone(), parameter);
            return Ok(());
        };
        let disagreement = |first: String, second: String| TemplateError::Disagreement {
            name: mark.name.clone(),
            first,
            second,
        };
        match (known.kind, mark.kind) {
            (_, None) => {}
            (Kind::Any, Some(kind)) => known.kind = kind,
            (first, Some(second)) if first == second => {}
            (first, Some(second)) => {
                return Err(disagreement(first.to_string(), second.to_string()));
            }
        }
        match (&known.default, &mark.default) {
            (Some(first), Some(second)) if first != second => {
                return Err(disagreement(format!("{first} at first"), second.to_string()));
            }
            (None, Some(default)) => known.default = Some(default.clone()),
            (_, _) => {}
        }
        if is_new {
            known.places.push(place);
        }
        Ok(())
    }
}

impl fmt::Display for FillError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if !self.unfilled.is_empty() {
            parts.push(format!("no value for {}", self.unfilled.join(", ")));
        }
        let wrong = self.mistyped.iter().map(|(name, problem)| format!("{name}: {problem}"));
        parts.extend(wrong);
        if !self.unknown.is_empty() {
            let known =
                if self.known.is_empty() { "none".to_owned() } else { self.known.join(", ") };
            parts.push(format!("unknown {} (there are {known})", self.unknown.join(", ")));
        }
        f.write_str(&parts.join("; "))
    }
}

impl std::error::Error for FillError {}

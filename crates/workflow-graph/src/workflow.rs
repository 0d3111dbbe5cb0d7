//! A workflow in API format: what ComfyUI calls a prompt.

mod error;
mod primitives;

use std::{collections::BTreeMap, fmt};

use indexmap::IndexMap;
use sha2::{Digest as _, Sha256};

pub use self::error::{EditError, ReadError};
use crate::{
    ids::{ClassType, NodeId},
    json::{Json, Name, Object},
};

/// A node graph in API format, kept losslessly.
///
/// ```
/// use workflow_graph::{Json, Workflow};
/// let json = Json::parse(br#"{"1": {"class_type": "EmptyImage", "inputs": {"width": 64}, "x": 1.0}}"#)?;
/// let workflow = Workflow::from_json(&json)?;
/// assert_eq!(workflow.to_json(), json);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Workflow {
    nodes: IndexMap<NodeId, Node>,
}

/// One node of a [`Workflow`]: its class, its inputs, and whatever else was written with it.
///
/// ```
/// use workflow_graph::{Json, Workflow};
/// let json = Json::parse(br#"{"9": {"class_type": "SaveImage", "inputs": {}, "_meta": {"title": "Save"}}}"#)?;
/// let workflow = Workflow::from_json(&json)?;
/// let node = workflow.node(&"9".parse()?).ok_or("missing")?;
/// assert_eq!((node.class_type().as_str(), node.title()), ("SaveImage", Some("Save")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    class_type: ClassType,
    inputs: IndexMap<String, Input>,
    /// All members as they were read, in order. The values of `class_type` and `inputs` in here
    /// only hold their place: the fields above are the truth.
    members: Object,
}

/// The value of one input of a node.
///
/// ```
/// use workflow_graph::{Input, Json};
/// assert!(matches!(Input::from_json(&Json::parse(br#"["4", 0]"#)?), Input::Link { slot: 0, .. }));
/// assert!(matches!(Input::from_json(&Json::parse(br#"["4", 0, 1]"#)?), Input::Literal(_)));
/// # Ok::<(), workflow_graph::json::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A link to another node's output.
    Link {
        /// The node it comes from.
        from: NodeId,
        /// Which of its outputs, from 0.
        slot: u32,
    },
    /// Anything else, kept exactly as it was read.
    Literal(Json),
}

/// The identity of what a workflow computes: SHA-256 over the classes and inputs of its nodes,
/// independent of the order of members and of `_meta`.
///
/// ```
/// use workflow_graph::{Json, Workflow};
/// let read = |text: &str| Workflow::from_json(&Json::parse(text.as_bytes()).unwrap()).unwrap();
/// let one = read(r#"{"1": {"class_type": "A", "inputs": {"x": 1, "y": 2}}}"#);
/// let same = read(r#"{"1": {"_meta": {"title": "a"}, "inputs": {"y": 2, "x": 1}, "class_type": "A"}}"#);
/// assert_eq!(one.digest(), same.digest());
/// assert_eq!(one.digest().to_string().len(), 64);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WorkflowDigest([u8; 32]);

impl Workflow {
    /// Reads a workflow in API format. UI format and whole request bodies are recognized, so
    /// that the error can say what to do.
    pub fn from_json(json: &Json) -> Result<Self, ReadError> {
        let members =
            json.as_object().ok_or_else(|| ReadError::NotAnObject { found: json.kind() })?;
        if json.get("nodes").is_some_and(|nodes| nodes.as_array().is_some()) {
            return Err(ReadError::UiFormat);
        }
        let looks_like_node = |value: &Json| value.get("class_type").is_some();
        if json.get("prompt").is_some_and(|prompt| {
            prompt.as_object().is_some_and(|nodes| !looks_like_node(prompt) && !nodes.is_empty())
        }) {
            return Err(ReadError::RequestBody);
        }
        if members.is_empty() {
            return Err(ReadError::Empty);
        }
        let nodes = members.iter().map(|(id, value)| Ok((read_id(id)?, Node::read(id, value)?)));
        Ok(Self { nodes: nodes.collect::<Result<_, ReadError>>()? })
    }

    /// The same JSON value that was read, with the edits made since.
    pub fn to_json(&self) -> Json {
        Json::Object(
            self.nodes.iter().map(|(id, node)| (id.as_str().to_owned(), node.to_json())).collect(),
        )
    }

    /// All nodes, in the order they were written.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = (&NodeId, &Node)> {
        self.nodes.iter()
    }

    /// One node.
    pub fn node(&self, id: &NodeId) -> Option<&Node> {
        self.nodes.get(id)
    }

    /// Sets an input that is written on a node and is not linked, and returns what it replaced.
    /// A value that a server would follow as a link, by [`Input::is_link`], is refused: no value
    /// makes a link.
    pub fn set(
        &mut self,
        id: &NodeId,
        input: &str,
        value: Json,
    ) -> Result<Option<Json>, EditError> {
        if !self.nodes.contains_key(id) {
            let have = self.nodes.keys().cloned().collect();
            return Err(EditError::NoSuchNode { node: id.clone(), have });
        }
        let Some(node) = self.nodes.get_mut(id) else { return Ok(None) };
        let class_type = node.class_type.clone();
        let have = || node.inputs.keys().cloned().collect();
        match node.inputs.get(input) {
            None => Err(EditError::NoSuchInput {
                node: id.clone(),
                class_type,
                input: input.to_owned(),
                have: have(),
            }),
            Some(Input::Link { from, .. }) => Err(EditError::WouldCutLink {
                node: id.clone(),
                input: input.to_owned(),
                from: from.clone(),
            }),
            Some(Input::Literal(_)) if Input::is_link(&value) => {
                Err(EditError::LooksLikeLink { node: id.clone(), input: input.to_owned() })
            }
            Some(Input::Literal(_)) => {
                let replaced = node.inputs.insert(input.to_owned(), Input::Literal(value));
                Ok(replaced.map(|input| input.to_json()))
            }
        }
    }

    /// The identity of what the workflow computes.
    pub fn digest(&self) -> WorkflowDigest {
        self.digest_of(Input::to_json)
    }

    /// The identity of its graph, whatever values are set on it: workflows of one template that
    /// differ in their prompt or seed have the same.
    pub fn shape_digest(&self) -> WorkflowDigest {
        self.digest_of(|input| match input {
            Input::Link { .. } => input.to_json(),
            Input::Literal(_) => Json::Null,
        })
    }

    fn digest_of(&self, part: impl Fn(&Input) -> Json) -> WorkflowDigest {
        let nodes: BTreeMap<&str, Json> = self
            .nodes
            .iter()
            .map(|(id, node)| {
                let inputs: BTreeMap<&String, &Input> = node.inputs.iter().collect();
                let inputs = inputs.into_iter().map(|(name, input)| (&**name, part(input)));
                let class_type = Json::from(node.class_type.as_str());
                (id.as_str(), Json::Array(vec![class_type, sorted(&Json::object(inputs))]))
            })
            .collect();
        WorkflowDigest(Sha256::digest(Json::object(nodes).to_string()).into())
    }
}

impl Node {
    fn read(id: &str, value: &Json) -> Result<Self, ReadError> {
        let problem = |problem: String| ReadError::Node { id: id.to_owned(), problem };
        let members = value.as_object().ok_or_else(|| {
            problem(format!(
                "must be an object with `class_type` and `inputs`, but is {}",
                value.kind()
            ))
        })?;
        let class_type = match members.get("class_type") {
            None => return Err(problem("has no `class_type`".to_owned())),
            Some(Json::String(text)) => {
                text.parse().map_err(|_| problem("has an empty `class_type`".to_owned()))?
            }
            Some(other) => {
                return Err(problem(format!("has a `class_type` that is {}", other.kind())));
            }
        };
        let inputs = match members.get("inputs") {
            // ComfyUI accepts such a node and then its worker dies of it.
            None => return Err(problem("has no `inputs`; write `\"inputs\": {}`".to_owned())),
            Some(Json::Object(inputs)) => inputs,
            Some(other) => return Err(problem(format!("has `inputs` that are {}", other.kind()))),
        };
        let inputs = inputs
            .iter()
            .map(|(name, value)| (name.to_string(), Input::from_json(value)))
            .collect();
        let mut members = members.clone();
        for place in ["class_type", "inputs"] {
            members.insert(place, Json::Null);
        }
        Ok(Self { class_type, inputs, members })
    }

    /// The JSON value of the node, members in the order they were read.
    pub fn to_json(&self) -> Json {
        let member = |(name, value): (&Name, &Json)| {
            let value = match name.as_str() {
                "class_type" => Json::from(self.class_type.as_str()),
                "inputs" => {
                    Json::object(self.inputs.iter().map(|(name, input)| (&**name, input.to_json())))
                }
                _ => value.clone(),
            };
            (name.clone(), value)
        };
        Json::Object(self.members.iter().map(member).collect())
    }

    /// The class of the node.
    pub fn class_type(&self) -> &ClassType {
        &self.class_type
    }

    /// The title in `_meta`, when there is one.
    pub fn title(&self) -> Option<&str> {
        self.members.get("_meta")?.get("title")?.as_str()
    }

    /// The inputs written on the node, in order.
    pub fn inputs(&self) -> impl ExactSizeIterator<Item = (&str, &Input)> {
        self.inputs.iter().map(|(name, input)| (&**name, input))
    }

    /// One input.
    pub fn input(&self, name: &str) -> Option<&Input> {
        self.inputs.get(name)
    }
}

impl Input {
    /// Reads one input: a list of a node's id and the number of an output is a link, every other
    /// value is a literal. A link with a number that no output has, such as -1, stays a literal,
    /// so that it is sent as it was written; ComfyUI follows even that one. [`Input::is_link`]
    /// and [`Input::source`] judge as ComfyUI does.
    pub fn from_json(value: &Json) -> Self {
        if let Json::Array(items) = value
            && let [Json::String(from), Json::Number(slot)] = items.as_slice()
            && let (Ok(from), Ok(slot)) = (from.parse(), slot.as_str().parse())
        {
            return Self::Link { from, slot };
        }
        Self::Literal(value.clone())
    }

    /// Whether ComfyUI follows a value as a link when it executes: any list of a text and a
    /// number. From the number -1 it takes the last output of the node, as Python counts, and
    /// truth values are numbers there too.
    ///
    /// ```
    /// use workflow_graph::{Input, Json};
    /// let is_link = |text: &str| Json::parse(text.as_bytes()).map(|value| Input::is_link(&value));
    /// assert!(is_link(r#"["4", -1]"#)? && is_link(r#"["4", 0.0]"#)?);
    /// assert!(!is_link(r#"[4, 0]"#)? && !is_link(r#"["4", "0"]"#)? && !is_link(r#"["4", 0, 1]"#)?);
    /// # Ok::<(), workflow_graph::json::ParseError>(())
    /// ```
    pub fn is_link(value: &Json) -> bool {
        link_source(value).is_some()
    }

    /// The id of the node that ComfyUI takes this input from when it executes: of a link, and
    /// of a literal that it follows all the same.
    pub fn source(&self) -> Option<&str> {
        match self {
            Self::Link { from, .. } => Some(from.as_str()),
            Self::Literal(value) => link_source(value),
        }
    }

    /// The JSON value, as ComfyUI reads it.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Link { from, slot } => {
                Json::Array(vec![Json::from(from.as_str()), Json::from(u64::from(*slot))])
            }
            Self::Literal(value) => value.clone(),
        }
    }
}

impl fmt::Display for WorkflowDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

fn link_source(value: &Json) -> Option<&str> {
    match value.as_array()? {
        [Json::String(from), Json::Number(_) | Json::Bool(_)] => Some(from),
        _ => None,
    }
}

fn read_id(id: &str) -> Result<NodeId, ReadError> {
    id.parse().map_err(|_| ReadError::Node {
        id: id.to_owned(),
        problem: "has an empty key; a node id must not be empty".to_owned(),
    })
}

/// The same value with the members of every object in the order of their names.
fn sorted(json: &Json) -> Json {
    match json {
        Json::Object(members) => {
            let members: BTreeMap<&Name, &Json> = members.iter().collect();
            Json::object(members.into_iter().map(|(name, value)| (&**name, sorted(value))))
        }
        Json::Array(items) => Json::Array(items.iter().map(sorted).collect()),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => json.clone(),
    }
}

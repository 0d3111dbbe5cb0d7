//! Edits as data: typed operations that apply together or not at all, and can be taken back.
//!
//! ```
//! use workflow_graph::{Json, Workflow, patch::{Operation, Patch}};
//! let text = r#"{"1":{"class_type":"EmptyImage","inputs":{"width":64}},"2":{"class_type":"SaveImage","inputs":{"images":["1",0]}}}"#;
//! let mut workflow = Workflow::from_json(&Json::parse(text.as_bytes())?)?;
//!
//! let patch = Patch::new([
//!     Operation::Set { node: "1".parse()?, input: "width".into(), value: Json::from(512_u64) },
//!     Operation::RenameId { node: "1".parse()?, to: "10".parse()? },
//! ]);
//! let inverse = workflow.apply(&patch)?;
//! assert_eq!(
//!     workflow.to_json().to_string(),
//!     r#"{"10":{"class_type":"EmptyImage","inputs":{"width":512}},"2":{"class_type":"SaveImage","inputs":{"images":["10",0]}}}"#
//! );
//! workflow.apply(&inverse)?;
//! assert_eq!(workflow.to_json().to_string(), text);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The operations check what an editor would: that a set does not cut a link, that a new link
//! leads to a node. They do not know node classes, so whether an input exists on a class, or
//! whether a circle of links was made, is for validation to say.

mod apply;
mod editor;
mod json;
mod sequence;

use thiserror::Error;

pub use self::json::PatchReadError;
use crate::{
    ids::{ClassType, NodeId},
    json::Json,
    workflow::{EditError, Input, Node, Workflow},
};

/// Operations that apply in order, all or none.
///
/// Its JSON form is `{"version": 1, "operations": [{"op": "set", "node": "3", "input": "seed",
/// "value": 7}, …]}`; see [`Operation`] for the members of each.
///
/// ```
/// use workflow_graph::{Json, patch::Patch};
/// let json = Json::parse(br#"{"version":1,"operations":[{"op":"unlink","node":"3","input":"model"}]}"#)?;
/// let patch = Patch::from_json(&json)?;
/// assert_eq!((patch.operations().len(), patch.to_json()), (1, json));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Patch {
    operations: Vec<Operation>,
}

/// One edit of a workflow. The name in the JSON form is the variant's in snake case.
///
/// ```
/// use workflow_graph::{Json, patch::Operation};
/// let json = Json::parse(br#"{"op": "link", "node": "3", "input": "model", "from": "4", "slot": 0}"#)?;
/// let operation = Operation::from_json(&json)?;
/// assert!(matches!(operation, Operation::Link { slot: 0, .. }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Operation {
    /// Sets an input that is written on the node and is not linked.
    Set {
        /// The node.
        node: NodeId,
        /// Its input.
        input: String,
        /// The value. A list of a text and a whole number would be read as a link: refused.
        value: Json,
    },
    /// Adds an input that is not written on the node yet, such as an optional one.
    AddInput {
        /// The node.
        node: NodeId,
        /// The new input, added last.
        input: String,
        /// Its value.
        value: Json,
    },
    /// Takes an input away that is not linked.
    Unset {
        /// The node.
        node: NodeId,
        /// Its input.
        input: String,
    },
    /// Links an input, whatever it was before; it is added when it is not written yet.
    Link {
        /// The node.
        node: NodeId,
        /// Its input.
        input: String,
        /// The node it is to come from: it must be there when the whole patch is applied.
        from: NodeId,
        /// Which of its outputs, from 0.
        slot: u32,
    },
    /// Takes a linked input away.
    Unlink {
        /// The node.
        node: NodeId,
        /// Its input.
        input: String,
    },
    /// Adds a node. Its links must lead to nodes when the whole patch is applied.
    AddNode {
        /// Its id, which must be free.
        id: NodeId,
        /// The node.
        node: Node,
        /// Where it stands among the others.
        place: Place,
    },
    /// Takes a node away, and every input that is linked from it.
    RemoveNode {
        /// The node.
        node: NodeId,
    },
    /// Gives a node another class; inputs keep their names unless they are renamed.
    ReplaceClass {
        /// The node.
        node: NodeId,
        /// The class it is to have.
        class_type: ClassType,
        /// Inputs to rename, old name and new.
        rename: Vec<(String, String)>,
    },
    /// Gives a node another id and makes the links from it follow.
    RenameId {
        /// The node.
        node: NodeId,
        /// The id it is to have, which must be free.
        to: NodeId,
    },
    /// Puts a new node into links: what was linked from an output is linked from the new node,
    /// and the new node from that output.
    Splice {
        /// The id of the new node, which must be free.
        id: NodeId,
        /// The new node; the inputs named in `through` are linked by the operation.
        node: Node,
        /// The outputs it is put behind.
        through: Vec<Through>,
    },
    /// Sets the title in `_meta`, or takes it away.
    SetTitle {
        /// The node.
        node: NodeId,
        /// The title.
        title: Option<String>,
    },
    /// An edit that only asks whether its place exists.
    Exact(Exact),
}

/// One output that a [`Operation::Splice`] goes behind.
///
/// ```
/// use workflow_graph::patch::{Reroute, Through};
/// let model = Through {
///     from: "4".parse()?, slot: 0, input: "model".into(), output: 0, reroute: Reroute::All,
/// };
/// assert_eq!(model.from.as_str(), "4");
/// # Ok::<(), workflow_graph::InvalidId>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Through {
    /// The node whose output it is.
    pub from: NodeId,
    /// The output.
    pub slot: u32,
    /// The input of the new node that is linked from it.
    pub input: String,
    /// The output of the new node that takes its place.
    pub output: u32,
    /// Which of its consumers are rerouted.
    pub reroute: Reroute,
}

/// Which consumers of an output a splice reroutes.
///
/// ```
/// use workflow_graph::patch::Reroute;
/// assert_ne!(Reroute::All, Reroute::Only(vec![("3".parse()?, "model".into())]));
/// # Ok::<(), workflow_graph::InvalidId>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reroute {
    /// Every input linked from it; there must be one.
    All,
    /// These inputs, which must be linked from it.
    Only(Vec<(NodeId, String)>),
}

/// Where a node stands among the others.
///
/// ```
/// use workflow_graph::patch::Place;
/// assert_eq!(Place::default(), Place::Last);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// Before all others.
    First,
    /// After all others.
    #[default]
    Last,
    /// After this node.
    After(NodeId),
}

/// The edits that inverses and differences are made of. They write exactly what they say, so
/// that they can restore what an ordinary operation would refuse, such as a dangling link.
///
/// ```
/// use workflow_graph::{Json, Workflow, patch::{Exact, Operation, Patch}};
/// let json = Json::parse(br#"{"1":{"class_type":"A","inputs":{"x":["7",0]}}}"#)?;
/// let mut workflow = Workflow::from_json(&json)?;
/// let erase = Exact::EraseInput { node: "1".parse()?, input: "x".into() };
/// let inverse = workflow.apply(&Patch::new([Operation::Exact(erase)]))?;
/// assert!(matches!(inverse.operations(), [Operation::Exact(Exact::WriteInput { .. })]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Exact {
    /// Writes an input, link or value, over the one of that name or at a place of its own.
    WriteInput {
        /// The node.
        node: NodeId,
        /// Its input.
        input: String,
        /// What to write.
        value: Input,
        /// Where among the inputs a new one goes, from 0; last without it.
        at: Option<usize>,
    },
    /// Takes an input away.
    EraseInput {
        /// The node.
        node: NodeId,
        /// Its input.
        input: String,
    },
    /// Writes a member of a node beside its class and inputs.
    WriteMember {
        /// The node.
        node: NodeId,
        /// The member, such as `_meta`.
        member: String,
        /// Its value.
        value: Json,
        /// Where among all members a new one goes, from 0; last without it.
        at: Option<usize>,
    },
    /// Takes a member of a node away.
    EraseMember {
        /// The node.
        node: NodeId,
        /// The member.
        member: String,
    },
    /// Gives a node another class and touches nothing else.
    WriteClass {
        /// The node.
        node: NodeId,
        /// The class.
        class_type: ClassType,
    },
    /// Adds a node whose links may lead anywhere.
    WriteNode {
        /// Its id, which must be free.
        id: NodeId,
        /// The node.
        node: Node,
        /// Where it stands among the others.
        place: Place,
    },
    /// Takes a node away and leaves the links from it.
    EraseNode {
        /// The node.
        node: NodeId,
    },
}

/// Which operation of a patch was refused, and why. Nothing was changed.
///
/// ```
/// use workflow_graph::{Json, Workflow, patch::{Operation, Patch}};
/// let json = Json::parse(br#"{"1":{"class_type":"A","inputs":{}}}"#)?;
/// let mut workflow = Workflow::from_json(&json)?;
/// let patch = Patch::new([Operation::RemoveNode { node: "2".parse()? }]);
/// let error = workflow.apply(&patch).unwrap_err();
/// assert_eq!(error.to_string(), "operation 1 of 1 (remove_node): there is no node 2; the workflow has 1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("operation {} of {of} ({name}): {reason}", .index + 1)]
pub struct PatchError {
    /// The operation, from 0.
    pub index: usize,
    /// How many operations the patch has.
    pub of: usize,
    /// The name of the operation in the JSON form.
    pub name: &'static str,
    /// Why it was refused. It is part of the text, so it is no `source`.
    pub reason: EditError,
}

impl Patch {
    /// A patch of operations in order.
    pub fn new(operations: impl IntoIterator<Item = Operation>) -> Self {
        Self { operations: operations.into_iter().collect() }
    }

    /// The operations, in order.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// Whether it changes nothing because it says nothing.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }
}

impl Workflow {
    /// Applies all operations of a patch, or none, and returns the patch that takes them back:
    /// applied to the result it restores the same bytes. The time is linear in the size of the
    /// workflow and of the patch.
    pub fn apply(&mut self, patch: &Patch) -> Result<Patch, PatchError> {
        let (applied, inverse) = apply::apply(self, patch)?;
        *self = applied;
        Ok(inverse)
    }

    /// A decimal id above all ids of nodes and links, for a new node.
    pub fn free_id(&self) -> NodeId {
        self.free_ids().next()
    }

    /// Ids for several new nodes.
    pub(crate) fn free_ids(&self) -> FreeIds {
        FreeIds::above(self.nodes().flat_map(|(id, node)| {
            let links = node.inputs().filter_map(|(_, input)| Some(input.as_link()?.0));
            std::iter::once(id).chain(links)
        }))
    }
}

/// Decimal ids above all that were seen.
#[derive(Debug)]
pub(crate) struct FreeIds {
    highest: u64,
}

impl FreeIds {
    /// Ids beyond 32 bits are left aside: the next one would not be readable, and the front end
    /// counts ids as numbers.
    pub(crate) fn above<'a>(ids: impl Iterator<Item = &'a NodeId>) -> Self {
        let outermost = |id: &NodeId| id.as_str().split([':', '.']).next()?.parse::<u32>().ok();
        Self { highest: ids.filter_map(outermost).max().unwrap_or(0).into() }
    }

    pub(crate) fn next(&mut self) -> NodeId {
        self.highest += 1;
        NodeId::from_number(self.highest)
    }
}

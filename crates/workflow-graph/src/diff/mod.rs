//! What is different between two workflows.
//!
//! ```
//! use workflow_graph::{Json, Workflow, diff};
//! let read = |text: &str| Workflow::from_json(&Json::parse(text.as_bytes()).unwrap()).unwrap();
//! let before = read(r#"{"1": {"class_type": "LoadImage", "inputs": {"image": "a.png"}},
//!                       "2": {"class_type": "ImageScale", "inputs": {"image": ["1", 0], "width": 64}}}"#);
//! let after = read(r#"{"8": {"class_type": "LoadImage", "inputs": {"image": "a.png"}},
//!                      "2": {"class_type": "ImageScale", "inputs": {"image": ["8", 0], "width": 65}}}"#);
//! let diff = diff::between(&before, &after);
//! assert_eq!(diff.to_string(), "= 1 -> 8 LoadImage\n~ 2 ImageScale: width 64 -> 65\n");
//!
//! let mut patched = before.clone();
//! patched.apply(&diff.to_patch())?;
//! assert_eq!(patched, after);
//! # Ok::<(), workflow_graph::patch::PatchError>(())
//! ```
//!
//! Nodes are the same when they have the same id and class. Where ids do not tell, structure
//! does: what a node holds, what it is linked from and what is linked from it. Both ways are
//! tried and the one that leaves less to say is taken, so that a renumbered graph is not
//! all different.
//!
//! A value is the same when it is spelled the same: `1` and `1.0` differ. The order of nodes and
//! of members is no difference.

mod matching;
mod patch;
mod signature;
mod text;

use crate::{
    ids::{ClassType, NodeId},
    json::Json,
    workflow::{Input, Node, Workflow},
};

pub(crate) use self::matching::Matching;

/// The differences between two workflows, by node.
///
/// ```
/// use workflow_graph::{Json, Workflow, diff};
/// let json = Json::parse(br#"{"1": {"class_type": "A", "inputs": {}}}"#)?;
/// let workflow = Workflow::from_json(&json)?;
/// assert!(diff::between(&workflow, &workflow).is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Diff<'a> {
    before: &'a Workflow,
    after: &'a Workflow,
    matching: Matching<'a>,
    /// Nodes that are only in the later workflow.
    pub added: Vec<&'a NodeId>,
    /// Nodes that are only in the earlier workflow.
    pub removed: Vec<&'a NodeId>,
    /// Nodes that are in both and differ.
    pub modified: Vec<NodeDiff<'a>>,
}

/// How one node differs.
///
/// ```
/// use workflow_graph::{Json, Workflow, diff};
/// let read = |text: &str| Workflow::from_json(&Json::parse(text.as_bytes()).unwrap()).unwrap();
/// let before = read(r#"{"1": {"class_type": "A", "inputs": {"x": 1}}}"#);
/// let after = read(r#"{"1": {"class_type": "A", "inputs": {"x": 2}}}"#);
/// let diff = diff::between(&before, &after);
/// assert_eq!(diff.modified[0].inputs[0].name, "x");
/// assert!(!diff.modified[0].inputs[0].is_rewired());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct NodeDiff<'a> {
    /// Its id in the earlier workflow.
    pub before: &'a NodeId,
    /// Its id in the later workflow.
    pub after: &'a NodeId,
    /// Its classes, when it has another one now.
    pub class: Option<(&'a ClassType, &'a ClassType)>,
    /// Its inputs that differ. A link to a node that only has another id is no difference.
    pub inputs: Vec<InputDiff<'a>>,
    /// Its other members that differ, such as `_meta` with the title.
    pub members: Vec<MemberDiff<'a>>,
}

/// How one input differs; it is absent on the side that has `None`.
///
/// ```
/// use workflow_graph::{Input, Json, diff::InputDiff};
/// let value = Input::Literal(Json::from(1_u64));
/// let set = InputDiff { name: "x", before: None, after: Some(&value) };
/// assert!(!set.is_rewired());
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InputDiff<'a> {
    /// The input.
    pub name: &'a str,
    /// What was written.
    pub before: Option<&'a Input>,
    /// What is written now.
    pub after: Option<&'a Input>,
}

/// How a member of a node beside class and inputs differs.
///
/// ```
/// use workflow_graph::{Json, diff::MemberDiff};
/// let title = Json::from("x");
/// let member = MemberDiff { name: "_meta", before: Some(&title), after: None };
/// assert_eq!(member.name, "_meta");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MemberDiff<'a> {
    /// The member.
    pub name: &'a str,
    /// What was written.
    pub before: Option<&'a Json>,
    /// What is written now.
    pub after: Option<&'a Json>,
}

/// Compares two workflows. Linear in their size.
pub fn between<'a>(before: &'a Workflow, after: &'a Workflow) -> Diff<'a> {
    let matching = Matching::best(before, after);
    let absent = |id: &&NodeId| matching.before(id).is_none();
    let added = after.nodes().map(|(id, _)| id).filter(absent).collect();
    let gone = |id: &&NodeId| matching.after(id).is_none();
    let removed = before.nodes().map(|(id, _)| id).filter(gone).collect();
    let modified = matching.pairs().map(|pair| node_diff(&matching, pair));
    let modified = modified.filter(NodeDiff::is_different).collect();
    Diff { before, after, matching, added, removed, modified }
}

impl<'a> Diff<'a> {
    /// Whether the workflows are the same, order aside.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.modified.is_empty()
    }

    /// The id that a node of the earlier workflow has in the later one.
    pub fn renamed(&self, before: &NodeId) -> Option<&'a NodeId> {
        self.matching.after(before)
    }

    /// The earlier workflow.
    pub fn before(&self) -> &'a Workflow {
        self.before
    }

    /// The later workflow.
    pub fn after(&self) -> &'a Workflow {
        self.after
    }
}

impl NodeDiff<'_> {
    fn is_different(&self) -> bool {
        self.before != self.after
            || self.class.is_some()
            || !self.inputs.is_empty()
            || !self.members.is_empty()
    }

    /// Whether it has another id and is the same else.
    pub fn is_only_renamed(&self) -> bool {
        self.class.is_none() && self.inputs.is_empty() && self.members.is_empty()
    }
}

impl InputDiff<'_> {
    /// Whether a link is made, cut or moved, and not only a value set.
    pub fn is_rewired(&self) -> bool {
        let is_link = |input: Option<&Input>| input.is_some_and(|input| input.as_link().is_some());
        is_link(self.before) || is_link(self.after)
    }
}

/// A node of both workflows: its id and itself, before and after.
pub(crate) type Pair<'a> = ((&'a NodeId, &'a Node), (&'a NodeId, &'a Node));

fn node_diff<'a>(matching: &Matching<'a>, ((before, old), (after, new)): Pair<'a>) -> NodeDiff<'a> {
    let mut inputs = Vec::new();
    for (name, input) in old.inputs() {
        let now = new.input(name);
        if now.is_none_or(|now| !matching.is_same_input(input, now)) {
            inputs.push(InputDiff { name, before: Some(input), after: now });
        }
    }
    let fresh = new.inputs().filter(|(name, _)| old.input(name).is_none());
    inputs.extend(fresh.map(|(name, input)| InputDiff { name, before: None, after: Some(input) }));

    let mut members = Vec::new();
    for (name, value) in old.other_members() {
        let now = new.other_member(name);
        if now != Some(value) {
            members.push(MemberDiff { name, before: Some(value), after: now });
        }
    }
    let fresh = new.other_members().filter(|(name, _)| old.other_member(name).is_none());
    members.extend(fresh.map(|(name, value)| MemberDiff {
        name,
        before: None,
        after: Some(value),
    }));

    let class =
        (old.class_type() != new.class_type()).then(|| (old.class_type(), new.class_type()));
    NodeDiff { before, after, class, inputs, members }
}

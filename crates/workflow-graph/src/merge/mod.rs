//! Bringing together what two people did to one workflow.
//!
//! ```
//! use workflow_graph::{Json, Workflow, merge::{self, Strategy}};
//! let read = |text: &str| Workflow::from_json(&Json::parse(text.as_bytes()).unwrap()).unwrap();
//! let base = read(r#"{"3": {"class_type": "KSampler", "inputs": {"seed": 1, "steps": 20, "cfg": 7}}}"#);
//! let ours = read(r#"{"3": {"class_type": "KSampler", "inputs": {"seed": 2, "steps": 20, "cfg": 5}}}"#);
//! let theirs = read(r#"{"3": {"class_type": "KSampler", "inputs": {"seed": 1, "steps": 30, "cfg": 8}}}"#);
//!
//! let merge = merge::three_way(&base, &ours, &theirs, &Strategy::Ours);
//! assert_eq!(
//!     merge.workflow.to_json().to_string(),
//!     r#"{"3":{"class_type":"KSampler","inputs":{"seed":2,"steps":30,"cfg":5}}}"#
//! );
//! assert_eq!(merge.conflicts[0].to_string(), "input `cfg` of node 3: was 7, ours 5, theirs 8; took ours");
//! ```
//!
//! Every input of every node is merged by itself: what only one side changed is taken from that
//! side, what both changed alike is taken, and what both changed differently is a conflict, as
//! is a node that one side took away and the other changed or linked. Nodes are matched as in
//! [`diff`](crate::diff), so a side may have renumbered its graph. Nodes that both added under
//! one id are both kept when they differ; theirs gets another id.
//!
//! # What it does not do
//!
//! It does not know node classes: a result without conflicts may still need validation.

mod combine;
mod entity;

use std::{collections::HashMap, fmt};

use crate::{ids::NodeId, json::Json, workflow::Workflow};

/// Whose value counts.
///
/// ```
/// use workflow_graph::merge::Side;
/// assert_ne!(Side::Ours, Side::Theirs);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The first of the two.
    Ours,
    /// The second of the two.
    Theirs,
}

/// How conflicts are settled.
///
/// ```
/// use std::collections::HashMap;
/// use workflow_graph::merge::{Part, Side, Spot, Strategy};
/// let cfg = Spot { node: "3".parse()?, part: Part::Input("cfg".into()) };
/// let strategy = Strategy::Manual(HashMap::from([(cfg, Side::Theirs)]));
/// assert_ne!(strategy, Strategy::default());
/// # Ok::<(), workflow_graph::InvalidId>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Ours is taken.
    Ours,
    /// Theirs is taken.
    Theirs,
    /// What was chosen for each spot. Where nothing was chosen, what was there before stays and
    /// the conflict is open; merging again with a choice settles it.
    Manual(HashMap<Spot, Side>),
}

/// One place that a merge decides on.
///
/// ```
/// use workflow_graph::merge::{Part, Spot};
/// let spot = Spot { node: "3".parse()?, part: Part::Input("cfg".into()) };
/// assert_eq!(spot.to_string(), "input `cfg` of node 3");
/// # Ok::<(), workflow_graph::InvalidId>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Spot {
    /// The node, by its id in the result.
    pub node: NodeId,
    /// What of it.
    pub part: Part,
}

/// A part of a node.
///
/// ```
/// use workflow_graph::merge::Part;
/// assert_ne!(Part::Node, Part::Class);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// All of it: whether it is there.
    Node,
    /// Its class.
    Class,
    /// An input.
    Input(String),
    /// Another member, such as `_meta` with the title.
    Member(String),
}

/// A spot that both sides changed, each in its own way; a side without a value took it away.
///
/// ```
/// use workflow_graph::{Json, merge::{Conflict, Part, Side, Spot}};
/// let conflict = Conflict {
///     spot: Spot { node: "3".parse()?, part: Part::Class },
///     base: Some(Json::from("A")), ours: Some(Json::from("B")), theirs: None, taken: None,
/// };
/// assert_eq!(conflict.to_string(), "class of node 3: was \"A\", ours \"B\", theirs (none); open");
/// # Ok::<(), workflow_graph::InvalidId>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Conflict {
    /// Where it is.
    pub spot: Spot,
    /// What was there before. Links are told by the ids of the result.
    pub base: Option<Json>,
    /// What ours has.
    pub ours: Option<Json>,
    /// What theirs has.
    pub theirs: Option<Json>,
    /// Whose was taken, or that it is open.
    pub taken: Option<Side>,
}

/// What came of a merge.
///
/// ```
/// use workflow_graph::{Json, Workflow, merge::{self, Strategy}};
/// let json = Json::parse(br#"{"1": {"class_type": "A", "inputs": {}}}"#)?;
/// let workflow = Workflow::from_json(&json)?;
/// let merge = merge::three_way(&workflow, &workflow, &workflow, &Strategy::default());
/// assert!(merge.is_settled() && merge.conflicts.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Merge {
    /// The result, in the order of ours; what only theirs has stands at the end.
    pub workflow: Workflow,
    /// Every spot that both sides changed differently, settled or not.
    pub conflicts: Vec<Conflict>,
    /// Nodes that could not keep the id they have in theirs: that id and the one in the result.
    pub renumbered: Vec<(NodeId, NodeId)>,
}

/// Merges two workflows that were made from one. Linear in their size.
pub fn three_way(
    base: &Workflow,
    ours: &Workflow,
    theirs: &Workflow,
    strategy: &Strategy,
) -> Merge {
    let entities = entity::Entities::new(base, ours, theirs);
    combine::combine(&entities, strategy)
}

impl Default for Strategy {
    /// Nothing is chosen: every conflict is open.
    fn default() -> Self {
        Self::Manual(HashMap::new())
    }
}

impl Merge {
    /// Whether no conflict is open.
    pub fn is_settled(&self) -> bool {
        self.conflicts.iter().all(|conflict| conflict.taken.is_some())
    }

    /// The merge as JSON: `workflow`, `conflicts`, `renumbered`.
    ///
    /// ```
    /// use workflow_graph::{Json, Workflow, merge::{self, Strategy}};
    /// let json = Json::parse(br#"{"1": {"class_type": "A", "inputs": {}}}"#)?;
    /// let workflow = Workflow::from_json(&json)?;
    /// let merge = merge::three_way(&workflow, &workflow, &workflow, &Strategy::Ours);
    /// assert_eq!(
    ///     merge.to_json().to_string(),
    ///     r#"{"workflow":{"1":{"class_type":"A","inputs":{}}},"conflicts":[],"renumbered":{}}"#
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_json(&self) -> Json {
        let renumbered =
            self.renumbered.iter().map(|(from, to)| (from.as_str(), Json::from(to.as_str())));
        Json::object([
            ("workflow", self.workflow.to_json()),
            ("conflicts", Json::Array(self.conflicts.iter().map(Conflict::to_json).collect())),
            ("renumbered", Json::object(renumbered)),
        ])
    }
}

impl Conflict {
    fn to_json(&self) -> Json {
        let (part, name) = match &self.spot.part {
            Part::Node => ("node", None),
            Part::Class => ("class_type", None),
            Part::Input(name) => ("input", Some(name)),
            Part::Member(name) => ("member", Some(name)),
        };
        let place = [("node", Json::from(self.spot.node.as_str())), ("part", Json::from(part))];
        let name = name.map(|name| ("name", Json::from(&**name)));
        let sides = [("base", &self.base), ("ours", &self.ours), ("theirs", &self.theirs)];
        let sides = sides.into_iter().filter_map(|(side, value)| Some((side, value.clone()?)));
        let taken = self.taken.map(|side| ("taken", Json::from(side.as_str())));
        Json::object(place.into_iter().chain(name).chain(sides).chain(taken))
    }
}

impl Side {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Theirs => "theirs",
        }
    }
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let node = &self.node;
        match &self.part {
            Part::Node => write!(f, "node {node}"),
            Part::Class => write!(f, "class of node {node}"),
            Part::Input(name) => write!(f, "input `{name}` of node {node}"),
            Part::Member(name) => write!(f, "member `{name}` of node {node}"),
        }
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown =
            |value: &Option<Json>| value.as_ref().map_or("(none)".to_owned(), Json::to_string);
        let (base, ours, theirs) = (shown(&self.base), shown(&self.ours), shown(&self.theirs));
        write!(f, "{}: was {base}, ours {ours}, theirs {theirs}; ", self.spot)?;
        match self.taken {
            Some(side) => write!(f, "took {}", side.as_str()),
            None => f.write_str("open"),
        }
    }
}

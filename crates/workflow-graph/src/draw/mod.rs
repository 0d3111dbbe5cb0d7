//! Pictures of workflows: Mermaid, Graphviz DOT, SVG, and a page to look around in.
//!
//! ```
//! use workflow_graph::{Json, Workflow, draw::Picture};
//! let json = Json::parse(br#"{
//!     "1": {"class_type": "LoadImage", "inputs": {"image": "a.png"}},
//!     "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0]}}
//! }"#)?;
//! let picture = Picture::of(&Workflow::from_json(&json)?);
//! assert_eq!(
//!     picture.to_mermaid(),
//!     "flowchart LR\n    n0[\"1 LoadImage\"]\n    n1[\"2 SaveImage\"]\n    n0 -->|\"images\"| n1\n"
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Everything that comes from the workflow is escaped for the format it is written in. The page
//! is one file that loads nothing: it forbids itself any request.

mod dot;
mod html;
mod mermaid;
mod svg;
mod text;

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::{
    diff::Diff,
    ids::NodeId,
    json::Json,
    workflow::{Input, Node, Workflow},
};

/// What is known of a node's run.
///
/// ```
/// use workflow_graph::draw::Status;
/// assert_eq!(Status::Failed.as_str(), "failed");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Status {
    /// It waits.
    Waiting,
    /// It runs.
    Running,
    /// It is done.
    Done,
    /// Its result was there already.
    Cached,
    /// It failed.
    Failed,
}

/// How a node differs from another workflow.
///
/// ```
/// use workflow_graph::draw::Mark;
/// assert_eq!(Mark::Added.as_str(), "added");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mark {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It is changed.
    Changed,
}

/// A workflow ready to be drawn.
///
/// ```
/// use std::collections::BTreeMap;
/// use workflow_graph::{Json, Workflow, draw::{Picture, Status}};
/// let json = Json::parse(br#"{"1": {"class_type": "LoadImage", "inputs": {}}}"#)?;
/// let status = BTreeMap::from([("1".parse()?, Status::Running)]);
/// let picture = Picture::of(&Workflow::from_json(&json)?).with_status(&status);
/// assert!(picture.to_mermaid().contains("class n0 running"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    nodes: Vec<Shape>,
    links: Vec<Line>,
}

/// One node to draw.
#[derive(Clone, Debug, PartialEq)]
struct Shape {
    id: NodeId,
    class_type: String,
    title: Option<String>,
    inputs: Vec<Row>,
    status: Option<Status>,
    mark: Option<Mark>,
    /// What differs, in words.
    changes: Vec<String>,
}

/// One input of a node.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    name: String,
    /// Its value; a linked input has none.
    value: Option<Json>,
}

/// One link to draw, by the numbers of its nodes.
#[derive(Clone, Debug, PartialEq)]
struct Line {
    from: usize,
    slot: u32,
    to: usize,
    /// Which of the inputs of the node it leads to.
    row: usize,
    input: String,
    mark: Option<Mark>,
}

impl Picture {
    /// A picture of a workflow. Links to nowhere are not drawn, because nothing is there.
    pub fn of(workflow: &Workflow) -> Self {
        let mut picture = Self { nodes: Vec::new(), links: Vec::new() };
        for (id, node) in workflow.nodes() {
            picture.nodes.push(Shape::of(id, node));
        }
        let numbers: HashMap<&NodeId, usize> =
            workflow.nodes().enumerate().map(|(number, (id, _))| (id, number)).collect();
        for (to, (_, node)) in workflow.nodes().enumerate() {
            for (row, (input, from, slot)) in linked(node) {
                if let Some(from) = numbers.get(from) {
                    let input = input.to_owned();
                    picture.links.push(Line { from: *from, slot, to, row, input, mark: None });
                }
            }
        }
        picture
    }

    /// A picture of the later workflow of a difference, with what is gone and all that changed
    /// marked.
    pub fn of_diff(diff: &Diff<'_>) -> Self {
        let mut picture = Self::of(diff.after());
        let numbers: HashMap<&NodeId, usize> =
            diff.after().nodes().enumerate().map(|(number, (id, _))| (id, number)).collect();
        let added: HashSet<usize> =
            diff.added.iter().filter_map(|id| numbers.get(id)).copied().collect();
        let mut rewired: HashSet<(usize, &str)> = HashSet::new();
        for modified in diff.modified.iter().filter(|modified| !modified.is_only_renamed()) {
            let Some(number) = numbers.get(modified.after) else { continue };
            rewired.extend(modified.inputs.iter().map(|input| (*number, input.name)));
            if let Some(shape) = picture.nodes.get_mut(*number) {
                shape.mark = Some(Mark::Changed);
                shape.changes = modified.lines();
            }
        }
        for number in &added {
            if let Some(shape) = picture.nodes.get_mut(*number) {
                shape.mark = Some(Mark::Added);
            }
        }
        for line in &mut picture.links {
            if added.contains(&line.to) || rewired.contains(&(line.to, &line.input)) {
                line.mark = Some(Mark::Added);
            }
        }
        picture.add_removed(diff, &numbers);
        picture
    }

    /// The picture with the state of a run. Ids that are not in it are left aside.
    #[must_use]
    pub fn with_status(mut self, status: &BTreeMap<NodeId, Status>) -> Self {
        for shape in &mut self.nodes {
            shape.status = status.get(&shape.id).copied();
        }
        self
    }

    /// The picture as a Mermaid flowchart.
    pub fn to_mermaid(&self) -> String {
        mermaid::write(self)
    }

    /// The picture as a Graphviz graph in the DOT language.
    pub fn to_dot(&self) -> String {
        dot::write(self)
    }

    /// The picture as an SVG document, laid out from left to right.
    pub fn to_svg(&self) -> String {
        svg::write(self)
    }

    /// The picture as a page of its own: it can be moved, enlarged and searched, and shows all
    /// of a node when it is chosen.
    pub fn to_html(&self, title: &str) -> String {
        html::write(self, title)
    }

    /// Adds the nodes that are gone, and the links that are.
    fn add_removed(&mut self, diff: &Diff<'_>, numbers: &HashMap<&NodeId, usize>) {
        let first = self.nodes.len();
        let gone: HashMap<&NodeId, usize> =
            diff.removed.iter().enumerate().map(|(place, id)| (*id, first + place)).collect();
        let number_of = |id: &NodeId| match diff.renamed(id) {
            Some(after) => numbers.get(after).copied(),
            None => gone.get(id).copied(),
        };
        let mut links = Vec::new();
        for (place, id) in diff.removed.iter().enumerate() {
            let Some(node) = diff.before().node(id) else { continue };
            self.nodes.push(Shape { mark: Some(Mark::Removed), ..Shape::of(id, node) });
            let inputs = linked(node).map(|(_, (input, from, slot))| (input, from, slot));
            links.extend(inputs.map(|link| (first + place, link)));
        }
        for modified in &diff.modified {
            let Some(to) = numbers.get(modified.after) else { continue };
            let cut = modified.inputs.iter().filter_map(|input| {
                let (from, slot) = input.before?.as_link()?;
                Some((input.name, from, slot))
            });
            links.extend(cut.map(|link| (*to, link)));
        }
        for (to, (input, from, slot)) in links {
            let rows = self.nodes.get(to).map_or(&[][..], |shape| &shape.inputs);
            let row = rows.iter().position(|row| row.name == input).unwrap_or_default();
            if let Some(from) = number_of(from) {
                let (input, mark) = (input.to_owned(), Some(Mark::Removed));
                self.links.push(Line { from, slot, to, row, input, mark });
            }
        }
    }
}

impl Shape {
    fn of(id: &NodeId, node: &Node) -> Self {
        let row = |(name, input): (&str, &Input)| Row {
            name: name.to_owned(),
            value: input.as_literal().cloned(),
        };
        let class_type = node.class_type().to_string();
        Self {
            id: id.clone(),
            title: node.title().filter(|title| *title != class_type).map(str::to_owned),
            class_type,
            inputs: node.inputs().map(row).collect(),
            status: None,
            mark: None,
            changes: Vec::new(),
        }
    }

    /// Its id and class, and its title when that says more.
    fn label(&self) -> String {
        format!("{} {}", self.id, self.class_type)
    }

    /// The names of its state and mark, for styling.
    fn styles(&self) -> Vec<&'static str> {
        let status = self.status.map(Status::as_str);
        status.into_iter().chain(self.mark.map(Mark::as_str)).collect()
    }
}

/// The linked inputs of a node, with the place of each among all its inputs.
fn linked(node: &Node) -> impl Iterator<Item = (usize, (&str, &NodeId, u32))> {
    node.inputs().enumerate().filter_map(|(row, (name, input))| {
        let (from, slot) = input.as_link()?;
        Some((row, (name, from, slot)))
    })
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Waiting, Self::Running, Self::Done, Self::Cached, Self::Failed];

    /// Its name, as it is written in pictures.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Cached => "cached",
            Self::Failed => "failed",
        }
    }

    /// The color of its border.
    fn color(self) -> &'static str {
        match self {
            Self::Waiting => "#8a8f98",
            Self::Running => "#2563eb",
            Self::Done => "#15803d",
            Self::Cached => "#0e7490",
            Self::Failed => "#b91c1c",
        }
    }
}

impl Mark {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Added, Self::Removed, Self::Changed];

    /// Its name, as it is written in pictures.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }

    /// The color of its background.
    fn color(self) -> &'static str {
        match self {
            Self::Added => "#bbf7d0",
            Self::Removed => "#fecaca",
            Self::Changed => "#fde68a",
        }
    }
}

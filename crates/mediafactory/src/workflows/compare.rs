//! Differences between workflows, and bringing two of them together.

use std::{
    collections::{HashMap, HashSet},
    str::FromStr,
};

use workflow_graph::{
    Json, diff as difference,
    merge::{self as merging, Conflict, Part, Side, Spot, Strategy},
};

use super::api;
use crate::{error::Error, failure, nearest};

/// What is different between two workflows, as data, as a patch and as text.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Whether there is none, order aside.
    pub same: bool,
    /// The differences by node.
    pub data: Json,
    /// The patch that makes the second workflow of the first.
    pub patch: Json,
    /// One line a difference, for people.
    pub text: String,
}

/// How conflicts are settled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum MergeStrategy {
    /// Ours is taken.
    Ours,
    /// Theirs is taken.
    Theirs,
    /// What is chosen for each place; a place without a choice stays as it was and is open.
    Choose(Vec<MergeChoice>),
    /// Every conflict is open.
    #[default]
    Open,
}

/// Whose value counts at one place. As text it is the path of the place and the side.
///
/// ```
/// use mediafactory::workflows::MergeChoice;
/// let choice: MergeChoice = "/3/inputs/cfg=theirs".parse()?;
/// assert_eq!((&*choice.node, &*choice.part, choice.theirs), ("3", "input", true));
/// assert_eq!(choice.path(), "/3/inputs/cfg");
/// # Ok::<(), mediafactory::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergeChoice {
    /// The node, as the conflict names it.
    pub node: String,
    /// The part, as the conflict names it: `node`, `class_type`, `input` or `member`.
    pub part: String,
    /// The input or member.
    pub name: Option<String>,
    /// Whether theirs is taken, and not ours.
    pub theirs: bool,
}

/// Two workflows brought together.
#[derive(Clone, Debug, PartialEq)]
pub struct Merged {
    /// The result.
    pub workflow: Json,
    /// Whether no conflict is open.
    pub settled: bool,
    /// Every place that both sides changed differently: `{node, part, name?, base?, ours?,
    /// theirs?, taken?}`.
    pub conflicts: Json,
    /// Nodes of theirs that could not keep their id: old id to new.
    pub renumbered: Json,
    /// The paths of the conflicts, in the same order: what a [`MergeChoice`] names.
    pub paths: Vec<String>,
    /// One line a conflict, for people.
    pub text: String,
}

/// Compares two workflows in API format.
///
/// ```
/// use mediafactory::{Json, workflows::diff};
/// let before = Json::parse(br#"{"3": {"class_type": "KSampler", "inputs": {"seed": 1}}}"#)?;
/// let after = Json::parse(br#"{"3": {"class_type": "KSampler", "inputs": {"seed": 2}}}"#)?;
/// assert_eq!(diff(&before, &after)?.text, "~ 3 KSampler: seed 1 -> 2\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn diff(before: &Json, after: &Json) -> Result<Difference, Error> {
    let (before, after) = (api(before)?, api(after)?);
    let found = difference::between(&before, &after);
    Ok(Difference {
        same: found.is_empty(),
        data: found.to_json(),
        patch: found.to_patch().to_json(),
        text: found.to_string(),
    })
}

/// Merges two workflows that were made from one, input by input. A choice for what is no conflict
/// is refused: it was meant for another place.
///
/// ```
/// use mediafactory::{Json, workflows::{MergeStrategy, merge}};
/// let cfg = |cfg: u8| Json::parse(
///     format!(r#"{{"3": {{"class_type": "KSampler", "inputs": {{"cfg": {cfg}}}}}}}"#).as_bytes());
/// let (base, ours, theirs) = (cfg(7)?, cfg(5)?, cfg(8)?);
/// assert!(!merge(&base, &ours, &theirs, &MergeStrategy::Open)?.settled);
/// let choice = MergeStrategy::Choose(vec!["/3/inputs/cfg=theirs".parse()?]);
/// assert_eq!(merge(&base, &ours, &theirs, &choice)?.workflow, theirs);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn merge(
    base: &Json,
    ours: &Json,
    theirs: &Json,
    strategy: &MergeStrategy,
) -> Result<Merged, Error> {
    let (base, ours, theirs) = (api(base)?, api(ours)?, api(theirs)?);
    let strategy = chosen(strategy)?;
    let merged = merging::three_way(&base, &ours, &theirs, &strategy);
    if let Strategy::Manual(choices) = &strategy {
        refuse_strays(choices, &merged.conflicts)?;
    }
    let json = merged.to_json();
    let member = |name: &str| json.get(name).cloned().unwrap_or_default();
    let conflicts: Vec<_> =
        merged.conflicts.iter().map(|conflict| conflict.to_string().replace('\n', " ")).collect();
    Ok(Merged {
        workflow: merged.workflow.to_json(),
        settled: merged.is_settled(),
        conflicts: member("conflicts"),
        renumbered: member("renumbered"),
        paths: merged.conflicts.iter().map(|conflict| path(&conflict.spot)).collect(),
        text: conflicts.join("\n"),
    })
}

impl Difference {
    /// `{same, text, diff, patch}`.
    pub fn to_json(&self) -> Json {
        Json::object([
            ("same", Json::from(self.same)),
            ("text", Json::from(self.text.as_str())),
            ("diff", self.data.clone()),
            ("patch", self.patch.clone()),
        ])
    }
}

impl Merged {
    /// `{workflow, settled, conflicts, renumbered}`.
    pub fn to_json(&self) -> Json {
        Json::object([
            ("workflow", self.workflow.clone()),
            ("settled", Json::from(self.settled)),
            ("conflicts", self.conflicts.clone()),
            ("renumbered", self.renumbered.clone()),
        ])
    }
}

fn chosen(strategy: &MergeStrategy) -> Result<Strategy, Error> {
    let choices = match strategy {
        MergeStrategy::Ours => return Ok(Strategy::Ours),
        MergeStrategy::Theirs => return Ok(Strategy::Theirs),
        MergeStrategy::Open => return Ok(Strategy::default()),
        MergeStrategy::Choose(choices) => choices,
    };
    let mut sides = HashMap::with_capacity(choices.len());
    for choice in choices {
        let node = choice.node.parse().map_err(|error| failure::argument(format!("{error}")))?;
        let spot = Spot { node, part: part(choice)? };
        let side = if choice.theirs { Side::Theirs } else { Side::Ours };
        if sides.insert(spot, side).is_some_and(|before| before != side) {
            let path = choice.path();
            return Err(failure::argument(format!("both sides are chosen for {path}")));
        }
    }
    Ok(Strategy::Manual(sides))
}

fn refuse_strays(choices: &HashMap<Spot, Side>, conflicts: &[Conflict]) -> Result<(), Error> {
    let spots: HashSet<&Spot> = conflicts.iter().map(|conflict| &conflict.spot).collect();
    let Some(stray) = choices.keys().find(|spot| !spots.contains(spot)) else { return Ok(()) };
    let known: Vec<String> = conflicts.iter().map(|conflict| path(&conflict.spot)).collect();
    let known = known.iter().map(String::as_str);
    Err(failure::argument(format!("there is no conflict about {stray} to choose a side for"))
        .with_hint(nearest::hint("conflicts", &path(stray), known)))
}

/// A step of a path, in which slashes part the steps.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The path of a place: `/3`, `/3/class_type`, `/3/inputs/cfg`, `/3/_meta`.
fn path(spot: &Spot) -> String {
    let node = escaped(spot.node.as_str());
    match &spot.part {
        Part::Node => format!("/{node}"),
        Part::Class => format!("/{node}/class_type"),
        Part::Input(name) => format!("/{node}/inputs/{}", escaped(name)),
        Part::Member(name) => format!("/{node}/{}", escaped(name)),
    }
}

impl MergeChoice {
    /// The path of its place, as a [`Merged`] names the conflicts.
    pub fn path(&self) -> String {
        let node = escaped(&self.node);
        let name = self.name.as_deref().map(escaped).unwrap_or_default();
        match self.part.as_str() {
            "node" => format!("/{node}"),
            "input" => format!("/{node}/inputs/{name}"),
            "member" => format!("/{node}/{name}"),
            part => format!("/{node}/{part}"),
        }
    }
}

impl FromStr for MergeChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let misread = |problem: &str| {
            failure::argument(format!("`{text}` is no choice: {problem}"))
                .with_hint("write the path of a conflict and a side, such as /3/inputs/cfg=theirs")
        };
        let (path, side) = text.rsplit_once('=').ok_or_else(|| misread("it names no side"))?;
        let theirs = match side {
            "ours" => false,
            "theirs" => true,
            _ => return Err(misread("the side is neither `ours` nor `theirs`")),
        };
        let path = path.strip_prefix('/').ok_or_else(|| misread("a path begins with `/`"))?;
        let read = |name: &str| name.replace("~1", "/").replace("~0", "~");
        let steps: Vec<String> = path.split('/').map(read).collect();
        let (node, part, name) = match steps.as_slice() {
            [node] => (node, "node", None),
            [node, part] if part == "class_type" => (node, "class_type", None),
            [node, member] => (node, "member", Some(member)),
            [node, inputs, input] if inputs == "inputs" => (node, "input", Some(input)),
            _ => return Err(misread("the path leads to no input, class or member of a node")),
        };
        Ok(Self { node: node.clone(), part: part.to_owned(), name: name.cloned(), theirs })
    }
}

fn part(choice: &MergeChoice) -> Result<Part, Error> {
    match (choice.part.as_str(), &choice.name) {
        ("node", None) => Ok(Part::Node),
        ("class_type", None) => Ok(Part::Class),
        ("input", Some(name)) => Ok(Part::Input(name.clone())),
        ("member", Some(name)) => Ok(Part::Member(name.clone())),
        (part, name) => {
            let name = name.as_ref().map_or("no name".to_owned(), |name| format!("name `{name}`"));
            Err(failure::argument(format!(
                "a choice has part `{part}` and {name}, but must be `node` or `class_type` without \
                 a name, or `input` or `member` with one"
            )))
        }
    }
}

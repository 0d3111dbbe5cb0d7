//! Differences between workflows, and bringing two of them together.

use std::collections::HashMap;

use workflow_graph::{
    Json, diff as difference,
    merge::{self as merging, Part, Side, Spot, Strategy},
};

use super::api;
use crate::{error::Error, failure};

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

/// Whose value counts at one place.
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

/// Merges two workflows that were made from one, input by input.
pub fn merge(
    base: &Json,
    ours: &Json,
    theirs: &Json,
    strategy: &MergeStrategy,
) -> Result<Merged, Error> {
    let (base, ours, theirs) = (api(base)?, api(ours)?, api(theirs)?);
    let merged = merging::three_way(&base, &ours, &theirs, &chosen(strategy)?);
    let json = merged.to_json();
    let member = |name: &str| json.get(name).cloned().unwrap_or_default();
    let conflicts: Vec<_> = merged.conflicts.iter().map(ToString::to_string).collect();
    Ok(Merged {
        workflow: merged.workflow.to_json(),
        settled: merged.is_settled(),
        conflicts: member("conflicts"),
        renumbered: member("renumbered"),
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
    let choices = choices.iter().map(|choice| {
        let node = choice.node.parse().map_err(|error| failure::argument(format!("{error}")))?;
        let side = if choice.theirs { Side::Theirs } else { Side::Ours };
        Ok((Spot { node, part: part(choice)? }, side))
    });
    Ok(Strategy::Manual(choices.collect::<Result<HashMap<_, _>, Error>>()?))
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

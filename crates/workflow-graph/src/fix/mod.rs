//! Typed corrections of what [`validate`] objects to or warns of.
//!
//! Nothing is changed unasked: [`fix`] says what it would change, where and why, and what the
//! verdict would then be; [`apply`] makes the changes a caller picks. A correction is proposed
//! only where what it writes passes the check that failed, and where there is one best choice.

mod link;
mod near;
mod scan;
mod value;

use thiserror::Error;

use crate::{
    catalog::NodeCatalog,
    json::Json,
    validate::{Profile, Targets, Verdict, validate},
};

/// One correction.
///
/// ```
/// use workflow_graph::{Json, catalog::NodeCatalog, fix::{apply, fix}, validate::{Profile, Targets}};
/// let catalog = NodeCatalog::from_bytes(br#"{
///     "Save": {"input": {"required": {"quality": ["INT", {"min": 1, "max": 100}]}}, "output": [], "output_node": true}}"#)?;
/// let prompt = Json::parse(br#"{"2": {"class_type": "Save", "inputs": {"quality": 400}}}"#)?;
/// let fixes = fix(&prompt, &catalog, Targets::All, Profile::V0_33);
/// assert_eq!(fixes.proposals[0].to_string(), "/2/inputs/quality: 400 -> 100 (above the greatest value)");
/// assert!(!fixes.before.is_accepted() && fixes.after.is_accepted());
/// assert_eq!(apply(&prompt, &fixes.proposals)?, fixes.fixed);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Proposal {
    /// Where, as a JSON pointer (RFC 6901).
    pub path: String,
    /// What is there; none when nothing is.
    pub from: Option<Json>,
    /// What should be there; none when nothing should.
    pub to: Option<Json>,
    /// Why, as a sentence fragment.
    pub reason: String,
}

/// What can be corrected in a prompt.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Fixes {
    /// The corrections, in the order in which they are to be applied.
    pub proposals: Vec<Proposal>,
    /// The verdict on the prompt as it is.
    pub before: Verdict,
    /// The verdict on the prompt with all corrections.
    pub after: Verdict,
    /// The prompt with all corrections; correcting it again proposes nothing.
    pub fixed: Json,
}

/// A correction that does not fit the prompt it is applied to.
///
/// ```
/// use workflow_graph::{Json, catalog::NodeCatalog, fix::{apply, fix}, validate::{Profile, Targets}};
/// let catalog = NodeCatalog::from_bytes(br#"{"N": {"input": {"required": {"x": ["INT", {"default": 5}]}}, "output": []}}"#)?;
/// let prompt = Json::parse(br#"{"1": {"class_type": "N", "inputs": {}}}"#)?;
/// let fixes = fix(&prompt, &catalog, Targets::All, Profile::V0_33);
/// let error = apply(&fixes.fixed, &fixes.proposals).unwrap_err();
/// assert_eq!(error.to_string(), "/1/inputs/x is no longer what the correction was made for: it should be absent, but is 5");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Error)]
#[error(
    "{path} is no longer what the correction was made for: it should be {expected}, but is {found}"
)]
pub struct StaleProposal {
    /// The place of the correction.
    pub path: String,
    /// What it expects there: JSON, or `absent`.
    pub expected: String,
    /// What is there, likewise.
    pub found: String,
}

/// How often the corrected prompt is looked at again: one correction may bring inputs that need
/// another, as a dynamic combo does for each level it has.
const ROUNDS_MAX: usize = 16;

/// Proposes corrections for everything a server objects to and for what it misreads.
pub fn fix(prompt: &Json, catalog: &NodeCatalog, targets: Targets<'_>, profile: Profile) -> Fixes {
    let before = validate(prompt, catalog, targets, profile);
    let mut fixed = prompt.clone();
    let mut proposals = Vec::new();
    for _ in 0..ROUNDS_MAX {
        let found = scan::proposals(&fixed, catalog, profile);
        if found.is_empty() {
            break;
        }
        for proposal in &found {
            put(&mut fixed, proposal);
        }
        proposals.extend(found);
    }
    let after = validate(&fixed, catalog, targets, profile);
    Fixes { proposals, before, after, fixed }
}

/// The prompt with some of the corrections, all or none.
pub fn apply(prompt: &Json, proposals: &[Proposal]) -> Result<Json, StaleProposal> {
    let mut changed = prompt.clone();
    for proposal in proposals {
        let found = pointed(&changed, &proposal.path);
        if found != proposal.from.as_ref() {
            return Err(StaleProposal {
                path: proposal.path.clone(),
                expected: words(proposal.from.as_ref()),
                found: words(found),
            });
        }
        put(&mut changed, proposal);
    }
    Ok(changed)
}

impl Proposal {
    fn new(steps: &[&str], from: Option<&Json>, to: Option<Json>, reason: &str) -> Self {
        let escaped = |step: &&str| step.replace('~', "~0").replace('/', "~1");
        let path = [String::new()].into_iter().chain(steps.iter().map(escaped));
        let path = path.collect::<Vec<_>>().join("/");
        Self { path, from: from.cloned(), to, reason: reason.to_owned() }
    }
}

impl std::fmt::Display for Proposal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (from, to) = (words(self.from.as_ref()), words(self.to.as_ref()));
        write!(f, "{}: {from} -> {to} ({})", self.path, self.reason)
    }
}

fn words(value: Option<&Json>) -> String {
    value.map_or_else(|| "absent".to_owned(), Json::to_string)
}

fn steps(path: &str) -> impl Iterator<Item = String> {
    path.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~"))
}

fn pointed<'j>(json: &'j Json, path: &str) -> Option<&'j Json> {
    steps(path).try_fold(json, |value, step| value.get(&step))
}

/// Writes a correction whose parent object is there, which `scan` and the check of `from` see to.
fn put(json: &mut Json, proposal: &Proposal) {
    let mut steps: Vec<String> = steps(&proposal.path).collect();
    let Some(last) = steps.pop() else { return };
    let mut place = json;
    for step in steps {
        let Json::Object(members) = place else { return };
        let Some(next) = members.get_mut(&step) else { return };
        place = next;
    }
    let Json::Object(members) = place else { return };
    match &proposal.to {
        Some(value) => members.insert(last, value.clone()),
        None => members.shift_remove(&last),
    };
}

#[cfg(test)]
mod tests;

//! The verdict of a server on a prompt, foreseen without the server.
//!
//! [`validate`] follows the server's own checks: which nodes it looks at, in which way it fails,
//! and how it words it. The order in which a server walks inputs and outputs is that of a hash
//! set and differs from run to run; here it is that of the prompt and of the class.
//!
//! What it cannot know, it says: the own checks of custom nodes are code, and files below the
//! folders a catalog lists are the server's. Those of ComfyUI's own nodes are known here.

mod advise;
mod alternatives;
pub(crate) mod context;
pub(crate) mod custom;
pub(crate) mod expand;
pub(crate) mod files;
pub(crate) mod input;
mod matchtype;
pub(crate) mod number;
pub(crate) mod python;
mod replace;
pub(crate) mod suggest;
mod survey;
mod verdict;
mod walk;

use self::context::{Context, Part};
use crate::{catalog::NodeCatalog, json::Json, workflow::Workflow};

pub use self::verdict::{
    Alternative, DEPENDENTS_WRITTEN_MAX, ErrorKind, Finding, Located, NodeErrors, Refusal,
    RefusalKind, Verdict, Warning, WarningKind,
};

/// Whose rules count: those of ComfyUI 0.8 or those of 0.33.
///
/// ```
/// use workflow_graph::validate::Profile;
/// assert_eq!(Profile::of_version("0.33.0"), Profile::V0_33);
/// assert_eq!(Profile::of_version("v0.8.2"), Profile::V0_8);
/// assert_eq!(Profile::of_version("unknown"), Profile::V0_33);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Profile {
    /// The rules measured on 0.8.0: growing inputs are never missing, a cycle has no name.
    V0_8,
    /// The rules measured on 0.33.0.
    #[default]
    V0_33,
}

/// Which outputs a prompt is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub enum Targets<'a> {
    /// All output nodes.
    #[default]
    All,
    /// Only the output nodes with these ids (`partial_execution_targets`).
    Only(&'a [String]),
}

/// Foresees what a server answers to `POST /prompt`. It takes any JSON: a server has a verdict
/// on prompts that are no workflow at all.
///
/// Time is linear in the prompt: a node is looked at once.
pub fn validate(
    prompt: &Json,
    catalog: &NodeCatalog,
    targets: Targets<'_>,
    profile: Profile,
) -> Verdict {
    if let Some(nodes) = prompt.as_object() {
        let parts = Part::all(nodes, catalog);
        if parts.iter().all(Part::is_sound) {
            let context = Context { nodes, parts: &parts, catalog, profile };
            return survey::judged(context, targets);
        }
    }
    match replace::replaced(prompt, catalog, profile) {
        replace::Outcome::Unchanged => survey::verdict(prompt, catalog, targets, profile),
        replace::Outcome::Replaced { prompt, warnings } => {
            let mut verdict = survey::verdict(&prompt, catalog, targets, profile);
            verdict.warnings.splice(0..0, warnings);
            verdict
        }
        replace::Outcome::Fault { details } => survey::fault(details),
    }
}

/// [`validate`] for a workflow that has been read.
pub fn validate_workflow(
    workflow: &Workflow,
    catalog: &NodeCatalog,
    targets: Targets<'_>,
    profile: Profile,
) -> Verdict {
    validate(&workflow.to_json(), catalog, targets, profile)
}

impl Profile {
    /// The rules of a version such as `0.33.0`. Between the two that are measured the older
    /// rules count below 0.10; an unreadable version is taken for a new one.
    pub fn of_version(version: &str) -> Self {
        let mut parts = version.trim_start_matches('v').split('.');
        let mut part = || parts.next().and_then(|part| part.parse::<u32>().ok());
        match (part(), part()) {
            (Some(0), Some(minor)) if minor < OLD_RULES_BELOW_MINOR => Self::V0_8,
            _ => Self::V0_33,
        }
    }
}

/// The minor version of 0.x from which the newer rules are taken to hold.
const OLD_RULES_BELOW_MINOR: u32 = 10;

#[cfg(test)]
mod tests;

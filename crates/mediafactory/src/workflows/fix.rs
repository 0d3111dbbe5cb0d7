//! Corrections of what a server would object to.

use workflow_graph::{
    Json,
    fix::{self, Proposal},
    validate::Targets,
};

use super::{Rulebook, Validation, validate::validation};
use crate::{error::Error, failure, nearest};

/// What can be corrected in a workflow, and what a server would say before and after.
#[derive(Clone, Debug, PartialEq)]
pub struct Fixes {
    /// The corrections, in the order in which they are made.
    pub corrections: Vec<Correction>,
    /// The verdict on the workflow as it is.
    pub before: Validation,
    /// The verdict on the workflow with these corrections.
    pub after: Validation,
    /// The workflow with these corrections.
    pub workflow: Json,
}

/// One correction.
#[derive(Clone, Debug, PartialEq)]
pub struct Correction {
    /// Where, as a JSON pointer such as `/3/inputs/steps`.
    pub path: String,
    /// What is there; none when nothing is.
    pub from: Option<Json>,
    /// What should be there; none when nothing should.
    pub to: Option<Json>,
    /// Why.
    pub reason: String,
}

impl Rulebook {
    /// Every correction that has one best choice. Nothing is changed: the corrected workflow
    /// stands beside the one that was given.
    pub fn fix(&self, workflow: &Json) -> Fixes {
        let found = fix::fix(workflow, &self.catalog, Targets::All, self.rules);
        Fixes {
            corrections: found.proposals.iter().map(correction).collect(),
            before: validation(&found.before, workflow),
            after: validation(&found.after, &found.fixed),
            workflow: found.fixed,
        }
    }

    /// Only the corrections at these paths. A path without a correction is an error that names
    /// the paths there are.
    pub fn fix_at(&self, workflow: &Json, paths: &[String]) -> Result<Fixes, Error> {
        let found = fix::fix(workflow, &self.catalog, Targets::All, self.rules);
        let known = || found.proposals.iter().map(|proposal| proposal.path.as_str());
        for path in paths {
            if !known().any(|known| known == path) {
                return Err(failure::argument(format!("there is no correction at `{path}`"))
                    .with_hint(nearest::hint("corrections", path, known())));
            }
        }
        let mut picked = found.proposals.clone();
        picked.retain(|proposal| paths.contains(&proposal.path));
        let changed = fix::apply(workflow, &picked).map_err(|error| {
            failure::argument(error.to_string())
                .with_hint("take the corrections that this one builds on too")
                .with_source(error)
        })?;
        Ok(Fixes {
            corrections: picked.iter().map(correction).collect(),
            before: validation(&found.before, workflow),
            after: self.validate(&changed),
            workflow: changed,
        })
    }
}

impl Fixes {
    /// `{corrections, before, after, workflow}`.
    pub fn to_json(&self) -> Json {
        let corrections = self.corrections.iter().map(Correction::to_json).collect();
        Json::object([
            ("corrections", Json::Array(corrections)),
            ("before", self.before.to_json()),
            ("after", self.after.to_json()),
            ("workflow", self.workflow.clone()),
        ])
    }
}

impl Correction {
    /// `{path, from?, to?, reason}`: what is absent has no member.
    pub fn to_json(&self) -> Json {
        let side = |name, value: &Option<Json>| value.clone().map(|value| (name, value));
        let path = std::iter::once(("path", Json::from(self.path.as_str())));
        let sides = side("from", &self.from).into_iter().chain(side("to", &self.to));
        Json::object(path.chain(sides).chain([("reason", Json::from(self.reason.as_str()))]))
    }
}

fn correction(proposal: &Proposal) -> Correction {
    Correction {
        path: proposal.path.clone(),
        from: proposal.from.clone(),
        to: proposal.to.clone(),
        reason: proposal.reason.clone(),
    }
}

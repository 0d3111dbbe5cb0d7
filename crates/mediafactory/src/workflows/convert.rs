//! From what the front end saves to what a server runs, and back.

use workflow_graph::{
    Json,
    convert::{self, Finding},
    lift,
    ui::UiWorkflow,
};

use super::{Rulebook, api};
use crate::{error::Error, failure};

/// A workflow in API format made of a saved one.
#[derive(Clone, Debug, PartialEq)]
pub struct Converted {
    /// The workflow in API format. It has no nodes when everything is muted.
    pub workflow: Json,
    /// What could not be carried over.
    pub findings: Vec<ConversionNote>,
}

/// Something that a conversion could not carry over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConversionNote {
    /// What it is, in a sentence fragment that names the node.
    pub message: String,
    /// Whether a server would refuse the result, or run something else than was drawn.
    pub blocks: bool,
    /// A node class that the server does not have, and the pack it comes from where that is said.
    pub missing_class: Option<(String, Option<String>)>,
}

/// A workflow for the front end made of one in API format.
#[derive(Clone, Debug, PartialEq)]
pub struct Lifted {
    /// The workflow as the front end saves one.
    pub workflow: Json,
    /// Nodes whose ids are not numbers, with the numbers they have instead.
    pub renamed: Vec<(String, i64)>,
    /// What the front end would send otherwise, in sentence fragments that name the node.
    pub findings: Vec<String>,
}

impl Rulebook {
    /// Lays a workflow in API format out as one that the front end opens. Converted again it is
    /// the same in effect, but for the findings.
    pub fn lift(&self, workflow: &Json) -> Result<Lifted, Error> {
        let lifted = lift::lift(&api(workflow)?, &self.catalog);
        Ok(Lifted {
            renamed: lifted.renamed.iter().map(|(old, new)| (old.to_string(), *new)).collect(),
            findings: lifted.findings.iter().map(ToString::to_string).collect(),
            workflow: lifted.workflow.into_json(),
        })
    }

    /// Converts a saved workflow as ComfyUI's front end does when it sends one. What the front
    /// end would guess is a finding instead.
    pub fn convert(&self, ui: Json) -> Result<Converted, Error> {
        let saved = UiWorkflow::from_json(ui)
            .map_err(|error| failure::argument(error.to_string()).with_source(error))?;
        let conversion = convert::convert(&saved, &self.catalog);
        let findings = conversion.findings.iter().map(note).collect();
        Ok(Converted { workflow: conversion.workflow, findings })
    }
}

impl Converted {
    /// Whether any finding is one that a server would refuse or that changes what runs.
    pub fn is_blocked(&self) -> bool {
        self.findings.iter().any(|finding| finding.blocks)
    }

    /// `{workflow, findings: [{message, blocks, missing_class?, pack?}]}`.
    pub fn to_json(&self) -> Json {
        let findings = self.findings.iter().map(ConversionNote::to_json).collect();
        Json::object([("workflow", self.workflow.clone()), ("findings", Json::Array(findings))])
    }
}

impl Lifted {
    /// `{workflow, renamed, findings}`, where `renamed` leads from old ids to new ones.
    pub fn to_json(&self) -> Json {
        let renamed = self.renamed.iter().map(|(old, new)| (old.as_str(), Json::from(*new)));
        let findings = self.findings.iter().map(|finding| Json::from(finding.as_str()));
        Json::object([
            ("workflow", self.workflow.clone()),
            ("renamed", Json::object(renamed)),
            ("findings", Json::Array(findings.collect())),
        ])
    }
}

impl ConversionNote {
    /// `{message, blocks, missing_class?, pack?}`.
    pub fn to_json(&self) -> Json {
        let said =
            [("message", Json::from(self.message.as_str())), ("blocks", Json::from(self.blocks))];
        let missing = self.missing_class.iter().flat_map(|(class, pack)| {
            let pack = pack.as_deref().map(|pack| ("pack", Json::from(pack)));
            std::iter::once(("missing_class", Json::from(class.as_str()))).chain(pack)
        });
        Json::object(said.into_iter().chain(missing))
    }
}

fn note(finding: &Finding) -> ConversionNote {
    let missing_class = if let Finding::UnknownClass { class, pack, .. } = finding {
        Some((class.clone(), pack.clone()))
    } else {
        None
    };
    ConversionNote { message: finding.to_string(), blocks: finding.blocks(), missing_class }
}

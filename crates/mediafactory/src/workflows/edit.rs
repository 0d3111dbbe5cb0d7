//! Edits of a workflow, each with the patch that takes it back.

use workflow_graph::{
    Json, Workflow,
    lora::{self, Lora},
    patch::Patch,
};

use super::api;
use crate::{error::Error, failure};

/// A workflow after an edit.
#[derive(Clone, Debug, PartialEq)]
pub struct Edited {
    /// The workflow as it is now.
    pub workflow: Json,
    /// The patch that was applied.
    pub patch: Json,
    /// The patch that, applied to the result, restores what was given.
    pub inverse: Json,
}

/// Applies a patch, all of it or nothing. `patch` is `{"version": 1, "operations": [..]}` or the
/// list of operations alone.
///
/// ```
/// use mediafactory::{Json, workflows::edit};
/// let workflow = Json::parse(br#"{"3": {"class_type": "KSampler", "inputs": {"seed": 1}}}"#)?;
/// let patch = Json::parse(br#"[{"op": "set", "node": "3", "input": "seed", "value": 7}]"#)?;
/// let edited = edit(&workflow, &patch)?;
/// assert_eq!(edit(&edited.workflow, &edited.inverse)?.workflow, workflow);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn edit(workflow: &Json, patch: &Json) -> Result<Edited, Error> {
    let workflow = api(workflow)?;
    let read = match patch.as_array() {
        Some(operations) => Patch::from_operations(operations),
        None => Patch::from_json(patch),
    };
    let patch = read.map_err(|error| {
        failure::argument(format!("the patch cannot be read: {error}")).with_source(error)
    })?;
    applied(workflow, &patch)
}

/// Puts LoRA files behind every model that samples, the first of the list nearest to the model.
pub fn apply_lora(workflow: &Json, loras: &[Lora]) -> Result<Edited, Error> {
    let workflow = api(workflow)?;
    if loras.is_empty() {
        return Err(failure::argument("the list of LoRAs is empty"));
    }
    let patch = lora::inject(&workflow, loras)
        .map_err(|error| failure::argument(error.to_string()).with_source(error))?;
    applied(workflow, &patch)
}

impl Edited {
    /// `{workflow, patch, inverse}`.
    pub fn to_json(&self) -> Json {
        Json::object([
            ("workflow", self.workflow.clone()),
            ("patch", self.patch.clone()),
            ("inverse", self.inverse.clone()),
        ])
    }
}

fn applied(mut workflow: Workflow, patch: &Patch) -> Result<Edited, Error> {
    let inverse = workflow
        .apply(patch)
        .map_err(|error| failure::argument(error.to_string()).with_source(error))?;
    Ok(Edited { workflow: workflow.to_json(), patch: patch.to_json(), inverse: inverse.to_json() })
}

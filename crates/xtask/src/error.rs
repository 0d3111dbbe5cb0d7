//! Why a task could not do its work; a broken rule is a result, not an error.

use std::{io, path::PathBuf};

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Error {
    #[error("cannot run `{command}`")]
    Command { command: &'static str, source: io::Error },
    #[error("`{command}` failed: {stderr}")]
    Failed { command: &'static str, stderr: String },
    #[error("the output of `cargo metadata` is not JSON")]
    NotJson { source: serde_json::Error },
    #[error("the output of `cargo metadata` has no {what}")]
    Unexpected { what: &'static str },
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{} needs one line `{marker}`, in the right order", path.display())]
    Marker { path: PathBuf, marker: &'static str },
    #[error("the templates cannot be read")]
    Templates { source: mediafactory::Error },
    #[error("the registry of models cannot be read")]
    Registry { source: Box<model_registry::Error> },
    #[error("no recordings: give --recordings, or set MEDIAFACTORY_GROUND_TRUTH")]
    NoRecordings,
    #[error("there is no scenario {wanted}; there are {have}")]
    NoScenario { wanted: String, have: String },
    #[error("the conformance suite cannot begin")]
    Conformance { source: Box<conformance::Error> },
    #[error("comfy-sim does not start")]
    Simulator { source: comfy_sim::SimError },
}

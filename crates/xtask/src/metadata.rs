//! The members of the workspace and what they depend on, as `cargo metadata` tells it.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::error::Error;

const COMMAND: &str = "cargo metadata --no-deps --offline --format-version 1";

/// One crate of the workspace.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
}

/// One dependency as the manifest declares it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// Whether only tests, examples and benchmarks have it.
    pub(crate) of_tests: bool,
}

impl Member {
    pub(crate) fn of_workspace(root: &Path) -> Result<Vec<Self>, Error> {
        let mut words = COMMAND.split(' ');
        let output = Command::new(words.next().unwrap_or_default())
            .args(words)
            .current_dir(root)
            .output()
            .map_err(|source| Error::Command { command: COMMAND, source })?;
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(Error::Failed { command: COMMAND, stderr });
        }
        Self::in_metadata(&output.stdout)
    }

    pub(crate) fn in_metadata(json: &[u8]) -> Result<Vec<Self>, Error> {
        let metadata: Value =
            serde_json::from_slice(json).map_err(|source| Error::NotJson { source })?;
        array(&metadata, "packages")?.iter().map(Self::from_package).collect()
    }

    fn from_package(package: &Value) -> Result<Self, Error> {
        let manifest = Path::new(text(package, "manifest_path")?);
        let dependencies = array(package, "dependencies")?
            .iter()
            .map(|dependency| {
                let of_tests = dependency.get("kind").and_then(Value::as_str) == Some("dev");
                Ok(Dependency { name: text(dependency, "name")?.to_owned(), of_tests })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            name: text(package, "name")?.to_owned(),
            folder: manifest.parent().unwrap_or(manifest).to_owned(),
            dependencies,
        })
    }
}

fn array<'a>(value: &'a Value, what: &'static str) -> Result<&'a [Value], Error> {
    let found = value.get(what).and_then(Value::as_array);
    found.map(Vec::as_slice).ok_or(Error::Unexpected { what })
}

fn text<'a>(value: &'a Value, what: &'static str) -> Result<&'a str, Error> {
    value.get(what).and_then(Value::as_str).ok_or(Error::Unexpected { what })
}

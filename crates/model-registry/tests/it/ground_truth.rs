//! Every figure of the data equals its source.
//!
//! The sources are no part of this repository: `MEDIAFACTORY_GROUND_TRUTH` names the folder that
//! holds `models/model_families.json`, `models/memory_usage_factors.json` and the rest. What the
//! data says otherwise stands in a list here, with the reason.

use std::{collections::BTreeSet, fs, path::PathBuf};

use model_registry::{Extent, Family, Licence, Registry, Runs, Setting, Variant};
use serde_json::Value;

use crate::registry;

mod figures;
mod memory;
mod nodes;
mod notes;
mod services;

/// The folder of the ground truth, where there is one.
#[expect(clippy::disallowed_methods, reason = "tests find the sources by the environment")]
fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("MEDIAFACTORY_GROUND_TRUTH");
    if folder.is_none() {
        eprintln!("skipped: MEDIAFACTORY_GROUND_TRUTH does not name the sources of the figures");
    }
    folder.map(PathBuf::from)
}

fn json(file: &str) -> Option<Value> {
    let text = fs::read(folder()?.join(file)).unwrap();
    Some(serde_json::from_slice(&text).unwrap())
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

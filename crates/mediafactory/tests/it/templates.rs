//! The templates that are part of the program, held against everything that is known.
//!
//! What a template must be is said in `docs/formats.md`. Where one differs from the registry on
//! purpose, it stands in a table here with the reason; a row that is no longer needed fails.

mod files;
mod running;
mod sampling;
mod settings;
mod validating;

use std::{fs, path::Path};

use mediafactory::{Template, Templates};
use model_registry::{Family, Registry, Variant};
use workflow_graph::{Input, Json, Workflow};

/// The registry of the repository's data.
fn registry() -> Registry {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../model-registry");
    let texts: Vec<(String, String)> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap())
        .map(|file| {
            let name = file.file_name().into_string().unwrap();
            (name, fs::read_to_string(file.path()).unwrap())
        })
        .collect();
    Registry::load(texts.iter().map(|(name, text)| (name.as_str(), text.as_str()))).unwrap()
}

/// Every template that names a family and a variant, with both.
fn with_variant<'a>(
    templates: &'a Templates,
    registry: &'a Registry,
) -> impl Iterator<Item = (&'a Template, &'a Family, &'a Variant)> {
    templates.all().iter().filter_map(|template| {
        let family = registry.family(template.family.as_deref()?)?;
        Some((template, family, family.variant(template.variant.as_deref()?)?))
    })
}

/// A literal input of a node.
fn literal<'a>(workflow: &'a Workflow, node: &str, input: &str) -> Option<&'a Json> {
    match workflow.node(&node.parse().unwrap())?.input(input)? {
        Input::Literal(value) => Some(value),
        Input::Link { .. } => None,
    }
}

/// The node that an input is linked to.
fn source<'a>(workflow: &'a Workflow, node: &str, input: &str) -> Option<&'a str> {
    match workflow.node(&node.parse().unwrap())?.input(input)? {
        Input::Link { from, .. } => Some(from.as_str()),
        Input::Literal(_) => None,
    }
}

/// What was found to differ, against what is known to differ and why. Both must be the same.
#[track_caller]
fn assert_only_known(found: &[String], known: &[(&str, &str)]) {
    let unknown: Vec<&String> =
        found.iter().filter(|found| !known.iter().any(|(known, _)| known == found)).collect();
    let idle: Vec<&str> = known
        .iter()
        .map(|(known, _)| *known)
        .filter(|known| !found.iter().any(|found| found == known))
        .collect();
    assert!(unknown.is_empty(), "without a reason: {unknown:#?}");
    assert!(idle.is_empty(), "no longer so: {idle:#?}");
}

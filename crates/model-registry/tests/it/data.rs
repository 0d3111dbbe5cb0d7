//! What holds for all of the repository's data.

use std::collections::BTreeSet;

use model_registry::{Registry, Runs, Task};

use crate::{registry, texts};

#[test]
fn every_family_is_read() {
    let registry = registry();
    let local: Vec<_> = registry.families().filter(|family| family.runs == Runs::Local).collect();
    let variants: usize = local.iter().map(|family| family.variants.len()).sum();
    assert_eq!((local.len(), variants), (74, 139));
    assert_eq!(registry.families().len() - local.len(), 26, "families that run at a service");
}

#[test]
fn a_service_has_nodes_and_a_local_model_has_files() {
    for family in registry().families() {
        for variant in &family.variants {
            let place = format!("{}/{}", family.name, variant.name);
            assert_eq!(variant.nodes.is_empty(), family.runs == Runs::Local, "{place}");
            assert_eq!(variant.needs().count() == 0, family.runs == Runs::Api, "{place}");
        }
    }
}

#[test]
fn every_file_is_used_and_every_source_too() {
    let texts = texts();
    for family in registry().families() {
        for file in &family.files {
            let used =
                family.variants.iter().any(|variant| variant.files().any(|used| used == file.name));
            assert!(used, "{}: {}", family.name, file.name);
        }
    }
    let (_, sources) = texts.iter().find(|(file, _)| file == "sources.toml").unwrap();
    for line in sources.lines().filter(|line| !line.starts_with('#')) {
        let key = line.split(" = ").next().unwrap().trim_matches('"');
        let named = format!("source = \"{key}\"");
        assert!(texts.iter().any(|(_, text)| text.contains(&named)), "{key}");
    }
}

#[test]
fn what_supersedes_is_not_older_and_does_one_of_the_same_tasks() {
    let registry = registry();
    for family in registry.families() {
        let Some(by) = &family.superseded_by else { continue };
        let newer = registry.family(&by.value).unwrap();
        let tasks = |of: &model_registry::Family| -> BTreeSet<Task> {
            of.variants.iter().flat_map(|variant| variant.tasks.iter().copied()).collect()
        };
        assert!(!tasks(family).is_disjoint(&tasks(newer)), "{} by {}", family.name, newer.name);
        if let (Some(old), Some(new)) = (&family.released_by, &newer.released_by) {
            assert!(old.value <= new.value, "{} by {}", family.name, newer.name);
        }
        assert_eq!(family.runs, newer.runs, "a service is no successor: {}", family.name);
    }
}

#[test]
fn what_supersedes_ends_somewhere() {
    let registry = registry();
    for family in registry.families() {
        let mut last = family;
        for _ in 0..registry.families().len() {
            let Some(by) = &last.superseded_by else { break };
            last = registry.family(&by.value).unwrap();
        }
        assert!(last.superseded_by.is_none(), "{} is superseded in a circle", family.name);
    }
}

#[test]
fn defaults_keep_their_own_rules() {
    use model_registry::Extent;
    for family in registry().families() {
        for variant in &family.variants {
            let place = format!("{}/{}", family.name, variant.name);
            let Some(latent) = &variant.latent else { continue };
            if let (Some(Extent::Pixels { width, height }), Some(rule)) =
                (&latent.extent, &variant.size_rule)
                && !EXTENTS_OFF.contains(&&*place)
            {
                assert!(rule.allows(u64::from(*width)), "{place}: {width}");
                assert!(rule.allows(u64::from(*height)), "{place}: {height}");
            }
            if let (Some(frames), Some(rule)) = (&latent.frames, &variant.frames_rule)
                && !FRAMES_OFF.contains(&&*place)
            {
                assert!(rule.allows(u64::from(frames.value)), "{place}: {}", frames.value);
            }
        }
    }
}

/// Official templates whose size is none that the widget of their node would stop at: 640x360.
/// ComfyUI rounds it down.
const EXTENTS_OFF: &[&str] = &["ltx-2.3/t2v", "ltx-2.3/i2v", "ltx-2.3/ia2v"];

/// Official templates whose number of frames is none that the widget of their node would stop at.
/// They compute it, and ComfyUI rounds it down.
const FRAMES_OFF: &[&str] = &["ltx-2.3/t2v", "ltx-2.3/i2v"];

#[test]
fn the_example_of_the_format_is_right() {
    let formats = include_str!("../../../../docs/formats.md");
    let (_, chapter) = formats.split_once("## Model families").unwrap();
    let (_, example) = chapter.split_once("```toml\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    // The family that took the place of the example is the example under another name.
    let newer: Vec<_> = example
        .lines()
        .filter(|line| !line.starts_with("aliases") && !line.starts_with("superseded_by"))
        .collect();
    let newer = newer.join("\n").replace("name = \"fox-1\"", "name = \"fox-2\"");
    let texts = texts();
    let (_, sources) = texts.iter().find(|(file, _)| file == "sources.toml").unwrap();
    let pairs =
        [("sources.toml", sources.as_str()), ("fox-1.toml", example), ("fox-2.toml", &newer)];
    let registry = Registry::load(pairs).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(registry.families().len(), 2);
}

#[test]
fn the_order_of_the_files_does_not_matter() {
    let mut texts = texts();
    texts.reverse();
    let pairs = texts.iter().map(|(file, text)| (file.as_str(), text.as_str()));
    let reversed = Registry::load(pairs).unwrap();
    let mut names: Vec<_> = reversed.families().map(|family| family.name.clone()).collect();
    names.reverse();
    let expected: Vec<_> = registry().families().map(|family| family.name.clone()).collect();
    assert_eq!(names, expected);
}

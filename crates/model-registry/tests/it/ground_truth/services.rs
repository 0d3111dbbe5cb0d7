//! Models that run at a service, against `models/templates_index_facts.json`; and official graphs
//! against the advice.

use std::collections::BTreeMap;

use model_registry::{Age, Negative, Recommendation};
use workflow_graph::{Json, NodeId, Workflow};

use super::{Registry, Runs, Value, folder, fs, items, json, registry, text};

#[test]
fn services_equal_the_index() {
    let Some(index) = json("models/templates_index_facts.json") else { return };
    let templates: BTreeMap<&str, &Value> = items(&index["templates"])
        .iter()
        .map(|template| (text(template, "name"), template))
        .collect();
    for family in registry().families().filter(|family| family.runs == Runs::Api) {
        for variant in &family.variants {
            let place = format!("{}/{}", family.name, variant.name);
            let template = templates[&*variant.template];
            assert_eq!(template["is_api"], true, "{place}");
            assert!(items(&template["model_files"]).is_empty(), "{place} has local files");
            assert_eq!(variant.published.unwrap().to_string(), text(template, "date"), "{place}");
            let version = variant.minimum_version.as_deref();
            assert_eq!(version, template["minComfyUIVersion"].as_str(), "{place}");
            let rank = variant.rank;
            let mcp = &template["mcp"];
            assert_eq!(rank.usage, template["usage"].as_u64(), "{place}");
            assert_eq!(
                rank.recommend.map(Recommendation::as_str),
                mcp["recommend"].as_str(),
                "{place}"
            );
            assert_eq!(rank.freshness.map(Age::as_str), mcp["freshness"].as_str(), "{place}");
            for node in &variant.nodes {
                assert!(template["node_types"][node].is_number(), "{place}: {node}");
            }
        }
        let first = family.variants.iter().filter_map(|variant| variant.published).min();
        assert!(family.released_by.as_ref().unwrap().value <= first.unwrap(), "{}", family.name);
    }
}

/// The only advice on official graphs, and why the rule is right all the same.
const ADVISED: &[(&str, &str)] = &[(
    "video_ltx2_3_flf2v size: 720 pixels",
    "it is asked for 720 lines, and the latent has room for 704: ComfyUI rounds down",
)];

#[test]
fn official_graphs_are_advised_what_is_known_and_nothing_else() {
    let graphs = official_graphs();
    if graphs.is_empty() {
        return;
    }
    let registry = registry();
    let mut told = Vec::new();
    for (name, workflow) in graphs {
        for advice in registry.advise(&workflow) {
            told.push(format!("{name} {}: {}", advice.rule.as_str(), advice.message));
        }
    }
    for (known, reason) in ADVISED {
        let before = told.len();
        told.retain(|advice| !advice.starts_with(known));
        assert!(told.len() < before, "{known}: {reason}");
    }
    assert!(told.is_empty(), "{told:#?}");
}

#[test]
fn most_official_graphs_are_known_by_their_files() {
    let graphs = official_graphs();
    if graphs.is_empty() {
        return;
    }
    let registry = registry();
    let with_variant = graphs.iter().filter(|(name, _)| variant_of(&registry, name).is_some());
    assert!(with_variant.count() >= 50);
}

#[test]
fn negatives_equal_the_graphs() {
    let graphs = official_graphs();
    if graphs.is_empty() {
        return;
    }
    let graphs: BTreeMap<_, _> = graphs.into_iter().collect();
    let registry = registry();
    for family in registry.families() {
        for variant in &family.variants {
            let Some(negative) = &variant.negative else { continue };
            let place = format!("{}/{}", family.name, variant.name);
            if negative.source.key() == "templates" {
                assert_eq!(negative.value, Negative::None, "{place}");
                let guided =
                    |stage: &model_registry::Stage| stage.guider.as_deref() == Some("BasicGuider");
                assert!(variant.stages.iter().all(guided), "{place}");
            } else {
                assert_eq!(
                    Some(negative.value),
                    behind_negative(&graphs[&variant.template]),
                    "{place}"
                );
            }
        }
    }
}

fn variant_of<'r>(registry: &'r Registry, template: &str) -> Option<&'r model_registry::Variant> {
    let variants = registry.families().flat_map(|family| &family.variants);
    variants.into_iter().find(|variant| variant.template == template)
}

/// The official templates in API format; none without the ground truth.
fn official_graphs() -> Vec<(String, Workflow)> {
    let Some(folder) = folder() else { return Vec::new() };
    let files = fs::read_dir(folder.join("corpus/api")).unwrap().map(|file| file.unwrap().path());
    files
        .map(|path| {
            let json = Json::parse(&fs::read(&path).unwrap()).unwrap();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, Workflow::from_json(&json).unwrap())
        })
        .collect()
}

/// What stands behind the inputs `negative`, where all of them agree.
fn behind_negative(workflow: &Workflow) -> Option<Negative> {
    let used = workflow.nodes().filter_map(|(_, node)| linked(node, "negative"));
    let mut kinds: Vec<_> = used.map(|from| written_at(workflow, from)).collect();
    kinds.dedup();
    match kinds.as_slice() {
        [first, rest @ ..] if rest.iter().all(|kind| kind == first) => *first,
        _ => None,
    }
}

fn linked<'w>(node: &'w workflow_graph::Node, input: &str) -> Option<&'w NodeId> {
    match node.input(input) {
        Some(workflow_graph::Input::Link { from, .. }) => Some(from),
        _ => None,
    }
}

fn written_at(workflow: &Workflow, start: &NodeId) -> Option<Negative> {
    let mut at = start;
    for _ in 0..9 {
        let node = workflow.node(at)?;
        if node.class_type().as_str() == "ConditioningZeroOut" {
            return Some(Negative::Zeroed);
        }
        let written = node.input("text").or_else(|| node.input("prompt"));
        if let Some(workflow_graph::Input::Literal(Json::String(text))) = written {
            return Some(if text.trim().is_empty() { Negative::Empty } else { Negative::Text });
        }
        at = linked(node, "negative").or_else(|| linked(node, "conditioning"))?;
    }
    None
}

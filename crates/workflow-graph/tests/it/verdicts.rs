//! Our verdicts against a real server's, and against anything at all.

use std::{collections::BTreeSet, fs, path::Path};

use proptest::prelude::*;
use workflow_graph::{
    Json,
    catalog::NodeCatalog,
    validate::{Profile, Targets, Verdict, validate},
};

use crate::ground_truth::folder;

/// How many of a set of prompts were judged as the server judged them.
#[derive(Default)]
struct Tally {
    prompts: usize,
    accepted_alike: usize,
    clean_alike: usize,
    accepted: usize,
    outputs_alike: usize,
    refused_nodes: usize,
    places_alike: usize,
}

#[test]
fn verdicts_on_the_corpus_are_those_of_a_0_33_server() {
    let Some(folder) = folder() else { return };
    let tally = tally(&folder, "corpus", "0.33.0");
    assert_eq!(tally.accepted_alike, tally.prompts);
    assert_eq!(tally.clean_alike, tally.prompts);
    assert_eq!(tally.outputs_alike, tally.accepted);
    // In one prompt with two circles the order in which the server walks decides what it sees.
    assert!(tally.refused_nodes - tally.places_alike <= 1, "{} places", tally.places_alike);
}

#[test]
fn verdicts_on_the_older_corpus_are_those_of_a_0_8_server() {
    let Some(folder) = folder() else { return };
    let tally = tally(&folder, "corpus-0.8", "0.8.0");
    assert_eq!(tally.accepted_alike, tally.prompts);
    assert_eq!(tally.clean_alike, tally.prompts);
    assert_eq!(tally.outputs_alike, tally.accepted);
    assert_eq!(tally.places_alike, tally.refused_nodes);
}

fn tally(folder: &Path, corpus: &str, version: &str) -> Tally {
    let definitions = folder.join(format!("comfyui/object_info-{version}.json"));
    let catalog = NodeCatalog::from_bytes(&fs::read(definitions).unwrap()).unwrap();
    let profile = Profile::of_version(version);
    let cases = fs::read_to_string(folder.join(corpus).join("verdicts.jsonl")).unwrap();
    let mut tally = Tally::default();
    for line in cases.lines() {
        let case = Json::parse(line.as_bytes()).unwrap();
        let text = |name: &str| case.get(name).unwrap().as_str().unwrap().to_owned();
        let file = folder.join(corpus).join("api").join(format!("{}.json", text("workflow")));
        let mut prompt = Json::parse(&fs::read(file).unwrap()).unwrap();
        for operation in case.get("patch").unwrap().as_array().unwrap() {
            change(&mut prompt, operation);
        }
        let verdict = validate(&prompt, &catalog, Targets::All, profile);
        count(&mut tally, &case, &verdict);
    }
    tally
}

/// The rules of `compare_verdicts.py`.
fn count(tally: &mut Tally, case: &Json, verdict: &Verdict) {
    let valid = case.get("valid").unwrap().as_bool().unwrap();
    let truth = places(case);
    tally.prompts += 1;
    tally.accepted_alike += usize::from(verdict.is_accepted() == valid);
    tally.clean_alike += usize::from(verdict.is_clean() == (valid && truth.is_empty()));
    if valid {
        let good: BTreeSet<&str> = strings(case.get("good_outputs").unwrap()).collect();
        let ours: BTreeSet<&str> = verdict.outputs().iter().map(String::as_str).collect();
        tally.accepted += 1;
        tally.outputs_alike += usize::from(good == ours);
    }
    if !truth.is_empty() {
        let mut ours = BTreeSet::new();
        for error in verdict.errors() {
            let input = |input: &Option<String>| input.clone();
            let node = error.node.to_owned();
            let finding = error.finding;
            ours.insert((node.clone(), finding.kind.as_str(), input(&finding.input)));
            for other in &finding.alternatives {
                ours.insert((node.clone(), other.kind.as_str(), input(&other.input)));
            }
        }
        let truth: BTreeSet<_> = truth
            .iter()
            .map(|(node, kind, input)| (node.clone(), kind.as_str(), input.clone()))
            .collect();
        let nodes = |places: &BTreeSet<(String, &str, Option<String>)>| {
            places.iter().map(|(node, ..)| node.clone()).collect::<BTreeSet<_>>()
        };
        tally.refused_nodes += 1;
        tally.places_alike +=
            usize::from(truth.is_subset(&ours) && nodes(&ours).is_subset(&nodes(&truth)));
    }
}

fn places(case: &Json) -> Vec<(String, String, Option<String>)> {
    let mut places = Vec::new();
    for (node, errors) in case.get("node_errors").unwrap().as_object().unwrap() {
        for error in errors.as_array().unwrap() {
            let [kind, input] = error.as_array().unwrap() else { panic!("{error}") };
            let kind = kind.as_str().unwrap().to_owned();
            places.push((node.to_string(), kind, input.as_str().map(str::to_owned)));
        }
    }
    places
}

fn strings(list: &Json) -> impl Iterator<Item = &str> {
    list.as_array().unwrap().iter().map(|item| item.as_str().unwrap())
}

/// One operation of RFC 6902 of the three that the corpus uses.
fn change(json: &mut Json, operation: &Json) {
    let path = operation.get("path").unwrap().as_str().unwrap();
    let mut steps: Vec<String> =
        path.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect();
    let last = steps.pop().unwrap();
    let mut place = json;
    for step in steps {
        let Json::Object(members) = place else { panic!("{path}") };
        place = members.get_mut(&step).unwrap();
    }
    let Json::Object(members) = place else { panic!("{path}") };
    match operation.get("op").unwrap().as_str().unwrap() {
        "remove" => members.shift_remove(&last),
        _ => members.insert(last, operation.get("value").unwrap().clone()),
    };
}

/// The catalog of the properties below: every kind of input, and an output.
const DEFINITIONS: &str = r#"{
    "Make": {"input": {"required": {"size": ["INT", {"default": 8, "min": 1, "max": 64, "step": 8}],
        "mode": [["soft", "hard"]]}, "optional": {"on": ["BOOLEAN"], "like": ["IMAGE,MASK"]}},
        "output": ["IMAGE", "MASK"], "output_matchtypes": null},
    "Grow": {"input": {"required": {
        "items": ["COMFY_AUTOGROW_V3", {"template": {"input": {"required": {"x": ["IMAGE", {}]}}, "prefix": "i", "min": 1, "max": 3}}],
        "how": ["COMFY_DYNAMICCOMBO_V3", {"options": [{"key": "a", "inputs": {"required": {"f": ["FLOAT", {"max": 1}]}}}, {"key": "b", "inputs": {"required": {}}}]}],
        "same": ["COMFY_MATCHTYPE_V3", {"template": {"template_id": "t", "allowed_types": "IMAGE,MASK"}}]}},
        "output": ["COMFY_MATCHTYPE_V3"], "output_matchtypes": ["t"]},
    "LoadImage": {"input": {"required": {"image": [["a.png"], {"image_upload": true}]}}, "output": ["IMAGE", "MASK"], "python_module": "nodes"},
    "Save": {"input": {"required": {"images": ["IMAGE"], "name": ["STRING", {"default": "x"}]}}, "output": ["IMAGE"], "output_node": true}}"#;

pub(crate) fn catalog() -> NodeCatalog {
    NodeCatalog::from_bytes(DEFINITIONS.as_bytes()).unwrap()
}

fn leaf() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        prop_oneof![
            Just("soft"),
            Just("Hard"),
            Just("a"),
            Just("false"),
            Just("1e3"),
            Just(""),
            Just("a.PNG")
        ]
        .prop_map(Json::from),
    ]
}

fn id() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("1"), Just("2"), Just("3"), Just("4:5"), Just("")]
}

fn value() -> impl Strategy<Value = Json> {
    let link =
        (id(), -2_i64..4).prop_map(|(id, slot)| Json::from(vec![Json::from(id), Json::from(slot)]));
    let any = leaf().prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::vec((prop_oneof![Just("__value__"), Just("x")], inner), 0..3)
                .prop_map(Json::object),
        ]
    });
    prop_oneof![3 => link, 4 => leaf(), 2 => any]
}

fn node() -> impl Strategy<Value = Json> {
    let class =
        prop_oneof![Just("Make"), Just("Grow"), Just("LoadImage"), Just("Save"), Just("save")];
    let name = prop_oneof![
        Just("size"),
        Just("mode"),
        Just("Mode"),
        Just("on"),
        Just("like"),
        Just("items.i0"),
        Just("items.i2"),
        Just("how"),
        Just("how.f"),
        Just("same"),
        Just("image"),
        Just("images"),
        Just("name")
    ];
    let inputs = prop::collection::vec((name, value()), 0..6).prop_map(Json::object);
    let whole = (class, inputs).prop_map(|(class, inputs)| {
        Json::object([("class_type", Json::from(class)), ("inputs", inputs)])
    });
    prop_oneof![12 => whole, 1 => value()]
}

/// Prompts that are mostly well formed, with anything in them.
pub(crate) fn prompt() -> impl Strategy<Value = Json> {
    prop_oneof![
        12 => prop::collection::vec((id(), node()), 0..6).prop_map(Json::object),
        1 => value(),
    ]
}

proptest! {
    #[test]
    fn any_prompt_has_a_verdict(prompt in prompt(), old in any::<bool>()) {
        let profile = if old { Profile::V0_8 } else { Profile::V0_33 };
        let verdict = validate(&prompt, &catalog(), Targets::All, profile);
        prop_assert_eq!(verdict.is_accepted(), !verdict.outputs().is_empty());
        if verdict.is_accepted() {
            prop_assert_eq!(verdict.is_clean(), verdict.errors().next().is_none());
        }
        for (node, found) in verdict.node_errors() {
            prop_assert!(!found.errors.is_empty());
            prop_assert!(!verdict.dependents(node).is_empty());
        }
        prop_assert_eq!(Json::parse(verdict.to_json().to_string().as_bytes()).unwrap(), verdict.to_json());
    }
}

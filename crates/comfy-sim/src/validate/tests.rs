use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::folders::Root;

fn check(prompt: Value) -> Verdict {
    let catalog = Catalog::shared().unwrap();
    let folders = Folders::prepare(None).unwrap();
    let Value::Object(mut prompt) = prompt else { panic!("a prompt is an object") };
    validate(&catalog, &folders, &mut prompt, None).unwrap()
}

fn kinds(verdict: &Verdict, node: &str) -> Vec<String> {
    let errors = verdict.node_errors[node]["errors"].as_array().unwrap();
    errors.iter().map(|error| error["type"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn values_are_converted_in_place() {
    let catalog = Catalog::shared().unwrap();
    let folders = Folders::prepare(None).unwrap();
    let Value::Object(mut prompt) = json!({
        "1": {"class_type": "EmptyImage", "inputs": {"width": "64", "height": 48.9, "batch_size": true, "color": 0}},
        "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
    }) else {
        panic!("a prompt is an object")
    };
    let verdict = validate(&catalog, &folders, &mut prompt, None).unwrap();
    assert!(verdict.error.is_none(), "{verdict:?}");
    assert_eq!(
        prompt["1"]["inputs"],
        json!({"width": 64, "height": 48, "batch_size": 1, "color": 0})
    );
}

#[test]
fn a_cycle_is_told_to_each_of_its_nodes() {
    let verdict = check(json!({
        "1": {"class_type": "ImageInvert", "inputs": {"image": ["2", 0]}},
        "2": {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}},
        "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "x"}},
    }));
    assert_eq!(kinds(&verdict, "1"), ["dependency_cycle"]);
    let error = &verdict.node_errors["2"]["errors"][0];
    assert_eq!(error["details"], "2 (ImageInvert) -> 1 (ImageInvert) -> 2 (ImageInvert)");
    assert_eq!(error["extra_info"], json!({"node_id": "2", "cycle_nodes": ["2", "1"]}));
}

#[test]
fn a_dangling_link_is_the_key_error_of_the_real_server() {
    let verdict = check(
        json!({"3": {"class_type": "SaveImage", "inputs": {"images": ["99", 0], "filename_prefix": "x"}}}),
    );
    let error = &verdict.node_errors["3"]["errors"][0];
    assert_eq!(
        (&error["type"], &error["details"]),
        (&json!("exception_during_validation"), &json!("'99'"))
    );
    assert_eq!(error["extra_info"]["exception_type"], "KeyError");
}

#[test]
fn a_missing_file_fails_the_check_of_its_loader() {
    let verdict = check(json!({
        "1": {"class_type": "LoadImage", "inputs": {"image": "nope.png"}},
        "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
    }));
    assert_eq!(
        verdict.node_errors["1"]["errors"][0]["details"],
        "image - Invalid image file: nope.png"
    );
}

#[test]
fn the_first_slots_of_a_growing_group_are_required() {
    let verdict = check(json!({
        "1": {"class_type": "BatchImagesNode", "inputs": {}},
        "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
    }));
    let error = &verdict.node_errors["1"]["errors"][0];
    assert_eq!(
        (&error["details"], &error["extra_info"]["input_name"]),
        (&json!("image0"), &json!("images.image0"))
    );
}

#[test]
fn a_chain_longer_than_the_limit_is_refused_and_one_within_it_is_not() {
    let chain = |length: usize| {
        let mut prompt = json!({"0": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 0}}});
        for index in 1..length {
            let image = json!([(index - 1).to_string(), 0]);
            prompt[index.to_string()] =
                json!({"class_type": "ImageInvert", "inputs": {"image": image}});
        }
        prompt["end"] = json!({"class_type": "PreviewImage", "inputs": {"images": [(length - 1).to_string(), 0]}});
        check(prompt)
    };
    assert!(chain(CHAIN_NODES_MAX - 1).error.is_none());
    assert!(chain(CHAIN_NODES_MAX + 1).error.is_some());
}

/// Holds validation against what a real server said of 4,783 prompts.
#[test]
fn verdicts_are_those_of_a_real_server() {
    #[expect(
        clippy::disallowed_methods,
        reason = "ground truth is named by an environment variable"
    )]
    let Ok(truth) = std::env::var("MEDIAFACTORY_GROUND_TRUTH") else {
        eprintln!("skipped: MEDIAFACTORY_GROUND_TRUTH is not set");
        return;
    };
    let corpus = Path::new(&truth).join("corpus");
    let catalog = Catalog::shared().unwrap();
    let folders = Folders::prepare(None).unwrap();
    for (class, input) in [("LoadImage", "image"), ("LoadAudio", "audio"), ("LoadVideo", "file")] {
        for name in catalog.choices(class, input) {
            std::fs::write(folders.path(Root::Input).join(name.as_str().unwrap()), b"").unwrap();
        }
    }
    let mut prompts: BTreeMap<String, Value> = BTreeMap::new();
    let (mut all, mut accepted, mut clean, mut outputs, mut places) = (0, 0, 0, (0, 0), (0, 0));
    for line in std::fs::read_to_string(corpus.join("verdicts.jsonl")).unwrap().lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let name = case["workflow"].as_str().unwrap();
        let base = prompts.entry(name.to_owned()).or_insert_with(|| {
            let base = serde_json::from_slice(
                &std::fs::read(corpus.join("api").join(format!("{name}.json"))).unwrap(),
            )
            .unwrap();
            provide_model_files(&base, &folders);
            base
        });
        let Value::Object(mut prompt) = patched(base, &case["patch"]) else {
            panic!("a prompt is an object")
        };
        let verdict = validate(&catalog, &folders, &mut prompt, None).unwrap();
        let truth = places_of(case["node_errors"].as_object().unwrap(), |error| {
            (error[0].clone(), error[1].clone())
        });
        let ours = places_of(&errors_only(&verdict), |error| {
            (
                error["type"].clone(),
                error["extra_info"].get("input_name").cloned().unwrap_or_default(),
            )
        });
        let is_accepted = verdict.error.is_none() == case["valid"].as_bool().unwrap();
        all += 1;
        accepted += usize::from(is_accepted);
        clean += usize::from(
            (verdict.error.is_none() && ours.is_empty())
                == (case["valid"] == true && truth.is_empty()),
        );
        if case["valid"] == true {
            let good: BTreeSet<&str> =
                case["good_outputs"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
            outputs.1 += 1;
            outputs.0 += usize::from(good == verdict.outputs.iter().map(String::as_str).collect());
        }
        if !truth.is_empty() {
            let nodes = |places: &BTreeSet<String>| {
                places
                    .iter()
                    .map(|place| place.split('|').next().unwrap().to_owned())
                    .collect::<BTreeSet<_>>()
            };
            let hit = truth.is_subset(&ours) && nodes(&ours) == nodes(&truth);
            places.1 += 1;
            places.0 += usize::from(hit);
            if !hit || !is_accepted {
                eprintln!(
                    "{name} [{} {}] real {truth:?} ours {ours:?}",
                    case["mutation"], case["detail"]
                );
            }
        } else if !is_accepted {
            eprintln!(
                "{name} [{} {}] real {} ours {:?} {ours:?}",
                case["mutation"], case["detail"], case["valid"], verdict.error
            );
        }
    }
    eprintln!(
        "{all} prompts: accepted {accepted}, clean {clean}, outputs {outputs:?}, places {places:?}"
    );
    assert_eq!((accepted, clean, outputs.0), (all, all, outputs.1));
    // Where several inputs lead to a wrong node, the real server names any one of them: its walk has no order.
    assert!(places.0 * 100 >= places.1 * 98, "{places:?}");
}

/// The recorded server had the 3D files that its workflows name; the node facts do not list them.
fn provide_model_files(prompt: &Value, folders: &Folders) {
    for node in prompt.as_object().unwrap().values() {
        if let Some(path) =
            node["inputs"]["model_file"].as_str().and_then(|name| folders.annotated(name))
        {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"").unwrap();
        }
    }
}

fn errors_only(verdict: &Verdict) -> Map<String, Value> {
    verdict.node_errors.iter().map(|(id, entry)| (id.clone(), entry["errors"].clone())).collect()
}

fn places_of(
    errors: &Map<String, Value>,
    place: impl Fn(&Value) -> (Value, Value),
) -> BTreeSet<String> {
    let each = errors
        .iter()
        .flat_map(|(id, list)| list.as_array().unwrap().iter().map(move |error| (id, error)));
    each.map(|(id, error)| {
        let (kind, input) = place(error);
        format!("{id}|{kind}|{input}")
    })
    .collect()
}

fn patched(base: &Value, operations: &Value) -> Value {
    let mut prompt = base.clone();
    for operation in operations.as_array().unwrap() {
        let (parent, last) = operation["path"].as_str().unwrap().rsplit_once('/').unwrap();
        let last = last.replace("~1", "/").replace("~0", "~");
        let parent = prompt.pointer_mut(parent).unwrap();
        if operation["op"] == "remove" {
            parent.as_object_mut().unwrap().shift_remove(&last);
        } else {
            parent.as_object_mut().unwrap().insert(last, operation["value"].clone());
        }
    }
    prompt
}

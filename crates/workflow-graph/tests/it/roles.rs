//! Roles: what is found in graphs of every make, and that nothing there is overlooked.

use std::collections::BTreeMap;

use workflow_graph::{
    Json, NodeId, Workflow,
    roles::{self, Role, Roles},
};

use crate::{
    graphs::{TEXT_TO_IMAGE, workflow},
    ground_truth,
};

fn show(roles: &Roles) -> String {
    let line = |found: &roles::Found| {
        let computed = if found.computed { " computed" } else { "" };
        let user = found.user.as_ref().map_or(String::new(), |user| format!(" of {user}"));
        let role = found.role.as_str();
        format!("{role}: {}.{} = {}{user}{computed}", found.node, found.input, found.value)
    };
    roles.found().iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_plain_graph_has_every_role() {
    insta::assert_snapshot!(show(&roles::of(&workflow(TEXT_TO_IMAGE))));
}

/// Flux: guider, noise, sigmas and sampler are nodes of their own.
#[test]
fn a_guider_leads_to_text_and_settings() {
    let roles = roles::of(&workflow(
        r#"{
        "1": {"class_type": "SamplerCustomAdvanced", "inputs": {"noise": ["2", 0], "guider": ["3", 0], "sampler": ["4", 0], "sigmas": ["5", 0], "latent_image": ["6", 0]}},
        "2": {"class_type": "RandomNoise", "inputs": {"noise_seed": 9}},
        "3": {"class_type": "BasicGuider", "inputs": {"model": ["7", 0], "conditioning": ["8", 0]}},
        "4": {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "euler"}},
        "5": {"class_type": "SplitSigmas", "inputs": {"step": 2, "sigmas": ["15", 0]}},
        "15": {"class_type": "BasicScheduler", "inputs": {"model": ["7", 0], "scheduler": "simple", "steps": 20, "denoise": 1.0}},
        "6": {"class_type": "EmptySD3LatentImage", "inputs": {"width": ["9", 0], "height": ["10", 1], "batch_size": 1}},
        "7": {"class_type": "UNETLoader", "inputs": {"unet_name": "flux.safetensors"}},
        "8": {"class_type": "FluxGuidance", "inputs": {"guidance": 3.5, "conditioning": ["11", 0]}},
        "9": {"class_type": "PrimitiveInt", "inputs": {"value": 1024}},
        "10": {"class_type": "ComfyMathExpression", "inputs": {"expression": "a/2", "values.a": ["12", 0]}},
        "12": {"class_type": "PrimitiveInt", "inputs": {"value": 2048}},
        "11": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["13", 0], "text": ["14", 0]}},
        "13": {"class_type": "DualCLIPLoader", "inputs": {"clip_name1": "l.safetensors", "clip_name2": "t5.safetensors"}},
        "14": {"class_type": "StringConcatenate", "inputs": {"string_a": "", "string_b": "a fox", "delimiter": ", "}}
        }"#,
    ));
    insta::assert_snapshot!(show(&roles));
}

/// Wan: two samplers share conditioning that passes through a node with both sides.
#[test]
fn both_sides_pass_through_one_node_and_keep_apart() {
    let roles = roles::of(&workflow(
        r#"{
        "20": {"class_type": "KSamplerAdvanced", "inputs": {"noise_seed": 0, "steps": 4, "positive": ["30", 0], "negative": ["30", 1], "latent_image": ["10", 0], "model": ["2", 0]}},
        "10": {"class_type": "KSamplerAdvanced", "inputs": {"noise_seed": 77, "steps": 4, "positive": ["30", 0], "negative": ["30", 1], "latent_image": ["30", 2], "model": ["1", 0]}},
        "1": {"class_type": "UNETLoader", "inputs": {"unet_name": "high.safetensors"}},
        "2": {"class_type": "UNETLoader", "inputs": {"unet_name": "low.safetensors"}},
        "30": {"class_type": "WanImageToVideo", "inputs": {"positive": ["41", 0], "negative": ["42", 0], "width": 640, "height": 480, "length": 81, "start_image": ["50", 0]}},
        "41": {"class_type": "CLIPTextEncode", "inputs": {"text": "it jumps"}},
        "42": {"class_type": "CLIPTextEncode", "inputs": {"text": "static"}},
        "50": {"class_type": "LoadImage", "inputs": {"image": "fox.png"}}
        }"#,
    ));
    assert_eq!(roles.samplers().iter().map(NodeId::as_str).collect::<Vec<_>>(), ["10", "20"]);
    insta::assert_snapshot!(show(&roles));
}

#[test]
fn zeroed_conditioning_is_no_negative_prompt() {
    let roles = roles::of(&workflow(
        r#"{
        "1": {"class_type": "KSampler", "inputs": {"seed": 1, "positive": ["2", 0], "negative": ["3", 0]}},
        "2": {"class_type": "CLIPTextEncode", "inputs": {"text": "a fox"}},
        "3": {"class_type": "ConditioningZeroOut", "inputs": {"conditioning": ["4", 0]}},
        "4": {"class_type": "CLIPTextEncode", "inputs": {"text": "other"}}
        }"#,
    ));
    assert_eq!(roles.first(Role::PositivePrompt).unwrap().value, Json::from("a fox"));
    assert!(roles.first(Role::NegativePrompt).is_none());
}

#[test]
fn a_service_node_is_told_by_itself() {
    let roles = roles::of(&workflow(
        r#"{
        "1": {"class_type": "ByteDance2TextToVideoNode", "inputs": {"model": "Seedance 2.0", "model.prompt": "a hall", "model.resolution": "720p", "model.duration": 5, "seed": 3}},
        "2": {"class_type": "SaveVideo", "inputs": {"filename_prefix": "v", "video": ["1", 0]}}
        }"#,
    ));
    insta::assert_snapshot!(show(&roles));
}

#[test]
fn circles_of_links_end() {
    let roles = roles::of(&workflow(
        r#"{
        "1": {"class_type": "KSampler", "inputs": {"seed": ["1", 0], "positive": ["2", 0], "latent_image": ["1", 0]}},
        "2": {"class_type": "ConditioningCombine", "inputs": {"conditioning_1": ["2", 0], "conditioning_2": ["9", 0]}}
        }"#,
    ));
    assert_eq!(roles.found(), []);
}

/// What a graph would have to hold for a role to be in it, said without walking: any input
/// with such a name and such a value.
fn is_in_graph(role: &str, workflow: &Workflow, classes: &Json) -> Option<String> {
    let text = |value: &Json| value.as_str().is_some_and(|text| !text.is_empty());
    let holds = |class: &str, name: &str, value: &Json| {
        let last = name.rsplit('.').next().unwrap().to_lowercase();
        match role {
            "seed" => last.ends_with("seed") && value.as_number().is_some(),
            "prompt" => {
                let options = ["required", "optional"]
                    .iter()
                    .find_map(|kind| classes.at(&[class, "input", kind, name])?.as_array()?.get(1));
                let multiline = options.and_then(|options| options.get("multiline")?.as_bool());
                let by_name = last.contains("prompt") && last != "system_prompt";
                // Text that is worked on, not told to a model.
                let worked_on = ["String", "Regex", "Json", "Save", "Primitive", "GLSL"]
                    .iter()
                    .any(|part| class.contains(part));
                let other = ["instructions", "expression", "system_prompt", "class_name"];
                text(value)
                    && (by_name || multiline == Some(true))
                    && !worked_on
                    && !other.contains(&&*last)
            }
            "model" => {
                let files = [".safetensors", ".ckpt", ".pt", ".pth", ".gguf", ".bin"];
                value.as_str().is_some_and(|value| {
                    files.iter().any(|file| value.ends_with(file))
                        || (last == "model" && text(&Json::from(value)))
                })
            }
            "size" => {
                ["width", "height", "megapixels", "resolution", "aspect_ratio"].contains(&&*last)
                    && (value.as_number().is_some() || text(value))
            }
            other => panic!("{other}"),
        }
    };
    workflow.nodes().find_map(|(id, node)| {
        let class = node.class_type().as_str();
        node.inputs().find_map(|(name, input)| {
            let value = input.as_literal().filter(|value| holds(class, name, value))?;
            Some(format!("{id} {class}.{name} = {value}"))
        })
    })
}

/// Where an official workflow has no place for a role, none of its nodes could be one.
#[test]
fn no_official_workflow_hides_a_prompt_a_seed_a_model_or_a_size() {
    let Some(folder) = ground_truth::folder() else { return };
    let catalog = std::fs::read(folder.join("comfyui/object_info-0.33.0.json")).unwrap();
    let classes = Json::parse(&catalog).unwrap();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut overlooked = Vec::new();
    for part in ["corpus/api", "corpus/legacy-api"] {
        for (name, workflow) in ground_truth::api_workflows(part) {
            let roles = roles::of(&workflow);
            let has = |role: Role| roles.first(role).is_some();
            let sized = has(Role::Width) || has(Role::Height) || has(Role::Resolution);
            let found = [
                ("prompt", has(Role::PositivePrompt)),
                ("seed", has(Role::Seed)),
                ("model", roles.models().next().is_some()),
                ("size", sized),
            ];
            for (role, found) in found {
                if found {
                    *counts.entry(role).or_default() += usize::from(part == "corpus/api");
                } else if let Some(place) = is_in_graph(role, &workflow, &classes) {
                    overlooked.push(format!("{name}: {role} in {place}"));
                }
            }
        }
    }
    assert_eq!(overlooked, Vec::<String>::new());
    eprintln!("found in corpus/api: {counts:?}");
    let expected = [("model", 191), ("prompt", 190), ("seed", 201), ("size", 173)];
    for (role, at_least) in expected {
        assert!(counts[role] >= at_least, "{role}: {} of 228, expected {at_least}", counts[role]);
    }
}

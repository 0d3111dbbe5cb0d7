//! LoRA loaders: put behind every model, in order, and everything rerouted.

use workflow_graph::{
    Input, Json, Workflow,
    catalog::NodeCatalog,
    lora::{self, Lora, LoraError},
    validate::{Profile, Targets, validate_workflow},
};

use crate::{
    graphs::{TEXT_TO_IMAGE, workflow},
    ground_truth,
};

fn loras() -> [Lora; 2] {
    [
        Lora::new("a.safetensors", 0.8),
        Lora { strength_clip: Some(0.0), ..Lora::new("b.safetensors", 1.0) },
    ]
}

/// The links and LoRA inputs of a workflow, one node a line.
fn show(workflow: &Workflow) -> String {
    let line = |(id, node): (&workflow_graph::NodeId, &workflow_graph::Node)| {
        let inputs = node.inputs().filter(|(name, input)| {
            input.as_link().is_some() || name.starts_with("lora") || name.starts_with("strength")
        });
        let inputs: Vec<String> =
            inputs.map(|(name, input)| format!("{name}={}", input.to_json())).collect();
        format!("{id} {} {}", node.class_type(), inputs.join(" "))
    };
    workflow.nodes().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_checkpoint_gets_a_chain_for_model_and_text_encoder() {
    let mut edited = workflow(TEXT_TO_IMAGE);
    let inverse = edited.apply(&lora::inject(&edited, &loras()).unwrap()).unwrap();
    insta::assert_snapshot!(show(&edited));
    edited.apply(&inverse).unwrap();
    assert_eq!(edited.to_json().to_string(), workflow(TEXT_TO_IMAGE).to_json().to_string());
}

const TWO_MODELS: &str = r#"{
    "1": {"class_type": "UNETLoader", "inputs": {"unet_name": "high.safetensors"}},
    "2": {"class_type": "UNETLoader", "inputs": {"unet_name": "low.safetensors"}},
    "3": {"class_type": "LoraLoaderModelOnly", "inputs": {"lora_name": "old", "strength_model": 1, "model": ["1", 0]}},
    "4": {"class_type": "CLIPLoader", "inputs": {"clip_name": "t5.safetensors"}},
    "5": {"class_type": "CLIPTextEncode", "inputs": {"text": "a fox", "clip": ["4", 0]}},
    "6": {"class_type": "KSamplerAdvanced", "inputs": {"noise_seed": 0, "model": ["3", 0], "positive": ["5", 0]}},
    "7": {"class_type": "KSamplerAdvanced", "inputs": {"noise_seed": 0, "model": ["8", 0], "positive": ["5", 0], "latent_image": ["6", 0]}},
    "8": {"class_type": "ComfySwitchNode", "inputs": {"switch": true, "on_true": ["2", 0], "on_false": ["3", 0]}},
    "9": {"class_type": "BasicScheduler", "inputs": {"model": ["2", 0]}}
}"#;

#[test]
fn every_model_gets_a_chain_and_a_shared_text_encoder_one() {
    let mut edited = workflow(TWO_MODELS);
    let lora = Lora { strength_clip: Some(0.5), ..Lora::new("a.safetensors", 1.0) };
    edited.apply(&lora::inject(&edited, &[lora]).unwrap()).unwrap();
    insta::assert_snapshot!(show(&edited));
}

#[test]
fn a_text_encoder_that_is_loaded_apart_is_left_alone() {
    let mut edited = workflow(TWO_MODELS);
    edited.apply(&lora::inject(&edited, &[Lora::new("a.safetensors", 1.0)]).unwrap()).unwrap();
    let classes: Vec<&str> = edited.nodes().map(|(_, node)| node.class_type().as_str()).collect();
    assert_eq!(classes.iter().filter(|class| **class == "LoraLoaderModelOnly").count(), 3);
    assert!(!classes.contains(&"LoraLoader"));
}

#[test]
fn one_of_several_models_can_be_chosen() {
    let mut edited = workflow(TWO_MODELS);
    let low: Vec<_> =
        lora::sources(&edited).into_iter().filter(|s| s.node.as_str() == "2").collect();
    let patch = lora::inject_behind(&edited, &low, &[Lora::new("low.safetensors", 1.0)]).unwrap();
    edited.apply(&patch).unwrap();
    let link = |node: &str, input: &str| {
        edited.node(&node.parse().unwrap()).unwrap().input(input).unwrap().to_json().to_string()
    };
    assert_eq!(
        [link("3", "model"), link("8", "on_true"), link("9", "model")],
        [r#"["1",0]"#, r#"["10",0]"#, r#"["10",0]"#]
    );
}

#[test]
fn what_cannot_be_done_is_said() {
    let lora = |strength_clip| Lora { strength_clip, ..Lora::new("a", 1.0) };
    let without_text = workflow(
        r#"{"1": {"class_type": "UNETLoader", "inputs": {}},
            "2": {"class_type": "KSampler", "inputs": {"seed": 1, "model": ["1", 0], "positive": ["1", 1]}}}"#,
    );
    let error = lora::inject(&without_text, &[lora(Some(0.5))]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "LoRA \"a\" is to work on the text encoder with strength 0.5, but model 1 has no text \
         encoder of its own and the workflow has not exactly one; leave that strength out"
    );
    let error = lora::inject(&without_text, &[Lora::new("a", f64::NAN)]).unwrap_err();
    assert_eq!(error, LoraError::Strength { file: "a".into() });
}

/// The types of a real server's outputs say whether what was found is a model.
#[test]
fn the_models_of_official_workflows_are_models_and_all_their_consumers_are_rerouted() {
    let Some(folder) = ground_truth::folder() else { return };
    let catalog = std::fs::read(folder.join("comfyui/object_info-0.33.0.json")).unwrap();
    let classes = Json::parse(&catalog).unwrap();
    let output = |workflow: &Workflow, node: &workflow_graph::NodeId, slot: u32| {
        let class = workflow.node(node)?.class_type().as_str();
        let types = classes.at(&[class, "output"])?.as_array()?;
        Some(types.get(usize::try_from(slot).ok()?)?.as_str()?.to_owned())
    };
    let mut injected = 0;
    for part in ["corpus/api", "corpus/legacy-api"] {
        for (name, before) in ground_truth::api_workflows(part) {
            let linked = |node: &workflow_graph::Node, input: &str| {
                node.input(input).is_some_and(|input| input.as_link().is_some())
            };
            // One of the older graphs has a guider that lost its model in the conversion.
            let samples = before.nodes().any(|(_, node)| {
                let class = node.class_type().as_str();
                (class.starts_with("KSampler")
                    || class == "SamplerCustom"
                    || class.ends_with("Guider"))
                    && linked(node, "model")
            });
            let sources = lora::sources(&before);
            assert_eq!(samples, !sources.is_empty(), "{name}");
            for source in &sources {
                assert_eq!(
                    output(&before, &source.node, source.slot).as_deref(),
                    Some("MODEL"),
                    "{name}"
                );
                if let Some((node, slot)) = &source.clip {
                    assert_eq!(output(&before, node, *slot).as_deref(), Some("CLIP"), "{name}");
                }
            }
            if sources.is_empty() {
                continue;
            }
            injected += 1;
            let mut edited = before.clone();
            let inverse = edited.apply(&lora::inject(&before, &loras()).unwrap()).unwrap();
            for source in &sources {
                let from_source = edited.nodes().filter(|(_, node)| {
                    node.inputs().any(|(_, input)| {
                        matches!(input, Input::Link { from, slot } if *from == source.node && *slot == source.slot)
                    })
                });
                let consumers: Vec<&str> =
                    from_source.map(|(_, node)| node.class_type().as_str()).collect();
                assert!(
                    matches!(consumers[..], ["LoraLoader" | "LoraLoaderModelOnly"]),
                    "{name}: {consumers:?}"
                );
            }
            edited.apply(&inverse).unwrap();
            assert_eq!(edited.to_json().to_string(), before.to_json().to_string(), "{name}");
        }
    }
    assert!(injected > 150, "{injected}");
}

/// What a real server would say of the result: as much as of the workflow before.
#[test]
fn an_official_workflow_is_as_valid_with_a_lora_as_before() {
    let Some(folder) = ground_truth::folder() else { return };
    let bytes = std::fs::read(folder.join("comfyui/object_info-0.33.0.json")).unwrap();
    let classes = Json::parse(&bytes).unwrap();
    let files = classes.at(&["LoraLoader", "input", "required", "lora_name"]).unwrap();
    let file = files.as_array().unwrap()[0].as_array().unwrap()[0].as_str().unwrap();
    let catalog = NodeCatalog::from_bytes(&bytes).unwrap();
    let told = |workflow: &Workflow| {
        let verdict = validate_workflow(workflow, &catalog, Targets::All, Profile::V0_33);
        (verdict.is_accepted(), verdict.outputs().to_vec(), verdict.node_errors().len())
    };
    for (name, before) in ground_truth::api_workflows("corpus/api") {
        let Ok(patch) = lora::inject(&before, &[Lora::new(file, 0.5), Lora::new(file, 1.0)]) else {
            continue;
        };
        let mut after = before.clone();
        after.apply(&patch).unwrap();
        assert_eq!(told(&after), told(&before), "{name}");
    }
}

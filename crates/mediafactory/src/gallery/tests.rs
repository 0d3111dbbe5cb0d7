use workflow_graph::{Json, Workflow, catalog::NodeCatalog, roles, ui::UiWorkflow};

use super::{needs::Declared, parameters};
use crate::templates::Parameter;

/// Few classes, with every kind of bound.
const CLASSES: &str = r#"{
    "Sampler": {"input": {"required": {
        "model": ["MODEL"], "positive": ["CONDITIONING"], "latent_image": ["LATENT"],
        "noise_seed": ["INT", {"min": 0, "max": 18446744073709551615}],
        "steps": ["INT", {"min": 1, "max": 100}],
        "sampler_name": [["euler", "heun"]]}}, "output": ["LATENT"]},
    "Encode": {"input": {"required": {"text": ["STRING"]}}, "output": ["CONDITIONING"]},
    "EmptyVideo": {"input": {"required": {
        "width": ["INT", {"min": 16, "max": 4096, "step": 16}],
        "height": ["INT", {"min": 16, "max": 4096, "step": 16}],
        "length": ["INT", {"min": 1, "max": 999, "step": 4}]}}, "output": ["LATENT"]},
    "PrimitiveInt": {"input": {"required": {"value": ["INT", {"min": -999999, "max": 999999}]}},
        "output": ["INT"]},
    "Service": {"input": {"required": {
        "model": ["COMFY_DYNAMICCOMBO_V3", {"options": [
            {"key": "big", "inputs": {"required": {"seconds": ["COMBO", {"options": [4, 8, 12]}]}}},
            {"key": "small", "inputs": {"required": {}}}]}],
        "prompt": ["STRING"], "seed": ["INT", {"min": 0, "max": 2147483647}]}},
        "output": ["VIDEO"], "python_module": "comfy_api_nodes.x"},
    "Loader": {"input": {"required": {"unet_name": [["a.safetensors"]]}}, "output": ["MODEL"]}
}"#;

fn parameters(workflow: &str, declared: &[Declared]) -> Vec<Parameter> {
    let catalog = NodeCatalog::from_bytes(CLASSES.as_bytes()).unwrap();
    let workflow = Workflow::from_json(&Json::parse(workflow.as_bytes()).unwrap()).unwrap();
    parameters::of(&workflow, &roles::of(&workflow), &catalog, declared)
}

#[track_caller]
fn check(workflow: &str, expected: &[&str]) {
    let told = parameters(workflow, &[]).into_iter().map(|parameter| {
        let targets = parameter.targets.iter().map(|at| format!("{}.{}", at.node, at.input));
        let targets = targets.collect::<Vec<_>>().join(" ");
        let (name, kind, takes) = (&parameter.name, parameter.kind.as_str(), parameter.takes());
        format!("{name}: {kind} [{takes}] {targets}")
    });
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

#[test]
fn places_of_one_role_and_value_are_one_parameter_and_others_are_numbered() {
    check(
        r#"{"1": {"class_type": "Sampler", "inputs": {"noise_seed": 1, "steps": 20,
                "sampler_name": "euler", "positive": ["3", 0]}},
            "2": {"class_type": "Sampler", "inputs": {"noise_seed": 0, "steps": 20,
                "sampler_name": "heun", "positive": ["3", 0], "latent_image": ["1", 0]}},
            "3": {"class_type": "Encode", "inputs": {"text": "a fox"}}}"#,
        &[
            "prompt: text [] 3.text",
            "seed: seed [] 1.noise_seed",
            "steps: integer [1 to 100] 1.steps 2.steps",
            "sampler: choice [euler, heun] 1.sampler_name",
            "seed_2: seed [] 2.noise_seed",
            "sampler_2: choice [euler, heun] 2.sampler_name",
        ],
    );
}

#[test]
fn a_step_counts_from_the_least_value_unless_the_workflow_itself_breaks_it() {
    let sized = |width: u32, length: u32| {
        format!(
            r#"{{"1": {{"class_type": "Sampler", "inputs": {{"latent_image": ["2", 0]}}}},
                "2": {{"class_type": "EmptyVideo", "inputs": {{"width": {width}, "height": 64,
                    "length": {length}}}}}}}"#
        )
    };
    check(
        &sized(48, 81),
        &[
            "width: integer [16 to 4096, a multiple of 16] 2.width",
            "height: integer [16 to 4096, a multiple of 16] 2.height",
            "frames: integer [1 to 999, a multiple of 4 plus 1] 2.length",
        ],
    );
    check(
        &sized(50, 5000),
        &[
            "width: integer [16 to 4096] 2.width",
            "height: integer [16 to 4096, a multiple of 16] 2.height",
            "frames: integer [1 or more] 2.length",
        ],
    );
}

#[test]
fn a_node_that_only_holds_a_value_has_the_bounds_of_those_that_use_it() {
    check(
        r#"{"1": {"class_type": "Sampler", "inputs": {"latent_image": ["2", 0]}},
            "2": {"class_type": "EmptyVideo", "inputs": {"width": ["3", 0], "height": ["3", 0],
                "length": 5}},
            "3": {"class_type": "PrimitiveInt", "inputs": {"value": 64}}}"#,
        &[
            "width: integer [16 to 4096, a multiple of 16] 3.value",
            "frames: integer [1 to 999, a multiple of 4 plus 1] 2.length",
        ],
    );
}

#[test]
fn a_service_keeps_its_model_and_takes_only_small_seeds() {
    check(
        r#"{"1": {"class_type": "Service", "inputs": {"model": "big", "model.seconds": 8,
                "prompt": "a fox", "seed": 5}}}"#,
        &[
            "prompt: text [] 1.prompt",
            "seed: integer [0 to 2147483647] 1.seed",
            "duration: integer [4 to 12] 1.model.seconds",
        ],
    );
}

#[test]
fn nodes_that_the_server_does_not_have_go_by_their_values() {
    check(
        r#"{"1": {"class_type": "OddSampler", "inputs": {"positive": ["2", 0], "steps": 8,
                "cfg": 1.5, "noise_seed": 3}},
            "2": {"class_type": "Encode", "inputs": {"text": "a fox"}}}"#,
        &[
            "prompt: text [] 2.text",
            "steps: integer [] 1.steps",
            "cfg: number [] 1.cfg",
            "seed: seed [] 1.noise_seed",
        ],
    );
}

#[test]
fn the_folder_of_a_model_is_the_one_that_the_workflow_names() {
    let saved = UiWorkflow::from_json(
        Json::parse(
            br#"{"nodes": [{"type": "Loader", "properties": {"models": [
                {"name": "b.safetensors", "directory": "odd_models", "url": "https://example.com/b"},
                {"name": 7}, null]}}, {"type": "Loader", "properties": {"models": "none"}}]}"#,
        )
        .unwrap(),
    );
    let declared = Declared::of(&saved.unwrap());
    assert_eq!(declared.len(), 1);
    let loads = |file: &str| {
        format!(r#"{{"1": {{"class_type": "Loader", "inputs": {{"unet_name": "{file}"}}}}}}"#)
    };
    let folder = |file: &str| parameters(&loads(file), &declared)[0].folder.clone();
    assert_eq!(folder("sub/b.safetensors").as_deref(), Some("odd_models"));
    assert_eq!(folder("a.safetensors").as_deref(), Some("diffusion_models"));
}

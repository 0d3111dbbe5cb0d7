//! What templates load and are called, against the registry of models.

use std::collections::BTreeSet;

use mediafactory::{ParameterKind, Target, Template, TemplateModel, Templates};
use model_registry::Task;
use workflow_graph::Input;

use super::{assert_only_known, registry};

/// Files that the registry does not have: those for any model of a kind, and examples that stand
/// for a file of the caller's own. Their addresses are those that several public installers load
/// them from.
const NOT_IN_THE_REGISTRY: &[(&str, &str)] = &[
    ("flux1_dev_lora: flux_realism_lora.safetensors", "an example; `lora` must be given"),
    (
        "sdxl_controlnet_canny: control-lora-canny-rank256.safetensors",
        "the registry has no ControlNet for SDXL",
    ),
    ("sdxl_lora: sd_xl_offset_example-lora_1.0.safetensors", "an example; `lora` must be given"),
    (
        "sdxl_lora_stack: sd_xl_offset_example-lora_1.0.safetensors",
        "an example; both must be given",
    ),
    ("upscale_image: RealESRGAN_x4plus.safetensors", "the registry has no upscale models"),
];

/// Templates whose task is none of their variant: the checkpoint can do it, the official template
/// does something else with it.
const OTHER_TASKS: &[(&str, &str)] = &[
    ("sd15_img2img: image-edit", "begins with a picture instead of an empty latent"),
    ("sdxl_controlnet_canny: controlled-image", "with a ControlNet for it"),
    ("sdxl_img2img: image-edit", "begins with a picture instead of an empty latent"),
    ("sdxl_inpaint: inpaint", "any checkpoint can fill a mask, if not well"),
    ("sdxl_outpaint: outpaint", "any checkpoint can fill a mask, if not well"),
];

#[test]
fn families_variants_and_tasks_are_those_of_the_registry() {
    let (templates, registry) = (Templates::own().unwrap(), registry());
    let mut others = Vec::new();
    for template in templates.all() {
        let name = &template.name;
        let task = Task::from_word(&template.task).unwrap_or_else(|| panic!("{name}: its task"));
        let Some(family) = &template.family else { continue };
        let family = registry.family(family).unwrap_or_else(|| panic!("{name}: its family"));
        let Some(variant) = &template.variant else { continue };
        let variant = family.variant(variant).unwrap_or_else(|| panic!("{name}: its variant"));
        if !variant.tasks.contains(&task) {
            others.push(format!("{name}: {task}"));
        }
    }
    assert_only_known(&others, OTHER_TASKS);
}

#[test]
fn files_and_addresses_are_those_of_the_registry() {
    let (templates, registry) = (Templates::own().unwrap(), registry());
    let mut unknown = BTreeSet::new();
    for template in templates.all() {
        let family = template.family.as_ref().and_then(|family| registry.family(family));
        for model in &template.models {
            let name = format!("{}: {}", template.name, model.file);
            let Some(known) = family.and_then(|family| family.file(&model.file)) else {
                unknown.insert(name);
                continue;
            };
            // Some official templates ask for a download in the query; the file is the same.
            let urls = std::iter::once(&known.url).chain(&known.other_urls);
            let mut urls = urls.filter_map(|url| url.split('?').next());
            assert_eq!(model.folder, known.folder, "{name}");
            assert!(urls.any(|url| url == model.url), "{name}: {}", model.url);
        }
    }
    assert_only_known(&Vec::from_iter(unknown), NOT_IN_THE_REGISTRY);
}

/// The file that a template names for a place. One that several nodes load is named once, for the
/// first of the places that a parameter sets together.
fn named<'a>(template: &'a Template, place: &Target) -> Option<&'a str> {
    let together = template.parameters.iter().find(|found| found.targets.contains(place));
    let first = together.and_then(|found| found.targets.first());
    let is_at = |model: &TemplateModel, place: &Target| {
        model.node == place.node && model.input == place.input
    };
    let mut models = template.models.iter();
    let found =
        models.find(|model| is_at(model, place) || first.is_some_and(|first| is_at(model, first)));
    found.map(|model| model.file.as_str())
}

#[test]
fn every_file_that_a_workflow_loads_is_named() {
    for template in Templates::own().unwrap().all() {
        for (id, node) in template.workflow().nodes() {
            for (input, value) in node.inputs() {
                let Input::Literal(value) = value else { continue };
                let Some(text) = value.as_str() else { continue };
                let is_weights = [".safetensors", ".pth", ".ckpt", ".gguf", ".pt"]
                    .iter()
                    .any(|ending| text.ends_with(ending));
                let named = named(template, &Target { node: id.clone(), input: input.to_owned() });
                assert_eq!(named, is_weights.then_some(text), "{}: {id}", template.name);
            }
        }
        for parameter in
            template.parameters.iter().filter(|found| found.kind == ParameterKind::Model)
        {
            let folder = parameter.folder.as_ref().unwrap();
            let target = parameter.targets.first().unwrap();
            let model = template
                .models
                .iter()
                .find(|model| model.node == target.node && model.input == target.input);
            assert_eq!(&model.unwrap().folder, folder, "{}: {}", template.name, parameter.name);
        }
    }
}

#[test]
fn no_two_templates_have_the_same_place_in_the_order() {
    let templates = Templates::own().unwrap();
    let places: BTreeSet<u32> =
        templates.all().iter().map(|template| template.generate_order).collect();
    assert_eq!(places.len(), templates.all().len());
}

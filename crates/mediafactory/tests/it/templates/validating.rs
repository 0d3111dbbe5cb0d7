//! Whether a real 0.33.0 server would take every template as it is.

use std::{collections::BTreeMap, fs, path::PathBuf};

use mediafactory::{Json, Template, Templates};
use serde_json::Value;
use workflow_graph::{
    catalog::NodeCatalog,
    validate::{Profile, Targets, validate},
};

/// The folder with what a real server said, or `None` after saying so: it is not part of the
/// repository.
#[expect(clippy::disallowed_methods, reason = "where the ground truth is, only the caller knows")]
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn ground_truth() -> Option<PathBuf> {
    let folder = std::env::var_os("MEDIAFACTORY_GROUND_TRUTH").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: MEDIAFACTORY_GROUND_TRUTH does not say where the recordings are");
    }
    folder
}

/// What a real server offers as nodes. Its lists of files are those of the machine where it was
/// recorded; here the files that templates load, and those that callers bring, are put into them,
/// as if the server had them all.
fn catalog(templates: &Templates) -> Option<NodeCatalog> {
    let file = ground_truth()?.join("comfyui/object_info-0.33.0.json");
    let mut nodes: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    for template in templates.all() {
        let models = template.models.iter().map(|model| (&model.node, &model.input));
        let brought = template.parameters.iter().filter(|parameter| parameter.kind.is_file());
        let brought = brought.flat_map(|parameter| &parameter.targets);
        for (node, input) in models.chain(brought.map(|target| (&target.node, &target.input))) {
            let node = template.workflow().node(node).unwrap();
            let file = node.input(input).unwrap().to_json().to_serde();
            offer(&mut nodes, node.class_type().as_str(), input, &file);
        }
    }
    Some(NodeCatalog::from_bytes(&serde_json::to_vec(&nodes).unwrap()).unwrap())
}

/// Puts a file among the choices of an input, however its class spells them.
fn offer(nodes: &mut Value, class: &str, input: &str, file: &Value) {
    let places = ["required", "optional"].into_iter().flat_map(|group| {
        ["0", "1/options"].map(|place| format!("/{class}/input/{group}/{input}/{place}"))
    });
    for place in places {
        let choices = nodes.pointer_mut(&place).and_then(Value::as_array_mut);
        if let Some(choices) = choices.filter(|choices| !choices.contains(file)) {
            choices.push(file.clone());
        }
    }
}

fn check(catalog: &NodeCatalog, template: &Template, prompt: &Json) {
    let name = &template.name;
    let verdict = validate(prompt, catalog, Targets::All, Profile::V0_33);
    assert!(verdict.is_clean(), "{name}: {}", verdict.to_json());
    assert!(verdict.warnings().is_empty(), "{name}: {:#?}", verdict.warnings());
    assert!(!verdict.outputs().is_empty(), "{name}");
}

#[test]
fn a_real_server_takes_every_template_without_error_or_warning() {
    let templates = Templates::own().unwrap();
    let Some(catalog) = catalog(&templates) else { return };
    for template in templates.all() {
        check(&catalog, template, &template.workflow().to_json());
    }
}

#[test]
fn every_template_has_core_nodes_only_and_none_that_costs_or_is_given_up() {
    let templates = Templates::own().unwrap();
    let Some(catalog) = catalog(&templates) else { return };
    for template in templates.all() {
        for (id, node) in template.workflow().nodes() {
            let class = catalog.class(node.class_type().as_str()).unwrap();
            let module = class.python_module.as_str();
            let is_core = module == "nodes" || module.starts_with("comfy_extras.");
            assert!(is_core && !class.deprecated && !class.api_node, "{}: {id}", template.name);
            assert!(node.title().is_some_and(|title| !title.is_empty()), "{}: {id}", template.name);
        }
    }
}

#[test]
fn the_bounds_of_numbers_are_within_those_of_the_nodes() {
    let templates = Templates::own().unwrap();
    let Some(catalog) = catalog(&templates) else { return };
    for template in templates.all() {
        let bounds = [("minimum", "min"), ("maximum", "max")];
        for (parameter, (ours, theirs)) in
            template.parameters.iter().flat_map(|parameter| bounds.map(|bound| (parameter, bound)))
        {
            let own = if ours == "minimum" { parameter.minimum } else { parameter.maximum };
            let Some(own) = own else { continue };
            for target in &parameter.targets {
                let node = template.workflow().node(&target.node).unwrap();
                let class = catalog.class(node.class_type().as_str()).unwrap();
                // What belongs to a choice has no schema of its own name.
                let Some(spec) = class.input(&target.input) else { continue };
                let Some(limit) = spec.options.get(theirs).and_then(Json::as_f64) else { continue };
                let is_within = if ours == "minimum" { own >= limit } else { own <= limit };
                let name = &template.name;
                assert!(is_within, "{name}: {ours} of {} beyond {limit}", parameter.name);
            }
        }
    }
}

#[test]
fn every_choice_is_one_that_the_node_takes() {
    let templates = Templates::own().unwrap();
    let Some(catalog) = catalog(&templates) else { return };
    for template in templates.all() {
        for parameter in template.parameters.iter().filter(|found| !found.choices.is_empty()) {
            for choice in &parameter.choices {
                let mut given = BTreeMap::from([(parameter.name.clone(), Json::from(&**choice))]);
                given.extend(template.required().map(|required| {
                    let target = required.targets.first().unwrap();
                    let node = template.workflow().node(&target.node).unwrap();
                    (required.name.clone(), node.input(&target.input).unwrap().to_json())
                }));
                let filled = template.fill(&given, 0).unwrap();
                check(&catalog, template, &filled.workflow.to_json());
            }
        }
    }
}

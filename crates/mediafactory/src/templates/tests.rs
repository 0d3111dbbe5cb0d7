use std::collections::BTreeMap;

use workflow_graph::{Json, check};

use super::{ParameterKind, Templates, read};

fn given(members: &[(&str, Json)]) -> BTreeMap<String, Json> {
    members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

#[test]
fn own_templates_are_sound_graphs() {
    let templates = Templates::own().unwrap();
    let names: Vec<&str> = templates.all().iter().map(|template| &*template.name).collect();
    assert_eq!(names, ["sdxl_txt2img", "flux2_txt2img", "sd15_txt2img"]);
    for template in templates.all() {
        assert_eq!(check::dangling_links(template.workflow()), []);
        assert_eq!(check::cycle(template.workflow()), None);
        assert_eq!(template.parameter("seed").unwrap().kind, ParameterKind::Seed);
    }
}

#[test]
fn defaults_in_the_data_are_the_values_in_the_workflow() {
    for template in Templates::own().unwrap().all() {
        let values = template.parameters.iter().filter_map(|p| Some((p, p.default.as_ref()?)));
        for (parameter, default) in values {
            for target in &parameter.targets {
                let node = template.workflow().node(&target.node).unwrap();
                let written = node.input(&target.input).unwrap().to_json();
                assert_eq!(&written, default, "{}: {}", template.name, parameter.name);
            }
        }
    }
}

#[test]
fn a_value_that_looks_like_json_or_a_placeholder_stays_text() {
    let templates = Templates::own().unwrap();
    let prompt = r#"{{seed}} ${x} ["4", 0] "quoted" \ %date%"#;
    let filled = templates.get("sdxl_txt2img").unwrap();
    let filled = filled.fill(&given(&[("prompt", Json::from(prompt))]), 7).unwrap();
    let node = filled.workflow.node(&"6".parse().unwrap()).unwrap();
    assert_eq!(node.input("text").unwrap().to_json(), Json::from(prompt));
    assert_eq!(
        (filled.seed, filled.model.as_deref()),
        (Some(7), Some("sd_xl_base_1.0.safetensors"))
    );
}

#[test]
fn one_parameter_may_set_several_inputs() {
    let templates = Templates::own().unwrap();
    let flux2 = templates.get("flux2_txt2img").unwrap();
    let values = given(&[("prompt", "x".into()), ("width", Json::from("512"))]);
    let filled = flux2.fill(&values, 1).unwrap();
    for node in ["9", "10"] {
        let node = filled.workflow.node(&node.parse().unwrap()).unwrap();
        assert_eq!(node.input("width").unwrap().to_json(), Json::from(512_u64));
    }
}

#[test]
fn every_wrong_parameter_is_named() {
    let templates = Templates::own().unwrap();
    let values = given(&[
        ("prompt", " ".into()),
        ("width", Json::from(1001_u64)),
        ("steps", Json::from(0_u64)),
        ("cfg", Json::from("high")),
        ("seed", Json::from(-1_i64)),
        ("stepz", Json::from(1_u64)),
    ]);
    let error = templates.get("sdxl_txt2img").unwrap().fill(&values, 1).unwrap_err();
    insta::assert_snapshot!(format!("{error}\n{}", error.hint().unwrap()));
}

#[test]
fn the_largest_seed_is_taken_as_number_and_as_text() {
    let templates = Templates::own().unwrap();
    let sdxl = templates.get("sdxl_txt2img").unwrap();
    for seed in [Json::from(u64::MAX), Json::from(u64::MAX.to_string())] {
        let filled = sdxl.fill(&given(&[("prompt", "x".into()), ("seed", seed)]), 1).unwrap();
        assert_eq!(filled.seed, Some(u64::MAX));
    }
}

#[test]
fn a_wrong_template_is_refused_with_its_file_and_reason() {
    let workflow = r#"{"1": {"class_type": "A", "inputs": {"x": 1, "y": ["1", 0]}}}"#;
    let template = |parameter: &str| {
        format!(
            "title = 't'\ndescription = 'd'\ntask = 'text-to-image'\ntags = []\n\
             minimum_version = '0.1.0'\ngenerate_order = 1\nmodels = []\n[[parameters]]\n\
             name = 'p'\ndescription = 'd'\n{parameter}\n"
        )
    };
    let cases = [
        "kind = 'integer'\ntargets = [{ node = '2', input = 'x' }]",
        "kind = 'integer'\ntargets = [{ node = '1', input = 'y' }]",
        "kind = 'integer'\ntargets = [{ node = '1', input = 'z' }]",
        "kind = 'integer'\ntargets = []",
        "kind = 'model'\ntargets = [{ node = '1', input = 'x' }]",
        "kind = 'colour'\ntargets = []",
    ];
    let errors: Vec<String> = cases
        .iter()
        .map(|case| read::read("t", &template(case), workflow).unwrap_err().to_string())
        .collect();
    insta::assert_snapshot!(errors.join("\n---\n"));
}

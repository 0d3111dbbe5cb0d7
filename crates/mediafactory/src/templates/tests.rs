use std::collections::BTreeMap;

use workflow_graph::{Json, check};

use super::{ParameterKind, Template, Templates, read};

fn given(members: &[(&str, Json)]) -> BTreeMap<String, Json> {
    members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

#[test]
fn own_templates_are_sound_graphs() {
    let templates = Templates::own().unwrap();
    let names: Vec<&str> = templates.all().iter().map(|template| &*template.name).collect();
    assert_eq!(names[..3], ["sdxl_txt2img", "flux2_txt2img", "sd15_txt2img"]);
    for template in templates.all() {
        assert_eq!(check::dangling_links(template.workflow()), []);
        assert_eq!(check::cycle(template.workflow()), None);
        let seed = template.parameter("seed");
        assert!(seed.is_none_or(|seed| seed.kind == ParameterKind::Seed), "{}", template.name);
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

const HEAD: &str = "title = 't'\ndescription = 'd'\ntask = 'text-to-image'\ntags = []\n\
                    minimum_version = '0.1.0'\ngenerate_order = 1\n";

/// A template with a parameter of each kind that none of the first three templates has.
fn all_kinds() -> Template {
    let workflow = r#"{"1": {"class_type": "A", "inputs": {"x": 1, "y": 2, "z": 3, "w": 4}}}"#;
    let parameters = "
        [[parameters]]
        name = 'frames'
        kind = 'integer'
        description = 'd'
        default = 49
        minimum = 9
        maximum = 97
        multiple_of = 8
        offset = 1
        targets = [{ node = '1', input = 'x' }]
        [[parameters]]
        name = 'image'
        kind = 'image'
        description = 'd'
        required = true
        targets = [{ node = '1', input = 'y' }]
        [[parameters]]
        name = 'crop'
        kind = 'choice'
        description = 'd'
        default = 'center'
        choices = ['center', 'disabled']
        targets = [{ node = '1', input = 'z' }]
        [[parameters]]
        name = 'tiled'
        kind = 'boolean'
        description = 'd'
        default = false
        targets = [{ node = '1', input = 'w' }]
    ";
    read::read("all_kinds", &format!("{HEAD}models = []\n{parameters}"), workflow).unwrap()
}

#[test]
fn files_choices_and_truth_values_are_set_as_they_are() {
    let values = given(&[
        ("image", "fox.png [output]".into()),
        ("crop", "disabled".into()),
        ("tiled", "true".into()),
        ("frames", "57".into()),
    ]);
    let filled = all_kinds().fill(&values, 1).unwrap();
    assert_eq!(
        filled.workflow.to_json().at(&["1", "inputs"]).unwrap().to_string(),
        r#"{"x":57,"y":"fox.png [output]","z":"disabled","w":true}"#
    );
    assert_eq!((filled.seed, filled.model), (None, None));
}

#[test]
fn every_wrong_value_names_what_would_be_right() {
    let wrong = [
        given(&[]),
        given(&[
            ("image", Json::from(5_u64)),
            ("crop", "disable".into()),
            ("tiled", "yes".into()),
            ("frames", Json::from(48_u64)),
        ]),
        given(&[("image", " ".into()), ("crop", "zzz".into()), ("frames", Json::from(98_u64))]),
        given(&[("image", "a".repeat(5000).into()), ("frames", "97.5".into())]),
    ];
    let errors = wrong.map(|values| all_kinds().fill(&values, 1).unwrap_err().to_string());
    insta::assert_snapshot!(errors.join("\n---\n"));
}

#[test]
fn the_nearest_of_a_rule_is_one_that_the_bounds_allow() {
    let mut template = all_kinds();
    template.parameters[0].maximum = Some(96.0);
    template.parameters[0].default = Some(Json::from(9_u64));
    let values = |frames: i64| given(&[("image", "a.png".into()), ("frames", Json::from(frames))]);
    let error = |frames| template.fill(&values(frames), 1).unwrap_err().to_string();
    assert!(error(96).ends_with("a multiple of 8 plus 1, but is 96; the nearest is 89"));
    assert!(error(90).ends_with("but is 90; the nearest is 89"));
    assert!(error(16).ends_with("but is 16; the nearest are 9 and 17"));
    assert!(error(i64::MIN).ends_with("must be from 9 to 96, but is -9223372036854775808"));
    assert!(template.fill(&values(89), 1).is_ok());
}

#[test]
fn a_variant_needs_its_family() {
    let texts = format!("{HEAD}variant = 't2i'\nmodels = []\nparameters = []");
    let workflow = r#"{"1": {"class_type": "A", "inputs": {}}}"#;
    let error = read::read("t", &texts, workflow).unwrap_err().to_string();
    assert_eq!(error, "template `t`: template.toml: there is a `variant` without its `family`");
}

#[test]
fn a_wrong_template_is_refused_with_its_file_and_reason() {
    let workflow = r#"{"1": {"class_type": "A", "inputs": {"x": 1, "y": ["1", 0]}}}"#;
    let template = |parameter: &str| {
        format!("{HEAD}models = []\n[[parameters]]\nname = 'p'\ndescription = 'd'\n{parameter}\n")
    };
    let cases = [
        "kind = 'integer'\ntargets = [{ node = '2', input = 'x' }]",
        "kind = 'integer'\ntargets = [{ node = '1', input = 'y' }]",
        "kind = 'integer'\ntargets = [{ node = '1', input = 'z' }]",
        "kind = 'integer'\ntargets = []",
        "kind = 'model'\ntargets = [{ node = '1', input = 'x' }]",
        "kind = 'colour'\ntargets = []",
        "kind = 'boolaen'\ntargets = []",
        "kind = 'choice'\ntargets = [{ node = '1', input = 'x' }]",
        "kind = 'choice'\nchoices = ['a', 'b']\ndefault = 'c'\ntargets = [{ node = '1', input = 'x' }]",
        "kind = 'text'\nchoices = ['a']\ntargets = [{ node = '1', input = 'x' }]",
        "kind = 'image'\ntargets = [{ node = '1', input = 'x' }]",
        "kind = 'image'\nrequired = true\ndefault = 'a.png'\ntargets = [{ node = '1', input = 'x' }]",
        "kind = 'text'\nfolder = 'vae'\ntargets = [{ node = '1', input = 'x' }]",
        "kind = 'text'\nmaximum = 3\ntargets = [{ node = '1', input = 'x' }]",
        "kind = 'number'\nmultiple_of = 3\ntargets = [{ node = '1', input = 'x' }]",
        "kind = 'integer'\nmultiple_of = 0\ntargets = [{ node = '1', input = 'x' }]",
        "kind = 'integer'\noffset = 1\ntargets = [{ node = '1', input = 'x' }]",
        "kind = 'integer'\nmultiple_of = 4\noffset = 1\ndefault = 80\ntargets = [{ node = '1', input = 'x' }]",
        "kind = 'integer'\nminimum = 1\nmaximum = 4\ndefault = 5\ntargets = [{ node = '1', input = 'x' }]",
        "kind = 'integer'\ndefault = [5]\ntargets = [{ node = '1', input = 'x' }]",
        "kind = 'text'\ntargets = [{ node = '1', input = 'x' }]\n[[parameters]]\nname = 'p'\n\
         description = 'd'\nkind = 'text'\ntargets = [{ node = '1', input = 'x' }]",
    ];
    let errors: Vec<String> = cases
        .iter()
        .map(|case| read::read("t", &template(case), workflow).unwrap_err().to_string())
        .collect();
    insta::assert_snapshot!(errors.join("\n---\n"));
}

use super::*;

const DEFINITIONS: &str = r#"{
    "Empty": {"input": {"required": {
        "width": ["INT", {"default": 512, "min": 16, "max": 64, "step": 8}],
        "scale": ["FLOAT", {"default": 1.0, "min": 0.5}],
        "mode": [["soft", "hard"], {}]}, "optional": {"on": ["BOOLEAN", {}], "text": ["STRING", {}]}},
        "output": ["IMAGE", "MASK"], "python_module": "nodes"},
    "Pass": {"input": {"required": {"image": ["IMAGE"]}, "optional": {"mask": ["MASK"], "any": ["*"]}},
        "output": ["IMAGE"], "python_module": "nodes"},
    "Pass3": {"input": {"required": {"image": ["IMAGE", {}]}}, "output": ["IMAGE"], "output_matchtypes": null},
    "Old": {"input": {}, "output": ["IMAGE"], "deprecated": true},
    "Many": {"input": {"required": {"pick": ["COMBO", {"multiselect": true, "options": ["a", "b"]}]}}, "output": ["IMAGE"], "output_matchtypes": null},
    "Grow": {"input": {"required": {"images": ["COMFY_AUTOGROW_V3", {"template": {"input": {"required": {"image": ["IMAGE", {}]}}, "prefix": "image", "min": 1, "max": 3}}]}},
        "output": ["IMAGE"], "output_matchtypes": null},
    "Resize": {"input": {"required": {"how": ["COMFY_DYNAMICCOMBO_V3", {"options": [
        {"key": "by size", "inputs": {"required": {"width": ["INT", {"min": 1}]}, "optional": {"crop": [["no", "yes"], {}]}}},
        {"key": "by half", "inputs": {"required": {}}}]}]}},
        "output": ["IMAGE"], "output_matchtypes": null},
    "Switch": {"input": {"required": {"a": ["COMFY_MATCHTYPE_V3", {"template": {"template_id": "t", "allowed_types": "*"}}],
        "b": ["COMFY_MATCHTYPE_V3", {"template": {"template_id": "t", "allowed_types": "*"}}]}},
        "output": ["COMFY_MATCHTYPE_V3"], "output_matchtypes": ["t"]},
    "LoadImage": {"input": {"required": {"image": [["fox.png", "hare.png"], {"image_upload": true}]}}, "output": ["IMAGE", "MASK"], "python_module": "nodes"},
    "Save": {"input": {"required": {"images": ["IMAGE"]}}, "output": [], "output_node": true, "python_module": "nodes"}}"#;

fn catalog() -> NodeCatalog {
    NodeCatalog::from_bytes(DEFINITIONS.as_bytes()).unwrap()
}

fn judge(prompt: &str, profile: Profile) -> Verdict {
    validate(&Json::parse(prompt.as_bytes()).unwrap(), &catalog(), Targets::All, profile)
}

/// The verdict as lines: the refusal, each error, and the outputs that would run.
fn told(verdict: &Verdict) -> String {
    let mut lines = Vec::new();
    if let Some(refusal) = verdict.refusal() {
        lines.push(format!("{}: {} | {}", refusal.kind.as_str(), refusal.message, refusal.details));
    }
    for Located { node, finding } in verdict.errors() {
        let input = finding.input.as_deref().unwrap_or("-");
        let choices: Vec<String> = finding.choices.iter().map(Json::to_string).collect();
        let (kind, details) = (finding.kind.as_str(), &finding.details);
        lines.push(format!(
            "{node} {input} {kind}: {} | {details} | {}",
            finding.message,
            choices.join(" ")
        ));
    }
    lines.push(format!("runs {}", verdict.outputs().join(" ")));
    lines.join("\n")
}

/// Judges one node whose output is saved; the node has id 1.
#[track_caller]
fn check(node: &str, expected: &str) {
    let prompt = format!(
        r#"{{"1": {node}, "9": {{"class_type": "Save", "inputs": {{"images": ["1", 0]}}}}}}"#
    );
    let all = told(&judge(&prompt, Profile::V0_33));
    let own: Vec<&str> = all.lines().filter(|line| line.starts_with("1 ")).collect();
    assert_eq!(own.join("\n"), expected);
}

fn empty(changes: &str) -> String {
    let base = r#"{"class_type": "Empty", "inputs": {"width": 32, "scale": 1, "mode": "soft""#;
    format!("{base}{changes}}}}}")
}

#[test]
fn values_are_refused_in_the_servers_words() {
    check(&empty(""), "");
    check(
        &empty(r#", "width": 8"#),
        "1 width value_smaller_than_min: Value 8 smaller than min of 16 | width | 16",
    );
    check(
        &empty(r#", "width": " 6_5 ""#),
        "1 width value_bigger_than_max: Value 65 bigger than max of 64 | width | 64",
    );
    check(
        &empty(r#", "scale": 0"#),
        "1 scale value_smaller_than_min: Value 0.0 smaller than min of 0.5 | scale | 0.5",
    );
    check(&empty(r#", "scale": NaN"#), "");
    check(
        &empty(r#", "width": "1e3""#),
        "1 width invalid_input_type: Failed to convert an input value to a INT value | width, 1e3, invalid literal for int() with base 10: '1e3' | 512",
    );
    check(
        &empty(r#", "mode": "Hard""#),
        "1 mode value_not_in_list: Value not in list | mode: 'Hard' not in ['soft', 'hard'] | \"hard\"",
    );
    check(
        &empty(r#", "mode": [1, 2, 3]"#),
        "1 mode bad_linked_input: Bad linked input, must be a length-2 list of [node_id, slot_index] | mode | ",
    );
}

#[test]
fn what_the_server_converts_passes() {
    for odd in [
        r#", "width": 32.9"#,
        r#", "width": "40""#,
        r#", "on": "false""#,
        r#", "text": null"#,
        r#", "text": {"a": 1}"#,
        r#", "scale": true"#,
        r#", "width": {"__value__": 24}"#,
    ] {
        check(&empty(odd), "");
    }
}

#[test]
fn several_choices_at_once_are_checked_one_by_one() {
    check(r#"{"class_type": "Many", "inputs": {"pick": {"__value__": ["a", "b"]}}}"#, "");
    check(
        r#"{"class_type": "Many", "inputs": {"pick": {"__value__": ["a", "c", 5]}}}"#,
        "1 pick value_not_in_list: Value not in list | pick: 'c', 5 not in ['a', 'b'] | \"a\" \"b\"",
    );
    let prompt = r#"{"1": {"class_type": "Many", "inputs": {"pick": {"__value__": ["a"]}}}, "9": {"class_type": "Save", "inputs": {"images": ["1", 0]}}}"#;
    assert!(judge(prompt, Profile::V0_33).is_clean());
    assert!(told(&judge(prompt, Profile::V0_8)).contains("pick: '['a']' not in ['a', 'b']"));
}

#[test]
fn growing_inputs_need_their_first_slots_only_on_a_newer_server() {
    check(
        r#"{"class_type": "Grow", "inputs": {"images.image1": ["1", 0], "images.image7": 5}}"#,
        "1 images.image0 required_input_missing: Required input is missing | image0 | \n\
         1 - dependency_cycle: Dependency cycle detected | 1 (Grow) -> 1 (Grow) | "
            .lines()
            .rev()
            .collect::<Vec<_>>()
            .join("\n")
            .as_str(),
    );
    let prompt = r#"{"1": {"class_type": "Grow", "inputs": {}}, "9": {"class_type": "Save", "inputs": {"images": ["1", 0]}}}"#;
    assert!(judge(prompt, Profile::V0_8).is_clean());
    assert!(!judge(prompt, Profile::V0_33).is_accepted());
}

#[test]
fn the_choice_of_a_dynamic_combo_decides_what_is_checked() {
    check(r#"{"class_type": "Resize", "inputs": {"how": "by half", "how.width": -5}}"#, "");
    check(
        r#"{"class_type": "Resize", "inputs": {"how": "by size"}}"#,
        "1 how.width required_input_missing: Required input is missing | width | ",
    );
    check(
        r#"{"class_type": "Resize", "inputs": {"how": "by size", "how.width": 0, "how.crop": "x"}}"#,
        "1 how.width value_smaller_than_min: Value 0 smaller than min of 1 | how.width | 1\n\
         1 how.crop value_not_in_list: Value not in list | how.crop: 'x' not in ['no', 'yes'] | \"no\" \"yes\"",
    );
    check(r#"{"class_type": "Resize", "inputs": {"how": "by nothing"}}"#, "");
}

#[test]
fn links_are_refused_where_they_are_noticed() {
    let judged = |link: &str| {
        let prompt = format!(
            r#"{{"1": {}, "2": {{"class_type": "Pass", "inputs": {{"image": {link}}}}}, "9": {{"class_type": "Save", "inputs": {{"images": ["2", 0]}}}}}}"#,
            empty("")
        );
        let told = told(&judge(&prompt, Profile::V0_33));
        told.lines().nth(1).unwrap_or_default().to_owned()
    };
    assert_eq!(
        judged(r#"["1", 1]"#),
        "2 image return_type_mismatch: Return type mismatch between linked nodes | image, received_type(MASK) mismatch input_type(IMAGE) | [\"1\",0]"
    );
    let broken = |link: &str, details: &str| {
        let expected = format!(
            "2 images exception_during_inner_validation: Exception when validating inner node | {details} | [\"1\",0]"
        );
        assert_eq!(judged(link), expected);
    };
    broken(r#"["7", 0]"#, "'7'");
    broken("[1, 0]", "1");
    broken("[null, 0]", "None");
    broken(r#"[["1"], 0]"#, "unhashable type: 'list'");
    broken(r#"["1", 2]"#, "tuple index out of range");
    broken(r#"["1", -3]"#, "tuple index out of range");
    broken(r#"["1", 0.0]"#, "tuple indices must be integers or slices, not float");
    broken(r#"["1", "0"]"#, "tuple indices must be integers or slices, not str");
    broken(r#"["1", 99999999999999999999]"#, "cannot fit 'int' into an index-sized integer");
    assert_eq!(judged(r#"["1", -2]"#), "");
    assert_eq!(judged(r#"["1", false]"#), "");
}

#[test]
fn an_exception_names_the_input_it_comes_from_and_all_who_may_be_blamed() {
    let prompt = r#"{"1": {"class_type": "Pass", "inputs": {"image": ["7", 0]}},
        "2": {"class_type": "Pass", "inputs": {"image": ["1", 0], "any": ["1", 0]}},
        "9": {"class_type": "Save", "inputs": {"images": ["2", 0]}}}"#;
    let verdict = judge(prompt, Profile::V0_33);
    let error = verdict.errors().next().unwrap();
    assert_eq!((error.node, error.finding.input.as_deref()), ("1", Some("image")));
    assert_eq!(error.finding.culprit.as_deref(), Some("image"));
    let kind = ErrorKind::ExceptionDuringInnerValidation;
    assert_eq!(error.finding.alternatives, [Alternative { kind, input: Some("any".to_owned()) }]);
}

#[test]
fn one_good_output_is_enough_and_the_others_are_told() {
    let prompt = format!(
        r#"{{"1": {}, "2": {}, "8": {{"class_type": "Save", "inputs": {{"images": ["1", 0]}}}}, "9": {{"class_type": "Save", "inputs": {{"images": ["2", 0]}}}}}}"#,
        empty(""),
        empty(r#", "mode": 3"#)
    );
    let verdict = judge(&prompt, Profile::V0_33);
    assert!(verdict.is_accepted() && !verdict.is_clean());
    assert_eq!(verdict.outputs(), ["8"]);
    assert_eq!(verdict.dependents("2"), ["9"]);
    let only = ["9".to_owned()];
    let verdict = validate(
        &Json::parse(prompt.as_bytes()).unwrap(),
        &catalog(),
        Targets::Only(&only),
        Profile::V0_33,
    );
    assert!(!verdict.is_accepted());
    let none = ["1".to_owned()];
    let verdict = validate(
        &Json::parse(prompt.as_bytes()).unwrap(),
        &catalog(),
        Targets::Only(&none),
        Profile::V0_33,
    );
    let refusal = verdict.refusal().unwrap();
    assert_eq!((refusal.kind, refusal.choices.len()), (RefusalKind::NoOutputs, 2));
}

#[test]
fn circles_have_a_name_only_on_a_newer_server() {
    let prompt = r#"{"1": {"class_type": "Pass", "inputs": {"image": ["2", 0]}}, "2": {"class_type": "Pass", "inputs": {"image": ["1", 0], "any": ["2", 0]}},
        "9": {"class_type": "Save", "inputs": {"images": ["1", 0]}}}"#;
    insta::assert_snapshot!(told(&judge(prompt, Profile::V0_33)), @r"
    prompt_outputs_failed_validation: Prompt outputs failed validation | 
    1 - dependency_cycle: Dependency cycle detected | 1 (Pass) -> 2 (Pass) -> 1 (Pass) | 
    2 - dependency_cycle: Dependency cycle detected | 1 (Pass) -> 2 (Pass) -> 1 (Pass) | 
    runs
    ");
    insta::assert_snapshot!(told(&judge(prompt, Profile::V0_8)), @r"
    prompt_outputs_failed_validation: Prompt outputs failed validation | 
    runs
    ");
}

#[test]
fn prompts_that_are_no_workflow_have_a_verdict_too() {
    let told = |prompt: &str, profile| told(&judge(prompt, profile));
    insta::assert_snapshot!(told(r#"{"1": {"inputs": {}, "_meta": {"title": "Mine"}}}"#, Profile::V0_33), @r"
    missing_node_type: Node 'Mine' has no class_type. The workflow may be corrupted or a custom node is missing. | Node ID '#1'
    runs
    ");
    insta::assert_snapshot!(told(r#"{"1": {"class_type": "save"}}"#, Profile::V0_33), @r"
    missing_node_type: Node 'save' not found. The custom node may not be installed. | Node ID '#1'
    runs
    ");
    insta::assert_snapshot!(told(r#"{"1": {"class_type": 5}}"#, Profile::V0_8), @r"
    invalid_prompt: Cannot execute because node 5 does not exist. | Node ID '#1'
    runs
    ");
    insta::assert_snapshot!(told(r#"{"1": {"class_type": "Save"}}"#, Profile::V0_33), @r"
    prompt_outputs_failed_validation: Prompt outputs failed validation | Exception when validating node: 'inputs'
    1 - exception_during_validation: Exception when validating node | 'inputs' | 
    runs
    ");
    for fault in [
        "null",
        "[]",
        "7",
        r#""x""#,
        r#"{"1": null}"#,
        r#"{"1": "x"}"#,
        r#"{"1": {"class_type": []}}"#,
        r#"{"1": {"class_type": "Save", "inputs": null}}"#,
        r#"{"1": {"class_type": "No", "_meta": null}}"#,
    ] {
        assert_eq!(
            judge(fault, Profile::V0_33).refusal().unwrap().kind,
            RefusalKind::ServerFault,
            "{fault}"
        );
    }
    assert_eq!(judge("{}", Profile::V0_33).refusal().unwrap().kind, RefusalKind::NoOutputs);
    assert_eq!(judge("[]", Profile::V0_8).refusal().unwrap().kind, RefusalKind::NoOutputs);
    assert_eq!(
        judge(r#"{"1": "x"}"#, Profile::V0_8).refusal().unwrap().kind,
        RefusalKind::InvalidPrompt
    );
}

#[test]
fn own_checks_of_known_classes_stand_in_for_the_list_of_choices() {
    let load = |inputs: &str| format!(r#"{{"class_type": "LoadImage", "inputs": {{{inputs}}}}}"#);
    check(&load(r#""image": "fox.png""#), "");
    check(&load(r#""image": "hare.png [input]""#), "");
    check(&load(r#""image": "later.png [output]""#), "");
    check(
        &load(r#""image": "FOX.png""#),
        "1 image custom_validation_failed: Custom validation failed for node | image - Invalid image file: FOX.png | \"fox.png\"",
    );
    check(
        &load(""),
        "1 images exception_during_inner_validation: Exception when validating inner node | LoadImage.VALIDATE_INPUTS() missing 1 required positional argument: 'image' | ",
    );
    check(
        &load(r#""image": 5"#),
        "1 images exception_during_inner_validation: Exception when validating inner node | 'int' object has no attribute 'endswith' | ",
    );
}

#[test]
fn warnings_never_change_the_verdict() {
    let prompt = format!(
        r#"{{"1": {}, "2": {{"class_type": "Resize", "inputs": {{}}}}, "3": {{"class_type": "Resize", "inputs": {{"how": "by hlaf", "how.width": 3}}}},
            "4": {{"class_type": "Old"}}, "5": {{"class_type": "LoadImage", "inputs": {{"image": "sub/fox.png"}}}},
            "6": {{"class_type": "Switch", "inputs": {{"a": ["1", 0], "b": ["1", 1]}}}},
            "7": {{"class_type": "Pass", "inputs": {{"image": "text"}}}},
            "8": {{"class_type": "Pass", "inputs": {{"image": ["1", 0], "any": [["2", "3"], 0], "mask": ["1", 1]}}}},
            "9": {{"class_type": "Save", "inputs": {{"images": ["1", 0], "extra": ["6", 0], "other": ["2", 0], "a": ["3", 0], "b": ["5", 0], "c": ["7", 0]}}}}}}"#,
        empty(r#", "on": "false", "width": 32.5, "text": null, "wdith": 5"#)
    );
    let verdict = judge(&prompt, Profile::V0_33);
    assert!(verdict.is_clean());
    let lines: Vec<String> = verdict
        .warnings()
        .iter()
        .map(|warning| {
            let choices: Vec<String> = warning.choices.iter().map(Json::to_string).collect();
            format!(
                "{} {}: {} | {}",
                warning.node,
                warning.kind.as_str(),
                warning.message,
                choices.join(" ")
            )
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_missing_class_is_replaced_as_the_server_does_it() {
    let replacements = br#"{"Gone": [{"new_node_id": "Pass", "input_mapping": [{"new_id": "image", "old_id": "picture"}], "output_mapping": [{"old_idx": 1, "new_idx": 0}]}]}"#;
    let catalog = catalog().with_replacements(&Json::parse(replacements).unwrap());
    let judge = |gone: &str, profile| {
        let prompt = format!(
            r#"{{"1": {}, "2": {gone}, "9": {{"class_type": "Save", "inputs": {{"images": ["2", 1]}}}}}}"#,
            empty("")
        );
        validate(&Json::parse(prompt.as_bytes()).unwrap(), &catalog, Targets::All, profile)
    };
    let whole = r#"{"class_type": "Gone", "inputs": {"picture": ["1", 0], "dropped": 5}, "_meta": {"title": "x"}}"#;
    let verdict = judge(whole, Profile::V0_33);
    assert!(verdict.is_clean(), "{}", told(&verdict));
    assert_eq!(verdict.warnings()[0].kind, WarningKind::ReplacedNode);
    assert_eq!(judge(whole, Profile::V0_8).refusal().unwrap().kind, RefusalKind::InvalidPrompt);
    for broken in [
        r#"{"class_type": "Gone", "inputs": {"picture": ["1", 0]}}"#,
        r#"{"class_type": "Gone", "inputs": {}, "_meta": {}}"#,
    ] {
        assert_eq!(judge(broken, Profile::V0_33).refusal().unwrap().kind, RefusalKind::ServerFault);
    }
}

/// A chain of nodes from a broken one to an output.
fn chain(class: &str, count: usize) -> Json {
    let mut nodes =
        vec![("0".to_owned(), Json::parse(empty(r#", "width": 0"#).as_bytes()).unwrap())];
    let node = |class: &str, input: &str, from: usize| {
        let link = Json::from(vec![Json::from(from.to_string()), Json::from(0_u64)]);
        Json::object([("class_type", Json::from(class)), ("inputs", Json::object([(input, link)]))])
    };
    nodes.extend((1..=count).map(|at| (at.to_string(), node(class, "image", at - 1))));
    nodes.push(("out".to_owned(), node("Save", "images", count)));
    Json::object(nodes.iter().map(|(id, node)| (id.as_str(), node.clone())))
}

#[test]
fn a_path_too_long_for_pythons_stack_is_refused_where_the_server_refuses_it() {
    let place = |count| {
        let verdict = validate(&chain("Pass3", count), &catalog(), Targets::All, Profile::V0_33);
        let error = verdict.errors().next().unwrap();
        (error.node.to_owned(), error.finding.kind)
    };
    assert_eq!(place(974), ("0".to_owned(), ErrorKind::ValueSmallerThanMin));
    for count in [990, 1_200, 100_000] {
        let node = (count + 2 - 973).to_string();
        assert_eq!(place(count), (node, ErrorKind::ExceptionDuringInnerValidation));
    }
}

#[test]
fn every_bad_node_of_very_many_is_told_in_bounded_time() {
    let mut nodes = Vec::new();
    for at in 0..10_000_u32 {
        let bad = format!(
            r#"{{"class_type": "Empty", "inputs": {{"width": "w{at}", "scale": ["{at}x", 0], "mode": "m{at}"}}}}"#
        );
        nodes.push((format!("a{at}"), Json::parse(bad.as_bytes()).unwrap()));
        let save = format!(r#"{{"class_type": "Save", "inputs": {{"images": ["a{at}", 0]}}}}"#);
        nodes.push((format!("b{at}"), Json::parse(save.as_bytes()).unwrap()));
    }
    let prompt = Json::object(nodes.iter().map(|(id, node)| (id.as_str(), node.clone())));
    let verdict = validate(&prompt, &catalog(), Targets::All, Profile::V0_33);
    assert_eq!(verdict.node_errors().len(), 10_000);
    assert_eq!(verdict.dependents("a9999"), ["b9999"]);
    assert_eq!(verdict.dependents("a0").len(), 10_000);
}

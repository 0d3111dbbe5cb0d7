//! Placeholders: what is one, what fills it, and what stays text.

use std::collections::BTreeMap;

use proptest::prelude::*;
use workflow_graph::{
    Json, Workflow,
    placeholders::{FillError, Mapping, Placeholders},
};

use crate::{
    graphs::{TEXT_TO_IMAGE, any_workflow, workflow},
    ground_truth,
};

/// A workflow with one input of this value.
fn with_value(value: &Json) -> Workflow {
    let node = [("class_type", Json::from("A")), ("inputs", Json::object([("x", value.clone())]))];
    Workflow::from_json(&Json::object([("1", Json::object(node))])).unwrap()
}

fn values(values: &[(&str, &str)]) -> BTreeMap<String, Json> {
    values
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Json::parse(value.as_bytes()).unwrap()))
        .collect()
}

/// Names and the JSON texts of their values.
type Given<'a> = &'a [(&'a str, &'a str)];

/// Fills the value `text` and shows what comes of it, or why nothing does.
fn filled(text: &str, given: Given<'_>) -> String {
    let template = match Placeholders::find(&with_value(&Json::parse(text.as_bytes()).unwrap())) {
        Ok(template) => template,
        Err(error) => return error.to_string(),
    };
    match template.fill(&values(given)) {
        Ok(workflow) => workflow.to_json().at(&["1", "inputs", "x"]).unwrap().to_string(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn whole_values_are_typed() {
    let cases: [(&str, Given<'_>, &str); 14] = [
        (r#""{{X}}""#, &[("X", "5")], "5"),
        (r#""{{X}}""#, &[("X", "null")], "null"),
        (r#""{{X:int}}""#, &[("X", "18446744073709551615")], "18446744073709551615"),
        (r#""{{X:int}}""#, &[("X", r#""18446744073709551615""#)], "18446744073709551615"),
        (r#""{{X:int}}""#, &[("X", "7.0")], "7"),
        (r#""{{X:int=5}}""#, &[], "5"),
        (r#""{{X:float=1.50}}""#, &[], "1.50"),
        (r#""{{ X : bool = true }}""#, &[], "true"),
        (r#""{{X=a b}}""#, &[], r#""a b""#),
        (r#""{{X:text=5}}""#, &[], r#""5""#),
        (r#""PARAM_INT_SEED""#, &[("SEED", "3")], "3"),
        (r#""PARAM_FLOAT_CFG""#, &[("CFG", "3")], "3"),
        (r#""PARAM_PROMPT""#, &[("PROMPT", r#""a fox""#)], r#""a fox""#),
        (r#""PARAM_BOOL_ON""#, &[("ON", r#""False""#)], "false"),
    ];
    for (text, given, expected) in cases {
        assert_eq!(filled(text, given), expected, "{text}");
    }
}

#[test]
fn places_inside_texts_lists_and_objects_are_filled() {
    assert_eq!(
        filled(r#""a {{A}} and {{B:int=2}} of {{A}}""#, &[("A", r#""x \"y\"""#)]),
        r#""a x \"y\" and 2 of x \"y\"""#
    );
    assert_eq!(
        filled(r#"{"__value__": ["{{A}}", 0, "{{B}}"]}"#, &[("A", "1"), ("B", "{}")]),
        r#"{"__value__":[1,0,{}]}"#
    );
}

#[test]
fn what_is_filled_in_is_never_read_again() {
    for value in [r#""{{B}}""#, r#""PARAM_INT_SEED""#, r#""}}, {\"x\": 1}""#, r#""{{A}}""#] {
        assert_eq!(filled(r#""{{A}}""#, &[("A", value)]), value);
        let inside: String = Json::parse(value.as_bytes()).unwrap().as_str().unwrap().to_owned();
        assert_eq!(
            filled(r#""<{{A}}|{{C=c}}>""#, &[("A", value)]),
            Json::from(format!("<{inside}|c>")).to_string()
        );
    }
}

#[test]
fn other_braces_and_capitals_stay_text() {
    for text in [
        r#""{red|blue} {{a|b}}""#,
        r#""{{lower}}""#,
        r#""{{A""#,
        r#""A}}""#,
        r#""{{}}""#,
        r#""{{1A}}""#,
        r#""PARAM_""#,
        r#""see PARAM_INT_SEED""#,
        r#""PARAM_seed""#,
        r#""{{ {{ }}""#,
    ] {
        assert_eq!(filled(text, &[]), Json::parse(text.as_bytes()).unwrap().to_string());
    }
    assert_eq!(filled(r#""{{ {{A}}""#, &[("A", "1")]), r#""{{ 1""#);
}

#[test]
fn every_mistake_is_named() {
    let cases: [(&str, Given<'_>); 11] = [
        (r#""{{A}} {{B}}""#, &[("C", "1")]),
        (r#""{{A:int}}""#, &[("A", "1.5")]),
        (r#""{{A:int}}""#, &[("A", r#""many""#)]),
        (r#""{{A:bool}}""#, &[("A", "1")]),
        (r#""{{A:text}} {{B:int}}""#, &[("A", "1"), ("B", "[]")]),
        (r#""<{{A}}>""#, &[("A", "[1]")]),
        (r#""{{A}}""#, &[("A", r#"["1",0]"#)]),
        (r#"["{{A}}", "{{B}}"]"#, &[("A", r#""1""#), ("B", "0")]),
        (r#""{{A:colour}}""#, &[]),
        (r#""{{A:int=x}}""#, &[]),
        (r#""{{A:int}} {{A:text}}""#, &[]),
    ];
    let lines = cases.map(|(text, given)| format!("{text} -> {}", filled(text, given)));
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn places_of_one_name_share_its_kind_and_default() {
    assert_eq!(filled(r#"["{{A}}", "{{A:int=4}}"]"#, &[]), "[4,4]");
    assert_eq!(
        filled(r#"["{{A:int=5}}", "{{A:int=4}}"]"#, &[]),
        "placeholder A is 5 at first in one place and 4 in another"
    );
}

fn mapping(text: &str) -> Mapping {
    Mapping::from_json(&Json::parse(text.as_bytes()).unwrap()).unwrap()
}

#[test]
fn a_mapping_opens_the_places_it_names() {
    let mapping = mapping(
        r#"[{"name": "prompt", "comfyui_node_id": "6", "comfyui_widget_name": "text", "type": "string", "required": true},
            {"name": "size", "comfyui_node_id": 5, "comfyui_widget_name": "width"},
            {"name": "size", "comfyui_node_id": 5, "comfyui_widget_name": "height"},
            {"name": "steps", "comfyui_node_id": "3", "comfyui_widget_name": "steps", "type": "number", "default": 8}]"#,
    );
    let template = mapping.on(&workflow(TEXT_TO_IMAGE)).unwrap();
    let filled = template.fill(&values(&[("prompt", r#""{{X}}""#), ("size", "640")])).unwrap();
    let at = |node: &str, input: &str| filled.to_json().at(&[node, "inputs", input]).cloned();
    assert_eq!(at("6", "text"), Some(Json::from("{{X}}")));
    assert_eq!(
        [at("5", "width"), at("5", "height")],
        [Some(Json::from(640_u64)), Some(Json::from(640_u64))]
    );
    assert_eq!(at("3", "steps"), Some(Json::from(8_u64)));

    let kept = template.fill(&values(&[("prompt", r#""p""#)])).unwrap();
    assert_eq!(kept.to_json().at(&["5", "inputs", "width"]), Some(&Json::from(512_u64)));
    let error = template.fill(&values(&[("size", r#""big""#), ("sise", "1")])).unwrap_err();
    assert_eq!(
        error,
        FillError {
            unfilled: vec!["prompt".into()],
            unknown: vec!["sise".into()],
            mistyped: vec![("size".into(), "\"big\" is not a whole number".into())],
            known: vec!["prompt".into(), "size".into(), "steps".into()],
        }
    );
}

#[test]
fn a_mapping_that_does_not_fit_says_where() {
    let error = |text: &str| {
        let mapping = match Mapping::from_json(&Json::parse(text.as_bytes()).unwrap()) {
            Ok(mapping) => mapping,
            Err(error) => return error.to_string(),
        };
        mapping.on(&workflow(TEXT_TO_IMAGE)).unwrap_err().to_string()
    };
    let entry = |rest: &str| format!(r#"[{{"name": "p", {rest}}}]"#);
    let lines = [
        error("{}"),
        error("[1]"),
        error(r#"[{"name": ""}]"#),
        error(&entry(r#""comfyui_node_id": null"#)),
        error(&entry(r#""comfyui_node_id": "6", "comfyui_widget_name": "text", "type": "colour""#)),
        error(&entry(r#""comfyui_node_id": "66", "comfyui_widget_name": "text""#)),
        error(&entry(r#""comfyui_node_id": "6", "comfyui_widget_name": "txt""#)),
        error(&entry(r#""comfyui_node_id": "6", "comfyui_widget_name": "clip""#)),
        error(&entry(r#""comfyui_node_id": "3", "comfyui_widget_name": "seed", "default": "x""#)),
    ];
    insta::assert_snapshot!(lines.join("\n"));
}

proptest! {
    /// A text given for a placeholder is in the result, whatever it is.
    #[test]
    fn any_text_arrives_as_it_is(given in ".*", before in "[^{]*", after in "[^}]*") {
        let value = Json::from(format!("{before}{{{{NAME:text}}}}{after}"));
        prop_assume!(!before.is_empty() || !after.is_empty());
        let template = Placeholders::find(&with_value(&value)).unwrap();
        prop_assume!(template.parameters().len() == 1);
        let given_values = BTreeMap::from([("NAME".to_owned(), Json::from(given.as_str()))]);
        let filled = template.fill(&given_values).unwrap();
        let json = filled.to_json();
        prop_assert_eq!(
            json.at(&["1", "inputs", "x"]).unwrap().as_str().unwrap(),
            format!("{before}{given}{after}")
        );
    }

    #[test]
    fn any_text_is_read_without_panic(text in ".*") {
        if let Ok(template) = Placeholders::find(&with_value(&Json::from(text))) {
            drop(template.fill(&BTreeMap::new()));
        }
    }

    /// Filling touches open places only.
    #[test]
    fn a_workflow_without_placeholders_is_filled_with_nothing(workflow in any_workflow()) {
        let template = Placeholders::find(&workflow).unwrap();
        if template.parameters().len() == 0 {
            let filled = template.fill(&BTreeMap::new()).unwrap();
            prop_assert_eq!(filled.to_json().to_string(), workflow.to_json().to_string());
        }
    }
}

#[test]
fn no_official_workflow_is_taken_for_a_template() {
    for part in ["corpus/api", "corpus/legacy-api"] {
        for (name, workflow) in ground_truth::api_workflows(part) {
            let template = Placeholders::find(&workflow).unwrap();
            let names: Vec<_> = template.parameters().map(|parameter| &parameter.name).collect();
            assert!(names.is_empty(), "{name}: {names:?}");
        }
    }
}

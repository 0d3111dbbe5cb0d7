use serde_json::json;

use super::*;
use crate::schema;

#[derive(Debug, Deserialize, JsonSchema)]
struct Sample {
    #[schemars(length(min = 1))]
    text: String,
    #[schemars(range(min = 1, max = 100))]
    steps: Option<u32>,
    #[schemars(range(min = 0))]
    seed: Option<u64>,
    #[schemars(range(min = 0.5, max = 2.0))]
    scale: Option<f64>,
    flag: Option<bool>,
    names: Option<Vec<String>>,
    object: Option<ObjectArgument>,
    parts: Option<Vec<Part>>,
    color: Option<Color>,
}

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Part {
    name: String,
    #[schemars(range(max = 1.0))]
    weight: Option<f64>,
}

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Color {
    Red,
    Green,
}

#[test]
fn what_is_inside_a_list_is_held_to_its_schema_too() {
    let sample = read_sample(json!({"text": "a", "parts": [{"name": "x", "weight": "0.5"}]}));
    let part = Part { name: "x".to_owned(), weight: Some(0.5) };
    assert_eq!(sample.expect("legal").parts, Some(vec![part]));
    refused(
        json!({"text": "a", "parts": [{"weigth": 1, "weight": 2}]}),
        "argument `parts` item 0 is wrong: `weigth` is unknown; did you mean `weight`?; \
         `weight` has to be at most 1.0, not 2; `name` is missing",
    );
    refused(
        json!({"text": "a", "parts": ["x"]}),
        "argument `parts` item 0 has to be an object, not \"x\"",
    );
}

#[test]
fn one_of_a_few_words_is_named_with_the_others() {
    let sample = read_sample(json!({"text": "a", "color": "green"})).expect("legal");
    assert_eq!(sample.color, Some(Color::Green));
    refused(
        json!({"text": "a", "color": "blue"}),
        "argument `color` has to be one of red, green, not \"blue\"",
    );
}

fn read_sample(given: Value) -> Result<Sample, Error> {
    let Value::Object(given) = given else { panic!("arguments are an object") };
    read(&schema::of_arguments::<Sample>(), given)
}

#[track_caller]
fn refused(given: Value, message: &str) {
    let error = read_sample(given).expect_err("it should be refused");
    assert_eq!(error.code(), FailureCode::ValidationError);
    assert_eq!(error.to_string(), message);
}

#[test]
fn whole_numbers_may_be_written_as_floats_or_text() {
    for spelled in [json!(7), json!(7.0), json!("7"), json!(" 7 "), json!("7.0")] {
        let sample = read_sample(json!({"text": "a", "steps": spelled})).expect("it is 7");
        assert_eq!((sample.text.as_str(), sample.steps), ("a", Some(7)));
    }
}

#[test]
fn a_seed_uses_all_64_bits_as_number_or_text() {
    for spelled in [json!(u64::MAX), json!("18446744073709551615")] {
        let sample = read_sample(json!({"text": "a", "seed": spelled})).expect("it is a seed");
        assert_eq!(sample.seed, Some(u64::MAX));
    }
    refused(
        json!({"text": "a", "seed": 1.844_674_407_370_955_2e19}),
        "argument `seed` has to be a whole number, as text beyond 2^53, not 1.8446744073709552e+19",
    );
    refused(json!({"text": "a", "seed": -1}), "argument `seed` has to be at least 0, not -1");
}

#[test]
fn the_bounds_of_the_schema_are_enforced() {
    refused(json!({"text": "a", "steps": 0}), "argument `steps` has to be from 1 to 100, not 0");
    refused(
        json!({"text": "a", "scale": "2.5"}),
        "argument `scale` has to be from 0.5 to 2.0, not 2.5",
    );
    refused(json!({"text": ""}), "argument `text` is empty");
    assert_eq!(read_sample(json!({"text": "a", "scale": 2})).expect("legal").scale, Some(2.0));
}

#[test]
fn unknown_names_get_the_nearest_and_everything_wrong_is_named() {
    refused(json!({"text": "a", "step": 3}), "argument `step` is unknown; did you mean `steps`?");
    refused(json!({"text": "a", "zzz": 3}), "argument `zzz` is unknown");
    refused(
        json!({"stepz": 3, "flag": "yes", "seed": 1.5}),
        "4 arguments are wrong: `stepz` is unknown; did you mean `steps`?; \
         `flag` has to be true or false, not \"yes\"; \
         `seed` has to be a whole number, not 1.5; `text` is missing",
    );
    refused(json!({"text": 5}), "argument `text` has to be text, not 5");
}

#[test]
fn null_is_the_same_as_absent() {
    assert_eq!(read_sample(json!({"text": "a", "steps": null})).expect("legal").steps, None);
    refused(json!({"text": null}), "argument `text` is missing");
}

#[test]
fn lists_and_objects_may_come_as_text() {
    let sample =
        read_sample(json!({"text": "a", "names": "[\"x\"]", "flag": "true"})).expect("legal");
    assert_eq!(sample.names, Some(vec!["x".to_owned()]));
    assert_eq!(sample.flag, Some(true));
    refused(
        json!({"text": "a", "names": ["x", 3]}),
        "argument `names` item 1 has to be text, not 3",
    );

    let text = r#"{"a": 1.0, "b": 18446744073709551615, "c": NaN}"#;
    let sample = read_sample(json!({"text": "a", "object": text})).expect("legal");
    let object = sample.object.expect("given").into_json("object").expect("an object");
    assert_eq!(object.to_string(), r#"{"a":1.0,"b":18446744073709551615,"c":NaN}"#);
}

#[test]
fn text_that_holds_no_object_is_refused() {
    for (text, message) in [
        ("[1]", "argument `object` is a list, but it has to be a JSON object"),
        ("3", "argument `object` is a number, but it has to be a JSON object"),
    ] {
        let sample = read_sample(json!({"text": "a", "object": text})).expect("still text");
        let error = sample.object.expect("given").into_json("object").expect_err("no object");
        assert_eq!(error.to_string(), message);
    }
    let sample = read_sample(json!({"text": "a", "object": "{"})).expect("still text");
    let error = sample.object.expect("given").into_json("object").expect_err("no JSON");
    assert!(error.to_string().starts_with("argument `object` is text, but not JSON at line 1"));
}

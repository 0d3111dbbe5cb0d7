use proptest::prelude::*;

use super::{DEPTH_MAX, Json, Number, Object};

#[track_caller]
fn check_same(text: &str) {
    assert_eq!(Json::parse(text.as_bytes()).unwrap().to_string(), text);
}

#[track_caller]
fn check_refused(text: &[u8], expected: &str) {
    assert_eq!(Json::parse(text).unwrap_err().to_string(), expected);
}

#[test]
fn numbers_keep_their_spelling() {
    for text in ["1", "1.0", "1e5", "1E+05", "-0", "0.10", "123456789012345678901234567890"] {
        check_same(text);
    }
    check_same("18446744073709551615");
    check_same("[NaN,Infinity,-Infinity]");
}

#[test]
fn members_keep_their_order_and_the_last_of_two_counts() {
    check_same(r#"{"b":1,"a":{"z":null,"y":[true,false]}}"#);
    let value = Json::parse(br#"{"a":1,"b":2,"a":3}"#).unwrap();
    assert_eq!(value.to_string(), r#"{"a":3,"b":2}"#);
}

#[test]
fn strings_are_unescaped_and_escaped() {
    let value = Json::parse(br#""\u00e9\ud83e\udd8a\n\"\\\/\u0001""#).unwrap();
    assert_eq!(value.as_str(), Some("é🦊\n\"\\/\u{1}"));
    assert_eq!(value.to_string(), "\"é🦊\\n\\\"\\\\/\\u0001\"");
    assert_eq!(Json::parse(br#""\ud83ex""#).unwrap().as_str(), Some("\u{fffd}x"));
}

#[test]
fn whole_numbers_are_read_from_either_spelling() {
    assert_eq!(Json::parse(b"2.0").unwrap().as_u64(), Some(2));
    assert_eq!(Json::parse(b"-2.000").unwrap().as_i64(), Some(-2));
    assert_eq!(Json::parse(b"2.5").unwrap().as_u64(), None);
    assert_eq!(Json::parse(b"1e3").unwrap().as_f64(), Some(1000.0));
    assert!(Json::parse(b"NaN").unwrap().as_f64().unwrap().is_nan());
}

#[test]
fn refusals_say_where() {
    check_refused(b"", "not JSON at line 1 column 1: the text ends where a value should stand");
    check_refused(b"[1,\n 2,]", "not JSON at line 2 column 4: expected a value");
    check_refused(b"{\"a\" 1}", "not JSON at line 1 column 6: expected `:` after a member name");
    check_refused(b"\"\xff\"", "not JSON at line 1 column 3: the text is not UTF-8");
    check_refused(b"01", "not JSON at line 1 column 2: more text after the end of the value");
    check_refused(b"<html>", "not JSON at line 1 column 1: expected a value");
    check_refused(b"\"\\u12", "not JSON at line 1 column 4: expected four hexadecimal digits");
}

#[test]
fn nesting_is_limited() {
    let deep = "[".repeat(DEPTH_MAX + 2);
    let error = Json::parse(deep.as_bytes()).unwrap_err();
    assert_eq!(error.problem, "lists and objects nest too deep");
    let deepest = format!("{}{}", "[".repeat(DEPTH_MAX + 1), "]".repeat(DEPTH_MAX + 1));
    check_same(&deepest);
}

#[test]
fn serde_values_go_both_ways() {
    let value = serde_json::json!({"seed": u64::MAX, "cfg": 7.0, "n": -3, "t": [null, "x", true]});
    let json = Json::from(value.clone());
    assert_eq!(json.to_string(), value.to_string());
    assert_eq!(json.to_serde(), value);
    assert_eq!(Json::from(f64::INFINITY).to_serde(), serde_json::json!("Infinity"));
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(|value| Json::Number(Number::from(value))),
        any::<String>().prop_map(Json::from),
    ];
    leaf.prop_recursive(5, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Json::Array),
            prop::collection::vec((any::<String>(), inner), 0..8)
                .prop_map(|members| Json::Object(members.into_iter().collect::<Object>())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(value in any_json()) {
        prop_assert_eq!(Json::parse(value.to_string().as_bytes()).unwrap(), value);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(value) = Json::parse(&bytes) {
            prop_assert!(Json::parse(value.to_string().as_bytes()).is_ok());
        }
    }
}

use indexmap::IndexMap;
use proptest::prelude::*;

use super::{DEPTH_MAX, Json, Name, Number, Object, ParseError, REPLY_DEPTH_MAX};

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
}

#[test]
fn a_lone_surrogate_is_kept() {
    for lone in [r#""\ud800x""#, r#""caf\udce9""#, r#"{"\udfff":1}"#] {
        check_same(lone);
        let value = Json::parse(lone.as_bytes()).unwrap();
        assert_eq!(Json::from(value.to_serde()), value, "and by way of serde");
    }
    let value = Json::parse(br#""\ud83e\u0041\udd8a\ud83e\udd8a""#).unwrap();
    assert_eq!(value.to_string(), r#""\ud83eA\udd8a🦊""#);
}

#[test]
fn what_stands_for_a_surrogate_is_refused_where_a_text_has_it_itself() {
    let problem = "a character from U+10F800 on, which stands for a lone surrogate here";
    for (text, column) in [("\"ab\u{10f800}\"", 4), (r#""\udbfe\udc00""#, 14)] {
        check_refused(text.as_bytes(), &format!("not JSON at line 1 column {column}: {problem}"));
    }
    check_same("\"\u{10f7ff}\"");
}

#[test]
fn whole_numbers_are_read_from_any_spelling() {
    let whole = [
        ("2.0", Some(2)),
        ("-2.000", Some(-2)),
        ("2.5", None),
        ("1e3", Some(1000)),
        ("1.25E+2", Some(125)),
        ("1.25e1", None),
        ("100e-2", Some(1)),
        ("-0", Some(0)),
        ("-0.0e9", Some(0)),
        ("-9223372036854775808.0", Some(i64::MIN)),
        ("1e99999999999", None),
        ("1e-2147483648", None),
        ("NaN", None),
        ("-Infinity", None),
    ];
    for (text, expected) in whole {
        let value = Json::parse(text.as_bytes()).unwrap();
        assert_eq!(value.as_i64(), expected, "{text}");
        assert_eq!(value.as_u64(), expected.and_then(|value| value.try_into().ok()), "{text}");
    }
    for text in ["1e19", "10000000000000000000.0"] {
        let value = Json::parse(text.as_bytes()).unwrap();
        assert_eq!((value.as_i64(), value.as_u64()), (None, Some(10_000_000_000_000_000_000)));
    }
    assert_eq!(Json::parse(b"-1.0").unwrap().as_u64(), None);
    assert_eq!(Json::parse(b"1e3").unwrap().as_f64(), Some(1000.0));
    assert!(Json::parse(b"NaN").unwrap().as_f64().unwrap().is_nan());
}

/// What `repr` of Python 3 says of the same values.
#[test]
fn floats_are_spelled_as_python_spells_them() {
    let spelled = [
        (1.0, "1.0"),
        (-0.0, "-0.0"),
        (0.1, "0.1"),
        (1e15, "1000000000000000.0"),
        (1e16, "1e+16"),
        (1.5e300, "1.5e+300"),
        (0.0001, "0.0001"),
        (0.000_01, "1e-05"),
        (-2.5e-7, "-2.5e-07"),
        (5e-324, "5e-324"),
    ];
    for (value, expected) in spelled {
        assert_eq!(Number::from(value).as_str(), expected);
    }
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

fn nested(levels: usize) -> String {
    format!("{}{}", r#"[{"a":"#.repeat(levels / 2), "}]".repeat(levels / 2)).replace(":}", ":0}")
}

#[test]
fn nesting_is_limited_and_further_away_in_replies() {
    type Parse = fn(&[u8]) -> Result<Json, ParseError>;
    let limits: [(Parse, usize); 2] =
        [(Json::parse, DEPTH_MAX), (Json::parse_deep, REPLY_DEPTH_MAX)];
    for (parse, depth_max) in limits {
        let deepest = nested(depth_max);
        assert_eq!(parse(deepest.as_bytes()).unwrap().to_string(), deepest);
        let error = parse(nested(depth_max + 2).as_bytes()).unwrap_err();
        assert_eq!(error.problem, "lists and objects nest too deep");
    }
}

/// Tokio's threads have a stack of 2 MiB, and the frames of a build for tests are the largest.
/// Half of that is left for whoever calls.
#[test]
fn the_deepest_reply_needs_no_more_than_half_the_stack_of_a_thread() {
    let work = || {
        let value = Json::parse_deep(nested(REPLY_DEPTH_MAX).as_bytes()).unwrap();
        assert_eq!(Json::from(value.clone().to_serde()), value);
        assert_eq!(value.to_string(), nested(REPLY_DEPTH_MAX));
        assert!(format!("{value:?}").starts_with("Array"));
    };
    std::thread::Builder::new().stack_size(1 << 20).spawn(work).unwrap().join().unwrap();
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

/// One change of an object, by a name of few so that names meet again.
#[derive(Clone, Debug)]
enum Change {
    Insert(u8),
    PutAt(usize, u8),
    Remove(u8),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        3 => (0..40_u8).prop_map(Change::Insert),
        1 => (0..40_usize, 0..40_u8).prop_map(|(at, name)| Change::PutAt(at, name)),
        1 => (0..40_u8).prop_map(Change::Remove),
    ];
    proptest::collection::vec(change, 0..80)
}

proptest! {
    /// Whatever is done to an object, it holds what a table would, in the same order, whether
    /// it has few members or many.
    #[test]
    fn an_object_is_an_ordered_table(changes in changes()) {
        let mut object = Object::new();
        let mut table: IndexMap<Name, Json> = IndexMap::new();
        for (turn, change) in changes.into_iter().enumerate() {
            let value = Json::from(u64::try_from(turn).unwrap());
            match change {
                Change::Insert(name) => {
                    let name = Name::from(name.to_string());
                    prop_assert_eq!(object.insert(name.clone(), value.clone()), table.insert(name, value));
                }
                Change::PutAt(at, name) if !table.contains_key(name.to_string().as_str()) => {
                    let name = Name::from(name.to_string());
                    object.put_at(at, name.clone(), value.clone());
                    table.shift_insert(at.min(table.len()), name, value);
                }
                Change::PutAt(..) => {}
                Change::Remove(name) => {
                    let name = name.to_string();
                    prop_assert_eq!(object.shift_remove(&name), table.shift_remove(name.as_str()));
                }
            }
            prop_assert!(object.iter().eq(table.iter()));
        }
        prop_assert_eq!(object.len(), table.len());
        for name in (0..40_u8).map(|name| name.to_string()) {
            prop_assert_eq!(object.get(&name), table.get(name.as_str()));
            prop_assert_eq!(object.get_index_of(&name), table.get_index_of(name.as_str()));
        }
        let turned: Object = object.clone().into_iter().collect::<Vec<_>>().into_iter().rev().collect();
        prop_assert_eq!(&turned, &object);
        prop_assert!(object.into_iter().eq(table));
    }
}

#[test]
fn objects_differ_where_a_member_does() {
    let object = |text: &str| Json::parse(text.as_bytes()).unwrap();
    assert_eq!(object(r#"{"a":1,"b":2}"#), object(r#"{"b":2,"a":1}"#));
    assert_ne!(object(r#"{"a":1,"b":2}"#), object(r#"{"a":1,"b":3}"#));
    assert_ne!(object(r#"{"a":1,"b":2}"#), object(r#"{"a":1,"c":2}"#));
    assert_ne!(object(r#"{"a":1}"#), object(r#"{"a":1,"b":2}"#));
}

#[test]
fn a_value_takes_no_more_than_three_words() {
    assert!(size_of::<Json>() <= 24);
}

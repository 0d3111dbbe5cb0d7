use super::*;

const DEFINITIONS: &str = r#"{
    "Empty": {"input": {"required": {"width": ["INT", {"default": 512, "min": 16, "max": 1024, "step": 8}],
        "mode": [["soft", "hard"], {"default": "soft"}]}, "optional": {"on": ["BOOLEAN", {}], "text": ["STRING", {"default": ""}],
        "scale": ["FLOAT", {"max": 4}], "colors": ["COLORS", {"default": ["red"]}], "pick": ["COMBO", {"multiselect": true, "options": ["aa", "bb"]}]}},
        "output": ["IMAGE", "MASK"], "output_matchtypes": null},
    "Resize": {"input": {"required": {"how": ["COMFY_DYNAMICCOMBO_V3", {"options": [
        {"key": "by half", "inputs": {"required": {}}},
        {"key": "by size", "inputs": {"required": {"width": ["INT", {"default": 7}]}}}]}], "palette": ["COLORS", {"default": ["red"]}]}},
        "output": [], "output_matchtypes": null},
    "LoadImage": {"input": {"required": {"image": [["fox.png", "hare.png"], {"image_upload": true}]}}, "output": ["IMAGE"], "python_module": "nodes"},
    "Load": {"input": {"required": {"name": [["sdxl/base_v1.safetensors", "flux.safetensors"]]}}, "output": ["MODEL"]},
    "Save": {"input": {"required": {"images": ["IMAGE"], "mask": ["MASK"]}}, "output": [], "output_node": true}}"#;

/// Corrects one node beside a node `e` of class Empty, and says how.
#[track_caller]
fn check(node: &str, expected: &[&str]) {
    let catalog = NodeCatalog::from_bytes(DEFINITIONS.as_bytes()).unwrap();
    let text = format!(
        r#"{{"e": {{"class_type": "Empty", "inputs": {{"width": 16, "mode": "soft"}}}}, "1": {node}}}"#
    );
    let prompt = Json::parse(text.as_bytes()).unwrap();
    let fixes = fix(&prompt, &catalog, Targets::All, Profile::V0_33);
    let told: Vec<String> = fixes.proposals.iter().map(ToString::to_string).collect();
    assert_eq!(told, expected);
    assert_eq!(apply(&prompt, &fixes.proposals).unwrap(), fixes.fixed);
    assert!(fix(&fixes.fixed, &catalog, Targets::All, Profile::V0_33).proposals.is_empty());
}

fn empty(inputs: &str) -> String {
    format!(r#"{{"class_type": "Empty", "inputs": {{"width": 16, "mode": "soft"{inputs}}}}}"#)
}

fn save(inputs: &str) -> String {
    format!(
        r#"{{"class_type": "Save", "inputs": {{"images": ["e", 0], "mask": ["e", 1]{inputs}}}}}"#
    )
}

#[test]
fn numbers_are_brought_into_range_and_on_their_step() {
    check(&empty(r#", "width": 0"#), &["/1/inputs/width: 0 -> 16 (below the least value)"]);
    check(
        &empty(r#", "width": 99999"#),
        &["/1/inputs/width: 99999 -> 1024 (above the greatest value)"],
    );
    check(
        &empty(r#", "width": 44.9"#),
        &[
            "/1/inputs/width: 44.9 -> 48 (a whole number is wanted; this is the nearest on its step)",
        ],
    );
    check(
        &empty(r#", "width": "1e2""#),
        &[r#"/1/inputs/width: "1e2" -> 104 (a number written as text)"#],
    );
    check(
        &empty(r#", "width": "wide""#),
        &[r#"/1/inputs/width: "wide" -> 512 (not a number; this is the default)"#],
    );
    check(
        &empty(r#", "width": NaN"#),
        &["/1/inputs/width: NaN -> 512 (not a number; this is the default)"],
    );
    check(&empty(r#", "scale": 1e9"#), &["/1/inputs/scale: 1e9 -> 4 (above the greatest value)"]);
    check(&empty(r#", "scale": null"#), &[]);
    check(&empty(r#", "width": "48""#), &[]);
}

#[test]
fn texts_for_truth_values_are_read_as_people_write_them() {
    check(
        &empty(r#", "on": "False""#),
        &[r#"/1/inputs/on: "False" -> false (a text is always true to the server)"#],
    );
    check(&empty(r#", "on": "perhaps""#), &[]);
    check(
        &empty(r#", "text": null"#),
        &[
            r#"/1/inputs/text: null -> "" (null is the text 'None' to the server; this is the default)"#,
        ],
    );
}

#[test]
fn choices_are_found_by_case_folder_ending_and_spelling() {
    check(
        &empty(r#", "mode": "HARD""#),
        &[r#"/1/inputs/mode: "HARD" -> "hard" (not one of the choices; this is the nearest)"#],
    );
    check(&empty(r#", "mode": "zzz""#), &[]);
    let load = |name: &str| format!(r#"{{"class_type": "Load", "inputs": {{"name": "{name}"}}}}"#);
    for near in [
        "base_v1.safetensors",
        "SDXL\\\\base_v1.safetensors",
        "base_v1.ckpt",
        "sdxl/base_v2.safetensors",
    ] {
        let shown = near;
        check(
            &load(near),
            &[&format!(
                r#"/1/inputs/name: "{shown}" -> "sdxl/base_v1.safetensors" (not one of the choices; this is the nearest)"#
            )],
        );
    }
    check(
        r#"{"class_type": "LoadImage", "inputs": {"image": "fox.jpg"}}"#,
        &[
            r#"/1/inputs/image: "fox.jpg" -> "fox.png" (the server has no such file; this is the nearest name)"#,
        ],
    );
    check(
        &empty(r#", "pick": {"__value__": ["AA", "bb"]}"#),
        &[
            r#"/1/inputs/pick: {"__value__":["AA","bb"]} -> {"__value__":["aa","bb"]} (not one of the choices; this is the nearest)"#,
        ],
    );
}

#[test]
fn what_is_required_gets_its_default_or_the_value_under_a_near_name() {
    check(
        r#"{"class_type": "Empty", "inputs": {"Width": 24}}"#,
        &[
            "/1/inputs/width: absent -> 24 (required; it is set as `Width`)",
            "/1/inputs/Width: 24 -> absent (moved to `width`)",
            r#"/1/inputs/mode: absent -> "soft" (required; this is its default)"#,
        ],
    );
    check(r#"{"class_type": "Load", "inputs": {}}"#, &[]);
    check(
        r#"{"class_type": "Empty"}"#,
        &[
            "/1/inputs: absent -> {} (a node needs `inputs`)",
            "/1/inputs/width: absent -> 512 (required; this is its default)",
            r#"/1/inputs/mode: absent -> "soft" (required; this is its default)"#,
        ],
    );
}

#[test]
fn a_dynamic_choice_is_corrected_first_and_then_what_it_brings() {
    check(
        r#"{"class_type": "Resize", "inputs": {"how": "By Size"}}"#,
        &[
            r#"/1/inputs/how: "By Size" -> "by size" (not one of the choices, which the server does not notice; this is the nearest)"#,
            r#"/1/inputs/palette: absent -> {"__value__":["red"]} (required; this is its default)"#,
            "/1/inputs/how.width: absent -> 7 (required; this is its default)",
        ],
    );
}

#[test]
fn links_are_respelled_and_led_to_the_only_output_that_fits() {
    let respelled = "(a link is a list of a node id as text and a slot number)";
    check(
        &save(r#", "images": ["e", "0"]"#),
        &[&format!(r#"/1/inputs/images: ["e","0"] -> ["e",0] {respelled}"#)],
    );
    check(
        &save(r#", "images": ["e", 0, "IMAGE"]"#),
        &[&format!(r#"/1/inputs/images: ["e",0,"IMAGE"] -> ["e",0] {respelled}"#)],
    );
    check(
        &save(r#", "mask": ["e", 0]"#),
        &[r#"/1/inputs/mask: ["e",0] -> ["e",1] (the only output of that node that fits)"#],
    );
    check(
        &save(r#", "mask": ["e", 7]"#),
        &[r#"/1/inputs/mask: ["e",7] -> ["e",1] (the only output of that node that fits)"#],
    );
    check(
        &save(r#", "mask": ["gone", 0]"#),
        &[
            r#"/1/inputs/mask: ["gone",0] -> ["e",1] (that node does not exist; this is the only output that fits)"#,
        ],
    );
    check(
        &save(r#", "mask": [7]"#),
        &[
            r#"/1/inputs/mask: [7] -> ["e",1] (that node does not exist; this is the only output that fits)"#,
        ],
    );
}

#[test]
fn a_number_for_an_id_is_written_as_text() {
    let catalog = NodeCatalog::from_bytes(DEFINITIONS.as_bytes()).unwrap();
    let prompt = Json::parse(br#"{"4": {"class_type": "Empty", "inputs": {"width": 16, "mode": "soft"}},
        "5": {"class_type": "Save", "inputs": {"images": [4, 0], "mask": ["4", 1]}}, "6/~": {"class_type": "empty", "inputs": {"width": 16, "mode": "soft"}}}"#).unwrap();
    let fixes = fix(&prompt, &catalog, Targets::All, Profile::V0_33);
    let told: Vec<String> = fixes.proposals.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            r#"/5/inputs/images: [4,0] -> ["4",0] (a link is a list of a node id as text and a slot number)"#,
            r#"/6~1~0/class_type: "empty" -> "Empty" (the server has no such class; this is the nearest)"#,
        ]
    );
    assert!(fixes.after.is_clean());
}

#[test]
fn no_correction_closes_a_circle() {
    let definitions = br#"{"Pass": {"input": {"required": {"image": ["IMAGE"]}}, "output": ["IMAGE"], "output_node": true}}"#;
    let catalog = NodeCatalog::from_bytes(definitions).unwrap();
    let prompt = Json::parse(br#"{"1": {"class_type": "Pass", "inputs": {"image": ["9", 0]}}, "2": {"class_type": "Pass", "inputs": {"image": ["1", 0]}}}"#).unwrap();
    assert!(fix(&prompt, &catalog, Targets::All, Profile::V0_33).proposals.is_empty());
}

#[test]
fn an_input_that_two_declarations_give_is_corrected_once() {
    let definitions = r#"{"N": {"input": {"required": {
        "how": ["COMFY_DYNAMICCOMBO_V3", {"options": [{"key": "a", "inputs": {"required": {"x": ["INT", {"default": 1}]}}}]}],
        "how.x": ["INT", {"default": 2}],
        "all": ["COMFY_AUTOGROW_V3", {"template": {"names": ["y", "y"], "min": 2, "input": {"required": {"y": ["INT", {"default": 3}]}}}}]}},
        "output": [], "output_node": true}}"#;
    let catalog = NodeCatalog::from_bytes(definitions.as_bytes()).unwrap();
    for inputs in [
        r#"{"how": "a"}"#,
        r#"{"how": "a", "how.x": "5", "all.y": "6"}"#,
        r#"{"How": "a", "How.x": 5}"#,
    ] {
        let text = format!(r#"{{"1": {{"class_type": "N", "inputs": {inputs}}}}}"#);
        let prompt = Json::parse(text.as_bytes()).unwrap();
        let fixes = fix(&prompt, &catalog, Targets::All, Profile::V0_33);
        assert_eq!(apply(&prompt, &fixes.proposals).unwrap(), fixes.fixed, "{inputs}");
        assert!(fix(&fixes.fixed, &catalog, Targets::All, Profile::V0_33).proposals.is_empty());
    }
}

#[test]
fn a_choice_under_a_wrong_name_is_kept() {
    check(
        r#"{"class_type": "Resize", "inputs": {"How": "by size", "how.width": 3, "palette": {"__value__": ["red"]}}}"#,
        &[
            r#"/1/inputs/how: absent -> "by size" (required; it is set as `How`)"#,
            r#"/1/inputs/How: "by size" -> absent (moved to `how`)"#,
        ],
    );
}

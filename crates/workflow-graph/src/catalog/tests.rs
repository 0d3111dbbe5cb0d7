use super::*;

fn catalog(text: &str) -> NodeCatalog {
    NodeCatalog::from_bytes(text.as_bytes()).unwrap()
}

fn one(inputs: &str) -> NodeClass {
    let text =
        format!(r#"{{"N": {{"input": {inputs}, "output": [], "output_matchtypes": null}}}}"#);
    catalog(&text).class("N").unwrap().clone()
}

#[test]
fn both_spellings_of_a_combo_have_their_choices() {
    let class = one(
        r#"{"required": {"old": [["a", 1, true]], "new": ["COMBO", {"options": ["b"], "multiselect": true}]},
            "optional": {"remote": ["COMBO", {"remote": {"route": "/x"}}], "text": ["STRING"]}}"#,
    );
    assert_eq!(class.input("old").unwrap().choices().unwrap().len(), 3);
    assert_eq!(class.input("new").unwrap().choices(), Some(&[Json::from("b")][..]));
    assert!(matches!(
        class.input("new").unwrap().kind,
        InputKind::Combo(Combo { multiselect: true, listed_as_type: false })
    ));
    assert_eq!(class.input("remote").unwrap().choices(), None);
    assert_eq!(class.input("text").unwrap().choices(), None);
}

#[test]
fn a_dynamic_combo_brings_the_inputs_of_each_choice() {
    let class = one(
        r#"{"required": {"mode": ["COMFY_DYNAMICCOMBO_V3", {"tooltip": "t", "options": [
            {"key": "plain", "inputs": {"required": {}}},
            {"key": "sized", "inputs": {"required": {"width": ["INT", {"min": 1}]}, "optional": {"crop": ["BOOLEAN"]}}}]}]}}"#,
    );
    let mode = class.input("mode").unwrap();
    let InputKind::DynamicCombo(options) = &mode.kind else { panic!("{:?}", mode.kind) };
    assert_eq!(options[1].key, Json::from("sized"));
    let inputs: Vec<_> =
        options[1].inputs.iter().map(|input| (input.name.as_str(), input.category)).collect();
    assert_eq!(inputs, [("width", Category::Required), ("crop", Category::Optional)]);
    assert_eq!(mode.text("tooltip"), Some("t"));
}

#[test]
fn a_growing_group_has_slots_by_prefix_or_by_name() {
    let class = one(r#"{"required": {
            "images": ["COMFY_AUTOGROW_V3", {"template": {"input": {"required": {"image": ["IMAGE", {}]}}, "prefix": "image", "min": 1, "max": 3}}],
            "values": ["COMFY_AUTOGROW_V3", {"template": {"input": {"required": {}, "optional": {"v": ["FLOAT,INT", {}]}}, "names": ["a", "b"], "min": 0}}],
            "broken": ["COMFY_AUTOGROW_V3", {"template": {"prefix": "x"}}]}}"#);
    let InputKind::Autogrow(images) = &class.input("images").unwrap().kind else { panic!() };
    assert_eq!(images.slots, ["image0", "image1", "image2"]);
    assert_eq!((images.min, images.template.category), (1, Category::Required));
    let InputKind::Autogrow(values) = &class.input("values").unwrap().kind else { panic!() };
    assert_eq!(values.slots, ["a", "b"]);
    assert_eq!(values.template.category, Category::Optional);
    assert!(matches!(class.input("broken").unwrap().kind, InputKind::Socket));
}

#[test]
fn inputs_stand_in_the_servers_order_even_when_a_proxy_sorted_the_members() {
    let catalog = catalog(
        r#"{"N": {"input": {"required": {"a": ["INT"], "b": ["INT"], "c": ["INT"]}, "optional": {"a": ["FLOAT"], "d": ["INT"]}},
            "input_order": {"required": ["c", "gone", "a"]}, "output": []}}"#,
    );
    let names: Vec<_> =
        catalog.class("N").unwrap().inputs.iter().map(|input| input.name.to_string()).collect();
    assert_eq!(names, ["c", "a", "b", "d"]);
}

#[test]
fn nulls_and_unknown_shapes_cost_only_themselves() {
    let catalog = catalog(
        r#"{"Null": null, "Empty": {"input": null, "output": null, "display_name": null},
            "Odd": {"input": {"required": {"x": null, "y": "INT", "z": [], "w": [["a"], null], "v": [5, {}]}, "optional": null, "extra": 1},
                "output": ["A", ["b", "c"], null], "output_name": [null, ["b"], "third"], "output_is_list": [true], "category": 3}}"#,
    );
    assert_eq!(catalog.unreadable(), ["Null"]);
    assert!(catalog.class("Empty").unwrap().inputs.is_empty());
    assert_eq!(catalog.class("Empty").unwrap().title(), "Empty");
    let odd = catalog.class("Odd").unwrap();
    assert_eq!(odd.declared_inputs().count(), 5);
    assert!(matches!(odd.input("y").unwrap().kind, InputKind::Int));
    assert_eq!(odd.input("w").unwrap().choices(), Some(&[Json::from("a")][..]));
    let names: Vec<_> = odd.outputs.iter().map(|output| output.name.as_str()).collect();
    assert_eq!(names, ["A", "", "third"]);
    assert!(odd.outputs[0].is_list && odd.outputs[1].type_name().is_none());
}

#[test]
fn what_is_no_catalog_is_refused_with_what_it_has() {
    let refused = |text: &str| NodeCatalog::from_bytes(text.as_bytes()).unwrap_err().to_string();
    assert_eq!(
        refused(r#"{"error": "no", "status": 500}"#),
        "node definitions hold no class with `input` and `output`; they have error, status"
    );
    assert_eq!(refused("{"), "node definitions cannot be read");
    assert_eq!(catalog("{}").classes().count(), 0);
}

#[test]
fn replacements_are_read_with_both_kinds_of_inputs() {
    let catalog = catalog(r#"{"New": {"input": {}, "output": []}}"#).with_replacements(
        &Json::parse(
            br#"{"Old": [{"new_node_id": "New", "old_widget_ids": ["w"], "input_mapping":
                [{"new_id": "b", "old_id": "a"}, {"new_id": "c", "set_value": 5}], "output_mapping": [{"old_idx": 0, "new_idx": 1}]},
                {"no": "class"}], "Odd": 3}"#,
        )
        .unwrap(),
    );
    let [replacement] = catalog.replacements("Old") else { panic!() };
    assert_eq!(
        replacement.inputs,
        [
            ReplacedInput::Renamed { old: "a".to_owned(), new: "b".to_owned() },
            ReplacedInput::Set { new: "c".to_owned(), value: Json::from(5_u64) }
        ]
    );
    assert_eq!(replacement.outputs, [(0, 1)]);
    assert!(catalog.replacements("Odd").is_empty());
}

#[test]
fn an_input_that_the_order_names_twice_is_one_input() {
    let text = r#"{"N": {"input": {"required": {"a": ["INT"], "b": ["INT"]}}, "output": [],
        "input_order": {"required": ["b", "b", "a", "b"]}}}"#;
    let class = catalog(text).class("N").unwrap().clone();
    let names: Vec<&str> = class.inputs.iter().map(|input| input.name.as_str()).collect();
    assert_eq!(names, ["b", "a"]);
}

#[test]
fn a_growing_group_asks_for_no_more_slots_than_a_server_allows() {
    let class = one(
        r#"{"required": {"values": ["COMFY_AUTOGROW_V3", {"template": {"input": {"required": {"v": ["INT"]}},
            "prefix": "v", "min": 1000000000, "max": 1000000000}}]}}"#,
    );
    let InputKind::Autogrow(values) = &class.input("values").unwrap().kind else { panic!() };
    assert_eq!((values.slots.len(), values.min), (100, 100));
}

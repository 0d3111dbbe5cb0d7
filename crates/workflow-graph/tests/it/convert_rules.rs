//! The front end's rules, one by one, on small workflows of our own.

use workflow_graph::{
    Json,
    catalog::NodeCatalog,
    convert::{Finding, convert},
    ui::UiWorkflow,
};

const CLASSES: &str = r##"{
  "Load": {"input": {"required": {"name": [["a.png", "b.png"], {"image_upload": true}]}}, "output": ["IMAGE", "MASK"],
           "display_name": "Load Image"},
  "Model": {"input": {"required": {"file": ["COMBO", {"options": ["m1", "m2"]}]}}, "output": ["MODEL", "CLIP"]},
  "Text": {"input": {"required": {"clip": ["CLIP"], "text": ["STRING", {"multiline": true, "dynamicPrompts": true}]}},
           "output": ["CONDITIONING"]},
  "Sample": {"input": {"required": {"model": ["MODEL"], "seed": ["INT", {"default": 0, "control_after_generate": true}],
             "steps": ["INT", {"default": 20, "min": 1, "max": 100}], "cfg": ["FLOAT", {"default": 8.0, "step": 0.1}],
             "positive": ["CONDITIONING"]}, "optional": {"image": ["IMAGE"]}}, "output": ["IMAGE"]},
  "Blend": {"input": {"required": {"strength": ["FLOAT", {"default": 1.0}], "mask": ["MASK"], "one": ["IMAGE"], "two": ["IMAGE,MASK"]}},
            "output": ["IMAGE", "MASK"]},
  "Forced": {"input": {"required": {"value": ["INT", {"forceInput": true}], "name": ["STRING", {"default": "x"}]}}, "output": ["INT"]},
  "Resize": {"input": {"required": {"image": ["IMAGE"], "mode": ["COMFY_DYNAMICCOMBO_V3", {"options": [
             {"key": "by factor", "inputs": {"required": {"factor": ["FLOAT", {"default": 2.0}]}}},
             {"key": "to size", "inputs": {"required": {"width": ["INT", {"default": 512}], "match": ["IMAGE"]}}}]}],
             "crop": ["BOOLEAN", {"default": false}]}}, "output": ["IMAGE"]},
  "Batch": {"input": {"required": {"images": ["COMFY_AUTOGROW_V3", {"template": {"prefix": "image", "min": 1, "max": 4,
            "input": {"required": {"image": ["IMAGE"]}}}}]}}, "output": ["IMAGE"]},
  "Curve": {"input": {"required": {"curve": ["CURVE"], "colors": ["COLORS"]}}, "output": []},
  "CustomCombo": {"input": {"required": {"choice": ["COMBO", {"options": []}]}}, "output": ["STRING", "INT"]},
  "SaveImage": {"input": {"required": {"images": ["IMAGE"], "filename_prefix": ["STRING", {"default": "ComfyUI"}]}},
                "output": [], "output_node": true}
}"##;

fn catalog() -> NodeCatalog {
    NodeCatalog::from_bytes(CLASSES.as_bytes()).unwrap()
}

/// Each node of the prompt on a line: id, class, inputs. Then each finding.
fn converted(workflow: &str) -> String {
    let json = Json::parse(workflow.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    let conversion = convert(&UiWorkflow::from_json(json).unwrap(), &catalog());
    let mut lines: Vec<String> = Vec::new();
    for (id, node) in conversion.workflow.as_object().unwrap() {
        let class = node.get("class_type").unwrap().as_str().unwrap();
        lines.push(format!("{id} {class} {}", node.get("inputs").unwrap()));
    }
    lines.extend(conversion.findings.iter().map(Finding::to_string));
    lines.join("\n")
}

#[track_caller]
fn check(workflow: &str, expected: &[&str]) {
    assert_eq!(converted(workflow), expected.join("\n"));
}

/// A saved node that takes one link per input named.
fn node(id: &str, class: &str, mode: u8, inputs: &[(&str, &str, i64)], values: &str) -> String {
    let inputs: Vec<String> = inputs
        .iter()
        .map(|(name, type_name, link)| {
            format!(r#"{{"name": "{name}", "type": "{type_name}", "link": {link}}}"#)
        })
        .collect();
    let inputs = inputs.join(",");
    format!(
        r#"{{"id": {id}, "type": "{class}", "mode": {mode}, "inputs": [{inputs}], "widgets_values": {values}}}"#
    )
}

fn graph(nodes: &[String], links: &str) -> String {
    format!(r#"{{"nodes": [{}], "links": [{links}], "version": 0.4}}"#, nodes.join(","))
}

#[test]
fn values_are_saved_by_position_and_companions_take_places() {
    let sample = node("1", "Sample", 0, &[], r#"[18446744073709551615, "randomize", 30, 7.50]"#);
    let load = node("2", "Load", 0, &[], r#"["b.png", "image"]"#);
    check(
        &graph(&[sample, load], ""),
        &[
            r#"1 Sample {"seed":18446744073709551615,"steps":30,"cfg":7.50}"#,
            r#"2 Load {"name":"b.png"}"#,
        ],
    );
}

#[test]
fn missing_values_are_the_defaults_and_surplus_ones_are_left() {
    let short = node("1", "Sample", 0, &[], "[5]");
    let none = node("2", "Sample", 0, &[], "null");
    let long = node("3", "Model", 0, &[], r#"["m2", 1, 2, 3]"#);
    check(
        &graph(&[short, none, long], ""),
        &[
            r#"1 Sample {"seed":5,"steps":20,"cfg":8.0}"#,
            r#"2 Sample {"seed":0,"steps":20,"cfg":8.0}"#,
            r#"3 Model {"file":"m2"}"#,
        ],
    );
}

#[test]
fn values_by_name_are_taken_by_name() {
    let object = node("1", "Sample", 0, &[], r#"{"cfg": 2, "seed": 9, "other": 1}"#);
    let named = r#"{"id": 2, "type": "Sample", "widgets_values_named": {"steps": 4}}"#.to_owned();
    check(
        &graph(&[object, named], ""),
        &[
            r#"1 Sample {"seed":9,"steps":20,"cfg":2}"#,
            r#"2 Sample {"seed":0,"steps":4,"cfg":8.0}"#,
        ],
    );
}

#[test]
fn a_null_combo_takes_its_first_choice_and_a_null_text_is_empty() {
    let model = node("1", "Model", 0, &[], "[null]");
    let text = node("2", "Text", 0, &[], "[null]");
    check(&graph(&[model, text], ""), &[r#"1 Model {"file":"m1"}"#, r#"2 Text {"text":""}"#]);
}

#[test]
fn old_values_of_forced_inputs_are_left_out() {
    let old = node("1", "Forced", 0, &[], r#"[7, "kept"]"#);
    let new = node("2", "Forced", 0, &[], r#"["kept"]"#);
    check(&graph(&[old, new], ""), &[r#"1 Forced {"name":"kept"}"#, r#"2 Forced {"name":"kept"}"#]);
}

#[test]
fn a_linked_widget_keeps_its_place_among_the_values() {
    let forced = node("1", "Forced", 0, &[], r#"["x"]"#);
    let sample = node("2", "Sample", 0, &[("steps", "INT", 4)], r#"[1, "fixed", 99, 3]"#);
    check(
        &graph(&[forced, sample], r#"[4, 1, 0, 2, 0, "INT"]"#),
        &[r#"1 Forced {"name":"x"}"#, r#"2 Sample {"seed":1,"steps":["1",0],"cfg":3}"#],
    );
}

#[test]
fn lists_are_wrapped_so_that_they_are_no_links() {
    let curve = node("1", "Curve", 0, &[], r##"[[[0, 0], [1, 1]], ["#fff"]]"##);
    check(
        &graph(&[curve], ""),
        &[
            r##"1 Curve {"curve":{"__type__":"CURVE","__value__":[[0,0],[1,1]]},"colors":{"__value__":["#fff"]}}"##,
        ],
    );
}

#[test]
fn muted_nodes_and_their_links_are_gone() {
    let load = node("1", "Load", 2, &[], "[]");
    let save = node("2", "SaveImage", 0, &[("images", "IMAGE", 1)], "[]");
    check(
        &graph(&[load, save], r#"[1, 1, 0, 2, 0, "IMAGE"]"#),
        &[r#"2 SaveImage {"filename_prefix":"ComfyUI"}"#],
    );
}

#[test]
fn a_bypassed_node_passes_on_what_fits() {
    // Opposite the mask output is `one`, an image; of exactly the wanted type is `mask`.
    let load = node("1", "Load", 0, &[], "[]");
    let inputs = [("mask", "MASK", 1), ("one", "IMAGE", 2), ("two", "IMAGE,MASK", 3)];
    let blend = node("2", "Blend", 4, &inputs, "[1]");
    let next = node("3", "Blend", 0, &[("mask", "MASK", 4), ("one", "IMAGE", 5)], "[1]");
    let links = r#"[1, 1, 1, 2, 0, "MASK"], [2, 1, 0, 2, 1, "IMAGE"], [3, 1, 1, 2, 2, "MASK"],
        [4, 2, 1, 3, 0, "MASK"], [5, 2, 0, 3, 1, "IMAGE"]"#;
    check(
        &graph(&[load, blend, next], links),
        &[r#"1 Load {"name":"a.png"}"#, r#"3 Blend {"strength":1,"mask":["1",1],"one":["1",0]}"#],
    );
}

#[test]
fn a_bypassed_node_without_a_fitting_input_gives_nothing() {
    let text = node("1", "Model", 4, &[], "[]");
    let save = node("2", "Text", 0, &[("clip", "CLIP", 1)], r#"["a"]"#);
    check(&graph(&[text, save], r#"[1, 1, 1, 2, 0, "CLIP"]"#), &[r#"2 Text {"text":"a"}"#]);
}

#[test]
fn reroutes_are_followed_and_notes_left_out() {
    let load = node("1", "Load", 0, &[], "[]");
    let first = node("2", "Reroute", 0, &[("", "*", 1)], "null");
    let second = node("3", "Reroute", 0, &[("", "*", 2)], "null");
    let note = node("5", "Note", 0, &[], r#"["remember"]"#);
    let save = node("4", "SaveImage", 0, &[("images", "IMAGE", 3)], "[]");
    let links = r#"[1, 1, 0, 2, 0, "IMAGE"], [2, 2, 0, 3, 0, "IMAGE"], [3, 3, 0, 4, 0, "IMAGE"]"#;
    check(
        &graph(&[load, first, second, note, save], links),
        &[
            r#"1 Load {"name":"a.png"}"#,
            r#"4 SaveImage {"filename_prefix":"ComfyUI","images":["1",0]}"#,
        ],
    );
}

#[test]
fn a_primitive_node_sets_what_it_is_linked_to() {
    let primitive = r#"{"id": 1, "type": "PrimitiveNode", "outputs": [{"name": "INT", "type": "INT", "links": [1, 2]}],
        "widgets_values": [500, "fixed"]}"#
        .to_owned();
    let with_widget = |id: u8, link: u8| {
        format!(
            r#"{{"id": {id}, "type": "Sample", "inputs": [{{"name": "steps", "type": "INT", "widget": {{"name": "steps"}}, "link": {link}}}],
                "widgets_values": [1, "fixed", 20, 8]}}"#
        )
    };
    // The value is brought into the range of its targets.
    let links = r#"[1, 1, 0, 2, 3, "INT"], [2, 1, 0, 3, 3, "INT"]"#;
    check(
        &graph(&[primitive, with_widget(2, 1), with_widget(3, 2)], links),
        &[
            r#"2 Sample {"seed":1,"steps":100,"cfg":8}"#,
            r#"3 Sample {"seed":1,"steps":100,"cfg":8}"#,
        ],
    );
}

#[test]
fn getters_take_what_the_setter_of_their_name_takes() {
    let load = node("1", "Load", 0, &[], "[]");
    let set = node("2", "SetNode", 0, &[("IMAGE", "IMAGE", 1)], r#"["pic"]"#);
    let get = node("3", "GetNode", 0, &[], r#"["pic"]"#);
    let lost = node("4", "GetNode", 0, &[], r#"["other"]"#);
    let save = node("5", "SaveImage", 0, &[("images", "IMAGE", 2)], "[]");
    let other = node("6", "SaveImage", 0, &[("images", "IMAGE", 3)], "[]");
    let links = r#"[1, 1, 0, 2, 0, "IMAGE"], [2, 3, 0, 5, 0, "IMAGE"], [3, 4, 0, 6, 0, "IMAGE"]"#;
    check(
        &graph(&[load, set, get, lost, save, other], links),
        &[
            r#"1 Load {"name":"a.png"}"#,
            r#"5 SaveImage {"filename_prefix":"ComfyUI","images":["1",0]}"#,
            r#"6 SaveImage {"filename_prefix":"ComfyUI"}"#,
            "node 4 gets `other`, which no node sets",
        ],
    );
}

#[test]
fn the_choice_of_a_dynamic_combo_brings_its_inputs() {
    let by_factor = node("1", "Resize", 0, &[("image", "IMAGE", 1)], r#"["by factor", 3, true]"#);
    let inputs = [("image", "IMAGE", 1), ("mode.match", "IMAGE", 2), ("mode.factor", "FLOAT", 3)];
    let to_size = node("2", "Resize", 0, &inputs, r#"["to size", 64, true]"#);
    let load = node("3", "Load", 0, &[], "[]");
    let links = r#"[1, 3, 0, 1, 0, "IMAGE"], [2, 3, 0, 2, 1, "IMAGE"], [3, 3, 0, 2, 2, "FLOAT"]"#;
    check(
        &graph(&[by_factor, to_size, load], links),
        &[
            r#"1 Resize {"mode":"by factor","mode.factor":3,"crop":true,"image":["3",0]}"#,
            r#"2 Resize {"mode":"to size","mode.width":64,"crop":true,"image":["3",0],"mode.match":["3",0]}"#,
            r#"3 Load {"name":"a.png"}"#,
        ],
    );
}

#[test]
fn growing_groups_send_what_is_linked() {
    let load = node("1", "Load", 0, &[], "[]");
    let inputs = [("images.image0", "IMAGE", 1), ("images.image2", "IMAGE", 2)];
    let batch = node("2", "Batch", 0, &inputs, "[]");
    let links = r#"[1, 1, 0, 2, 0, "IMAGE"], [2, 1, 0, 2, 1, "IMAGE"]"#;
    check(
        &graph(&[load, batch], links),
        &[
            r#"1 Load {"name":"a.png"}"#,
            r#"2 Batch {"images.image0":["1",0],"images.image2":["1",0]}"#,
        ],
    );
}

#[test]
fn the_options_of_a_custom_combo_are_sent_with_the_index() {
    let combo = node("1", "CustomCombo", 0, &[], r#"["b", 0, "a", "b", ""]"#);
    check(
        &graph(&[combo], ""),
        &[r#"1 CustomCombo {"choice":"b","index":1,"option1":"a","option2":"b","option3":""}"#],
    );
}

#[test]
fn prompts_lose_comments_and_take_the_first_choice() {
    let text = node("1", "Text", 0, &[], r#"["a {red|blue} fox // later"]"#);
    check(
        &graph(&[text], ""),
        &[
            r#"1 Text {"text":"a red fox "}"#,
            "input `text` of node 1 has 1 random choices; the first of each was taken",
        ],
    );
}

#[test]
fn file_names_can_name_other_widgets() {
    let sample =
        r#"{"id": 1, "type": "Sample", "title": "Draw", "widgets_values": [7]}"#.to_owned();
    let save = node("2", "SaveImage", 0, &[], r#"["%Draw.seed%/%Load.name%_%date:yyyy%_%width%"]"#);
    check(
        &graph(&[sample, save], ""),
        &[
            r#"1 Sample {"seed":7,"steps":20,"cfg":8.0}"#,
            r#"2 SaveImage {"filename_prefix":"7/%Load.name%_%date:yyyy%_%width%"}"#,
            "input `filename_prefix` of node 2 has `%date:yyyy%`, which the front end fills with the time of sending",
        ],
    );
}

#[test]
fn an_unknown_class_is_a_finding_and_not_a_guess() {
    let load = node("1", "Load", 0, &[], "[]");
    let unknown = r#"{"id": 2, "type": "Fancy", "inputs": [{"name": "image", "type": "IMAGE", "link": 1}],
        "widgets_values": [1, 2], "properties": {"aux_id": "someone/fancy-nodes"}}"#;
    let named =
        r#"{"id": 3, "type": "Fancy", "widgets_values": [1], "widgets_values_named": {"a": 1}}"#;
    check(
        &graph(&[load, unknown.to_owned(), named.to_owned()], r#"[1, 1, 0, 2, 0, "IMAGE"]"#),
        &[
            r#"1 Load {"name":"a.png"}"#,
            r#"2 Fancy {"image":["1",0]}"#,
            r#"3 Fancy {"a":1}"#,
            "node 2 has class `Fancy`, which the server does not have; it comes from someone/fancy-nodes",
            "node 3 has class `Fancy`, which the server does not have",
        ],
    );
}

#[test]
fn broken_links_and_circles_cost_one_input_each() {
    let lost = node("1", "SaveImage", 0, &[("images", "IMAGE", 9)], "[]");
    let gone = node("2", "SaveImage", 0, &[("images", "IMAGE", 1)], "[]");
    let one = node("3", "Reroute", 0, &[("", "*", 3)], "null");
    let other = node("4", "Reroute", 0, &[("", "*", 2)], "null");
    let circle = node("5", "SaveImage", 0, &[("images", "IMAGE", 4)], "[]");
    let links = r#"[1, 77, 0, 2, 0, "IMAGE"], [2, 3, 0, 4, 0, "*"], [3, 4, 0, 3, 0, "*"], [4, 4, 0, 5, 0, "*"]"#;
    check(
        &graph(&[lost, gone, one, other, circle], links),
        &[
            r#"1 SaveImage {"filename_prefix":"ComfyUI"}"#,
            r#"2 SaveImage {"filename_prefix":"ComfyUI"}"#,
            r#"5 SaveImage {"filename_prefix":"ComfyUI"}"#,
            "input `images` of node 1 is linked by link 9, which does not exist",
            "input `images` of node 2 is linked by link 1, which does not exist",
            "the links to input `images` of node 5 go in a circle",
        ],
    );
}

#[test]
fn both_spellings_of_links_slots_in_quotes_and_nulls_are_read() {
    let load = node("1", "Load", 0, &[], "[]");
    let save = node(r#""2""#, "SaveImage", 0, &[("images", "IMAGE", 1)], "[]");
    let links = r#"null, {"id": 1, "origin_id": "1", "origin_slot": "0", "target_id": 2, "target_slot": 0, "type": "IMAGE", "parentId": 3}"#;
    let mut workflow = graph(&[load, save, "null".to_owned()], links);
    workflow = workflow.replace("0.4", "1");
    check(
        &workflow,
        &[
            r#"1 Load {"name":"a.png"}"#,
            r#"2 SaveImage {"filename_prefix":"ComfyUI","images":["1",0]}"#,
            "2 entries of the workflow are neither nodes nor links and were passed over",
        ],
    );
}

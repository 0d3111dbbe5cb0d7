//! Subgraphs and group nodes: ids, values of instances, settings of older files.

use workflow_graph::{Json, catalog::NodeCatalog, convert::convert, ui::UiWorkflow};

const CLASSES: &str = r#"{
  "Model": {"input": {"required": {"file": [["m1", "m2"]]}}, "output": ["MODEL"]},
  "Sample": {"input": {"required": {"model": ["MODEL"], "seed": ["INT", {"default": 0}],
             "steps": ["INT", {"default": 20}]}}, "output": ["IMAGE"]},
  "Save": {"input": {"required": {"image": ["IMAGE"]}}, "output": []}
}"#;

#[track_caller]
fn check(workflow: &str, expected: &[&str]) {
    let catalog = NodeCatalog::from_bytes(CLASSES.as_bytes()).unwrap();
    let json = Json::parse(workflow.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    let conversion = convert(&UiWorkflow::from_json(json).unwrap(), &catalog);
    let nodes = conversion.workflow.as_object().unwrap();
    let mut lines: Vec<String> = nodes
        .iter()
        .map(|(id, node)| {
            let class = node.get("class_type").unwrap().as_str().unwrap();
            format!("{id} {class} {}", node.get("inputs").unwrap())
        })
        .collect();
    lines.extend(conversion.findings.iter().map(ToString::to_string));
    assert_eq!(lines.join("\n"), expected.join("\n"));
}

/// A subgraph with a sampler (node 5) that takes a model, gives an image, and has `steps` as an
/// input: link 1 model, 2 steps, 3 image.
const DRAW: &str = r#"{"id": "draw", "name": "Draw",
  "inputs": [{"id": "a", "name": "model", "type": "MODEL", "linkIds": [1]},
             {"id": "b", "name": "how long", "type": "INT", "linkIds": [2]}],
  "outputs": [{"id": "c", "name": "IMAGE", "type": "IMAGE", "linkIds": [3]}],
  "nodes": [{"id": 5, "type": "Sample", "inputs": [{"name": "model", "type": "MODEL", "link": 1},
      {"name": "steps", "type": "INT", "widget": {"name": "steps"}, "link": 2}],
    "outputs": [{"name": "IMAGE", "type": "IMAGE", "links": [3]}], "widgets_values": [9, "fixed", 30]}],
  "links": [{"id": 1, "origin_id": -10, "origin_slot": 0, "target_id": 5, "target_slot": 0, "type": "MODEL"},
            {"id": 2, "origin_id": -10, "origin_slot": 1, "target_id": 5, "target_slot": 1, "type": "INT"},
            {"id": 3, "origin_id": 5, "origin_slot": 0, "target_id": -20, "target_slot": 0, "type": "IMAGE"}]}"#;

const MODEL: &str = r#"{"id": 1, "type": "Model", "widgets_values": ["m2"]}"#;
const SAVE: &str =
    r#"{"id": 3, "type": "Save", "inputs": [{"name": "image", "type": "IMAGE", "link": 8}]}"#;
const LINKS: &str = r#"[7, 1, 0, 2, 0, "MODEL"], [8, 2, 0, 3, 0, "IMAGE"]"#;

/// A workflow with one instance of [`DRAW`] (node 2) between a model and a save.
fn instance(members: &str) -> String {
    format!(
        r#"{{"nodes": [{MODEL}, {{"id": 2, "type": "draw", "inputs": [{{"name": "model", "type": "MODEL", "link": 7}}],
            "outputs": [{{"name": "IMAGE", "type": "IMAGE", "links": [8]}}], {members}}}, {SAVE}],
            "links": [{LINKS}], "definitions": {{"subgraphs": [{DRAW}]}}}}"#
    )
}

#[test]
fn an_instance_is_opened_and_its_own_value_counts() {
    check(
        &instance(r#""widgets_values": [50]"#),
        &[
            r#"1 Model {"file":"m2"}"#,
            r#"2:5 Sample {"seed":9,"steps":50,"model":["1",0]}"#,
            r#"3 Save {"image":["2:5",0]}"#,
        ],
    );
}

#[test]
fn an_instance_without_values_has_those_inside() {
    check(
        &instance(r#""mode": 0"#),
        &[
            r#"1 Model {"file":"m2"}"#,
            r#"2:5 Sample {"seed":9,"steps":30,"model":["1",0]}"#,
            r#"3 Save {"image":["2:5",0]}"#,
        ],
    );
}

#[test]
fn shown_widgets_of_older_files_become_inputs() {
    // The value for `seed` is the instance's; that for `steps` is not set.
    let shown = r#""properties": {"proxyWidgets": [["5", "seed"], ["5", "steps"]]}, "widgets_values": [77, null]"#;
    check(
        &instance(shown),
        &[
            r#"1 Model {"file":"m2"}"#,
            r#"2:5 Sample {"seed":77,"steps":77,"model":["1",0]}"#,
            r#"3 Save {"image":["2:5",0]}"#,
        ],
    );
}

#[test]
fn shown_inputs_are_set_by_name_and_lost_ones_are_reported() {
    let shown = r#""properties": {"proxyWidgets": "[[\"-1\", \"how long\"], [\"6\", \"cfg\"], [\"5\", \"cfg\"]]"}, "widgets_values": [12, 1, 2]"#;
    check(
        &instance(shown),
        &[
            r#"1 Model {"file":"m2"}"#,
            r#"2:5 Sample {"seed":9,"steps":12,"model":["1",0]}"#,
            r#"3 Save {"image":["2:5",0]}"#,
            "node 2 shows widget `cfg` of inner node 6, which is not in the subgraph",
            "node 2 shows widget `cfg` of inner node 5, which has no such widget",
        ],
    );
}

#[test]
fn a_muted_instance_is_gone_and_a_bypassed_one_passes_on() {
    check(&instance(r#""mode": 2"#), &[r#"1 Model {"file":"m2"}"#, "3 Save {}"]);
    check(&instance(r#""mode": 4"#), &[r#"1 Model {"file":"m2"}"#, "3 Save {}"]);
}

#[test]
fn ids_that_occur_elsewhere_are_renumbered() {
    let workflow = instance(r#""widgets_values": []"#)
        .replace(r#""id": 1, "type": "Model""#, r#""id": 5, "type": "Model""#);
    let workflow = workflow.replace("[7, 1, 0, 2", "[7, 5, 0, 2");
    let numbered = workflow.replacen('{', r#"{"last_node_id": 40, "#, 1);
    check(
        &numbered,
        &[
            r#"5 Model {"file":"m2"}"#,
            r#"2:41 Sample {"seed":9,"steps":30,"model":["5",0]}"#,
            r#"3 Save {"image":["2:41",0]}"#,
        ],
    );
}

#[test]
fn instances_within_instances_have_ids_of_three_parts() {
    let outer = r#"{"id": "outer", "name": "Outer",
      "inputs": [{"id": "a", "name": "model", "type": "MODEL", "linkIds": [1]}, {"id": "b", "name": "n", "type": "INT", "linkIds": [2]}],
      "outputs": [{"id": "c", "name": "IMAGE", "type": "IMAGE", "linkIds": [3]}],
      "nodes": [{"id": 6, "type": "draw", "inputs": [{"name": "model", "type": "MODEL", "link": 1}, {"name": "how long", "type": "INT", "link": 2}],
        "outputs": [{"name": "IMAGE", "type": "IMAGE", "links": [3]}], "widgets_values": [40]}],
      "links": [{"id": 1, "origin_id": -10, "origin_slot": 0, "target_id": 6, "target_slot": 0, "type": "MODEL"},
                {"id": 2, "origin_id": -10, "origin_slot": 1, "target_id": 6, "target_slot": 1, "type": "INT"},
                {"id": 3, "origin_id": 6, "origin_slot": 0, "target_id": -20, "target_slot": 0, "type": "IMAGE"}]}"#;
    let workflow = instance(r#""widgets_values": [60]"#)
        .replace(r#""id": 2, "type": "draw""#, r#""id": 2, "type": "outer""#)
        .replace(r#""subgraphs": ["#, &format!(r#""subgraphs": [{outer}, "#));
    check(
        &workflow,
        &[
            r#"1 Model {"file":"m2"}"#,
            r#"2:6:5 Sample {"seed":9,"steps":60,"model":["1",0]}"#,
            r#"3 Save {"image":["2:6:5",0]}"#,
        ],
    );
}

#[test]
fn a_subgraph_in_itself_is_a_finding() {
    let workflow = instance(r#""mode": 0"#)
        .replace(r#""nodes": [{"id": 5,"#, r#""nodes": [{"id": 8, "type": "draw"}, {"id": 5,"#);
    check(
        &workflow,
        &[
            r#"1 Model {"file":"m2"}"#,
            r#"2:5 Sample {"seed":9,"steps":30,"model":["1",0]}"#,
            r#"3 Save {"image":["2:5",0]}"#,
            "node 2:8 is an instance of the subgraph Draw that it is part of",
        ],
    );
}

#[test]
fn subgraphs_that_multiply_end() {
    use std::fmt::Write as _;
    let mut definitions = String::new();
    for level in 0..40 {
        let next = level + 1;
        write!(
            definitions,
            r#"{{"id": "level{level}", "nodes": [{{"id": 1, "type": "level{next}"}}, {{"id": 2, "type": "level{next}"}}]}},"#
        )
        .unwrap();
    }
    definitions.push_str(r#"{"id": "level40", "nodes": []}"#);
    let text = format!(
        r#"{{"nodes": [{{"id": 1, "type": "level0"}}], "definitions": {{"subgraphs": [{definitions}]}}}}"#
    );
    check(&text, &["the workflow has more than 250000 nodes; the rest was left out"]);
}

#[test]
fn a_group_node_becomes_an_instance_with_nodes_of_its_own() {
    let text = r#"{"last_node_id": 9, "last_link_id": 8,
      "nodes": [{"id": 1, "type": "Model", "widgets_values": ["m2"], "outputs": [{"name": "MODEL", "type": "MODEL", "links": [7]}]},
        {"id": 2, "type": "workflow/Both", "inputs": [{"name": "model", "type": "MODEL", "link": 7}],
         "outputs": [{"name": "IMAGE", "type": "IMAGE", "links": [8]}], "widgets_values": [5, "fixed", 6, 7, "fixed", 8]},
        {"id": 3, "type": "Save", "inputs": [{"name": "image", "type": "IMAGE", "link": 8}]}],
      "links": [[7, 1, 0, 2, 0, "MODEL"], [8, 2, 0, 3, 0, "IMAGE"]],
      "extra": {"groupNodes": {"Both": {
        "nodes": [{"type": "Sample", "index": 0, "widgets_values": [1, "fixed", 2]}, {"type": "Sample", "index": 1, "widgets_values": [3, "fixed", 4]}],
        "links": [], "external": []}}}}"#;
    // The group has two outputs; the file's instance uses the first.
    check(
        text,
        &[
            r#"1 Model {"file":"m2"}"#,
            r#"12:10 Sample {"seed":5,"steps":6,"model":["1",0]}"#,
            r#"12:11 Sample {"seed":7,"steps":8}"#,
            r#"3 Save {"image":["12:10",0]}"#,
        ],
    );
}

//! `mediafactory workflow`.

use serde_json::{Value, json};

use crate::process::{Ended, Home, Simulator};

/// Node classes as a server lists them, few enough to be read.
const CLASSES: &str = r#"{
    "LoadImage": {"input": {"required": {"image": [["cat.png", "dog.png"]]}}, "output": ["IMAGE", "MASK"], "output_node": false, "python_module": "nodes"},
    "Blur": {"input": {"required": {"image": ["IMAGE"], "radius": ["INT", {"default": 3, "min": 1, "max": 31}]}}, "output": ["IMAGE"], "output_node": false},
    "SaveImage": {"input": {"required": {"images": ["IMAGE"], "filename_prefix": ["STRING", {"default": "a"}]}}, "output": [], "output_node": true}
}"#;

const WORKFLOW: &str = r#"{
    "1": {"class_type": "LoadImage", "inputs": {"image": "Cat.png"}},
    "2": {"class_type": "Blur", "inputs": {"image": ["1", 0], "radius": 99}},
    "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "x"}}
}"#;

const SAVED: &str = r#"{"nodes": [
    {"id": 1, "type": "LoadImage", "widgets_values": ["cat.png"], "outputs": [{"name": "IMAGE", "type": "IMAGE", "links": [1]}]},
    {"id": 3, "type": "SaveImage", "widgets_values": ["x"], "inputs": [{"name": "images", "type": "IMAGE", "link": 1}]}],
    "links": [[1, 1, 0, 3, 0, "IMAGE"]], "version": 0.4}"#;

fn home() -> Home {
    let home = Home::new();
    home.write("classes.json", CLASSES);
    home.write("workflow.json", WORKFLOW);
    home.write("saved.json", SAVED);
    home
}

fn offline(home: &Home, words: &[&str]) -> Ended {
    let words: Vec<&str> = [&["workflow"], words, &["--object-info", "classes.json"]].concat();
    home.run(&words)
}

#[test]
fn a_workflow_is_checked_and_corrected_without_a_server() {
    let home = home();
    let told = [
        offline(&home, &["validate", "workflow.json"]),
        offline(&home, &["validate", "saved.json"]),
        offline(&home, &["fix", "workflow.json"]),
        offline(&home, &["fix", "workflow.json", "--apply", "--only", "/2/inputs/radius"]),
        offline(&home, &["fix", "workflow.json", "--only", "/2/inputs/radios"]),
        offline(&home, &["inspect", "workflow.json"]),
    ]
    .map(|ended| ended.told(&[]));
    insta::assert_snapshot!(told.join("\n"));

    let fixed = offline(&home, &["fix", "workflow.json", "--apply"]);
    home.write("fixed.json", fixed.stdout);
    let verdict = offline(&home, &["validate", "fixed.json", "--json"]).json();
    assert_eq!((&verdict["valid"], &verdict["outputs"]), (&json!(true), &json!(["3"])));
}

#[test]
fn every_line_has_an_answer() {
    let (home, server) = (home(), Simulator::start());
    let lines = format!("{}\n{{\n[]\n{{}}", WORKFLOW.replace('\n', " "));
    let words =
        ["workflow", "validate", "--jsonl", "--profile", "0.8", "--object-info", "classes.json"];
    let ended = home.run_with_stdin(&server, &words, lines.as_bytes());
    let answers: Vec<Value> =
        ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let errors: Vec<_> = answers.iter().map(|answer| answer["error"].as_str().unwrap()).collect();
    assert_eq!((ended.code, errors.len()), (Some(0), 4), "{ended:?}");
    assert_eq!(errors[..2], ["prompt_outputs_failed_validation", "not_json"]);
    for answer in &answers {
        assert_eq!(answer["valid"], json!(false));
        assert!(answer["outputs"].is_array() && answer["errors"].is_array(), "{answer}");
    }
    let too_big = &answers[0]["errors"][1];
    assert_eq!((&too_big["node"], &too_big["input"]), (&json!("2"), &json!("radius")));
    assert_eq!(too_big["type"], "value_bigger_than_max");
}

#[test]
fn saved_workflows_are_converted_and_back() {
    let home = home();
    let api = offline(&home, &["convert", "saved.json"]).json();
    assert_eq!(api["3"]["inputs"]["images"], json!(["1", 0]));

    home.write("broken.json", "{\"nodes\": [");
    let several = offline(&home, &["convert", "--out-dir", "out", "broken.json", "saved.json"]);
    assert_eq!(several.code, Some(1), "{several:?}");
    assert!(several.stderr.contains("broken.json is not JSON"), "{several:?}");
    let written = std::fs::read_to_string(home.path().join("out/saved.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), api);
    let usage = offline(&home, &["convert", "saved.json", "workflow.json"]);
    assert_eq!(usage.code, Some(2), "{usage:?}");

    home.write("api.json", &written);
    let lifted = offline(&home, &["lift", "api.json"]);
    home.write("lifted.json", lifted.stdout);
    let again = offline(&home, &["convert", "lifted.json"]).json();
    assert_eq!(again["1"]["inputs"], api["1"]["inputs"]);
    assert_eq!(again["3"]["inputs"], api["3"]["inputs"]);
}

#[test]
fn edits_are_taken_back_and_sides_are_merged() {
    let home = home();
    let edit = |value: u8, name: &str| {
        let patch =
            format!(r#"[{{"op": "set", "node": "2", "input": "radius", "value": {value}}}]"#);
        home.write("patch.json", patch);
        let words = [
            "workflow",
            "edit",
            "workflow.json",
            "--patch",
            "patch.json",
            "--inverse",
            "back.json",
        ];
        home.write(name, home.run(&words).stdout);
    };
    edit(5, "ours.json");
    let words = ["workflow", "edit", "ours.json", "--patch", "back.json"];
    let restored = home.run(&words).json();
    assert_eq!(restored, serde_json::from_str::<Value>(WORKFLOW).unwrap());

    edit(7, "theirs.json");
    let told = [
        &["diff", "workflow.json", "ours.json"][..],
        &["diff", "ours.json", "ours.json"],
        &["diff", "workflow.json", "ours.json", "--patch"],
        &["merge", "workflow.json", "ours.json", "theirs.json"],
        &["merge", "workflow.json", "ours.json", "theirs.json", "--strategy", "theirs"],
        &[
            "merge",
            "workflow.json",
            "ours.json",
            "theirs.json",
            "--choose",
            "/2/inputs/radius=theirs",
        ],
        &["merge", "workflow.json", "ours.json", "theirs.json", "--choose", "/2/inputs/r=ours"],
        &["merge", "workflow.json", "ours.json", "theirs.json", "--choose", "2.radius"],
        &["show", "ours.json", "--against", "workflow.json"],
        &["show", "workflow.json", "--format", "png"],
        &["edit", "saved.json", "--patch", "patch.json"],
        &["edit", "workflow.json", "--patch", "workflow.json"],
    ]
    .map(|words| home.run(&[&["workflow"], words].concat()).told(&[]));
    insta::assert_snapshot!(told.join("\n"));
    let page = home.run(&["workflow", "show", "workflow.json", "--format", "html"]);
    assert!(
        page.stdout.starts_with("<!DOCTYPE html>") || page.stdout.starts_with("<!doctype html>")
    );
}

#[test]
fn node_classes_come_from_the_server_where_no_file_is_named() {
    let (home, server) = (home(), Simulator::start());
    let seen = home.run_at(&server, &["workflow", "inspect", "workflow.json", "--json"]).json();
    assert_eq!(seen["missing_nodes"][0]["class_type"], "Blur");
    let made = home.run_at(&server, &["templates", "show", "sdxl_txt2img", "--workflow"]);
    home.write("template.json", made.stdout);
    let verdict = home.run_at(&server, &["workflow", "validate", "template.json", "--json"]);
    let verdict: Value = serde_json::from_str(&verdict.stdout).unwrap();
    assert!(verdict["errors"].is_array(), "{verdict}");
}

#[test]
fn files_that_hold_no_node_classes_say_what_they_should_be() {
    let home = home();
    home.write("list.json", "[]");
    home.write("empty.json", "");
    for file in ["list.json", "empty.json", "workflow.json", "nothing.json"] {
        let ended = home.run(&["workflow", "validate", "workflow.json", "--object-info", file]);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert_eq!(ended.stderr.matches("error: ").count(), 1, "{ended:?}");
    }
}

#[test]
fn a_saved_workflow_runs_too() {
    let (home, server) = (home(), Simulator::start());
    let saved = SAVED.replace("LoadImage", "EmptyImage").replace("[\"cat.png\"]", "[64, 64, 1, 0]");
    home.write("saved.json", saved);
    let made = home.run_at(&server, &["run", "saved.json", "--json"]).json();
    assert_eq!(made["assets"][0]["width"], 64);

    let picture = made["assets"][0]["path"].as_str().unwrap();
    let drawn = home.run(&["workflow", "show", picture]);
    assert!(drawn.stdout.contains("1 EmptyImage"), "out of the picture: {drawn:?}");
    home.write("plain.png", b"\x89PNG\r\n\x1a\n");
    home.run(&["workflow", "show", "plain.png"]).expect_failure(&["the png file has no workflow"]);
}

#[test]
fn what_is_too_large_is_refused_with_the_limit() {
    let home = home();
    home.write("long.json", format!("[{}]", " ".repeat(100 << 20)));
    let nodes = (0..100_001).map(|at| format!(r#""{at}":{{"class_type":"Blur","inputs":{{}}}}"#));
    home.write("large.json", format!("{{{}}}", nodes.collect::<Vec<_>>().join(",")));
    let long = offline(&home, &["validate", "long.json"]);
    long.expect_failure(&["long.json", "67108864"]);
    let large = offline(&home, &["validate", "large.json"]);
    large.expect_failure(&["a workflow may have 100000 nodes, but this has 100001"]);
}

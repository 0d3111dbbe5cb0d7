//! `mediafactory run`, `models`, `templates` and `sim`.

use std::fs;

use crate::process::{Home, Simulator};

const WORKFLOW: &str = r#"{
    "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 255}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "blue"}}
}"#;

#[test]
fn a_workflow_is_run_as_it_is() {
    let (home, server) = (Home::new(), Simulator::start());
    home.write("workflow.json", WORKFLOW);
    let made = home.run_at(&server, &["run", "workflow.json", "--json"]).json();
    let asset = &made["assets"][0];
    assert_eq!((asset["width"].as_u64(), asset["node"].as_str()), (Some(64), Some("2")));
    assert!(fs::exists(asset["path"].as_str().unwrap()).unwrap());

    let ended = home.run_with_stdin(&server, &["run", "-"], WORKFLOW.as_bytes());
    assert_eq!(ended.code, Some(0), "from stdin: {ended:?}");
}

#[test]
fn files_that_are_no_json_say_so() {
    let home = Home::new();
    home.write("empty.json", " \n");
    home.write("broken.json", &WORKFLOW[..60]);
    home.write("binary.json", [0xff, 0xfe, 0]);
    let told = ["missing.json", "empty.json", "broken.json", "binary.json"]
        .map(|file| format!("{file}\n{}", home.run(&["run", file]).told(&[])));
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn json_that_is_no_workflow_in_api_format_says_what_it_is() {
    let (home, server) = (Home::new(), Simulator::start());
    let ui = r#"{"last_node_id": 1, "nodes": [{"id": 1, "type": "SaveImage"}], "links": []}"#;
    let body = format!(r#"{{"prompt": {WORKFLOW}}}"#);
    let unknown = WORKFLOW.replace("EmptyImage", "EmptyImagee");
    for (text, says) in [
        ("[]", "API format"),
        (ui, "Required input is missing"),
        (&body, "request body"),
        (&unknown, "EmptyImagee"),
    ] {
        home.write("workflow.json", text);
        home.run_at(&server, &["run", "workflow.json"]).expect_failure(&[says]);
    }
}

#[test]
fn models_and_templates_are_listed() {
    let (home, server) = (Home::new(), Simulator::start());
    let models = home.run_at(&server, &["models", "checkpoints"]);
    assert!(models.stdout.lines().any(|line| line.ends_with(".safetensors")), "{models:?}");
    let kinds = home.run_at(&server, &["models"]);
    assert!(kinds.stdout.lines().any(|line| line == "checkpoints"), "{kinds:?}");

    let names = home.run(&["templates", "list"]);
    assert!(names.stdout.starts_with("sdxl_txt2img"), "{names:?}");
    let shown = home.run(&["templates", "show", "sdxl_txt2img"]);
    assert!(shown.stdout.contains("negative_prompt"), "{shown:?}");
    let workflow = home.run(&["templates", "show", "sdxl_txt2img", "--workflow"]).json();
    assert!(workflow.as_object().is_some_and(|nodes| nodes.len() > 3), "{workflow}");
}

#[test]
fn templates_of_a_server_are_listed_and_shown() {
    let (home, server) = (Home::new(), Simulator::start());
    let list = |words: &[&str]| home.run_at(&server, &[&["templates", "list"], words].concat());
    let told = [
        list(&["--source", "server"]),
        list(&["--source", "all", "--query", "invert scale"]),
        list(&["--source", "server", "--category", "Vidoe"]),
        home.run_at(&server, &["templates", "show", "server:sim_missing_model"]),
        home.run_at(&server, &["templates", "show", "server:sim_missing_nodes"]),
    ]
    .map(|ended| ended.told(&[]));
    insta::assert_snapshot!(told.join("\n"));
    let name = "pack:comfy-sim-example-pack/one_color";
    let workflow = home.run_at(&server, &["templates", "show", name, "--workflow"]).json();
    assert_eq!(workflow["1"]["class_type"], "EmptyImage");
}

#[cfg(unix)]
#[test]
fn the_simulator_serves_until_ctrl_c() {
    let server = Simulator::start();
    assert!(server.url.starts_with("http://127.0.0.1:"), "{}", server.url);
    assert_eq!(server.interrupt(), Some(0));
}

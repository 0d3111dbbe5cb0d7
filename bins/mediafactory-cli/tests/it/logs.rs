//! `mediafactory logs`.

use std::io::{BufRead as _, BufReader};

use serde_json::Value;

use crate::process::{Home, Simulator};

const WORKFLOW: &str = r#"{
    "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 255}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "blue"}}
}"#;

#[test]
fn the_log_of_a_server_is_shown_without_what_moves_a_terminal() {
    let (home, server) = (Home::new(), Simulator::start());
    let ended = home.run_at(&server, &["logs"]);
    assert_eq!(ended.code, Some(0));
    assert!(ended.stdout.ends_with("  [INFO] Starting server\n"), "{ended:?}");
    let line: Value =
        serde_json::from_str(&home.run_at(&server, &["logs", "--json"]).stdout).unwrap();
    assert_eq!(line["text"], "[INFO] Starting server");
    assert_eq!(line["time"].as_str().map(str::len), Some(26));
    let refused = home.run_at(&server, &["logs", "--backend", "defualt"]);
    refused.expect_failure(&["no ComfyUI server has", "did you mean `default`?"]);
}

#[cfg(unix)]
#[test]
fn a_log_is_followed_until_ctrl_c() {
    let (home, server) = (Home::new(), Simulator::start());
    let mut following = home.command(&["logs", "--follow"]);
    let mut following = following.env("COMFYUI_URL", &server.url).spawn().unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    let mut until = |text: &str| {
        let found = lines.find(|line| line.as_ref().unwrap().contains(text));
        assert!(found.is_some(), "it ended before `{text}`");
    };
    until("Starting server");
    home.write("workflow.json", WORKFLOW);
    assert_eq!(home.run_at(&server, &["run", "workflow.json"]).code, Some(0));
    until("got prompt");
    until("Prompt executed in");
    crate::process::interrupt(&following);
    assert_eq!(following.wait().unwrap().code(), Some(130));
}

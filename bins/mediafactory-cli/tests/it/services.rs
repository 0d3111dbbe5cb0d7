//! `mediafactory services`, and what the doctor says of them.

use serde_json::Value;

use crate::process::{Home, Simulator};

const PICTURE: &str = r#"{
    "1": {"class_type": "EmptyImage", "inputs": {"width": 32, "height": 16, "batch_size": 1, "color": 7}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "plain"}}
}"#;

const PORTRAIT: &str = r#"{
    "name": "portrait",
    "description": "Paint one color.",
    "comfyui_workflow_api": "picture.json",
    "parameters": [
        {"name": "who", "comfyui_node_id": "2", "comfyui_widget_name": "filename_prefix",
         "type": "string", "required": true, "description": "How the file is called."},
        {"name": "size", "comfyui_node_id": "1", "comfyui_widget_name": "width", "default": 48}
    ]
}"#;

/// A home with services, and the words that name them.
fn home_with(services: &[&str]) -> Home {
    let home = Home::new();
    home.write("picture.json", PICTURE);
    home.write("config.json", format!(r#"{{"services": [{}]}}"#, services.join(", ")));
    home
}

const FILE: [&str; 2] = ["--services-file", "config.json"];

fn words<'a>(words: &[&'a str]) -> Vec<&'a str> {
    words.iter().chain(&FILE).copied().collect()
}

#[test]
fn services_are_listed_with_what_they_take() {
    let home = home_with(&[PORTRAIT]);
    std::fs::create_dir(home.path().join("dropped")).unwrap();
    home.write("dropped/one-color.json", PICTURE.replace("7}", "\"{{COLOR:int=7}}\"}"));
    home.write("dropped/closed.json", PICTURE);
    let dir = ["services", "list", "--services-dir", "dropped"];
    let place = home.path().canonicalize().unwrap();
    let names = [(place.to_str().unwrap(), "<home>")];
    insta::assert_snapshot!(home.run(&words(&dir)).told(&names));

    let listed = home.run(&words(&[&dir[..], &["--json"]].concat())).json();
    insta::assert_snapshot!(format!("{listed:#}").replace(place.to_str().unwrap(), "<home>"));
}

#[test]
fn where_no_services_are_set_up_the_settings_are_named() {
    let ended = Home::new().run(&["services", "list"]);
    insta::assert_snapshot!(ended.told(&[]));
}

#[test]
fn what_is_wrong_with_services_is_listed_and_found_by_the_doctor() {
    let elsewhere = PORTRAIT.replace(r#""comfyui_node_id": "1""#, r#""comfyui_node_id": "7""#);
    let elsewhere = elsewhere.replace(r#""name": "portrait""#, r#""name": "elsewhere""#);
    let (home, server) = (home_with(&[PORTRAIT, PORTRAIT, &elsewhere]), Simulator::start());
    let place = home.path().canonicalize().unwrap();
    let names = [(place.to_str().unwrap(), "<home>")];
    insta::assert_snapshot!(home.run(&words(&["services", "list"])).told(&names));

    let ended = home.run_at(&server, &words(&["doctor", "--json"]));
    assert_eq!(ended.code, Some(1), "nothing starts: {ended:?}");
    let findings: Value = serde_json::from_str(&ended.stdout).unwrap();
    let all = findings.as_array().unwrap().iter();
    let of_services: Vec<_> = all.filter(|finding| finding["check"] == "services").collect();
    let told = format!("{:#}", serde_json::json!(of_services));
    insta::assert_snapshot!(told.replace(home.path().to_str().unwrap(), "<home>"));
    home.run_at(&server, &words(&["run", "picture.json"])).expect_failure(&["node 7"]);
}

#[test]
fn a_service_runs_with_what_is_set() {
    let (home, server) = (home_with(&[PORTRAIT]), Simulator::start());
    let run = ["services", "run", "portrait", "--set", "who=Ann = Bob", "--set", "size=64"];
    let made = home.run_at(&server, &words(&[&run[..], &["--json", "--wait"]].concat())).json();
    assert_eq!(made["parameters"], serde_json::json!({"who": "Ann = Bob", "size": 64}));
    let asset = &made["assets"][0];
    assert_eq!((made["backend"].as_str(), asset["width"].as_u64()), (Some("default"), Some(64)));

    let shown = home.run_at(&server, &words(&run));
    assert!(shown.stderr.contains("done") || shown.stderr.contains("100 %"), "{shown:?}");
    assert_eq!((shown.code, shown.line("picture").is_empty()), (Some(0), false), "{shown:?}");
    let job = made["job"].as_str().unwrap();
    assert_eq!(home.run_at(&server, &["jobs", "show", job]).line("service"), "portrait");
}

#[test]
fn a_service_that_is_not_waited_for_is_fetched_by_who_watches() {
    let (home, server) = (home_with(&[PORTRAIT]), Simulator::start());
    let run = ["services", "run", "portrait", "--set", "who=Ann", "--no-wait", "--json"];
    let started = home.run_at(&server, &words(&run)).json();
    let job = started["job"].as_str().unwrap();
    let watched = home.run_at(&server, &["jobs", "watch", job]);
    assert_eq!((watched.code, watched.stdout), (Some(0), format!("{job}  succeeded\n")));
    let shown = home.run_at(&server, &["jobs", "show", job, "--json"]).json();
    assert_eq!(shown["assets"][0]["node"], "2", "{shown}");
}

#[test]
fn services_that_cannot_be_run_so_are_one_error_each() {
    let (home, server) = (home_with(&[PORTRAIT]), Simulator::start());
    let told = [
        vec!["potrait"],
        vec!["portrait"],
        vec!["portrait", "--set", "who=Ann", "--set", "size=wide"],
        vec!["portrait", "--set", "who=Ann", "--set", "who=Bob"],
        vec!["portrait", "--set", "who"],
        vec!["portrait", "--set", "who=Ann", "--backend", "defualt"],
        vec!["portrait", "--set", "who=Ann", "--no-wait", "--simulate", "always"],
    ];
    let told = told.map(|rest| {
        let ended = home.run_at(&server, &words(&[&["services", "run"], &rest[..]].concat()));
        format!("{}\n{}", rest.join(" "), ended.told(&[]))
    });
    insta::assert_snapshot!(told.join("\n"));
}

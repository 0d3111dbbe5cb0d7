//! `mediafactory doctor`.

use serde_json::Value;

use crate::process::{Home, Simulator, closed_port};

fn level(findings: &Value, check: &str) -> String {
    let found = findings.as_array().unwrap().iter().find(|finding| finding["check"] == check);
    found.unwrap_or_else(|| panic!("no finding `{check}`: {findings}"))["level"].to_string()
}

/// Without the lines whose text belongs to other crates.
fn without(told: &str, part: &str) -> String {
    told.lines().filter(|line| !line.contains(part)).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_machine_that_has_everything_has_no_problem() {
    let (home, server) = (Home::new(), Simulator::start());
    let ended = home.run_at(&server, &["doctor"]);
    let (url, home_path) = (format!("{}/", server.url), home.path().to_str().unwrap());
    let told = ended.told(&[(&url, "<url>"), (home_path, "<home>")]);
    insta::assert_snapshot!(without(&without(&told, "models"), "latency"));

    let findings = home.run_at(&server, &["doctor", "--json"]).json();
    for check in [
        "data folder",
        "output folder",
        "database",
        "version",
        "latency",
        "queue",
        "socket",
        "templates",
    ] {
        assert_eq!(level(&findings, check), "\"ok\"", "{check}");
    }
    assert_eq!(level(&findings, "server"), "\"warning\"", "it is only a simulator");
}

#[test]
fn a_missing_server_and_a_folder_that_is_a_file_are_problems_with_advice() {
    let (home, url) = (Home::new(), closed_port());
    let blocked = home.write("file", "");
    let words = ["doctor", "--data-dir", "file"];
    let ended = home.run_with(&words, &[("COMFYUI_URL", &url)]);
    assert_eq!(ended.code, Some(1));
    let names = [(url.as_str(), "<url>"), (blocked.to_str().unwrap(), "<file>")];
    assert!(ended.stdout.contains(&format!("cannot connect to {url}")), "{}", ended.stdout);
    insta::assert_snapshot!(without(&ended.told(&names), "<url>"));
}

#[test]
fn a_damaged_database_is_a_problem() {
    let (home, server) = (Home::new(), Simulator::start());
    std::fs::create_dir(home.path().join("data")).unwrap();
    home.write("data/mediafactory.db", "this is no database at all, but long enough to be read");
    let ended = home.run_at(&server, &["doctor", "--json", "--data-dir", "data"]);
    let findings: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(ended.code, Some(1));
    assert_eq!(level(&findings, "database"), "\"problem\"");
}

#[test]
fn every_server_has_findings_of_its_own() {
    let (home, one, other) = (Home::new(), Simulator::start(), closed_port());
    let servers = format!("here={},gone={other}", one.url);
    let ended = home.run(&["doctor", "--servers", &servers]);
    let names = [(one.url.as_str(), "<here>"), (other.as_str(), "<gone>/")];
    let told = without(&without(&ended.told(&names), "models of"), "latency of");
    insta::assert_snapshot!(without(&told, "folder"));
    assert!(ended.line("ok       latency of here").starts_with("an answer takes"), "{ended:?}");

    let ended = home.run(&["doctor", "--json", "--servers", &format!("gone={other},lost={other}")]);
    assert_eq!(ended.code, Some(1), "none of them answers");
    let findings: Value = serde_json::from_str(&ended.stdout).unwrap();
    let servers =
        findings.as_array().unwrap().iter().filter(|finding| finding["check"] == "server");
    let servers: Vec<_> = servers.map(|finding| (&finding["server"], &finding["level"])).collect();
    let problem = Value::from("problem");
    assert_eq!(servers, [(&"gone".into(), &problem), (&"lost".into(), &problem)]);
}

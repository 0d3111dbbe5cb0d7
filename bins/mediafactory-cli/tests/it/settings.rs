//! The configuration, from file, environment and command line.

use crate::process::Home;

const SECRET: &str = "s3cr3t";

#[test]
fn every_setting_is_shown_with_its_source_and_no_secret_is() {
    let home = Home::new();
    let file = home.write(
        "mf.toml",
        format!("data_dir = \"data\"\n\n[http]\ntoken = \"{SECRET}\"\nbind = \"127.0.0.1:9\"\n"),
    );
    let words = ["config", "show", "--config", "mf.toml", "--max-concurrent-jobs", "1"];
    let url = format!("http://ann:{SECRET}@gpu.example:8188");
    let other = ("COMFYUI_MCP_COMFYUI_URL", "http://other.example");
    let ended = home.run_with(&words, &[("COMFYUI_URL", &url), other]);
    let told = ended.told(&[
        (file.to_str().unwrap(), "<home>/mf.toml"),
        (home.path().to_str().unwrap(), "<home>"),
    ]);
    assert!(!told.contains(SECRET), "{told}");
    insta::assert_snapshot!(told);

    let shown = home.run(&["config", "show", "--json", "--config", "mf.toml"]).json();
    assert_eq!(shown["http.token"]["value"], "(set)");
    assert_eq!(shown["comfyui.url"]["value"], serde_json::Value::Null);
}

#[test]
fn everything_that_is_wrong_is_told_before_anything_is_done() {
    let home = Home::new();
    home.write("mf.toml", "max_concurent_jobs = 3\njob_timeout_seconds = 0\n");
    let words = ["generate", "a fox", "--config", "mf.toml", "--simulate", "perhaps"];
    let environment = [("COMFYUI_URL", "gpu:8188"), ("MEDIAFACTORY_LOGS", "info")];
    let ended = home.run_with(&words, &environment);
    insta::assert_snapshot!(ended.told(&[(home.path().to_str().unwrap(), "<home>")]));
}

#[test]
fn a_log_filter_that_is_none_is_told_with_its_source() {
    let ended = Home::new().run_with(&["doctor"], &[("MEDIAFACTORY_LOG", "a=b=c")]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(
        ended.stderr.contains("error: MEDIAFACTORY_LOG: `log` is not a log filter"),
        "{ended:?}"
    );
}

#[test]
fn the_path_of_the_file_is_told_whether_it_is_there_or_not() {
    let home = Home::new();
    let ended = home.run(&["config", "path"]);
    let usual = home.path().join(".config/mediafactory/config.toml");
    assert_eq!(ended.stdout.trim(), usual.to_str().unwrap());
    assert!(ended.stderr.contains("there is no configuration file"), "{ended:?}");

    home.write("mf.toml", "");
    let ended = home.run_with(&["config", "path"], &[("MEDIAFACTORY_CONFIG", "mf.toml")]);
    assert_eq!(ended.stdout.trim(), home.path().join("mf.toml").to_str().unwrap());
    assert_eq!(ended.stderr, "");
}

#[test]
fn the_same_program_twice_uses_the_same_data() {
    let home = Home::new();
    for _ in 0..2 {
        let ended = home.run(&["generate", "x", "--simulate", "always", "--steps", "1"]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }
    let output = home.path().join(".local/share/mediafactory/output");
    assert_eq!(std::fs::read_dir(output).unwrap().count(), 2);
}

//! What a configuration makes of what it is given.

use std::{fmt::Write as _, path::Path};

use super::*;

fn sources() -> Sources {
    Sources {
        directories: Directories {
            home: Some("/home/ann".into()),
            working: Some("/work".into()),
            ..Directories::default()
        },
        ..Sources::default()
    }
}

fn with_file(text: &str) -> Sources {
    Sources { file: Some(("/etc/mf/config.toml".into(), text.to_owned())), ..sources() }
}

fn with_environment(pairs: &[(&str, &str)]) -> Sources {
    Sources { environment: owned(pairs), ..sources() }
}

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[track_caller]
fn shown(resolved: &Resolved, key: &str) -> (Option<String>, String) {
    let found = resolved.settings.iter().find(|setting| setting.key == key).unwrap();
    (found.value.clone(), found.source.to_string())
}

#[track_caller]
fn check_shown(sources: Sources, key: &str, value: &str, source: &str) {
    let resolved = resolve(sources).unwrap();
    assert_eq!(shown(&resolved, key), (Some(value.to_owned()), source.to_owned()));
}

#[test]
fn the_table_tells_the_defaults_that_are_in_force() {
    let resolved = resolve(sources()).unwrap();
    for setting in SETTINGS {
        let (value, source) = shown(&resolved, setting.key());
        let written = setting
            .default_text()
            .replace("<data_dir>", "~/.local/share/mediafactory")
            .replace('~', "/home/ann");
        assert_eq!(value.unwrap_or_default(), written, "{}", setting.key());
        assert_eq!(source, "default");
    }
}

#[test]
fn every_setting_has_a_variable_of_our_own_named_after_its_key() {
    for setting in SETTINGS {
        let name = format!("MEDIAFACTORY_{}", setting.key().replace('.', "_").to_uppercase());
        assert_eq!(setting.environment()[0], name);
    }
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let key = "max_concurrent_jobs";
    let mut sources = with_file("# how many\nmax_concurrent_jobs = 4\n");
    check_shown(sources.clone(), key, "4", "/etc/mf/config.toml:2");
    sources.environment = owned(&[("MEDIAFACTORY_MAX_CONCURRENT_JOBS", "5")]);
    check_shown(sources.clone(), key, "5", "MEDIAFACTORY_MAX_CONCURRENT_JOBS");
    sources.flags = owned(&[("max_concurrent_jobs", "6")]);
    check_shown(sources, key, "6", "--max-concurrent-jobs");
}

#[test]
fn every_other_name_of_a_setting_works() {
    for setting in SETTINGS {
        for name in &setting.environment()[1..] {
            let value = match setting.key() {
                "comfyui.url" => "http://gpu:1/",
                "job_timeout_seconds" | "max_concurrent_jobs" | "asset_ttl_hours" => "7",
                _ => "/srv/somewhere",
            };
            check_shown(with_environment(&[(name, value)]), setting.key(), value, name);
        }
    }
}

#[test]
fn our_own_variable_wins_and_says_so_only_when_they_differ() {
    let differ = [("COMFYUI_URL", "http://a/"), ("MEDIAFACTORY_COMFYUI_URL", "http://ann:pw@b/")];
    let resolved = resolve(with_environment(&differ)).unwrap();
    assert_eq!(
        shown(&resolved, "comfyui.url").0.unwrap(),
        "http://b/ (with a user name and password)"
    );
    let warnings: Vec<_> = resolved.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        ["MEDIAFACTORY_COMFYUI_URL and COMFYUI_URL are set to different values; \
          MEDIAFACTORY_COMFYUI_URL counts"]
    );
    let same = [("COMFYUI_URL", "http://a/"), ("MEDIAFACTORY_COMFYUI_URL", "http://a/")];
    assert_eq!(resolve(with_environment(&same)).unwrap().warnings, []);
}

#[test]
fn a_whole_file_is_understood() {
    let text = r#"
data_dir = "~/pictures"
output_dir = "out"
asset_ttl_hours = 48
simulate = "fallback"

[comfyui]
url = "https://gpu.example/comfy"
token = "a-token"
reply_timeout_seconds = 5

[http]
bind = "0.0.0.0:9000"
token = "another-token"
allowed_hosts = ["mf.example", "mf.local"]
allowed_origins = []
"#;
    let resolved = resolve(with_file(text)).unwrap();
    let config = &resolved.config;
    assert_eq!(config.data_dir, Path::new("/home/ann/pictures"));
    assert_eq!(config.output_dir, Path::new("/etc/mf/out"), "beside the file that says so");
    assert_eq!(config.model_cache_dir, Path::new("/home/ann/pictures/models"));
    assert_eq!(config.asset_ttl, Some(Duration::from_hours(48)));
    assert_eq!(config.simulate, Simulate::Fallback);
    assert_eq!(config.reply_timeout, Duration::from_secs(5));
    assert_eq!(config.http.bind.port(), 9000);
    assert_eq!(config.http.allowed_hosts, ["mf.example", "mf.local"]);
    let backend = config.comfyui.as_ref().unwrap();
    assert_eq!(backend.url.to_string(), "https://gpu.example/comfy/");
    assert_eq!(backend.auth, Some(Auth::Bearer("a-token".into())));
    let all = format!("{resolved:?}");
    assert!(!all.contains("a-token") && !all.contains("another-token"), "{all}");
    assert_eq!(shown(&resolved, "http.token").0.unwrap(), "(set)");
}

#[test]
fn relative_folders_of_the_environment_start_from_the_working_folder() {
    let sources = with_environment(&[("COMFYUI_OUTPUT_DIR", "out")]);
    check_shown(sources, "output_dir", "/work/out", "COMFYUI_OUTPUT_DIR");
}

#[test]
fn lists_in_the_environment_are_separated_by_commas() {
    let sources = with_environment(&[("MEDIAFACTORY_HTTP_ALLOWED_HOSTS", "a.example, b.example")]);
    let config = resolve(sources).unwrap().config;
    assert_eq!(config.http.allowed_hosts, ["a.example", "b.example"]);
}

#[test]
fn a_token_without_a_server_is_warned_of() {
    let resolved = resolve(with_environment(&[("MEDIAFACTORY_COMFYUI_TOKEN", "t0k")])).unwrap();
    assert!(resolved.config.comfyui.is_none());
    assert_eq!(
        resolved.warnings[0].to_string(),
        "`comfyui.token` (MEDIAFACTORY_COMFYUI_TOKEN) is not used, because `comfyui.url` is not set"
    );
}

#[test]
fn foreign_variables_are_nobodys_business() {
    let foreign =
        [("COMFYUI_PORT_HTTPS", ""), ("PATH", "/bin"), ("MEDIAFACTORY_GROUND_TRUTH", "/x")];
    assert!(resolve(with_environment(&foreign)).is_ok());
}

/// Every secret of the cases below.
const SECRETS: [&str; 3] = ["hunter2", "s3cr3t", "ann"];

#[test]
fn every_mistake_is_told_with_its_place_and_what_would_work() {
    let file_cases = [
        "max_concurrent_jobs = 0",
        "max_concurrent_jobs = \"3\"",
        "max_concurrent_jobs = 1.5",
        "max_concurent_jobs = 3",
        "\n\n[htpp]\nbind = \"127.0.0.1:1\"",
        "[http]\nbnid = \"127.0.0.1:1\"",
        "[http]\nbind = \"localhost\"",
        "http = 3",
        "[http]\nallowed_hosts = [1]",
        "[http]\nallowed_hosts = [\"\"]",
        "[http]\ntoken = 5",
        "[http]\ntoken = \"s3cr3t with spaces\"",
        "job_timeout_seconds = 99999999999999999999",
        "simulate = true",
        "data_dir = \"\"",
        "data_dir = \"~ann/x\"",
        "log",
        "log = \"a\"\nlog = \"b\"",
        "[comfyui]\nurl = \"http://ann:hunter2@gpu\"\ntoken = \"s3cr3t\"",
    ];
    let environment_cases = [
        ("COMFYUI_URL", ""),
        ("COMFYUI_URL", "ann:hunter2@gpu:8188"),
        ("COMFYUI_URL", "ftp://ann:hunter2@gpu/?s3cr3t"),
        ("COMFYUI_MCP_MAX_CONCURRENT_JOBS", "many"),
        ("COMFYUI_MCP_DEFAULT_TIMEOUT", "600"),
        ("MEDIAFACTORY_COMFY_URL", "http://gpu"),
        ("MEDIAFACTORY_NOTHING_LIKE_IT", "x"),
        ("MEDIAFACTORY_SIMULATE", "yes"),
        ("MEDIAFACTORY_HTTP_TOKEN", "s3cr3t\n"),
        ("COMFY_MCP_ASSET_TTL_HOURS", "-1"),
        ("MEDIAFACTORY_HTTP_BIND", &"long ".repeat(1000)),
    ];
    let from_file = file_cases.map(|text| (format!("{text:?}"), with_file(text)));
    let from_environment = environment_cases.map(|(name, value)| {
        let case = format!("{name}={:?}", value.get(..40).unwrap_or(value));
        (case, with_environment(&[(name, value)]))
    });
    let from_flags = [("log", "  "), ("lgo", "info"), ("data-dir", "x")]
        .map(|pair| (format!("{pair:?}"), Sources { flags: owned(&[pair]), ..sources() }));
    let homeless = [("no home", Sources::default()), ("~", with_file("data_dir = \"~/x\""))].map(
        |(case, sources)| {
            (case.to_owned(), Sources { directories: Directories::default(), ..sources })
        },
    );

    let mut told = String::new();
    let cases = from_file.into_iter().chain(from_environment).chain(from_flags).chain(homeless);
    for (case, sources) in cases {
        let error = resolve(sources).expect_err(&case);
        let text = error.to_string();
        for secret in SECRETS {
            let debug = format!("{error:?}");
            let in_path = secret == "ann" && case.contains("~ann");
            assert!(in_path || !(text.contains(secret) || debug.contains(secret)), "{text}");
        }
        writeln!(told, "{case}\n    {}", text.replace('\n', "\n    ")).unwrap();
    }
    insta::assert_snapshot!(told);
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let mut sources = with_file("max_concurrent_jobs = 0\nnonsense = 1");
    sources.environment = owned(&[("COMFYUI_URL", "gpu")]);
    sources.flags = owned(&[("http.bind", "here")]);
    let error = resolve(sources).unwrap_err();
    assert_eq!(error.problems().len(), 4);
    insta::assert_snapshot!(error);
}

#[test]
fn a_named_file_must_be_there_and_the_usual_one_need_not() {
    let home = tempfile::tempdir().unwrap();
    let environment = || [("HOME".into(), home.path().as_os_str().to_owned())];
    assert_eq!(load(environment(), Vec::new()).unwrap().file, None);

    let missing = home.path().join("missing.toml");
    let flags = owned(&[("config", missing.to_str().unwrap()), ("log", "")]);
    let error = load(environment(), flags).unwrap_err();
    let kinds: Vec<_> = error.problems().iter().map(std::mem::discriminant).collect();
    assert_eq!(kinds.len(), 2, "the missing file and the empty flag: {error}");
    assert!(error.to_string().contains("missing.toml"), "{error}");

    let usual = home.path().join(".config/mediafactory/config.toml");
    std::fs::create_dir_all(usual.parent().unwrap()).unwrap();
    std::fs::write(&usual, "log = \"debug\"").unwrap();
    let resolved = load(environment(), Vec::new()).unwrap();
    assert_eq!(resolved.config.log, "debug");
    assert_eq!(resolved.file.as_deref(), Some(usual.as_path()));
}

#[cfg(unix)]
#[test]
fn a_variable_of_ours_that_is_not_unicode_is_wrong_and_a_foreign_one_is_not() {
    use std::{ffi::OsString, os::unix::ffi::OsStringExt as _};
    let broken = || OsString::from_vec(vec![0xff]);
    let foreign = [("HOME".into(), "/nonexistent".into()), ("LS_COLORS".into(), broken())];
    assert!(load(foreign, Vec::new()).is_ok());
    let ours = [("HOME".into(), "/nonexistent".into()), ("COMFYUI_URL".into(), broken())];
    let error = load(ours, Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), "environment variable COMFYUI_URL does not hold valid Unicode");
}

#[test]
fn servers_are_read_from_tables_and_from_words() {
    let text = r#"
[[servers]]
name = "gpu-1"
url = "http://gpu-1:8188"
token = "s3cret"
weight = 2
tags = ["video", "fast"]
max_concurrent_jobs = 4
gpu_id = 7
models_dir = "/srv/models"

[[servers]]
name = "gpu-2"
url = "http://gpu-2:8188"
weight = 0.5
"#;
    let resolved = resolve(with_file(text));
    let servers = resolved.unwrap().config.servers;
    let told = servers.iter().map(|server| {
        let NamedServer { name, weight, tags, in_flight_max, gpu_id, models_dir, .. } = server;
        let rest = format!("{in_flight_max:?} {gpu_id:?} {models_dir:?} {:?}", server.backend);
        format!("{name} {weight} {tags:?} {rest}")
    });
    insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"));
    let words = "a=http://one:8188, b=http://two:8188";
    let resolved = resolve(with_environment(&[("MEDIAFACTORY_SERVERS", words)]));
    let shown = resolved.unwrap().settings.into_iter().find(|setting| setting.key == "servers");
    assert_eq!(shown.unwrap().value.unwrap(), "a=http://one:8188/,b=http://two:8188/");
}

#[test]
fn what_is_wrong_with_a_server_is_said() {
    let wrong = [
        r#"servers = "gpu""#,
        r#"servers = ["http://gpu:8188"]"#,
        r#"servers = ["auto=http://gpu:8188"]"#,
        r#"servers = ["a=http://gpu:8188", "a=http://gpu-2:8188"]"#,
        r#"servers = ["default=http://gpu:8188"]
comfyui.url = "http://one:8188""#,
        r#"[[servers]]
url = "http://gpu:8188""#,
        r#"[[servers]]
name = "a"
address = "http://gpu:8188""#,
        r#"[[servers]]
name = "a"
url = "gopher://gpu""#,
        r#"[[servers]]
name = "a"
url = "http://gpu:8188"
weight = 0"#,
        r#"[[servers]]
name = "a"
url = "http://ann:pw@gpu:8188"
token = "s3cret""#,
    ];
    let told = wrong.map(|text| resolve(with_file(text)).unwrap_err().to_string());
    assert!(!told.join("").contains("s3cret"), "{told:?}");
    insta::assert_snapshot!(told.join("\n"));
}

fn with_services_file(text: &str, environment: &[(&str, &str)]) -> Sources {
    Sources {
        services_file: Some(("/srv/config.json".into(), text.as_bytes().to_vec())),
        ..with_environment(environment)
    }
}

#[test]
fn what_a_services_file_says_holds_where_nobody_else_says_anything() {
    let text = r#"{"comfyui": {"address": "http://gpu:8188", "client_id": "me"}, "s3": {"bucket": "b"},
        "jobs": {"max_job_age": 5400000, "max_jobs": 50, "cleanup_interval": 60000}, "services": [], "x": 1}"#;
    let resolved = resolve(with_services_file(text, &[])).unwrap();
    assert_eq!(resolved.config.max_job_age, Some(std::time::Duration::from_mins(90)));
    let told = |resolved: &Resolved| {
        let settings = resolved.settings.iter().filter(|setting| resolved.is_set(setting.key));
        let settings = settings.map(|setting| {
            let value = setting.value.as_deref().unwrap_or_default();
            format!("{} = {value} ({})", setting.key, setting.source)
        });
        let warnings = resolved.warnings.iter().map(ToString::to_string);
        settings.chain(warnings).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!("services_file_alone", told(&resolved));

    let own = [("MEDIAFACTORY_SERVERS", "a=http://a:1"), ("MEDIAFACTORY_MAX_JOBS", "0")];
    let resolved = resolve(with_services_file(text, &own)).unwrap();
    assert!(resolved.config.comfyui.is_none());
    insta::assert_snapshot!("services_file_overruled", told(&resolved));
}

#[test]
fn what_is_wrong_in_a_services_file_is_told_with_its_place() {
    let cases = [
        "{\"comfyui\":\n oops}",
        "[]",
        r#"{"comfyui": "http://gpu:8188"}"#,
        r#"{"comfyui": {"address": 5}}"#,
        r#"{"comfyui": {"address": "ftp://gpu"}}"#,
        r#"{"jobs": {"max_job_age": -1, "max_jobs": 0, "cleanup_interval": 10}}"#,
    ];
    let told = cases.map(|case| resolve(with_services_file(case, &[])).unwrap_err().to_string());
    insta::assert_snapshot!(told.join("\n---\n"));
}

#[test]
fn a_services_file_is_found_by_its_setting() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.json");
    let flags = vec![("services_file".to_owned(), file.display().to_string())];
    let environment = [("HOME".into(), folder.path().into())];
    let error = load(environment.clone(), flags.clone()).unwrap_err();
    assert!(error.to_string().contains("config.json: cannot be read: No such file"), "{error}");
    std::fs::write(&file, r#"{"comfyui": {"address": "http://gpu:8188"}}"#).unwrap();
    let resolved = load(environment, flags).unwrap();
    assert_eq!(resolved.config.comfyui.unwrap().url.to_string(), "http://gpu:8188/");
}

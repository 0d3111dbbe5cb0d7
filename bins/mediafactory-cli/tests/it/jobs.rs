//! `mediafactory jobs`, also of jobs that another process runs.

use std::{io::BufReader, process::Child};

use serde_json::Value;

use crate::process::{Ended, Home, Simulator, read_until};

const WORKFLOW: &str = r#"{
    "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 255}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "blue"}}
}"#;

const UNKNOWN: &str = "0197f1ce-3c5a-7000-8000-00000000002a";

fn finished_job(home: &Home, server: &Simulator) -> String {
    home.write("workflow.json", WORKFLOW);
    let made = home.run_at(server, &["run", "workflow.json", "--json"]).json();
    made.get("job").and_then(Value::as_str).unwrap().to_owned()
}

#[test]
fn a_finished_job_is_listed_shown_and_watched() {
    let (home, server) = (Home::new(), Simulator::start());
    assert_eq!(home.run_at(&server, &["jobs", "list"]).stderr, "there are no such jobs\n");
    let job = finished_job(&home, &server);

    let list = home.run_at(&server, &["jobs", "list", "--state", "succeeded"]);
    assert!(list.stdout.starts_with(&format!("{job}  succeeded  100 %  default")), "{list:?}");
    let list = home.run_at(&server, &["jobs", "list", "--json", "--limit", "1"]).json();
    assert_eq!((list["total"].as_u64(), list["jobs"][0]["job"].as_str()), (Some(1), Some(&*job)));

    let shown = home.run_at(&server, &["jobs", "show", &job]);
    assert_eq!((shown.code, shown.line("state")), (Some(0), "succeeded"), "{shown:?}");
    let shown = home.run_at(&server, &["jobs", "show", &job, "--json"]).json();
    assert_eq!(shown["assets"][0]["node"], "2");
    assert!(shown["nodes"].is_array() && shown["started_at"].is_string(), "{shown}");

    let watched = home.run_at(&server, &["jobs", "watch", &job, &job]);
    assert_eq!(watched.code, Some(0), "{watched:?}");
    assert_eq!(watched.stdout, format!("{job}  succeeded\n").repeat(2));
    let nothing = home.run_at(&server, &["jobs", "watch"]);
    assert_eq!((nothing.code, &*nothing.stderr), (Some(0), "no job is unfinished\n"));
}

#[test]
fn jobs_that_cannot_be_meant_are_one_error_each() {
    let (home, server) = (Home::new(), Simulator::start());
    let job = finished_job(&home, &server);
    let told = [
        vec!["jobs", "show", UNKNOWN],
        vec!["jobs", "watch", UNKNOWN],
        vec!["jobs", "cancel", UNKNOWN],
        vec!["jobs", "cancel", &job],
        vec!["jobs", "show", "7"],
        vec!["jobs", "list", "--state", "done"],
        vec!["jobs", "cancel"],
    ];
    let told = told.map(|words| {
        let ended = home.run_at(&server, &words);
        format!("{}\n{}", words.join(" "), ended.told(&[])).replace(&job, "[job]")
    });
    insta::assert_snapshot!(told.join("\n"));
}

/// A job that runs for a long time in a process of its own.
fn long_job(home: &Home, server: &Simulator) -> (Child, String) {
    let words = ["generate", "a fox", "--steps", "500"];
    let mut child = home.command(&words).env("COMFYUI_URL", &server.url).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    read_until(&mut stderr, "KSampler");
    child.stderr = Some(stderr.into_inner());
    let list = home.run_at(server, &["jobs", "list", "--state", "running", "--json"]).json();
    let job = list.pointer("/jobs/0/job").and_then(Value::as_str).unwrap().to_owned();
    let percent = (list.pointer("/jobs/0/percent"), list.pointer("/jobs/0/percent_is_recorded"));
    let (nothing, marked) = (Value::Null, Value::from(true));
    let is_told = percent.0 == Some(&nothing) || percent.1 == Some(&marked);
    assert!(is_told, "only what its own process wrote down is known: {list}");
    (child, job)
}

#[test]
fn a_job_of_another_process_is_watched_and_cancelled() {
    let (home, server) = (Home::new(), Simulator::with_step("100"));
    let (owner, job) = long_job(&home, &server);
    let mut watching = home.command(&["jobs", "watch"]);
    let mut watching = watching.env("COMFYUI_URL", &server.url).spawn().unwrap();
    let mut stderr = BufReader::new(watching.stderr.take().unwrap());
    read_until(&mut stderr, "running, in another process: ");

    let cancelled = home.run_at(&server, &["jobs", "cancel", &job]);
    assert_eq!((cancelled.code, cancelled.stdout), (Some(0), format!("job {job} cancelled\n")));
    read_until(&mut stderr, &format!("{job}  cancelled"));
    let watched = Ended::from(watching.wait_with_output().unwrap());
    assert_eq!((watched.code, watched.stdout), (Some(1), format!("{job}  cancelled\n")));
    assert_eq!(owner.wait_with_output().unwrap().status.code(), Some(130));
    let again = home.run_at(&server, &["jobs", "cancel", &job]);
    again.expect_failure(&["is cancelled already"]);
}

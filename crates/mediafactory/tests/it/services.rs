//! Services: read from a file and a folder, held against their workflows, and run.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use batch::JobStore;
use mediafactory::{
    Error, Factory, Json, Placing, RunService, ServiceProblem, ServiceSet, State, Waited,
    config::Config,
};
use store_sqlite::SqliteStore;
use tempfile::TempDir;

use crate::stage::Stage;

/// A plain picture, whose size and name are worth setting.
const PICTURE: &str = r#"{
    "1": {"class_type": "EmptyImage", "inputs": {"width": 32, "height": 16, "batch_size": 1, "color": 7}},
    "2": {"class_type": "SaveImage", "inputs": {"filename_prefix": "plain", "images": ["1", 0]}}
}"#;

/// The same with open places.
const OPEN_PICTURE: &str = r#"{
    "1": {"class_type": "EmptyImage", "inputs": {"width": "{{WIDTH:int=24}}", "height": 16, "batch_size": 1, "color": "PARAM_INT_COLOR"}},
    "2": {"class_type": "SaveImage", "inputs": {"filename_prefix": "by {{WHO}}", "images": ["1", 0]}}
}"#;

const PORTRAIT: &str = r#"{"services": [{
    "name": "portrait",
    "description": "Paint one color.",
    "comfyui_workflow_api": "picture.json",
    "parameters": [
        {"name": "prefix", "comfyui_node_id": "2", "comfyui_widget_name": "filename_prefix", "type": "string", "required": true, "description": "How the file is called."},
        {"name": "size", "comfyui_node_id": 1, "comfyui_widget_name": "width", "type": "int", "default": 48},
        {"name": "size", "comfyui_node_id": 1, "comfyui_widget_name": "height"},
        {"name": "color", "comfyui_node_id": "1", "comfyui_widget_name": "color", "required": false}
    ]
}]}"#;

/// A folder with a list of services and the workflow that they use.
fn folder_with(config: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config.json"), config).unwrap();
    fs::write(folder.path().join("picture.json"), PICTURE).unwrap();
    folder
}

async fn staged(config: &str) -> (Stage, TempDir) {
    let folder = folder_with(config);
    let file = folder.path().join("config.json");
    (Stage::with(|config| config.services_file = Some(file)).await, folder)
}

/// Opens a factory whose services are wrong, and says why it does not open.
async fn refusal(change: impl FnOnce(&mut Config), folder: &Path) -> String {
    let data = tempfile::tempdir().unwrap();
    let mut config = Config::new(data.path());
    change(&mut config);
    let error = Factory::open(config).await.unwrap_err();
    let hint = error.hint().unwrap_or_default();
    without(folder, &format!("{error}\n  hint: {hint}"))
}

fn without(folder: &Path, text: &str) -> String {
    let whole = fs::canonicalize(folder).unwrap();
    let text = text.replace(&whole.display().to_string(), "<folder>");
    text.replace(&folder.display().to_string(), "<folder>")
}

fn values(values: &[(&str, &str)]) -> BTreeMap<String, Json> {
    let read = |text: &str| Json::parse(text.as_bytes()).unwrap();
    values.iter().map(|(name, value)| ((*name).to_owned(), read(value))).collect()
}

fn run(service: &str, parameters: &BTreeMap<String, Json>) -> RunService {
    RunService { parameters: parameters.clone(), ..RunService::new(service) }
}

fn told_of(services: &ServiceSet) -> String {
    let problems = services.problems.iter().map(ServiceProblem::to_string);
    problems.collect::<Vec<_>>().join("\n")
}

fn told(error: &Error) -> String {
    format!("{error}\n  hint: {}", error.hint().unwrap_or_default())
}

#[tokio::test]
async fn a_service_is_read_with_its_parameters() {
    let (stage, folder) = staged(PORTRAIT).await;
    let services = stage.factory.services();
    let shown = format!("{:#?}", services.get("portrait").unwrap().parameters);
    insta::assert_snapshot!(without(folder.path(), &shown));
    assert_eq!(services.problems, []);
}

#[tokio::test]
async fn a_service_runs_with_what_is_given_and_its_defaults() {
    let (stage, _folder) = staged(PORTRAIT).await;
    let given = values(&[("prefix", r#""{{fox}} \"1\"""#), ("color", "null")]);
    let started = stage.factory.start_service(run("portrait", &given)).await;
    let started = started.unwrap();
    assert_eq!(started.parameters.to_string(), r#"{"prefix":"{{fox}} \"1\"","size":48}"#);
    assert_eq!(
        started.notes[..2],
        [
            "not given, so their defaults hold: size",
            "not given, so the workflow's own values hold: color"
        ]
    );
    let waited = stage.factory.wait(&started.job, Duration::from_mins(1)).await;
    let Waited::Finished(report) = waited.unwrap() else { panic!("it did not end") };
    assert_eq!((report.state, report.service.as_deref()), (State::Succeeded, Some("portrait")));
    let [asset] = report.assets.as_slice() else { panic!("{:?}", report.assets) };
    assert_eq!((asset.width, asset.height), (Some(48), Some(48)));
    let sent = asset.origin.workflow.at(&["2", "inputs", "filename_prefix"]);
    assert_eq!(sent.unwrap().as_str(), Some("{{fox}} \"1\""), "set on the tree, never read again");
}

#[tokio::test]
async fn where_how_urgently_and_how_long_it_runs_is_written_down() {
    let (stage, _folder) = staged(PORTRAIT).await;
    let placing = Placing {
        backend: Some("default".to_owned()),
        priority: 7,
        caller: "Ann".to_owned(),
        reuse: false,
    };
    let timeout = Some(Duration::from_mins(7));
    let prefix = values(&[("prefix", r#""fox""#)]);
    let asked = RunService { timeout, placing, ..run("portrait", &prefix) };
    let started = stage.factory.start_service(asked.clone()).await.unwrap();
    let store = SqliteStore::open(stage.folder().join("mediafactory.db")).await.unwrap();
    let record = JobStore::get(&store, &started.job).await.unwrap().unwrap().record;
    assert_eq!((record.priority, record.caller.as_str()), (7, "Ann"));
    assert_eq!(record.running_time_max, timeout);
    assert_eq!(record.servers, [format!("{}/", stage.sim.url())]);

    let placing = Placing { backend: Some("defualt".to_owned()), ..Placing::default() };
    let refused = stage.factory.start_service(RunService { placing, ..asked }).await;
    insta::assert_snapshot!(told(&refused.unwrap_err()));
}

#[tokio::test]
async fn every_wrong_parameter_is_told_at_once() {
    let (stage, _folder) = staged(PORTRAIT).await;
    let cases = [
        ("portrait", values(&[("prefx", r#""a""#), ("size", r#""wide""#)])),
        ("portrait", values(&[("prefix", "true")])),
        ("portrait", values(&[("prefix", r#""a""#), ("size", "1.5")])),
        ("potrait", values(&[])),
    ];
    let mut lines = Vec::new();
    for (name, given) in cases {
        let refused = stage.factory.start_service(run(name, &given)).await;
        lines.push(told(&refused.unwrap_err()));
    }
    insta::assert_snapshot!(lines.join("\n"));
    assert!(stage.sim.received_prompts().is_empty());
}

/// One service with these members beside its name.
fn one(members: &str) -> String {
    format!(r#"{{"services": [{{"name": "a", {members}}}]}}"#)
}

/// One service with one parameter, which has these members beside its name.
fn with_parameter(members: &str) -> String {
    let parameters = format!(r#""parameters": [{{"name": "p", {members}}}]"#);
    one(&format!(r#""comfyui_workflow_api": "picture.json", {parameters}"#))
}

#[tokio::test]
async fn what_is_wrong_in_the_list_stops_the_start() {
    let place = r#""comfyui_node_id": "1", "comfyui_widget_name": "width""#;
    let twins = PORTRAIT.replace(
        "}]}",
        "}, {\"name\": \"portrait\", \"comfyui_workflow_api\": \"picture.json\"}]}",
    );
    let cases = [
        "{\"services\": [\n  {\"name\": \"a\"\n ]}".to_owned(),
        r#"{"services": {}}"#.to_owned(),
        "[]".to_owned(),
        r#"{"services": [5, {"name": ""}, {"name": "two words", "comfyui_workflow_api": "picture.json"}]}"#.to_owned(),
        twins,
        one(r#""comfyui_workflow_api": 5"#),
        one(r#""comfyui_workflow_api": "none.json""#),
        one(r#""comfyui_workflow_api": "../outside.json""#),
        one(r#""comfyui_workflow_api": "config.json""#),
        one(r#""comfyui_workflow_api": "picture.json", "description": 5"#),
        one(r#""comfyui_workflow_api": "picture.json", "parameters": {}"#),
        with_parameter(r#""comfyui_node_id": "99", "comfyui_widget_name": "width""#),
        with_parameter(r#""comfyui_node_id": "1", "comfyui_widget_name": "widht""#),
        with_parameter(r#""comfyui_node_id": "2", "comfyui_widget_name": "images""#),
        with_parameter(r#""comfyui_widget_name": "width""#),
        with_parameter(&format!(r#"{place}, "type": "colour""#)),
        with_parameter(&format!(r#"{place}, "type": ["int"]"#)),
        with_parameter(&format!(r#"{place}, "required": "yes""#)),
        with_parameter(&format!(r#"{place}, "type": "int", "default": "many""#)),
    ];
    let mut lines = Vec::new();
    for case in cases {
        let outer = tempfile::tempdir().unwrap();
        fs::write(outer.path().join("outside.json"), PICTURE).unwrap();
        let folder = outer.path().join("services");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("picture.json"), PICTURE).unwrap();
        let file = folder.join("config.json");
        fs::write(&file, &case).unwrap();
        lines.push(refusal(|config| config.services_file = Some(file), &folder).await);
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[tokio::test]
async fn members_that_are_not_known_are_told() {
    let text = PORTRAIT.replace("\"description\"", "\"decription\"");
    let (stage, folder) = staged(&text).await;
    let problems = told_of(&stage.factory.services());
    insta::assert_snapshot!(without(folder.path(), &problems));
}

#[cfg(unix)]
#[tokio::test]
async fn links_do_not_lead_out_of_the_folders() {
    let secret = tempfile::tempdir().unwrap();
    fs::write(secret.path().join("picture.json"), OPEN_PICTURE).unwrap();
    let folder = folder_with(&one(r#""comfyui_workflow_api": "linked.json""#));
    let linked = folder.path().join("linked.json");
    std::os::unix::fs::symlink(secret.path().join("picture.json"), &linked).unwrap();
    let file = folder.path().join("config.json");
    let refused = refusal(|config| config.services_file = Some(file), folder.path()).await;
    assert!(refused.contains("linked.json lies outside of <folder>"), "{refused}");

    let dir = folder.path().to_owned();
    let stage = Stage::with(|config| config.services_dir = Some(dir)).await;
    let services = stage.factory.services();
    assert!(services.services.is_empty());
    let is_told =
        |problem: &ServiceProblem| problem.problem.contains("linked.json lies outside of");
    assert!(services.problems.iter().any(is_told), "{:?}", services.problems);
}

#[tokio::test]
async fn a_workflow_with_placeholders_is_a_service_as_long_as_it_is_in_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_owned();
    let stage = Stage::with(|config| config.services_dir = Some(dir)).await;
    let factory = &stage.factory;
    assert!(factory.services().services.is_empty());

    let path = folder.path().join("one-color.json");
    fs::write(&path, OPEN_PICTURE).unwrap();
    let services = factory.look_at_services().await.unwrap();
    let service = services.get("one-color").unwrap();
    insta::assert_snapshot!(format!("{:#?}", service.parameters));

    let given = values(&[("color", r#""255""#), ("who", r#""Ann""#)]);
    let started = factory.start_service(run("one-color", &given)).await.unwrap();
    assert_eq!(started.parameters.to_string(), r#"{"width":24,"color":255,"who":"Ann"}"#);

    fs::write(&path, OPEN_PICTURE.replace("WHO", "PAINTER")).unwrap();
    let services = factory.look_at_services().await.unwrap();
    assert!(services.get("one-color").unwrap().parameter("painter").is_some());
    fs::remove_file(&path).unwrap();
    assert!(factory.look_at_services().await.unwrap().services.is_empty());
}

#[tokio::test]
async fn what_cannot_be_a_service_is_told_and_the_rest_works() {
    let folder = folder_with(PORTRAIT);
    let workflows = folder.path().join("workflows");
    fs::create_dir(&workflows).unwrap();
    fs::create_dir(workflows.join("folder.json")).unwrap();
    let files = [
        ("good.json", OPEN_PICTURE),
        ("portrait.json", OPEN_PICTURE),
        ("two words.json", OPEN_PICTURE),
        ("closed.json", PICTURE),
        ("saved.json", r#"{"nodes": [], "links": []}"#),
        ("broken.json", "{\n  \"1\": "),
        ("odd.json", r#"{"1": {"class_type": "A", "inputs": {"x": "{{N:colour}}"}}}"#),
        (".hidden.json", "{"),
        ("notes.txt", "no workflow"),
    ];
    for (name, text) in files {
        fs::write(workflows.join(name), text).unwrap();
    }
    let file = folder.path().join("config.json");
    let stage = Stage::with(|config| {
        config.services_file = Some(file);
        config.services_dir = Some(workflows);
    });
    let services = stage.await.factory.services();
    let names: Vec<&str> = services.services.iter().map(|service| &*service.name).collect();
    assert_eq!(names, ["portrait", "good"]);
    insta::assert_snapshot!(without(folder.path(), &told_of(&services)));
}

#[tokio::test]
async fn places_that_are_named_and_not_there_stop_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let (file, dir) = (folder.path().join("no.json"), folder.path().join("no"));
    let lines = [
        refusal(|config| config.services_file = Some(file), folder.path()).await,
        refusal(|config| config.services_dir = Some(dir), folder.path()).await,
    ];
    insta::assert_snapshot!(lines.join("\n"));
}

#[tokio::test]
async fn a_seed_that_is_left_open_is_a_new_one_every_time() {
    let folder = tempfile::tempdir().unwrap();
    let noise = r#"{"1": {"class_type": "RandomNoise", "inputs": {"noise_seed": "PARAM_INT_SEED"}},
        "2": {"class_type": "EmptyImage", "inputs": {"width": 32, "height": 16, "batch_size": 1, "color": 7}},
        "3": {"class_type": "SaveImage", "inputs": {"filename_prefix": "plain", "images": ["2", 0]}}}"#;
    fs::write(folder.path().join("noise.json"), noise).unwrap();
    let dir = folder.path().to_owned();
    let stage = Stage::with(|config| config.services_dir = Some(dir)).await;
    let mut seeds = Vec::new();
    for given in [values(&[]), values(&[]), values(&[("seed", "18446744073709551615")])] {
        let started = stage.factory.start_service(run("noise", &given)).await;
        seeds.push(started.unwrap().seed.unwrap());
    }
    assert_ne!(seeds[0], seeds[1]);
    assert_eq!(seeds[2], u64::MAX);
    let negative = values(&[("seed", "-1")]);
    let refused = stage.factory.start_service(run("noise", &negative)).await;
    insta::assert_snapshot!(told(&refused.unwrap_err()));
}

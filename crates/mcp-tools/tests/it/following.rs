//! Jobs after they were started: listed, looked up, queued, stopped.

use std::time::Duration;

use comfy_sim::{Moment, Sim, SimOptions};
use mcp_tools::{Selection, Server};
use mediafactory::{
    Factory,
    config::{Config, NamedServer},
};
use serde_json::{Value, json};

use crate::{
    bench::{Bench, drawing_workflow, sampling_workflow},
    wire::Wire,
};

async fn start(wire: &mut Wire, workflow: Value) -> Value {
    let arguments = json!({"workflow": workflow, "wait": false});
    wire.succeed("execute_workflow", arguments).await["job_id"].clone()
}

async fn wait(wire: &mut Wire, job: &Value) {
    wire.succeed("wait_for_completion", json!({"job_id": job})).await;
}

#[tokio::test]
async fn jobs_are_listed_page_by_page_newest_first() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    let mut jobs = Vec::new();
    for color in 0..3 {
        let job = start(&mut wire, drawing_workflow(color)).await;
        wait(&mut wire, &job).await;
        jobs.insert(0, job);
    }
    let first = wire.succeed("list_jobs", json!({"limit": 2, "status": "succeeded"})).await;
    assert_eq!((&first["total"], first["items"].as_array().map(Vec::len)), (&json!(3), Some(2)));
    let cursor = first["next_cursor"].clone();
    let rest = wire.succeed("list_jobs", json!({"limit": 2, "cursor": cursor})).await;
    let listed: Vec<&Value> = [&first, &rest]
        .into_iter()
        .flat_map(|page| page["items"].as_array().expect("a list"))
        .collect();
    let ids: Vec<Value> = listed.iter().map(|job| job["job_id"].clone()).collect();
    assert_eq!((ids, rest.get("next_cursor")), (jobs, None));
    assert!(listed.iter().all(|job| job["state"] == "succeeded" && job["percent"] == 100.0));
    assert!(listed.iter().all(|job| job["backend"].is_string() && job["created_at"].is_string()));

    for filter in [json!({"status": "unfinished"}), json!({"service": "nobody's"})] {
        assert_eq!(wire.succeed("list_jobs", filter).await["total"], 0);
    }
    let failure = wire.fail("list_jobs", json!({"cursor": "2"})).await;
    assert_eq!(failure["code"], "VALIDATION_ERROR");
    let failure = wire.fail("list_jobs", json!({"status": "done"})).await;
    assert!(
        failure["message"].as_str().is_some_and(|text| text.contains("succeeded")),
        "{failure}"
    );
}

#[tokio::test]
async fn a_result_tells_the_outputs_of_every_node() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    let mut workflow = sampling_workflow();
    workflow["10"] = json!({"class_type": "PreviewImage", "inputs": {"images": ["8", 0]}});
    let job = start(&mut wire, workflow).await;
    wait(&mut wire, &job).await;
    let answer = wire.call("get_job_result", json!({"job_id": job})).await;
    let result = &answer["structuredContent"];
    let outputs = result["outputs"].as_array().expect("a list");
    let nodes: Vec<&Value> = outputs.iter().map(|output| &output["node"]).collect();
    assert_eq!(nodes, [&json!("10"), &json!("9")], "{result}");
    assert!(outputs.iter().all(|output| output["assets"].as_array().map(Vec::len) == Some(1)));
    assert!(result["execution_seconds"].as_f64().is_some_and(|seconds| seconds >= 0.0));
    let links: Vec<&Value> = answer["content"]
        .as_array()
        .expect("content")
        .iter()
        .filter(|block| block["type"] == "resource_link")
        .map(|block| &block["uri"])
        .collect();
    assert_eq!(links.len(), 3, "two assets and the job");
    assert_eq!(links.last(), Some(&&result["uri"]));
}

#[tokio::test]
async fn a_result_tells_what_nodes_told_in_words() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    let mut workflow = drawing_workflow(1);
    workflow["3"] = json!({"class_type": "PreviewAny", "inputs": {"source": "a red fox"}});
    let job = start(&mut wire, workflow).await;
    wait(&mut wire, &job).await;
    let result = wire.succeed("get_job_result", json!({"job_id": job})).await;
    let told = json!({"node": "3", "assets": [], "texts": [{"key": "text", "text": "a red fox"}]});
    assert_eq!(result["outputs"][1], told, "{result}");
}

#[tokio::test]
async fn the_queue_tells_places_and_what_earlier_runs_took() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    let gate = bench.sim.hold(Moment::AtStep(1));
    let running = start(&mut wire, sampling_workflow()).await;
    gate.reached().await;
    let waiting = start(&mut wire, drawing_workflow(1)).await;
    // It is in the server's queue as soon as its state says so.
    while wire.succeed("get_workflow_status", json!({"job_id": waiting})).await["state"] != "queued"
    {
        tokio::task::yield_now().await;
    }
    let queue = wire.succeed("get_queue_status", json!({})).await;
    let backend = &queue["backends"][0];
    assert_eq!((&backend["running"], &backend["pending"]), (&json!(1), &json!(1)), "{queue}");
    let entries = &backend["entries"];
    assert_eq!((&entries[0]["job_id"], &entries[0]["before"]), (&running, &json!(0)));
    assert_eq!((&entries[1]["job_id"], &entries[1]["before"]), (&waiting, &json!(1)));
    assert_eq!(entries[0]["ends_in_seconds"], Value::Null);
    let why = entries[1]["why_unknown"].as_str().expect("it says why");
    assert!(why.contains(running.as_str().expect("an id")), "the first unknown one: {why}");
    gate.release();
    wait(&mut wire, &running).await;
    wait(&mut wire, &waiting).await;

    let gate = bench.sim.hold(Moment::AtStep(1));
    let mut again = sampling_workflow();
    again["3"]["inputs"]["seed"] = json!(8);
    let again = start(&mut wire, again).await;
    gate.reached().await;
    let queue = wire.succeed("get_queue_status", json!({})).await;
    let entry = &queue["backends"][0]["entries"][0];
    assert!(entry["ends_in_seconds"].is_number(), "a run of the same shape is on record: {queue}");
    gate.release();
    wait(&mut wire, &again).await;
}

#[tokio::test]
async fn what_runs_is_interrupted_only_when_that_is_confirmed() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    let idle = wire.succeed("interrupt_execution", json!({"confirm": true})).await;
    assert_eq!(idle["interrupted"], false);
    let gate = bench.sim.hold(Moment::AtStep(1));
    let job = start(&mut wire, sampling_workflow()).await;
    gate.reached().await;
    let refused = wire.fail("interrupt_execution", json!({"confirm": false})).await;
    insta::assert_json_snapshot!("not_confirmed", refused);
    let failure = wire.fail("interrupt_execution", json!({})).await;
    assert_eq!(failure["code"], "VALIDATION_ERROR", "it has to be given");
    let stopped = wire.succeed("interrupt_execution", json!({"confirm": true})).await;
    assert_eq!((&stopped["interrupted"], &stopped["job_ids"]), (&json!(true), &json!([job])));
    drop(gate);
    let ended = wire.fail("wait_for_completion", json!({"job_id": job})).await;
    assert_eq!(ended["code"], "CANCELLED");
}

#[tokio::test]
async fn the_very_same_workflow_is_not_run_again_where_that_is_allowed() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    let arguments = json!({"workflow": drawing_workflow(4), "reuse": true});
    let first = wire.succeed("execute_workflow", arguments.clone()).await;
    assert_eq!(first.get("reused"), None);
    let second = wire.succeed("execute_workflow", arguments).await;
    assert_eq!((&second["job_id"], &second["reused"]), (&first["job_id"], &json!(true)));
    assert!(second["notes"][0].as_str().is_some_and(|note| note.contains("ran before")));
    let third = wire.succeed("execute_workflow", json!({"workflow": drawing_workflow(4)})).await;
    assert_ne!(third["job_id"], first["job_id"]);
}

#[tokio::test]
async fn a_job_is_stopped_at_the_deadline_that_its_caller_named() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    let gate = bench.sim.hold(Moment::AtStep(1));
    let arguments = json!({"workflow": sampling_workflow(), "timeout_seconds": 1});
    let failure = wire.fail("execute_workflow", arguments).await;
    assert_eq!(failure["code"], "TIMED_OUT", "{failure}");
    drop(gate);
}

#[tokio::test]
async fn several_servers_are_listed_and_named() {
    let options = || SimOptions { step_time: Duration::ZERO, ..SimOptions::default() };
    let one = Sim::start(options()).await.expect("a free port");
    let other = Sim::start(options()).await.expect("a free port");
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = Config::new(folder.path());
    let server_at =
        |name: &str, sim: &Sim| NamedServer::new(name, sim.url().parse().expect("a URL"));
    config.servers = vec![server_at("small", &one), server_at("large", &other)];
    let factory = Factory::open(config).await.expect("an empty folder");
    let server = Server::new(factory, &Selection::default()).expect("no names");
    let mut wire = Wire::open(server).await;

    let list = wire.succeed("list_backends", json!({})).await;
    let names: Vec<&Value> =
        list["items"].as_array().expect("a list").iter().map(|item| &item["name"]).collect();
    assert_eq!((names, &list["total"]), (vec![&json!("small"), &json!("large")], &json!(2)));
    let run = json!({"workflow": drawing_workflow(1), "backend": "large"});
    assert_eq!(wire.succeed("execute_workflow", run).await["backend"], "large");
    assert_eq!((one.received_prompts().len(), other.received_prompts().len()), (0, 1));

    let run = json!({"workflow": drawing_workflow(1), "backend": "larg"});
    insta::assert_json_snapshot!("no_such_backend", wire.fail("execute_workflow", run).await);
    let failure = wire.fail("interrupt_execution", json!({"confirm": true})).await;
    insta::assert_json_snapshot!("several_backends", failure);
    let freed = wire.succeed("free_memory", json!({})).await;
    assert_eq!(freed["servers"].as_array().map(Vec::len), Some(2));
    let queue = wire.succeed("get_queue_status", json!({"backend": "small"})).await;
    assert_eq!(queue["backends"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_job_of_another_process_tells_what_that_one_wrote_down() {
    let bench = Bench::start().await;
    let other = Factory::open(bench.factory.config().clone()).await.expect("the same folder");
    let gate = bench.sim.hold(Moment::AtStep(2));
    let request = mediafactory::GenerateRequest::new("a fox");
    let job = other.start_generate(request).await.expect("a job").job.to_string();
    gate.reached().await;
    let mut wire = bench.wire().await;
    let one = json!({"job_id": job});
    let status = loop {
        let status = wire.succeed("query_job_status", one.clone()).await;
        if status["progress"].is_object() {
            break status;
        }
        tokio::task::yield_now().await;
    };
    let progress = &status["progress"];
    assert!(progress["recorded_at"].is_string(), "it is marked: {status}");
    let told = progress["message"].as_str().expect("words");
    assert!(told.ends_with("nodes, as its process wrote down last"), "{told}");
    let list = wire.succeed("list_jobs", json!({})).await;
    let listed = &list["items"][0];
    assert_eq!(
        (&listed["percent"], &listed["percent_is_recorded"]),
        (&progress["percent"], &json!(true))
    );

    let call =
        json!({"name": "wait_for_completion", "arguments": one, "_meta": {"progressToken": 7}});
    let pending = wire.begin("tools/call", call).await;
    let told = wire
        .notification(|message| {
            message["method"] == "notifications/progress"
                && message["params"]["progress"].as_f64() >= progress["percent"].as_f64()
        })
        .await;
    assert!(told["params"]["message"].as_str().is_some_and(|told| told.contains("wrote down")));
    gate.release();
    let ended = wire.answer(pending).await;
    assert_eq!(ended["result"]["structuredContent"]["state"], "succeeded", "{ended}");
    other.shutdown().await;
}

#[tokio::test]
async fn a_question_goes_to_the_server_that_is_named() {
    let sim = Sim::start(SimOptions::default()).await.expect("a free port");
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = Config::new(folder.path());
    let url = sim.url().parse().expect("a URL");
    let gone = "http://127.0.0.1:9".parse().expect("a URL");
    config.servers = vec![NamedServer::new("gone", gone), NamedServer::new("here", url)];
    let factory = Factory::open(config).await.expect("an empty folder");
    let mut wire = Wire::open(Server::new(factory, &Selection::default()).expect("no names")).await;
    let questions = [
        ("comfyui_health_check", json!({})),
        ("list_models", json!({})),
        ("list_loras", json!({})),
        ("get_node_info", json!({"class_type": "KSampler"})),
        ("search_nodes", json!({"query": "sampler"})),
    ];
    for (tool, arguments) in questions {
        let asked = |backend: &str| {
            let mut arguments = arguments.clone();
            arguments["backend"] = json!(backend);
            arguments
        };
        wire.succeed(tool, asked("here")).await;
        assert_eq!(wire.fail(tool, arguments.clone()).await["code"], "COMFYUI_UNREACHABLE");
        let failure = wire.fail(tool, asked("hree")).await;
        let told = (&failure["code"], &failure["message"], &failure["hint"]);
        let message = json!("no ComfyUI server has the name, tag or GPU `hree`");
        let hint = json!("did you mean `here`?");
        assert_eq!(told, (&json!("VALIDATION_ERROR"), &message, &hint), "{tool}");
    }
}

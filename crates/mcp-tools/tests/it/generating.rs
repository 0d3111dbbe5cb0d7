//! `generate` from the prompt to the picture, and what becomes of it.

use comfy_sim::Moment;
use jsonschema::Validator;
use mediafactory::{JobId, State, Waited};
use serde_json::{Value, json};

use crate::{bench::Bench, wire::Wire};

const DAY: std::time::Duration = std::time::Duration::from_hours(24);

/// Arguments that every simulator can satisfy quickly.
fn fox(more: Value) -> Value {
    let mut arguments = json!({
        "prompt": "a red fox in the snow", "template": "sd15_txt2img",
        "model": "tiny-sd15.safetensors", "width": 64, "height": 64, "steps": 4
    });
    let members = arguments.as_object_mut().expect("an object");
    members.extend(more.as_object().expect("an object").clone());
    arguments
}

/// The one job that the simulator has heard of.
fn only_job(bench: &Bench) -> JobId {
    match bench.sim.received_prompts().as_slice() {
        [only] => only.prompt_id.parse().expect("a job id"),
        several => panic!("{} prompts", several.len()),
    }
}

#[tokio::test]
async fn a_prompt_becomes_a_picture_with_its_origin() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    let arguments = fox(json!({"seed": "18446744073709551615", "steps": "4", "width": 64.0}));
    let result = wire.call("generate", arguments).await;
    let made = &result["structuredContent"];
    assert_eq!(made["state"], "succeeded", "{result}");
    assert_eq!(made["timed_out"], false);
    assert_eq!(made["seed"], json!(u64::MAX));
    assert_eq!(made["template"], "sd15_txt2img");
    assert_eq!(
        (&made["assets"][0]["width"], &made["assets"][0]["height"]),
        (&json!(64), &json!(64))
    );
    let text = result["content"][0]["text"].as_str().expect("text comes first");
    assert!(text.contains("seed 18446744073709551615"), "{text}");
    assert!(!text.starts_with('{'), "the text is not the same JSON again");
    assert_eq!(result["content"][1]["type"], "resource_link");

    let asset_id = made["assets"][0]["asset_id"].clone();
    let metadata = wire.succeed("get_asset_metadata", json!({"asset_id": asset_id})).await;
    assert_eq!(metadata["origin"]["seed"], json!(u64::MAX));
    assert_eq!(metadata["origin"]["workflow"]["6"]["inputs"]["text"], "a red fox in the snow");
    assert_eq!(metadata["asset"]["job_id"], made["job_id"]);

    let list = wire.succeed("list_assets", json!({"media_type": "image/"})).await;
    assert_eq!((&list["total"], &list["items"][0]["asset_id"]), (&json!(1), &asset_id));

    let status = wire.succeed("get_workflow_status", json!({"job_id": made["job_id"]})).await;
    assert_eq!((&status["state"], &status["assets"]), (&made["state"], &made["assets"]));
}

#[tokio::test]
async fn a_picture_is_shown_within_its_budget_and_read_whole_as_a_resource() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    let made = wire.succeed("generate", fox(json!({"width": 512, "height": 512}))).await;
    let asset = &made["assets"][0];

    let arguments = json!({"asset_id": asset["asset_id"], "max_bytes": 5_000});
    let result = wire.call("view_output", arguments).await;
    let image = &result["content"][1];
    assert_eq!(image["type"], "image", "{result}");
    let shown = result["structuredContent"]["shown"]["bytes"].as_u64().expect("a size");
    let base64 = image["data"].as_str().expect("base64").len();
    assert!(shown <= 5_000 && base64 <= 6_700, "{shown} bytes, {base64} characters");
    assert_eq!(result["content"][2]["uri"], asset["uri"]);

    let read = wire.request("resources/read", json!({"uri": asset["uri"]})).await;
    let contents = &read["result"]["contents"][0];
    assert_eq!(contents["mimeType"], "image/png");
    let size = asset["size_bytes"].as_u64().expect("a size");
    let encoded = u64::try_from(contents["blob"].as_str().expect("a blob").len()).expect("small");
    assert_eq!(encoded, size.div_ceil(3) * 4);
}

#[tokio::test]
async fn progress_is_told_under_the_token_of_the_call_and_always_grows() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    let params =
        json!({"name": "generate", "arguments": fox(json!({})), "_meta": {"progressToken": "p-1"}});
    let answer = wire.request("tools/call", params).await;
    assert_eq!(answer["result"]["structuredContent"]["state"], "succeeded", "{answer}");
    let told: Vec<&Value> = wire
        .notifications
        .iter()
        .filter(|told| told["method"] == "notifications/progress")
        .collect();
    assert!(told.iter().all(|told| told["params"]["progressToken"] == "p-1"));
    let percent: Vec<f64> =
        told.iter().map(|told| told["params"]["progress"].as_f64().expect("a number")).collect();
    assert!(percent.is_sorted_by(|one, other| one < other), "{percent:?}");
    assert_eq!(percent.last(), Some(&100.0));
    assert!(told.iter().all(|told| told["params"]["total"] == json!(100.0)));
}

#[tokio::test]
async fn progress_names_node_and_step() {
    let bench = Bench::start().await;
    let gate = bench.sim.hold(Moment::AtStep(2));
    let mut wire = bench.wire().await;
    let params =
        json!({"name": "generate", "arguments": fox(json!({})), "_meta": {"progressToken": 7}});
    let id = wire.begin("tools/call", params).await;
    gate.reached().await;
    let held = wire.notification(|told| {
        told["params"]["message"]
            .as_str()
            .is_some_and(|text| text.contains("KSampler (Sample), step 2 of 4"))
    });
    assert_eq!(held.await["params"]["progressToken"], 7);
    gate.release();
    assert_eq!(wire.answer(id).await["result"]["structuredContent"]["state"], "succeeded");
}

#[tokio::test]
async fn without_a_token_nothing_is_told() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    wire.succeed("generate", fox(json!({}))).await;
    assert_eq!(wire.notifications, Vec::<Value>::new());
}

#[tokio::test]
async fn a_wait_that_is_over_names_the_job_and_it_can_be_waited_for_again() {
    let bench = Bench::start().await;
    let gate = bench.sim.hold(Moment::AtStep(1));
    let mut wire = bench.wire().await;
    let started = wire.succeed("generate", fox(json!({"wait_seconds": 0}))).await;
    assert_eq!(started["timed_out"], true, "{started}");
    gate.reached().await;
    let job = json!({"job_id": started["job_id"], "wait_seconds": 0});
    let waited = wire.succeed("wait_for_completion", job).await;
    assert_eq!(waited["timed_out"], true, "{waited}");
    gate.release();
    let waited = wire.succeed("wait_for_completion", json!({"job_id": started["job_id"]})).await;
    assert_eq!((&waited["timed_out"], &waited["state"]), (&json!(false), &json!("succeeded")));
}

#[tokio::test]
async fn a_job_that_is_waited_for_can_be_cancelled_by_name() {
    let bench = Bench::start().await;
    let gate = bench.sim.hold(Moment::AtStep(1));
    let mut wire = bench.wire().await;
    let started = wire.succeed("generate", fox(json!({"detach": true}))).await;
    assert_eq!(started["timed_out"], true, "a detached call answers at once");
    gate.reached().await;
    let job = json!({"job_id": started["job_id"]});
    let cancelled = wire.succeed("cancel_job", job.clone()).await;
    assert_eq!(cancelled["state"], "cancelled");
    let again = wire.fail("cancel_job", job.clone()).await;
    assert_eq!(again["code"], "CANCELLED", "{again}");
    let failure = wire.fail("wait_for_completion", job).await;
    assert_eq!(failure["code"], "CANCELLED");
}

async fn begin_and_take_back(bench: &Bench, wire: &mut Wire, arguments: Value) -> JobId {
    let gate = bench.sim.hold(Moment::AtStep(1));
    let id = wire.begin("tools/call", json!({"name": "generate", "arguments": arguments})).await;
    gate.reached().await;
    let cancelled =
        json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}});
    wire.send(&cancelled).await;
    // The next answer shows that the cancellation was read, because lines are read in order.
    wire.request("tools/list", json!({})).await;
    let job = only_job(bench);
    if arguments_detach(&arguments) {
        gate.release();
    } else {
        // The interrupt ends the hold; until then the job cannot end by itself.
        let waited = bench.factory.wait(&job, DAY).await.expect("the job is known");
        assert!(matches!(waited, Waited::Finished(_)));
        drop(gate);
    }
    job
}

fn arguments_detach(arguments: &Value) -> bool {
    arguments["detach"] == true
}

#[tokio::test]
async fn taking_the_call_back_cancels_the_job_it_started() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    let job = begin_and_take_back(&bench, &mut wire, fox(json!({}))).await;
    assert_eq!(bench.factory.job(&job).await.expect("known").state, State::Cancelled);
}

#[tokio::test]
async fn taking_a_detached_call_back_leaves_its_job_alone() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    let arguments = fox(json!({"detach": true, "wait_seconds": 600}));
    let job = begin_and_take_back(&bench, &mut wire, arguments).await;
    let waited = bench.factory.wait(&job, DAY).await.expect("the job is known");
    let Waited::Finished(report) = waited else { panic!("a day has passed") };
    assert_eq!(report.state, State::Succeeded);
}

#[tokio::test]
async fn a_server_that_stops_answers_and_leaves_the_job_running() {
    let bench = Bench::start().await;
    let gate = bench.sim.hold(Moment::AtStep(1));
    let mut wire = bench.wire().await;
    let id =
        wire.begin("tools/call", json!({"name": "generate", "arguments": fox(json!({}))})).await;
    gate.reached().await;
    wire.stop.cancel();
    let answer = wire.answer(id).await;
    assert_eq!(answer["result"]["structuredContent"]["timed_out"], true, "{answer}");
    wire.ended().await;
    gate.release();
    let waited = bench.factory.wait(&only_job(&bench), DAY).await.expect("the job is known");
    let Waited::Finished(report) = waited else { panic!("a day has passed") };
    assert_eq!(report.state, State::Succeeded);
}

#[tokio::test]
async fn a_call_under_way_is_answered_after_the_input_has_ended() {
    let bench = Bench::start().await;
    let gate = bench.sim.hold(Moment::AtStep(1));
    let mut wire = bench.wire().await;
    let params =
        json!({"name": "generate", "arguments": fox(json!({})), "_meta": {"progressToken": 1}});
    let id = wire.begin("tools/call", params).await;
    gate.reached().await;
    wire.hang_up().await;
    gate.release();
    let answer = wire.answer(id).await;
    assert_eq!(answer["result"]["structuredContent"]["state"], "succeeded", "{answer}");
    wire.ended().await;
}

#[tokio::test]
async fn results_are_what_their_schemas_say() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    let made = wire.succeed("generate", fox(json!({"seed": 1}))).await;
    let job = json!({"job_id": made["job_id"]});
    let asset = json!({"asset_id": made["assets"][0]["asset_id"]});
    let unknown = json!({"job_id": "0197f1ce-3c5a-7000-8000-00000000002a"});
    let calls = [
        ("generate", fox(json!({"seed": 2}))),
        ("generate", fox(json!({"wait_seconds": 0, "seed": 3}))),
        ("execute_workflow", json!({"workflow": crate::bench::sampling_workflow()})),
        ("get_workflow_status", job.clone()),
        ("get_workflow_status", unknown),
        ("wait_for_completion", job.clone()),
        ("cancel_job", job.clone()),
        ("get_job_result", job),
        ("list_jobs", json!({"status": "unfinished"})),
        ("list_jobs", json!({"limit": 1})),
        ("get_queue_status", json!({})),
        ("list_backends", json!({})),
        ("free_memory", json!({"results_too": true})),
        ("interrupt_execution", json!({"confirm": true})),
        ("list_assets", json!({"limit": 1})),
        ("get_asset_metadata", asset.clone()),
        ("view_output", asset),
        ("list_models", json!({"kind": "checkpoints"})),
        ("get_node_info", json!({"class_type": "KSampler"})),
        ("search_nodes", json!({"query": "image"})),
        ("comfyui_health_check", json!({})),
        ("list_workflow_templates", json!({})),
        ("get_template", json!({"name": "sdxl_txt2img"})),
        (
            "create_workflow_from_template",
            json!({"template": "sdxl_txt2img", "parameters": {"prompt": "x"}}),
        ),
    ];
    let calls = calls.into_iter().chain(crate::workflows::one_call_of_each());
    let tools = crate::bench::telling_all(bench.factory.clone()).tools();
    for (name, arguments) in calls {
        let tool = tools.iter().find(|tool| tool.name == name).expect("a listed tool");
        let schema = tool.output_schema.as_ref().expect("every tool has one");
        let schema = Value::Object(schema.as_ref().clone());
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        let result = wire.call(name, arguments).await;
        check_result(name, &validator, &schema, &result);
    }
}

fn check_result(name: &str, validator: &Validator, schema: &Value, result: &Value) {
    let structured = &result["structuredContent"];
    let errors: Vec<String> =
        validator.iter_errors(structured).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new(), "{name}: {structured}");
    if result["isError"] == true {
        return;
    }
    for member in structured.as_object().expect("an object").keys() {
        assert!(schema["properties"].get(member).is_some(), "{name} does not announce {member}");
    }
}

//! What is wrong with a request is told once, clearly, and leaves nothing behind.

use serde_json::{Value, json};

use crate::{
    cell::{Cell, Session},
    comfy::Comfy,
    place::Place,
    requests::{closed_port, fox, fresh_seed, sampling_workflow, with},
};

/// Holds a failure to its code and to the words that a caller needs, in message or hint.
#[track_caller]
fn check(failure: &Value, code: &str, words: &[&str]) {
    assert_eq!(failure["code"], code, "{failure}");
    let message = failure["message"].as_str().expect("a message");
    let hint = failure["hint"].as_str().unwrap_or_default();
    for word in words {
        assert!(message.contains(word) || hint.contains(word), "no `{word}` in {failure}");
    }
}

for_each_cell!(a_workflow_that_cannot_run);

async fn a_workflow_that_cannot_run(cell: Cell) {
    let comfy = Comfy::start().await;
    let place = Place::new(comfy.url());
    let mut session = cell.open(&place).await;
    let seed = fresh_seed();

    let out_of_range = sampling_workflow(seed, 0);
    let failure = session.fail("execute_workflow", json!({"workflow": out_of_range})).await;
    check(&failure, "VALIDATION_ERROR", &["3", "KSampler", "steps"]);

    let mut unknown_class = sampling_workflow(seed, 3);
    unknown_class["3"]["class_type"] = json!("KSampleer");
    let failure = session.fail("execute_workflow", json!({"workflow": unknown_class})).await;
    check(&failure, "NODES_MISSING", &["KSampleer", "3"]);

    let mut dangling = sampling_workflow(seed, 3);
    dangling["9"]["inputs"]["images"] = json!(["88", 0]);
    let failure = session.fail("execute_workflow", json!({"workflow": dangling})).await;
    assert_eq!(failure["retry"], "never", "{failure}");

    let ui_format = json!({"nodes": [{"id": 1, "type": "KSampler"}], "links": [], "version": 0.4});
    let failure = session.fail("execute_workflow", json!({"workflow": ui_format})).await;
    assert_eq!(failure["retry"], "never", "converted, it has no output: {failure}");

    assert_eq!(comfy.queued_with_seed(seed).await, [""; 0]);
    assert_eq!(comfy.ended_with_seed(seed).await, [""; 0]);
    let assets = session.succeed("list_assets", json!({})).await;
    assert_eq!(assets["total"], 0);
}

for_each_cell!(arguments_that_are_wrong);

/// None of this gets as far as ComfyUI, so none is there.
async fn arguments_that_are_wrong(cell: Cell) {
    let place = Place::new(&closed_port());
    let mut session = cell.open(&place).await;
    for (tool, arguments, words) in [
        ("generate", json!({"prompt": 7}), &["prompt"][..]),
        ("generate", json!({}), &["prompt", "missing"]),
        ("generate", json!({"prompt": "a fox", "widht": 64}), &["widht", "width"]),
        ("generate", json!({"prompt": "a fox", "steps": "many", "seed": -1}), &["steps", "seed"]),
        ("execute_workflow", json!({"workflow": ""}), &["workflow"]),
        ("execute_workflow", json!({"workflow": "{\"3\": {\"class"}), &["workflow", "line 1"]),
        ("execute_workflow", json!({"workflow": "[1, 2]"}), &["workflow", "object"]),
        ("execute_workflow", json!({"workflow": 3}), &["workflow", "object"]),
        ("execute_workflow", json!({"workflow": {}}), &["no nodes"]),
        ("execute_workflow", json!({"workflow": {"3": 4}}), &["3"]),
        ("get_workflow_status", json!({"job_id": "seven"}), &["job_id", "seven"]),
        ("list_assets", json!({"limit": 0}), &["limit"]),
    ] {
        let failure = session.fail(tool, arguments).await;
        check(&failure, "VALIDATION_ERROR", words);
    }
    let failure = session.fail("get_template", json!({"name": "sd15"})).await;
    check(&failure, "TEMPLATE_NOT_FOUND", &["sd15_txt2img"]);
    check_unknown_tool(&mut session).await;
}

async fn check_unknown_tool(session: &mut Session) {
    let answer = session.begin("genrate", json!({})).await.answer().await;
    let error = answer.expect_err("there is no such tool");
    assert!(error["message"].as_str().unwrap().contains("`generate`"), "{error}");
}

/// A book instead of a prompt is refused, and nothing of it is left behind.
#[tokio::test]
async fn a_prompt_of_a_megabyte() {
    let comfy = Comfy::simulated().await;
    for cell in [Cell::STDIO, Cell::HTTP] {
        let place = Place::new(comfy.url());
        let mut session = cell.open(&place).await;
        let book = "fox ".repeat(250_000);
        let seed = fresh_seed();
        let arguments = with(fox(seed, 3), json!({"prompt": book}));
        let result = session.call("generate", arguments).await;
        assert_eq!(result["isError"], true);
        check(&result["structuredContent"], "VALIDATION_ERROR", &["prompt"]);
        assert_eq!(comfy.ended_with_seed(seed).await, [""; 0], "nothing is half done");
    }
}

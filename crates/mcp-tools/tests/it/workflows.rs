//! Workflows checked, changed, compared and drawn.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use mcp_tools::{Selection, Server};
use mediafactory::{
    Factory,
    config::{Backend, Config},
};
use serde_json::{Value, json};

use crate::{
    bench::{Bench, deserted, drawing_workflow, drawn_workflow, sampling_workflow},
    wire::Wire,
};

/// One call of every tool that is about workflows.
pub(crate) fn one_call_of_each() -> Vec<(&'static str, Value)> {
    let (workflow, other) = (sampling_workflow(), drawing_workflow(1));
    let mut wrong = workflow.clone();
    wrong["3"]["inputs"]["steps"] = json!(0);
    wrong["4"]["class_type"] = json!("CheckpointLoaderSimpel");
    let set = json!([{"op": "set", "node": "3", "input": "seed", "value": 8}]);
    let lora = json!([{"file": "style.safetensors", "strength_model": 0.5}]);
    let data = BASE64_STANDARD.encode(workflow.to_string());
    let drawn = drawn_workflow(1);
    vec![
        ("validate_workflow", json!({"workflow": wrong})),
        ("validate_workflow", json!({"workflow": drawn})),
        ("validate_and_fix_workflow", json!({"workflow": wrong})),
        ("inspect_workflow", json!({"workflow": workflow})),
        ("edit_workflow", json!({"workflow": workflow, "operations": set})),
        ("convert_workflow", json!({"workflow": drawn})),
        ("convert_workflow", json!({"workflow": workflow, "to": "ui"})),
        ("apply_lora", json!({"workflow": workflow, "loras": lora})),
        ("import_workflow", json!({"data": data})),
        ("diff_workflows", json!({"before": workflow, "after": wrong})),
        ("merge_workflows", json!({"base": workflow, "ours": wrong, "theirs": other})),
        ("visualize_workflow", json!({"workflow": workflow})),
    ]
}

#[tokio::test]
async fn an_invalid_workflow_is_an_answer_that_names_what_would_work() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    let valid = wire.succeed("validate_workflow", json!({"workflow": sampling_workflow()})).await;
    assert_eq!((&valid["valid"], &valid["outputs"]), (&json!(true), &json!(["9"])), "{valid}");

    let mut workflow = sampling_workflow();
    workflow["3"]["inputs"]["steps"] = json!(0);
    workflow["4"]["inputs"]["ckpt_name"] = json!("tiny-sd16.safetensors");
    let verdict =
        wire.succeed("validate_workflow", json!({"workflow": workflow.to_string()})).await;
    assert_eq!(verdict["valid"], false);
    assert_eq!(verdict["error"], "prompt_outputs_failed_validation");
    assert_eq!(verdict["error_count"], 2, "{verdict}");
    let errors = verdict["errors"].as_array().expect("a list");
    let file = errors.iter().find(|error| error["input"] == "ckpt_name").expect("it is named");
    assert_eq!(
        (&file["type"], &file["choices"][0]),
        (&json!("value_not_in_list"), &json!("tiny-sd15.safetensors"))
    );

    let nothing = wire.succeed("validate_workflow", json!({"workflow": {"3": 7}})).await;
    assert_eq!(nothing["valid"], false, "{nothing}");
    let failure = wire.fail("validate_workflow", json!({"workflow": "{"})).await;
    assert_eq!(failure["code"], "VALIDATION_ERROR");
}

#[tokio::test]
async fn a_saved_workflow_is_judged_by_what_it_becomes() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    let verdict = wire.succeed("validate_workflow", json!({"workflow": drawn_workflow(1)})).await;
    assert_eq!(verdict["valid"], true, "{verdict}");
    let mut drawn = drawn_workflow(1);
    drawn["nodes"][0]["type"] = json!("EmptyPicture");
    let verdict = wire.succeed("validate_workflow", json!({"workflow": drawn})).await;
    assert_eq!(verdict["valid"], false);
    assert_eq!(verdict["findings"][0]["missing_class"], "EmptyPicture", "{verdict}");
}

#[tokio::test]
async fn corrections_are_proposed_and_those_that_are_named_are_made() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    let mut workflow = sampling_workflow();
    workflow["3"]["inputs"]["steps"] = json!(0);
    workflow["4"]["inputs"]["ckpt_name"] = json!("TINY-SD15.safetensors");
    let all = wire.succeed("validate_and_fix_workflow", json!({"workflow": workflow})).await;
    assert_eq!((&all["before"]["valid"], &all["after"]["valid"]), (&json!(false), &json!(true)));
    assert_eq!(
        (&all["correction_count"], &all["workflow"]["3"]["inputs"]["steps"]),
        (&json!(2), &json!(1))
    );

    let paths = json!(["/3/inputs/steps"]);
    let one = wire
        .succeed("validate_and_fix_workflow", json!({"workflow": workflow, "paths": paths}))
        .await;
    assert_eq!((&one["correction_count"], &one["after"]["valid"]), (&json!(1), &json!(false)));
    assert_eq!(one["workflow"]["4"]["inputs"]["ckpt_name"], "TINY-SD15.safetensors");
    let failure = wire
        .fail(
            "validate_and_fix_workflow",
            json!({"workflow": workflow, "paths": ["/3/inputs/step"]}),
        )
        .await;
    assert!(
        failure["hint"].as_str().is_some_and(|hint| hint.contains("/3/inputs/steps")),
        "{failure}"
    );
}

#[tokio::test]
async fn what_a_workflow_is_made_of() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    let mut workflow = sampling_workflow();
    workflow["4"]["inputs"]["ckpt_name"] = json!("none.safetensors");
    workflow["8"]["class_type"] = json!("VAEDecodde");
    let found = wire.succeed("inspect_workflow", json!({"workflow": workflow})).await;
    assert_eq!(found["outputs"], json!([{"node": "9", "class_type": "SaveImage"}]));
    assert_eq!(found["inputs"]["seed"][0]["value"], 7, "{found}");
    assert_eq!(found["inputs"]["positive_prompt"][0]["node"], "6");
    assert_eq!(found["models"][0]["installed"], false);
    assert_eq!(found["missing_nodes"][0]["nearest"][0], "VAEDecode");
}

#[tokio::test]
async fn a_workflow_goes_from_tool_to_tool_by_its_address() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    let converted = wire.succeed("convert_workflow", json!({"workflow": drawn_workflow(1)})).await;
    assert_eq!((&converted["nodes"], &converted["blocked"]), (&json!(2), &json!(false)));
    let operations = json!([{"op": "set", "node": "1", "input": "color", "value": 255}]);
    let arguments = json!({"workflow": converted["workflow_uri"], "operations": operations});
    let edited = wire.succeed("edit_workflow", arguments).await;
    assert_eq!(edited["workflow"]["1"]["inputs"]["color"], 255);

    let made = wire.succeed("execute_workflow", json!({"workflow": edited["workflow_uri"]})).await;
    assert_eq!(made["state"], "succeeded");
    let arguments = json!({"workflow": edited["workflow_uri"], "operations": edited["inverse"]});
    let restored = wire.succeed("edit_workflow", arguments).await;
    assert_eq!(restored["workflow"], converted["workflow"]);
    assert_eq!(restored["workflow_uri"], converted["workflow_uri"], "the address is its identity");

    let gone = json!({"workflow": "mediafactory://workflow/none"});
    let failure = wire.fail("inspect_workflow", gone).await;
    assert_eq!(failure["message"], "nothing is kept at mediafactory://workflow/none");
}

#[tokio::test]
async fn what_is_laid_out_converts_back() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    let arguments = json!({"workflow": sampling_workflow(), "to": "ui"});
    let drawn = wire.succeed("convert_workflow", arguments).await;
    assert_eq!((&drawn["nodes"], &drawn["findings"]), (&json!(6), &json!([])), "{drawn}");
    assert!(drawn["workflow"]["nodes"].is_array());
    let uri = &drawn["workflow_uri"];
    let back = wire.succeed("convert_workflow", json!({"workflow": uri})).await;
    // Titles are no part of the identity of a workflow, and only they are new.
    let original = wire.succeed("inspect_workflow", json!({"workflow": sampling_workflow()})).await;
    let digest = original["digest"].as_str().expect("text");
    assert_eq!(back["workflow_uri"], format!("mediafactory://workflow/{digest}"), "{back}");
    let failure = wire.fail("convert_workflow", json!({"workflow": sampling_workflow()})).await;
    assert_eq!(failure["message"], "the workflow is in API format already");
    let failure = wire.fail("convert_workflow", json!({"workflow": uri, "to": "ui"})).await;
    assert_eq!(failure["message"], "the workflow is in UI format already");
}

#[tokio::test]
async fn an_edit_is_made_whole_or_not_at_all() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    let operations = json!([
        {"op": "set", "node": "3", "input": "seed", "value": 8},
        {"op": "set", "node": "3", "input": "sed", "value": 8}
    ]);
    let arguments = json!({"workflow": sampling_workflow(), "operations": operations});
    let failure = wire.fail("edit_workflow", arguments).await;
    assert!(failure["message"].as_str().is_some_and(|text| text.contains("`sed`")), "{failure}");
    let arguments = json!({"workflow": sampling_workflow(), "operations": [{"op": "sit"}]});
    let failure = wire.fail("edit_workflow", arguments).await;
    assert!(failure["message"].as_str().is_some_and(|text| text.contains("`sit`")), "{failure}");
}

#[tokio::test]
async fn a_saved_workflow_runs_and_is_embedded() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    let made = wire.succeed("execute_workflow", json!({"workflow": drawn_workflow(3)})).await;
    assert_eq!(made["state"], "succeeded", "{made}");
    let asset = json!({"asset_id": made["assets"][0]["asset_id"]});
    let imported = wire.succeed("import_workflow", asset).await;
    assert_eq!(imported["container"], "asset");
    assert_eq!(imported["workflow"]["1"]["inputs"]["color"], 3);
}

#[tokio::test]
async fn loras_are_put_behind_the_model() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    let loras =
        json!([{"file": "a.safetensors"}, {"file": "b.safetensors", "strength_model": "0.5"}]);
    let made =
        wire.succeed("apply_lora", json!({"workflow": sampling_workflow(), "loras": loras})).await;
    let workflow = made["workflow"].as_object().expect("an object");
    let files: Vec<&Value> =
        workflow.values().filter_map(|node| node["inputs"].get("lora_name")).collect();
    assert_eq!(files, ["a.safetensors", "b.safetensors"]);
    let sampler = workflow["3"]["inputs"]["model"][0].as_str().expect("a link");
    assert_eq!(workflow[sampler]["inputs"]["lora_name"], "b.safetensors");
}

#[tokio::test]
async fn differences_are_text_data_and_operations() {
    // Nothing here needs a ComfyUI.
    let (server, _nowhere) = deserted().await;
    let mut wire = Wire::open(server).await;
    let before = sampling_workflow();
    let mut after = before.clone();
    after["3"]["inputs"]["seed"] = json!(8);
    let same = wire.succeed("diff_workflows", json!({"before": before, "after": before})).await;
    assert_eq!((&same["same"], &same["operations"]), (&json!(true), &json!([])));
    let found = wire.succeed("diff_workflows", json!({"before": before, "after": after})).await;
    assert_eq!(found["text"], "~ 3 KSampler: seed 7 -> 8\n");
    let arguments = json!({"workflow": before, "operations": found["operations"]});
    assert_eq!(wire.succeed("edit_workflow", arguments).await["workflow"], after);
}

#[tokio::test]
async fn a_conflict_is_open_until_it_is_chosen() {
    let (server, _nowhere) = deserted().await;
    let mut wire = Wire::open(server).await;
    let base = sampling_workflow();
    let (mut ours, mut theirs) = (base.clone(), base.clone());
    ours["3"]["inputs"]["seed"] = json!(8);
    theirs["3"]["inputs"]["seed"] = json!(9);
    theirs["3"]["inputs"]["cfg"] = json!(3.5);
    let three = |more: Value| {
        let mut arguments = json!({"base": base, "ours": ours, "theirs": theirs});
        let members = arguments.as_object_mut().expect("an object");
        members.extend(more.as_object().expect("an object").clone());
        arguments
    };
    let open = wire.succeed("merge_workflows", three(json!({}))).await;
    assert_eq!(
        (&open["settled"], &open["workflow"]["3"]["inputs"]["cfg"]),
        (&json!(false), &json!(3.5))
    );
    let conflict = &open["conflicts"][0];
    assert_eq!((&conflict["ours"], &conflict["theirs"]), (&json!(8), &json!(9)), "{open}");
    let choices = json!([{"node": conflict["node"], "part": conflict["part"], "name": conflict["name"], "take": "theirs"}]);
    let settled = wire.succeed("merge_workflows", three(json!({"choices": choices}))).await;
    assert_eq!(
        (&settled["settled"], &settled["workflow"]["3"]["inputs"]["seed"]),
        (&json!(true), &json!(9))
    );
    let ours = wire.succeed("merge_workflows", three(json!({"strategy": "ours"}))).await;
    assert_eq!(ours["workflow"]["3"]["inputs"]["seed"], 8);
    let failure = wire.fail("merge_workflows", three(json!({"strategy": "mine"}))).await;
    let message = "argument `strategy` has to be one of ours, theirs, manual, not \"mine\"";
    assert_eq!(failure["message"], message);
}

#[tokio::test]
async fn drawings_are_kept_to_be_read() {
    let (server, _nowhere) = deserted().await;
    let mut wire = Wire::open(server).await;
    let workflow = sampling_workflow();
    for (alias, begins) in
        [("workflow_to_mermaid", "flowchart"), ("workflow_to_graphviz", "digraph")]
    {
        let drawn = wire.succeed(alias, json!({"workflow": workflow})).await;
        assert!(drawn["drawing"].as_str().is_some_and(|text| text.starts_with(begins)), "{drawn}");
    }
    let failure =
        wire.fail("workflow_to_mermaid", json!({"workflow": workflow, "format": "svg"})).await;
    assert_eq!(failure["hint"], "call visualize_workflow for another format");

    let arguments =
        json!({"workflow": workflow, "format": "html", "compare_to": drawing_workflow(1)});
    let page = wire.succeed("visualize_workflow", arguments).await;
    let read = wire.request("resources/read", json!({"uri": page["uri"]})).await;
    let contents = &read["result"]["contents"][0];
    assert_eq!(contents["mimeType"], "text/html");
    let bytes = contents["text"].as_str().map(str::len);
    assert_eq!(bytes.map(|bytes| json!(bytes)).as_ref(), Some(&page["bytes"]));
    let failure =
        wire.fail("visualize_workflow", json!({"workflow": workflow, "format": "png"})).await;
    let message = "argument `format` has to be one of mermaid, graphviz, svg, html, not \"png\"";
    assert_eq!(failure["message"], message);
}

#[tokio::test]
async fn long_workflows_come_as_links() {
    let (server, _nowhere) = deserted().await;
    let mut wire = Wire::open(server).await;
    let mut workflow = sampling_workflow();
    workflow["6"]["inputs"]["text"] = json!("x".repeat(60_000));
    let operations = json!([{"op": "set", "node": "3", "input": "seed", "value": 8}]);
    let arguments = json!({"workflow": workflow, "operations": operations});
    let result = wire.call("edit_workflow", arguments).await;
    assert!(result.to_string().len() < 5_000, "{result}");
    let uri = &result["structuredContent"]["workflow_uri"];
    assert_eq!(
        (&result["content"][1]["type"], &result["content"][1]["uri"]),
        (&json!("resource_link"), uri)
    );
    let read = wire.request("resources/read", json!({"uri": uri})).await;
    let text = read["result"]["contents"][0]["text"].as_str().expect("text");
    let kept: Value = serde_json::from_str(text).expect("JSON");
    workflow["3"]["inputs"]["seed"] = json!(8);
    assert_eq!(kept, workflow);
}

#[tokio::test]
async fn files_are_read_only_where_the_operator_allows_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let allowed = folder.path().join("allowed");
    std::fs::create_dir(&allowed).expect("an empty folder");
    for path in [allowed.join("a.json"), folder.path().join("b.json")] {
        std::fs::write(path, sampling_workflow().to_string()).expect("a file");
    }
    let mut config = Config::new(folder.path().join("data"));
    config.comfyui =
        Some(Backend { url: "http://127.0.0.1:9".parse().expect("a URL"), auth: None });
    config.import_dirs = vec![allowed];
    let factory = Factory::open(config).await.expect("an empty folder");
    let server = Server::new(factory, &Selection::default()).expect("no names");
    let mut wire = Wire::open(server).await;
    let imported = wire.succeed("import_workflow", json!({"path": "a.json"})).await;
    assert_eq!(
        (&imported["container"], &imported["workflow"]),
        (&json!("json"), &sampling_workflow())
    );
    for path in ["../b.json", "/etc/passwd", "none.json"] {
        let failure = wire.fail("import_workflow", json!({"path": path})).await;
        assert_eq!(failure["code"], "FORBIDDEN", "{failure}");
    }
    for wrong in [json!({}), json!({"path": "a.json", "data": "e30="}), json!({"data": "%"})] {
        assert_eq!(wire.fail("import_workflow", wrong).await["code"], "VALIDATION_ERROR");
    }
}

#[tokio::test]
async fn what_is_too_large_is_refused_with_the_limit() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    let text =
        format!(r#"{{"1":{{"class_type":"A","inputs":{{"x":"{}"}}}}}}"#, "x".repeat(100 << 20));
    let bytes = text.len();
    let refused = wire.fail("validate_workflow", json!({"workflow": text})).await;
    assert_eq!(refused["code"], "LIMIT_EXCEEDED");
    let message = format!("argument `workflow` has {bytes} bytes, but one may have 67108864");
    assert_eq!(refused["message"], message);

    let nodes = (0..100_001).map(|at| format!(r#""{at}":{{"class_type":"A","inputs":{{}}}}"#));
    let text = format!("{{{}}}", nodes.collect::<Vec<_>>().join(","));
    for tool in ["validate_workflow", "inspect_workflow", "validate_and_fix_workflow"] {
        let refused = wire.fail(tool, json!({"workflow": text})).await;
        let message = "a workflow may have 100000 nodes, but this has 100001";
        assert_eq!(
            (&refused["code"], &refused["message"]),
            (&json!("LIMIT_EXCEEDED"), &json!(message))
        );
    }
}

#[tokio::test]
async fn half_a_character_comes_back_as_it_was() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    let text = r#"{"1": {"class_type": "CLIPTextEncode", "inputs": {"text": "a \ud83e fox"}}}"#;
    let patch = json!([{"op": "set_title", "node": "1", "title": "x"}]);
    let edited =
        wire.succeed("edit_workflow", json!({"workflow": text, "operations": patch})).await;
    let uri = edited["workflow_uri"].clone();
    let read = wire.request("resources/read", json!({"uri": uri})).await;
    let kept = read["result"]["contents"][0]["text"].as_str().expect("text");
    assert!(kept.contains(r"a \ud83e fox"), "{kept}");
}

#[tokio::test]
async fn conflicts_are_settled_by_choices() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    let with = |cfg: u8, steps: u8| json!({"3": {"class_type": "KSampler", "inputs": {"cfg": cfg, "steps": steps}}});
    let merge = |choices: serde_json::Value| json!({"base": with(7, 20), "ours": with(5, 30), "theirs": with(8, 40), "strategy": "manual", "choices": choices});
    let open = wire.succeed("merge_workflows", merge(json!([]))).await;
    assert_eq!(
        (&open["settled"], open["conflicts"].as_array().map(Vec::len)),
        (&json!(false), Some(2))
    );
    let cfg = json!({"node": "3", "part": "input", "name": "cfg", "take": "theirs"});
    let steps = json!({"node": "3", "part": "input", "name": "steps", "take": "ours"});
    let settled = wire.succeed("merge_workflows", merge(json!([cfg, steps]))).await;
    assert_eq!((&settled["settled"], &settled["workflow"]), (&json!(true), &with(8, 30)));

    let stray = json!({"node": "3", "part": "input", "name": "step", "take": "ours"});
    let refused = wire.fail("merge_workflows", merge(json!([stray]))).await;
    assert_eq!(
        refused["message"],
        "there is no conflict about input `step` of node 3 to choose a side for"
    );
    assert_eq!(refused["hint"], "did you mean `/3/inputs/steps`?");
}

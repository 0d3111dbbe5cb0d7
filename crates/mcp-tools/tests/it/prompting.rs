//! Prompts, and what completes their arguments, for clients of both generations.

use serde_json::{Value, json};

use crate::{
    bench::{Bench, deserted, drawing_workflow},
    protocol::meta_2026,
    wire::Wire,
};

async fn values(wire: &mut Wire, reference: Value, name: &str, typed: &str) -> Vec<String> {
    let params = json!({
        "ref": reference, "argument": {"name": name, "value": typed}, "_meta": meta_2026()
    });
    let answer = wire.request("completion/complete", params).await;
    let completion = &answer["result"]["completion"];
    let values = completion["values"].as_array().unwrap_or_else(|| panic!("{answer}"));
    assert!(values.len() <= 100 && completion["hasMore"].is_boolean(), "{answer}");
    values.iter().map(|value| value.as_str().expect("text").to_owned()).collect()
}

fn prompt(name: &str) -> Value {
    json!({"type": "ref/prompt", "name": name})
}

#[tokio::test]
async fn prompts_are_listed_and_filled_in_for_both_generations() {
    let (server, _nowhere) = deserted().await;
    let mut old = Wire::open(server.clone()).await;
    let mut new = Wire::new(server);
    let fill = json!({"name": "make_picture", "arguments": {"prompt": "a fox"}});
    let mut fill_new = fill.clone();
    fill_new["_meta"] = meta_2026();
    for (wire, list, fill) in
        [(&mut old, json!({}), fill), (&mut new, json!({"_meta": meta_2026()}), fill_new)]
    {
        let listed = wire.request("prompts/list", list).await;
        let prompts = listed["result"]["prompts"].as_array().expect("a list");
        let names: Vec<&str> =
            prompts.iter().map(|prompt| prompt["name"].as_str().expect("a name")).collect();
        let expected = [
            "make_picture",
            "edit_picture",
            "make_video_from_picture",
            "find_best_settings",
            "debug_workflow",
        ];
        assert_eq!(names, expected);
        let filled = wire.request("prompts/get", fill).await;
        let text = filled["result"]["messages"][0]["content"]["text"].as_str().expect("text");
        assert!(text.contains("`generate`") && text.contains("\"a fox\""), "{text}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_prompt_is_told() {
    let (server, _nowhere) = deserted().await;
    let mut wire = Wire::open(server).await;
    let cases = [
        (
            json!({"name": "make_pictrue"}),
            "there is no prompt `make_pictrue`; did you mean `make_picture`?",
        ),
        (json!({"name": "make_picture"}), "argument `prompt` is missing: What the picture shows"),
        (
            json!({"name": "make_picture", "arguments": {"promt": "x"}}),
            "there is no argument `promt`; did you mean `prompt`?",
        ),
    ];
    for (params, message) in cases {
        let answer = wire.request("prompts/get", params).await;
        assert_eq!(
            (&answer["error"]["code"], &answer["error"]["message"]),
            (&json!(-32602), &json!(message))
        );
    }
}

#[tokio::test]
async fn arguments_are_completed_from_what_there_is_now() {
    let bench = Bench::start().await;
    let mut wire = bench.wire().await;
    let made = wire.succeed("execute_workflow", json!({"workflow": drawing_workflow(5)})).await;
    let mut new = Wire::new(bench.server.clone());
    let models = values(&mut new, prompt("find_best_settings"), "model", "flux").await;
    assert!(models.contains(&"flux1-dev".to_owned()), "{models:?}");
    assert!(models.contains(&"flux1-dev-fp8.safetensors".to_owned()), "of the server: {models:?}");
    assert_eq!(values(&mut new, prompt("find_best_settings"), "sampler", "eul").await[0], "euler");
    let templates = values(&mut new, prompt("make_picture"), "template", "sd15").await;
    assert_eq!(templates[0], "sd15_txt2img");
    let asset = made["assets"][0]["asset_id"].as_str().expect("an id");
    assert_eq!(values(&mut new, prompt("edit_picture"), "asset", "plain").await, [asset]);
    let job = made["job_id"].as_str().expect("an id");
    assert_eq!(values(&mut new, prompt("debug_workflow"), "job", "").await, [job]);
    assert!(values(&mut new, prompt("make_picture"), "prompt", "a").await.is_empty());
    let address = json!({"type": "ref/resource", "uri": "mediafactory://model/{family}"});
    assert_eq!(values(&mut new, address, "family", "wan-2.2").await[0], "wan-2.2-14b");
}

#[tokio::test]
async fn without_a_server_the_data_completes() {
    let (server, _nowhere) = deserted().await;
    let mut wire = Wire::new(server);
    let models = values(&mut wire, prompt("find_best_settings"), "model", "").await;
    assert!(models.len() > 90, "{}", models.len());
    assert!(values(&mut wire, prompt("find_best_settings"), "sampler", "eu").await.is_empty());
    let unknown = json!({"ref": prompt("make_pictures"), "argument": {"name": "model", "value": ""}, "_meta": meta_2026()});
    let answer = wire.request("completion/complete", unknown).await;
    assert_eq!(answer["error"]["code"], -32602, "{answer}");
}

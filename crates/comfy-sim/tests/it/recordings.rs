//! Scenarios that were recorded from a real ComfyUI 0.33.0, played against the simulation.

use comfy_sim::{Moment, Sim};
use serde_json::{Value, json};

use crate::client::{CLIENT, Socket, kinds, post, quick_sim, sampling_prompt, submit};
use crate::player::{Player, scenario};

#[tokio::test]
async fn rejected_prompts() {
    let Some(lines) = scenario("rejected_prompts") else { return };
    let sim = quick_sim().await;
    Player::new(&sim).play(&lines).await;
    sim.stop().await;
}

#[tokio::test]
async fn client_chosen_prompt_id() {
    let Some(lines) = scenario("client_chosen_prompt_id") else { return };
    let sim = quick_sim().await;
    let player = Player::new(&sim).play(&lines).await;
    // Nothing here samples, so every frame is comparable.
    let expected: Vec<String> = player.expected["ws"]
        .iter()
        .map(|event| event["type"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(kinds(&player.received["ws"]), expected);
    sim.stop().await;
}

#[tokio::test]
async fn accepted_with_node_errors() {
    let Some(lines) = scenario("accepted_with_node_errors") else { return };
    let sim = quick_sim().await;
    Player::new(&sim).play(&lines).await;
    sim.stop().await;
}

#[tokio::test]
async fn partial_execution_targets() {
    let Some(lines) = scenario("partial_execution_targets") else { return };
    let sim = quick_sim().await;
    Player::new(&sim).play(&lines).await;
    sim.stop().await;
}

#[tokio::test]
async fn text_output() {
    let Some(lines) = scenario("text_output") else { return };
    let sim = quick_sim().await;
    Player::new(&sim).play(&lines).await;
    sim.stop().await;
}

#[tokio::test]
async fn no_client_id_broadcast() {
    let Some(lines) = scenario("no_client_id_broadcast") else { return };
    let sim = quick_sim().await;
    Player::new(&sim).play(&lines).await;
    sim.stop().await;
}

#[tokio::test]
async fn interrupted_while_sampling() {
    let Some(lines) = scenario("interrupted_while_sampling") else { return };
    let sim = quick_sim().await;
    Player::new(&sim).holding_until(usize::MAX).play(&lines).await;
    sim.stop().await;
}

#[tokio::test]
async fn execution_error() {
    let Some(lines) = scenario("execution_error") else { return };
    let sim = quick_sim().await;
    std::fs::write(sim.storage().join("input/broken.png"), b"not a picture").unwrap();
    Player::new(&sim).play(&lines).await;
    sim.stop().await;
}

#[tokio::test]
async fn execution_error_model_file() {
    let Some(lines) = scenario("execution_error_model_file") else { return };
    let sim = quick_sim().await;
    Player::new(&sim).play(&lines).await;
    sim.stop().await;
}

#[tokio::test]
async fn txt2img_partly_cached() {
    let Some(lines) = scenario("txt2img_partly_cached") else { return };
    let sim = quick_sim().await;
    prime(&sim).await;
    prime_latent(&sim, 64).await;
    Player::new(&sim).play(&lines).await;
    sim.stop().await;
}

#[tokio::test]
async fn front_and_number_priority() {
    let Some(lines) = scenario("front_and_number_priority") else { return };
    let sim = quick_sim().await;
    // The recorded server had counted to 34 by then, and a front prompt comes before number -3 only because of that.
    for _ in 0..34 {
        post(&sim, "/prompt", &json!({})).await;
    }
    Player::new(&sim).holding_at(Moment::NextPrompt, 5).play(&lines).await;
    sim.stop().await;
}

#[tokio::test]
async fn reconnect_same_client_id() {
    let Some(lines) = scenario("reconnect_same_client_id") else { return };
    let sim = quick_sim().await;
    Player::new(&sim).holding_until(1).play(&lines).await;
    sim.stop().await;
}

#[tokio::test]
async fn second_socket_same_client_id() {
    let Some(lines) = scenario("second_socket_same_client_id") else { return };
    let sim = quick_sim().await;
    prime(&sim).await;
    prime_latent(&sim, 64).await;
    Player::new(&sim).holding_until(1).play(&lines).await;
    sim.stop().await;
}

#[tokio::test]
async fn metadata_endpoints() {
    let Some(lines) = scenario("metadata_endpoints") else { return };
    // What depends on the machine, on its files and on what ran before is left out.
    let differs = [
        "/system_stats",
        "/settings",
        "/history?max_items=1",
        "/object_info/LoadImage",
        "/api/jobs?limit=2",
        "/global_subgraphs",
    ];
    let is_comparable = |line: &Value| {
        let path = line["path"].as_str().unwrap_or_default();
        !differs.contains(&path) && !path.starts_with("/experiment")
    };
    let lines: Vec<Value> = lines.into_iter().filter(is_comparable).collect();
    let sim = quick_sim().await;
    Player::new(&sim).play(&lines).await;
    sim.stop().await;
}

#[tokio::test]
async fn cancel_via_jobs_api() {
    let Some(lines) = scenario("cancel_via_jobs_api") else { return };
    let sim = quick_sim().await;
    prime(&sim).await;
    prime_latent(&sim, 64).await;
    Player::new(&sim).holding_until(usize::MAX).play(&lines).await;
    sim.stop().await;
}

#[tokio::test]
async fn batch_of_three_images() {
    let Some(lines) = scenario("batch_of_three_images") else { return };
    let sim = quick_sim().await;
    let mut prompt = sampling_prompt(1, 1);
    prompt["6"]["inputs"]["text"] = json!("another text");
    run(&sim, prompt).await;
    Player::new(&sim).play(&lines).await;
    sim.stop().await;
}

#[tokio::test]
async fn two_outputs_save_and_preview() {
    let Some(lines) = scenario("two_outputs_save_and_preview") else { return };
    let sim = quick_sim().await;
    Player::new(&sim).play(&lines).await;
    sim.stop().await;
}

#[tokio::test]
async fn queue_delete_and_clear() {
    let Some(lines) = scenario("queue_delete_and_clear") else { return };
    let sim = quick_sim().await;
    prime(&sim).await;
    let until = lines.iter().filter(|line| line["kind"] == "request").count() - 1;
    Player::new(&sim).holding_until(until).play(&lines).await;
    sim.stop().await;
}

#[tokio::test]
async fn txt2img_all_cached() {
    let Some(lines) = scenario("txt2img_all_cached") else { return };
    let sim = quick_sim().await;
    prime(&sim).await;
    prime_latent(&sim, 64).await;
    Player::new(&sim).play(&lines).await;
    sim.stop().await;
}

#[tokio::test]
async fn txt2img_with_previews() {
    let Some(lines) = scenario("txt2img_with_previews") else { return };
    let sim = quick_sim().await;
    prime(&sim).await;
    let player = Player::new(&sim).play(&lines).await;
    let expected: Vec<String> = lines
        .iter()
        .filter_map(|line| match line["kind"].as_str()? {
            "ws_text" => Some(line["json"]["type"].as_str()?.to_owned()),
            "ws_binary" => Some("binary 4".to_owned()),
            _ => None,
        })
        .collect();
    assert_eq!(kinds(&player.received["ws"]), expected);
    sim.stop().await;
}

/// Puts the checkpoint and the texts into the cache, where earlier scenarios had put them.
async fn prime(sim: &Sim) {
    let mut prompt = sampling_prompt(1, 1);
    prompt["5"]["inputs"]["width"] = json!(16);
    run(sim, prompt).await;
}

/// Does the same with the latent of the cached scenarios.
async fn prime_latent(sim: &Sim, side: u32) {
    let mut prompt = sampling_prompt(2, 1);
    prompt["5"]["inputs"] = json!({"width": side, "height": side, "batch_size": 1});
    run(sim, prompt).await;
}

async fn run(sim: &Sim, prompt: Value) {
    let mut socket = Socket::open(sim, CLIENT).await;
    let id = submit(sim, &json!({"prompt": prompt, "client_id": CLIENT})).await;
    socket.until_done(&id).await;
}

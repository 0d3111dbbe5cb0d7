//! Jobs outlive the server that took them, and several programs share one data folder.

use serde_json::json;

use crate::{
    cell::Cell,
    comfy::Comfy,
    place::Place,
    requests::{ENDLESS, fox, fresh_seed, with},
};

/// Steps that take long enough for a server to start again meanwhile.
const A_WHILE: u32 = 15;

/// Holds ComfyUI to having been given the job once, and having run it once.
async fn check_ran_once(comfy: &Comfy, seed: u64, job: &str) {
    assert_eq!(comfy.ended_with_seed(seed).await, [job]);
    assert_eq!(comfy.queued_with_seed(seed).await, [""; 0]);
    assert!(comfy.submissions_of(job).is_none_or(|times| times == 1), "it was sent again");
}

for_each_cell!(a_server_killed_in_mid_job_takes_it_up_again);

async fn a_server_killed_in_mid_job_takes_it_up_again(cell: Cell) {
    let comfy = Comfy::start().await;
    let place = Place::new(comfy.url());
    let seed = fresh_seed();
    let mut session = cell.open(&place).await;
    let mut making = session.begin("generate", fox(seed, A_WHILE)).await;
    making.samples().await;
    let job = comfy.queued_with_seed(seed).await.remove(0);
    session.process.kill().await;

    let mut session = cell.open(&place).await;
    let made = session.succeed("wait_for_completion", json!({"job_id": job})).await;
    assert_eq!((&made["state"], &made["seed"]), (&json!("succeeded"), &json!(seed)), "{made}");
    assert_eq!(made["assets"].as_array().expect("assets").len(), 1);
    check_ran_once(&comfy, seed, &job).await;
}

#[tokio::test]
async fn two_servers_on_one_folder_see_the_same_jobs_and_run_each_once() {
    let comfy = Comfy::start().await;
    let place = Place::new(comfy.url());
    let (mut one, mut other) = (Cell::STDIO.open(&place).await, Cell::STDIO.open(&place).await);
    let (seed, other_seed) = (fresh_seed(), fresh_seed());

    let detached = with(fox(seed, A_WHILE), json!({"detach": true}));
    let job = one.succeed("generate", detached).await["job_id"].take();
    let made_there = other.begin("generate", fox(other_seed, 3)).await;
    let waited = other.succeed("wait_for_completion", json!({"job_id": job})).await;
    assert_eq!(
        (&waited["state"], &waited["seed"]),
        (&json!("succeeded"), &json!(seed)),
        "{waited}"
    );
    let made_there = made_there.answer().await.expect("a result");
    let other_job = &made_there["structuredContent"]["job_id"];

    for session in [&mut one, &mut other] {
        let list = session.succeed("list_assets", json!({})).await;
        assert_eq!(list["total"], 2, "{list}");
        for job in [&job, other_job] {
            let status = session.succeed("get_workflow_status", json!({"job_id": job})).await;
            assert_eq!(status["state"], "succeeded");
        }
    }
    check_ran_once(&comfy, seed, job.as_str().unwrap()).await;
    check_ran_once(&comfy, other_seed, other_job.as_str().unwrap()).await;
}

#[tokio::test]
async fn a_job_is_cancelled_from_another_server() {
    let comfy = Comfy::start().await;
    let place = Place::new(comfy.url());
    let (mut one, mut other) = (Cell::STDIO.open(&place).await, Cell::HTTP.open(&place).await);
    let seed = fresh_seed();
    let mut making = one.begin("generate", fox(seed, ENDLESS)).await;
    making.samples().await;
    let job = comfy.queued_with_seed(seed).await.remove(0);
    let cancelled = other.succeed("cancel_job", json!({"job_id": job})).await;
    assert_eq!(cancelled["state"], "cancelled");
    let answer = making.answer().await.expect("a result");
    assert_eq!(answer["structuredContent"]["code"], "CANCELLED", "{answer}");
    assert!(comfy.was_interrupted(&job).await);
}

#[tokio::test]
async fn what_the_command_line_makes_is_there_for_agents() {
    let comfy = Comfy::start().await;
    let place = Place::new(comfy.url());
    let mut agent = Cell::HTTP.open(&place).await;
    let seed = fresh_seed();
    let words = format!(
        "generate fox --template sd15_txt2img --model tiny-sd15.safetensors --width 64 \
         --height 64 --steps 3 --seed {seed}"
    );
    let mut command = place.command(&words.split(' ').collect::<Vec<_>>());
    assert_eq!(command.ended().await.code(), Some(0), "{}", command.stderr());
    let list = agent.succeed("list_assets", json!({})).await;
    assert_eq!(list["total"], 1, "{list}");
    let asset = json!({"asset_id": list["items"][0]["asset_id"]});
    let metadata = agent.succeed("get_asset_metadata", asset).await;
    assert_eq!(metadata["origin"]["seed"], seed);
    check_ran_once(&comfy, seed, list["items"][0]["job_id"].as_str().unwrap()).await;
}

//! How the stdio server ends, and what does not end it.

use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;

use crate::{
    cell::{Cell, Generation},
    comfy::Comfy,
    mcp::{Mcp as _, pipe::PipeClient},
    place::Place,
    process::Process,
    requests::{ENDLESS, closed_port, fox, fresh_seed},
};

/// How soon a server has ended that may: rmcp gives calls under way five seconds, and the jobs
/// are let go within some more.
const ENDS_WITHIN: Duration = Duration::from_secs(10);

async fn begin_endless_job(
    comfy: &Comfy,
    place: &Place,
) -> (Process, PipeClient, crate::mcp::Call, String) {
    let mut process = place.stdio();
    let (reader, writer) = process.take_pipes();
    let mut client = PipeClient::open(reader, writer, Generation::Of2025).await;
    let seed = fresh_seed();
    let mut call = client.begin("generate", fox(seed, ENDLESS)).await;
    call.samples().await;
    let job = comfy.queued_with_seed(seed).await.remove(0);
    (process, client, call, job)
}

/// The job is still there for the next server, which then stops it for good.
async fn check_goes_on(place: &Place, job: &str) {
    let mut session = Cell::STDIO.open(place).await;
    let status = session.succeed("get_workflow_status", json!({"job_id": job})).await;
    assert_eq!(status["state"], "running", "{status}");
    let cancelled = session.succeed("cancel_job", json!({"job_id": job})).await;
    assert_eq!(cancelled["state"], "cancelled");
}

#[tokio::test]
async fn the_end_of_its_input_ends_it_and_leaves_the_job() {
    let comfy = Comfy::start().await;
    let place = Place::new(comfy.url());
    let (mut process, client, _call, job) = begin_endless_job(&comfy, &place).await;
    client.hang_up().await;
    let ended = timeout(ENDS_WITHIN, process.ended()).await.expect("it ends in time");
    assert_eq!(ended.code(), Some(0), "{}", process.stderr());
    check_goes_on(&place, &job).await;
}

#[tokio::test]
async fn a_signal_ends_it_and_leaves_the_job() {
    let comfy = Comfy::start().await;
    let place = Place::new(comfy.url());
    let (mut process, _client, call, job) = begin_endless_job(&comfy, &place).await;
    process.terminate().await;
    let answer = call.answer().await.expect("the call is answered before the end");
    assert_eq!(answer["structuredContent"]["job_id"], job.as_str(), "{answer}");
    assert_eq!(answer["structuredContent"]["timed_out"], true, "{answer}");
    let ended = timeout(ENDS_WITHIN, process.ended()).await.expect("it ends in time");
    assert_eq!(ended.code(), Some(0), "{}", process.stderr());
    check_goes_on(&place, &job).await;
}

#[tokio::test]
async fn a_signal_ends_the_http_server_with_a_call_under_way() {
    let comfy = Comfy::start().await;
    let place = Place::new(comfy.url());
    let mut session = Cell::HTTP.open(&place).await;
    let seed = fresh_seed();
    let mut call = session.begin("generate", fox(seed, ENDLESS)).await;
    call.samples().await;
    let job = comfy.queued_with_seed(seed).await.remove(0);
    session.process.terminate().await;
    let ended = timeout(ENDS_WITHIN, session.process.ended()).await.expect("it ends in time");
    assert_eq!(ended.code(), Some(0), "{}", session.process.stderr());
    check_goes_on(&place, &job).await;
}

#[tokio::test]
async fn idle_servers_end_at_once() {
    let place = Place::new(&closed_port());
    let mut silent = place.stdio();
    drop(silent.take_pipes());
    assert_eq!(silent.ended().await.code(), Some(0), "{}", silent.stderr());
    let mut http = place.http();
    http.line("listening on ").await;
    http.terminate().await;
    assert_eq!(http.ended().await.code(), Some(0), "{}", http.stderr());
}

#[tokio::test]
async fn lines_that_are_no_messages_do_not_end_it() {
    let place = Place::new(&closed_port());
    let mut process = place.stdio();
    let (reader, writer) = process.take_pipes();
    let mut client = PipeClient::open(reader, writer, Generation::Of2025).await;
    for line in ["{\"jsonrpc\": \"2.0\", \"id\":", "hello?", "", "[]", "null", "{\"id\": 7}"] {
        client.write(line).await;
    }
    assert!(!client.list_tools().await.is_empty());
    client.hang_up().await;
    assert_eq!(process.ended().await.code(), Some(0), "{}", process.stderr());
}

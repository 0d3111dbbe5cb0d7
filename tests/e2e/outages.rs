//! A ComfyUI that is not there, goes away, forgets, or is something else. Only the simulator can
//! do that on demand, so these run on it in any case.

use std::time::Duration;

use comfy_sim::{Fault, Moment};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpListener,
    task::JoinSet,
    time::{Instant, timeout},
};

use crate::{
    cell::{Cell, succeeded},
    comfy::Comfy,
    place::Place,
    requests::{ENDLESS, PATIENCE, closed_port, fox, fresh_seed, with},
};

/// How soon a server that refuses connections is reported.
const REFUSAL_WITHIN: Duration = Duration::from_secs(5);

for_each_cell!(no_server_at_the_address);

async fn no_server_at_the_address(cell: Cell) {
    let url = closed_port();
    let place = Place::new(&url);
    let mut session = cell.open(&place).await;
    let began = Instant::now();
    let failure = session.fail("generate", fox(fresh_seed(), 3)).await;
    assert!(began.elapsed() < REFUSAL_WITHIN, "{:?}", began.elapsed());
    assert_eq!(
        (&failure["code"], &failure["retry"]),
        (&json!("COMFYUI_UNREACHABLE"), &json!("safe"))
    );
    assert!(failure["message"].as_str().unwrap().contains(&url), "{failure}");
    assert!(failure["hint"].as_str().unwrap().contains("COMFYUI_URL"), "{failure}");
    let failure = session.fail("comfyui_health_check", json!({})).await;
    assert_eq!(failure["code"], "COMFYUI_UNREACHABLE");
    let templates = session.succeed("list_workflow_templates", json!({})).await;
    assert!(templates["total"].as_u64() > Some(0), "what needs no ComfyUI works without one");
}

#[tokio::test]
async fn a_server_that_vanishes_in_mid_job() {
    for cell in [Cell::STDIO, Cell::HTTP] {
        let comfy = Comfy::simulated().await;
        let place = Place::new(comfy.url());
        let mut session = cell.open(&place).await;
        let arguments = with(fox(fresh_seed(), ENDLESS), json!({"wait_seconds": 5}));
        let mut making = session.begin("generate", arguments).await;
        making.samples().await;
        comfy.into_sim().stop().await;
        let result = succeeded("generate", making.answer().await.expect("a result"));
        assert_eq!(result["timed_out"], true, "a call does not hang: {result}");
        let job = json!({"job_id": result["job_id"]});
        let status = session.succeed("get_workflow_status", job).await;
        assert_eq!(status["state"], "running", "what is known last: {status}");
    }
}

#[tokio::test]
async fn a_server_that_stays_away_for_longer_than_it_may() {
    for cell in [Cell::STDIO, Cell::HTTP] {
        let comfy = Comfy::simulated().await;
        let place = Place::new(comfy.url()).with("MEDIAFACTORY_SERVER_AWAY_SECONDS", "1");
        let mut session = cell.open(&place).await;
        let mut making = session.begin("generate", fox(fresh_seed(), ENDLESS)).await;
        making.samples().await;
        comfy.into_sim().stop().await;
        let answer = making.answer().await.expect("a result");
        assert_eq!(answer["isError"], true, "{answer}");
        check_lost(&answer["structuredContent"]);
    }
}

#[tokio::test]
async fn a_server_that_is_away_for_a_moment() {
    for cell in [Cell::STDIO, Cell::HTTP] {
        let comfy = Comfy::simulated().await;
        let place = Place::new(comfy.url());
        let mut session = cell.open(&place).await;
        let held = comfy.sim().hold(Moment::AtStep(2));
        let making = session.begin("generate", fox(fresh_seed(), 4)).await;
        timeout(PATIENCE, held.reached()).await.expect("it samples");
        comfy.sim().refuse_connections().await;
        held.release();
        comfy.sim().accept_connections().await;
        let made = succeeded("generate", making.answer().await.expect("a result"));
        assert_eq!((&made["state"], comfy.sim().executions()), (&json!("succeeded"), 1));
    }
}

#[tokio::test]
async fn a_server_that_starts_again_and_knows_nothing() {
    for cell in [Cell::STDIO, Cell::HTTP] {
        let comfy = Comfy::simulated().await;
        let place = Place::new(comfy.url());
        let mut session = cell.open(&place).await;
        comfy.sim().script(Fault::RestartEmpty { at: Moment::AtStep(2) });
        let failure = session.fail("generate", fox(fresh_seed(), ENDLESS)).await;
        check_lost(&failure);
        assert_eq!(comfy.sim().executions(), 1, "it is not sent again");
        session.succeed("generate", fox(fresh_seed(), 3)).await;
    }
}

#[track_caller]
fn check_lost(failure: &Value) {
    assert_eq!((&failure["code"], &failure["retry"]), (&json!("LOST"), &json!("check_first")));
    assert!(failure["hint"].as_str().unwrap().contains("history"), "{failure}");
}

#[tokio::test]
async fn a_reply_that_is_lost_after_the_prompt_was_accepted() {
    for cell in Cell::all() {
        let comfy = Comfy::simulated().await;
        let place = Place::new(comfy.url());
        let mut session = cell.open(&place).await;
        comfy.sim().script(Fault::DropReplyAfterAccepting);
        let made = session.succeed("generate", fox(fresh_seed(), 3)).await;
        assert_eq!(made["state"], "succeeded");
        assert_eq!(comfy.sim().submissions_of(made["job_id"].as_str().unwrap()), 1);
        assert_eq!((comfy.sim().executions(), comfy.sim().received_prompts().len()), (1, 1));
    }
}

#[tokio::test]
async fn sockets_that_break_do_not_break_the_job() {
    let comfy = Comfy::simulated().await;
    let place = Place::new(comfy.url());
    let mut session = Cell::STDIO.open(&place).await;
    comfy.sim().script(Fault::CloseSockets { at: Moment::AtStep(1) });
    comfy.sim().script(Fault::GarbageFrames { at: Moment::AtStep(2) });
    let made = session.succeed("generate", fox(fresh_seed(), 4)).await;
    assert_eq!((&made["state"], comfy.sim().executions()), (&json!("succeeded"), 1));
}

#[tokio::test]
async fn a_server_that_is_too_slow() {
    let comfy = Comfy::simulated().await;
    let place = Place::new(comfy.url()).with("MEDIAFACTORY_COMFYUI_REPLY_TIMEOUT_SECONDS", "1");
    let path = "/system_stats".to_owned();
    comfy.sim().script(Fault::SlowReply { path, delay: Duration::from_hours(1) });
    let mut session = Cell::STDIO.open(&place).await;
    let failure = session.fail("comfyui_health_check", json!({})).await;
    assert_eq!(failure["code"], "COMFYUI_UNREACHABLE", "{failure}");
    assert!(failure["message"].as_str().unwrap().contains("within 1s"), "{failure}");
    let health = session.succeed("comfyui_health_check", json!({})).await;
    assert_eq!(health["simulated"], true, "the next question is answered");
}

#[tokio::test]
async fn something_else_at_the_address() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut serving = JoinSet::new();
    serving.spawn(serve_pages(listener));
    let place = Place::new(&url);
    let mut session = Cell::HTTP.open(&place).await;
    for (tool, arguments) in
        [("comfyui_health_check", json!({})), ("generate", fox(fresh_seed(), 3))]
    {
        let failure = session.fail(tool, arguments).await;
        assert_eq!(failure["code"], "COMFYUI_UNREACHABLE", "{failure}");
        let hint = failure["hint"].as_str().unwrap();
        assert!(hint.contains("other than ComfyUI"), "{failure}");
    }
}

/// A web server that has the same page at every address.
async fn serve_pages(listener: TcpListener) {
    let page = "<!doctype html><title>It works!</title>";
    let reply = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{page}",
        page.len()
    );
    while let Ok((connection, _)) = listener.accept().await {
        let mut connection = BufReader::new(connection);
        let mut line = String::new();
        // The head of the request ends with an empty line; a page before it would be no answer.
        while connection.read_line(&mut line).await.is_ok_and(|read| read > "\r\n".len()) {
            line.clear();
        }
        // A client that has seen enough goes.
        connection.write_all(reply.as_bytes()).await.ok();
        connection.shutdown().await.ok();
    }
}

#[tokio::test]
async fn an_address_that_is_none() {
    for url in ["not a url", "ftp://127.0.0.1", "http://"] {
        let place = Place::new(url);
        let mut server = place.stdio();
        assert_eq!(server.ended().await.code(), Some(1), "{url}");
        let said = server.stderr();
        assert!(said.contains("COMFYUI_URL"), "{said}");
        assert_eq!(said.matches("error: ").count(), 1, "{said}");
    }
}

//! The log of a server, looked at and followed.

use std::time::Duration;

use comfy_client::{Client, ClientOptions, LogEvent, LogFollower, LogLine, PromptId, Submission};
use comfy_sim::{Sim, SimOptions};
use uuid::Uuid;

use crate::{
    scripted::{Answer, Scripted, until_closed},
    servers::{on_each, workflow},
};

const PATIENCE: Duration = Duration::from_secs(20);

fn client_of(sim: &Sim) -> Client {
    Client::new(sim.url().parse().unwrap(), ClientOptions::default()).unwrap()
}

async fn next(follower: &mut LogFollower) -> LogEvent {
    tokio::time::timeout(PATIENCE, follower.next()).await.unwrap().unwrap()
}

async fn lines(follower: &mut LogFollower) -> Vec<String> {
    let event = next(follower).await;
    let LogEvent::Lines(lines) = event else { panic!("{event:?}") };
    lines.iter().map(LogLine::plain_text).collect()
}

#[tokio::test]
async fn a_log_is_told_from_its_latest_lines_on_and_each_line_once() {
    let sim = Sim::start(SimOptions::default()).await.unwrap();
    sim.write_log("before");
    let client = client_of(&sim);
    let mut follower = client.follow_log().await.unwrap().expect("the simulator has the route");
    sim.write_log("early");
    assert_eq!(lines(&mut follower).await, ["[INFO] Starting server", "[INFO] before"]);
    assert_eq!(lines(&mut follower).await, ["[INFO] early"]);
    let waits = tokio::time::timeout(Duration::from_millis(20), follower.next()).await;
    assert!(waits.is_err(), "nothing was written: {waits:?}");
    sim.write_log("late");
    assert_eq!(lines(&mut follower).await, ["[INFO] late"]);

    follower.close().await;
    assert_eq!(sim.connected_clients(), Vec::<String>::new());
    sim.write_log("unheard");
    let log = client.log().await.unwrap().unwrap();
    assert_eq!(log.last().map(LogLine::plain_text).as_deref(), Some("[INFO] unheard"));
    assert!(log.iter().all(|line| line.time.len() == 26), "as Python writes it: {log:?}");
}

#[tokio::test]
async fn what_was_written_while_the_socket_was_lost_is_told_once_it_is_back() {
    let sim = Sim::start(SimOptions::default()).await.unwrap();
    sim.write_log("before");
    let mut follower = client_of(&sim).follow_log().await.unwrap().unwrap();
    assert_eq!(lines(&mut follower).await, ["[INFO] Starting server", "[INFO] before"]);
    sim.close_sockets();
    assert!(matches!(next(&mut follower).await, LogEvent::Lost { .. }));
    sim.write_log("meanwhile");
    assert_eq!(next(&mut follower).await, LogEvent::Back { may_lack_lines: false });
    assert_eq!(lines(&mut follower).await, ["[INFO] meanwhile"]);
    sim.write_log("after");
    assert_eq!(lines(&mut follower).await, ["[INFO] after"]);

    sim.restart_empty();
    assert!(matches!(next(&mut follower).await, LogEvent::Lost { .. }));
    sim.write_log("new");
    assert_eq!(next(&mut follower).await, LogEvent::Back { may_lack_lines: true });
    assert_eq!(lines(&mut follower).await, ["[INFO] Starting server", "[INFO] new"]);
}

#[tokio::test]
async fn whoever_submits_a_prompt_can_read_of_it_in_the_log() {
    on_each(async |client| {
        let mut follower = client.follow_log().await.unwrap().unwrap();
        let prompt = PromptId::from_uuid(Uuid::new_v4());
        client.submit(&Submission::new(prompt, &workflow("PreviewImage"))).await.unwrap();
        let mut told = Vec::new();
        while !told.iter().any(|line: &String| line.contains("Prompt executed in")) {
            told.extend(lines(&mut follower).await);
        }
        assert!(told.iter().any(|line| line == "[INFO] got prompt"), "{told:?}");
        follower.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_server_without_the_route_has_no_log_to_follow() {
    let mut server =
        Scripted::start(|_| Answer::new(405, "text/plain", "405: Method Not Allowed")).await;
    let client = server.client(ClientOptions::default());
    let socket = async {
        let (_, mut socket) = server.socket().await;
        until_closed(&mut socket).await;
    };
    let (followed, ()) = tokio::join!(client.follow_log(), socket);
    assert!(followed.unwrap().is_none());
}

//! Node states, the times of nodes, and what a watch sees of a restart.

use std::time::Duration;

use comfy_client::{
    Client, Event, Limits, NodeTimings, Outcome, Watch,
    wire::{Message, NodeProgress, NodeState, decode_text},
};

use crate::scripted::{Answer, ID, Scripted, Socket, limits, prompt_id, tell};

/// A server that has the prompt in its queue.
async fn server() -> Scripted {
    Scripted::start(|request| match request.line.as_str() {
        "GET /queue" => Answer::json(&format!(
            r#"{{"queue_running": [[1, "{ID}", {{}}, {{}}, []]], "queue_pending": []}}"#
        )),
        _ => Answer::json("{}"),
    })
    .await
}

/// A server that knows of nothing.
async fn forgetful() -> Scripted {
    Scripted::start(|request| match request.line.as_str() {
        "GET /queue" => Answer::json(r#"{"queue_running": [], "queue_pending": []}"#),
        _ => Answer::json("{}"),
    })
    .await
}

fn events_only(server: &Scripted) -> Client {
    let never = Duration::from_hours(1);
    let (history_poll_every, queue_poll_every) = (never, never);
    server.client(limits(Limits { history_poll_every, queue_poll_every, ..Limits::default() }))
}

async fn tell_states(socket: &mut Socket, states: &[(&str, &str)]) {
    let states: Vec<String> = states
        .iter()
        .map(|(node, state)| {
            format!(
                r#""{node}": {{"value": 0.0, "max": 1.0, "state": "{state}", "node_id": "{node}"}}"#
            )
        })
        .collect();
    let nodes = states.join(", ");
    let frame = format!(
        r#"{{"type": "progress_state", "data": {{"prompt_id": "ID", "nodes": {{{nodes}}}}}}}"#
    );
    tell(socket, &frame).await;
}

const START: &str = r#"{"type":"execution_start","data":{"prompt_id":"ID","timestamp":1}}"#;
const EXECUTING: &str = r#"{"type":"executing","data":{"node":"x","prompt_id":"ID"}}"#;

/// The nodes that the next event tells of, with the first letter of their state.
async fn next_states(watch: &mut Watch) -> String {
    match watch.next().await {
        Some(Event::NodeStates(nodes)) => words(&nodes),
        other => panic!("{other:?}"),
    }
}

fn words(nodes: &[NodeProgress]) -> String {
    let word = |node: &NodeProgress| match node.state {
        NodeState::Running => format!("{}r", node.node),
        NodeState::Finished => format!("{}f", node.node),
        NodeState::Other(_) => panic!("{node:?}"),
    };
    nodes.iter().map(word).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn each_reader_is_told_all_states_once_and_then_what_changed() {
    let mut server = server().await;
    let client = events_only(&server);
    let (session, mut socket) = server.session(&client).await;
    let mut watch = session.watch(&prompt_id()).await;
    tell(&mut socket, START).await;
    tell_states(&mut socket, &[("4", "running")]).await;
    assert!(matches!(watch.next().await, Some(Event::Started { .. })));
    assert_eq!(next_states(&mut watch).await, "4r");
    tell_states(&mut socket, &[("4", "finished"), ("3", "running")]).await;
    assert_eq!(next_states(&mut watch).await, "4f 3r");

    // One who comes later is told all, and the other one may hear it again.
    let mut late = session.watch(&prompt_id()).await;
    let now = [("4", "finished"), ("3", "running"), ("8", "running")];
    tell_states(&mut socket, &now).await;
    assert_eq!(next_states(&mut late).await, "4f 3r 8r");
    assert_eq!(next_states(&mut watch).await, "4f 3r 8r");
    let (whole, seen_late) = (watch.timings(), late.timings());
    assert!(whole.get("4").unwrap().duration.is_some() && whole.began().is_some());
    assert_eq!(seen_late.get("4").unwrap().duration, None);

    // So is everybody after the socket was lost.
    drop(socket);
    assert!(matches!(watch.next().await, Some(Event::SocketLost { .. })));
    let (back, (_, mut socket)) = tokio::join!(watch.next(), server.socket());
    assert_eq!(back, Some(Event::SocketBack));
    tell_states(&mut socket, &now).await;
    assert_eq!(next_states(&mut watch).await, "4f 3r 8r");
    assert!(watch.timings().get("3").unwrap().is_running);
}

#[tokio::test]
async fn a_slow_reader_is_told_every_node_and_its_times_are_those_of_the_events() {
    let mut server = server().await;
    let client = events_only(&server);
    let (session, mut socket) = server.session(&client).await;
    let mut watch = session.watch(&prompt_id()).await;
    let mut fast = session.watch(&prompt_id()).await;
    tell(&mut socket, START).await;
    let mut states: Vec<(String, &str)> = Vec::new();
    for node in 0..50 {
        states.push((node.to_string(), "running"));
        for state in ["running", "finished"] {
            states.last_mut().unwrap().1 = state;
            let states: Vec<_> = states.iter().map(|(node, state)| (&**node, *state)).collect();
            tell_states(&mut socket, &states).await;
        }
    }
    tell(&mut socket, EXECUTING).await;
    while !matches!(fast.next().await, Some(Event::Executing { .. })) {}

    assert!(matches!(watch.next().await, Some(Event::Started { .. })));
    let all: Vec<String> = (0..50).map(|node| format!("{node}f")).collect();
    assert_eq!(next_states(&mut watch).await, all.join(" "));
    assert!(matches!(watch.next().await, Some(Event::Executing { .. })));
    let (slow, fast) = (watch.timings(), fast.timings());
    let durations = |timings: &NodeTimings| -> Vec<Duration> {
        timings.iter().filter_map(|(_, timing)| timing.duration).collect()
    };
    assert_eq!(durations(&slow).len(), 50);
    assert_eq!(durations(&slow), durations(&fast), "however late they are read");
}

#[tokio::test]
async fn broken_states_are_skipped_and_the_next_are_read() {
    let mut server = server().await;
    let client = events_only(&server);
    let (session, mut socket) = server.session(&client).await;
    let mut watch = session.watch(&prompt_id()).await;
    tell_states(&mut socket, &[("4", "running")]).await;
    assert_eq!(next_states(&mut watch).await, "4r");
    for broken in [
        r#"{"type": "progress_state", "data": {"prompt_id": "ID", "nodes": {"4": {"#,
        r#"{"type": "progress_state", "data": {"prompt_id": "ID", "nodes": 7}}"#,
        r#"{"type": "progress_state", "data": {"prompt_id": "x", "nodes": {}}}"#,
    ] {
        tell(&mut socket, broken).await;
    }
    tell_states(&mut socket, &[("4", "finished")]).await;
    assert_eq!(next_states(&mut watch).await, "4f");
}

#[tokio::test]
async fn a_prompt_lost_after_its_server_was_away_was_lost_by_a_restart() {
    let mut server = forgetful().await;
    let client = events_only(&server);
    let (session, socket) = server.session(&client).await;
    let watch = session.watch(&prompt_id()).await;
    server.be_away(true);
    drop(socket);
    while server.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    let after = session.watch(&prompt_id()).await;
    server.be_away(false);
    let (_, _socket) = server.socket().await;
    let ended = watch.finish().await.unwrap();
    assert_eq!((ended.outcome, ended.server_was_away), (Outcome::Lost, true));
    assert!(!after.server_was_away(), "it began when the server was away already");
}

#[tokio::test]
async fn a_prompt_lost_without_that_was_deleted() {
    let mut server = forgetful().await;
    let client = events_only(&server);
    let (session, socket) = server.session(&client).await;
    let watch = session.watch(&prompt_id()).await;
    drop(socket);
    let (_, _socket) = server.socket().await;
    let ended = watch.finish().await.unwrap();
    assert_eq!((ended.outcome, ended.server_was_away), (Outcome::Lost, false));
}

#[test]
fn recorded_states_come_to_the_same_by_their_changes() {
    let mut reader = comfy_client::wire::NodeStateReader::default();
    let mut known: Vec<NodeProgress> = Vec::new();
    let (mut frames, mut told, mut of_prompt) = (0, 0, String::new());
    for (place, line) in crate::recordings::of_kind("ws_text") {
        let frame = line.get("json").unwrap().to_string();
        let Message::ProgressState { prompt, nodes } = decode_text(frame.as_bytes()).unwrap()
        else {
            continue;
        };
        assert_eq!(
            comfy_client::wire::NodeStateReader::prompt_of(frame.as_bytes()),
            Some(&*prompt),
            "{place}"
        );
        if of_prompt != prompt {
            (reader, known) = (comfy_client::wire::NodeStateReader::default(), Vec::new());
            of_prompt = prompt;
        }
        // The same prompt was sent once more, and its nodes begin anew.
        if nodes.len() < known.len() {
            known.clear();
        }
        let changed = reader.read(&frame.into()).unwrap();
        (frames, told) = (frames + 1, told + changed.len());
        for node in changed {
            match known.iter_mut().find(|known| known.node == node.node) {
                Some(known) => *known = node,
                None => known.push(node),
            }
        }
        assert_eq!(known, nodes, "{place}");
    }
    assert!(told <= frames, "a frame of the recordings changes one node, and {told} were told");
}

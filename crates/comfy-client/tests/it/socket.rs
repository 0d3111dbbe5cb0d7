//! Sessions and watches: events come over the socket, and the history decides.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use comfy_client::{Client, Error, Event, HistoryEntry, Limits, Outcome, Retry, Watch};
use futures::SinkExt as _;
use tokio_tungstenite::tungstenite::Message;

use crate::scripted::{Answer, ID, Request, Scripted, limits, prompt_id, tell, until_closed};

const START: &str = r#"{"type":"execution_start","data":{"prompt_id":"ID","timestamp":1}}"#;
const SUCCESS: &str = r#"{"type":"execution_success","data":{"prompt_id":"ID","timestamp":2}}"#;
const IDLE: &str = r#"{"type":"executing","data":{"node":null,"prompt_id":"ID"}}"#;

/// What the history and the queue of a scripted server hold.
#[derive(Clone, Debug, Default)]
struct Books {
    history: Option<&'static str>,
    is_queued: bool,
    /// What is answered before the books are opened; the last one comes first.
    first: Vec<Answer>,
    /// In place of the queue.
    queue: Option<Answer>,
    history_asked: usize,
}

type Shared = Arc<Mutex<Books>>;

const SUCCEEDED: &str =
    r#"{"outputs":{"9":{"text":["recorded"]}},"status":{"messages":[["execution_success",{}]]}}"#;
const INTERRUPTED: &str =
    r#"{"outputs":{},"status":{"messages":[["execution_interrupted",{"node_id":"3"}]]}}"#;

async fn server(books: Books) -> (Scripted, Shared) {
    let books = Arc::new(Mutex::new(books));
    let shared = Arc::clone(&books);
    let server = Scripted::start(move |request| answer(&shared, request)).await;
    (server, books)
}

fn answer(books: &Shared, request: &Request) -> Answer {
    let mut books = books.lock().unwrap();
    if request.line == "GET /queue" {
        if let Some(queue) = &books.queue {
            return queue.clone();
        }
        let item = format!(r#"[1, "{ID}", {{}}, {{}}, []]"#);
        let item = if books.is_queued { item } else { String::new() };
        return Answer::json(&format!(r#"{{"queue_running": [{item}], "queue_pending": []}}"#));
    }
    books.history_asked += 1;
    if let Some(first) = books.first.pop() {
        return first;
    }
    match books.history {
        Some(entry) => Answer::json(&format!(r#"{{"{ID}": {entry}}}"#)),
        None => Answer::json("{}"),
    }
}

/// Polls that never come in a test, so that only events lead to the history.
fn events_only(server: &Scripted) -> Client {
    let never = Duration::from_hours(1);
    let (history_poll_every, queue_poll_every) = (never, never);
    server.client(limits(Limits { history_poll_every, queue_poll_every, ..Limits::default() }))
}

/// Polls that come at once.
fn polling(server: &Scripted) -> Client {
    server.client(limits(polls()))
}

/// Polls that come at once, and little patience.
fn impatient(server: &Scripted) -> Client {
    server.client(limits(Limits { gone_after: Duration::from_millis(200), ..polls() }))
}

fn polls() -> Limits {
    let soon = Duration::from_millis(10);
    Limits { history_poll_every: soon, queue_poll_every: soon, ..Limits::default() }
}

async fn events(watch: &mut Watch) -> Vec<Event> {
    let mut events = Vec::new();
    while let Some(event) = watch.next().await {
        events.push(event);
    }
    events
}

#[tokio::test]
async fn events_come_in_order_and_the_history_has_the_last_word() {
    let (mut server, books) = server(Books::default()).await;
    let client = events_only(&server);
    let (session, mut socket) = server.session(&client).await;
    assert!(session.is_connected());
    let mut watch = session.watch(&prompt_id()).await;

    for text in [
        START,
        r#"{"type":"execution_cached","data":{"nodes":["4"],"prompt_id":"ID","timestamp":1}}"#,
        r#"{"type":"executing","data":{"node":"9","display_node":"9","prompt_id":"ID"}}"#,
        r#"{"type":"progress","data":{"value":1,"max":2,"prompt_id":"ID","node":"9"}}"#,
        r#"{"type":"executed","data":{"node":"9","display_node":"9","output":null,"prompt_id":"ID"}}"#,
        r#"{"type":"executed","data":{"node":"5.0.1","output":{"text":["seen"]},"prompt_id":"ID"}}"#,
    ] {
        tell(&mut socket, text).await;
    }
    books.lock().unwrap().history = Some(SUCCEEDED);
    tell(&mut socket, SUCCESS).await;
    tell(&mut socket, IDLE).await;

    let kinds: Vec<String> = events(&mut watch)
        .await
        .iter()
        .map(|event| format!("{event:?}").split([' ', '(']).next().unwrap_or_default().to_owned())
        .collect();
    let expected =
        ["Started", "Cached", "Executing", "Progress", "Executed", "Executed", "Succeeded"];
    assert_eq!(kinds, expected);
    let ended = watch.finish().await.unwrap();
    assert_eq!(ended.outcome, Outcome::Succeeded);
    let nodes: Vec<_> = ended.outputs().map(|output| output.node.to_string()).collect();
    assert_eq!(nodes, ["9", "5.0.1"], "what the history lacks is added");
    tokio::join!(session.close(), until_closed(&mut socket));
}

#[tokio::test]
async fn success_over_the_socket_is_not_the_end_before_the_history_has_it() {
    let (mut server, books) = server(Books { is_queued: true, ..Books::default() }).await;
    let client = events_only(&server);
    let (session, mut socket) = server.session(&client).await;
    let mut watch = session.watch(&prompt_id()).await;
    tell(&mut socket, SUCCESS).await;
    assert!(matches!(watch.next().await, Some(Event::Succeeded { .. })));
    {
        // The history is asked because of the message, and has no entry yet.
        let mut next = std::pin::pin!(watch.next());
        while books.lock().unwrap().history_asked == 0 {
            assert!(futures::poll!(&mut next).is_pending());
            tokio::task::yield_now().await;
        }
        assert!(futures::poll!(&mut next).is_pending());
    }
    books.lock().unwrap().history = Some(INTERRUPTED);
    tell(&mut socket, IDLE).await;
    let ended = watch.finish().await.unwrap();
    assert_eq!(ended.outcome, Outcome::Interrupted { node: "3".parse().ok() });
}

#[tokio::test]
async fn a_lost_socket_comes_back_under_the_same_id_and_the_history_decides() {
    let (mut server, books) = server(Books { is_queued: true, ..Books::default() }).await;
    let client = events_only(&server);
    let (session, mut socket) = server.session(&client).await;
    let mut watch = session.watch(&prompt_id()).await;
    tell(&mut socket, START).await;
    assert!(matches!(watch.next().await, Some(Event::Started { .. })));

    drop(socket);
    let lost = watch.next().await;
    assert!(matches!(lost, Some(Event::SocketLost { .. })), "{lost:?}");
    assert!(!session.is_connected());
    let (back, (line, socket)) = tokio::join!(watch.next(), server.socket());
    assert_eq!(back, Some(Event::SocketBack));
    assert!(session.is_connected());
    assert!(line.starts_with(&format!("GET /ws?clientId={} ", session.client_id())), "{line}");

    books.lock().unwrap().history = Some(SUCCEEDED);
    drop(socket);
    assert_eq!(watch.finish().await.unwrap().outcome, Outcome::Succeeded);
}

#[tokio::test]
async fn a_prompt_that_nobody_knows_any_more_is_lost() {
    let (mut server, books) = server(Books { is_queued: true, ..Books::default() }).await;
    let client = events_only(&server);
    let (session, socket) = server.session(&client).await;
    let watch = session.watch(&prompt_id()).await;
    // The server restarts: it forgets everything.
    books.lock().unwrap().is_queued = false;
    drop(socket);
    let ended = watch.finish().await.unwrap();
    assert_eq!((ended.outcome, ended.entry), (Outcome::Lost, None));
    assert_eq!(books.lock().unwrap().history_asked, 2, "the history is asked once more");
}

#[tokio::test]
async fn polls_find_the_end_when_no_event_comes() {
    let (mut server, books) = server(Books { is_queued: true, ..Books::default() }).await;
    let client = polling(&server);
    let (session, _socket) = server.session(&client).await;
    let watch = session.watch(&prompt_id()).await;
    drop(session);
    books.lock().unwrap().history = Some(SUCCEEDED);
    assert_eq!(watch.finish().await.unwrap().outcome, Outcome::Succeeded);
}

#[tokio::test]
async fn a_server_that_is_gone_is_given_up_after_a_while() {
    let (mut server, _) = server(Books { is_queued: true, ..Books::default() }).await;
    let client = impatient(&server);
    let (session, socket) = server.session(&client).await;
    let watch = session.watch(&prompt_id()).await;
    drop(socket);
    server.stop().await;
    let error = watch.finish().await.unwrap_err();
    assert_eq!(error.retry(), Retry::CheckFirst);
    let Error::ServerGone { prompt, source, .. } = error else { panic!("{error:?}") };
    assert_eq!(prompt, prompt_id());
    assert!(matches!(source.as_deref(), Some(Error::Connect { .. })), "{source:?}");
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up_as_well() {
    let mut server = Scripted::start(|_| Answer::Hang).await;
    let client = impatient(&server);
    let (session, _socket) = server.session(&client).await;
    let error = session.watch(&prompt_id()).await.finish().await.unwrap_err();
    assert!(matches!(error, Error::ServerGone { source: None, .. }), "{error:?}");
}

#[tokio::test]
async fn wrong_credentials_are_not_waited_for() {
    let mut server = Scripted::start(|_| Answer::empty(401)).await;
    let client = polling(&server);
    let (session, _socket) = server.session(&client).await;
    let error = session.watch(&prompt_id()).await.finish().await.unwrap_err();
    assert!(matches!(error, Error::Refused { status: 401, .. }), "{error:?}");
}

#[tokio::test]
async fn refusals_in_mid_run_are_waited_out() {
    let first = vec![Answer::empty(403), Answer::empty(401), Answer::json("{}")];
    let (history, is_queued) = (Some(SUCCEEDED), true);
    let (mut server, _) = server(Books { history, is_queued, first, ..Books::default() }).await;
    let client = polling(&server);
    let (session, _socket) = server.session(&client).await;
    let ended = session.watch(&prompt_id()).await.finish().await.unwrap();
    assert_eq!(ended.outcome, Outcome::Succeeded);
}

#[tokio::test]
async fn answers_of_another_program_are_not_waited_for() {
    let page = || Answer::new(200, "text/html", "<title>Log in</title>");
    for answer in [page(), Answer::empty(404)] {
        let mut server = Scripted::start(move |_| answer.clone()).await;
        let client = polling(&server);
        let (session, _socket) = server.session(&client).await;
        let error = session.watch(&prompt_id()).await.finish().await.unwrap_err();
        let is_told = matches!(error, Error::NotComfyUi { .. } | Error::Status { status: 404, .. });
        assert!(is_told && server.requests().len() > 1, "{error:?}");
    }
    let first = vec![page(), Answer::empty(404), page()];
    let history = Some(SUCCEEDED);
    let (mut server, _) = self::server(Books { history, first, ..Books::default() }).await;
    let client = polling(&server);
    let (session, _socket) = server.session(&client).await;
    let ended = session.watch(&prompt_id()).await.finish().await.unwrap();
    assert_eq!(ended.outcome, Outcome::Succeeded, "a proxy spoke while the server restarted");
}

#[tokio::test]
async fn a_queue_that_cannot_be_read_does_not_overrule_the_history() {
    let too_large = format!(r#"{{"queue_running": [], "queue_pending": ["{}"]}}"#, "x".repeat(900));
    for queue in [Answer::json(&too_large), Answer::json("[]"), Answer::json("{"), Answer::Drop] {
        let (first, history) = (vec![Answer::json("{}"); 2], Some(SUCCEEDED));
        let books = Books { history, first, queue: Some(queue), ..Books::default() };
        let (mut server, _) = server(books).await;
        let client = server.client(limits(Limits { json_bytes_max: 800, ..polls() }));
        let (session, _socket) = server.session(&client).await;
        let ended = session.watch(&prompt_id()).await.finish().await.unwrap();
        assert_eq!(ended.outcome, Outcome::Succeeded);
        assert!(server.requests().iter().any(|request| request.line == "GET /queue"));
    }
}

#[tokio::test]
async fn a_blocked_node_and_frames_of_others_are_not_the_end() {
    let (mut server, books) = server(Books { is_queued: true, ..Books::default() }).await;
    let client = events_only(&server);
    let (session, mut socket) = server.session(&client).await;
    let mut watch = session.watch(&prompt_id()).await;
    for text in [
        "{ broken",
        "[]",
        r#"{"type":"executing","data":{"node":"7"}}"#,
        r#"{"type":"execution_success","data":{"prompt_id":"somebody's","timestamp":1}}"#,
        r#"{"type":"pack.event","data":[1]}"#,
        r#"{"type":"execution_error","data":{"prompt_id":"ID","node_id":"2","exception_type":"ExecutionBlocked","exception_message":"no"}}"#,
    ] {
        tell(&mut socket, text).await;
    }
    socket.send(Message::binary(vec![0, 0, 0, 9, 1])).await.unwrap();
    socket.send(Message::binary(vec![0])).await.unwrap();
    tell(&mut socket, START).await;
    assert!(matches!(watch.next().await, Some(Event::Blocked(error)) if error.message == "no"));
    assert!(matches!(watch.next().await, Some(Event::Started { .. })));
    assert_eq!(books.lock().unwrap().history_asked, 0);
}

#[tokio::test]
async fn previews_reach_the_prompt_they_belong_to() {
    let (mut server, _) = server(Books::default()).await;
    let client = events_only(&server);
    let (session, mut socket) = server.session(&client).await;
    let mut watch = session.watch(&prompt_id()).await;
    let stray = [&[0, 0, 0, 1, 0, 0, 0, 1][..], b"stray"].concat();
    socket.send(Message::binary(stray)).await.unwrap();
    tell(&mut socket, START).await;
    let plain = [&[0, 0, 0, 1, 0, 0, 0, 1][..], b"plain"].concat();
    socket.send(Message::binary(plain)).await.unwrap();
    let metadata = format!(
        r#"{{"prompt_id":"{ID}","node_id":"3.0.1","display_node_id":"3","image_type":"image/png"}}"#
    );
    let length = u32::try_from(metadata.len()).unwrap().to_be_bytes();
    let named = [&[0, 0, 0, 4][..], &length, metadata.as_bytes(), b"named"].concat();
    socket.send(Message::binary(named)).await.unwrap();

    assert!(matches!(watch.next().await, Some(Event::Started { .. })));
    let Some(Event::Preview { node: None, display_node: None, image }) = watch.next().await else {
        panic!()
    };
    assert_eq!((image.media_type.as_str(), &image.bytes[..]), ("image/jpeg", &b"plain"[..]));
    let Some(Event::Preview { node, display_node, image }) = watch.next().await else { panic!() };
    assert_eq!((node, display_node), ("3.0.1".parse().ok(), "3".parse().ok()));
    assert_eq!(&image.bytes[..], b"named");
}

#[tokio::test]
async fn a_frame_beyond_the_limit_costs_the_socket_and_not_the_watch() {
    let (mut server, books) = server(Books { is_queued: true, ..Books::default() }).await;
    let client = server.client(limits(Limits { frame_bytes_max: 1024, ..Limits::default() }));
    let (session, mut socket) = server.session(&client).await;
    let mut watch = session.watch(&prompt_id()).await;
    socket.send(Message::binary(vec![0; 2048])).await.unwrap();
    let Some(Event::SocketLost { reason }) = watch.next().await else { panic!() };
    assert!(reason.contains("2048"), "{reason}");
    books.lock().unwrap().history = Some(SUCCEEDED);
    drop(socket);
    assert_eq!(watch.finish().await.unwrap().outcome, Outcome::Succeeded);
}

#[tokio::test]
async fn a_silent_socket_counts_as_lost() {
    let (mut server, _) = server(Books { is_queued: true, ..Books::default() }).await;
    let soon = Duration::from_millis(40);
    let (ping_every, silence_max) = (soon, soon * 2);
    let client = server.client(limits(Limits { ping_every, silence_max, ..Limits::default() }));
    // The socket is held and never read, so that no ping is answered.
    let (session, _socket) = server.session(&client).await;
    let mut watch = session.watch(&prompt_id()).await;
    let Some(Event::SocketLost { reason }) = watch.next().await else { panic!() };
    assert_eq!(reason, "the server was silent for 80ms");
}

/// Sockets that are not read go silent soon.
fn soon_silent(server: &Scripted) -> Client {
    let (ping_every, silence_max) = (Duration::from_millis(40), Duration::from_millis(80));
    server.client(limits(Limits { ping_every, silence_max, ..Limits::default() }))
}

#[tokio::test]
async fn after_a_silent_loss_the_session_goes_on_under_another_id() {
    let (mut server, _) = server(Books::default()).await;
    let client = soon_silent(&server);
    let (session, _silent) = server.session(&client).await;
    let old = session.client_id().to_string();
    let (line, _socket) = server.socket().await;
    assert!(!line.contains(&old), "{line}");
}

#[tokio::test]
async fn the_id_stays_while_a_prompt_is_watched() {
    let (mut server, _) = server(Books { is_queued: true, ..Books::default() }).await;
    let client = soon_silent(&server);
    let (session, _silent) = server.session(&client).await;
    let old = session.client_id().to_string();
    let watch = session.watch(&prompt_id()).await;
    let (line, mut socket) = server.socket().await;
    assert!(line.contains(&old) && session.client_id().to_string() == old, "{line}");
    drop(watch);
    let ((), (line, _socket)) = tokio::join!(until_closed(&mut socket), server.socket());
    let new = session.client_id().to_string();
    assert!(new != old && line.contains(&new), "{line}");
}

#[tokio::test]
async fn a_watch_that_begins_without_a_socket_says_so() {
    let (mut server, _) = server(Books { is_queued: true, ..Books::default() }).await;
    let client = events_only(&server);
    let (session, socket) = server.session(&client).await;
    drop(socket);
    while session.is_connected() {
        tokio::task::yield_now().await;
    }
    let mut watch = session.watch(&prompt_id()).await;
    let lost = watch.next().await;
    assert!(matches!(lost, Some(Event::SocketLost { .. })), "{lost:?}");
    let (back, (_, _socket)) = tokio::join!(watch.next(), server.socket());
    assert_eq!(back, Some(Event::SocketBack));
}

#[tokio::test]
async fn a_handshake_is_refused_like_any_other_request() {
    let server = Scripted::start(|_| Answer::empty(403)).await;
    // The scripted server takes sockets at its root only.
    let url = format!("{}/base", server.url()).parse().unwrap();
    let client = Client::new(url, comfy_client::ClientOptions::default()).unwrap();
    let error = client.open_session().await.unwrap_err();
    assert!(matches!(error, Error::Refused { status: 403, .. }), "{error:?}");
    let line = &server.requests()[0].line;
    assert!(line.starts_with("GET /base/ws?clientId="), "{line}");
}

#[tokio::test]
async fn a_page_in_place_of_a_socket_is_not_comfyui() {
    let server =
        Scripted::start(|_| Answer::new(200, "text/html", "<title>It works!</title>")).await;
    let url = format!("{}/base", server.url()).parse().unwrap();
    let client = Client::new(url, comfy_client::ClientOptions::default()).unwrap();
    let error = client.open_session().await.unwrap_err();
    let Error::NotComfyUi { content_type, start, .. } = error else { panic!("{error:?}") };
    assert_eq!((content_type.as_deref(), &*start), (Some("text/html"), "<title>It works!</title>"));
}

/// What a server answers to a handshake below the root, where the scripted one takes no sockets.
async fn handshake(answer: Answer, limits: Limits) -> Error {
    let server = Scripted::start(move |_| answer.clone()).await;
    let url = format!("{}/base", server.url()).parse().unwrap();
    let client = Client::new(url, crate::scripted::limits(limits)).unwrap();
    client.open_session().await.unwrap_err()
}

#[tokio::test]
async fn a_redirected_handshake_tells_where_to() {
    let answer = "HTTP/1.1 302 X\r\nlocation: https://sso.example/?token=t\r\n\r\n".to_owned();
    let error = handshake(Answer::Raw(answer), Limits::default()).await;
    let Error::Redirected { location, .. } = error else { panic!("{error:?}") };
    assert_eq!(location.as_deref(), Some("https://sso.example/"));
}

#[tokio::test]
async fn a_busy_server_may_take_longer_to_upgrade_than_to_connect() {
    let connect_timeout = Duration::from_secs(5);
    let reply_timeout = Duration::from_millis(50);
    let error = handshake(Answer::Hang, Limits { connect_timeout, reply_timeout, ..polls() }).await;
    assert!(matches!(error, Error::Timeout { limit: "reply_timeout", .. }), "{error:?}");
    assert_eq!(error.retry(), Retry::Safe);
}

#[tokio::test]
async fn a_server_that_never_tells_its_status_is_not_waited_for() {
    let server = Scripted::start(|_| Answer::Hang).await;
    let reply_timeout = Duration::from_millis(50);
    let client = server.client(limits(Limits { reply_timeout, ..Limits::default() }));
    let error = client.open_session().await.unwrap_err();
    assert!(matches!(error, Error::Timeout { limit: "reply_timeout", .. }), "{error:?}");
}

#[tokio::test]
async fn the_first_message_asks_for_previews_with_names() {
    use futures::StreamExt as _;
    let (mut server, _) = server(Books::default()).await;
    let client = events_only(&server);
    let (_session, mut socket) = server.session(&client).await;
    let first = socket.next().await.unwrap().unwrap();
    let expected = r#"{"type":"feature_flags","data":{"supports_preview_metadata":true}}"#;
    assert_eq!(first, Message::text(expected));
}

#[test]
fn entries_compare_and_print() {
    let entry = HistoryEntry::from_json(ID, workflow_graph::Json::Null);
    assert_eq!(entry.outcome(), Outcome::Unexplained { status: None });
}

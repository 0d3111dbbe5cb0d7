//! A server that answers as a test says.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use comfy_client::{Client, ClientOptions, Limits, PromptId, Session};
use futures::{SinkExt as _, StreamExt as _};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinSet,
};
use tokio_tungstenite::{WebSocketStream, accept_async, tungstenite::Message};
use workflow_graph::{Json, Workflow};

pub(crate) const ID: &str = "550e8400-e29b-41d4-a716-446655440000";

pub(crate) type Socket = WebSocketStream<TcpStream>;

/// One request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Method and path with query, such as `GET /queue`.
    pub(crate) line: String,
    /// All headers, in lowercase.
    pub(crate) headers: String,
    pub(crate) body: String,
}

/// What the server does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// Status line, headers and body, as they go over the line.
    Raw(String),
    /// Never answer.
    Hang,
    /// Close the connection without an answer.
    Drop,
    /// Begin an answer and never go on.
    Stall(String),
}

impl Answer {
    pub(crate) fn new(status: u16, content_type: &str, body: &str) -> Self {
        let length = body.len();
        Self::Raw(format!(
            "HTTP/1.1 {status} X\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        ))
    }

    pub(crate) fn json(body: &str) -> Self {
        Self::new(200, "application/json; charset=utf-8", body)
    }

    /// What aiohttp sends for a bare status.
    pub(crate) fn empty(status: u16) -> Self {
        Self::Raw(format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"))
    }
}

/// A running server. Dropping it stops it.
pub(crate) struct Scripted {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    sockets: mpsc::UnboundedReceiver<(String, Socket)>,
    is_away: Arc<AtomicBool>,
    tasks: JoinSet<()>,
}

impl Scripted {
    pub(crate) async fn start(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (found, sockets) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        let log = Arc::clone(&requests);
        let is_away = Arc::new(AtomicBool::new(false));
        let away = Arc::clone(&is_away);
        let answer = Arc::new(move |request: &Request| {
            if request.line.starts_with("GET /ws?") || away.load(Ordering::SeqCst) {
                return Answer::empty(502);
            }
            answer(request)
        });
        let away = Arc::clone(&is_away);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (log, found) = (Arc::clone(&log), found.clone());
                let found = (!away.load(Ordering::SeqCst)).then_some(found);
                connections.spawn(serve(stream, Arc::clone(&answer), log, found));
            }
        });
        Self { address, requests, sockets, is_away, tasks }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn client(&self, options: ClientOptions) -> Client {
        Client::new(self.url().parse().unwrap(), options).unwrap()
    }

    /// Answers everything like a proxy before a server that is away, or no more.
    pub(crate) fn be_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::SeqCst);
    }

    /// Every request so far, WebSocket handshakes that succeeded excepted.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// Stops the server: its connections end, and no new ones are taken.
    pub(crate) async fn stop(&mut self) {
        self.tasks.shutdown().await;
    }

    /// The next WebSocket, once its first status is sent.
    pub(crate) async fn socket(&mut self) -> (String, Socket) {
        let (path, mut socket) = self.sockets.recv().await.unwrap();
        tell(
            &mut socket,
            r#"{"type":"status","data":{"status":{"exec_info":{"queue_remaining":0}},"sid":"x"}}"#,
        )
        .await;
        (path, socket)
    }

    pub(crate) async fn session(&mut self, client: &Client) -> (Session, Socket) {
        let (session, (_, socket)) = tokio::join!(client.open_session(), self.socket());
        (session.unwrap(), socket)
    }
}

pub(crate) async fn tell(socket: &mut Socket, text: &str) {
    socket.send(Message::text(text.replace("ID", ID))).await.unwrap();
}

async fn serve(
    mut stream: TcpStream,
    answer: Arc<impl Fn(&Request) -> Answer>,
    log: Arc<Mutex<Vec<Request>>>,
    found: Option<mpsc::UnboundedSender<(String, Socket)>>,
) {
    let mut start = [0; 512];
    let length = stream.peek(&mut start).await.unwrap();
    let line = String::from_utf8_lossy(&start[..length]).into_owned();
    if line.starts_with("GET /ws?")
        && let Some(found) = found
    {
        let socket = accept_async(stream).await.unwrap();
        // The test may be over.
        drop(found.send((line, socket)));
        return;
    }
    let Some(request) = read_request(&mut stream).await else { return };
    log.lock().unwrap().push(request.clone());
    match answer(&request) {
        // The client may have gone, which is often the point of the test.
        Answer::Raw(text) => drop(stream.write_all(text.as_bytes()).await),
        Answer::Drop => {}
        Answer::Hang => std::future::pending().await,
        Answer::Stall(text) => {
            drop(stream.write_all(text.as_bytes()).await);
            std::future::pending::<()>().await;
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<Request> {
    let mut all = Vec::new();
    let head = loop {
        let mut piece = [0; 4096];
        let length = stream.read(&mut piece).await.ok().filter(|length| *length > 0)?;
        all.extend_from_slice(&piece[..length]);
        if let Some(end) = all.windows(4).position(|window| window == b"\r\n\r\n") {
            break String::from_utf8_lossy(&all[..end]).into_owned();
        }
    };
    let (line, headers) = head.split_once("\r\n").unwrap();
    let headers = headers.to_lowercase();
    let length = headers.lines().find_map(|line| line.strip_prefix("content-length: "));
    let wanted = head.len() + 4 + length.map_or(0, |length| length.trim().parse().unwrap());
    while all.len() < wanted {
        let mut piece = [0; 4096];
        let length = stream.read(&mut piece).await.ok().filter(|length| *length > 0)?;
        all.extend_from_slice(&piece[..length]);
    }
    let body = String::from_utf8_lossy(&all[head.len() + 4..]).into_owned();
    let line = line.strip_suffix(" HTTP/1.1").unwrap().to_owned();
    Some(Request { line, headers, body })
}

pub(crate) fn prompt_id() -> PromptId {
    ID.parse().unwrap()
}

pub(crate) fn workflow() -> Workflow {
    let json = Json::parse(br#"{"1": {"class_type": "EmptyImage", "inputs": {}}}"#).unwrap();
    Workflow::from_json(&json).unwrap()
}

pub(crate) fn limits(limits: Limits) -> ClientOptions {
    ClientOptions { limits, ..ClientOptions::default() }
}

/// Reads until the client closes.
pub(crate) async fn until_closed(socket: &mut Socket) {
    while let Some(Ok(_)) = socket.next().await {}
}

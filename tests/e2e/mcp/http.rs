//! JSON-RPC over streamable HTTP: each request is a POST, whose reply may be a stream.

use async_trait::async_trait;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::{sync::mpsc, task::JoinSet, time::timeout};

use super::{
    Answer, Call, Line, Mcp, Progress, answer_of, cancelled, hello, parameters, progress_of,
    sse::Events,
};
use crate::{cell::Generation, comfy, requests::PATIENCE};

/// A client that writes every header itself.
#[derive(Debug)]
pub(crate) struct HttpClient {
    wire: Wire,
    ids: u64,
    tasks: JoinSet<()>,
}

/// What every request needs.
#[derive(Clone, Debug)]
struct Wire {
    generation: Generation,
    http: reqwest::Client,
    url: String,
    /// Of 2025-11-25 only: the later generation has no sessions.
    session: Option<String>,
}

impl HttpClient {
    pub(crate) async fn open(url: &str, generation: Generation) -> Self {
        let http = comfy::http();
        let wire = Wire { generation, http, url: url.to_owned(), session: None };
        let mut client = Self { wire, ids: 0, tasks: JoinSet::new() };
        let introduction = match generation {
            Generation::Of2025 => client.initialize().await,
            Generation::Of2026 => client.request("server/discover", json!({})).await,
        };
        super::check_introduction(&introduction.expect("an introduction"), generation);
        client
    }

    async fn initialize(&mut self) -> Answer {
        let request = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": hello()});
        let reply = self.wire.post(&request).send().await.expect("a reply");
        let session = reply.headers().get("mcp-session-id").expect("a session");
        self.wire.session = Some(session.to_str().unwrap().to_owned());
        let answer = read(reply, 0, None).await;
        let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        self.wire.notify(&initialized).await;
        answer
    }

    async fn request(&mut self, method: &str, params: Value) -> Answer {
        let (id, request) = self.message(method, params, false);
        let exchange = self.wire.clone().exchange(id, request, None);
        timeout(PATIENCE, exchange).await.expect("an answer in time")
    }

    fn message(&mut self, method: &str, params: Value, progress: bool) -> (u64, Value) {
        self.ids += 1;
        let id = self.ids;
        let params = parameters(params, self.wire.generation, progress.then_some(id));
        (id, json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
    }
}

impl Wire {
    fn post(&self, message: &Value) -> RequestBuilder {
        let mut post = self
            .http
            .post(&self.url)
            .header("accept", "application/json, text/event-stream")
            .header("content-type", "application/json")
            .body(message.to_string());
        if message["method"] != "initialize" {
            post = post.header("mcp-protocol-version", self.generation.version());
        }
        if let Some(session) = &self.session {
            post = post.header("mcp-session-id", session);
        }
        if self.generation == Generation::Of2026 {
            post = post.header("mcp-method", message["method"].as_str().unwrap());
            let params = &message["params"];
            if let Some(name) = params["name"].as_str().or(params["uri"].as_str()) {
                post = post.header("mcp-name", name);
            }
        }
        post
    }

    async fn notify(&self, message: &Value) {
        let reply = self.post(message).send().await.expect("a reply");
        assert_eq!(reply.status(), StatusCode::ACCEPTED);
    }

    async fn exchange(
        self,
        id: u64,
        request: Value,
        told: Option<mpsc::UnboundedSender<Progress>>,
    ) -> Answer {
        let reply = self.post(&request).send().await.expect("a reply");
        read(reply, id, told).await
    }
}

#[async_trait]
impl Mcp for HttpClient {
    async fn list_tools(&mut self) -> Vec<Value> {
        let mut list = self.request("tools/list", json!({})).await.expect("a list");
        serde_json::from_value(list["tools"].take()).unwrap()
    }

    async fn read_resource(&mut self, uri: &str) -> Value {
        self.request("resources/read", json!({"uri": uri})).await.expect("a resource")
    }

    async fn begin(&mut self, tool: &str, arguments: Value) -> Call {
        let params = json!({"name": tool, "arguments": arguments});
        let (id, request) = self.message("tools/call", params, true);
        let (told, progress) = mpsc::unbounded_channel();
        let (call, line) = Call::new(progress);
        self.tasks.spawn(follow(line, self.wire.clone(), id, request, told));
        call
    }
}

/// Makes the exchange, or takes it back in the way of its generation: by word of mouth, or by
/// closing the stream of the reply.
async fn follow(
    line: Line,
    wire: Wire,
    id: u64,
    request: Value,
    told: mpsc::UnboundedSender<Progress>,
) {
    let Line { answer, taken_back } = line;
    let exchange = wire.clone().exchange(id, request, Some(told));
    tokio::select! {
        answered = exchange => drop(answer.send(answered)),
        Ok(()) = taken_back => {
            if wire.generation == Generation::Of2025 {
                wire.notify(&cancelled(id)).await;
            }
        }
    }
}

/// The answer in a reply, which is one message or a stream of them.
async fn read(
    mut reply: Response,
    id: u64,
    told: Option<mpsc::UnboundedSender<Progress>>,
) -> Answer {
    let content_type = reply.headers().get("content-type");
    if content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/json")) {
        return answer_of(reply.json().await.expect("a message"));
    }
    assert_eq!(reply.status(), StatusCode::OK, "{}", reply.text().await.unwrap_or_default());
    let mut events = Events::default();
    while let Some(piece) = reply.chunk().await.expect("a whole stream") {
        for message in events.take_in(&piece) {
            if message["id"] == id {
                return answer_of(message);
            }
            if let (Some((token, progress)), Some(told)) = (progress_of(&message), &told) {
                assert_eq!(token, id, "a stream tells of its own call");
                // A script that has what it wanted no longer listens.
                drop(told.send(progress));
            }
        }
    }
    panic!("the stream ended before the answer");
}

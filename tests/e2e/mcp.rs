//! A client of the protocol, whichever it is.

pub(crate) mod http;
pub(crate) mod library;
pub(crate) mod pipe;
mod sse;

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use crate::{cell::Generation, requests::PATIENCE};

/// What a request is answered with: a result, or an error of the protocol.
pub(crate) type Answer = Result<Value, Value>;

/// What the scripts need of a client. Every call asks for progress.
#[async_trait]
pub(crate) trait Mcp: Send {
    async fn list_tools(&mut self) -> Vec<Value>;
    async fn read_resource(&mut self, uri: &str) -> Value;
    /// Sends `tools/call`.
    async fn begin(&mut self, tool: &str, arguments: Value) -> Call;
}

/// What a server tells of a call under way.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    pub(crate) percent: f64,
    pub(crate) message: String,
}

/// A call under way, seen from the script.
#[derive(Debug)]
pub(crate) struct Call {
    progress: mpsc::UnboundedReceiver<Progress>,
    answer: oneshot::Receiver<Answer>,
    take_back: oneshot::Sender<()>,
}

/// A call under way, seen from the client.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) answer: oneshot::Sender<Answer>,
    pub(crate) taken_back: oneshot::Receiver<()>,
}

impl Call {
    pub(crate) fn new(progress: mpsc::UnboundedReceiver<Progress>) -> (Self, Line) {
        let (answer, answered) = oneshot::channel();
        let (withdraw, taken_back) = oneshot::channel();
        (Self { progress, answer: answered, take_back: withdraw }, Line { answer, taken_back })
    }

    pub(crate) async fn answer(self) -> Answer {
        self.progress_and_answer().await.1
    }

    /// All that was told on the way, and the answer.
    pub(crate) async fn progress_and_answer(mut self) -> (Vec<Progress>, Answer) {
        let answer = timeout(PATIENCE, &mut self.answer).await.expect("an answer in time");
        let mut told = Vec::new();
        while let Ok(progress) = self.progress.try_recv() {
            told.push(progress);
        }
        (told, answer.expect("an answer before the end of the connection"))
    }

    /// Waits until the server's sampler has taken a step.
    pub(crate) async fn samples(&mut self) {
        let told = async {
            loop {
                tokio::select! {
                    biased;
                    Some(progress) = self.progress.recv() => {
                        if progress.message.contains("step ") {
                            return;
                        }
                    }
                    answer = &mut self.answer => panic!("no step before the answer: {answer:?}"),
                }
            }
        };
        timeout(PATIENCE, told).await.expect("a step in time");
    }

    /// Tells the server that nobody wants the answer any more.
    pub(crate) fn take_back(self) {
        self.take_back.send(()).expect("the call is under way");
    }
}

/// The parameters of a request with the `_meta` of its generation.
pub(crate) fn parameters(mut params: Value, generation: Generation, token: Option<u64>) -> Value {
    let mut meta = match generation {
        Generation::Of2025 => json!({}),
        Generation::Of2026 => json!({
            "io.modelcontextprotocol/protocolVersion": generation.version(),
            "io.modelcontextprotocol/clientInfo": {"name": "e2e", "version": "0"},
            "io.modelcontextprotocol/clientCapabilities": {}
        }),
    };
    if let Some(token) = token {
        meta["progressToken"] = json!(token);
    }
    params["_meta"] = meta;
    params
}

/// What a client of 2025-11-25 begins with.
pub(crate) fn hello() -> Value {
    json!({
        "protocolVersion": Generation::Of2025.version(),
        "capabilities": {},
        "clientInfo": {"name": "e2e", "version": "0"}
    })
}

/// Holds the server to its introduction, in the form of either generation.
pub(crate) fn check_introduction(introduction: &Value, generation: Generation) {
    let version = generation.version();
    match generation {
        Generation::Of2025 => assert_eq!(introduction["protocolVersion"], version),
        Generation::Of2026 => {
            let versions = introduction["supportedVersions"].as_array().expect("versions");
            assert!(versions.iter().any(|offered| offered == version), "{introduction}");
        }
    }
    assert!(introduction["capabilities"]["tools"].is_object(), "{introduction}");
    let instructions = introduction["instructions"].as_str().expect("instructions");
    assert!(instructions.len() <= 2_000, "{} bytes of instructions", instructions.len());
}

pub(crate) fn cancelled(id: u64) -> Value {
    json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}})
}

/// An answer from its message.
pub(crate) fn answer_of(mut message: Value) -> Answer {
    match message.get("error") {
        Some(_) => Err(message["error"].take()),
        None => Ok(message["result"].take()),
    }
}

/// The progress and its token, when the message is one.
pub(crate) fn progress_of(message: &Value) -> Option<(u64, Progress)> {
    if message["method"] != "notifications/progress" {
        return None;
    }
    let params = &message["params"];
    let progress = Progress {
        percent: params["progress"].as_f64().expect("a number"),
        message: params["message"].as_str().unwrap_or_default().to_owned(),
    };
    Some((params["progressToken"].as_u64().expect("our token"), progress))
}

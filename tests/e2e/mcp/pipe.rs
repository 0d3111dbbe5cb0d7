//! JSON-RPC over the pipes of a process, one message a line.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    process::{ChildStdin, ChildStdout},
    sync::{Mutex as AsyncMutex, mpsc, oneshot},
    task::JoinSet,
    time::timeout,
};

use super::{
    Answer, Call, Line, Mcp, Progress, answer_of, cancelled, hello, parameters, progress_of,
};
use crate::{cell::Generation, requests::PATIENCE};

/// A client that writes every byte itself.
#[derive(Debug)]
pub(crate) struct PipeClient {
    generation: Generation,
    writer: Writer,
    waiting: Arc<Waiting>,
    ids: u64,
    tasks: JoinSet<()>,
}

/// The server's input, until it is closed.
type Writer = Arc<AsyncMutex<Option<ChildStdin>>>;

/// Who waits for what the server says.
#[derive(Debug, Default)]
struct Waiting {
    answers: Mutex<HashMap<u64, oneshot::Sender<Answer>>>,
    progress: Mutex<HashMap<u64, mpsc::UnboundedSender<Progress>>>,
}

impl PipeClient {
    pub(crate) async fn open(
        reader: ChildStdout,
        writer: ChildStdin,
        generation: Generation,
    ) -> Self {
        let waiting = Arc::new(Waiting::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(read(reader, Arc::clone(&waiting)));
        let writer = Arc::new(AsyncMutex::new(Some(writer)));
        let mut client = Self { generation, writer, waiting, ids: 0, tasks };
        let introduction = match generation {
            Generation::Of2025 => client.request("initialize", hello()).await,
            Generation::Of2026 => client.request("server/discover", json!({})).await,
        };
        super::check_introduction(&introduction.expect("an introduction"), generation);
        if generation == Generation::Of2025 {
            let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
            client.write(&initialized.to_string()).await;
        }
        client
    }

    /// Writes a line as it is.
    pub(crate) async fn write(&self, line: &str) {
        write(&self.writer, line).await;
    }

    /// Closes the server's input.
    pub(crate) async fn hang_up(&self) {
        self.writer.lock().await.take();
    }

    pub(crate) async fn request(&mut self, method: &str, params: Value) -> Answer {
        let (_, answer) = self.send(method, params, None).await;
        let answer = timeout(PATIENCE, answer).await.expect("an answer in time");
        answer.expect("an answer before the end of the output")
    }

    /// Sends a request and gives its id.
    async fn send(
        &mut self,
        method: &str,
        params: Value,
        progress: Option<mpsc::UnboundedSender<Progress>>,
    ) -> (u64, oneshot::Receiver<Answer>) {
        self.ids += 1;
        let id = self.ids;
        let (answer, answered) = oneshot::channel();
        self.waiting.answers.lock().unwrap().insert(id, answer);
        let token = progress.is_some().then_some(id);
        if let Some(progress) = progress {
            self.waiting.progress.lock().unwrap().insert(id, progress);
        }
        let params = parameters(params, self.generation, token);
        let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        self.write(&request.to_string()).await;
        (id, answered)
    }
}

#[async_trait]
impl Mcp for PipeClient {
    async fn list_tools(&mut self) -> Vec<Value> {
        let mut list = self.request("tools/list", json!({})).await.expect("a list");
        serde_json::from_value(list["tools"].take()).unwrap()
    }

    async fn read_resource(&mut self, uri: &str) -> Value {
        self.request("resources/read", json!({"uri": uri})).await.expect("a resource")
    }

    async fn begin(&mut self, tool: &str, arguments: Value) -> Call {
        let (told, progress) = mpsc::unbounded_channel();
        let params = json!({"name": tool, "arguments": arguments});
        let (id, answered) = self.send("tools/call", params, Some(told)).await;
        let (call, line) = Call::new(progress);
        self.tasks.spawn(follow(line, id, answered, Arc::clone(&self.writer)));
        call
    }
}

/// Passes the answer on, or tells the server that it is not wanted.
async fn follow(line: Line, id: u64, answered: oneshot::Receiver<Answer>, writer: Writer) {
    let Line { answer, taken_back } = line;
    tokio::select! {
        Ok(answered) = answered => drop(answer.send(answered)),
        Ok(()) = taken_back => write(&writer, &cancelled(id).to_string()).await,
        else => {}
    }
}

async fn write(writer: &Writer, line: &str) {
    let mut writer = writer.lock().await;
    let writer = writer.as_mut().expect("the input is open");
    writer.write_all(format!("{line}\n").as_bytes()).await.expect("the server reads");
}

/// Hands out what the server says until it says no more.
async fn read(reader: ChildStdout, waiting: Arc<Waiting>) {
    let mut lines = BufReader::new(reader).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let message: Value = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("standard output is the protocol's: {error}: {line}"));
        if let Some((token, progress)) = progress_of(&message) {
            if let Some(told) = waiting.progress.lock().unwrap().get(&token) {
                // A script that has what it wanted no longer listens.
                drop(told.send(progress));
            }
            continue;
        }
        let Some(id) = message["id"].as_u64() else { continue };
        waiting.progress.lock().unwrap().remove(&id);
        if let Some(answer) = waiting.answers.lock().unwrap().remove(&id) {
            drop(answer.send(answer_of(message)));
        }
    }
    waiting.answers.lock().unwrap().clear();
    waiting.progress.lock().unwrap().clear();
}

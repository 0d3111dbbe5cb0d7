//! A client that sees every byte: one line out, one line in. A client library would hide what is
//! wrong with them.

use std::time::Duration;

use mcp_tools::{PipeError, Server, serve_pipes};
use serde_json::{Value, json};
use tokio::{
    io::{
        AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, Lines, ReadHalf,
        WriteHalf,
    },
    task::JoinSet,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// No answer of the server and the simulator takes this long; a hanging test would say nothing.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);

/// How much may be under way in one direction.
const PIPE_BYTES: usize = 16 * 1024 * 1024;

/// One session.
pub(crate) struct Wire {
    lines: Lines<BufReader<ReadHalf<DuplexStream>>>,
    writer: Option<WriteHalf<DuplexStream>>,
    serving: JoinSet<Result<(), PipeError>>,
    ids: u64,
    /// Ends the server, as a signal does.
    pub(crate) stop: CancellationToken,
    /// Every notification so far, in order.
    pub(crate) notifications: Vec<Value>,
}

impl Wire {
    /// A session that nobody has opened yet.
    pub(crate) fn new(server: Server) -> Self {
        let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
        let (reader, writer) = tokio::io::split(theirs);
        let stop = CancellationToken::new();
        let mut serving = JoinSet::new();
        serving.spawn(serve_pipes(server, reader, writer, stop.clone()));
        let (reader, writer) = tokio::io::split(ours);
        let lines = BufReader::new(reader).lines();
        Self { lines, writer: Some(writer), serving, ids: 0, stop, notifications: Vec::new() }
    }

    /// A session as clients of 2025-11-25 open it.
    pub(crate) async fn open(server: Server) -> Self {
        Self::open_with(server, json!({})).await
    }

    /// The same for a client with some capabilities.
    pub(crate) async fn open_with(server: Server, capabilities: Value) -> Self {
        let mut wire = Self::new(server);
        let client = json!({"name": "test", "version": "0"});
        let hello = json!({
            "protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": client
        });
        let answer = wire.request("initialize", hello).await;
        assert_eq!(answer["result"]["protocolVersion"], "2025-11-25", "{answer}");
        wire.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
        wire
    }

    pub(crate) async fn send(&mut self, message: &Value) {
        let writer = self.writer.as_mut().expect("the input is still open");
        writer.write_all(format!("{message}\n").as_bytes()).await.expect("the server reads");
    }

    /// Sends a request and gives its id.
    pub(crate) async fn begin(&mut self, method: &str, params: Value) -> u64 {
        self.ids += 1;
        let id = self.ids;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})).await;
        id
    }

    /// The answer to a request; notifications before it are kept.
    pub(crate) async fn answer(&mut self, id: u64) -> Value {
        loop {
            let message = self.next().await;
            match message.get("id") {
                Some(answered) if *answered == json!(id) => return message,
                Some(_) => panic!("an answer to nothing that was asked: {message}"),
                None => self.notifications.push(message),
            }
        }
    }

    /// The next notification that is what the caller looks for.
    pub(crate) async fn notification(&mut self, is_wanted: impl Fn(&Value) -> bool) -> Value {
        let found = timeout(ANSWER_TIMEOUT, async {
            while !self.notifications.last().is_some_and(&is_wanted) {
                let message = self.next().await;
                assert!(message.get("id").is_none(), "an answer came first: {message}");
                self.notifications.push(message);
            }
        });
        let is_found = found.await.is_ok();
        assert!(is_found, "only these came: {:?}", self.notifications);
        self.notifications.last().cloned().expect("it was found")
    }

    async fn next(&mut self) -> Value {
        let line = timeout(ANSWER_TIMEOUT, self.lines.next_line()).await;
        let line = line.expect("a message in time").expect("a whole line");
        serde_json::from_str(&line.expect("a message before the end")).expect("JSON")
    }

    pub(crate) async fn request(&mut self, method: &str, params: Value) -> Value {
        let id = self.begin(method, params).await;
        self.answer(id).await
    }

    /// The result of a tool.
    pub(crate) async fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let answer =
            self.request("tools/call", json!({"name": tool, "arguments": arguments})).await;
        assert!(answer.get("error").is_none(), "{tool} is a protocol error: {answer}");
        answer["result"].clone()
    }

    /// The structured result of a tool that has to succeed.
    pub(crate) async fn succeed(&mut self, tool: &str, arguments: Value) -> Value {
        let result = self.call(tool, arguments).await;
        assert_ne!(result["isError"], json!(true), "{tool} failed: {result}");
        result["structuredContent"].clone()
    }

    /// The structured failure of a tool that has to fail.
    pub(crate) async fn fail(&mut self, tool: &str, arguments: Value) -> Value {
        let result = self.call(tool, arguments).await;
        assert_eq!(result["isError"], json!(true), "{tool} succeeded: {result}");
        result["structuredContent"].clone()
    }

    /// Ends the input of the server, as a client does that goes away.
    pub(crate) async fn hang_up(&mut self) {
        let mut writer = self.writer.take().expect("the input is still open");
        writer.shutdown().await.expect("the server reads");
    }

    /// Waits until the server has ended.
    pub(crate) async fn ended(&mut self) {
        let ended =
            timeout(ANSWER_TIMEOUT, self.serving.join_next()).await.expect("an end in time");
        ended.expect("it was started").expect("no panic").expect("a good end");
    }
}

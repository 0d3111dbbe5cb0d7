//! rmcp's own client, which many agents are written with.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use rmcp::{
    ClientHandler, RoleClient,
    model::{
        CallToolRequest, CallToolRequestParams, ClientRequest, ProgressNotificationParam,
        ProgressToken, ProtocolVersion, ReadResourceRequestParams,
    },
    service::{
        ClientLifecycleMode, ClientServiceExt as _, NotificationContext, PeerRequestOptions,
        RequestHandle, RunningService, ServiceError,
    },
    transport::{
        StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig,
    },
};
use serde_json::{Value, json};
use tokio::{
    process::{ChildStdin, ChildStdout},
    sync::mpsc,
    task::JoinSet,
};

use super::{Call, Line, Mcp, Progress};
use crate::{cell::Generation, comfy};

/// A session of the library.
pub(crate) struct LibraryClient {
    service: RunningService<RoleClient, Listener>,
    listener: Listener,
    tasks: JoinSet<()>,
}

/// Keeps what is told until the call that it belongs to is known: the library chooses the tokens.
#[derive(Clone, Debug, Default)]
struct Listener(Arc<Mutex<HashMap<ProgressToken, Told>>>);

#[derive(Debug)]
struct Told {
    sender: mpsc::UnboundedSender<Progress>,
    receiver: Option<mpsc::UnboundedReceiver<Progress>>,
}

impl Default for Told {
    fn default() -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        Self { sender, receiver: Some(receiver) }
    }
}

impl Listener {
    fn progress_of(&self, token: &ProgressToken) -> mpsc::UnboundedReceiver<Progress> {
        let mut told = self.0.lock().unwrap();
        told.entry(token.clone()).or_default().receiver.take().expect("a token of one call")
    }
}

impl ClientHandler for Listener {
    async fn on_progress(
        &self,
        params: ProgressNotificationParam,
        _context: NotificationContext<RoleClient>,
    ) {
        let message = params.message.unwrap_or_default();
        let progress = Progress { percent: params.progress, message };
        let mut told = self.0.lock().unwrap();
        // A script that has what it wanted no longer listens.
        drop(told.entry(params.progress_token).or_default().sender.send(progress));
    }
}

fn lifecycle(generation: Generation) -> ClientLifecycleMode {
    match generation {
        Generation::Of2025 => ClientLifecycleMode::Initialize,
        Generation::Of2026 => ClientLifecycleMode::Discover {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
        },
    }
}

pub(crate) async fn over_pipes(
    pipes: (ChildStdout, ChildStdin),
    generation: Generation,
) -> LibraryClient {
    let listener = Listener::default();
    let service = listener.clone().serve_with_lifecycle(pipes, lifecycle(generation)).await;
    LibraryClient::new(service.expect("a session"), listener)
}

pub(crate) async fn over_http(url: &str, generation: Generation) -> LibraryClient {
    let config = StreamableHttpClientTransportConfig::with_uri(url);
    let transport = StreamableHttpClientTransport::with_client(comfy::http(), config);
    let listener = Listener::default();
    let service = listener.clone().serve_with_lifecycle(transport, lifecycle(generation)).await;
    LibraryClient::new(service.expect("a session"), listener)
}

impl LibraryClient {
    fn new(service: RunningService<RoleClient, Listener>, listener: Listener) -> Self {
        Self { service, listener, tasks: JoinSet::new() }
    }
}

#[async_trait]
impl Mcp for LibraryClient {
    async fn list_tools(&mut self) -> Vec<Value> {
        let tools = self.service.list_all_tools().await.expect("a list");
        tools.into_iter().map(|tool| serde_json::to_value(tool).unwrap()).collect()
    }

    async fn read_resource(&mut self, uri: &str) -> Value {
        let params = ReadResourceRequestParams::new(uri);
        let read = self.service.read_resource(params).await.expect("a resource");
        serde_json::to_value(read).unwrap()
    }

    async fn begin(&mut self, tool: &str, arguments: Value) -> Call {
        let Value::Object(arguments) = arguments else { panic!("arguments are an object") };
        let params = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        let request = ClientRequest::CallToolRequest(CallToolRequest::new(params));
        let options = PeerRequestOptions::no_options();
        let handle = self.service.send_cancellable_request(request, options).await;
        let handle = handle.expect("the server listens");
        let (call, line) = Call::new(self.listener.progress_of(&handle.progress_token));
        self.tasks.spawn(follow(line, handle));
        call
    }
}

async fn follow(line: Line, mut handle: RequestHandle<RoleClient>) {
    let Line { answer, taken_back } = line;
    tokio::select! {
        Ok(answered) = &mut handle.rx => {
            let answered = match answered {
                Ok(result) => Ok(serde_json::to_value(result).unwrap()),
                Err(ServiceError::McpError(error)) => Err(serde_json::to_value(error).unwrap()),
                Err(error) => Err(json!({"message": error.to_string()})),
            };
            drop(answer.send(answered));
        }
        Ok(()) = taken_back => handle.cancel(None).await.expect("the server listens"),
        else => {}
    }
}

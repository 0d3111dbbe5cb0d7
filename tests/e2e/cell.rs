//! One cell of the matrix: how a client and a server get together.

use serde_json::Value;

use crate::{
    mcp::{Call, Mcp, http::HttpClient, library, pipe::PipeClient},
    place::Place,
    process::Process,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Stdio,
    Http,
}

/// A generation of the protocol: with sessions, or without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Generation {
    Of2025,
    Of2026,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    /// Ours, which sees every byte.
    Raw,
    /// The one that others write agents with.
    Rmcp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) transport: Transport,
    pub(crate) generation: Generation,
    pub(crate) client: Client,
}

impl Generation {
    pub(crate) fn version(self) -> &'static str {
        match self {
            Self::Of2025 => "2025-11-25",
            Self::Of2026 => "2026-07-28",
        }
    }
}

impl Cell {
    /// One for what does not depend on the generation or the client.
    pub(crate) const STDIO: Self =
        Self { transport: Transport::Stdio, generation: Generation::Of2025, client: Client::Raw };

    /// One of the other transport, and of the other generation.
    pub(crate) const HTTP: Self =
        Self { transport: Transport::Http, generation: Generation::Of2026, client: Client::Raw };

    /// Every cell, for what is compared across them.
    pub(crate) fn all() -> Vec<Self> {
        let mut cells = Vec::new();
        for transport in [Transport::Stdio, Transport::Http] {
            for generation in [Generation::Of2025, Generation::Of2026] {
                for client in [Client::Raw, Client::Rmcp] {
                    cells.push(Self { transport, generation, client });
                }
            }
        }
        cells
    }

    /// Starts a server in this place and begins to talk with it.
    pub(crate) async fn open(self, place: &Place) -> Session {
        let generation = self.generation;
        let mut process = match self.transport {
            Transport::Stdio => place.stdio(),
            Transport::Http => place.http(),
        };
        let mcp: Box<dyn Mcp> = match (self.transport, self.client) {
            (Transport::Stdio, Client::Raw) => {
                let (reader, writer) = process.take_pipes();
                Box::new(PipeClient::open(reader, writer, generation).await)
            }
            (Transport::Stdio, Client::Rmcp) => {
                Box::new(library::over_pipes(process.take_pipes(), generation).await)
            }
            (Transport::Http, client) => {
                let url = process.line("listening on ").await;
                match client {
                    Client::Raw => Box::new(HttpClient::open(&url, generation).await),
                    Client::Rmcp => Box::new(library::over_http(&url, generation).await),
                }
            }
        };
        Session { mcp, process }
    }
}

/// A client and the server it talks with.
pub(crate) struct Session {
    mcp: Box<dyn Mcp>,
    pub(crate) process: Process,
}

impl Session {
    pub(crate) async fn list_tools(&mut self) -> Vec<Value> {
        self.mcp.list_tools().await
    }

    pub(crate) async fn read_resource(&mut self, uri: &str) -> Value {
        self.mcp.read_resource(uri).await
    }

    /// Begins a call; it goes on while others are made.
    pub(crate) async fn begin(&mut self, tool: &str, arguments: Value) -> Call {
        self.mcp.begin(tool, arguments).await
    }

    /// The result of a tool, whether it succeeded or not.
    pub(crate) async fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let answer = self.begin(tool, arguments).await.answer().await;
        answer.unwrap_or_else(|error| panic!("{tool} is a protocol error: {error}"))
    }

    /// The structured result of a tool that has to succeed.
    pub(crate) async fn succeed(&mut self, tool: &str, arguments: Value) -> Value {
        succeeded(tool, self.call(tool, arguments).await)
    }

    /// The structured failure of a tool that has to fail, which is told in words too.
    pub(crate) async fn fail(&mut self, tool: &str, arguments: Value) -> Value {
        failed(tool, self.call(tool, arguments).await)
    }
}

pub(crate) fn succeeded(tool: &str, mut result: Value) -> Value {
    assert_ne!(result["isError"], true, "{tool} failed: {result}");
    result["structuredContent"].take()
}

pub(crate) fn failed(tool: &str, mut result: Value) -> Value {
    assert_eq!(result["isError"], true, "{tool} succeeded: {result}");
    let failure = result["structuredContent"].take();
    let text = result["content"][0]["text"].as_str().expect("a failure is told in words");
    let code = failure["code"].as_str().expect("a failure has a code");
    assert!(text.starts_with(code), "{text}");
    assert!(text.contains(failure["message"].as_str().unwrap()), "{text}");
    failure
}

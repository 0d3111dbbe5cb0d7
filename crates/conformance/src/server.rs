//! The server under test, as a client sees it.

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use reqwest::multipart::{Form, Part};
use serde_json::{Map, Value};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::error::Error;

/// How long a reply or a frame may take. A real server without a GPU loads its checkpoint in a few seconds.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The server that recordings are replayed against.
///
/// ```
/// use conformance::Server;
///
/// assert_eq!(Server::at("http://127.0.0.1:8188/")?.url(), "http://127.0.0.1:8188");
/// assert!(Server::at("127.0.0.1:8188").is_err());
/// # Ok::<(), conformance::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Server {
    url: String,
    http: reqwest::Client,
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: reqwest::header::HeaderMap,
    pub(crate) body: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Frame {
    Text(Value),
    Binary(Vec<u8>),
}

pub(crate) struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

/// What a `POST` carries.
pub(crate) enum Sent<'a> {
    Json(&'a Value),
    NotJson,
    File { name: String, bytes: Vec<u8>, fields: &'a Map<String, Value> },
}

impl Server {
    /// A server at `http://` or `https://`. Nothing is sent yet.
    pub fn at(url: &str) -> Result<Self, Error> {
        let refused = || Error::Address { url: url.to_owned() };
        let has_scheme = url.starts_with("http://") || url.starts_with("https://");
        let parsed = reqwest::Url::parse(url).ok().filter(|_| has_scheme).ok_or_else(refused)?;
        // Whoever installs one first decides for the process, and any of them will do.
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build();
        let http = http.map_err(|error| Error::Unreachable {
            request: format!("anything at {parsed}"),
            source: error.into(),
        })?;
        Ok(Self { url: url.trim_end_matches('/').to_owned(), http })
    }

    /// The address, without a slash at its end.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Reply, Error> {
        self.send("GET", path, self.http.get(format!("{}{path}", self.url))).await
    }

    pub(crate) async fn post(&self, path: &str, sent: Sent<'_>) -> Result<Reply, Error> {
        let request = self.http.post(format!("{}{path}", self.url));
        let request = match sent {
            Sent::Json(json) => request.json(json),
            Sent::NotJson => request.body("not json"),
            Sent::File { name, bytes, fields } => {
                let file = Part::bytes(bytes).file_name(name);
                let form = fields.iter().fold(Form::new().part("image", file), |form, field| {
                    let (name, value) = field;
                    form.text(name.clone(), value.as_str().unwrap_or_default().to_owned())
                });
                request.multipart(form)
            }
        };
        self.send("POST", path, request).await
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        request: reqwest::RequestBuilder,
    ) -> Result<Reply, Error> {
        let unreachable = |error: reqwest::Error| Error::Unreachable {
            request: format!("{method} {path}"),
            source: error.into(),
        };
        let response = request.send().await.map_err(unreachable)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.map_err(unreachable)?.to_vec();
        Ok(Reply { status, headers, body })
    }

    pub(crate) async fn open_socket(&self, client_id: &str) -> Result<Socket, Error> {
        let url = self.url.replacen("http", "ws", 1);
        let url = format!("{url}/ws?clientId={client_id}");
        // Frames with previews and tracebacks have no limit on the server's side either.
        let config = WebSocketConfig::default().max_frame_size(None).max_message_size(None);
        match tokio_tungstenite::connect_async_with_config(url.as_str(), Some(config), true).await {
            Ok((stream, _)) => Ok(Socket { stream }),
            Err(error) => {
                Err(Error::Unreachable { request: format!("GET {url}"), source: error.into() })
            }
        }
    }
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        Some(String::from_utf8_lossy(self.headers.get(name)?.as_bytes()).into_owned())
    }

    pub(crate) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Socket {
    pub(crate) async fn send(&mut self, message: &Value) -> Result<(), Error> {
        let sent = self.stream.send(Message::Text(message.to_string().into())).await;
        sent.map_err(|error| Error::Unreachable {
            request: "a message on the socket".to_owned(),
            source: error.into(),
        })
    }

    /// The next frame, or nothing when the socket ended or was silent for too long.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.stream.next()).await.ok()??.ok()?;
            match next {
                Message::Text(text) => {
                    let event = serde_json::from_str(&text);
                    return Some(Frame::Text(
                        event.unwrap_or_else(|_| Value::String(text.to_string())),
                    ));
                }
                Message::Binary(bytes) => return Some(Frame::Binary(bytes.to_vec())),
                Message::Close(_) => return None,
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }

    /// Closes with a handshake and waits until the server has hung up: only then has it forgotten the client id.
    pub(crate) async fn close(mut self) -> Vec<Frame> {
        let mut last = Vec::new();
        if self.stream.close(None).await.is_ok() {
            while let Ok(Some(Ok(message))) =
                tokio::time::timeout(PATIENCE, self.stream.next()).await
            {
                if let Message::Text(text) = message
                    && let Ok(event) = serde_json::from_str(&text)
                {
                    last.push(Frame::Text(event));
                }
            }
        }
        last
    }
}

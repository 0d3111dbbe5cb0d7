//! One recorded scenario.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::error::Error;
use crate::names::is_prompt_id;
use crate::server::Frame;

/// A scenario that was recorded from a real server: requests, replies and frames, in order of arrival.
///
/// ```
/// use conformance::Recording;
///
/// let line = r#"{"t": 0.0, "kind": "request", "method": "GET", "path": "/queue"}"#;
/// assert_eq!(Recording::parse("queue", line)?.name(), "queue");
/// assert!(Recording::parse("queue", "{}").is_err());
/// # Ok::<(), conformance::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Recording {
    name: String,
    pub(crate) lines: Vec<Line>,
}

#[derive(Clone, Debug)]
pub(crate) enum Line {
    Open { socket: String, client_id: String },
    Send { socket: String, message: Value },
    Close { socket: String },
    Frame { socket: String, frame: Frame },
    Request(Request),
    Response(Response),
}

#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Nothing where the body was not JSON.
    pub(crate) json: Option<Value>,
    /// The file name and the other fields of a multipart body.
    pub(crate) form: Option<(String, Map<String, Value>)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) status: u64,
    pub(crate) content_type: Option<String>,
    pub(crate) headers: Map<String, Value>,
    pub(crate) body: Body,
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    Json(Value),
    Text(String),
    Bytes(Vec<u8>),
}

impl Recording {
    /// Reads every `*.jsonl` file of a folder, sorted by name.
    pub fn all(folder: &Path) -> Result<Vec<Self>, Error> {
        let unreadable = |source| Error::Read { path: folder.to_owned(), source };
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.extension().is_some_and(|extension| extension == "jsonl") {
                paths.push(path);
            }
        }
        paths.sort();
        paths.iter().map(|path| Self::read(path)).collect()
    }

    /// Reads one file. Its stem is the name of the scenario.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| Error::Read { path: path.to_owned(), source })?;
        let name = path.file_stem().map(|name| name.to_string_lossy().into_owned());
        Self::parse(&name.unwrap_or_default(), &text)
    }

    /// Reads the text of a recording: one JSON object a line.
    pub fn parse(name: &str, text: &str) -> Result<Self, Error> {
        let mut lines = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let wrong = |what: String| Error::NotARecording {
                name: name.to_owned(),
                line: index + 1,
                what,
            };
            let json: Value =
                serde_json::from_str(line).map_err(|error| wrong(format!("not JSON: {error}")))?;
            lines.push(Line::of(&json).ok_or_else(|| wrong("of no known kind".to_owned()))?);
        }
        Ok(Self { name: name.to_owned(), lines })
    }

    /// What the scenario is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same scenario with ids and file names that no server has met.
    pub(crate) fn freshened(&self) -> Self {
        let tag = Uuid::new_v4().simple().to_string();
        let tag = tag.get(..8).unwrap_or_default();
        let mut names: Vec<(String, String)> = ["broken.png", "pic.png", "pic (1).png", "evil.png"]
            .iter()
            .map(|name| ((*name).to_owned(), fresh_file(name, tag)))
            .collect();
        for line in &self.lines {
            if let Line::Open { client_id, .. } = line {
                names.push((client_id.clone(), Uuid::new_v4().simple().to_string()));
            }
            let body = line.request().and_then(|request| request.json.as_ref());
            let chosen = body.and_then(|body| body.get("prompt_id")?.as_str());
            if let Some(chosen) = chosen.filter(|id| is_prompt_id(id)) {
                names.push((chosen.to_owned(), Uuid::new_v4().to_string()));
            }
        }
        // A client id that two sockets share, and an id that is submitted twice, stay shared.
        let rename = |text: &str| {
            names.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
        };
        let lines = self.lines.iter().map(|line| line.renamed(&rename)).collect();
        Self { name: self.name.clone(), lines }
    }

    /// The scenario with another graph wherever the recorded one stands.
    pub(crate) fn with_graph(mut self, recorded: &Value, ours: &Value) -> Self {
        for line in &mut self.lines {
            if let Line::Request(Request { json: Some(json), .. })
            | Line::Response(Response { body: Body::Json(json), .. }) = line
            {
                replace(json, recorded, ours);
            }
        }
        self
    }

    pub(crate) fn requests(&self) -> impl Iterator<Item = (usize, &Request)> {
        let lines = self.lines.iter().enumerate();
        lines.filter_map(|(index, line)| Some((index, line.request()?)))
    }

    /// The graphs that are submitted, in order.
    pub(crate) fn graphs(&self) -> impl Iterator<Item = &Value> {
        self.requests()
            .filter(|(_, request)| request.is_submission())
            .filter_map(|(_, request)| request.json.as_ref()?.get("prompt"))
    }

    /// Every recorded text frame with its type.
    pub(crate) fn events(&self) -> impl Iterator<Item = (usize, &str, &Value)> {
        self.lines.iter().enumerate().filter_map(|(index, line)| {
            let Line::Frame { frame: Frame::Text(event), .. } = line else { return None };
            Some((index, event.get("type")?.as_str()?, event.get("data")?))
        })
    }

    /// What a socket was told before this line.
    pub(crate) fn frames(&self, name: &str, until: usize) -> Vec<Frame> {
        let before = self.lines.iter().take(until);
        let frames = before.filter_map(|line| {
            let Line::Frame { socket, frame } = line else { return None };
            (socket == name).then(|| frame.clone())
        });
        frames.collect()
    }

    /// The line after this one in which the client does something again.
    pub(crate) fn next_act(&self, index: usize) -> usize {
        let is_act = |line: &Line| matches!(line, Line::Request(_) | Line::Close { .. });
        let after = self.lines.iter().skip(index + 1).position(is_act);
        after.map_or(self.lines.len(), |after| index + 1 + after)
    }

    /// The reply to the request in this line.
    pub(crate) fn response_to(&self, index: usize) -> Option<&Response> {
        let request = self.lines.get(index)?.request()?;
        self.responses(index)
            .find(|response| response.path == request.path && response.method == request.method)
    }

    /// The replies from this line on.
    pub(crate) fn responses(&self, from: usize) -> impl Iterator<Item = &Response> {
        self.lines.iter().skip(from).filter_map(|line| {
            if let Line::Response(response) = line { Some(response) } else { None }
        })
    }
}

impl Request {
    pub(crate) fn is_submission(&self) -> bool {
        self.method == "POST" && self.path == "/prompt"
    }
}

impl Line {
    fn request(&self) -> Option<&Request> {
        if let Self::Request(request) = self { Some(request) } else { None }
    }

    fn of(json: &Value) -> Option<Self> {
        let text = |name| json.get(name).and_then(Value::as_str).map(str::to_owned);
        let bytes = || STANDARD.decode(json.get("base64")?.as_str()?).ok();
        Some(match json.get("kind")?.as_str()? {
            "ws_open" => Self::Open { socket: text("socket")?, client_id: text("client_id")? },
            "ws_send" => Self::Send { socket: text("socket")?, message: json.get("json")?.clone() },
            "ws_close" => Self::Close { socket: text("socket")? },
            "ws_text" => Self::Frame {
                socket: text("socket")?,
                frame: Frame::Text(json.get("json")?.clone()),
            },
            "ws_binary" => Self::Frame { socket: text("socket")?, frame: Frame::Binary(bytes()?) },
            "request" => Self::Request(Request {
                method: text("method")?,
                path: text("path")?,
                json: json.get("json").cloned(),
                form: json.get("note").and_then(|note| {
                    let name = note.get("filename")?.as_str()?.to_owned();
                    Some((name, note.get("fields")?.as_object()?.clone()))
                }),
            }),
            "response" => Self::Response(Response {
                method: text("method")?,
                path: text("path")?,
                status: json.get("status")?.as_u64()?,
                content_type: text("content_type"),
                headers: json
                    .get("headers")
                    .and_then(Value::as_object)
                    .cloned()
                    .unwrap_or_default(),
                body: match (json.get("json"), text("text")) {
                    (Some(json), _) => Body::Json(json.clone()),
                    (None, Some(text)) => Body::Text(text),
                    (None, None) => Body::Bytes(bytes()?),
                },
            }),
            _ => return None,
        })
    }

    fn renamed(&self, rename: &impl Fn(&str) -> String) -> Self {
        match self {
            Self::Open { socket, client_id } => {
                Self::Open { socket: socket.clone(), client_id: rename(client_id) }
            }
            Self::Frame { socket, frame: Frame::Text(event) } => {
                Self::Frame { socket: socket.clone(), frame: Frame::Text(renamed(event, rename)) }
            }
            Self::Request(request) => Self::Request(Request {
                method: request.method.clone(),
                path: rename(&request.path),
                json: request.json.as_ref().map(|json| renamed(json, rename)),
                form: request.form.as_ref().map(|(name, fields)| {
                    let rename_field =
                        |(key, value): (&String, &Value)| (key.clone(), renamed(value, rename));
                    (rename(name), fields.iter().map(rename_field).collect())
                }),
            }),
            Self::Response(response) => Self::Response(Response {
                path: rename(&response.path),
                headers: response
                    .headers
                    .iter()
                    .map(|(key, value)| (key.clone(), renamed(value, rename)))
                    .collect(),
                body: match &response.body {
                    Body::Json(json) => Body::Json(renamed(json, rename)),
                    body @ (Body::Text(_) | Body::Bytes(_)) => body.clone(),
                },
                ..response.clone()
            }),
            line @ (Self::Send { .. } | Self::Close { .. } | Self::Frame { .. }) => line.clone(),
        }
    }
}

fn fresh_file(name: &str, tag: &str) -> String {
    let at = name.find([' ', '.']).unwrap_or(name.len());
    let (stem, rest) = name.split_at(at);
    format!("{stem}-{tag}{rest}")
}

/// The value with every text in it renamed, keys included.
fn renamed(value: &Value, rename: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(rename(text)),
        Value::Array(items) => items.iter().map(|item| renamed(item, rename)).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| (rename(name), renamed(member, rename)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn replace(value: &mut Value, from: &Value, to: &Value) {
    if value == from {
        to.clone_into(value);
        return;
    }
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, from, to)),
        Value::Object(members) => {
            members.values_mut().for_each(|member| replace(member, from, to));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

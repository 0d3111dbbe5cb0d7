//! Playing one scenario.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Map, Value, json};

use crate::compare::compare;
use crate::error::{Difference, Error};
use crate::names::Names;
use crate::prepare::{overlaps, prepare, staged};
use crate::recording::{Body, Line, Recording, Request, Response};
use crate::server::{Frame, Reply, Sent, Server, Socket};
use crate::shape::{compare_shape, is_all_that_counts};
use crate::story::{Reading, Story};

/// Plays a scenario against a server, and ends at the first difference.
///
/// The server is prepared first: its cache is emptied and filled with what the recorded server had in it.
pub async fn replay(server: &Server, recording: &Recording) -> Result<(), Error> {
    let recording = staged(recording);
    prepare(server, &recording).await?;
    let reading = Reading {
        overlaps: overlaps(&recording),
        previews: recording.requests().any(|(_, request)| {
            let body = request.json.as_ref();
            body.is_some_and(|body| body.pointer("/extra_data/preview_method").is_some())
        }),
    };
    let mut replay = Replay {
        server,
        recording: &recording,
        reading,
        names: Names::default(),
        sockets: BTreeMap::new(),
        received: BTreeMap::new(),
        requests: 0,
    };
    replay.play().await?;
    replay.compare_stories()
}

struct Replay<'a> {
    server: &'a Server,
    recording: &'a Recording,
    reading: Reading,
    names: Names,
    sockets: BTreeMap<String, Socket>,
    received: BTreeMap<String, Vec<Frame>>,
    requests: usize,
}

impl Replay<'_> {
    async fn play(&mut self) -> Result<(), Error> {
        let recording = self.recording;
        for (index, line) in recording.lines.iter().enumerate() {
            match line {
                Line::Open { socket, client_id } => {
                    self.catch_up(index).await?;
                    let opened = self.server.open_socket(client_id).await?;
                    self.sockets.insert(socket.clone(), opened);
                }
                Line::Send { socket, message } => {
                    if let Some(socket) = self.sockets.get_mut(socket) {
                        socket.send(message).await?;
                    }
                }
                Line::Close { socket: name } => {
                    self.catch_up(index).await?;
                    if let Some(socket) = self.sockets.remove(name) {
                        let last = socket.close().await;
                        self.received.entry(name.clone()).or_default().extend(last);
                    }
                }
                Line::Request(request) => self.request(index, request).await?,
                Line::Frame { .. } | Line::Response(_) => {}
            }
        }
        Ok(())
    }

    async fn request(&mut self, index: usize, request: &Request) -> Result<(), Error> {
        // A prompt is in the history only after the event that says that it succeeded.
        let is_of_history = request.path.starts_with("/history");
        let until = if is_of_history { self.recording.next_act(index) } else { index };
        self.catch_up(until).await?;
        self.requests += 1;
        let step = format!("request {}, {} {}", self.requests, request.method, request.path);
        let Some(response) = self.recording.response_to(index) else {
            return Err(Difference::new("$", "no reply", "not asked").at(step).into());
        };
        let path = self.names.translated(&request.path);
        let translated = request.json.as_ref().map(|json| self.translated(json));
        let reply = match (request.method.as_str(), &translated, &request.form) {
            ("GET", _, _) => self.server.get(&path).await?,
            (_, Some(json), _) => self.server.post(&path, Sent::Json(json)).await?,
            (_, None, Some((name, fields))) => {
                let (name, bytes) = self.file(name, fields, response);
                self.server.post(&path, Sent::File { name, bytes, fields }).await?
            }
            (_, None, None) => self.server.post(&path, Sent::NotJson).await?,
        };
        self.compare_reply(response, &reply).map_err(|difference| difference.at(step))?;
        if self.reading.overlaps && self.requests == 1 {
            self.wait_until_it_runs().await?;
        }
        Ok(())
    }

    /// The name and bytes to upload. What was uploaded is not recorded, but what a view then gave is; and an upload
    /// that was given another name had other bytes.
    fn file(
        &self,
        name: &str,
        fields: &Map<String, Value>,
        response: &Response,
    ) -> (String, Vec<u8>) {
        let given = match &response.body {
            Body::Json(json) => json.get("name").and_then(Value::as_str).unwrap_or(name),
            Body::Text(_) | Body::Bytes(_) => name,
        };
        let is_renamed = given.contains(" (1)");
        let folder = fields.get("subfolder").and_then(Value::as_str).unwrap_or_default();
        let in_folder = format!("subfolder={folder}");
        let wanted = match folder {
            _ if is_renamed => "channel=rgb",
            "sub/dir" => &in_folder,
            _ => "type=input",
        };
        let mut views =
            self.recording.responses(0).filter(|response| response.path.starts_with("/view"));
        let view = views.find(|response| response.path.ends_with(wanted));
        let bytes = view.and_then(|response| match &response.body {
            Body::Bytes(bytes) => Some(bytes.clone()),
            Body::Json(_) | Body::Text(_) => None,
        });
        let name = if is_renamed { name } else { given };
        (name.to_owned(), bytes.unwrap_or_default())
    }

    fn translated(&self, json: &Value) -> Value {
        let text = self.names.translated(&json.to_string());
        serde_json::from_str(&text).unwrap_or_else(|_| json.clone())
    }

    /// Reads the sockets until each was told as much as the recorded one before this line.
    async fn catch_up(&mut self, until: usize) -> Result<(), Error> {
        for (name, socket) in &mut self.sockets {
            let expected = Story::of(&self.recording.frames(name, until), self.reading);
            let received = self.received.entry(name.clone()).or_default();
            while Story::of(received, self.reading).len() < expected.len() {
                let Some(frame) = socket.next().await else {
                    break;
                };
                received.push(frame);
            }
            let story = Story::of(received, self.reading);
            if story.len() < expected.len() {
                compare_stories(&mut self.names, &expected, &story)
                    .map_err(|difference| difference.at(format!("socket {name}")))?;
            }
        }
        Ok(())
    }

    /// In the recordings, too, the first prompt runs before the second is taken in.
    async fn wait_until_it_runs(&mut self) -> Result<(), Error> {
        for (name, socket) in &mut self.sockets {
            let received = self.received.entry(name.clone()).or_default();
            while !Story::of(received, self.reading).has_begun_to_execute() {
                let Some(frame) = socket.next().await else {
                    let difference = Difference::new("$", "an event `executing`", "silence");
                    return Err(difference.at(format!("socket {name}")).into());
                };
                received.push(frame);
            }
        }
        Ok(())
    }

    fn compare_reply(&mut self, recorded: &Response, reply: &Reply) -> Result<(), Difference> {
        if recorded.status != u64::from(reply.status) {
            let received = format!("{} {}", reply.status, reply.text());
            return Err(Difference::new("status", recorded.status, received));
        }
        let content_type = reply.header("content-type");
        if recorded.content_type != content_type {
            let shown = |kind: &Option<String>| kind.clone().unwrap_or_else(|| "none".to_owned());
            let (recorded, received) = (shown(&recorded.content_type), shown(&content_type));
            return Err(Difference::new("content type", recorded, received));
        }
        for (name, value) in &recorded.headers {
            let value = value.as_str().unwrap_or_default();
            let received = reply.header(name).unwrap_or_else(|| "none".to_owned());
            let is_date = name == "Last-Modified";
            let is_same = if is_date { is_http_date(&received) } else { received == value };
            if !is_same {
                return Err(Difference::new(format!("header {name}"), value, received));
            }
        }
        match &recorded.body {
            Body::Json(json) => {
                let received =
                    reply.json().ok_or_else(|| Difference::new("body", "JSON", reply.text()))?;
                if is_all_that_counts(&recorded.path) {
                    compare_shape(&recorded.path, json, &received)
                } else {
                    compare(&mut self.names, json, &received)
                }
            }
            Body::Text(text) if *text == reply.text() => Ok(()),
            Body::Text(text) => Err(Difference::new("body", text, reply.text())),
            Body::Bytes(bytes) => compare_bytes(&recorded.path, bytes, &reply.body),
        }
    }

    fn compare_stories(mut self) -> Result<(), Error> {
        for (name, received) in &self.received {
            let frames = self.recording.frames(name, self.recording.lines.len());
            let expected = Story::of(&frames, self.reading);
            let story = Story::of(received, self.reading);
            compare_stories(&mut self.names, &expected, &story)
                .and_then(|()| runs_in_order(received, self.recording))
                .map_err(|difference| difference.at(format!("socket {name}")))?;
        }
        Ok(())
    }
}

fn compare_stories(
    names: &mut Names,
    expected: &Story,
    received: &Story,
) -> Result<(), Difference> {
    compare_events(names, "greeting", &expected.greeting, &received.greeting, false)?;
    compare_events(names, "run", &expected.run, &received.run, expected.is_cut)?;
    compare_events(names, "queue", &expected.queue, &received.queue, expected.is_cut)
}

fn compare_events(
    names: &mut Names,
    lane: &str,
    expected: &[Value],
    received: &[Value],
    may_go_on: bool,
) -> Result<(), Difference> {
    for (index, expected) in expected.iter().enumerate() {
        let place = format!("event {} of its {lane}", index + 1);
        let Some(received) = received.get(index) else {
            return Err(Difference::new(place, expected, "nothing"));
        };
        compare(names, expected, received).map_err(|difference| Difference {
            place: format!("{place}, {}", difference.place),
            recorded: format!("{} (in {expected})", difference.recorded),
            received: format!("{} (in {received})", difference.received),
            ..difference
        })?;
    }
    match received.get(expected.len()) {
        Some(event) if !may_go_on => {
            let place = format!("event {} of its {lane}", expected.len() + 1);
            Err(Difference::new(place, "nothing", event))
        }
        _ => Ok(()),
    }
}

/// Checks that no node ran before those that it has links from.
fn runs_in_order(frames: &[Frame], recording: &Recording) -> Result<(), Difference> {
    let mut done: HashSet<String> = HashSet::new();
    let mut knows_the_start = false;
    let links: HashMap<String, Vec<String>> = recording.graphs().flat_map(links_of).collect();
    for frame in frames {
        let Frame::Text(event) = frame else { continue };
        let data = event.get("data").unwrap_or(&Value::Null);
        match event.get("type").and_then(Value::as_str).unwrap_or_default() {
            "execution_start" => {
                done.clear();
                knows_the_start = true;
            }
            "execution_cached" => {
                let cached = data.get("nodes").and_then(Value::as_array).into_iter().flatten();
                done.extend(cached.filter_map(Value::as_str).map(str::to_owned));
            }
            "progress_state" => {
                let nodes = data.get("nodes").and_then(Value::as_object).into_iter().flatten();
                let finished =
                    nodes.filter(|(_, node)| node.get("state") == Some(&json!("finished")));
                done.extend(finished.map(|(id, _)| id.clone()));
            }
            "executing" => {
                let node = data.get("node").and_then(Value::as_str).unwrap_or_default();
                let needed = links.get(node).into_iter().flatten();
                let missing: Vec<&str> =
                    needed.filter(|id| !done.contains(*id)).map(String::as_str).collect();
                if knows_the_start && !missing.is_empty() {
                    let (recorded, received) = (
                        format!("node {node} after what it depends on"),
                        format!("node {node} before {}", missing.join(", ")),
                    );
                    return Err(Difference::new("the order of nodes", recorded, received));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn links_of(graph: &Value) -> Vec<(String, Vec<String>)> {
    let links = |node: &Value| -> Vec<String> {
        let inputs = node.get("inputs").and_then(Value::as_object).into_iter().flatten();
        let from = inputs.filter_map(|(_, value)| value.as_array()?.first()?.as_str());
        from.map(str::to_owned).collect()
    };
    let nodes = graph.as_object().into_iter().flatten();
    nodes.map(|(id, node)| (id.clone(), links(node))).collect()
}

/// Files are compared by what they are; only a file that was stored as it came has the same bytes.
fn compare_bytes(path: &str, recorded: &[u8], received: &[u8]) -> Result<(), Difference> {
    let is_stored =
        path.starts_with("/view") && !path.contains("preview=") && !path.contains("channel=");
    let is_same = if recorded.is_empty() || is_stored {
        recorded == received
    } else {
        kind_of(recorded) == kind_of(received)
    };
    if is_same {
        return Ok(());
    }
    let shown = |bytes: &[u8]| format!("{} bytes: {}", bytes.len(), bytes.escape_ascii());
    Err(Difference::new("body", shown(recorded), shown(received)))
}

/// The format of a picture, and for PNG its size and color type.
fn kind_of(picture: &[u8]) -> (&'static str, Vec<u8>) {
    match picture {
        [0x89, b'P', b'N', b'G', ..] => {
            ("png", picture.get(16..26).map(<[u8]>::to_vec).unwrap_or_default())
        }
        [0xff, 0xd8, 0xff, ..] => ("jpeg", Vec::new()),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => ("webp", Vec::new()),
        _ => ("unknown", picture.to_vec()),
    }
}

/// Whether this looks like `Fri, 20 Nov 2026 04:45:18 GMT`.
fn is_http_date(text: &str) -> bool {
    let words: Vec<&str> = text.split(' ').collect();
    let is_time = |word: &&str| word.len() == 8 && word.matches(':').count() == 2;
    words.len() == 6 && text.ends_with(" GMT") && words.get(4).is_some_and(is_time)
}

//! Plays a recorded scenario against the simulation and compares.
//!
//! Compared are the replies (status, content type, JSON) and the events of each socket in their order. What differs
//! from run to run is made equal first: ids, times, numbers of prompts and of files. `progress` and `progress_state`
//! depend on the time that a step takes, and are compared only where previews make every step visible.

use std::collections::HashMap;
use std::path::PathBuf;

use comfy_sim::{Gate, Moment, Sim};
use serde_json::{Value, json};

use crate::client::{Frame, Reply, Socket, get, http};

/// The lines of a scenario, or nothing where the recordings are not at hand.
pub(crate) fn scenario(name: &str) -> Option<Vec<Value>> {
    #[expect(
        clippy::disallowed_methods,
        reason = "ground truth is named by an environment variable"
    )]
    let Some(truth) = std::env::var_os("MEDIAFACTORY_GROUND_TRUTH") else {
        eprintln!("skipped: {name} needs MEDIAFACTORY_GROUND_TRUTH");
        return None;
    };
    let path = PathBuf::from(truth).join("comfyui/recordings").join(format!("{name}.jsonl"));
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

pub(crate) struct Player<'a> {
    sim: &'a Sim,
    sockets: HashMap<String, Socket>,
    /// Recorded prompt ids and the ones that the simulation gave instead.
    ids: Vec<(String, String)>,
    pub(crate) expected: HashMap<String, Vec<Value>>,
    pub(crate) received: HashMap<String, Vec<Frame>>,
    gate: Option<(Gate, usize)>,
    requests: usize,
    overlaps: bool,
}

impl<'a> Player<'a> {
    pub(crate) fn new(sim: &'a Sim) -> Self {
        Self {
            sim,
            sockets: HashMap::new(),
            ids: Vec::new(),
            expected: HashMap::new(),
            received: HashMap::new(),
            gate: None,
            requests: 0,
            overlaps: false,
        }
    }

    /// Holds the run at its first step until this many requests were answered.
    pub(crate) fn holding_until(self, requests: usize) -> Self {
        self.holding_at(Moment::AtStep(1), requests)
    }

    pub(crate) fn holding_at(mut self, at: Moment, requests: usize) -> Self {
        self.overlaps = true;
        self.gate = Some((self.sim.hold(at), requests));
        self
    }

    pub(crate) async fn play(mut self, lines: &[Value]) -> Self {
        for (index, line) in lines.iter().enumerate() {
            let socket = line["socket"].as_str().unwrap_or_default().to_owned();
            match line["kind"].as_str().unwrap() {
                "ws_open" => {
                    self.catch_up(&[]).await;
                    let opened = Socket::open(self.sim, line["client_id"].as_str().unwrap()).await;
                    self.sockets.insert(socket, opened);
                }
                "ws_send" => self.sockets.get_mut(&socket).unwrap().send(&line["json"]).await,
                "ws_text" => self.expected.entry(socket).or_default().push(line["json"].clone()),
                "request" => self.request(line, &lines[index..]).await,
                "ws_close" => {
                    // With another socket to follow the run by, it need not wait any longer.
                    if self.sockets.len() > 1 {
                        self.gate = None;
                    }
                    self.catch_up(&[]).await;
                    let clients = self.sim.connected_clients().len();
                    self.sockets.remove(&socket);
                    // The end of a socket removes its client id, even where another socket has taken it over.
                    while clients > 0 && self.sim.connected_clients().len() == clients {
                        tokio::task::yield_now().await;
                    }
                }
                _ => {}
            }
        }
        let received = std::mem::take(&mut self.received);
        for (socket, expected) in &self.expected {
            let expected: Vec<Value> = expected
                .iter()
                .filter(|event| is_steady(event))
                .map(|event| self.normal(event))
                .collect();
            let received: Vec<Value> = steady(received.get(socket).map_or(&[], Vec::as_slice))
                .iter()
                .map(|event| self.normal(event))
                .collect();
            for part in self.parts() {
                let of = |all: &[Value]| {
                    all.iter().filter(|event| part(event)).cloned().collect::<Vec<_>>()
                };
                let (received, expected) = (lines_of(&of(&received)), lines_of(&of(&expected)));
                assert!(
                    received == expected,
                    "socket {socket}\nsimulated: {received}\nrecorded: {expected}"
                );
            }
        }
        self.received = received;
        self
    }

    /// Where prompts are submitted while another runs, the place of `status` among its events is chance.
    fn parts(&self) -> Vec<fn(&Value) -> bool> {
        if self.overlaps {
            vec![|event| event["type"] == "status", |event| event["type"] != "status"]
        } else {
            vec![|_| true]
        }
    }

    /// Reads the sockets until they have what was recorded up to here, and what the next lines add.
    async fn catch_up(&mut self, next: &[Value]) {
        for (name, socket) in &mut self.sockets {
            let coming =
                next.iter().filter(|line| line["socket"] == **name && line["kind"] == "ws_text");
            let coming = coming.filter(|line| is_steady(&line["json"])).count();
            let expected = self.expected.get(name).into_iter().flatten();
            let expected = expected.filter(|event| is_steady(event)).count() + coming;
            let received = self.received.entry(name.clone()).or_default();
            while steady(received).len() < expected {
                received.push(
                    socket
                        .next()
                        .await
                        .unwrap_or_else(|| panic!("{name} closed after {received:?}")),
                );
            }
        }
    }

    async fn request(&mut self, line: &Value, rest: &[Value]) {
        if self.gate.as_ref().is_some_and(|(_, until)| self.requests >= *until) {
            self.gate = None;
        }
        match &self.gate {
            Some((gate, _)) if self.requests > 0 => gate.reached().await,
            // A prompt is in the history only after the event that says that it succeeded.
            _ if line["path"].as_str().unwrap().starts_with("/history") => {
                let until = rest
                    .iter()
                    .skip(1)
                    .position(|line| line["kind"] == "request" || line["kind"] == "ws_close");
                self.catch_up(&rest[..=until.unwrap_or(0)]).await;
            }
            _ => self.catch_up(&[]).await,
        }
        self.requests += 1;
        let (method, path) = (line["method"].as_str().unwrap(), self.ours(&line["path"]));
        let path = path.as_str().unwrap();
        let reply = match (method, line.get("json")) {
            ("GET", _) => get(self.sim, path).await,
            (_, Some(body)) => {
                Reply::of(http().post(self.url(path)).json(&self.ours(body)).send().await.unwrap())
                    .await
            }
            (_, None) => {
                Reply::of(http().post(self.url(path)).body("not json").send().await.unwrap()).await
            }
        };
        let is_answer = |other: &&Value| {
            other["kind"] == "response"
                && other["path"] == line["path"]
                && other["method"] == method
        };
        let expected = rest.iter().find(is_answer).expect("every request was answered");
        if path == "/prompt" && method == "POST" && reply.status == 200 {
            let theirs = expected["json"]["prompt_id"].as_str().unwrap().to_owned();
            self.ids.push((theirs, reply.json()["prompt_id"].as_str().unwrap().to_owned()));
        }
        assert_eq!(json!(reply.status), expected["status"], "{method} {path}: {}", reply.text());
        assert_eq!(json!(reply.content_type), expected["content_type"], "{method} {path}");
        match expected.get("json") {
            Some(json) => {
                assert_eq!(self.normal(&reply.json()), self.normal(json), "{method} {path}");
            }
            None => assert_eq!(
                json!(reply.text()),
                expected.get("text").cloned().unwrap_or(json!("")),
                "{method} {path}"
            ),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.sim.url())
    }

    /// What was recorded, with the ids of this run.
    fn ours(&self, value: &Value) -> Value {
        let storage = format!("{}/", self.sim.storage().display());
        let text = value.to_string().replace("/opt/ComfyUI/", &storage);
        let text = self.ids.iter().fold(text, |text, (theirs, ours)| text.replace(theirs, ours));
        serde_json::from_str(&text).unwrap()
    }

    fn normal(&self, value: &Value) -> Value {
        let mut value = self.ours(value);
        // The recorded server remembers jobs of earlier scenarios.
        if let Some(jobs) = value.get_mut("jobs").and_then(Value::as_array_mut) {
            jobs.retain(|job| self.ids.iter().any(|(_, ours)| job["id"] == **ours));
            value["pagination"]["total"] = json!("any");
        }
        make_equal(&mut value);
        value
    }
}

fn lines_of(events: &[Value]) -> String {
    events.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  ")
}

/// Replaces what differs from run to run.
fn make_equal(value: &mut Value) {
    match value {
        Value::Object(members) => {
            // The node facts have no prose.
            for prose in ["tooltip", "description", "search_aliases", "output_tooltips"] {
                members.shift_remove(prose);
            }
            for (name, member) in members {
                match name.as_str() {
                    "timestamp"
                    | "create_time"
                    | "execution_start_time"
                    | "execution_end_time"
                    | "number"
                    | "priority" => {
                        *member = json!(if member.is_f64() { "a float" } else { "an integer" });
                    }
                    "traceback" => *member = json!([]),
                    "executed" | "dependent_outputs" => sort(member),
                    "prompt" if member.is_array() => {
                        member[0] = json!("a number");
                        sort(&mut member[4]);
                    }
                    "queue_running" | "queue_pending" => {
                        member
                            .as_array_mut()
                            .unwrap()
                            .iter_mut()
                            .for_each(|item| item[0] = json!("a number"));
                    }
                    _ => {}
                }
                make_equal(member);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(make_equal),
        Value::String(text) if text.ends_with("_.png") => {
            let stem = text.rsplitn(3, '_').last().unwrap_or_default();
            *text = if stem.starts_with("ComfyUI_temp") {
                "temporary.png".to_owned()
            } else {
                format!("{stem}.png")
            };
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn sort(value: &mut Value) {
    value.as_array_mut().unwrap().sort_by_key(ToString::to_string);
}

fn is_steady(event: &Value) -> bool {
    event["type"] != "progress" && event["type"] != "progress_state"
}

fn steady(frames: &[Frame]) -> Vec<Value> {
    crate::client::texts(frames).into_iter().filter(is_steady).collect()
}

//! What one socket was told, in a form in which two runs can be compared.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value, json};

use crate::server::Frame;

/// The events of one socket, sorted into what has an order.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Story {
    /// What the server says to a new socket.
    pub(crate) greeting: Vec<Value>,
    /// The numbers of prompts that remain, where their place among other events is chance.
    pub(crate) queue: Vec<Value>,
    /// Everything else: one prompt after the other, and within each the nodes that run between two of its marks.
    pub(crate) run: Vec<Value>,
    /// Whether the last prompt that was told of has not come to its end.
    pub(crate) is_cut: bool,
}

/// What a story is read with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// Whether prompts are submitted or deleted while another runs.
    pub(crate) overlaps: bool,
    /// Whether a prompt asked for previews. Without, they are a matter of how the server was started.
    pub(crate) previews: bool,
}

/// One event of a run. Those about nodes may stand in another order than the recorded ones.
struct Item {
    node: Option<String>,
    event: Value,
}

#[derive(Default)]
struct Teller {
    story: Story,
    items: Vec<Item>,
    /// By prompt and node: how the node stood when it was last told of.
    states: HashMap<String, BTreeMap<String, Value>>,
    prompt: Option<String>,
}

impl Story {
    pub(crate) fn of(frames: &[Frame], reading: Reading) -> Self {
        let mut teller = Teller::default();
        for frame in frames {
            match frame {
                Frame::Text(event) => teller.event(event, reading),
                Frame::Binary(frame) if reading.previews => teller.binary(frame),
                Frame::Binary(_) => {}
            }
        }
        teller.told()
    }

    /// How many comparable events there are.
    pub(crate) fn len(&self) -> usize {
        self.greeting.len() + self.queue.len() + self.run.len()
    }

    pub(crate) fn has_begun_to_execute(&self) -> bool {
        self.run.iter().any(|event| {
            let node = event.get("data").and_then(|data| data.get("node"));
            event.get("type").is_some_and(|kind| kind == "executing")
                && node.is_some_and(Value::is_string)
        })
    }
}

impl Teller {
    fn event(&mut self, event: &Value, reading: Reading) {
        let kind = event.get("type").and_then(Value::as_str).unwrap_or_default();
        let Some(data) = event.get("data") else {
            self.mark(event.clone());
            return;
        };
        let node = data.get("node").and_then(Value::as_str);
        match kind {
            "status" if data.get("sid").is_some() => self.story.greeting.push(event.clone()),
            "feature_flags" => self.story.greeting.push(event.clone()),
            "executing" if data.get("prompt_id").is_none() => {
                self.story.greeting.push(event.clone());
            }
            "status" if reading.overlaps => self.story.queue.push(event.clone()),
            "progress_state" => self.progress_state(data),
            "progress" => self.progress(data),
            "executing" | "executed" if node.is_some() => {
                self.enter(data);
                self.about(node.unwrap_or_default(), event.clone());
            }
            "executing" => {
                self.mark(event.clone());
                self.prompt = None;
            }
            _ => {
                self.enter(data);
                self.mark(event.clone());
            }
        }
    }

    fn enter(&mut self, data: &Value) {
        if let Some(id) = data.get("prompt_id").and_then(Value::as_str) {
            self.prompt = Some(id.to_owned());
        }
    }

    fn mark(&mut self, event: Value) {
        self.items.push(Item { node: None, event });
    }

    fn about(&mut self, node: &str, event: Value) {
        self.items.push(Item { node: Some(node.to_owned()), event });
    }

    /// Keeps of a whole picture what is new in it.
    fn progress_state(&mut self, data: &Value) {
        self.enter(data);
        let nodes = data.get("nodes").and_then(Value::as_object).cloned().unwrap_or_default();
        let prompt_id = data.get("prompt_id").cloned().unwrap_or_default();
        let states = self.states.entry(prompt_id.to_string()).or_default();
        let forgotten: Vec<&String> = states.keys().filter(|id| !nodes.contains_key(*id)).collect();
        let forgets = json!({"type": "progress_state", "forgets": forgotten});
        let forgets = (!forgotten.is_empty()).then_some(forgets);
        let mut news = Vec::new();
        for (id, state) in nodes {
            let state = steady(state);
            if states.get(&id) != Some(&state) {
                let event =
                    json!({"type": "progress_state", "prompt_id": prompt_id, "data": state});
                news.push((id.clone(), event));
                states.insert(id, state);
            }
        }
        if let Some(forgets) = forgets {
            self.mark(forgets);
        }
        for (id, event) in news {
            self.about(&id, event);
        }
    }

    /// Keeps the first of a node's `progress` events: how many follow is a matter of time.
    fn progress(&mut self, data: &Value) {
        self.enter(data);
        let node = data.get("node").and_then(Value::as_str).unwrap_or_default();
        let event = json!({"type": "progress", "data": steady(data.clone())});
        let is_told = |item: &Item| item.node.as_deref() == Some(node) && item.event == event;
        if !self.items.iter().any(is_told) {
            self.about(node, event);
        }
    }

    fn binary(&mut self, frame: &[u8]) {
        let event = preview(frame).unwrap_or_else(|| json!({"type": "binary", "data": "broken"}));
        let node = event.get("data").and_then(|data| data.get("node_id")).and_then(Value::as_str);
        self.about(node.unwrap_or_default(), event.clone());
    }

    fn told(self) -> Story {
        let Self { mut story, items, states, prompt } = self;
        story.is_cut = prompt.is_some();
        // How far a node came that did not finish is chance, from the moment on at which it began.
        let is_finished = |node: &str| {
            let mut all = states.values().filter_map(|nodes| nodes.get(node));
            all.any(|state| state.get("state").is_some_and(|state| state == "finished"))
        };
        let is_chance = |item: &Item| {
            let kind = item.event.get("type").and_then(Value::as_str).unwrap_or_default();
            matches!(kind, "progress" | "progress_state" | "binary")
                && item.node.as_deref().is_some_and(|node| !is_finished(node))
        };
        let items: Vec<Item> = items.into_iter().filter(|item| !is_chance(item)).collect();
        for stretch in items.chunk_by(|one, next| one.node.is_some() && next.node.is_some()) {
            let mut stretch: Vec<&Item> = stretch.iter().collect();
            stretch.sort_by(|one, other| one.node.cmp(&other.node));
            story.run.extend(stretch.into_iter().map(|item| item.event.clone()));
        }
        story
    }
}

/// How a node stands, without the number of steps that it happens to have done.
fn steady(mut state: Value) -> Value {
    let is_running = state.get("state").is_none_or(|state| state == "running");
    if let Some(value) = state.get_mut("value")
        && is_running
    {
        *value = json!(if value.is_f64() { "a float" } else { "an integer" });
    }
    state
}

/// A preview with metadata: what it says of itself, and whether the picture is of the kind that it says.
fn preview(frame: &[u8]) -> Option<Value> {
    let (kind, rest) = u32_of(frame)?;
    let (length, rest) = u32_of(rest)?;
    if kind != 4 {
        return Some(json!({"type": "binary", "data": {"kind": kind}}));
    }
    let (metadata, picture) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    let mut data: Map<String, Value> = serde_json::from_slice(metadata).ok()?;
    let is_jpeg = picture.starts_with(&[0xff, 0xd8, 0xff]);
    data.insert("picture".to_owned(), json!(if is_jpeg { "jpeg" } else { "something else" }));
    Some(json!({"type": "binary", "data": data}))
}

fn u32_of(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (first, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*first), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Reading = Reading { overlaps: false, previews: false };

    fn state(nodes: &[(&str, i64, &str)]) -> Frame {
        let nodes: Map<String, Value> = nodes
            .iter()
            .map(|(id, value, state)| ((*id).to_owned(), json!({"value": value, "state": state})))
            .collect();
        Frame::Text(json!({"type": "progress_state", "data": {"prompt_id": "p", "nodes": nodes}}))
    }

    fn executing(node: &str) -> Frame {
        Frame::Text(json!({"type": "executing", "data": {"node": node, "prompt_id": "p"}}))
    }

    fn start() -> Frame {
        Frame::Text(json!({"type": "execution_start", "data": {"prompt_id": "p"}}))
    }

    #[test]
    fn independent_nodes_may_run_in_any_order() {
        let one = [
            start(),
            state(&[("1", 0, "running")]),
            executing("1"),
            state(&[("1", 1, "finished")]),
            state(&[("1", 1, "finished"), ("2", 0, "running")]),
            executing("2"),
            state(&[("1", 1, "finished"), ("2", 1, "finished")]),
        ];
        let other = [
            start(),
            state(&[("2", 0, "running")]),
            executing("2"),
            state(&[("2", 1, "finished")]),
            state(&[("2", 1, "finished"), ("1", 0, "running")]),
            executing("1"),
            state(&[("2", 1, "finished"), ("1", 1, "finished")]),
        ];
        assert_eq!(Story::of(&one, PLAIN), Story::of(&other, PLAIN));
        let silent = [start(), executing("2"), executing("1")];
        assert_ne!(Story::of(&one, PLAIN), Story::of(&silent, PLAIN));
    }

    #[test]
    fn the_number_of_steps_told_is_chance() {
        let told = |steps: &[i64]| {
            let mut frames = vec![start()];
            frames.extend(steps.iter().map(|step| state(&[("1", *step, "running")])));
            frames.push(state(&[("1", 9, "finished")]));
            Story::of(&frames, PLAIN)
        };
        assert_eq!(told(&[1, 9]), told(&[1, 4, 9]));
        assert_ne!(told(&[1, 9]), told(&[]));
    }

    #[test]
    fn a_picture_that_forgets_a_node_is_told() {
        let frames = [state(&[("1", 1, "finished")]), state(&[("2", 0, "running")])];
        let story = Story::of(&frames, PLAIN);
        assert!(story.run.iter().any(|event| event.get("forgets").is_some()));
    }
}

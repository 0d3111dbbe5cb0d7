//! What tests asked to go wrong in a run.

use axum::extract::ws::Message;
use bytes::Bytes;
use serde_json::{Value, json};

use super::nodes::Exception;
use super::nodes::picture;
use super::run::{Halt, Run};
use super::sampling::jpeg;
use crate::fault::{Fault, Moment};
use crate::hub;

/// The exception of a graph that turns out to be a cycle while it runs.
const CYCLE: &str = "graph.DependencyCycleError";

impl Run<'_> {
    /// Lets happen what is scripted for this moment.
    pub(super) async fn at(&mut self, moment: Moment) -> Result<(), Halt> {
        let server = self.server;
        let script = &server.script;
        while script.take_exact(&Fault::GarbageFrames { at: moment }) {
            server.hub.send_raw_to_all(&garbage());
        }
        while script.take_exact(&Fault::OddEvents { at: moment }) {
            server.hub.send_raw_to_all(&odd_events(&self.item.prompt_id));
        }
        while script.take_exact(&Fault::ForeignFrames { at: moment }) {
            server.hub.send_raw_to_all(&foreign_frames());
        }
        let size = |fault: &Fault| {
            let Fault::HugeEvent { at, bytes } = fault else { return None };
            (*at == moment).then_some(*bytes)
        };
        while let Some(bytes) = script.take(size) {
            let entry = json!({"t": "1970-01-01T00:00:00", "m": "x".repeat(bytes)});
            server.hub.send_to_all(&hub::event("logs", &json!({"entries": [entry], "size": null})));
        }
        if script.take_exact(&Fault::DuplicateEvents { at: moment }) {
            self.repeats = true;
        }
        while script.take_exact(&Fault::CloseSockets { at: moment }) {
            server.hub.cut_all();
        }
        while script.take_exact(&Fault::HalfOpenSockets { at: moment }) {
            server.hub.freeze_all();
        }
        while script.take_exact(&Fault::EventsStop { at: moment }) {
            server.hub.fall_silent();
        }
        while script.take_exact(&Fault::RestartEmpty { at: moment }) {
            server.lose_everything();
        }
        if script.take_exact(&Fault::WorkerDies { at: moment }) {
            self.abandon.cancelled().await;
        }
        if let Some(gate) = script.take_gate(moment) {
            tokio::select! {
                () = gate.hold() => {}
                () = self.server.interrupted() => {}
                () = self.abandon.cancelled() => {}
            }
        }
        if self.abandon.is_cancelled() { Err(Halt::Abandoned) } else { Ok(()) }
    }

    /// The exception that this node is to raise.
    pub(super) fn scripted_exception(&self, id: &str) -> Option<Exception> {
        let is_here = |node: &Option<String>| node.as_ref().is_none_or(|node| node == id);
        self.server.script.take(|fault| {
            let (node, exception) =
                if let Fault::ExecutionError { node, exception_type, message } = fault {
                    (node, Exception::new(exception_type, message.clone()))
                } else if let Fault::OutOfMemory { node } = fault {
                    (node, Exception::out_of_memory())
                } else if let Fault::CycleWhileRunning { node } = fault {
                    (node, Exception::new(CYCLE, "Dependency cycle detected"))
                } else {
                    return None;
                };
            is_here(node).then_some(exception)
        })
    }

    /// Tells of this node what is scripted and does not keep it from running.
    pub(super) fn tell_scripted(&mut self, id: &str) {
        let is_here = |node: &Option<String>| node.as_ref().is_none_or(|node| node == id);
        let expands = |fault: &Fault| {
            matches!(fault, Fault::ExpandedNode { node } if is_here(node)).then_some(())
        };
        if self.server.script.take(expands).is_some() {
            self.tell_expanded(id);
        }
        let blocks = |fault: &Fault| {
            matches!(fault, Fault::ExecutionBlocked { node } if is_here(node)).then_some(())
        };
        if self.server.script.take(blocks).is_some() {
            self.tell_blocked(id);
        }
    }

    fn tell_expanded(&mut self, id: &str) {
        let child = format!("{id}.0.0.1");
        let prompt_id = self.item.prompt_id.clone();
        self.progress.start(&child);
        self.tell_progress();
        let data = json!({"node": child, "display_node": id, "prompt_id": prompt_id});
        self.tell("executing", &data);
        let ui = json!({"text": ["from an expanded node"]});
        let meta =
            json!({"node_id": child, "display_node": id, "parent_node": id, "real_node_id": id});
        self.show_as(&child, &ui, meta);
        self.progress.finish(&child);
        self.tell_progress();
    }

    fn tell_blocked(&self, id: &str) {
        let node = self.item.prompt.get(id);
        let data = json!({
            "prompt_id": self.item.prompt_id,
            "node_id": id,
            "node_type": node.and_then(|node| node.get("class_type")),
            "executed": self.executed,
            "exception_message": "Execution Blocked: scripted by comfy-sim",
            "exception_type": "ExecutionBlocked",
            "traceback": [],
            "current_inputs": [],
            "current_outputs": [],
        });
        self.tell_or_broadcast("execution_error", &data);
    }

    /// What a node shows, with items in it that are none where that is scripted.
    pub(super) fn shown(&self, ui: Option<Value>) -> Option<Value> {
        let mut ui = ui?;
        if self.server.script.take_exact(&Fault::OddOutputs) {
            for items in ui.as_object_mut().into_iter().flat_map(|keys| keys.values_mut()) {
                if let Some(items) = items.as_array_mut() {
                    items.extend([Value::Null, json!("not an item"), json!({"filename": null})]);
                }
            }
        }
        Some(ui)
    }
}

/// Whether the history of a prompt that ended so says `success` all the same, as the real server's does.
pub(super) fn leaves_success(exception: &Exception) -> bool {
    exception.kind == CYCLE
}

/// Frames that no server should send: broken JSON, a type nobody knows, binary frames that are cut short.
fn garbage() -> Vec<Message> {
    vec![
        Message::Text("{\"type\": \"status\", \"data\": {".into()),
        Message::Text("{\"type\": \"no_such_event\", \"data\": [1, null]}".into()),
        Message::Text("[]".into()),
        Message::Binary(Bytes::from_static(&[0, 0])),
        Message::Binary(Bytes::from_static(&[0, 0, 0, 4, 0, 0, 255, 255, b'{'])),
        Message::Binary(Bytes::from_static(&[0, 0, 0, 99, 1, 2, 3, 4])),
    ]
}

/// Events that packs of custom nodes and newer servers do send.
fn odd_events(prompt_id: &str) -> Vec<Message> {
    let past = uuid::Uuid::new_v4().to_string();
    let mut events = [
        ("crystools.monitor", json!({"cpu_utilization": 1.5})),
        ("notification", json!("text")),
        ("executed", json!(["a", "list"])),
        ("executed", json!({"node": "1", "output": null, "prompt_id": prompt_id})),
        (
            "executed",
            json!({"node": "1", "output": {"images": [null, "text"]}, "prompt_id": prompt_id}),
        ),
        ("progress", json!({"value": 7.5, "max": 5.0, "prompt_id": prompt_id, "node": "1.0.0.1"})),
        ("execution_success", json!({"prompt_id": past, "timestamp": 1})),
        ("executing", json!({"node": null, "prompt_id": past})),
    ]
    .map(|(kind, data)| Message::Text(crate::python::dumps(&hub::event(kind, &data)).into()))
    .to_vec();
    let not_a_number = format!(
        "{{\"type\": \"progress\", \"data\": {{\"value\": NaN, \"max\": Infinity, \"prompt_id\": \"{prompt_id}\", \"node\": \"1\"}}}}"
    );
    events.push(Message::Text(not_a_number.into()));
    events
}

/// A preview and a text that do not say which prompt they belong to.
fn foreign_frames() -> Vec<Message> {
    let picture = jpeg(&picture::draw("somebody else's", None, 0, (64, 64))).unwrap_or_default();
    let text = [&3_u32.to_be_bytes()[..], &2_u32.to_be_bytes(), b"77", b"somebody else's"].concat();
    vec![Message::Binary(hub::preview_frame(1, &picture)), Message::Binary(text.into())]
}

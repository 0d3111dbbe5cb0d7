//! The server's log: the latest lines, and the clients that are sent each new one.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::hub::{self, Hub};

/// How many lines the real server keeps.
const LINES_MAX: usize = 300;

#[derive(Debug, Default)]
pub(crate) struct Log(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    lines: VecDeque<Value>,
    subscribers: BTreeSet<String>,
    /// The size of the terminal is told once, and again only when it changes, which it does not here.
    size_is_told: bool,
}

impl Log {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a line and sends it to those who asked for it. One whose socket is gone is forgotten.
    pub(crate) fn write(&self, hub: &Hub, text: &str) {
        let time = jiff::Zoned::now().strftime("%Y-%m-%dT%H:%M:%S%.6f").to_string();
        let line = json!({"t": time, "m": format!("{text}\n")});
        let mut kept = self.kept();
        if kept.lines.len() >= LINES_MAX {
            kept.lines.pop_front();
        }
        kept.lines.push_back(line.clone());
        if kept.subscribers.is_empty() {
            return;
        }
        let size = if kept.size_is_told { Value::Null } else { size() };
        kept.size_is_told = true;
        let event = hub::event("logs", &json!({"entries": [line], "size": size}));
        kept.subscribers.retain(|client_id| {
            let is_there = hub.is_connected(client_id);
            if is_there {
                hub.send_to(client_id, &event);
            }
            is_there
        });
    }

    pub(crate) fn subscribe(&self, client_id: String) {
        self.kept().subscribers.insert(client_id);
    }

    pub(crate) fn unsubscribe(&self, client_id: &str) {
        self.kept().subscribers.remove(client_id);
    }

    /// The reply of `GET /internal/logs/raw`.
    pub(crate) fn raw(&self) -> Value {
        let mut kept = self.kept();
        kept.size_is_told = true;
        json!({"entries": kept.lines, "size": size()})
    }

    /// The reply of `GET /internal/logs`.
    pub(crate) fn text(&self) -> String {
        let kept = self.kept();
        let text = |line: &Value, name| line.get(name).and_then(Value::as_str).map(str::to_owned);
        let lines = kept
            .lines
            .iter()
            .filter_map(|line| Some(format!("{} - {}", text(line, "t")?, text(line, "m")?)));
        lines.collect()
    }

    pub(crate) fn lose_everything(&self) {
        *self.kept() = Kept::default();
    }
}

/// That of a server without a terminal.
fn size() -> Value {
    json!({"cols": 80, "rows": 24})
}

//! Server-sent events, as far as the protocol uses them.

use serde_json::Value;

/// Puts the pieces of a stream together again.
#[derive(Debug, Default)]
pub(crate) struct Events {
    unread: Vec<u8>,
}

impl Events {
    /// Takes in a piece and gives the messages that are whole with it. Events without data open
    /// a stream or keep it alive.
    pub(crate) fn take_in(&mut self, piece: &[u8]) -> Vec<Value> {
        self.unread.extend_from_slice(piece);
        let mut messages = Vec::new();
        while let Some(end) = self.unread.windows(2).position(|pair| pair == b"\n\n") {
            let event: Vec<u8> = self.unread.drain(..end + 2).collect();
            let data = data(std::str::from_utf8(&event).expect("events are UTF-8"));
            if !data.is_empty() {
                messages.push(serde_json::from_str(&data).expect("data is a message"));
            }
        }
        messages
    }
}

fn data(event: &str) -> String {
    let lines = event.lines().filter_map(|line| line.strip_prefix("data:"));
    lines.map(str::trim_start).collect::<Vec<_>>().join("\n")
}

#[test]
fn events_come_in_pieces() {
    let mut events = Events::default();
    assert_eq!(events.take_in(b"id: 0\nretry: 3000\ndata:\n\n: alive\n\ndata: {\"a\""), [0; 0]);
    assert_eq!(events.take_in(b":1}\n"), [0; 0]);
    let message = serde_json::json!({"a": 1});
    assert_eq!(events.take_in(b"\nevent: message\ndata: 2\n\n"), [message, 2.into()]);
}

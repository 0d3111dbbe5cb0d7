//! The open sockets and what is sent to them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::extract::ws::Message;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::cut::CutSwitch;
use crate::python;

/// How many frames may wait for one client. The real server has no limit and is held up by a client that does not
/// read; this one cuts such a client off.
pub(crate) const FRAMES_QUEUED_MAX: usize = 8_192;

/// The sockets by client id. A second socket with an id replaces the first, and the end of *either* removes the id:
/// so it is on the real server, and clients must live with it.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    sockets: Mutex<HashMap<String, Socket>>,
    all: CutSwitch,
}

#[derive(Debug)]
struct Socket {
    frames: mpsc::Sender<Message>,
    cut: CancellationToken,
    takes_preview_metadata: bool,
}

/// What the task of one socket holds.
#[derive(Debug)]
pub(crate) struct Attached {
    pub(crate) frames: mpsc::Receiver<Message>,
    pub(crate) cut: CancellationToken,
}

impl Hub {
    fn sockets(&self) -> MutexGuard<'_, HashMap<String, Socket>> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a socket whose first frames are `greeting`.
    pub(crate) fn attach(&self, client_id: &str, greeting: &[Value]) -> Attached {
        let (sender, frames) = mpsc::channel(FRAMES_QUEUED_MAX);
        let cut = self.all.connect();
        let socket = Socket { frames: sender, cut: cut.clone(), takes_preview_metadata: false };
        for event in greeting {
            socket.push(text(event));
        }
        self.sockets().insert(client_id.to_owned(), socket);
        Attached { frames, cut }
    }

    pub(crate) fn detach(&self, client_id: &str) {
        self.sockets().remove(client_id);
    }

    pub(crate) fn client_ids(&self) -> Vec<String> {
        let mut ids: Vec<String> = self.sockets().keys().cloned().collect();
        ids.sort_unstable();
        ids
    }

    pub(crate) fn set_preview_metadata(&self, client_id: &str, takes: bool) {
        if let Some(socket) = self.sockets().get_mut(client_id) {
            socket.takes_preview_metadata = takes;
        }
    }

    pub(crate) fn takes_preview_metadata(&self, client_id: &str) -> bool {
        self.sockets().get(client_id).is_some_and(|socket| socket.takes_preview_metadata)
    }

    pub(crate) fn send_to(&self, client_id: &str, event: &Value) {
        if let Some(socket) = self.sockets().get(client_id) {
            socket.push(text(event));
        }
    }

    pub(crate) fn send_to_all(&self, event: &Value) {
        let message = text(event);
        self.sockets().values().for_each(|socket| socket.push(message.clone()));
    }

    pub(crate) fn send_bytes_to(&self, client_id: &str, frame: Bytes) {
        if let Some(socket) = self.sockets().get(client_id) {
            socket.push(Message::Binary(frame));
        }
    }

    pub(crate) fn send_bytes_to_all(&self, frame: &Bytes) {
        self.sockets().values().for_each(|socket| socket.push(Message::Binary(frame.clone())));
    }

    /// Frames that no server should send: broken JSON, a type nobody knows, binary frames that are cut short.
    pub(crate) fn send_garbage_to_all(&self) {
        let frames = [
            Message::Text("{\"type\": \"status\", \"data\": {".into()),
            Message::Text("{\"type\": \"no_such_event\", \"data\": [1, null]}".into()),
            Message::Text("[]".into()),
            Message::Binary(Bytes::from_static(&[0, 0])),
            Message::Binary(Bytes::from_static(&[0, 0, 0, 4, 0, 0, 255, 255, b'{'])),
            Message::Binary(Bytes::from_static(&[0, 0, 0, 99, 1, 2, 3, 4])),
        ];
        for frame in frames {
            self.sockets().values().for_each(|socket| socket.push(frame.clone()));
        }
    }

    /// Cuts every connection without a closing handshake.
    pub(crate) fn cut_all(&self) {
        self.all.cut();
        self.sockets().clear();
    }
}

impl Socket {
    fn push(&self, message: Message) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.frames.try_send(message) {
            tracing::warn!("a client does not read its frames and is cut off");
            self.cut.cancel();
        }
    }
}

fn text(event: &Value) -> Message {
    Message::Text(python::dumps(event).into())
}

/// The envelope of every text frame.
pub(crate) fn event(kind: &str, data: &Value) -> Value {
    json!({"type": kind, "data": data})
}

/// Frame type 1: a preview without any ids. `format` is 1 for JPEG and 2 for PNG.
pub(crate) fn preview_frame(format: u32, image: &[u8]) -> Bytes {
    [&1_u32.to_be_bytes(), &format.to_be_bytes(), image].concat().into()
}

/// Frame type 4: a preview that says which node of which prompt it belongs to.
pub(crate) fn preview_frame_with_metadata(metadata: &Value, image: &[u8]) -> Bytes {
    let metadata = python::dumps(metadata);
    let length = u32::try_from(metadata.len()).unwrap_or(u32::MAX);
    [&4_u32.to_be_bytes(), &length.to_be_bytes(), metadata.as_bytes(), image].concat().into()
}

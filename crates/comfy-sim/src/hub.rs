//! The open sockets and what is sent to them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
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
#[derive(Debug)]
pub(crate) struct Hub {
    sockets: Mutex<HashMap<String, Socket>>,
    all: CutSwitch,
    frozen: CutSwitch,
    is_silent: AtomicBool,
    /// How many frames were sent, each counted once however many sockets got it.
    frames_sent: AtomicUsize,
    /// After which of them every socket is cut.
    cut_after: AtomicUsize,
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
    /// Cancelled when the connection is to look alive and do nothing.
    pub(crate) frozen: CancellationToken,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            sockets: Mutex::default(),
            all: CutSwitch::default(),
            frozen: CutSwitch::default(),
            is_silent: AtomicBool::new(false),
            frames_sent: AtomicUsize::new(0),
            cut_after: AtomicUsize::new(usize::MAX),
        }
    }
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
        Attached { frames, cut, frozen: self.frozen.connect() }
    }

    pub(crate) fn detach(&self, client_id: &str) {
        self.sockets().remove(client_id);
    }

    pub(crate) fn client_ids(&self) -> Vec<String> {
        let mut ids: Vec<String> = self.sockets().keys().cloned().collect();
        ids.sort_unstable();
        ids
    }

    pub(crate) fn is_connected(&self, client_id: &str) -> bool {
        self.sockets().contains_key(client_id)
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
        self.push_to(client_id, text(event));
    }

    pub(crate) fn send_to_all(&self, event: &Value) {
        self.push_to_all(&text(event));
    }

    pub(crate) fn send_bytes_to(&self, client_id: &str, frame: Bytes) {
        self.push_to(client_id, Message::Binary(frame));
    }

    pub(crate) fn send_bytes_to_all(&self, frame: &Bytes) {
        self.push_to_all(&Message::Binary(frame.clone()));
    }

    /// Sends frames to everybody as they are, whatever they are.
    pub(crate) fn send_raw_to_all(&self, frames: &[Message]) {
        for frame in frames {
            self.push_to_all(frame);
        }
    }

    fn push_to(&self, client_id: &str, message: Message) {
        if self.is_silent.load(Ordering::Relaxed) {
            return;
        }
        if let Some(socket) = self.sockets().get(client_id) {
            socket.push(message);
        }
        self.count_frame();
    }

    fn push_to_all(&self, message: &Message) {
        if !self.is_silent.load(Ordering::Relaxed) {
            self.sockets().values().for_each(|socket| socket.push(message.clone()));
            self.count_frame();
        }
    }

    fn count_frame(&self) {
        let before = self.frames_sent.fetch_add(1, Ordering::SeqCst);
        if before + 1 == self.cut_after.load(Ordering::SeqCst) {
            self.cut_all();
        }
    }

    pub(crate) fn frames_sent(&self) -> usize {
        self.frames_sent.load(Ordering::SeqCst)
    }

    /// Cuts every connection once so many more frames were sent.
    pub(crate) fn cut_all_after(&self, frames: usize) {
        match frames {
            0 => self.cut_all(),
            _ => self.cut_after.store(self.frames_sent() + frames, Ordering::SeqCst),
        }
    }

    /// Sends nothing more to anybody; [`speak`](Self::speak) ends it.
    pub(crate) fn fall_silent(&self) {
        self.is_silent.store(true, Ordering::Relaxed);
    }

    pub(crate) fn speak(&self) {
        self.is_silent.store(false, Ordering::Relaxed);
    }

    /// Leaves the connections that are open now as they are: neither written nor read.
    pub(crate) fn freeze_all(&self) {
        self.frozen.cut();
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

//! `GET /ws`.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::reply;
use crate::hub::{self, Attached};
use crate::server::{Server, features, queue_info};

/// The longest message that a client may send.
const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

pub(super) async fn open(
    State(server): State<Arc<Server>>,
    Query(query): Query<HashMap<String, String>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Ok(upgrade) = upgrade else {
        return reply::text(
            StatusCode::BAD_REQUEST,
            "No WebSocket UPGRADE hdr: None\n Can \"Upgrade\" only to \"WebSocket\".",
        );
    };
    let client_id = query.get("clientId").filter(|id| !id.is_empty()).cloned();
    let client_id = client_id.unwrap_or_else(|| uuid::Uuid::new_v4().simple().to_string());
    let upgrade = upgrade.max_message_size(MESSAGE_BYTES_MAX).max_frame_size(MESSAGE_BYTES_MAX);
    let tasks = server.tasks.clone();
    upgrade.on_upgrade(move |socket| tasks.track_future(serve(server, client_id, socket)))
}

async fn serve(server: Arc<Server>, client_id: String, socket: WebSocket) {
    let attached = {
        let state = server.state();
        let mut greeting =
            vec![hub::event("status", &json!({"status": queue_info(&state), "sid": client_id}))];
        let current = state
            .current
            .as_ref()
            .filter(|current| current.client_id.as_deref() == Some(&client_id));
        if let Some(node) = current.and_then(|current| current.node.as_deref()) {
            greeting.push(hub::event("executing", &json!({"node": node})));
        }
        server.hub.attach(&client_id, &greeting)
    };
    exchange(&server, &client_id, socket, attached).await;
    server.hub.detach(&client_id);
}

async fn exchange(server: &Server, client_id: &str, mut socket: WebSocket, mut attached: Attached) {
    let mut is_first = true;
    let (cut, frozen) = (attached.cut.clone(), attached.frozen.clone());
    loop {
        server.until_it_answers().await;
        // What was sent before a cut still arrives, unless the client does not read.
        tokio::select! {
            biased;
            () = frozen.cancelled() => return cut.cancelled().await,
            frame = attached.frames.recv() => {
                // Replaced by a newer socket with the same id, this one gets nothing more but stays open.
                let Some(frame) = frame else { return stay_open(&mut socket, &cut).await };
                server.until_it_answers().await;
                let sent = tokio::select! {
                    biased;
                    sent = socket.send(frame) => sent,
                    () = cut.cancelled() => return,
                };
                if sent.is_err() {
                    return;
                }
            }
            () = cut.cancelled() => return,
            message = socket.recv() => match message {
                None | Some(Err(_) | Ok(Message::Close(_))) => return,
                Some(Ok(Message::Text(text))) => read(server, client_id, text.as_str(), &mut is_first),
                Some(Ok(_)) => {}
            },
        }
    }
}

async fn stay_open(socket: &mut WebSocket, cut: &tokio_util::sync::CancellationToken) {
    loop {
        tokio::select! {
            () = cut.cancelled() => return,
            message = socket.recv() => if matches!(message, None | Some(Err(_) | Ok(Message::Close(_)))) { return },
        }
    }
}

/// Only feature flags are understood, and only as the first JSON object that a client sends.
fn read(server: &Server, client_id: &str, text: &str, is_first: &mut bool) {
    let Ok(Value::Object(message)) = serde_json::from_str::<Value>(text) else { return };
    if *is_first && message.get("type").and_then(Value::as_str) == Some("feature_flags") {
        let takes = message.get("data").and_then(|flags| flags.get("supports_preview_metadata"))
            == Some(&Value::Bool(true));
        server.hub.set_preview_metadata(client_id, takes);
        server.hub.send_to(client_id, &hub::event("feature_flags", &features(&server.options)));
    }
    *is_first = false;
}

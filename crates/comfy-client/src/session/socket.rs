//! Opening and closing the WebSocket.

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use tokio::{net::TcpStream, time};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async_with_config,
    tungstenite::{
        self, Message, client::IntoClientRequest as _, http::header::AUTHORIZATION,
        protocol::WebSocketConfig,
    },
};

use crate::{
    client::Client,
    error::{Call, Error, Method},
    ids::ClientId,
    wire,
};

pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// How long a server gets to confirm that a socket is closed.
const CLOSE_WAIT: Duration = Duration::from_secs(1);

/// Opens the socket, says what this client can do, and waits for the first status. Returns also
/// how many prompts the server has.
pub(crate) async fn open(
    client: &Client,
    client_id: ClientId,
) -> Result<(Socket, Option<u64>), Error> {
    let http = &*client.http;
    let limits = &http.limits;
    let server = || http.server.clone();
    let failed =
        |source: tungstenite::Error| Error::Socket { server: server(), source: source.into() };

    let url = http.server.socket(&client_id.to_string());
    let mut request = url.as_str().into_client_request().map_err(failed)?;
    if let Some(value) = http.authorization() {
        request.headers_mut().insert(AUTHORIZATION, value.clone());
    }
    let config = WebSocketConfig::default()
        .max_message_size(Some(limits.frame_bytes_max))
        .max_frame_size(Some(limits.frame_bytes_max));
    let connecting = connect_async_with_config(request, Some(config), false);
    let after = limits.connect_timeout;
    let (mut socket, _) = time::timeout(after, connecting)
        .await
        .map_err(|_| Error::ConnectTimeout { server: server(), after })?
        .map_err(|error| refused(client, error))?;

    let greeting = async {
        socket.send(Message::text(wire::feature_flags())).await?;
        while let Some(frame) = socket.next().await {
            if let Message::Text(text) = frame?
                && let Ok(wire::Message::Status { queue_remaining, .. }) =
                    wire::decode_text(text.as_bytes())
            {
                return Ok(queue_remaining);
            }
        }
        Err(tungstenite::Error::ConnectionClosed)
    };
    let after = limits.reply_timeout;
    let call = Call::new(Method::Get, "/ws", &http.server);
    let queue_remaining = time::timeout(after, greeting)
        .await
        .map_err(|_| Error::Timeout { call, limit: "reply_timeout", after })?
        .map_err(failed)?;
    Ok((socket, queue_remaining))
}

/// Closes the socket as far as the server lets itself be told. The client id must not be used
/// again before: the server would forget the new socket when it notices the end of the old one.
pub(crate) async fn close(mut socket: Socket) {
    let goodbye = async {
        socket.close(None).await?;
        while let Some(frame) = socket.next().await {
            frame?;
        }
        Ok::<(), tungstenite::Error>(())
    };
    match time::timeout(CLOSE_WAIT, goodbye).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "the socket was closed before"),
        Err(_) => tracing::debug!("the server did not confirm that the socket is closed"),
    }
}

/// Sorts the answers to a handshake like those to other requests.
fn refused(client: &Client, error: tungstenite::Error) -> Error {
    let http = &*client.http;
    let server = http.server.clone();
    let call = Call::new(Method::Get, "/ws", &server);
    #[expect(clippy::wildcard_enum_match_arm, reason = "all others of a foreign enum are alike")]
    let response = match error {
        tungstenite::Error::Http(response) => response,
        tungstenite::Error::Io(source) => return Error::Connect { server, source: source.into() },
        other => return Error::Socket { server, source: other.into() },
    };
    let status = response.status().as_u16();
    if matches!(status, 401 | 403) {
        return Error::Refused { call, status, with_credentials: http.authorization().is_some() };
    }
    let body = http.excerpt(response.body().as_deref().unwrap_or_default());
    // ComfyUI switches protocols or says no; a page is somebody else's.
    if response.status().is_success() {
        let content_type = response.headers().get("content-type");
        let content_type = content_type.and_then(|value| value.to_str().ok()).map(str::to_owned);
        return Error::NotComfyUi { call, content_type, start: body };
    }
    Error::Status { call, status, body }
}

//! Opening and closing the WebSocket.

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use tokio::{net::TcpStream, time};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, client_async_tls_with_config,
    tungstenite::{
        self, Message, client::IntoClientRequest as _, http::header::AUTHORIZATION,
        protocol::WebSocketConfig,
    },
};
use url::{Host, Url};

use crate::{
    client::Client,
    error::{Call, Error, Method},
    http::Reply,
    ids::ClientId,
    wire,
};

pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// How long a server gets to confirm that a socket is closed.
const CLOSE_WAIT: Duration = Duration::from_secs(1);

/// Opens the socket, says what this client can do, and waits for the first status. Returns also
/// how many prompts the server has. A busy server accepts connections long before it answers, so
/// only the connection has to stand within `connect_timeout`.
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
    let stream = connect(client, &url).await?;
    let handshake = async {
        let (mut socket, _) = client_async_tls_with_config(request, stream, Some(config), None)
            .await
            .map_err(|error| refused(client, error))?;
        let queue_remaining = greet(&mut socket).await.map_err(failed)?;
        Ok((socket, queue_remaining))
    };
    let after = limits.reply_timeout;
    time::timeout(after, handshake).await.unwrap_or_else(|_| {
        let call = Call::new(Method::Get, "/ws", &http.server);
        Err(Error::Timeout { call, limit: "reply_timeout", after })
    })
}

async fn connect(client: &Client, url: &Url) -> Result<TcpStream, Error> {
    let server = || client.url().clone();
    let no_address = || Error::Connect { server: server(), source: "it has no address".into() };
    let port = url.port_or_known_default().ok_or_else(no_address)?;
    let connecting = async {
        match url.host().ok_or_else(no_address)? {
            Host::Domain(name) => TcpStream::connect((name, port)).await,
            Host::Ipv4(ip) => TcpStream::connect((ip, port)).await,
            Host::Ipv6(ip) => TcpStream::connect((ip, port)).await,
        }
        .map_err(|source| Error::Connect { server: server(), source: source.into() })
    };
    let after = client.limits().connect_timeout;
    time::timeout(after, connecting)
        .await
        .unwrap_or_else(|_| Err(Error::ConnectTimeout { server: server(), after }))
}

/// Says what this client can do, and waits until the server has said how many prompts it has.
async fn greet(socket: &mut Socket) -> Result<Option<u64>, tungstenite::Error> {
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
    #[expect(clippy::wildcard_enum_match_arm, reason = "all others of a foreign enum are alike")]
    let response = match error {
        tungstenite::Error::Http(response) => response,
        tungstenite::Error::Io(source) => return Error::Connect { server, source: source.into() },
        tungstenite::Error::Tls(source) => return Error::Connect { server, source: source.into() },
        other => return Error::Socket { server, source: other.into() },
    };
    let (parts, body) = response.into_parts();
    let call = Call::new(Method::Get, "/ws", &server);
    let body = body.unwrap_or_default().into();
    let reply = Reply::new(call, parts.status.as_u16(), &parts.headers, body);
    match reply.success(http) {
        // ComfyUI switches protocols or says no.
        Ok(reply) => reply.foreign(http),
        Err(error) => error,
    }
}

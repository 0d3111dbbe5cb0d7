//! Serving one client over a pair of byte streams, such as standard input and output.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use rmcp::{
    ServiceExt,
    service::{QuitReason, ServerInitializeError},
    transport::async_rw::AsyncRwTransport,
};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::CancellationToken;

use crate::Server;

/// How long one message may be. The library answers nothing to a longer one, so this is enough for
/// every workflow that a tool takes, as text in text, and for telling of one that is too long.
const LINE_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Why serving over pipes ended badly.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PipeError {
    /// The client did not begin as the protocol wants.
    #[error("the client did not open the session")]
    Handshake {
        /// What it did instead.
        #[source]
        source: Box<ServerInitializeError>,
    },
    /// The task that serves ended by a defect.
    #[error("serving ended by a defect")]
    Broken {
        /// How the task ended.
        #[source]
        source: tokio::task::JoinError,
    },
}

/// Serves one client until it closes its end or `stop` is cancelled. Calls that still run are
/// given a moment to answer; their jobs go on at ComfyUI.
pub async fn serve_pipes(
    server: Server,
    reader: impl AsyncRead + Send + Unpin + 'static,
    writer: impl AsyncWrite + Send + Unpin + 'static,
    stop: CancellationToken,
) -> Result<(), PipeError> {
    let server = server.session_over_pipe();
    let reader = UntilEnd { reader, server: server.clone() };
    // Two tokens: after ours, calls are answered first, and only then the library stops.
    let serving = CancellationToken::new();
    let stopping = serving.clone();
    let closing = server.clone();
    let session = serve(server, reader, writer, serving);
    tokio::pin!(session);
    tokio::select! {
        ended = &mut session => return ended,
        () = stop.cancelled() => {}
    }
    tokio::select! {
        ended = &mut session => return ended,
        () = closing.close() => stopping.cancel(),
    }
    session.await
}

async fn serve(
    server: Server,
    reader: impl AsyncRead + Send + Unpin + 'static,
    writer: impl AsyncWrite + Send + Unpin + 'static,
    serving: CancellationToken,
) -> Result<(), PipeError> {
    let lines = AsyncRwTransport::new_server(reader, writer).with_max_line_length(LINE_BYTES_MAX);
    let running = match server.serve_with_ct(lines, serving).await {
        Ok(running) => running,
        // A client that leaves before it says anything has had what it wanted.
        Err(ServerInitializeError::ConnectionClosed(_) | ServerInitializeError::Cancelled) => {
            return Ok(());
        }
        Err(source) => return Err(PipeError::Handshake { source: Box::new(source) }),
    };
    match running.waiting().await {
        Ok(QuitReason::JoinError(source)) | Err(source) => Err(PipeError::Broken { source }),
        Ok(_) => Ok(()),
    }
}

/// A reader that tells the server when its client is gone: what is cancelled afterwards was not
/// taken back by anyone, and progress has no reader any more.
struct UntilEnd<R> {
    reader: R,
    server: Server,
}

impl<R: AsyncRead + Unpin> AsyncRead for UntilEnd<R> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let filled_before = buffer.filled().len();
        let polled = Pin::new(&mut this.reader).poll_read(context, buffer);
        let is_end = match &polled {
            Poll::Ready(Ok(())) => buffer.filled().len() == filled_before && buffer.remaining() > 0,
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        };
        if is_end {
            this.server.client_is_gone();
        }
        polled
    }
}

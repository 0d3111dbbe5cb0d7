//! The listening socket: one that can refuse connections and cut those that are open, as a server does that goes
//! down.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::cut::CutSwitch;

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 1024;

/// The pause after an error of `accept`, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Whether connections are wanted, and whether the socket is open by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    Open,
    Closing,
    Closed,
    Opening,
}

#[derive(Debug)]
pub(crate) struct SimListener {
    address: SocketAddr,
    socket: Option<TcpListener>,
    door: watch::Sender<Door>,
    connections: Arc<CutSwitch>,
}

/// An accepted connection, which its token cuts.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    cut: CancellationToken,
    until_cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

/// What a handler knows of the connection that its request came in on.
#[derive(Clone, Debug)]
pub(crate) struct Cut(pub(crate) CancellationToken);

impl Connected<IncomingStream<'_, SimListener>> for Cut {
    fn connect_info(stream: IncomingStream<'_, SimListener>) -> Self {
        Self(stream.io().cut.clone())
    }
}

impl SimListener {
    pub(crate) async fn bind(
        address: SocketAddr,
        door: watch::Sender<Door>,
        connections: Arc<CutSwitch>,
    ) -> io::Result<Self> {
        let socket = TcpListener::bind(address).await?;
        let address = socket.local_addr()?;
        Ok(Self { address, socket: Some(socket), door, connections })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    fn reopen(&self) -> io::Result<TcpListener> {
        let socket =
            if self.address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        socket.bind(self.address)?;
        socket.listen(BACKLOG)
    }

    /// Does what the door asks for, and says so.
    async fn follow_the_door(&mut self) {
        let asked = *self.door.borrow();
        match asked {
            Door::Open | Door::Closed => {}
            Door::Closing => {
                self.socket = None;
                self.door.send_replace(Door::Closed);
            }
            Door::Opening => match self.reopen() {
                Ok(socket) => {
                    self.socket = Some(socket);
                    self.door.send_replace(Door::Open);
                }
                Err(error) => {
                    tracing::warn!(%error, address = %self.address, "the port cannot be taken again yet");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
}

impl Listener for SimListener {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            self.follow_the_door().await;
            let mut door = self.door.subscribe();
            let is_settled = |door: &Door| matches!(door, Door::Open | Door::Closed);
            if !is_settled(&door.borrow_and_update()) {
                continue;
            }
            let Some(socket) = &self.socket else {
                drop(door.changed().await);
                continue;
            };
            let accepted = tokio::select! {
                accepted = socket.accept() => accepted,
                _ = door.changed() => continue,
            };
            match accepted {
                Ok((stream, address)) => {
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%error, "TCP_NODELAY cannot be set");
                    }
                    let cut = self.connections.connect();
                    let until_cut = Box::pin(cut.clone().cancelled_owned());
                    return (Connection { stream, cut, until_cut }, address);
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

impl Connection {
    fn poll_cut(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.until_cut.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::ErrorKind::ConnectionReset.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_cut(context)?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_cut(context)?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_cut(context)?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

//! Every wait and every buffer has its limit here.

use std::time::Duration;

use crate::error::Error;

/// How long to wait and how much to take. The defaults suit one server in a local network or
/// behind a proxy; tests make the times small.
///
/// ```
/// use std::time::Duration;
/// use comfy_client::Limits;
/// let limits = Limits { reply_timeout: Duration::from_secs(5), ..Limits::default() };
/// assert!(limits.reply_timeout < Limits::default().reply_timeout);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For a connection to stand, TLS included (for a WebSocket, TLS counts as part of the
    /// reply). Default 10 s: beyond that a host is down.
    pub connect_timeout: Duration,
    /// For one whole reply other than a file. Default 60 s: a server with many node packs and
    /// models answers `/object_info` only after half a minute, and nothing else meanwhile.
    pub reply_timeout: Duration,
    /// For an upload with its reply. Default 300 s: the server's own 100 MiB over a slow line.
    pub upload_timeout: Duration,
    /// For the next piece of a file that is being read. Default 30 s; the whole file may take
    /// longer.
    pub view_timeout: Duration,
    /// How long a server may give no usable answer before a [`Watch`](crate::Watch) gives up.
    /// Default 10 min. A server that is silent may load a model and still run the prompt, and
    /// one that refuses connections may be restarting with many node packs; giving up early
    /// would lose results that are about to come, and waiting costs nothing.
    pub gone_after: Duration,
    /// How often a [`Watch`](crate::Watch) asks the history although no event calls for it.
    /// Default 3 s: the reply for an unfinished prompt is two bytes.
    pub history_poll_every: Duration,
    /// How often a [`Watch`](crate::Watch) also asks the queue, to see that the prompt was not
    /// deleted. Default 30 s: that reply holds every workflow that waits.
    pub queue_poll_every: Duration,
    /// How often the socket is pinged; the server never pings itself. Default 20 s. Must be
    /// shorter than `silence_max`.
    pub ping_every: Duration,
    /// How long a socket may be silent, answers to pings included, before it counts as lost.
    /// Default 60 s: three pings.
    pub silence_max: Duration,
    /// The largest JSON reply, in bytes. Default 64 MiB: a stock `/object_info` has 1.6 MB, and
    /// packs and models multiply it.
    pub json_bytes_max: u64,
    /// The largest file read, in bytes. Default 2 GiB: a long video. This is for files that are
    /// streamed; to hold one in memory, see
    /// [`View::bytes_at_most`](crate::View::bytes_at_most).
    pub view_bytes_max: u64,
    /// The largest WebSocket message, in bytes. Default 64 MiB: `SaveImageWebsocket` sends whole
    /// pictures in one frame.
    pub frame_bytes_max: usize,
}

impl Limits {
    /// Refuses what would make every quiet socket count as lost.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let Self { ping_every, silence_max, .. } = self;
        if ping_every < silence_max {
            return Ok(());
        }
        let problem = format!(
            "`ping_every` ({ping_every:?}) must be shorter than `silence_max` ({silence_max:?})"
        );
        Err(Error::Unusable { problem })
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            reply_timeout: Duration::from_mins(1),
            upload_timeout: Duration::from_mins(5),
            view_timeout: Duration::from_secs(30),
            gone_after: Duration::from_mins(10),
            history_poll_every: Duration::from_secs(3),
            queue_poll_every: Duration::from_secs(30),
            ping_every: Duration::from_secs(20),
            silence_max: Duration::from_mins(1),
            json_bytes_max: 64 << 20,
            view_bytes_max: 2 << 30,
            frame_bytes_max: 64 << 20,
        }
    }
}

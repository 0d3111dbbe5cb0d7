//! What can go wrong, sorted by what the caller can do next.

use std::{fmt, time::Duration};

use thiserror::Error;
use workflow_graph::json::ParseError;

use crate::{files::FileRef, ids::PromptId, rejection::Rejection, url::ServerUrl};

/// The cause of an error in a library below this one.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The method of a request.
///
/// ```
/// use comfy_client::Method;
/// assert!(Method::Get.is_safe() && !Method::Post.is_safe());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `GET`: asks only.
    Get,
    /// `POST`: changes something.
    Post,
    /// `PATCH`: changes something.
    Patch,
}

impl Method {
    /// Whether repeating a request with this method changes nothing on the server.
    pub fn is_safe(self) -> bool {
        self == Self::Get
    }
}

/// One request, for messages: the path without its query.
///
/// ```
/// use comfy_client::{Call, Method};
/// let call = Call::new(Method::Get, "/queue", &"http://127.0.0.1:8188".parse()?);
/// assert_eq!(call.to_string(), "GET /queue at http://127.0.0.1:8188/");
/// # Ok::<(), comfy_client::InvalidServerUrl>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its method.
    pub method: Method,
    /// Its path below the server's base path.
    pub path: Box<str>,
    /// The server.
    pub server: ServerUrl,
}

impl Call {
    /// A call of `path`, which begins with a slash.
    pub fn new(method: Method, path: &str, server: &ServerUrl) -> Self {
        Self { method, path: path.into(), server: server.clone() }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = match self.method {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Patch => "PATCH",
        };
        write!(f, "{method} {} at {}", self.path, self.server)
    }
}

/// What a caller may do after an error.
///
/// ```
/// use comfy_client::{Error, Method, Retry};
/// let server = "http://127.0.0.1:8188".parse()?;
/// let error = Error::Connect { server, source: "connection refused".into() };
/// assert_eq!(error.retry(), Retry::Safe);
/// assert!(error.is_retryable());
/// # Ok::<(), comfy_client::InvalidServerUrl>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The same call will fail again; something has to change first.
    Never,
    /// The same call may be made again.
    Safe,
    /// The call may have taken effect. Look the prompt up in the history and the queue before
    /// sending it again.
    CheckFirst,
}

/// Why a call to a server failed. No variant shows credentials.
///
/// ```
/// use std::time::Duration;
/// use comfy_client::{Call, Error, Method, Retry};
///
/// let call = Call::new(Method::Post, "/prompt", &"http://127.0.0.1:8188".parse()?);
/// let error = Error::Timeout { call, limit: "reply_timeout", after: Duration::from_secs(60) };
/// assert_eq!(
///     error.to_string(),
///     "POST /prompt at http://127.0.0.1:8188/ had no answer within 60s (reply_timeout)"
/// );
/// assert_eq!(error.retry(), Retry::CheckFirst);
/// # Ok::<(), comfy_client::InvalidServerUrl>(())
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The options or arguments cannot be used; nothing was sent.
    #[error("{problem}")]
    Unusable {
        /// What is wrong and what would do.
        problem: String,
    },
    /// The TLS or HTTP stack of this machine could not be set up.
    #[error("cannot set up the HTTP client")]
    Setup {
        /// The cause.
        #[source]
        source: BoxError,
    },
    /// No connection; nothing was sent.
    #[error("cannot connect to {server}; is ComfyUI running there?")]
    Connect {
        /// The server.
        server: ServerUrl,
        /// The cause.
        #[source]
        source: BoxError,
    },
    /// No connection in time; nothing was sent.
    #[error("no connection to {server} within {after:?} (connect_timeout)")]
    ConnectTimeout {
        /// The server.
        server: ServerUrl,
        /// How long it was waited for.
        after: Duration,
    },
    /// The request was sent, and the answer did not come in time.
    #[error("{call} had no answer within {after:?} ({limit})")]
    Timeout {
        /// The request.
        call: Call,
        /// Which of the [`Limits`](crate::Limits) it was.
        limit: &'static str,
        /// How long it was waited for.
        after: Duration,
    },
    /// The request was sent, and the connection ended before the whole reply.
    #[error("the reply to {call} was lost: the connection ended")]
    ReplyLost {
        /// The request.
        call: Call,
        /// The cause.
        #[source]
        source: BoxError,
    },
    /// The server refused the workflow.
    #[error("{server} refused the workflow: {rejection}")]
    Rejected {
        /// The server.
        server: ServerUrl,
        /// What it said.
        rejection: Box<Rejection>,
    },
    /// 401 or 403.
    #[error("{call} was refused with {status}: {}", refusal_hint(*.status, *.with_credentials))]
    Refused {
        /// The request.
        call: Call,
        /// 401 or 403.
        status: u16,
        /// Whether credentials were sent.
        with_credentials: bool,
    },
    /// 413: the body is larger than the server takes.
    #[error("{call} was refused with 413: the request is larger than the server takes{}; ComfyUI's limit is its `--max-upload-size` (100 MB unless set)", after_colon(.body))]
    RequestTooLarge {
        /// The request.
        call: Call,
        /// The beginning of the answer.
        body: String,
    },
    /// A redirect. None is followed, so that credentials go nowhere else.
    #[error("{call} was redirected{}; use the address it leads to", .location.as_ref().map(|to| format!(" to {to}")).unwrap_or_default())]
    Redirected {
        /// The request.
        call: Call,
        /// Where to, without credentials and query.
        location: Option<String>,
    },
    /// Any other status that is not a success.
    #[error("{call} was answered with status {status}{}", after_colon(.body))]
    Status {
        /// The request.
        call: Call,
        /// The status.
        status: u16,
        /// The beginning of the answer; often empty, and rarely JSON.
        body: String,
    },
    /// The answer is none that ComfyUI gives: a login page, a router, another program.
    #[error("{} does not look like ComfyUI: {} {} was answered with {}{}", .call.server, if .call.method.is_safe() { "GET" } else { "POST" }, .call.path, .content_type.as_deref().unwrap_or("no content type"), after_colon(.start))]
    NotComfyUi {
        /// The request.
        call: Call,
        /// What the answer says it is.
        content_type: Option<String>,
        /// The beginning of the answer.
        start: String,
    },
    /// The answer says it is JSON and is not.
    #[error("the reply to {call} cannot be read{}", after_colon(.start))]
    NotJson {
        /// The request.
        call: Call,
        /// The beginning of the answer.
        start: String,
        /// Where it stops being JSON.
        #[source]
        source: ParseError,
    },
    /// JSON of another shape than this route's.
    #[error("the reply to {call} is not what ComfyUI sends: {problem}")]
    UnexpectedReply {
        /// The request.
        call: Call,
        /// What differs.
        problem: String,
    },
    /// The reply is larger than one of the [`Limits`](crate::Limits), or than the caller of
    /// [`View::bytes_at_most`](crate::View::bytes_at_most) takes.
    #[error("the reply to {call} is larger than {bytes_max} bytes ({limit})")]
    BodyTooLarge {
        /// The request.
        call: Call,
        /// Which limit.
        limit: &'static str,
        /// The limit, in bytes.
        bytes_max: u64,
    },
    /// The server has no such file.
    #[error("{server} has no file {file}")]
    NoSuchFile {
        /// The server.
        server: ServerUrl,
        /// The file.
        file: FileRef,
    },
    /// The server said it stored a mask and did not.
    #[error(
        "{server} answered that it stored the mask as {file}, but there is no such file; it cannot read the original or the mask"
    )]
    MaskNotStored {
        /// The server.
        server: ServerUrl,
        /// The name it gave.
        file: FileRef,
    },
    /// The WebSocket could not be opened, or was lost before the first message.
    #[error("cannot open the WebSocket of {server}")]
    Socket {
        /// The server.
        server: ServerUrl,
        /// The cause.
        #[source]
        source: BoxError,
    },
    /// A watched prompt's server gave no usable answer for too long; what became of the prompt
    /// is not known.
    #[error(
        "{server} gave no usable answer for {after:?} (gone_after) while prompt {prompt} was watched"
    )]
    ServerGone {
        /// The server.
        server: ServerUrl,
        /// The prompt.
        prompt: PromptId,
        /// How long there was no usable answer.
        after: Duration,
        /// The last failed attempt, if one came to an end.
        #[source]
        source: Option<Box<Error>>,
    },
}

impl Error {
    /// What a caller may do next.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Connect { .. } | Self::ConnectTimeout { .. } | Self::Socket { .. } => Retry::Safe,
            Self::Timeout { call, .. } | Self::ReplyLost { call, .. } => call.lost(),
            Self::Status { call, status, .. } if (500..600).contains(status) => call.lost(),
            // The request was done; only its answer is of no use.
            Self::NotJson { call, .. }
            | Self::UnexpectedReply { call, .. }
            | Self::BodyTooLarge { call, .. }
                if !call.method.is_safe() =>
            {
                Retry::CheckFirst
            }
            Self::ServerGone { .. } => Retry::CheckFirst,
            Self::Unusable { .. }
            | Self::Setup { .. }
            | Self::Rejected { .. }
            | Self::Refused { .. }
            | Self::RequestTooLarge { .. }
            | Self::Redirected { .. }
            | Self::Status { .. }
            | Self::NotComfyUi { .. }
            | Self::NotJson { .. }
            | Self::UnexpectedReply { .. }
            | Self::BodyTooLarge { .. }
            | Self::NoSuchFile { .. }
            | Self::MaskNotStored { .. } => Retry::Never,
        }
    }

    /// Whether the same call may simply be made again.
    pub fn is_retryable(&self) -> bool {
        self.retry() == Retry::Safe
    }
}

impl Call {
    /// What may be done when it is not known whether the call took effect.
    fn lost(&self) -> Retry {
        if self.method.is_safe() { Retry::Safe } else { Retry::CheckFirst }
    }
}

fn refusal_hint(status: u16, with_credentials: bool) -> &'static str {
    match (status, with_credentials) {
        (401, false) => "the server wants credentials, and none were given",
        (401, true) => "the credentials are wrong",
        (_, false) => {
            "credentials may be missing, or ComfyUI's check of `Host` against `Origin` refused it; \
             a proxy must pass both on or neither"
        }
        (_, true) => {
            "the credentials are not enough, or ComfyUI's check of `Host` against `Origin` refused \
             it; a proxy must pass both on or neither"
        }
    }
}

fn after_colon(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

#[cfg(test)]
mod tests;

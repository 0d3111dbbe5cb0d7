//! Failures of the layers below, in the words of the front door.

use std::sync::Arc;

use comfy_client::Retry;
use workflow_graph::Json;

use crate::error::{Error, FailureCode};

/// A failure of the server or of the way to it.
pub(crate) fn client(error: impl Into<Arc<comfy_client::Error>>) -> Error {
    use comfy_client::Error as E;
    let error = error.into();
    let retry = error.retry();
    let message = with_causes(&*error);
    let (code, hint) = match &*error {
        E::Connect { server, .. } | E::ConnectTimeout { server, .. } | E::Socket { server, .. } => {
            let hint = format!(
                "start ComfyUI, or set COMFYUI_URL to where it runs; it was looked for at {server} \
                 (to try this without one, set MEDIAFACTORY_SIMULATE=always)"
            );
            (FailureCode::ComfyuiUnreachable, hint)
        }
        E::Timeout { .. } | E::ReplyLost { .. } | E::ServerGone { .. } => (
            FailureCode::ComfyuiUnreachable,
            "the server may be busy loading a model; look at its log".to_owned(),
        ),
        E::NotComfyUi { .. } | E::NotJson { .. } | E::UnexpectedReply { .. } => (
            FailureCode::ComfyuiUnreachable,
            "check the address: something other than ComfyUI answers there".to_owned(),
        ),
        E::Redirected { .. } | E::Refused { .. } => (
            FailureCode::Forbidden,
            "check the address and the credentials of the server".to_owned(),
        ),
        E::Rejected { rejection, .. } => {
            let error = Error::new(FailureCode::ComfyuiRejected, message);
            return error.with_details(rejection.raw.clone()).with_hint(
                "correct the inputs that are named; `get_node_info` lists what a node takes",
            );
        }
        E::BodyTooLarge { .. } | E::RequestTooLarge { .. } => {
            (FailureCode::LimitExceeded, "ask for less at once".to_owned())
        }
        E::Unusable { .. } => {
            (FailureCode::ValidationError, "correct the argument that is named".to_owned())
        }
        E::Setup { .. } | E::Status { .. } | E::NoSuchFile { .. } | E::MaskNotStored { .. } | _ => {
            (FailureCode::ComfyuiUnreachable, "look at the server's log".to_owned())
        }
    };
    Error::new(code, message).with_hint(hint).with_retry(retry).with_source(error)
}

/// A failure of disk or database.
pub(crate) fn storage(
    doing: impl Into<String>,
    error: impl std::error::Error + Send + Sync + 'static,
) -> Error {
    let message = format!("{}: {}", doing.into(), with_causes(&error));
    Error::new(FailureCode::StorageFailed, message)
        .with_hint("check that the data folder is writable and the disk has room")
        .with_retry(Retry::Safe)
        .with_source(error)
}

/// A failure of the database, which often knows itself what a person can do.
pub(crate) fn database(doing: impl Into<String>, error: store_sqlite::Error) -> Error {
    let hint = error.hint();
    let failed = storage(doing, error);
    match hint {
        Some(hint) => failed.with_hint(hint),
        None => failed,
    }
}

/// An argument that cannot be used.
pub(crate) fn argument(message: impl Into<String>) -> Error {
    Error::new(FailureCode::ValidationError, message)
}

/// A list of texts as JSON, for the details of a failure.
pub(crate) fn list<'a>(items: impl IntoIterator<Item = &'a str>) -> Json {
    Json::Array(items.into_iter().map(Json::from).collect())
}

/// An error with its causes in one line: the text of an [`Error`] stands alone in a tool result.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| {
        let cause = cause.to_string();
        if text.contains(&cause) { text } else { format!("{text}: {cause}") }
    })
}

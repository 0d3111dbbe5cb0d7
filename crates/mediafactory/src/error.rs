//! What went wrong, for someone who has to do something about it.

use std::fmt;

use workflow_graph::Json;

pub use comfy_client::Retry;

/// A failure with a code to branch on, a message to read, and a hint what would work.
///
/// ```
/// use mediafactory::{Error, FailureCode};
/// let error = Error::new(FailureCode::JobNotFound, "there is no job 7").with_hint("list the jobs");
/// assert_eq!(error.to_string(), "there is no job 7");
/// assert_eq!(error.code().as_str(), "JOB_NOT_FOUND");
/// assert!(!error.is_retryable());
/// ```
#[derive(Debug)]
pub struct Error(Box<Parts>);

#[derive(Debug)]
struct Parts {
    code: FailureCode,
    message: String,
    hint: Option<String>,
    details: Json,
    retry: Retry,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What kind of failure it is, by what a caller does next.
///
/// ```
/// use mediafactory::FailureCode;
/// assert_eq!(FailureCode::ComfyuiUnreachable.as_str(), "COMFYUI_UNREACHABLE");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureCode {
    /// No such asset, or its time is over.
    AssetNotFoundOrExpired,
    /// An argument or a workflow is wrong; the message says which.
    ValidationError,
    /// No such job.
    JobNotFound,
    /// No such template.
    TemplateNotFound,
    /// The ComfyUI server does not answer, or something else answers in its place.
    ComfyuiUnreachable,
    /// ComfyUI refused the prompt; the details hold every error it named.
    ComfyuiRejected,
    /// A node failed while it ran.
    ExecutionFailed,
    /// The server ran out of memory.
    OutOfMemory,
    /// The server does not have a node class.
    NodesMissing,
    /// The server does not have a model file.
    ModelsMissing,
    /// The job ran past its deadline.
    TimedOut,
    /// The job was cancelled.
    Cancelled,
    /// What became of the job cannot be known: the server forgot it.
    Lost,
    /// The server or this process does not allow it.
    Forbidden,
    /// A limit of size or number.
    LimitExceeded,
    /// The machine: disk, permissions, the database.
    StorageFailed,
}

impl FailureCode {
    /// Every code, for tests and documents.
    pub const ALL: [Self; 16] = [
        Self::AssetNotFoundOrExpired,
        Self::ValidationError,
        Self::JobNotFound,
        Self::TemplateNotFound,
        Self::ComfyuiUnreachable,
        Self::ComfyuiRejected,
        Self::ExecutionFailed,
        Self::OutOfMemory,
        Self::NodesMissing,
        Self::ModelsMissing,
        Self::TimedOut,
        Self::Cancelled,
        Self::Lost,
        Self::Forbidden,
        Self::LimitExceeded,
        Self::StorageFailed,
    ];

    /// The code as it stands in tool results.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AssetNotFoundOrExpired => "ASSET_NOT_FOUND_OR_EXPIRED",
            Self::ValidationError => "VALIDATION_ERROR",
            Self::JobNotFound => "JOB_NOT_FOUND",
            Self::TemplateNotFound => "TEMPLATE_NOT_FOUND",
            Self::ComfyuiUnreachable => "COMFYUI_UNREACHABLE",
            Self::ComfyuiRejected => "COMFYUI_REJECTED",
            Self::ExecutionFailed => "EXECUTION_FAILED",
            Self::OutOfMemory => "OUT_OF_MEMORY",
            Self::NodesMissing => "NODES_MISSING",
            Self::ModelsMissing => "MODELS_MISSING",
            Self::TimedOut => "TIMED_OUT",
            Self::Cancelled => "CANCELLED",
            Self::Lost => "LOST",
            Self::Forbidden => "FORBIDDEN",
            Self::LimitExceeded => "LIMIT_EXCEEDED",
            Self::StorageFailed => "STORAGE_FAILED",
        }
    }
}

impl fmt::Display for FailureCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Error {
    /// A failure that a retry does not help.
    pub fn new(code: FailureCode, message: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            code,
            message: message.into(),
            hint: None,
            details: Json::Null,
            retry: Retry::Never,
            source: None,
        }))
    }

    /// Says what would work.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds what a program can read: node errors, missing files, nearest names.
    #[must_use]
    pub fn with_details(mut self, details: Json) -> Self {
        self.0.details = details;
        self
    }

    /// Says whether trying again is safe.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.0.retry = retry;
        self
    }

    /// Keeps the error beneath.
    #[must_use]
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The code to branch on.
    pub fn code(&self) -> FailureCode {
        self.0.code
    }

    /// What would work, when that is known.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Facts for programs; `null` when there are none.
    pub fn details(&self) -> &Json {
        &self.0.details
    }

    /// Whether trying again is safe.
    pub fn retry(&self) -> Retry {
        self.0.retry
    }

    /// Whether trying again as it was is safe and may help.
    pub fn is_retryable(&self) -> bool {
        self.0.retry == Retry::Safe
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| {
            let source: &(dyn std::error::Error + 'static) = source;
            source
        })
    }
}

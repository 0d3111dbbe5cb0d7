use std::fmt;
use std::path::PathBuf;

/// Where a server parted from a recording.
///
/// ```
/// # use conformance::Difference;
/// # fn show(difference: &Difference) {
/// println!("{difference}");
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// The request or the socket, such as `request 3, GET /queue`.
    pub step: String,
    /// The place inside the reply or the event, such as `$.error.type`.
    pub place: String,
    /// What the recording has there.
    pub recorded: String,
    /// What the server said.
    pub received: String,
}

impl Difference {
    pub(crate) fn new(
        place: impl Into<String>,
        recorded: impl fmt::Display,
        received: impl fmt::Display,
    ) -> Self {
        Self {
            step: String::new(),
            place: place.into(),
            recorded: recorded.to_string(),
            received: received.to_string(),
        }
    }

    pub(crate) fn at(mut self, step: impl Into<String>) -> Self {
        self.step = step.into();
        self
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} at {}", self.step, self.place)?;
        writeln!(f, "  recorded: {}", self.recorded)?;
        write!(f, "  received: {}", self.received)
    }
}

/// Why a scenario did not pass.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server answered otherwise than the recorded one.
    #[error("{0}")]
    Differs(Difference),
    /// There is no folder of recordings, or a file in it cannot be read.
    #[error("cannot read the recordings at {}", path.display())]
    Read {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A line of a recording is not what the recorder writes.
    #[error("line {line} of recording {name} is {what}")]
    NotARecording {
        /// The scenario.
        name: String,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// The address is no HTTP address.
    #[error("`{url}` is no server address; one looks like http://127.0.0.1:8188")]
    Address {
        /// What was given.
        url: String,
    },
    /// A request was not answered, or a socket could not be opened.
    #[error("no answer to {request}")]
    Unreachable {
        /// Method and path.
        request: String,
        /// What the client library said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server is not in a state in which the scenario can be played.
    #[error("the server is not ready: {reason}")]
    NotReady {
        /// What is missing, and what would help.
        reason: String,
    },
}

impl From<Difference> for Error {
    fn from(difference: Difference) -> Self {
        Self::Differs(difference)
    }
}

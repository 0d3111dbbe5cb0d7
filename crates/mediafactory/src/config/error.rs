//! Everything that is wrong with a configuration, said at once.

use std::{fmt, path::PathBuf};

use super::Source;

/// A configuration that cannot be used, with every reason.
///
/// ```
/// use mediafactory::config::{Sources, resolve};
/// let sources = Sources {
///     environment: vec![("MEDIAFACTORY_MAX_CONCURRENT_JOBS".into(), "many".into())],
///     ..Sources::default()
/// };
/// let error = resolve(sources).unwrap_err();
/// assert!(error.to_string().contains("a whole number from 1 to 64"), "{error}");
/// ```
#[derive(Debug)]
pub struct Error {
    problems: Vec<Problem>,
}

impl Error {
    /// Of problems of which there is at least one.
    pub(super) fn new(problems: Vec<Problem>) -> Self {
        Self { problems }
    }

    /// Gives up the problems, to be joined with others.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    /// `None` when there is nothing to complain about.
    pub(super) fn of(problems: Vec<Problem>) -> Option<Self> {
        (!problems.is_empty()).then_some(Self { problems })
    }

    /// What is wrong, in the order of file, environment, command line; never empty.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [only] = self.problems.as_slice() {
            return write!(f, "{only}");
        }
        write!(f, "the configuration has {} problems", self.problems.len())?;
        self.problems.iter().try_for_each(|problem| {
            write!(f, "\n  - {problem}")?;
            // A list has no single source to hand on, so what lies beneath is said in place.
            let beneath = std::error::Error::source(problem);
            beneath.map_or(Ok(()), |source| write!(f, ": {source}"))
        })
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self.problems.as_slice() {
            [only] => std::error::Error::source(only),
            _ => None,
        }
    }
}

/// One thing that is wrong. No variant holds a secret, not even a part of one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The named configuration file cannot be read.
    #[error("cannot read the configuration file {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The configuration file is larger than any honest one.
    #[error("the configuration file {} has more than {bytes_max} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit.
        bytes_max: u64,
    },
    /// The `config.json` of services cannot be read, or says something that cannot be.
    #[error("{}: {problem}", path.display())]
    ServicesFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The file is not TOML.
    #[error("{place}: not TOML: {message}")]
    Syntax {
        /// File and line.
        place: Source,
        /// What the parser says.
        message: String,
    },
    /// No setting has that name.
    #[error("{place}: there is no setting `{key}`{}", did_you_mean(nearest.as_deref()))]
    UnknownKey {
        /// Where it stands.
        place: Source,
        /// What stands there.
        key: String,
        /// The setting whose name is nearest.
        nearest: Option<String>,
    },
    /// A further server has the name of the one that `comfyui.url` names.
    #[error(
        "{place}: a server is called `{name}`, like the one of `comfyui.url`; give it another name"
    )]
    TwinServers {
        /// Where the further server stands.
        place: Source,
        /// The name.
        name: String,
    },
    /// A variable whose name begins like ours, but is none.
    #[error("environment variable {name} is not one of MediaFactory's{}", did_you_mean(nearest.as_deref()))]
    UnknownVariable {
        /// The variable.
        name: String,
        /// The variable whose name is nearest.
        nearest: Option<String>,
    },
    /// A variable of ours whose value is not Unicode.
    #[error("environment variable {name} does not hold valid Unicode")]
    NotUnicode {
        /// The variable.
        name: String,
    },
    /// Nothing where a value should be.
    #[error(
        "{place}: `{key}` is empty; it takes {expected}, and is left out when it is not wanted"
    )]
    Empty {
        /// Where it stands.
        place: Source,
        /// The setting.
        key: &'static str,
        /// What it takes.
        expected: String,
    },
    /// A value of the wrong kind, or outside its bounds.
    #[error("{place}: `{key}` takes {expected}, not {found}")]
    Wrong {
        /// Where it stands.
        place: Source,
        /// The setting.
        key: &'static str,
        /// What it takes.
        expected: String,
        /// What stands there; for secrets only what is wrong with it.
        found: String,
    },
    /// A server address that cannot be one. The address is not repeated: it may hold a password.
    #[error("{place}: `{key}` is not the address of a server: {message}")]
    Address {
        /// Where it stands.
        place: Source,
        /// The setting.
        key: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// Two ways to identify at once.
    #[error(
        "`comfyui.token` ({token}) and the user name in `comfyui.url` ({url}) exclude each other; give one"
    )]
    TwoCredentials {
        /// Where the token comes from.
        token: Source,
        /// Where the address comes from.
        url: Source,
    },
    /// A path begins with `~` and nobody said where that is.
    #[error("{place}: `{key}` needs the home folder, and HOME is not set; write an absolute path")]
    NoHome {
        /// Where it stands.
        place: Source,
        /// The setting.
        key: &'static str,
    },
    /// A folder that nobody set, and whose default lies in the home folder that nobody set either.
    #[error("`{key}` has no default, because HOME is not set; set it to an absolute path")]
    NoDefaultFolder {
        /// The setting.
        key: &'static str,
    },
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

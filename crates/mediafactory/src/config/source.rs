//! Where a value comes from.

use std::{fmt, path::PathBuf};

/// Where the value of a setting comes from.
///
/// ```
/// use mediafactory::config::Source;
/// let source = Source::File { path: "/etc/mf.toml".into(), line: 3 };
/// assert_eq!(source.to_string(), "/etc/mf.toml:3");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// Nobody set it.
    Default,
    /// The configuration file.
    File {
        /// The file.
        path: PathBuf,
        /// The line of the value, counted from 1.
        line: usize,
    },
    /// The `config.json` that lists services.
    ServicesFile {
        /// The file.
        path: PathBuf,
        /// The member, such as `comfyui.address`.
        member: String,
    },
    /// An environment variable.
    Environment {
        /// The variable's name.
        name: String,
    },
    /// The command line.
    Flag {
        /// The flag's name, such as `--data-dir`.
        name: String,
    },
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::ServicesFile { path, member } => write!(f, "{}: `{member}`", path.display()),
            Self::Environment { name } => f.write_str(name),
            Self::Flag { name } => f.write_str(name),
        }
    }
}

/// A value as it was given, before a setting reads it.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) key: &'static str,
    pub(super) source: Source,
    pub(super) raw: Raw,
}

/// What stands there. Text outside the file has no type of its own: it stands for whatever the
/// setting expects, while the file says what it means.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Raw {
    /// From the environment or the command line.
    Words(String),
    /// A string in the file.
    Text(String),
    /// A whole number in the file.
    Whole(i64),
    /// A list of strings in the file.
    List(Vec<String>),
    /// A list of tables in the file, members in their order.
    Tables(Vec<Vec<(String, Raw)>>),
    /// Anything else in the file, as it is described to people.
    Other(String),
}

/// How much of a wrong value is repeated: enough to recognize it.
const SHOWN_CHARS_MAX: usize = 60;

impl Raw {
    /// The text, when it is one.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Words(text) | Self::Text(text) => Some(text),
            Self::Whole(_) | Self::List(_) | Self::Tables(_) | Self::Other(_) => None,
        }
    }
}

impl fmt::Display for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Words(text) | Self::Text(text) => {
                match text.char_indices().nth(SHOWN_CHARS_MAX) {
                    Some((end, _)) => write!(f, "{:?}…", text.get(..end).unwrap_or_default()),
                    None => write!(f, "{text:?}"),
                }
            }
            Self::Whole(number) => write!(f, "{number}"),
            Self::List(_) => f.write_str("a list"),
            Self::Tables(_) => f.write_str("a list of tables"),
            Self::Other(description) => f.write_str(description),
        }
    }
}

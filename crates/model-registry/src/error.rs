//! What can be wrong with the data.

use std::fmt;

/// Where something stands in a data file.
///
/// ```
/// use model_registry::Registry;
/// let texts = [("sources.toml", "card = 1")];
/// let told = Registry::load(texts).unwrap_err().to_string();
/// assert_eq!(told, "sources.toml:1: `card` must be a text, not `1`");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The name of the file, as it was given.
    pub file: Box<str>,
    /// The line, counted from one.
    pub line: usize,
    /// The key with all tables around it: `variants[2].stages[0].steps`. Empty for the file itself.
    pub key: Box<str>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:", self.file, self.line)?;
        if self.key.is_empty() { Ok(()) } else { write!(f, " `{}`", self.key) }
    }
}

/// Why the data cannot be used. Nothing of it is: a registry with holes would answer wrongly.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is no TOML.
    #[error("{place} {problem}")]
    Syntax {
        /// Where reading stopped.
        place: Place,
        /// What the parser says.
        problem: String,
    },
    /// A key that the format does not have.
    #[error("{place} is no key of this table{}", did_you_mean(near.as_deref()))]
    UnknownKey {
        /// The key.
        place: Place,
        /// The key that was probably meant.
        near: Option<String>,
    },
    /// A key that must be there.
    #[error("{place} is missing")]
    MissingKey {
        /// The key, with the line of the table that lacks it.
        place: Place,
    },
    /// A value of another type.
    #[error("{place} must be {expected}, not {found}")]
    WrongType {
        /// The key.
        place: Place,
        /// What it must be.
        expected: &'static str,
        /// What it is, as it is written where that is short.
        found: String,
    },
    /// A value of the right type that the format does not allow.
    #[error("{place} cannot be `{value}`: {reason}")]
    WrongValue {
        /// The key.
        place: Place,
        /// The value.
        value: String,
        /// What would be allowed.
        reason: String,
    },
    /// A figure that does not say where it comes from.
    #[error("{place} has no source; give it one, or one to the table or file around it")]
    NoSource {
        /// The figure.
        place: Place,
    },
    /// Something that is named and not defined: a source, a file, a family.
    #[error("{place} names the {kind} `{name}`, which does not exist{}", did_you_mean(near.as_deref()))]
    Undefined {
        /// Where it is named.
        place: Place,
        /// What it should be.
        kind: &'static str,
        /// The name.
        name: String,
        /// The name that was probably meant.
        near: Option<String>,
    },
    /// One name for two things. Case and separators make no difference between names.
    #[error("{second} says `{name}`, and so does {first}")]
    Duplicate {
        /// The name as the second one spells it.
        name: String,
        /// Where it stands first.
        first: Place,
        /// Where it stands again.
        second: Place,
    },
    /// The file `sources.toml` is not among the texts.
    #[error("there is no `sources.toml`, so no figure can say where it comes from")]
    NoSources,
}

fn did_you_mean(near: Option<&str>) -> String {
    near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}

//! Values that say where they come from.

use std::{fmt, sync::Arc};

/// Where a figure comes from: a key of `sources.toml` and what it stands for.
///
/// ```
/// use model_registry::Registry;
/// # let texts = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/texts.rs"));
/// let registry = Registry::load(texts)?;
/// let family = registry.family("fox-1").unwrap();
/// let steps = family.variants[0].stages[0].steps.as_ref().unwrap();
/// assert_eq!((steps.value, steps.source.key()), (20, "card"));
/// assert_eq!(steps.source.text(), "The model's card");
/// # Ok::<(), model_registry::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Source(Arc<(String, String)>);

impl Source {
    pub(crate) fn new(key: &str, text: &str) -> Self {
        Self(Arc::new((key.to_owned(), text.to_owned())))
    }

    /// The short name that figures use.
    pub fn key(&self) -> &str {
        &self.0.0
    }

    /// What it is, for people.
    pub fn text(&self) -> &str {
        &self.0.1
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({})", self.key())
    }
}

/// A figure with its source.
///
/// ```
/// use model_registry::{Registry, Setting};
/// # let texts = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/texts.rs"));
/// let registry = Registry::load(texts)?;
/// let divisor: &Setting<u32> = &registry.family("fox-1").unwrap().variants[0].size_rule.as_ref().unwrap().divisor;
/// assert_eq!(divisor.value, 16);
/// # Ok::<(), model_registry::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting<T> {
    /// The figure.
    pub value: T,
    /// Where it comes from.
    pub source: Source,
}

/// A day of the calendar. It is a real one: data with a thirteenth month is refused.
///
/// ```
/// use model_registry::Day;
/// let day = Day { year: 2026, month: 9, day: 5 };
/// assert_eq!(day.to_string(), "2026-09-05");
/// assert!(day < Day { year: 2026, month: 10, day: 1 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day {
    /// The year.
    pub year: u16,
    /// The month, from 1.
    pub month: u8,
    /// The day, from 1.
    pub day: u8,
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

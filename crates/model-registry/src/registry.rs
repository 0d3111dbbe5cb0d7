//! All families together.

use std::collections::HashMap;

use indexmap::IndexMap;

use crate::{
    error::Error,
    family::Family,
    read::{self, Document},
    resolve::{Index, folded},
};

/// The file that says where figures come from.
const SOURCES: &str = "sources.toml";

/// Every model that is known.
///
/// ```
/// use model_registry::Registry;
/// # let texts = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/texts.rs"));
/// let registry = Registry::load(texts)?;
/// let names: Vec<_> = registry.families().map(|family| &family.name).collect();
/// assert_eq!(names, ["fox-1", "fox-video"]);
/// # Ok::<(), model_registry::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Registry {
    families: IndexMap<String, Family>,
    pub(crate) index: Index,
}

impl Registry {
    /// Reads the data: for every file its name and its text. One of them is `sources.toml`, every
    /// other is the file of a family; they may come in any order. Nothing is read from disk.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, with file, line and key. The order of the files decides
    /// what is first, and which of two equal names is the second.
    ///
    /// ```
    /// use model_registry::Registry;
    /// let texts = [("sources.toml", ""), ("fox.toml", "name = \"fox\"\ntitel = \"Fox\"")];
    /// assert_eq!(
    ///     Registry::load(texts).unwrap_err().to_string(),
    ///     "fox.toml:2: `titel` is no key of this table; did you mean `title`?"
    /// );
    /// ```
    pub fn load<'t>(texts: impl IntoIterator<Item = (&'t str, &'t str)>) -> Result<Self, Error> {
        let (sources, families): (Vec<_>, Vec<_>) =
            texts.into_iter().partition(|(file, _)| *file == SOURCES);
        let (file, text) = sources.first().ok_or(Error::NoSources)?;
        let sources = read::sources(file, text)?;
        let read: Vec<_> = families
            .into_iter()
            .map(|(file, text)| read::family(&Document::new(file, text, &sources)))
            .collect::<Result<_, _>>()?;
        refuse_duplicates(&read)?;
        let superseded = |name: &String| read.iter().any(|other| &other.family.name == name);
        for family in &read {
            if let Some(by) = &family.family.superseded_by
                && !superseded(&by.value)
            {
                let known = read.iter().map(|other| other.family.name.as_str());
                let place = family.superseded_by.clone();
                return Err(read::undefined(place, "family", &by.value, known));
            }
        }
        let families: IndexMap<_, _> =
            read.into_iter().map(|read| (read.family.name.clone(), read.family)).collect();
        Ok(Self { index: Index::of(&families), families })
    }

    /// All families, in the order they were given.
    pub fn families(&self) -> impl ExactSizeIterator<Item = &Family> {
        self.families.values()
    }

    /// The family of a name, spelled exactly. [`Registry::resolve`] knows more names.
    pub fn family(&self, name: &str) -> Option<&Family> {
        self.families.get(name)
    }

    pub(crate) fn family_at(&self, at: usize) -> Option<&Family> {
        self.families.get_index(at).map(|(_, family)| family)
    }
}

fn refuse_duplicates(read: &[read::ReadFamily]) -> Result<(), Error> {
    let mut seen = HashMap::new();
    for (name, second) in read.iter().flat_map(|family| &family.names) {
        if let Some(first) = seen.insert(folded(name), second) {
            let (first, second) = (first.clone(), second.clone());
            return Err(Error::Duplicate { name: name.clone(), first, second });
        }
    }
    Ok(())
}

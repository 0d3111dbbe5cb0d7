//! A table of a data file, asked key by key.

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};
use workflow_graph::near;

use super::{
    Document,
    value::{Value, Word, written},
};
use crate::{
    error::{Error, Place},
    figure::{Setting, Source},
};

/// A table that has only keys that are known.
pub(super) struct Table<'d> {
    document: &'d Document<'d>,
    /// The key of the table with those around it and a point after it; empty for the file.
    prefix: String,
    /// Where it begins in the text.
    offset: usize,
    entries: &'d DeTable<'d>,
    /// Where its figures come from that do not say it.
    source: Option<Source>,
}

/// Where something is in a table, before anybody asks for its line.
pub(super) struct At {
    pub(super) offset: usize,
    pub(super) key: String,
}

impl<'d> Table<'d> {
    /// The whole file.
    pub(super) fn whole(
        document: &'d Document<'d>,
        entries: &'d DeTable<'d>,
        keys: &[&str],
    ) -> Result<Self, Error> {
        Self { document, prefix: String::new(), offset: 0, entries, source: None }.checked(keys)
    }

    /// Refuses keys that are not among `keys`, and takes the key `source`, which all tables have.
    fn checked(mut self, keys: &[&str]) -> Result<Self, Error> {
        for key in self.entries.keys() {
            let name: &str = key.get_ref();
            if name != "source" && !keys.contains(&name) {
                let known = keys.iter().copied().chain(["source"]);
                let near = near::name(name, known).map(str::to_owned);
                let place = self.document.place(key.span().start, &self.path(name));
                return Err(Error::UnknownKey { place, near });
            }
        }
        if let Some(named) = self.optional::<String>("source")? {
            self.source = Some(self.document.source(&named, || self.place("source"))?);
        }
        Ok(self)
    }

    fn path(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    fn value(&self, key: &str) -> Option<&'d Spanned<DeValue<'d>>> {
        self.entries.get(key)
    }

    /// Where a key stands, or should.
    pub(super) fn at(&self, key: &str) -> At {
        let offset = self.value(key).map_or(self.offset, |value| value.span().start);
        At { offset, key: self.path(key) }
    }

    pub(super) fn place(&self, key: &str) -> Place {
        self.place_of(&self.at(key))
    }

    pub(super) fn place_of(&self, at: &At) -> Place {
        self.document.place(at.offset, &at.key)
    }

    pub(super) fn refuse(&self, key: &str, value: &impl ToString, reason: &str) -> Error {
        let (place, value) = (self.place(key), value.to_string());
        Error::WrongValue { place, value, reason: reason.to_owned() }
    }

    /// The source of the table itself, or that of a table around it.
    pub(super) fn source(&self) -> Result<Source, Error> {
        let without = || {
            let key = self.prefix.trim_end_matches('.');
            Error::NoSource { place: self.document.place(self.offset, key) }
        };
        self.source.clone().ok_or_else(without)
    }

    pub(super) fn optional<T: Value>(&self, key: &str) -> Result<Option<T>, Error> {
        self.value(key).map(|value| self.read(value, || self.path(key))).transpose()
    }

    pub(super) fn required<T: Value>(&self, key: &str) -> Result<T, Error> {
        self.optional(key)?.ok_or_else(|| Error::MissingKey { place: self.place(key) })
    }

    /// A list; none where there is no such key.
    pub(super) fn list<T: Value>(&self, key: &str) -> Result<Vec<T>, Error> {
        Ok(self.placed_list(key)?.into_iter().map(|(value, _)| value).collect())
    }

    /// A list with where each of its values stands.
    pub(super) fn placed_list<T: Value>(&self, key: &str) -> Result<Vec<(T, At)>, Error> {
        let items = self.items(key)?.iter().enumerate();
        items
            .map(|(index, item)| {
                let path = || format!("{}{key}[{index}]", self.prefix);
                let value = self.read(item, path)?;
                Ok((value, At { offset: item.span().start, key: path() }))
            })
            .collect()
    }

    pub(super) fn word<W: Word>(&self, key: &str) -> Result<W, Error> {
        as_word(self.required::<String>(key)?, || self.place(key))
    }

    pub(super) fn optional_word<W: Word>(&self, key: &str) -> Result<Option<W>, Error> {
        let word = self.optional::<String>(key)?;
        word.map(|word| as_word(word, || self.place(key))).transpose()
    }

    pub(super) fn words<W: Word>(&self, key: &str) -> Result<Vec<W>, Error> {
        let words = self.placed_list::<String>(key)?.into_iter();
        words.map(|(word, at)| as_word(word, || self.place_of(&at))).collect()
    }

    /// A figure, written as `steps = 20` or `steps = { value = 20, source = "..." }`.
    pub(super) fn figure<T: Value>(&self, key: &str) -> Result<Option<Setting<T>>, Error> {
        let Some(value) = self.value(key) else { return Ok(None) };
        if value.get_ref().is_table() {
            let inner = self.inner(&self.path(key), value, &["value"])?;
            return Ok(Some(Setting { value: inner.required("value")?, source: inner.source()? }));
        }
        let source = self.source.clone();
        let source = source.ok_or_else(|| Error::NoSource { place: self.place(key) })?;
        Ok(Some(Setting { value: self.read(value, || self.path(key))?, source }))
    }

    /// A figure that is a word from a closed list.
    pub(super) fn word_figure<W: Word>(&self, key: &str) -> Result<Option<Setting<W>>, Error> {
        let Some(figure) = self.figure::<String>(key)? else { return Ok(None) };
        let value = as_word(figure.value, || self.place(key))?;
        Ok(Some(Setting { value, source: figure.source }))
    }

    /// A list of words from a closed list, each written as a figure is.
    pub(super) fn word_figures<W: Word>(&self, key: &str) -> Result<Vec<Setting<W>>, Error> {
        let items = self.items(key)?.iter().enumerate();
        items
            .map(|(index, item)| {
                let path = format!("{}{key}[{index}]", self.prefix);
                let place = || self.document.place(item.span().start, &path);
                if item.get_ref().is_table() {
                    let inner = self.inner(&path, item, &["value"])?;
                    return Ok(Setting { value: inner.word("value")?, source: inner.source()? });
                }
                let value = as_word(self.read::<String>(item, || path.clone())?, place)?;
                let source = self.source.clone();
                Ok(Setting {
                    value,
                    source: source.ok_or_else(|| Error::NoSource { place: place() })?,
                })
            })
            .collect()
    }

    /// A table within this one.
    pub(super) fn table(&self, key: &str, keys: &[&str]) -> Result<Option<Table<'d>>, Error> {
        self.value(key).map(|value| self.inner(&self.path(key), value, keys)).transpose()
    }

    /// A table within this one whose keys are names that the file gives.
    pub(super) fn open_table(&self, key: &str) -> Result<Option<Table<'d>>, Error> {
        let keys = |value: &'d Spanned<DeValue<'d>>| {
            let entries = value.get_ref().as_table();
            entries.into_iter().flat_map(|entries| entries.keys().map(|key| &**key.get_ref()))
        };
        let keys: Vec<&str> = self.value(key).into_iter().flat_map(keys).collect();
        self.table(key, &keys)
    }

    /// Its keys, in the order of their names.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'d str> {
        self.entries.keys().map(|key| &**key.get_ref())
    }

    /// A list of tables within this one.
    pub(super) fn tables(&self, key: &str, keys: &[&str]) -> Result<Vec<Table<'d>>, Error> {
        let items = self.items(key)?.iter().enumerate();
        items
            .map(|(index, item)| self.inner(&format!("{}{key}[{index}]", self.prefix), item, keys))
            .collect()
    }

    fn inner(
        &self,
        path: &str,
        value: &'d Spanned<DeValue<'d>>,
        keys: &[&str],
    ) -> Result<Table<'d>, Error> {
        let Some(entries) = value.get_ref().as_table() else {
            return Err(self.wrong_type(path, value, "a table"));
        };
        let (document, source) = (self.document, self.source.clone());
        let table = Table {
            document,
            prefix: format!("{path}."),
            offset: value.span().start,
            entries,
            source,
        };
        table.checked(keys)
    }

    fn items(&self, key: &str) -> Result<&'d [Spanned<DeValue<'d>>], Error> {
        let Some(value) = self.value(key) else { return Ok(&[]) };
        match value.get_ref().as_array() {
            Some(items) => Ok(items),
            None => Err(self.wrong_type(&self.path(key), value, "a list")),
        }
    }

    fn read<T: Value>(
        &self,
        value: &Spanned<DeValue<'_>>,
        path: impl FnOnce() -> String,
    ) -> Result<T, Error> {
        T::read(value.get_ref()).ok_or_else(|| self.wrong_type(&path(), value, T::EXPECTED))
    }

    fn wrong_type(
        &self,
        path: &str,
        value: &Spanned<DeValue<'_>>,
        expected: &'static str,
    ) -> Error {
        let place = self.document.place(value.span().start, path);
        Error::WrongType { place, expected, found: written(value.get_ref()) }
    }
}

fn as_word<W: Word>(word: String, place: impl FnOnce() -> Place) -> Result<W, Error> {
    W::from_word(&word).ok_or_else(|| {
        let reason = match near::name(&word, W::WORDS.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it is one of {}", W::WORDS.join(", ")),
        };
        Error::WrongValue { place: place(), value: word, reason }
    })
}

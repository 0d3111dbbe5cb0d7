//! Reading the data files: strictly, and with the place of whatever is wrong.

mod family;
mod lexicon;
mod table;
mod value;
mod variant;

use indexmap::IndexMap;
use toml::de::{DeTable, DeValue};
use workflow_graph::near;

pub(crate) use self::{
    family::{ReadFamily, family},
    lexicon::lexicon,
    value::Word,
    variant::NO_VAE,
};
use crate::{
    error::{Error, Place},
    figure::Source,
};

/// The sources that figures may name.
pub(crate) type Sources = IndexMap<String, Source>;

/// One file while it is read: what is needed to say where something stands.
pub(crate) struct Document<'d> {
    file: &'d str,
    text: &'d str,
    sources: &'d Sources,
}

impl<'d> Document<'d> {
    pub(crate) fn new(file: &'d str, text: &'d str, sources: &'d Sources) -> Self {
        Self { file, text, sources }
    }

    fn parse(&self) -> Result<DeTable<'d>, Error> {
        let table = DeTable::parse(self.text).map_err(|error| Error::Syntax {
            place: self.place(error.span().map_or(0, |span| span.start), ""),
            problem: error.message().to_owned(),
        })?;
        Ok(table.into_inner())
    }

    fn place(&self, offset: usize, key: &str) -> Place {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line = 1 + before.bytes().filter(|byte| *byte == b'\n').count();
        Place { file: self.file.into(), line, key: key.into() }
    }

    fn source(&self, key: &str, place: impl FnOnce() -> Place) -> Result<Source, Error> {
        self.sources.get(key).cloned().ok_or_else(|| {
            undefined(place(), "source", key, self.sources.keys().map(String::as_str))
        })
    }
}

/// Reads `sources.toml`.
pub(crate) fn sources(file: &str, text: &str) -> Result<Sources, Error> {
    let none = Sources::new();
    let document = Document::new(file, text, &none);
    let mut sources = Sources::new();
    for (key, value) in document.parse()? {
        let place = || document.place(key.span().start, key.get_ref());
        let DeValue::String(meaning) = value.get_ref() else {
            let found = value::written(value.get_ref());
            return Err(Error::WrongType { place: place(), expected: "a text", found });
        };
        if key.get_ref().is_empty() || meaning.trim().is_empty() {
            let reason = "a source says what it is".to_owned();
            return Err(Error::WrongValue { place: place(), value: meaning.to_string(), reason });
        }
        sources.insert(key.get_ref().to_string(), Source::new(key.get_ref(), meaning));
    }
    Ok(sources)
}

/// The error that says that a name stands for nothing.
pub(crate) fn undefined<'n>(
    place: Place,
    kind: &'static str,
    name: &str,
    known: impl IntoIterator<Item = &'n str>,
) -> Error {
    let near = near::name(name, known).map(str::to_owned);
    Error::Undefined { place, kind, name: name.to_owned(), near }
}

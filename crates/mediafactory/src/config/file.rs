//! Reading the configuration file: which setting stands on which line.

use std::path::Path;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    Problem, SETTINGS, Setting, Source,
    resolve::nearest,
    source::{Given, Raw},
};

/// Everything the file sets, in the order of its lines, and everything that is wrong with it.
pub(super) fn read(path: &Path, text: &str) -> (Vec<Given>, Vec<Problem>) {
    let mut reader = Reader { path, text, given: Vec::new(), problems: Vec::new() };
    match DeTable::parse(text) {
        Ok(document) => reader.table("", document.get_ref()),
        Err(error) => {
            let place = reader.place(error.span().map_or(0, |span| span.start));
            let message = error.message().to_owned();
            reader.problems.push(Problem::Syntax { place, message });
        }
    }
    reader.given.sort_by_key(|(offset, _)| *offset);
    let given = reader.given.into_iter().map(|(_, given)| given).collect();
    (given, reader.problems)
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    given: Vec<(usize, Given)>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn table(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let key = format!("{prefix}{}", name.get_ref());
            let section = format!("{key}.");
            match (SETTINGS.iter().find(|setting| setting.key() == key), value.get_ref()) {
                (Some(setting), value) => {
                    let source = self.place(name.span().start);
                    let given = Given { key: setting.key(), source, raw: raw(value) };
                    self.given.push((name.span().start, given));
                }
                (None, DeValue::Table(inner))
                    if SETTINGS.iter().any(|setting| setting.key().starts_with(&section)) =>
                {
                    self.table(&section, inner);
                }
                (None, _) => {
                    let place = self.place(name.span().start);
                    let sections =
                        SETTINGS.iter().filter_map(|setting| setting.key().split_once('.'));
                    let names =
                        SETTINGS.iter().map(Setting::key).chain(sections.map(|(name, _)| name));
                    let nearest = nearest(&key, names);
                    self.problems.push(Problem::UnknownKey { place, key, nearest });
                }
            }
        }
    }

    fn place(&self, offset: usize) -> Source {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line = before.bytes().filter(|&byte| byte == b'\n').count() + 1;
        Source::File { path: self.path.to_owned(), line }
    }
}

fn list(items: &[Spanned<DeValue<'_>>]) -> Raw {
    let texts = items.iter().map(|item| item.get_ref().as_str().map(str::to_owned));
    if let Some(texts) = texts.collect() {
        return Raw::List(texts);
    }
    let tables = items.iter().map(|item| {
        let members = item.get_ref().as_table()?.iter();
        Some(
            members
                .map(|(name, value)| (name.get_ref().to_string(), raw(value.get_ref())))
                .collect(),
        )
    });
    let mixed = || Raw::Other("a list in which not every member is text".to_owned());
    tables.collect::<Option<_>>().map_or_else(mixed, Raw::Tables)
}

fn raw(value: &DeValue<'_>) -> Raw {
    match value {
        DeValue::String(text) => Raw::Text(text.clone().into_owned()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Raw::Other(number.to_string()), Raw::Whole),
        DeValue::Float(number) => Raw::Other(number.to_string()),
        DeValue::Boolean(flag) => Raw::Other(flag.to_string()),
        DeValue::Datetime(_) => Raw::Other("a date".to_owned()),
        DeValue::Table(_) => Raw::Other("a table".to_owned()),
        DeValue::Array(items) => list(items),
    }
}

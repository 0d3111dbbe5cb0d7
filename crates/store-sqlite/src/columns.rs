//! How values stand in columns, and how they are read back.

use std::{fmt::Display, str::FromStr};

use jiff::Timestamp;
use rusqlite::{Row, types::FromSql};
use workflow_graph::Json;

/// A row of which a column cannot be read: which, and why.
pub(crate) type Problem = String;

/// A moment with all nine digits, so that the order of the texts is that of the moments.
pub(crate) fn timestamp_text(timestamp: Timestamp) -> String {
    format!("{timestamp:.9}")
}

pub(crate) fn get<T: FromSql>(row: &Row<'_>, column: &str) -> Result<T, Problem> {
    row.get(column).map_err(|error| problem(column, &error))
}

/// A value that is stored as the text it prints.
pub(crate) fn parsed<T>(row: &Row<'_>, column: &str) -> Result<T, Problem>
where
    T: FromStr<Err: Display>,
{
    let text: String = get(row, column)?;
    text.parse().map_err(|error| problem(column, &error))
}

pub(crate) fn optional_parsed<T>(row: &Row<'_>, column: &str) -> Result<Option<T>, Problem>
where
    T: FromStr<Err: Display>,
{
    let text: Option<String> = get(row, column)?;
    text.map(|text| text.parse().map_err(|error| problem(column, &error))).transpose()
}

pub(crate) fn json(row: &Row<'_>, column: &str) -> Result<Json, Problem> {
    let text: String = get(row, column)?;
    Json::parse_deep(text.as_bytes()).map_err(|error| problem(column, &error))
}

pub(crate) fn optional_json(row: &Row<'_>, column: &str) -> Result<Option<Json>, Problem> {
    let text: Option<String> = get(row, column)?;
    text.map(|text| Json::parse_deep(text.as_bytes()).map_err(|error| problem(column, &error)))
        .transpose()
}

pub(crate) fn problem(column: &str, why: &dyn Display) -> Problem {
    format!("`{column}`: {why}")
}

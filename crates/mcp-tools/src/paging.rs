//! Pages of lists that are whole in memory.

use mediafactory::{Error, FailureCode};

/// How many items a page has when the caller does not say.
const LIMIT_DEFAULT: u32 = 50;

/// Some items of a list, and how to get at the rest.
pub(crate) struct Part<T> {
    pub(crate) items: Vec<T>,
    pub(crate) total: u64,
    pub(crate) next_cursor: Option<String>,
}

/// Cuts one page out of a list. A cursor is the number of items before the page, in a spelling
/// that callers are not meant to make up.
pub(crate) fn cut<T>(
    items: Vec<T>,
    limit: Option<u32>,
    cursor: Option<&str>,
) -> Result<Part<T>, Error> {
    let start = cursor.map(read_cursor).transpose()?.unwrap_or(0);
    let limit = usize::try_from(limit.unwrap_or(LIMIT_DEFAULT)).unwrap_or(usize::MAX);
    let total = items.len();
    let end = start.saturating_add(limit);
    let next_cursor = (end < total).then(|| format!("at-{end:x}"));
    let items = items.into_iter().skip(start).take(limit).collect();
    Ok(Part { items, total: u64::try_from(total).unwrap_or(u64::MAX), next_cursor })
}

fn read_cursor(cursor: &str) -> Result<usize, Error> {
    cursor.strip_prefix("at-").and_then(|offset| usize::from_str_radix(offset, 16).ok()).ok_or_else(
        || {
            Error::new(FailureCode::ValidationError, "argument `cursor` is not one of this list")
                .with_hint("give `next_cursor` of the page before, or none for the first page")
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_without_gap_or_repeat() {
        let list: Vec<u32> = (0..7).collect();
        let mut seen = Vec::new();
        let mut cursor = None;
        loop {
            let part = cut(list.clone(), Some(3), cursor.as_deref()).expect("a good cursor");
            assert_eq!(part.total, 7);
            seen.extend(part.items);
            cursor = part.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, list);
    }

    #[test]
    fn a_foreign_cursor_is_refused_and_one_past_the_end_is_an_empty_page() {
        for cursor in ["", "3", "at-", "at-zz", "at--1"] {
            assert!(cut(vec![1], None, Some(cursor)).is_err(), "{cursor}");
        }
        let part = cut(vec![1], None, Some("at-ff")).expect("only beyond the end");
        assert!(part.items.is_empty() && part.next_cursor.is_none());
    }
}

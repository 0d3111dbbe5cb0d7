//! What a list asks for.

use rusqlite::{ParamsFromIter, params_from_iter, types::Value};

/// Conditions that all hold, with their values. Only what is asked for stands in the statement: a
/// condition that is left open, such as `?1 IS NULL OR job = ?1`, keeps SQLite from using an index.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conditions {
    sql: Vec<&'static str>,
    values: Vec<Value>,
}

impl Conditions {
    /// Adds a condition with as many `?` as there are values; none when there is no value.
    pub(crate) fn and<const COUNT: usize>(
        mut self,
        sql: &'static str,
        values: Option<[String; COUNT]>,
    ) -> Self {
        if let Some(values) = values {
            self.sql.push(sql);
            self.values.extend(values.map(Value::from));
        }
        self
    }

    /// The part of a statement that begins with `WHERE`.
    pub(crate) fn sql(&self) -> String {
        if self.sql.is_empty() {
            return String::new();
        }
        format!("WHERE {}", self.sql.join(" AND "))
    }

    pub(crate) fn values(&self) -> ParamsFromIter<&[Value]> {
        params_from_iter(&self.values)
    }
}

#[cfg(test)]
mod tests {
    use super::Conditions;

    #[test]
    fn only_what_is_asked_for_is_said() {
        let all = Conditions::default().and("job = ?", None::<[String; 1]>);
        assert_eq!(all.sql(), "");
        let two = all
            .and("model = ?", Some(["sdxl".to_owned()]))
            .and("(created_at, id) < (?, ?)", Some(["2026".to_owned(), "7".to_owned()]));
        assert_eq!(two.sql(), "WHERE model = ? AND (created_at, id) < (?, ?)");
        assert_eq!(two.values.len(), 3);
    }
}

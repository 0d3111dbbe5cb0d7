//! The one name that was probably meant, within a budget: a prompt may have a wrong name in
//! each of its nodes, and a server thousands of names.

use std::cell::Cell;

use crate::{json::Json, near, validate::python};

/// How alike a choice must be, between 0 and 1.
const CHOICE_LIKENESS_MIN: f64 = 0.88;

/// How alike a class or an input must be; a wrong guess of these costs more than none.
const NAME_LIKENESS_MIN: f64 = 0.9;

/// How many names may be compared in one look at a prompt; some seconds of work.
const COMPARISONS_MAX: usize = 5_000_000;

pub(super) struct Near {
    comparisons_left: Cell<usize>,
}

impl Near {
    pub(super) fn new() -> Self {
        Self { comparisons_left: Cell::new(COMPARISONS_MAX) }
    }

    /// The one choice that a value was probably meant to be.
    pub(super) fn choice(&self, value: &Json, choices: &[Json]) -> Option<Json> {
        if matches!(value, Json::Null | Json::Array(_) | Json::Object(_)) {
            return None;
        }
        let text = |choice: &Json| python::text(choice).into_owned();
        self.only(&python::text(value), choices, text, CHOICE_LIKENESS_MIN).cloned()
    }

    /// The one name that a name was probably meant to be.
    pub(super) fn name<'n, T: AsRef<str>>(&self, wrong: &str, names: &'n [T]) -> Option<&'n T> {
        self.only(wrong, names, |name| name.as_ref().to_owned(), NAME_LIKENESS_MIN)
    }

    fn only<'c, T>(
        &self,
        wrong: &str,
        candidates: &'c [T],
        text: impl Fn(&T) -> String,
        at_least: f64,
    ) -> Option<&'c T> {
        let left = self.comparisons_left.get().checked_sub(candidates.len())?;
        self.comparisons_left.set(left);
        near::only(wrong, candidates, text, at_least)
    }
}

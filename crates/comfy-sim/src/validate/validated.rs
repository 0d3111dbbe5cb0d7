//! What is known of the nodes visited so far.

use serde_json::Value;

/// Verdicts and errors of nodes, in the order in which they became known.
#[derive(Debug, Default)]
pub(super) struct Validated {
    entries: Vec<(String, bool, Vec<Value>)>,
}

impl Validated {
    fn find(&self, id: &str) -> Option<&(String, bool, Vec<Value>)> {
        self.entries.iter().find(|(known, ..)| known == id)
    }

    pub(super) fn verdict(&self, id: &str) -> Option<bool> {
        self.find(id).map(|(_, good, _)| *good)
    }

    pub(super) fn errors(&self, id: &str) -> &[Value] {
        self.find(id).map_or(&[], |(_, _, errors)| errors)
    }

    pub(super) fn set(&mut self, id: &str, good: bool, errors: Vec<Value>) {
        match self.entries.iter_mut().find(|(known, ..)| known == id) {
            Some(entry) => (entry.1, entry.2) = (good, errors),
            None => self.entries.push((id.to_owned(), good, errors)),
        }
    }

    /// Adds what a node's own check found to what a cycle may already have said of it.
    pub(super) fn join(&mut self, id: &str, good: bool, errors: Vec<Value>) -> bool {
        let good = self.verdict(id).unwrap_or(true) && good && errors.is_empty();
        let mut all = self.errors(id).to_vec();
        for error in errors {
            if !all.contains(&error) {
                all.push(error);
            }
        }
        self.set(id, good, all);
        good
    }

    pub(super) fn failures(&self) -> impl Iterator<Item = (&str, &[Value])> {
        self.entries
            .iter()
            .filter(|(_, good, errors)| !good && !errors.is_empty())
            .map(|(id, _, errors)| (id.as_str(), errors.as_slice()))
    }
}

//! Workflows and drawings that are kept in memory, so that a long one need not travel through
//! an agent to get from one tool to the next.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use mediafactory::{Error, FailureCode, Json, Workflow, workflows};

use crate::uris::ResourceUri;

/// How much is kept; the oldest goes first. It is room for a thousand long workflows.
const SHELF_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What is longer stands in an answer by its address only. An agent reads every byte of it.
pub(crate) const INLINE_BYTES_MAX: usize = 50_000;

/// The media type of a workflow.
const JSON: &str = "application/json";

/// What was kept, shared by all sessions.
#[derive(Default)]
pub(crate) struct Shelf(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    texts: VecDeque<(String, Text)>,
    bytes: usize,
}

/// A text and what it is.
#[derive(Clone)]
pub(crate) struct Text {
    pub(crate) media_type: &'static str,
    pub(crate) text: Arc<str>,
}

/// A text that was kept: where, and itself when it is short.
pub(crate) struct Shelved {
    pub(crate) uri: ResourceUri,
    pub(crate) bytes: usize,
    pub(crate) is_short: bool,
}

impl Shelf {
    /// Keeps a workflow of either format under the identity of what it computes, or of its text
    /// when it is not in API format.
    pub(crate) fn keep_workflow(&self, workflow: &Json) -> Result<Shelved, Error> {
        self.keep(identity(workflow), JSON, workflow.to_string())
    }

    /// Keeps a text under a name. An older text of that name makes room.
    pub(crate) fn keep(
        &self,
        name: String,
        media_type: &'static str,
        text: String,
    ) -> Result<Shelved, Error> {
        let bytes = text.len();
        if bytes > SHELF_BYTES_MAX {
            let message = format!("the result has {bytes} bytes; up to {SHELF_BYTES_MAX} are kept");
            return Err(Error::new(FailureCode::LimitExceeded, message)
                .with_hint("use a smaller workflow, or the command line, which writes files"));
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.remove(&name);
        kept.bytes += bytes;
        kept.texts.push_back((name.clone(), Text { media_type, text: text.into() }));
        kept.make_room();
        let is_short = bytes <= INLINE_BYTES_MAX;
        Ok(Shelved { uri: ResourceUri::Workflow(name), bytes, is_short })
    }

    /// What is kept under a name.
    pub(crate) fn find(&self, name: &str) -> Result<Text, Error> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.texts.iter().find(|(known, _)| known == name);
        found.map(|(_, text)| text.clone()).ok_or_else(|| {
            let uri = ResourceUri::Workflow(name.to_owned());
            Error::new(FailureCode::ValidationError, format!("nothing is kept at {uri}")).with_hint(
                "such addresses hold until newer workflows take their place or this server ends; \
                 make it again, or give the workflow itself",
            )
        })
    }

    /// The workflow that is kept under a name.
    pub(crate) fn workflow(&self, name: &str) -> Result<Json, Error> {
        let found = self.find(name)?;
        if found.media_type != JSON {
            let uri = ResourceUri::Workflow(name.to_owned());
            let message = format!("{uri} is {}, not a workflow", found.media_type);
            return Err(Error::new(FailureCode::ValidationError, message));
        }
        workflows::read(found.text.as_bytes())
    }
}

impl Kept {
    fn remove(&mut self, name: &str) {
        if let Some(place) = self.texts.iter().position(|(known, _)| known == name)
            && let Some((_, text)) = self.texts.remove(place)
        {
            self.bytes -= text.text.len();
        }
    }

    fn make_room(&mut self) {
        while self.bytes > SHELF_BYTES_MAX
            && let Some((_, oldest)) = self.texts.pop_front()
        {
            self.bytes -= oldest.text.len();
        }
    }
}

/// A name for a workflow that is the same for the same workflow.
pub(crate) fn identity(workflow: &Json) -> String {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    if let Ok(workflow) = Workflow::from_json(workflow) {
        return workflow.digest().to_string();
    }
    let mut hasher = DefaultHasher::new();
    workflow.to_string().hash(&mut hasher);
    format!("text-{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(shelved: &Shelved) -> &str {
        let ResourceUri::Workflow(name) = &shelved.uri else { panic!("{}", shelved.uri) };
        name
    }

    #[test]
    fn a_workflow_is_found_again_under_its_identity() {
        let shelf = Shelf::default();
        let api = Json::parse(br#"{"1": {"class_type": "A", "inputs": {}}}"#).expect("JSON");
        let ui = Json::parse(br#"{"nodes": []}"#).expect("JSON");
        for workflow in [&api, &ui] {
            let shelved = shelf.keep_workflow(workflow).expect("it is small");
            assert!(shelved.is_short);
            assert_eq!(shelf.workflow(name(&shelved)).expect("it is kept"), *workflow);
        }
        let renamed = br#"{"1": {"inputs": {}, "class_type": "A", "_meta": {"title": "x"}}}"#;
        assert_eq!(identity(&api), identity(&Json::parse(renamed).expect("JSON")));
    }

    #[test]
    fn the_oldest_makes_room_and_a_name_is_kept_once() {
        let shelf = Shelf::default();
        let third = || "x".repeat(SHELF_BYTES_MAX / 3 + 1);
        for name in ["a", "b", "b", "c"] {
            shelf.keep(name.to_owned(), "text/html", third()).expect("it fits");
        }
        assert!(shelf.find("a").is_err() && shelf.find("b").is_ok() && shelf.find("c").is_ok());
        let too_long = shelf.keep("d".to_owned(), "text/html", "x".repeat(SHELF_BYTES_MAX + 1));
        assert_eq!(too_long.err().map(|error| error.code()), Some(FailureCode::LimitExceeded));
        let error = shelf.workflow("c").expect_err("it is a page");
        assert_eq!(error.to_string(), "mediafactory://workflow/c is text/html, not a workflow");
    }
}

//! Telling what a piece of JSON is: API format, UI format, or something around them.

use workflow_graph::{Json, ReadError, Workflow, json::Object};

use crate::{
    error::{Error, FailureCode},
    failure,
};

/// More than any workflow has: the largest known ones, with pictures inside, stay below a tenth.
pub const WORKFLOW_BYTES_MAX: usize = 64 * 1024 * 1024;

/// More than any graph that people make, by a factor of a hundred. A larger one is read in time,
/// but what is made of it would not fit beside what else a server holds.
pub const WORKFLOW_NODES_MAX: usize = 100_000;

/// The workflows in one piece of JSON. At least one of them is there.
///
/// ```
/// use mediafactory::{Json, workflows::recognize};
/// let body = Json::parse(br#"{"prompt": {"1": {"class_type": "A", "inputs": {}}},
///     "extra_data": {"extra_pnginfo": {"workflow": {"nodes": []}}}}"#)?;
/// let found = recognize(body)?;
/// assert!(found.api.is_some() && found.ui.is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// What a server runs.
    pub api: Option<Json>,
    /// What the front end saves.
    pub ui: Option<Json>,
}

/// Reads one JSON text of at most [`WORKFLOW_BYTES_MAX`] bytes.
pub fn read(text: &[u8]) -> Result<Json, Error> {
    if text.len() > WORKFLOW_BYTES_MAX {
        let bytes = text.len();
        let message =
            format!("a workflow may have {WORKFLOW_BYTES_MAX} bytes, but this has {bytes}");
        return Err(Error::new(FailureCode::LimitExceeded, message));
    }
    Json::parse(text).map_err(|error| failure::argument(error.to_string()).with_source(error))
}

/// Finds the workflows in a workflow of either format, the body of a `POST /prompt`, an entry of
/// the history, or an object with `prompt` and `workflow` as pictures hold them. None may have more
/// than [`WORKFLOW_NODES_MAX`] nodes.
pub fn recognize(json: Json) -> Result<Found, Error> {
    let found = found(json)?;
    let ui = found.ui.as_ref().map_or(0, nodes_of_ui);
    let api = found.api.as_ref().and_then(Json::as_object).map_or(0, Object::len);
    refuse_more_nodes(ui.max(api))?;
    Ok(found)
}

fn refuse_more_nodes(count: usize) -> Result<(), Error> {
    if count > WORKFLOW_NODES_MAX {
        let message =
            format!("a workflow may have {WORKFLOW_NODES_MAX} nodes, but this has {count}");
        return Err(Error::new(FailureCode::LimitExceeded, message));
    }
    Ok(())
}

/// The nodes of a saved workflow and of the subgraphs that it defines.
fn nodes_of_ui(json: &Json) -> usize {
    let count = |graph: &Json| graph.get("nodes").and_then(Json::as_array).map_or(0, <[Json]>::len);
    let defined = json.at(&["definitions", "subgraphs"]).and_then(Json::as_array);
    count(json) + defined.unwrap_or_default().iter().map(count).sum::<usize>()
}

fn found(json: Json) -> Result<Found, Error> {
    if is_ui(&json) {
        return Ok(Found { api: None, ui: Some(json) });
    }
    let prompt = json.get("prompt").filter(|prompt| is_api(prompt)).or_else(|| {
        let entry = json.get("prompt").and_then(Json::as_array)?;
        entry.get(HISTORY_PROMPT).filter(|prompt| is_api(prompt))
    });
    let ui = UI_PLACES.iter().find_map(|path| json.at(path).filter(|inner| is_ui(inner)));
    let ui = ui.or_else(|| {
        let entry = json.get("prompt").and_then(Json::as_array)?;
        entry.get(HISTORY_EXTRA)?.at(&["extra_pnginfo", "workflow"]).filter(|inner| is_ui(inner))
    });
    if prompt.is_some() || ui.is_some() {
        return Ok(Found { api: prompt.cloned(), ui: ui.cloned() });
    }
    api(&json)?;
    Ok(Found { api: Some(json), ui: None })
}

/// A workflow in API format, or why it is none and what to do.
pub(crate) fn api(json: &Json) -> Result<Workflow, Error> {
    refuse_more_nodes(json.as_object().map_or(0, Object::len))?;
    Workflow::from_json(json).map_err(|error| {
        let refused = failure::argument(error.to_string());
        let refused = match error {
            ReadError::UiFormat => refused.with_hint(
                "`convert_workflow` or `mediafactory workflow convert` makes a workflow in API \
                 format of it",
            ),
            ReadError::RequestBody
            | ReadError::NotAnObject { .. }
            | ReadError::Empty
            | ReadError::Node { .. }
            | _ => refused,
        };
        refused.with_source(error)
    })
}

/// Where the prompt stands in an entry of the history.
const HISTORY_PROMPT: usize = 2;

/// Where what was sent with it stands.
const HISTORY_EXTRA: usize = 3;

/// Where a saved workflow stands in what is around it.
const UI_PLACES: [&[&str]; 3] =
    [&["workflow"], &["extra_pnginfo", "workflow"], &["extra_data", "extra_pnginfo", "workflow"]];

pub(crate) fn is_ui(json: &Json) -> bool {
    json.get("nodes").is_some_and(|nodes| nodes.as_array().is_some())
}

fn is_api(json: &Json) -> bool {
    let is_node = |node: &Json| node.get("class_type").is_some();
    json.as_object().is_some_and(|nodes: &Object| nodes.values().any(is_node))
}

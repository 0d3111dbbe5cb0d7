//! From an argument to a workflow that a server runs, and from a workflow to a result.

use mediafactory::{
    Error, FailureCode, Json,
    workflows::{self, ConversionNote, Found, Rulebook, WORKFLOW_BYTES_MAX},
};
use rmcp::model::{ContentBlock, Resource};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::{arguments::ObjectArgument, definition::Call, uris::ResourceUri};

/// A workflow in API format, whatever was given.
pub(super) struct Given {
    pub(super) workflow: Json,
    /// What a conversion from UI format could not carry over.
    pub(super) findings: Vec<FindingResult>,
    /// Whether a finding means that the server would run something else than was drawn.
    pub(super) is_blocked: bool,
}

/// Something that a conversion could not carry over.
#[derive(Serialize, JsonSchema)]
pub(super) struct FindingResult {
    message: String,
    /// The server would refuse the result, or run something else than was drawn.
    blocks: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing_class: Option<String>,
    /// The pack of custom nodes that has the class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pack: Option<String>,
}

/// A workflow in a result.
pub(super) struct Shown {
    /// All of it, unless it is long.
    pub(super) workflow: Option<Value>,
    pub(super) uri: String,
    /// What is said of it.
    pub(super) line: String,
    /// The way to it when it is long.
    pub(super) link: Option<ContentBlock>,
}

/// The workflow in an argument: an object, its text, or the address of one that a tool answered.
pub(crate) fn whole(
    call: &Call,
    argument: ObjectArgument,
    name: &'static str,
) -> Result<Json, Error> {
    if let Some(ResourceUri::Workflow(kept)) = argument.text().and_then(ResourceUri::parse) {
        return call.shelf.workflow(&kept);
    }
    let bytes = argument.bytes();
    if bytes > WORKFLOW_BYTES_MAX {
        let message =
            format!("argument `{name}` has {bytes} bytes, but one may have {WORKFLOW_BYTES_MAX}");
        return Err(Error::new(FailureCode::LimitExceeded, message));
    }
    argument.into_json(name)
}

/// The workflow in an argument as a server runs it. Only UI format needs the server.
pub(super) async fn runnable(
    call: &Call,
    argument: ObjectArgument,
    name: &'static str,
) -> Result<Given, Error> {
    let found = workflows::recognize(whole(call, argument, name)?)?;
    match found {
        Found { api: Some(workflow), .. } => Ok(Given::as_it_is(workflow)),
        Found { api: None, ui } => {
            Given::converted(&call.factory.rulebook().await?, ui.unwrap_or_default())
        }
    }
}

/// The workflow in an argument as a server would see it. The server has a verdict on what is no
/// workflow, too.
pub(super) fn judged(rulebook: &Rulebook, json: Json) -> Result<Given, Error> {
    match workflows::recognize(json.clone()) {
        Ok(Found { api: Some(workflow), .. }) => Ok(Given::as_it_is(workflow)),
        Ok(Found { api: None, ui }) => Given::converted(rulebook, ui.unwrap_or_default()),
        Err(error) if error.code() == FailureCode::LimitExceeded => Err(error),
        Err(_) => Ok(Given::as_it_is(json)),
    }
}

impl Given {
    fn as_it_is(workflow: Json) -> Self {
        Self { workflow, findings: Vec::new(), is_blocked: false }
    }

    /// A saved workflow as the front end would send it.
    pub(super) fn converted(rulebook: &Rulebook, ui: Json) -> Result<Self, Error> {
        let converted = rulebook.convert(ui)?;
        let is_blocked = converted.is_blocked();
        let findings = converted.findings.into_iter().map(FindingResult::new).collect();
        Ok(Self { workflow: converted.workflow, findings, is_blocked })
    }
}

impl FindingResult {
    pub(super) fn new(note: ConversionNote) -> Self {
        let (missing_class, pack) = match note.missing_class {
            Some((class, pack)) => (Some(class), pack),
            None => (None, None),
        };
        Self { message: note.message, blocks: note.blocks, missing_class, pack }
    }

    /// What a workflow in UI format cannot say.
    pub(super) fn of_lift(message: String) -> Self {
        Self { message, blocks: false, missing_class: None, pack: None }
    }

    /// It in one line.
    pub(super) fn line(&self) -> String {
        let kind = if self.blocks { "problem" } else { "note" };
        format!("\n- {kind}: {}", self.message)
    }
}

/// Keeps a workflow for the calls after this one, and shows it when it is short.
pub(super) fn show(call: &Call, workflow: &Json, title: &str) -> Result<Shown, Error> {
    let shelved = call.shelf.keep_workflow(workflow)?;
    let (uri, bytes) = (shelved.uri.to_string(), shelved.bytes);
    if shelved.is_short {
        let line = format!("{title} is in the structured content, and kept at {uri}");
        return Ok(Shown { workflow: Some(workflow.to_serde()), uri, line, link: None });
    }
    let line = format!("{title} has {bytes} bytes and is kept at {uri}");
    let way = link(&uri, title, "application/json", bytes);
    Ok(Shown { workflow: None, uri, line, link: Some(way) })
}

/// A way to what is kept.
pub(super) fn link(uri: &str, title: &str, media_type: &str, bytes: usize) -> ContentBlock {
    let resource = Resource::new(uri, title).with_mime_type(media_type);
    let resource = match u64::try_from(bytes) {
        Ok(bytes) => resource.with_size(bytes),
        Err(_) => resource,
    };
    ContentBlock::resource_link(resource)
}

/// As many lines as a text may have; what is left out is counted.
pub(super) fn lines(lines: impl ExactSizeIterator<Item = String>) -> String {
    let more = lines.len().saturating_sub(LINES_MAX);
    let rest = (more > 0).then(|| format!("\n- and {more} more in the structured content"));
    lines.take(LINES_MAX).chain(rest).collect()
}

/// How many findings are told in words.
const LINES_MAX: usize = 10;

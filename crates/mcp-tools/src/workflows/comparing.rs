//! Two workflows beside each other, and what a workflow looks like.

use mediafactory::{
    Error, FailureCode, Json,
    workflows::{self, Drawing, MergeChoice, MergeStrategy},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::given::{link, runnable, show};
use crate::{
    arguments::ObjectArgument,
    definition::{Answer, Call},
    schema,
    shelf::{INLINE_BYTES_MAX, identity},
};

/// How much of a difference or a drawing stands in the text; all of it is in the structured
/// content.
const TEXT_BYTES_MAX: usize = 4_000;

#[derive(Deserialize, JsonSchema)]
pub(super) struct Diff {
    /// Either format: an object, JSON text, or a `workflow_uri` of another answer.
    before: ObjectArgument,
    /// Likewise.
    after: ObjectArgument,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct DiffResult {
    same: bool,
    /// One line a difference: `+` added, `-` removed, `~` changed.
    text: String,
    /// By node: what is added, removed and modified.
    #[schemars(schema_with = "schema::any_object")]
    diff: Value,
    /// What makes the second of the first, for `edit_workflow`.
    #[schemars(schema_with = "schema::any_list")]
    operations: Value,
}

pub(super) async fn diff_workflows(
    call: Call,
    arguments: Diff,
) -> Result<Answer<DiffResult>, Error> {
    let before = runnable(&call, arguments.before, "before").await?.workflow;
    let after = runnable(&call, arguments.after, "after").await?.workflow;
    let found = workflows::diff(&before, &after)?;
    let operations = found.patch.get("operations").map_or(Value::Null, Json::to_serde);
    let result =
        DiffResult { same: found.same, text: found.text, diff: found.data.to_serde(), operations };
    let bytes = serde_json::to_string(&result).map_or(usize::MAX, |json| json.len());
    if bytes > INLINE_BYTES_MAX {
        let message = format!("the difference has {bytes} bytes, more than an answer takes");
        return Err(Error::new(FailureCode::LimitExceeded, message).with_hint(
            "visualize_workflow with `compare_to` draws it; `mediafactory workflow diff` writes it",
        ));
    }
    let text = match result.text.as_str() {
        _ if result.same => "they are the same".to_owned(),
        text if text.len() <= TEXT_BYTES_MAX => text.trim_end().to_owned(),
        text => format!("{} lines of differences, in the structured content", text.lines().count()),
    };
    Ok(Answer::new(text, result))
}

#[derive(Deserialize, JsonSchema)]
pub(super) struct Merge {
    /// What both were made from. Every one in either format: an object, JSON text, or a
    /// `workflow_uri` of another answer.
    base: ObjectArgument,
    ours: ObjectArgument,
    theirs: ObjectArgument,
    /// Whose value settles conflicts; manual (default) goes by `choices`, else keeps the base's.
    strategy: Option<Settling>,
    /// Single conflicts, named as in an answer.
    choices: Option<Vec<ChoiceArgument>>,
}

// What one item of the list takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ChoiceArgument {
    node: String,
    part: ConflictPart,
    /// The input or member.
    name: Option<String>,
    take: Side,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Settling {
    Ours,
    Theirs,
    Manual,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ConflictPart {
    Node,
    ClassType,
    Input,
    Member,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Side {
    Ours,
    Theirs,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct MergeResult {
    /// Absent when it is long.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::any_object")]
    workflow: Option<Value>,
    workflow_uri: String,
    /// No conflict is open.
    settled: bool,
    /// With `node`, `part`, `name`, and the values of `base`, `ours` and `theirs`; `taken` where
    /// it is settled.
    #[schemars(schema_with = "schema::any_list")]
    conflicts: Value,
    /// Nodes of theirs that have another id in the result: old id to new.
    #[schemars(schema_with = "schema::any_object")]
    renumbered: Value,
}

pub(super) async fn merge_workflows(
    call: Call,
    arguments: Merge,
) -> Result<Answer<MergeResult>, Error> {
    let strategy = strategy(arguments.strategy, arguments.choices.unwrap_or_default())?;
    let base = runnable(&call, arguments.base, "base").await?.workflow;
    let ours = runnable(&call, arguments.ours, "ours").await?.workflow;
    let theirs = runnable(&call, arguments.theirs, "theirs").await?.workflow;
    let merged = workflows::merge(&base, &ours, &theirs, &strategy)?;
    let shown = show(&call, &merged.workflow, "the merged workflow")?;
    let count = merged.text.lines().count();
    let mut text = match (count, merged.settled) {
        (0, _) => "merged without a conflict".to_owned(),
        (_, true) => format!("merged; {count} conflicts settled"),
        (_, false) => format!("merged; of {count} conflicts some are open"),
    };
    if merged.text.len() <= TEXT_BYTES_MAX {
        text.push('\n');
        text.push_str(merged.text.trim_end());
    }
    let result = MergeResult {
        workflow: shown.workflow,
        workflow_uri: shown.uri,
        settled: merged.settled,
        conflicts: merged.conflicts.to_serde(),
        renumbered: merged.renumbered.to_serde(),
    };
    Ok(Answer::new(text.trim_end(), result).with_line(&shown.line).with_blocks(shown.link))
}

fn strategy(
    settling: Option<Settling>,
    choices: Vec<ChoiceArgument>,
) -> Result<MergeStrategy, Error> {
    match (settling.unwrap_or(Settling::Manual), choices.is_empty()) {
        (Settling::Manual, true) => Ok(MergeStrategy::Open),
        (Settling::Ours, true) => Ok(MergeStrategy::Ours),
        (Settling::Theirs, true) => Ok(MergeStrategy::Theirs),
        (Settling::Manual, false) => {
            let choices = choices.into_iter().map(ChoiceArgument::into_choice);
            Ok(MergeStrategy::Choose(choices.collect()))
        }
        (Settling::Ours | Settling::Theirs, false) => {
            let message = "`choices` go with the strategy manual: the others settle every conflict";
            Err(Error::new(FailureCode::ValidationError, message))
        }
    }
}

impl ChoiceArgument {
    fn into_choice(self) -> MergeChoice {
        let part = match self.part {
            ConflictPart::Node => "node",
            ConflictPart::ClassType => "class_type",
            ConflictPart::Input => "input",
            ConflictPart::Member => "member",
        };
        let (part, theirs) = (part.to_owned(), self.take == Side::Theirs);
        MergeChoice { node: self.node, part, name: self.name, theirs }
    }
}

#[derive(Deserialize, JsonSchema)]
pub(super) struct Visualize {
    /// Either format: an object, JSON text, or a `workflow_uri` of another answer.
    workflow: ObjectArgument,
    /// Default mermaid; html is a page to move, search and look into.
    format: Option<Format>,
    /// An earlier workflow: what is different from it is marked.
    compare_to: Option<ObjectArgument>,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Format {
    Mermaid,
    Graphviz,
    Svg,
    Html,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct VisualizeResult {
    format: &'static str,
    media_type: &'static str,
    bytes: usize,
    /// Absent when it is long.
    #[serde(skip_serializing_if = "Option::is_none")]
    drawing: Option<String>,
    /// A resource that holds it.
    uri: String,
}

pub(super) async fn visualize_workflow(
    call: Call,
    arguments: Visualize,
) -> Result<Answer<VisualizeResult>, Error> {
    let drawing = match arguments.format.unwrap_or(Format::Mermaid) {
        Format::Mermaid => Drawing::Mermaid,
        Format::Graphviz => Drawing::Graphviz,
        Format::Svg => Drawing::Svg,
        Format::Html => Drawing::Html,
    };
    let workflow = runnable(&call, arguments.workflow, "workflow").await?.workflow;
    let (name, drawn) = match arguments.compare_to {
        Some(earlier) => {
            let earlier = runnable(&call, earlier, "compare_to").await?.workflow;
            let name = format!("{}-{}", identity(&earlier), identity(&workflow));
            (name, workflows::draw_diff(&earlier, &workflow, drawing)?)
        }
        None => (identity(&workflow), workflows::draw(&workflow, drawing)?),
    };
    let (format, media_type) = (drawing.as_str(), drawing.media_type());
    let shelved = call.shelf.keep(format!("{name}.{format}"), media_type, drawn.clone())?;
    let uri = shelved.uri.to_string();
    let is_text = matches!(drawing, Drawing::Mermaid | Drawing::Graphviz);
    let text = if is_text && drawn.len() <= TEXT_BYTES_MAX {
        format!("drawn in {format}, kept at {uri}\n{}", drawn.trim_end())
    } else {
        format!("drawn in {format}, {} bytes, kept at {uri}", shelved.bytes)
    };
    let link = link(&uri, "the drawing", media_type, shelved.bytes);
    let drawing = shelved.is_short.then_some(drawn);
    let result = VisualizeResult { format, media_type, bytes: shelved.bytes, drawing, uri };
    Ok(Answer::new(text, result).with_blocks([link]))
}

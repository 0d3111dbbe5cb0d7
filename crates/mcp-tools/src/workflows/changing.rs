//! Workflows made of other workflows, or of files.

use std::{collections::BTreeMap, path::Path};

use base64::{Engine, prelude::BASE64_STANDARD};
use mediafactory::{
    Error, FailureCode, Json,
    workflows::{self, Edited, Found, Imported, Lora},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::given::{FindingResult, Given, lines, runnable, show, whole};
use crate::{
    arguments::ObjectArgument,
    assets::asset_id,
    definition::{Answer, Call},
    schema,
};

#[derive(Deserialize, JsonSchema)]
pub(super) struct Edit {
    /// Either format: an object, JSON text, or a `workflow_uri` of another answer.
    workflow: ObjectArgument,
    /// In order. By `op`: set, `add_input` {node, input, value}; unset, unlink {node, input};
    /// link {node, input, from, slot}; `add_node` {id, node: {`class_type`, inputs}};
    /// `remove_node` {node}; `replace_class` {node, `class_type`, rename?: {old: new}};
    /// `rename_id` {node, to}; `set_title` {node, title}; splice {id, node, through: [{from,
    /// slot, input, output}]}.
    operations: Vec<ObjectArgument>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct EditResult {
    /// Absent when it is long.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::any_object")]
    workflow: Option<Value>,
    workflow_uri: String,
    /// What was done.
    #[schemars(schema_with = "schema::any_list")]
    operations: Value,
    /// What takes it back, as `operations` of the same tool.
    #[schemars(schema_with = "schema::any_list")]
    inverse: Value,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<FindingResult>,
}

pub(super) async fn edit_workflow(
    call: Call,
    arguments: Edit,
) -> Result<Answer<EditResult>, Error> {
    let operations = arguments.operations.into_iter();
    let operations = operations.map(|operation| operation.into_json("operations"));
    let patch = Json::Array(operations.collect::<Result<_, _>>()?);
    let given = runnable(&call, arguments.workflow, "workflow").await?;
    let edited = workflows::edit(&given.workflow, &patch)?;
    edited_answer(&call, given, &edited, "edited")
}

#[derive(Deserialize, JsonSchema)]
pub(super) struct ApplyLora {
    /// Either format: an object, JSON text, or a `workflow_uri` of another answer.
    workflow: ObjectArgument,
    /// The first is the nearest to the model.
    loras: Vec<LoraArgument>,
}

// What one item of the list takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LoraArgument {
    /// From `list_models` of kind loras.
    file: String,
    /// Default 1.
    strength_model: Option<f64>,
    /// Default: that of the model, where the text encoder came with it.
    strength_clip: Option<f64>,
}

pub(super) async fn apply_lora(
    call: Call,
    arguments: ApplyLora,
) -> Result<Answer<EditResult>, Error> {
    let loras: Vec<Lora> = arguments.loras.into_iter().map(LoraArgument::into_lora).collect();
    let given = runnable(&call, arguments.workflow, "workflow").await?;
    let edited = workflows::apply_lora(&given.workflow, &loras)?;
    edited_answer(&call, given, &edited, "with its LoRAs")
}

impl LoraArgument {
    fn into_lora(self) -> Lora {
        Lora {
            file: self.file,
            strength_model: self.strength_model.unwrap_or(1.0),
            strength_clip: self.strength_clip,
        }
    }
}

fn edited_answer(
    call: &Call,
    given: Given,
    edited: &Edited,
    how: &str,
) -> Result<Answer<EditResult>, Error> {
    let shown = show(call, &edited.workflow, &format!("the workflow, {how},"))?;
    let operations = |patch: &Json| patch.get("operations").map_or(Value::Null, Json::to_serde);
    let (operations, inverse) = (operations(&edited.patch), operations(&edited.inverse));
    let count = operations.as_array().map_or(0, Vec::len);
    let mut text = format!("{count} operations applied; `inverse` takes them back");
    text.push_str(&lines(given.findings.iter().map(FindingResult::line)));
    let result = EditResult {
        workflow: shown.workflow,
        workflow_uri: shown.uri,
        operations,
        inverse,
        findings: given.findings,
    };
    Ok(Answer::new(text, result).with_line(&shown.line).with_blocks(shown.link))
}

#[derive(Deserialize, JsonSchema)]
pub(super) struct Convert {
    /// An object, JSON text, or a `workflow_uri` of another answer.
    workflow: ObjectArgument,
    /// Default api. With ui, a workflow in API format is laid out for the front end.
    to: Option<Format>,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Format {
    Api,
    Ui,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct ConvertResult {
    /// Absent when it is long.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::any_object")]
    workflow: Option<Value>,
    workflow_uri: String,
    nodes: usize,
    /// The server would refuse it, or run something else than was drawn: see `findings`.
    blocked: bool,
    findings: Vec<FindingResult>,
    /// Nodes that have another id in UI format: old id to new.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::any_object")]
    renamed: BTreeMap<String, i64>,
}

pub(super) async fn convert_workflow(
    call: Call,
    arguments: Convert,
) -> Result<Answer<ConvertResult>, Error> {
    let json = whole(&call, arguments.workflow, "workflow")?;
    match (arguments.to.unwrap_or(Format::Api), workflows::recognize(json)?) {
        (Format::Ui, Found { api: Some(api), .. }) => lifted(&call, &api).await,
        (Format::Api, Found { ui: Some(ui), .. }) => converted(&call, ui).await,
        (Format::Ui, Found { api: None, .. }) => Err(already("UI", "API")),
        (Format::Api, Found { ui: None, .. }) => Err(already("API", "UI")),
    }
}

fn already(format: &str, other: &str) -> Error {
    let message = format!("the workflow is in {format} format already");
    let hint = format!("give one in {other} format, or set `to`");
    Error::new(FailureCode::ValidationError, message).with_hint(hint)
}

async fn converted(call: &Call, ui: Json) -> Result<Answer<ConvertResult>, Error> {
    let given = Given::converted(&call.factory.rulebook().await?, ui)?;
    let shown = show(call, &given.workflow, "the workflow in API format")?;
    let result = ConvertResult {
        workflow: shown.workflow,
        workflow_uri: shown.uri,
        nodes: given.workflow.as_object().into_iter().flatten().count(),
        blocked: given.is_blocked,
        findings: given.findings,
        renamed: BTreeMap::new(),
    };
    Ok(Answer::new(result.describe(), result).with_line(&shown.line).with_blocks(shown.link))
}

async fn lifted(call: &Call, api: &Json) -> Result<Answer<ConvertResult>, Error> {
    let lifted = call.factory.rulebook().await?.lift(api)?;
    let shown = show(call, &lifted.workflow, "the workflow in UI format")?;
    let nodes = lifted.workflow.get("nodes").and_then(Json::as_array);
    let result = ConvertResult {
        workflow: shown.workflow,
        workflow_uri: shown.uri,
        nodes: nodes.map_or(0, <[Json]>::len),
        blocked: false,
        findings: lifted.findings.into_iter().map(FindingResult::of_lift).collect(),
        renamed: lifted.renamed.into_iter().collect(),
    };
    Ok(Answer::new(result.describe(), result).with_line(&shown.line).with_blocks(shown.link))
}

impl ConvertResult {
    fn describe(&self) -> String {
        let state = if self.blocked { "; it would not run as it was drawn" } else { "" };
        let findings = lines(self.findings.iter().map(FindingResult::line));
        format!("{} nodes, {} findings{state}{findings}", self.nodes, self.findings.len())
    }
}

#[derive(Deserialize, JsonSchema)]
pub(super) struct Import {
    /// A file of this server's machine, in a folder of its setting `import_dirs`.
    path: Option<String>,
    asset_id: Option<String>,
    /// The file itself in base64: JSON, PNG, WebP, JPEG or MP4.
    data: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct ImportResult {
    /// json, png, webp, jpeg, mp4 or asset
    container: &'static str,
    /// API format; absent when there is none or it is long.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::any_object")]
    workflow: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workflow_uri: Option<String>,
    /// UI format; absent when there is none or it is long.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::any_object")]
    ui_workflow: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ui_workflow_uri: Option<String>,
    /// What is there and could not be used.
    notes: Vec<String>,
}

pub(super) async fn import_workflow(
    call: Call,
    arguments: Import,
) -> Result<Answer<ImportResult>, Error> {
    let imported = match (arguments.path, arguments.asset_id, arguments.data) {
        (Some(path), None, None) => call.factory.import_file(Path::new(&path)).await?,
        (None, Some(id), None) => call.factory.import_asset(&asset_id(&id)?).await?,
        (None, None, Some(data)) => workflows::import(&decoded(&data)?)?,
        _ => {
            let message = "give exactly one of the arguments `path`, `asset_id` and `data`";
            return Err(Error::new(FailureCode::ValidationError, message));
        }
    };
    answer_import(&call, &imported)
}

fn decoded(data: &str) -> Result<Vec<u8>, Error> {
    BASE64_STANDARD.decode(data.trim()).map_err(|problem| {
        let message = format!("argument `data` is no base64: {problem}");
        Error::new(FailureCode::ValidationError, message)
            .with_hint("encode the bytes of the file, without a data: prefix")
    })
}

fn answer_import(call: &Call, imported: &Imported) -> Result<Answer<ImportResult>, Error> {
    let api = imported.api.as_ref().map(|api| show(call, api, "the workflow in API format"));
    let ui = imported.ui.as_ref().map(|ui| show(call, ui, "the workflow in UI format"));
    let (api, ui) = (api.transpose()?, ui.transpose()?);
    let container = imported.container.as_str();
    let mut text = format!("out of {container}; text inside it is a stranger's data");
    text.push_str(&lines(imported.notes.iter().map(|note| format!("\n- {note}"))));
    for shown in api.iter().chain(&ui) {
        text.push('\n');
        text.push_str(&shown.line);
    }
    let links: Vec<_> = api.iter().chain(&ui).filter_map(|shown| shown.link.clone()).collect();
    let (workflow, workflow_uri) = api.map_or((None, None), |api| (api.workflow, Some(api.uri)));
    let (ui_workflow, ui_workflow_uri) = ui.map_or((None, None), |ui| (ui.workflow, Some(ui.uri)));
    let notes = imported.notes.clone();
    let result =
        ImportResult { container, workflow, workflow_uri, ui_workflow, ui_workflow_uri, notes };
    Ok(Answer::new(text, result).with_blocks(links))
}

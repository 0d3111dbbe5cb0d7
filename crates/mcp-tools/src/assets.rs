//! What was made.

use base64::{Engine, prelude::BASE64_STANDARD};
use mediafactory::{Asset, AssetFilter, AssetId, Error, Factory, FailureCode, Origin};
use rmcp::model::ContentBlock;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    definition::{Answer, Call, Definition, Effect, Words},
    execution::job_id,
    results::{AssetResult, describe_asset, links},
    schema,
    toolsets::Toolset,
};

/// How large an inline picture is when the caller does not say.
const INLINE_BYTES_DEFAULT: u32 = 200_000;

pub(crate) fn tools() -> Vec<Definition> {
    const SET: Toolset = Toolset::Assets;
    let list = Words {
        name: "list_assets",
        title: "List assets",
        description: "What was made, newest first.",
    };
    let metadata = Words {
        name: "get_asset_metadata",
        title: "Get the origin of an asset",
        description: "Everything known of one asset: its file, and the workflow, parameters, \
                      seed, model and server that made it.",
    };
    let view = Words {
        name: "view_output",
        title: "Look at an asset",
        description: "Show a picture, made small enough to be looked at here. Other media come \
                      as a link.",
    };
    vec![
        Definition::new(SET, Effect::ReadsHere, list, list_assets),
        Definition::new(SET, Effect::ReadsHere, metadata, get_asset_metadata),
        Definition::new(SET, Effect::ReadsHere, view, view_output),
    ]
}

#[derive(Deserialize, JsonSchema)]
struct ListAssets {
    /// Only those of one job.
    job_id: Option<String>,
    /// Only those whose media type begins so, such as image/.
    media_type: Option<String>,
    /// Default 20.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct AssetList {
    items: Vec<AssetResult>,
    total: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

async fn list_assets(call: Call, arguments: ListAssets) -> Result<Answer<AssetList>, Error> {
    let filter = AssetFilter {
        job: arguments.job_id.as_deref().map(job_id).transpose()?,
        media_type: arguments.media_type,
        limit: arguments.limit,
        cursor: arguments.cursor,
    };
    let page = call.factory.assets(filter).await?;
    let mut text = format!("{} assets; {} shown", page.total, page.items.len());
    for asset in &page.items {
        text.push_str("\n- ");
        text.push_str(&describe_asset(asset));
    }
    let items = page.items.iter().map(|asset| AssetResult::new(&call.factory, asset)).collect();
    let result = AssetList { items, total: page.total, next_cursor: page.next_cursor };
    Ok(Answer::new(text, result))
}

#[derive(Deserialize, JsonSchema)]
struct OneAsset {
    asset_id: String,
}

#[derive(Serialize, JsonSchema)]
struct AssetMetadata {
    asset: AssetResult,
    sha256: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    origin: OriginResult,
}

#[derive(Serialize, JsonSchema)]
struct OriginResult {
    server: String,
    server_file: ServerFileResult,
    node: String,
    output_index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[schemars(schema_with = "schema::any_object")]
    parameters: Value,
    /// As it was sent: `execute_workflow` makes the same again.
    #[schemars(schema_with = "schema::any_object")]
    workflow: Value,
    workflow_digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct ServerFileResult {
    filename: String,
    subfolder: String,
    folder: String,
}

async fn get_asset_metadata(
    call: Call,
    arguments: OneAsset,
) -> Result<Answer<AssetMetadata>, Error> {
    let asset = call.factory.asset(&asset_id(&arguments.asset_id)?).await?;
    let text = format!("{}\nits origin is in the structured content", describe_asset(&asset));
    let result = AssetMetadata {
        asset: AssetResult::new(&call.factory, &asset),
        sha256: asset.blob.to_string(),
        expires_at: asset.expires_at.map(|time| time.to_string()),
        origin: OriginResult::new(&asset.origin),
    };
    Ok(Answer::new(text, result).with_blocks(links(&[asset])))
}

impl OriginResult {
    fn new(origin: &Origin) -> Self {
        let file = &origin.server_file;
        Self {
            server: origin.server.clone(),
            server_file: ServerFileResult {
                filename: file.filename.clone(),
                subfolder: file.subfolder.clone(),
                folder: file.folder.clone(),
            },
            node: origin.node.clone(),
            output_index: origin.output_index,
            template: origin.template.clone(),
            model: origin.model.clone(),
            seed: origin.seed,
            parameters: origin.parameters.to_serde(),
            workflow: origin.workflow.to_serde(),
            workflow_digest: origin.workflow_digest.clone(),
            started_at: origin.started_at.map(|time| time.to_string()),
            finished_at: origin.finished_at.map(|time| time.to_string()),
        }
    }
}

#[derive(Deserialize, JsonSchema)]
struct ViewOutput {
    asset_id: String,
    /// The most bytes the picture may have here. Default 200000.
    #[schemars(range(min = 1_000, max = 1_000_000))]
    max_bytes: Option<u32>,
}

#[derive(Serialize, JsonSchema)]
struct ViewResult {
    asset: AssetResult,
    /// The picture as it is shown here; absent for other media.
    #[serde(skip_serializing_if = "Option::is_none")]
    shown: Option<ShownPicture>,
}

#[derive(Serialize, JsonSchema)]
struct ShownPicture {
    media_type: String,
    width: u32,
    height: u32,
    bytes: usize,
}

async fn view_output(call: Call, arguments: ViewOutput) -> Result<Answer<ViewResult>, Error> {
    let asset = call.factory.asset(&asset_id(&arguments.asset_id)?).await?;
    if !is_picture(&asset) {
        return Ok(only_linked(&call.factory, asset));
    }
    let bytes_max = u64::from(arguments.max_bytes.unwrap_or(INLINE_BYTES_DEFAULT));
    let picture = call.factory.view(&asset.id, bytes_max).await?;
    let text = format!(
        "{}\nshown as {}x{} {}, {} bytes",
        describe_asset(&asset),
        picture.width,
        picture.height,
        picture.media_type,
        picture.bytes.len()
    );
    let image = ContentBlock::image(BASE64_STANDARD.encode(&picture.bytes), &picture.media_type);
    let shown = ShownPicture {
        bytes: picture.bytes.len(),
        media_type: picture.media_type,
        width: picture.width,
        height: picture.height,
    };
    let result = ViewResult { asset: AssetResult::new(&call.factory, &asset), shown: Some(shown) };
    Ok(Answer::new(text, result).with_blocks([image]).with_blocks(links(&[asset])))
}

/// Vector pictures are documents: nothing here draws them.
fn is_picture(asset: &Asset) -> bool {
    asset.media_type.starts_with("image/") && !asset.media_type.starts_with("image/svg")
}

fn only_linked(factory: &Factory, asset: Asset) -> Answer<ViewResult> {
    let text = format!(
        "{}\n{} cannot be shown here: open the file, or read the linked resource",
        describe_asset(&asset),
        asset.media_type
    );
    let result = ViewResult { asset: AssetResult::new(factory, &asset), shown: None };
    Answer::new(text, result).with_blocks(links(&[asset]))
}

/// Reads the id of an asset.
pub(crate) fn asset_id(text: &str) -> Result<AssetId, Error> {
    text.parse().map_err(|problem| {
        Error::new(FailureCode::ValidationError, format!("argument `asset_id`: {problem}"))
            .with_hint("give an asset_id from list_assets or from the result of a job")
    })
}

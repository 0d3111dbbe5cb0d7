//! Assets, jobs, models, templates and workflows as resources.

use base64::{Engine, prelude::BASE64_STANDARD};
use mediafactory::{AssetFilter, Error, Factory, FailureCode, models};
use rmcp::model::{
    ErrorData, ListResourceTemplatesResult, ListResourcesResult, ReadResourceResult, Resource,
    ResourceContents, ResourceTemplate,
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    assets::asset_id, execution::job_id, failure, results, results::JobResult, shelf::Shelf,
    templates::TemplateResult, uris::ResourceUri,
};

/// The largest asset that is read through the protocol. A message carries it as base64, and
/// clients hold whole messages in memory.
const ASSET_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// How many assets one page of the list has.
const PAGE_ITEMS: u32 = 50;

/// The kinds of addresses that can be read.
pub(crate) fn templates() -> ListResourceTemplatesResult {
    let template = |uri: &str, kind: &str, title: &str, description: &str| {
        ResourceTemplate::new(uri, kind).with_title(title).with_description(description)
    };
    let asset = template("mediafactory://asset/{id}", "asset", "Asset", "The bytes of one asset");
    let job = template(
        "mediafactory://job/{id}",
        "job",
        "Job",
        "Where one job stands and what came of it",
    );
    let preview = template(
        "mediafactory://job/{id}/preview",
        "preview",
        "Preview of a job",
        "The picture that a running job showed last",
    );
    let ready = template(
        "mediafactory://template/{name}",
        "template",
        "Template",
        "One ready workflow and its parameters",
    );
    let model = template(
        "mediafactory://model/{family}",
        "model",
        "Model",
        "How one model is run, every figure with its source",
    );
    let workflow = template(
        "mediafactory://workflow/{digest}",
        "workflow",
        "Workflow",
        "A workflow, or a drawing of one, that a tool answered; kept in memory",
    );
    let written = [job, ready, model].map(|template| template.with_mime_type("application/json"));
    ListResourceTemplatesResult::with_all_items(
        [asset].into_iter().chain(written).chain([preview, workflow]).collect(),
    )
}

/// The cursor of the page after the last asset: the templates and the models.
const READY_MADE: &str = "ready-made";

/// The newest assets, then the templates and the models.
pub(crate) async fn list(
    factory: &Factory,
    cursor: Option<String>,
) -> Result<ListResourcesResult, ErrorData> {
    if cursor.as_deref() == Some(READY_MADE) {
        return ready_made(factory).map_err(|error| told(&error));
    }
    let filter = AssetFilter { limit: Some(PAGE_ITEMS), cursor, ..AssetFilter::default() };
    let page = factory.assets(filter).await.map_err(|error| told(&error))?;
    let resources = page.items.iter().map(results::resource).collect();
    let mut list = ListResourcesResult::with_all_items(resources);
    list.next_cursor = page.next_cursor.or_else(|| Some(READY_MADE.to_owned()));
    Ok(list)
}

fn ready_made(factory: &Factory) -> Result<ListResourcesResult, Error> {
    let resource = |uri: ResourceUri, name: &str, title: &str| {
        Resource::new(uri.to_string(), name).with_title(title).with_mime_type("application/json")
    };
    let templates = factory.templates().all().iter().map(|template| {
        resource(ResourceUri::Template(template.name.clone()), &template.name, &template.title)
    });
    let models = models::registry()?.families().map(|family| {
        resource(ResourceUri::Model(family.name.clone()), &family.name, &family.title)
    });
    Ok(ListResourcesResult::with_all_items(templates.chain(models).collect()))
}

/// The contents at one address.
pub(crate) async fn read(
    factory: &Factory,
    shelf: &Shelf,
    uri: &str,
) -> Result<ReadResourceResult, ErrorData> {
    let contents = match ResourceUri::parse(uri) {
        Some(ResourceUri::Asset(id)) => asset(factory, &id, uri).await,
        Some(ResourceUri::Job(id)) => job(factory, &id, uri).await,
        Some(ResourceUri::JobPreview(id)) => preview(factory, &id, uri).await,
        Some(ResourceUri::Model(name)) => model(factory, &name, uri).await,
        Some(ResourceUri::Template(name)) => factory
            .templates()
            .get(&name)
            .and_then(|template| Ok(written(&TemplateResult::new(template)?, uri))),
        Some(ResourceUri::Workflow(name)) => shelf.find(&name).map(|found| {
            ResourceContents::text(&*found.text, uri).with_mime_type(found.media_type)
        }),
        None => return Err(not_ours(uri)),
    };
    match contents {
        Ok(contents) => Ok(ReadResourceResult::new(vec![contents])),
        Err(error) => Err(refused(uri, &error)),
    }
}

/// An address that means nothing here.
pub(crate) fn not_ours(uri: &str) -> ErrorData {
    not_found(uri, "it is no address of this server", None)
}

/// Why nothing can be told of an address.
pub(crate) fn refused(uri: &str, error: &Error) -> ErrorData {
    if is_absence(error) { not_found(uri, &error.to_string(), Some(error)) } else { told(error) }
}

async fn asset(factory: &Factory, id: &str, uri: &str) -> Result<ResourceContents, Error> {
    let asset = factory.asset(&asset_id(id)?).await?;
    if asset.size_bytes > ASSET_BYTES_MAX {
        return Err(Error::new(
            FailureCode::LimitExceeded,
            format!(
                "the asset has {} bytes; up to {ASSET_BYTES_MAX} are sent in a message",
                asset.size_bytes
            ),
        )
        .with_hint(format!("open the file {}", factory.asset_path(&asset).display())));
    }
    let bytes = factory.asset_bytes(&asset.id).await?;
    let is_text = asset.media_type.starts_with("text/") || asset.media_type == "application/json";
    let contents = match std::str::from_utf8(&bytes) {
        Ok(text) if is_text => ResourceContents::text(text, uri),
        _ => ResourceContents::blob(BASE64_STANDARD.encode(&bytes), uri),
    };
    Ok(contents.with_mime_type(asset.media_type))
}

async fn job(factory: &Factory, id: &str, uri: &str) -> Result<ResourceContents, Error> {
    let report = factory.job(&job_id(id)?).await?;
    Ok(written(&JobResult::new(factory, &report), uri))
}

/// What is known of it, and which of its files the first server has, where that answers.
async fn model(factory: &Factory, name: &str, uri: &str) -> Result<ResourceContents, Error> {
    let settings = factory.model_settings(name, None, None).await?;
    let told = settings.to_json().to_string();
    Ok(ResourceContents::text(told, uri).with_mime_type("application/json"))
}

async fn preview(factory: &Factory, id: &str, uri: &str) -> Result<ResourceContents, Error> {
    let preview = factory.latest_preview(&job_id(id)?).await?;
    let contents = ResourceContents::blob(BASE64_STANDARD.encode(&preview.bytes), uri);
    Ok(contents.with_mime_type(preview.media_type))
}

fn written<T: Serialize>(result: &T, uri: &str) -> ResourceContents {
    // The twins are plain structs with text keys: writing them cannot fail.
    let json = serde_json::to_value(result).unwrap_or(Value::Null);
    ResourceContents::text(json.to_string(), uri).with_mime_type("application/json")
}

/// Whether the failure says that there is nothing at the address. An id that cannot be one has
/// nothing behind it either.
fn is_absence(error: &Error) -> bool {
    matches!(
        error.code(),
        FailureCode::AssetNotFoundOrExpired
            | FailureCode::JobNotFound
            | FailureCode::TemplateNotFound
            | FailureCode::ValidationError
    )
}

fn not_found(uri: &str, why: &str, error: Option<&Error>) -> ErrorData {
    let mut data = error.map(failure::members_of).unwrap_or_default();
    data.insert("uri".to_owned(), json!(uri));
    ErrorData::resource_not_found(
        format!("there is no resource {uri}: {why}"),
        Some(Value::Object(data)),
    )
}

/// A failure of what has no failed results.
pub(crate) fn refused_call(error: &Error) -> ErrorData {
    if is_absence(error) {
        let data = Some(Value::Object(failure::members_of(error)));
        return ErrorData::invalid_params(error.to_string(), data);
    }
    told(error)
}

/// Resources have no failed results, so a failure is a protocol error that carries the same.
fn told(error: &Error) -> ErrorData {
    tracing::info!(code = error.code().as_str(), error = failure::causes(error), "failed");
    let data = Some(Value::Object(failure::members_of(error)));
    if matches!(
        error.code(),
        FailureCode::ValidationError | FailureCode::LimitExceeded | FailureCode::Forbidden
    ) {
        return ErrorData::invalid_params(error.to_string(), data);
    }
    ErrorData::internal_error(error.to_string(), data)
}

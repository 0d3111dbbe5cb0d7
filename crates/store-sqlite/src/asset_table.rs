//! The table `assets`.

use assets::{
    Asset, AssetCursor, AssetId, AssetPage, AssetQuery, AssetStore, BlobDigest, Error, Origin,
    ServerFile,
};
use async_trait::async_trait;
use batch::JobId;
use jiff::Timestamp;
use rusqlite::{Connection, Params, Row, named_params};

use crate::{
    SqliteStore,
    columns::{self, Problem, timestamp_text},
    conditions::Conditions,
    error::Fault,
};

#[async_trait]
impl AssetStore for SqliteStore {
    async fn insert(&self, assets: Vec<Asset>) -> Result<Vec<AssetId>, Error> {
        let inserted = self.write(move |connection| insert(connection, &assets)).await;
        inserted.map_err(|error| error.in_asset_store("record assets"))
    }

    async fn get(&self, id: &AssetId) -> Result<Option<Asset>, Error> {
        let id = id.to_string();
        let found = self.read(move |connection| select_one(connection, &id)).await;
        found.map_err(|error| error.in_asset_store("read an asset"))
    }

    async fn list(&self, query: &AssetQuery) -> Result<AssetPage, Error> {
        let query = query.clone();
        let listed = self.read(move |connection| list(connection, &query)).await;
        listed.map_err(|error| error.in_asset_store("list assets"))
    }

    async fn remove(&self, id: &AssetId) -> Result<Option<Asset>, Error> {
        let id = id.to_string();
        let removed = self.write(move |connection| {
            let asset = select_one(connection, &id)?;
            connection.prepare_cached("DELETE FROM assets WHERE id = ?1")?.execute([&id])?;
            Ok(asset)
        });
        removed.await.map_err(|error| error.in_asset_store("remove an asset"))
    }

    async fn expired(&self, now: Timestamp, limit: u32) -> Result<Vec<Asset>, Error> {
        let found = self.read(move |connection| {
            select(
                connection,
                "WHERE expires_at <= :now ORDER BY expires_at, id LIMIT :limit",
                named_params! {":now": timestamp_text(now), ":limit": limit},
            )
        });
        found.await.map_err(|error| error.in_asset_store("list expired assets"))
    }

    async fn uses(&self, blob: &BlobDigest) -> Result<u64, Error> {
        let blob = blob.to_string();
        let counted = self.read(move |connection| {
            let uses: i64 = connection
                .prepare_cached("SELECT count(*) FROM assets WHERE blob = ?1")?
                .query_row([blob], |row| row.get(0))?;
            Ok(uses.try_into().unwrap_or_default())
        });
        counted.await.map_err(|error| error.in_asset_store("count the uses of a blob"))
    }
}

/// Records all of `assets`, unless one stands in the way; then the transaction must not be
/// committed.
pub(crate) fn insert(connection: &Connection, assets: &[Asset]) -> Result<Vec<AssetId>, Fault> {
    assets.iter().map(|asset| insert_one(connection, asset)).collect()
}

fn insert_one(connection: &Connection, asset: &Asset) -> Result<AssetId, Fault> {
    let origin = &asset.origin;
    let standing = select(
        connection,
        "WHERE job = :job AND node = :node AND output_index = :output_index",
        named_params! {
            ":job": origin.job.to_string(),
            ":node": origin.node,
            ":output_index": origin.output_index,
        },
    )?;
    if let Some(standing) = standing.first() {
        if standing.blob == asset.blob {
            return Ok(standing.id);
        }
        return Err(Fault::from(Error::OutputTaken {
            id: standing.id,
            job: origin.job,
            node: origin.node.clone(),
            output_index: origin.output_index,
        }));
    }
    if insert_row(connection, asset)? == 0 {
        return Err(Error::DuplicateId { id: asset.id }.into());
    }
    Ok(asset.id)
}

fn insert_row(connection: &Connection, asset: &Asset) -> Result<usize, Fault> {
    let origin = &asset.origin;
    let size_bytes = i64::try_from(asset.size_bytes)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    let inserted = connection
        .prepare_cached(
            "INSERT INTO assets (id, blob, media_type, size_bytes, file_name, width, height,
                 created_at, expires_at, job, node, output_index, workflow_digest, workflow,
                 parameters, seed, model, template, server, server_filename, server_subfolder,
                 server_folder, started_at, finished_at, search_text)
             VALUES (:id, :blob, :media_type, :size_bytes, :file_name, :width,
                 :height, :created_at, :expires_at, :job, :node, :output_index, :workflow_digest,
                 :workflow, :parameters, :seed, :model, :template, :server, :server_filename,
                 :server_subfolder, :server_folder, :started_at, :finished_at, :search_text)
             ON CONFLICT (id) DO NOTHING",
        )?
        .execute(named_params! {
            ":id": asset.id.to_string(),
            ":blob": asset.blob.to_string(),
            ":media_type": asset.media_type,
            ":size_bytes": size_bytes,
            ":file_name": asset.file_name,
            ":width": asset.width,
            ":height": asset.height,
            ":created_at": timestamp_text(asset.created_at),
            ":expires_at": asset.expires_at.map(timestamp_text),
            ":job": origin.job.to_string(),
            ":node": origin.node,
            ":output_index": origin.output_index,
            ":workflow_digest": origin.workflow_digest,
            ":workflow": origin.workflow.to_string(),
            ":parameters": origin.parameters.to_string(),
            ":seed": origin.seed.map(|seed| seed.to_string()),
            ":model": origin.model,
            ":template": origin.template,
            ":server": origin.server,
            ":server_filename": origin.server_file.filename,
            ":server_subfolder": origin.server_file.subfolder,
            ":server_folder": origin.server_file.folder,
            ":started_at": origin.started_at.map(timestamp_text),
            ":finished_at": origin.finished_at.map(timestamp_text),
            ":search_text": asset.search_text(),
        })?;
    Ok(inserted)
}

fn list(connection: &Connection, query: &AssetQuery) -> Result<AssetPage, Fault> {
    let prefix = query.media_type_prefix.clone();
    let all = Conditions::default()
        .and("job = ?", query.job.map(|job| [job.to_string()]))
        .and("substr(media_type, 1, length(?)) = ?", prefix.map(|prefix| [prefix.clone(), prefix]))
        .and("instr(search_text, ?) > 0", query.search_text().map(|text| [text]));
    let total: i64 = connection
        .prepare_cached(&format!("SELECT count(*) FROM assets {}", all.sql()))?
        .query_row(all.values(), |row| row.get(0))?;

    let place = |cursor: AssetCursor| [timestamp_text(cursor.created_at), cursor.id.to_string()];
    let rest = all.and("(created_at, id) < (?, ?)", query.cursor.map(place));
    let page_size = query.page_size();
    // One more than asked for tells whether there is another page.
    let most = u64::from(page_size) + 1;
    let page = format!("{} ORDER BY created_at DESC, id DESC LIMIT {most}", rest.sql());
    let mut assets = select(connection, &page, rest.values())?;
    let page_size = page_size.try_into().unwrap_or(usize::MAX);
    let has_more = assets.len() > page_size;
    assets.truncate(page_size);
    Ok(AssetPage {
        next_cursor: assets.last().filter(|_| has_more).map(AssetCursor::from),
        assets,
        total: total.try_into().unwrap_or_default(),
    })
}

/// What a job made, in the order in which it was recorded.
pub(crate) fn of_job(connection: &Connection, job: &JobId) -> Result<Vec<Asset>, Fault> {
    let values = named_params! {":job": job.to_string()};
    select(connection, "WHERE job = :job ORDER BY created_at, id", values)
}

fn select_one(connection: &Connection, id: &str) -> Result<Option<Asset>, Fault> {
    Ok(select(connection, "WHERE id = :id", named_params! {":id": id})?.pop())
}

fn select(
    connection: &Connection,
    condition: &str,
    values: impl Params,
) -> Result<Vec<Asset>, Fault> {
    let mut assets = Vec::new();
    let mut statement = connection.prepare_cached(&format!("SELECT * FROM assets {condition}"))?;
    let mut rows = statement.query(values)?;
    while let Some(row) = rows.next()? {
        let asset = read_asset(row).map_err(|problem| Error::DamagedAsset {
            id: row.get("id").unwrap_or_default(),
            problem,
        })?;
        assets.push(asset);
    }
    Ok(assets)
}

fn read_asset(row: &Row<'_>) -> Result<Asset, Problem> {
    let size_bytes: i64 = columns::get(row, "size_bytes")?;
    Ok(Asset {
        id: columns::parsed(row, "id")?,
        blob: columns::parsed(row, "blob")?,
        media_type: columns::get(row, "media_type")?,
        size_bytes: size_bytes
            .try_into()
            .map_err(|error| columns::problem("size_bytes", &error))?,
        file_name: columns::get(row, "file_name")?,
        width: columns::get(row, "width")?,
        height: columns::get(row, "height")?,
        created_at: columns::parsed(row, "created_at")?,
        expires_at: columns::optional_parsed(row, "expires_at")?,
        origin: read_origin(row)?,
    })
}

fn read_origin(row: &Row<'_>) -> Result<Origin, Problem> {
    Ok(Origin {
        job: columns::parsed(row, "job")?,
        node: columns::get(row, "node")?,
        output_index: columns::get(row, "output_index")?,
        workflow_digest: columns::get(row, "workflow_digest")?,
        workflow: columns::json(row, "workflow")?,
        parameters: columns::json(row, "parameters")?,
        seed: columns::optional_parsed(row, "seed")?,
        model: columns::get(row, "model")?,
        template: columns::get(row, "template")?,
        server: columns::get(row, "server")?,
        server_file: ServerFile {
            filename: columns::get(row, "server_filename")?,
            subfolder: columns::get(row, "server_subfolder")?,
            folder: columns::get(row, "server_folder")?,
        },
        started_at: columns::optional_parsed(row, "started_at")?,
        finished_at: columns::optional_parsed(row, "finished_at")?,
    })
}

//! Assets: listing, reading and showing what came out.

use std::path::PathBuf;

use assets::{Asset, AssetCursor, AssetId, AssetQuery, AssetStore, preview::PreviewLimits};
use bytes::Bytes;
use jiff::Timestamp;

use crate::{
    error::{Error, FailureCode},
    factory::Factory,
    failure,
    requests::{AssetFilter, InlinePicture, Page},
};

/// How many assets a page has when the caller does not say.
const PAGE_DEFAULT: u32 = 20;

/// How many assets a page has at most.
const PAGE_MAX: u32 = 100;

/// The least budget that a picture is shown in.
const VIEW_BYTES_MIN: u64 = 1_000;

/// The largest budget that a picture is shown in: it travels inside a message.
const VIEW_BYTES_MAX: u64 = 1_000_000;

/// How many expired assets are forgotten at once.
const FORGOTTEN_AT_ONCE: u32 = 200;

impl Factory {
    /// Takes assets off the record whose time is over. What stands in the output folder is a
    /// person's and stays.
    async fn forget_expired(&self) -> Result<(), Error> {
        let failed =
            |error| failure::storage("expired assets cannot be taken off the record", error);
        let store = &self.parts.store;
        let expired = AssetStore::expired(store, Timestamp::now(), FORGOTTEN_AT_ONCE).await;
        for asset in expired.map_err(failed)? {
            AssetStore::remove(store, &asset.id).await.map_err(failed)?;
        }
        Ok(())
    }

    /// One page of assets, newest first.
    pub async fn assets(&self, filter: AssetFilter) -> Result<Page<Asset>, Error> {
        self.forget_expired().await?;
        let limit = filter.limit.unwrap_or(PAGE_DEFAULT);
        if !(1..=PAGE_MAX).contains(&limit) {
            return Err(failure::argument(format!(
                "limit must be from 1 to {PAGE_MAX}, but is {limit}"
            )));
        }
        let cursor = filter.cursor.as_deref().map(str::parse::<AssetCursor>).transpose();
        let query = AssetQuery {
            job: filter.job.map(|job| job.as_uuid()),
            media_type_prefix: filter.media_type,
            limit,
            cursor: cursor.map_err(|error| failure::argument(error.to_string()))?,
            ..AssetQuery::default()
        };
        let page = AssetStore::list(&self.parts.store, &query).await;
        let page = page.map_err(|error| failure::storage("the assets cannot be read", error))?;
        let next_cursor = page.next_cursor.map(|cursor| cursor.to_string());
        Ok(Page { items: page.assets, total: page.total, next_cursor })
    }

    /// One asset with its origin.
    pub async fn asset(&self, id: &AssetId) -> Result<Asset, Error> {
        let found = AssetStore::get(&self.parts.store, id).await;
        found
            .map_err(|error| failure::storage("the asset cannot be read", error))?
            .filter(|asset| asset.expires_at.is_none_or(|expires| expires > Timestamp::now()))
            .ok_or_else(|| {
                let message = format!("there is no asset {id}, or its time is over");
                Error::new(FailureCode::AssetNotFoundOrExpired, message)
                    .with_hint("`list_assets` lists what there is; or make it again")
            })
    }

    /// The bytes of an asset, checked against its digest.
    pub async fn asset_bytes(&self, id: &AssetId) -> Result<Bytes, Error> {
        let asset = self.asset(id).await?;
        let bytes = self.parts.blobs.read(&asset.blob).await;
        bytes.map_err(|error| failure::storage("the asset's bytes cannot be read", error))
    }

    /// Where the asset stands in the output folder under its readable name. A person may have
    /// moved or removed it there; the asset itself is kept apart.
    pub fn asset_path(&self, asset: &Asset) -> PathBuf {
        self.parts.config.output_dir.join(&asset.file_name)
    }

    /// A picture made small enough for `bytes_max`, from 1,000 to 1,000,000 bytes.
    pub async fn view(&self, id: &AssetId, bytes_max: u64) -> Result<InlinePicture, Error> {
        if !(VIEW_BYTES_MIN..=VIEW_BYTES_MAX).contains(&bytes_max) {
            let message = format!(
                "the budget must be from {VIEW_BYTES_MIN} to {VIEW_BYTES_MAX} bytes, but is {bytes_max}"
            );
            return Err(failure::argument(message));
        }
        let asset = self.asset(id).await?;
        if !asset.media_type.starts_with("image/") {
            let message = format!("asset {id} is {} and no picture", asset.media_type);
            return Err(failure::argument(message).with_hint("read its resource instead"));
        }
        let bytes = self.asset_bytes(id).await?;
        let limits = PreviewLimits {
            size_bytes_max: usize::try_from(bytes_max).unwrap_or(usize::MAX),
            ..PreviewLimits::default()
        };
        let made =
            tokio::task::spawn_blocking(move || assets::preview::preview(&bytes, &limits)).await;
        let preview = made
            .map_err(|error| failure::storage("the picture could not be re-encoded", error))?
            .map_err(not_shown)?;
        Ok(InlinePicture {
            media_type: preview.media_type.to_owned(),
            width: preview.width,
            height: preview.height,
            bytes: preview.bytes.into(),
        })
    }
}

fn not_shown(error: assets::Error) -> Error {
    let is_no_picture = matches!(error, assets::Error::NotAPicture { .. });
    let code =
        if is_no_picture { FailureCode::ValidationError } else { FailureCode::LimitExceeded };
    Error::new(code, error.to_string()).with_hint("read its resource instead").with_source(error)
}

//! Assets in memory.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use jiff::Timestamp;

use super::{AssetCursor, AssetPage, AssetQuery, AssetStore};
use crate::{Asset, AssetId, BlobDigest, Error};

/// Assets that are forgotten with the process: for tests, and for a server that is told to keep
/// nothing.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use assets::{Asset, AssetQuery, AssetStore, BlobDigest, MemoryAssets, Origin};
/// use uuid::Uuid;
///
/// let assets = MemoryAssets::default();
/// let job = Uuid::now_v7();
/// let origin = Origin::new(job, "9", 0);
/// let at = "2026-01-02T03:04:05Z".parse()?;
/// let asset = Asset::new(Uuid::now_v7().into(), BlobDigest::of(b"fox"), origin, at);
/// let ids = assets.insert(vec![asset]).await?;
///
/// let page = assets.list(&AssetQuery { job: Some(job), ..AssetQuery::default() }).await?;
/// assert_eq!(page.assets[0].id, ids[0]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct MemoryAssets {
    assets: Mutex<BTreeMap<AssetId, Asset>>,
}

impl MemoryAssets {
    /// No method leaves the map half changed, so a panic elsewhere while it was locked is no
    /// reason to refuse it.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<AssetId, Asset>> {
        self.assets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl AssetStore for MemoryAssets {
    async fn insert(&self, assets: Vec<Asset>) -> Result<Vec<AssetId>, Error> {
        let mut stored = self.lock();
        let (mut ids, mut added) = (Vec::new(), Vec::new());
        for asset in assets {
            match insert_one(&mut stored, asset) {
                Ok(Inserted::New(id)) => {
                    ids.push(id);
                    added.push(id);
                }
                Ok(Inserted::Standing(id)) => ids.push(id),
                Err(error) => {
                    stored.retain(|id, _| !added.contains(id));
                    return Err(error);
                }
            }
        }
        Ok(ids)
    }

    async fn get(&self, id: &AssetId) -> Result<Option<Asset>, Error> {
        Ok(self.lock().get(id).cloned())
    }

    async fn list(&self, query: &AssetQuery) -> Result<AssetPage, Error> {
        let assets = self.lock();
        let text = query.search_text();
        let matches = |asset: &&Asset| {
            query.job.is_none_or(|job| asset.origin.job == job)
                && (query.media_type_prefix.as_ref())
                    .is_none_or(|prefix| asset.media_type.starts_with(prefix))
                && text.as_ref().is_none_or(|text| asset.search_text().contains(text))
        };
        let mut found: Vec<&Asset> = assets.values().filter(matches).collect();
        found.sort_by_key(|asset| Reverse(AssetCursor::from(*asset)));
        let total = found.len().try_into().unwrap_or(u64::MAX);

        let page_size = query.page_size().try_into().unwrap_or(usize::MAX);
        let mut rest = found
            .into_iter()
            .filter(|asset| query.cursor.is_none_or(|at| AssetCursor::from(*asset) < at));
        let page: Vec<Asset> = rest.by_ref().take(page_size).cloned().collect();
        let last = page.last().map(AssetCursor::from);
        Ok(AssetPage { next_cursor: rest.next().and(last), assets: page, total })
    }

    async fn remove(&self, id: &AssetId) -> Result<Option<Asset>, Error> {
        Ok(self.lock().remove(id))
    }

    async fn expired(&self, now: Timestamp, limit: u32) -> Result<Vec<Asset>, Error> {
        let assets = self.lock();
        let mut found: Vec<&Asset> = assets
            .values()
            .filter(|asset| asset.expires_at.is_some_and(|expires_at| expires_at <= now))
            .collect();
        found.sort_by_key(|asset| (asset.expires_at, asset.id));
        let limit = limit.try_into().unwrap_or(usize::MAX);
        Ok(found.into_iter().take(limit).cloned().collect())
    }

    async fn uses(&self, blob: &BlobDigest) -> Result<u64, Error> {
        let uses = self.lock().values().filter(|asset| asset.blob == *blob).count();
        Ok(uses.try_into().unwrap_or(u64::MAX))
    }
}

enum Inserted {
    New(AssetId),
    /// The output was recorded before, under this id.
    Standing(AssetId),
}

fn insert_one(assets: &mut BTreeMap<AssetId, Asset>, asset: Asset) -> Result<Inserted, Error> {
    let origin = &asset.origin;
    let same_output = |other: &&Asset| {
        (other.origin.job, &other.origin.node, other.origin.output_index)
            == (origin.job, &origin.node, origin.output_index)
    };
    if let Some(standing) = assets.values().find(same_output) {
        return if standing.blob == asset.blob {
            Ok(Inserted::Standing(standing.id))
        } else {
            Err(Error::OutputTaken {
                id: standing.id,
                job: origin.job,
                node: origin.node.clone(),
                output_index: origin.output_index,
            })
        };
    }
    if assets.contains_key(&asset.id) {
        return Err(Error::DuplicateId { id: asset.id });
    }
    let id = asset.id;
    assets.insert(id, asset);
    Ok(Inserted::New(id))
}

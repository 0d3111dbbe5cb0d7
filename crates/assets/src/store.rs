//! Where assets are recorded.

mod memory;

use std::{fmt, str::FromStr};

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

pub use self::memory::MemoryAssets;
use crate::{Asset, AssetId, BlobDigest, Error};

/// A place that records assets. Their bytes are in a [`BlobStore`](crate::BlobStore), which is
/// filled first: an asset without its bytes would be a promise that cannot be kept, bytes without
/// an asset only cost room.
#[async_trait]
pub trait AssetStore: Send + Sync + fmt::Debug {
    /// Records all of `assets` or none, and says under which ids they now stand, in the same
    /// order. An output that is already recorded with the same bytes is left as it is and its
    /// older id is given: inserting again after a lost answer does no harm.
    async fn insert(&self, assets: Vec<Asset>) -> Result<Vec<AssetId>, Error>;

    /// The asset `id`, if there is one.
    async fn get(&self, id: &AssetId) -> Result<Option<Asset>, Error>;

    /// One page of assets, newest first.
    async fn list(&self, query: &AssetQuery) -> Result<AssetPage, Error>;

    /// Removes the record of an asset and gives it back, if there was one. The blob stays.
    async fn remove(&self, id: &AssetId) -> Result<Option<Asset>, Error>;

    /// At most `limit` assets that may be removed at `now`, those that expired first in front.
    async fn expired(&self, now: Timestamp, limit: u32) -> Result<Vec<Asset>, Error>;

    /// How many assets have these bytes. At 0 the blob may be removed, when nobody is about to
    /// insert another asset with it.
    async fn uses(&self, blob: &BlobDigest) -> Result<u64, Error>;
}

/// Which assets to list. All conditions must hold; absent ones always do.
///
/// ```
/// use assets::AssetQuery;
/// let query = AssetQuery { media_type_prefix: Some("image/".into()), ..AssetQuery::default() };
/// assert_eq!(query.limit, AssetQuery::LIMIT_DEFAULT);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetQuery {
    /// Only those of this job.
    pub job: Option<Uuid>,
    /// Only those whose media type begins so: `image/`, `video/mp4`.
    pub media_type_prefix: Option<String>,
    /// Only those that have this text in their file, template or model name or in a parameter,
    /// in upper or lower case.
    pub text: Option<String>,
    /// How many assets a page holds at most; more than [`AssetQuery::LIMIT_MAX`] is taken as that.
    pub limit: u32,
    /// Where to go on: the `next_cursor` of the page before.
    pub cursor: Option<AssetCursor>,
}

/// One page of assets.
#[derive(Clone, Debug, PartialEq)]
pub struct AssetPage {
    /// The assets, newest first.
    pub assets: Vec<Asset>,
    /// How many assets match in all, on whatever page.
    pub total: u64,
    /// Where the next page begins, when there is more.
    pub next_cursor: Option<AssetCursor>,
}

/// A place in the list of all assets. Its text is opaque to callers; it stays valid when assets
/// are added or removed.
///
/// ```
/// use assets::AssetCursor;
/// let text = "2026-01-02T03:04:05.000000006Z~0197f1ce-3c5a-7000-8000-0000000000aa";
/// assert_eq!(text.parse::<AssetCursor>()?.to_string(), text);
/// assert!("2".parse::<AssetCursor>().is_err());
/// # Ok::<(), assets::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AssetCursor {
    /// When the last asset of the page before was created.
    pub created_at: Timestamp,
    /// Which one it was, among those of the same moment.
    pub id: AssetId,
}

impl AssetQuery {
    /// How many assets a page holds when the caller does not say.
    pub const LIMIT_DEFAULT: u32 = 50;
    /// How many assets a page may hold. Every asset carries its workflow, which can have a
    /// megabyte; this keeps a page in memory.
    pub const LIMIT_MAX: u32 = 200;

    /// The page size that a store uses: at least one asset, so that paging always advances.
    pub fn page_size(&self) -> u32 {
        self.limit.clamp(1, Self::LIMIT_MAX)
    }

    /// The text to look for in [`Asset::search_text`].
    pub fn search_text(&self) -> Option<String> {
        self.text.as_ref().map(|text| text.to_lowercase())
    }
}

impl Default for AssetQuery {
    fn default() -> Self {
        Self {
            job: None,
            media_type_prefix: None,
            text: None,
            limit: Self::LIMIT_DEFAULT,
            cursor: None,
        }
    }
}

impl From<&Asset> for AssetCursor {
    fn from(asset: &Asset) -> Self {
        Self { created_at: asset.created_at, id: asset.id }
    }
}

impl fmt::Display for AssetCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.9}~{}", self.created_at, self.id)
    }
}

impl FromStr for AssetCursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (created_at, id) = text.split_once('~').ok_or(Error::InvalidCursor)?;
        Ok(Self {
            created_at: created_at.parse().map_err(|_| Error::InvalidCursor)?,
            id: id.parse().map_err(|_| Error::InvalidCursor)?,
        })
    }
}

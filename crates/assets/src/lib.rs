//! Results with their origin: the bytes, what they are, and how to make them again.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use assets::{Asset, AssetStore, BlobStore, MemoryAssets, MemoryBlobs, Origin, media};
//! use uuid::Uuid;
//!
//! let (blobs, assets) = (MemoryBlobs::default(), MemoryAssets::default());
//! let stored = blobs.put_bytes("GIF89a…".into()).await?;
//! let job = Uuid::now_v7();
//! let asset = Asset {
//!     media_type: media::sniff(b"GIF89a", "fox.gif").to_owned(),
//!     size_bytes: stored.size_bytes,
//!     ..Asset::new(Uuid::now_v7().into(), stored.digest, Origin::new(job, "9", 0), "2026-01-02T03:04:05Z".parse()?)
//! };
//! let ids = assets.insert(vec![asset]).await?;
//! let found = assets.get(&ids[0]).await?.ok_or("it was just inserted")?;
//! assert_eq!(blobs.read(&found.blob).await?, "GIF89a…");
//! assert_eq!(found.media_type, "image/gif");
//! # Ok(())
//! # }
//! ```
//!
//! Bytes are stored first and named by their digest, then the asset that points to them is
//! recorded. Both steps may be repeated.
//!
//! # What it does not do
//!
//! It fetches nothing and removes nothing on its own: what comes in is given as a stream, and
//! what expires is only listed.

mod asset;
mod blobs;
pub mod conformance;
mod error;
mod ids;
pub mod media;
pub mod preview;
mod store;

pub use crate::{
    asset::{Asset, Origin, ServerFile},
    blobs::{BlobStore, ByteStream, FolderBlobs, MemoryBlobs, StoredBlob},
    error::{BoxError, Error, Retry},
    ids::{AssetId, BlobDigest},
    store::{AssetCursor, AssetPage, AssetQuery, AssetStore, MemoryAssets},
};

//! Blobs in memory.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;

use super::{BlobStore, ByteStream, StoredBlob};
use crate::{BlobDigest, Error};

/// Blobs that are forgotten with the process, for tests and for small servers that keep nothing.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), assets::Error> {
/// use assets::{BlobStore, MemoryBlobs};
/// let blobs = MemoryBlobs::default();
/// let stored = blobs.put_bytes("fox".into()).await?;
/// assert!(stored.is_new);
/// assert_eq!(blobs.read(&stored.digest).await?, "fox");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct MemoryBlobs {
    blobs: Mutex<HashMap<BlobDigest, Bytes>>,
}

impl MemoryBlobs {
    /// No method leaves the map half changed, so a panic elsewhere while it was locked is no
    /// reason to refuse it.
    fn lock(&self) -> MutexGuard<'_, HashMap<BlobDigest, Bytes>> {
        self.blobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl BlobStore for MemoryBlobs {
    async fn put(&self, mut bytes: ByteStream, size_limit_bytes: u64) -> Result<StoredBlob, Error> {
        let mut collected = BytesMut::new();
        let mut size_bytes = 0_u64;
        while let Some(chunk) = bytes.next().await {
            let chunk =
                chunk.map_err(|source| Error::Incoming { received_bytes: size_bytes, source })?;
            size_bytes = size_bytes.saturating_add(chunk.len().try_into().unwrap_or(u64::MAX));
            if size_bytes > size_limit_bytes {
                return Err(Error::TooLarge { limit_bytes: size_limit_bytes });
            }
            collected.extend_from_slice(&chunk);
        }
        let digest = BlobDigest::of(&collected);
        let before = self.lock().insert(digest, collected.freeze());
        Ok(StoredBlob { digest, size_bytes, is_new: before.is_none() })
    }

    async fn read(&self, digest: &BlobDigest) -> Result<Bytes, Error> {
        self.lock().get(digest).cloned().ok_or(Error::NoSuchBlob { digest: *digest })
    }

    async fn path(&self, _digest: &BlobDigest) -> Result<Option<PathBuf>, Error> {
        Ok(None)
    }

    async fn has(&self, digest: &BlobDigest) -> Result<bool, Error> {
        Ok(self.lock().contains_key(digest))
    }

    async fn remove(&self, digest: &BlobDigest) -> Result<bool, Error> {
        Ok(self.lock().remove(digest).is_some())
    }
}

//! Where bytes are kept, named by their digest.

mod folder;
mod memory;

use std::{fmt, path::PathBuf};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};

pub use self::{folder::FolderBlobs, memory::MemoryBlobs};
use crate::{BlobDigest, BoxError, Error};

/// Bytes on their way into a store, for example from a download.
pub type ByteStream = BoxStream<'static, Result<Bytes, BoxError>>;

/// A place that keeps bytes under their digest. Bytes never change there; the same bytes are
/// kept once.
#[async_trait]
pub trait BlobStore: Send + Sync + fmt::Debug {
    /// Stores what comes and says its digest. When more than `size_limit_bytes` come, or when they
    /// stop coming, nothing is stored. When the future is dropped, nothing is stored of them, or
    /// all that came is: storing them again tells which, and does no harm.
    async fn put(&self, bytes: ByteStream, size_limit_bytes: u64) -> Result<StoredBlob, Error>;

    /// Stores bytes that are already in memory, and so within whatever limit let them in.
    async fn put_bytes(&self, bytes: Bytes) -> Result<StoredBlob, Error> {
        self.put(Box::pin(stream::iter([Ok(bytes)])), u64::MAX).await
    }

    /// All bytes of a blob, checked against its digest. They are as many as `put` let in; what is
    /// too large for memory is read from [`BlobStore::path`].
    async fn read(&self, digest: &BlobDigest) -> Result<Bytes, Error>;

    /// The file that holds the blob, when this store keeps blobs in files and has this one. Who
    /// reads it there must not write to it.
    async fn path(&self, digest: &BlobDigest) -> Result<Option<PathBuf>, Error>;

    /// Whether the blob is there. Its bytes are not looked at.
    async fn has(&self, digest: &BlobDigest) -> Result<bool, Error>;

    /// Removes the blob, and says whether there was one. That no asset needs it any more is for
    /// the caller to know: see [`AssetStore::uses`](crate::AssetStore::uses).
    async fn remove(&self, digest: &BlobDigest) -> Result<bool, Error>;
}

/// What a store says of bytes that it now has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredBlob {
    /// Their name.
    pub digest: BlobDigest,
    /// How many they are.
    pub size_bytes: u64,
    /// Whether the store did not have them before.
    pub is_new: bool,
}

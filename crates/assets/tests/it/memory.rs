//! The stores in memory.

use assets::{MemoryAssets, MemoryBlobs, conformance};

#[tokio::test]
async fn blobs_in_memory_keep_the_promises_of_a_store() {
    conformance::blob_store(&MemoryBlobs::default()).await;
}

#[tokio::test]
async fn assets_in_memory_keep_the_promises_of_a_store() {
    conformance::asset_store(&MemoryAssets::default()).await;
}

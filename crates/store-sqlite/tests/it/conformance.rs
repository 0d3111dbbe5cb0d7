//! The suites of the traits, on a file and in memory.

use store_sqlite::SqliteStore;

#[tokio::test]
async fn a_database_file_keeps_the_promises_of_both_stores() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("factory.db")).await.unwrap();
    batch::store::conformance::job_store(&store).await;
    assets::conformance::asset_store(&store).await;
}

#[tokio::test]
async fn a_database_in_memory_keeps_the_promises_of_both_stores() {
    let store = SqliteStore::open_in_memory().unwrap();
    batch::store::conformance::job_store(&store).await;
    assets::conformance::asset_store(&store).await;
}

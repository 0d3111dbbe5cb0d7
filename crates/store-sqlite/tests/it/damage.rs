//! What a damaged database is answered with: the job or asset, the column, and no panic.

use std::{
    fs,
    io::{Seek as _, SeekFrom, Write as _},
};

use assets::{AssetQuery, AssetStore};
use batch::{JobQuery, JobStore};
use rusqlite::Connection;
use store_sqlite::SqliteStore;

use crate::{asset_of, chain, orphans, queued_job};

/// Changes a database behind the store's back and gives the error of reading it.
async fn error_after(sql: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("factory.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let job = queued_job(&store).await;
    let asset = asset_of(&job, 0, b"fox");
    store.insert(vec![asset.clone()]).await.unwrap();
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    let read = JobStore::get(&store, &job).await.map_err(|error| chain(&error));
    let listed = JobStore::list(&store, &JobQuery::default()).await.map_err(|error| chain(&error));
    assert_eq!(read.is_err(), listed.is_err());
    let found = AssetStore::get(&store, &asset.id).await.map_err(|error| chain(&error));
    let error = read.err().or(found.err()).unwrap();
    error.replace(&job.to_string(), "[job]").replace(&asset.id.to_string(), "[asset]")
}

#[tokio::test]
async fn what_cannot_be_read_is_named() {
    let damages = [
        "UPDATE jobs SET state = 'running'",
        "UPDATE jobs SET state = 'asleep'",
        "UPDATE jobs SET server = 'http://elsewhere/'",
        "UPDATE jobs SET workflow = '{'",
        "UPDATE jobs SET seed = '-1'",
        "UPDATE jobs SET targets = '[1]'",
        "UPDATE jobs SET created_at = 'yesterday'",
        "UPDATE job_log SET event = '{\"version\":9}' WHERE seq = 1",
        "UPDATE job_log SET event = '{\"version\":1,\"event\":\"finished\"}' WHERE seq = 0",
        "DELETE FROM job_log WHERE seq = 0",
        "UPDATE assets SET blob = 'fox'",
        "UPDATE assets SET size_bytes = -1",
        "UPDATE assets SET parameters = ''",
    ];
    let mut errors = Vec::new();
    for damage in damages {
        errors.push(format!("{damage}\n    {}", error_after(damage).await));
    }
    insta::assert_snapshot!(errors.join("\n"));
}

#[tokio::test]
async fn a_job_that_cannot_be_read_keeps_no_other_from_being_recovered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("factory.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let damages = [
        "UPDATE jobs SET workflow = '{' WHERE id = ?1",
        "UPDATE jobs SET state = 'hovering' WHERE id = ?1",
        "UPDATE job_log SET event = '{\"version\":9}' WHERE job = ?1 AND seq = 1",
        "DELETE FROM job_log WHERE job = ?1 AND seq = 0",
    ];
    let first = queued_job(&store).await;
    for damage in damages {
        let job = queued_job(&store).await;
        Connection::open(&path).unwrap().execute(damage, [job.to_string()]).unwrap();
    }
    let last = queued_job(&store).await;
    let unfinished = orphans(&store).await;
    assert_eq!(unfinished.iter().map(|job| job.record.id).collect::<Vec<_>>(), [first, last]);
}

#[tokio::test]
async fn a_file_that_was_written_over_is_said_to_be_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("factory.db");
    let store = SqliteStore::open(&path).await.unwrap();
    queued_job(&store).await;
    store.close().await;

    let page_bytes = 4096;
    let rest = fs::metadata(&path).unwrap().len() - page_bytes;
    let mut file = fs::File::options().write(true).open(&path).unwrap();
    file.seek(SeekFrom::Start(page_bytes)).unwrap();
    file.write_all(&vec![0xaa; rest.try_into().unwrap()]).unwrap();

    let store = SqliteStore::open(&path).await.unwrap();
    let error = JobStore::list(&store, &JobQuery::default()).await.unwrap_err();
    insta::assert_snapshot!(chain(&error), @"the job store cannot list jobs: the database is damaged; stop every MediaFactory and put a backup in its place: database disk image is malformed (SQLite code 11)");
    let error = AssetStore::list(&store, &AssetQuery::default()).await.unwrap_err();
    insta::assert_snapshot!(chain(&error), @"the asset store cannot list assets: the database is damaged; stop every MediaFactory and put a backup in its place: database disk image is malformed (SQLite code 11)");
}

//! Which files are opened, and what becomes of them.

use std::{fs, path::Path};

use assets::AssetStore;
use batch::{JobStore, State};
use futures::future::join_all;
use rusqlite::Connection;
use store_sqlite::{Error, SqliteStore};

use crate::{asset_of, chain, finished, moment, orphans, queued_job};

#[tokio::test]
async fn what_was_written_is_there_after_opening_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("factory.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let job = queued_job(&store).await;
    let asset = asset_of(&job, 0, b"fox");
    store.insert(vec![asset.clone()]).await.unwrap();
    store.close().await;

    let left: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["factory.db"], "closing leaves one file, which may be copied");
    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(JobStore::get(&store, &job).await.unwrap().unwrap().state, State::Queued);
    assert_eq!(AssetStore::get(&store, &asset.id).await.unwrap(), Some(asset));
}

/// The first migration is in the databases of users: this snapshot never changes, a later one is
/// added to it.
#[tokio::test]
async fn a_new_database_has_these_tables() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("factory.db");
    SqliteStore::open(&path).await.unwrap().close().await;
    let connection = Connection::open(&path).unwrap();
    let number = |sql| connection.query_row(sql, (), |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(number("PRAGMA user_version"), 3);
    assert_eq!(number("PRAGMA application_id"), i64::from(u32::from_be_bytes(*b"MFAC")));
    let mut statement = connection
        .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
        .unwrap();
    let schema: Vec<String> =
        statement.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    insta::assert_snapshot!(schema.join(";\n"));
}

#[tokio::test]
async fn many_may_open_a_new_file_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("factory.db");
    let stores = join_all((0..8).map(|_| SqliteStore::open(path.clone()))).await;
    for store in &stores {
        queued_job(store.as_ref().unwrap()).await;
    }
    assert_eq!(orphans(stores[0].as_ref().unwrap()).await.len(), 8);
}

#[tokio::test]
async fn a_newer_database_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("factory.db");
    SqliteStore::open(&path).await.unwrap().close().await;
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 7).unwrap();
    let before = fs::read(&path).unwrap();
    insta::assert_snapshot!(
        refusal(&path, folder.path()).await,
        @"the database [folder]/factory.db has schema version 7, but this program knows up to 3; use a newer MediaFactory"
    );
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn what_is_not_ours_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    fs::write(&text, "a shopping list\n".repeat(1_000)).unwrap();
    insta::assert_snapshot!(
        refusal(&text, folder.path()).await,
        @"[folder]/notes.txt is not a database, or its beginning is damaged; move it away to start with an empty one, or put a backup in its place"
    );
    let foreign = folder.path().join("history.db");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE visits (url TEXT)").unwrap();
    insta::assert_snapshot!(
        refusal(&foreign, folder.path()).await,
        @"[folder]/history.db is a database of another program; give MediaFactory a file of its own"
    );
    insta::assert_snapshot!(
        refusal(&folder.path().join("no").join("factory.db"), folder.path()).await,
        @"cannot open the database [folder]/no/factory.db; its folder must exist, and both must be writable: unable to open database file: [folder]/no/factory.db (SQLite code 14)"
    );
}

/// Another program may have its last changes in a log beside the file.
#[tokio::test]
async fn a_refused_database_stays_the_same_to_the_byte() {
    let folder = tempfile::tempdir().unwrap();
    for mode in ["delete", "wal"] {
        let origin = folder.path().join(format!("{mode}.db"));
        let other_program = Connection::open(&origin).unwrap();
        other_program.pragma_update(None, "journal_mode", mode).unwrap();
        other_program.execute_batch("CREATE TABLE visits (url TEXT)").unwrap();
        let copy = folder.path().join(mode).join("history.db");
        fs::create_dir(copy.parent().unwrap()).unwrap();
        fs::copy(&origin, &copy).unwrap();
        let log = |file: &Path| file.with_extension("db-wal");
        if mode == "wal" {
            fs::copy(log(&origin), log(&copy)).unwrap();
        }
        let before = (fs::read(&copy).unwrap(), fs::read(log(&copy)).ok());
        let error = SqliteStore::open(&copy).await.unwrap_err();
        assert!(matches!(error, Error::Foreign { .. }), "{error:?}");
        assert_eq!((fs::read(&copy).unwrap(), fs::read(log(&copy)).ok()), before, "{mode}");
    }
}

#[tokio::test]
async fn an_empty_file_becomes_a_database() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("factory.db");
    fs::write(&path, "").unwrap();
    let store = SqliteStore::open(&path).await.unwrap();
    queued_job(&store).await;
}

#[tokio::test]
async fn a_closed_store_answers_that_it_is_closed() {
    for store in [SqliteStore::open_in_memory().unwrap(), {
        let folder = tempfile::tempdir().unwrap();
        SqliteStore::open(folder.path().join("factory.db")).await.unwrap()
    }] {
        let clone = store.clone();
        let job = queued_job(&store).await;
        store.close().await;
        store.close().await;
        let error = JobStore::get(&clone, &job).await.unwrap_err();
        assert_eq!(chain(&error), "the job store cannot read a job: the database is closed");
        let error = clone.insert(Vec::new()).await.unwrap_err();
        assert_eq!(chain(&error), "the asset store cannot record assets: the database is closed");
        let error = clone.finish_job(&job, finished(), moment(), Vec::new()).await.unwrap_err();
        assert!(matches!(error, Error::Closed), "{error:?}");
    }
}

async fn refusal(path: &Path, folder: &Path) -> String {
    let error = SqliteStore::open(path).await.unwrap_err();
    chain(&error).replace(&folder.display().to_string(), "[folder]")
}

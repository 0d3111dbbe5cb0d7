//! Several writers, in one process and across stores, and what commits together.

use assets::{AssetQuery, AssetStore, BlobDigest};
use batch::{Event, Failure, JobId, JobStore, State, StoreError};
use futures::future::{join, join_all};
use store_sqlite::{Error, SqliteStore};

use crate::{asset_of, chain, finished, moment, orphans, queued_job};

#[tokio::test]
async fn a_job_and_its_assets_finish_together() {
    let store = SqliteStore::open_in_memory().unwrap();
    let job = queued_job(&store).await;
    let assets = vec![asset_of(&job, 0, b"one"), asset_of(&job, 1, b"two")];
    let state = store.finish_job(&job, finished(), moment(), assets.clone()).await.unwrap();
    assert_eq!(state, State::Succeeded);
    let of_job = AssetQuery { job: Some(job.as_uuid()), ..AssetQuery::default() };
    assert_eq!(AssetStore::list(&store, &of_job).await.unwrap().total, 2);
    let other = queued_job(&store).await;
    let (found, made) = store.job_with_assets(&job).await.unwrap().unwrap();
    assert_eq!((found.state, made), (State::Succeeded, assets));
    let (found, made) = store.job_with_assets(&other).await.unwrap().unwrap();
    assert_eq!((found.record.id, made.len()), (other, 0));
    let nobody = JobId::from(uuid::Uuid::nil());
    assert!(store.job_with_assets(&nobody).await.unwrap().is_none());
}

#[tokio::test]
async fn an_asset_that_cannot_be_recorded_leaves_the_job_unfinished() {
    let store = SqliteStore::open_in_memory().unwrap();
    let job = queued_job(&store).await;
    store.insert(vec![asset_of(&job, 1, b"other bytes")]).await.unwrap();
    let assets = vec![asset_of(&job, 0, b"one"), asset_of(&job, 1, b"two")];
    let error = store.finish_job(&job, finished(), moment(), assets).await.unwrap_err();
    assert!(matches!(error, Error::Asset(assets::Error::OutputTaken { .. })), "{error:?}");
    let found = JobStore::get(&store, &job).await.unwrap().unwrap();
    assert_eq!((found.state, found.log.len()), (State::Queued, 2));
    assert_eq!(store.uses(&BlobDigest::of(b"one")).await.unwrap(), 0);
}

#[tokio::test]
async fn a_job_does_not_finish_with_the_assets_of_another() {
    let store = SqliteStore::open_in_memory().unwrap();
    let job = queued_job(&store).await;
    let other = queued_job(&store).await;
    let assets = vec![asset_of(&job, 0, b"one"), asset_of(&other, 0, b"two")];
    let asset = assets[1].id.to_string();
    let error = store.finish_job(&job, finished(), moment(), assets).await.unwrap_err();
    let shown = chain(&error).replace(&job.to_string(), "[job]").replace(&asset, "[asset]");
    let shown = shown.replace(&other.to_string(), "[other]");
    insta::assert_snapshot!(shown, @"asset [asset] is of job [other], not of job [job] that is to finish with it");
    assert_eq!(JobStore::get(&store, &job).await.unwrap().unwrap().state, State::Queued);
    assert_eq!(store.uses(&BlobDigest::of(b"one")).await.unwrap(), 0);
}

#[tokio::test]
async fn a_job_that_is_finished_again_keeps_what_it_has() {
    let store = SqliteStore::open_in_memory().unwrap();
    let job = queued_job(&store).await;
    let assets = vec![asset_of(&job, 0, b"one")];
    store.finish_job(&job, finished(), moment(), assets.clone()).await.unwrap();
    let again = store.finish_job(&job, finished(), moment(), assets.clone()).await;
    assert!(matches!(again, Err(Error::Job(StoreError::Illegal { .. }))), "{again:?}");
    let of_job = AssetQuery { job: Some(job.as_uuid()), ..AssetQuery::default() };
    assert_eq!(AssetStore::list(&store, &of_job).await.unwrap().assets, assets);
}

#[tokio::test]
async fn an_event_that_cannot_follow_leaves_no_assets() {
    let store = SqliteStore::open_in_memory().unwrap();
    let job = queued_job(&store).await;
    let failure = Failure::new("execution_error", "no");
    store
        .append(&job, Event::ExecutionFailed { failure, nodes: Vec::new() }, moment())
        .await
        .unwrap();
    let assets = vec![asset_of(&job, 0, b"one")];
    let error = store.finish_job(&job, finished(), moment(), assets).await.unwrap_err();
    let shown = chain(&error).replace(&job.to_string(), "[job]");
    insta::assert_snapshot!(shown, @"the event was not added to the log of job [job]: a job that is failed takes no event `finished`; that state is final");
    assert_eq!(store.uses(&BlobDigest::of(b"one")).await.unwrap(), 0);
}

#[tokio::test]
async fn two_stores_on_one_file_see_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("factory.db");
    let one = SqliteStore::open(&path).await.unwrap();
    let other = SqliteStore::open(&path).await.unwrap();
    let job = queued_job(&one).await;
    assert_eq!(other.append(&job, Event::Started, moment()).await.unwrap().state, State::Running);
    assert_eq!(JobStore::get(&one, &job).await.unwrap().unwrap().state, State::Running);
    one.close().await;
    assert_eq!(other.append(&job, finished(), moment()).await.unwrap().state, State::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_stores_that_end_a_job_one_wins() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("factory.db");
    let one = SqliteStore::open(&path).await.unwrap();
    let other = SqliteStore::open(&path).await.unwrap();
    for _ in 0..10 {
        let job = queued_job(&one).await;
        let asset = asset_of(&job, 0, b"fox");
        let (finished, cancelled) = join(
            one.finish_job(&job, finished(), moment(), vec![asset.clone()]),
            other.append(&job, Event::Cancelled, moment()),
        )
        .await;
        let state = JobStore::get(&one, &job).await.unwrap().unwrap().state;
        let is_recorded = AssetStore::get(&other, &asset.id).await.unwrap().is_some();
        match (finished, cancelled) {
            (Ok(_), Err(StoreError::Illegal { .. })) => {
                assert_eq!((state, is_recorded), (State::Succeeded, true));
            }
            (Err(Error::Job(StoreError::Illegal { .. })), Ok(_)) => {
                assert_eq!((state, is_recorded), (State::Cancelled, false));
            }
            other => panic!("exactly one wins: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_and_readers_at_once_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("factory.db")).await.unwrap();
    let work = (0..40).map(|_| async {
        let job = queued_job(&store).await;
        JobStore::get(&store, &job).await.unwrap().unwrap();
        let asset = asset_of(&job, 0, b"fox");
        store.finish_job(&job, finished(), moment(), vec![asset]).await.unwrap();
    });
    join_all(work).await;
    assert_eq!(store.uses(&BlobDigest::of(b"fox")).await.unwrap(), 40);
    assert_eq!(orphans(&store).await, []);
}

#[tokio::test]
async fn writes_that_are_queued_happen_although_nobody_waits_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("factory.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let job = queued_job(&store).await;
    {
        let mut append = store.append(&job, Event::Started, moment());
        assert!(futures::poll!(&mut append).is_pending());
    }
    drop(store);
    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(JobStore::get(&store, &job).await.unwrap().unwrap().state, State::Running);
}

//! What every [`BlobStore`] and [`AssetStore`] must do, as tests that any of them can be given.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! use assets::{MemoryAssets, MemoryBlobs, conformance};
//! conformance::blob_store(&MemoryBlobs::default()).await;
//! conformance::asset_store(&MemoryAssets::default()).await;
//! # }
//! ```

#![expect(
    clippy::expect_used,
    reason = "these are tests that other crates run; they fail by panicking"
)]

use bytes::Bytes;
use futures::{poll, stream};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;
use workflow_graph::Json;

use crate::{
    Asset, AssetCursor, AssetId, AssetQuery, AssetStore, BlobDigest, BlobStore, BoxError,
    ByteStream, Error, Origin, ServerFile, StoredBlob,
};

/// Runs the whole suite on a store of blobs.
///
/// # Panics
///
/// When the store breaks a promise of [`BlobStore`]; the message says which.
pub async fn blob_store(store: &dyn BlobStore) {
    bytes_come_back_under_their_digest(store).await;
    the_same_bytes_are_kept_once(store).await;
    nothing_stays_of_bytes_that_do_not_all_come(store).await;
    a_put_that_is_dropped_stores_nothing_or_all(store).await;
    a_removed_blob_is_gone(store).await;
}

/// Runs the whole suite on a store that has no assets yet.
///
/// # Panics
///
/// When the store breaks a promise of [`AssetStore`]; the message says which.
pub async fn asset_store(store: &dyn AssetStore) {
    an_asset_comes_back_as_it_was_inserted(store).await;
    an_output_is_recorded_once(store).await;
    assets_are_inserted_all_or_not_at_all(store).await;
    expired_assets_come_in_the_order_they_expire(store).await;
    conditions_narrow_the_list(store).await;
    pages_follow_each_other_without_gap(store).await;
    a_removed_asset_makes_room_for_its_output(store).await;
}

/// An asset whose every member has a value that a careless store would change.
pub fn demanding_asset() -> Asset {
    let workflow = r#"{"57:8":{"class_type":"SaveImage","inputs":{"x":18446744073709551615,"y":1.0,"z":NaN}},"3":{}}"#;
    let origin = Origin {
        workflow_digest: "9f".repeat(32),
        workflow: json(workflow),
        parameters: json(r#"{"z":1e5,"a":null,"prompt":["A \"Red\" FÜCHSIN é🦊\n%_"]}"#),
        seed: Some(u64::MAX),
        model: Some("a b\\c.safetensors".to_owned()),
        template: Some("'; DROP TABLE assets; --".to_owned()),
        server: "http://127.0.0.1:8188/".to_owned(),
        server_file: ServerFile {
            filename: "ComfyUI_00001_.png".to_owned(),
            subfolder: "a/../b".to_owned(),
            folder: "output".to_owned(),
        },
        started_at: Some(moment(-60)),
        finished_at: Some(moment(-1)),
        ..Origin::new(Uuid::new_v4(), "57:8", u32::MAX)
    };
    Asset {
        media_type: "image/png".to_owned(),
        size_bytes: 1 << 40,
        file_name: "ComfyUI_00001_.png".to_owned(),
        width: Some(u32::MAX),
        height: Some(1),
        expires_at: Some(moment(100_000)),
        ..Asset::new(new_id(), BlobDigest::of(b"demanding"), origin, moment(0))
    }
}

async fn bytes_come_back_under_their_digest(store: &dyn BlobStore) {
    let chunks = ["", "a red ", "fox"].map(|chunk| Ok(Bytes::from(chunk)));
    let stored = store.put(Box::pin(stream::iter(chunks)), 9).await.expect("just the limit");
    let digest = BlobDigest::of(b"a red fox");
    assert_eq!(stored, StoredBlob { digest, size_bytes: 9, is_new: true });
    assert_eq!(store.read(&digest).await.expect("read"), "a red fox");
    assert!(store.has(&digest).await.expect("has"));
    if let Some(path) = store.path(&digest).await.expect("path") {
        assert!(path.is_file(), "the path is that of a file");
    }
    let empty = store.put_bytes(Bytes::new()).await.expect("no bytes are a blob too");
    assert_eq!(store.read(&empty.digest).await.expect("read"), "");
}

async fn the_same_bytes_are_kept_once(store: &dyn BlobStore) {
    let first = store.put_bytes("twice".into()).await.expect("put");
    let second = store.put_bytes("twice".into()).await.expect("put");
    assert_eq!((first.is_new, second.is_new), (true, false));
    assert_eq!(first.digest, second.digest);
    assert_eq!(store.read(&first.digest).await.expect("read"), "twice");
}

async fn nothing_stays_of_bytes_that_do_not_all_come(store: &dyn BlobStore) {
    let digest = BlobDigest::of(b"too long");
    let refused = store.put(Box::pin(stream::iter([Ok("too long".into())])), 7).await;
    assert!(matches!(refused, Err(Error::TooLarge { limit_bytes: 7 })), "{refused:?}");
    let broken: [Result<Bytes, BoxError>; 2] = [Ok("too long".into()), Err("reset".into())];
    let broken: ByteStream = Box::pin(stream::iter(broken));
    let refused = store.put(broken, 100).await;
    assert!(matches!(refused, Err(Error::Incoming { received_bytes: 8, .. })), "{refused:?}");

    assert!(!store.has(&digest).await.expect("has"));
    assert_eq!(store.path(&digest).await.expect("path"), None);
    let missing = store.read(&digest).await;
    assert!(matches!(missing, Err(Error::NoSuchBlob { digest: named }) if named == digest));
}

/// Drops the future after each number of polls that leaves it unfinished.
async fn a_put_that_is_dropped_stores_nothing_or_all(store: &dyn BlobStore) {
    for polls in 0..32_u32 {
        let bytes = Bytes::from(format!("dropped after {polls} polls"));
        let digest = BlobDigest::of(&bytes);
        let mut put = store.put_bytes(bytes.clone());
        let mut is_ready = false;
        for _ in 0..polls {
            is_ready = is_ready || poll!(&mut put).is_ready();
            if is_ready {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(put);
        // What was begun on another thread may end later: the store is asked once and not again.
        match store.read(&digest).await {
            Err(Error::NoSuchBlob { .. }) => assert!(!is_ready, "what was answered is kept"),
            found => assert_eq!(found.expect("half a blob is there"), bytes),
        }
        store.put_bytes(bytes.clone()).await.expect("storing it again does no harm");
        assert_eq!(store.read(&digest).await.expect("read"), bytes);
    }
}

async fn a_removed_blob_is_gone(store: &dyn BlobStore) {
    let stored = store.put_bytes("short life".into()).await.expect("put");
    assert!(store.remove(&stored.digest).await.expect("remove"));
    assert!(!store.has(&stored.digest).await.expect("has"));
    assert!(!store.remove(&stored.digest).await.expect("there is nothing left to remove"));
    let again = store.put_bytes("short life".into()).await.expect("put");
    assert!(again.is_new);
}

async fn an_asset_comes_back_as_it_was_inserted(store: &dyn AssetStore) {
    let empty = store.list(&AssetQuery::default()).await.expect("list");
    assert_eq!((empty.total, empty.assets.len()), (0, 0), "the suite needs an empty store");
    assert_eq!(store.get(&new_id()).await.expect("get"), None);
    assert_eq!(store.insert(Vec::new()).await.expect("nothing is an insert too"), []);

    let full = demanding_asset();
    let plain = plain_asset(1);
    let ids = store.insert(vec![full.clone(), plain.clone()]).await.expect("insert");
    assert_eq!(ids, [full.id, plain.id]);
    for asset in [full, plain] {
        assert_eq!(store.get(&asset.id).await.expect("get"), Some(asset));
    }
}

async fn an_output_is_recorded_once(store: &dyn AssetStore) {
    let first = Asset { blob: BlobDigest::of(b"recorded once"), ..plain_asset(2) };
    let again = Asset { id: new_id(), file_name: "other".to_owned(), ..first.clone() };
    let sibling = Asset {
        id: new_id(),
        origin: Origin { output_index: 1, ..first.origin.clone() },
        ..first.clone()
    };
    store.insert(vec![first.clone()]).await.expect("insert");
    let ids = store.insert(vec![sibling.clone(), again.clone()]).await.expect("a repeated insert");
    assert_eq!(ids, [sibling.id, first.id]);
    assert_eq!(store.get(&first.id).await.expect("get").as_ref(), Some(&first));
    assert_eq!(store.get(&again.id).await.expect("get"), None);
    assert_eq!(store.uses(&first.blob).await.expect("uses"), 2);

    let other_bytes = Asset { id: new_id(), blob: BlobDigest::of(b"other"), ..first.clone() };
    let refused = store.insert(vec![other_bytes]).await;
    assert!(matches!(refused, Err(Error::OutputTaken { id, .. }) if id == first.id), "{refused:?}");
}

async fn assets_are_inserted_all_or_not_at_all(store: &dyn AssetStore) {
    let standing = plain_asset(3);
    store.insert(vec![standing.clone()]).await.expect("insert");
    let good = plain_asset(4);
    let same_id = Asset { id: standing.id, ..plain_asset(5) };
    let refused = store.insert(vec![good.clone(), same_id]).await;
    assert!(matches!(refused, Err(Error::DuplicateId { id }) if id == standing.id), "{refused:?}");
    assert_eq!(store.get(&good.id).await.expect("get"), None);
    assert_eq!(store.get(&standing.id).await.expect("get"), Some(standing));
}

async fn expired_assets_come_in_the_order_they_expire(store: &dyn AssetStore) {
    let now = moment(-500);
    let expiring = |seconds| Asset { expires_at: Some(moment(seconds)), ..plain_asset(6) };
    let (later, on_time, long_ago) = (expiring(-499), expiring(-500), expiring(-9_000));
    let all = vec![later.clone(), on_time.clone(), long_ago.clone()];
    store.insert(all).await.expect("insert");
    let expired = store.expired(now, 10).await.expect("expired");
    assert_eq!(expired, [long_ago.clone(), on_time]);
    assert_eq!(store.expired(now, 1).await.expect("expired"), [long_ago]);
    assert_eq!(store.expired(now, 0).await.expect("expired"), []);
}

async fn conditions_narrow_the_list(store: &dyn AssetStore) {
    let picture = demanding_asset();
    let video = Asset { media_type: "video/mp4".to_owned(), ..plain_asset(7) };
    store.insert(vec![picture.clone(), video.clone()]).await.expect("insert");
    let of_job = |job| AssetQuery { job: Some(job), ..AssetQuery::default() };
    let with_text =
        |text: &str| AssetQuery { text: Some(text.to_owned()), ..of_job(picture.origin.job) };
    let with_type = |prefix: &str, job| AssetQuery {
        media_type_prefix: Some(prefix.to_owned()),
        ..of_job(job)
    };
    let cases = [
        (of_job(picture.origin.job), 1),
        (of_job(Uuid::new_v4()), 0),
        (with_type("image/", picture.origin.job), 1),
        (with_type("image/", video.origin.job), 0),
        (with_type("video/mp4", video.origin.job), 1),
        (with_type("_____/", video.origin.job), 0),
        (with_text("\"red\" füchsin É🦊\n%_"), 1),
        (with_text("drop table"), 1),
        (with_text("comfyui_00001_.PNG"), 1),
        (with_text("red fuchsin"), 0),
        (with_text("%"), 1),
        (with_text("a%b"), 0),
        (with_text(""), 1),
    ];
    for (query, expected) in cases {
        let page = store.list(&query).await.expect("list");
        assert_eq!(page.total, expected, "{query:?}");
        assert_eq!(page.total, u64::try_from(page.assets.len()).expect("fits"), "{query:?}");
    }
}

async fn pages_follow_each_other_without_gap(store: &dyn AssetStore) {
    let same_moment = (0..5).map(|_| plain_asset(2_000)).collect();
    store.insert(same_moment).await.expect("insert");
    let whole = AssetQuery { limit: AssetQuery::LIMIT_MAX, ..AssetQuery::default() };
    let all = store.list(&whole).await.expect("list");
    assert_eq!(all.total, u64::try_from(all.assets.len()).expect("fits"));
    let places: Vec<_> = all.assets.iter().map(AssetCursor::from).collect();
    assert!(places.is_sorted_by(|earlier, later| earlier > later), "newest first: {places:?}");

    let mut paged = Vec::new();
    let mut query = AssetQuery { limit: 2, ..AssetQuery::default() };
    loop {
        let page = store.list(&query).await.expect("list");
        assert!(page.assets.len() <= 2 && page.total == all.total);
        paged.extend(page.assets);
        let Some(next) = page.next_cursor else { break };
        query.cursor = Some(next.to_string().parse().expect("a cursor survives as text"));
    }
    assert_eq!(paged, all.assets);
}

async fn a_removed_asset_makes_room_for_its_output(store: &dyn AssetStore) {
    let asset = Asset { blob: BlobDigest::of(b"used once"), ..plain_asset(8) };
    store.insert(vec![asset.clone()]).await.expect("insert");
    assert_eq!(store.uses(&asset.blob).await.expect("uses"), 1);
    assert_eq!(store.remove(&asset.id).await.expect("remove").as_ref(), Some(&asset));
    assert_eq!(store.remove(&asset.id).await.expect("there is nothing left to remove"), None);
    assert_eq!(store.uses(&asset.blob).await.expect("uses"), 0);
    let again = Asset { id: new_id(), ..asset };
    assert_eq!(store.insert(vec![again.clone()]).await.expect("insert"), [again.id]);
}

/// An asset of a job of its own, with nothing optional.
fn plain_asset(created_second: i64) -> Asset {
    let origin = Origin::new(Uuid::new_v4(), "9", 0);
    Asset::new(new_id(), BlobDigest::of(b"plain"), origin, moment(created_second))
}

fn new_id() -> AssetId {
    Uuid::now_v7().into()
}

fn json(text: &str) -> Json {
    Json::parse(text.as_bytes()).expect("the suite's own JSON")
}

/// A moment with all nine digits of its second, `seconds` after a fixed one.
fn moment(seconds: i64) -> Timestamp {
    let base = Timestamp::new(1_767_323_045, 123_456_789).expect("a legal moment");
    base + SignedDuration::from_secs(seconds)
}

//! Blobs as files.

use std::{fs, io, path::Path};

use assets::{BlobDigest, BlobStore, Error, FolderBlobs, conformance};
use bytes::Bytes;
use futures::{StreamExt as _, future::join_all, poll, stream};

#[tokio::test]
async fn blobs_in_a_folder_keep_the_promises_of_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = FolderBlobs::open(folder.path()).await.unwrap();
    conformance::blob_store(&blobs).await;
    // What a dropped put has begun on another thread ends by itself.
    while incoming(folder.path()) > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn blobs_outlive_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let digest = {
        let blobs = FolderBlobs::open(folder.path()).await.unwrap();
        blobs.put_bytes("fox".into()).await.unwrap().digest
    };
    let blobs = FolderBlobs::open(folder.path()).await.unwrap();
    assert_eq!(blobs.read(&digest).await.unwrap(), "fox");
    let shown = digest.to_string();
    let expected = folder.path().join("sha256").join(&shown[..2]).join(&shown);
    assert_eq!(blobs.path(&digest).await.unwrap(), Some(expected));
}

#[tokio::test]
async fn damage_is_found_on_read_and_a_shortened_blob_is_healed_by_storing_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = FolderBlobs::open(folder.path()).await.unwrap();
    let digest = blobs.put_bytes("a red fox".into()).await.unwrap().digest;
    let path = blobs.path(&digest).await.unwrap().unwrap();

    fs::write(&path, "a bad fox").unwrap();
    let error = blobs.read(&digest).await.unwrap_err();
    let expected = BlobDigest::of(b"a bad fox");
    assert!(matches!(error, Error::DamagedBlob { found, .. } if found == expected), "{error:?}");

    fs::write(&path, "a red").unwrap();
    assert!(matches!(blobs.read(&digest).await, Err(Error::DamagedBlob { .. })));
    assert!(blobs.put_bytes("a red fox".into()).await.unwrap().is_new);
    assert_eq!(blobs.read(&digest).await.unwrap(), "a red fox");
}

#[tokio::test]
async fn a_put_that_is_given_up_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = FolderBlobs::open(folder.path()).await.unwrap();
    let (started, mut has_started) = tokio::sync::mpsc::channel(1);
    // More than what is taken into memory, so that there is a file.
    let much = stream::once(async { Ok(Bytes::from(vec![b'f'; 2 << 20])) });
    let endless = much
        .chain(stream::once(async move {
            started.send(()).await.unwrap();
            Ok(Bytes::from_static(b"fox"))
        }))
        .chain(stream::pending());
    {
        let mut put = Box::pin(blobs.put(Box::pin(endless), 4 << 20));
        tokio::select! {
            _ = &mut put => unreachable!("the stream never ends"),
            _ = has_started.recv() => {}
        }
        assert!(poll!(&mut put).is_pending());
        assert_eq!(incoming(folder.path()), 1);
    }
    assert_eq!(incoming(folder.path()), 0);
}

#[tokio::test]
async fn leftovers_are_swept_only_while_nobody_uses_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let first = FolderBlobs::open(folder.path()).await.unwrap();
    fs::write(folder.path().join("incoming").join("half"), "f").unwrap();
    let second = FolderBlobs::open(folder.path()).await.unwrap();
    assert_eq!(incoming(folder.path()), 1, "the file may belong to the first store");
    drop((first, second));
    let _third = FolderBlobs::open(folder.path()).await.unwrap();
    assert_eq!(incoming(folder.path()), 0);
}

#[tokio::test]
async fn what_is_not_a_leftover_is_left_in_incoming() {
    let folder = tempfile::tempdir().unwrap();
    drop(FolderBlobs::open(folder.path()).await.unwrap());
    fs::create_dir(folder.path().join("incoming").join("of somebody")).unwrap();
    fs::write(folder.path().join("incoming").join("half"), "f").unwrap();
    let _blobs = FolderBlobs::open(folder.path()).await.unwrap();
    assert_eq!(incoming(folder.path()), 1);
}

#[tokio::test]
async fn every_folder_that_a_blob_may_need_is_there_from_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let _blobs = FolderBlobs::open(folder.path().join("new")).await.unwrap();
    let shards = fs::read_dir(folder.path().join("new").join("sha256")).unwrap();
    let mut names: Vec<_> =
        shards.map(|shard| shard.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let expected: Vec<_> = (0..=u8::MAX).map(|shard| format!("{shard:02x}")).collect();
    assert_eq!(names, expected);
}

#[tokio::test]
async fn many_may_store_the_same_bytes_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = FolderBlobs::open(folder.path()).await.unwrap();
    let puts = (0..8).map(|_| blobs.put_bytes("fox".into()));
    for stored in join_all(puts).await {
        assert_eq!(stored.unwrap().digest, BlobDigest::of(b"fox"));
    }
    assert_eq!(blobs.read(&BlobDigest::of(b"fox")).await.unwrap(), "fox");
    assert_eq!(incoming(folder.path()), 0);
}

#[tokio::test]
async fn a_folder_that_cannot_be_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = FolderBlobs::open(file.join("below")).await.unwrap_err();
    let Error::Io { doing, path, source } = error else { panic!("{error:?}") };
    assert_eq!((doing, path), ("create the folder", file.join("below").join("sha256")));
    assert_eq!(source.kind(), io::ErrorKind::NotADirectory);
}

fn incoming(root: &Path) -> usize {
    fs::read_dir(root.join("incoming")).unwrap().count()
}

//! The words of every error, and what it says to do next.

use std::{error::Error as _, io};

use assets::{AssetCursor, AssetId, BlobDigest, Error, Retry};
use uuid::Uuid;

fn io_error(kind: io::ErrorKind) -> Error {
    Error::Io { doing: "write", path: "/data/incoming/1".into(), source: kind.into() }
}

fn every_error() -> Vec<Error> {
    let id = AssetId::from(Uuid::nil());
    let digest = BlobDigest::of(b"");
    let source = || "the source".into();
    vec![
        "a\nb".parse::<BlobDigest>().unwrap_err(),
        "x".repeat(1_000).parse::<AssetId>().unwrap_err(),
        "7".parse::<AssetCursor>().unwrap_err(),
        io_error(io::ErrorKind::StorageFull),
        io_error(io::ErrorKind::PermissionDenied),
        io_error(io::ErrorKind::TimedOut),
        Error::Incoming { received_bytes: 12, source: source() },
        Error::TooLarge { limit_bytes: 1_000 },
        Error::NoSuchBlob { digest },
        Error::DamagedBlob { digest, found: BlobDigest::of(b"x") },
        Error::DuplicateId { id },
        Error::OutputTaken { id, job: Uuid::nil(), node: "57:8".to_owned(), output_index: 1 },
        Error::DamagedAsset { id: id.to_string(), problem: "`workflow` is not JSON".to_owned() },
        Error::Backend { doing: "list assets", source: source() },
        Error::NotAPicture { source: source() },
        Error::PictureTooLarge { width: 65_535, height: 65_535, pixels_max: 100 },
        Error::PictureMemory { memory_bytes_max: 1_000, source: source() },
        Error::Encode { source: source() },
        Error::PreviewBudget { size_bytes_max: 10, smallest_bytes: 400 },
    ]
}

#[test]
fn errors_say_what_happened_and_what_would_work() {
    let lines: Vec<_> = every_error()
        .iter()
        .map(|error| {
            let source = error.source().map(|source| format!(" <- {source}"));
            format!("{error}{} [{:?}]", source.unwrap_or_default(), error.retry())
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_full_disk_and_a_missing_permission_need_a_person() {
    assert_eq!(io_error(io::ErrorKind::StorageFull).retry(), Retry::AfterFreeingSpace);
    assert_eq!(io_error(io::ErrorKind::PermissionDenied).retry(), Retry::AfterGrantingAccess);
    assert_eq!(io_error(io::ErrorKind::Interrupted).retry(), Retry::Later);
}

#[test]
fn digests_and_ids_are_read_in_one_spelling_only() {
    let digest = BlobDigest::of(b"fox").to_string();
    assert_eq!(digest.parse::<BlobDigest>().unwrap(), BlobDigest::of(b"fox"));
    for text in ["", &digest[1..], &format!("{digest}0"), &digest.to_uppercase(), &"é".repeat(32)]
    {
        assert!(text.parse::<BlobDigest>().is_err(), "{text}");
    }
    for text in
        ["", "00000000000000000000000000000000", "urn:uuid:00000000-0000-0000-0000-000000000000"]
    {
        assert!(text.parse::<AssetId>().is_err(), "{text}");
    }
}

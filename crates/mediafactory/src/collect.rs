//! From the server's files to assets that know where they came from.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use assets::{Asset, AssetId, BlobStore, Origin, Retry, ServerFile, media};
use async_trait::async_trait;
use batch::{Failure, FinishError, Finished, Finisher, Job, NodeText, State, StoreError};
use comfy_client::{Client, FileRef, Folder, Limits, OutputItem};
use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use store_sqlite::SqliteStore;
use tokio::task;
use uuid::Uuid;

use crate::failure;

/// How much of a file is looked at to learn what it is; the size of a picture may stand behind
/// long metadata.
const HEAD_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Fetches what a finished job left on the server and records it.
#[derive(Debug)]
pub(crate) struct Collector {
    pub(crate) store: SqliteStore,
    pub(crate) blobs: Arc<dyn BlobStore>,
    pub(crate) output_dir: PathBuf,
    pub(crate) asset_ttl: Option<Duration>,
}

#[async_trait]
impl Finisher for Collector {
    async fn finish(&self, finished: Finished<'_>) -> Result<State, FinishError> {
        let Finished { job, ended, client, .. } = finished;
        let mut found = Vec::new();
        let mut texts = Vec::new();
        let mut next_index: HashMap<&str, u32> = HashMap::new();
        for output in ended.outputs() {
            let entry = ended.entry.as_ref();
            let real_node = entry.and_then(|entry| entry.real_node(&output.node));
            let node = real_node.unwrap_or(output.node.as_str());
            texts.extend(output.items.iter().filter_map(|item| match item {
                OutputItem::Text { key, text } => Some(NodeText::new(node, key, text.clone())),
                OutputItem::File { .. } | OutputItem::Other { .. } => None,
            }));
            for file in output.files().filter(|file| file.folder != Folder::Input) {
                let index = next_index.entry(node).or_default();
                let place = OutputPlace { node, index: *index, file };
                found.push(self.asset(job, client, place).await?);
                *index = index.saturating_add(1);
            }
        }
        for asset in &found {
            if let Err(error) = self.place(asset).await {
                tracing::warn!(asset = %asset.id, error, "the file was not put into the output folder");
            }
        }
        let event = finished.event(texts);
        let finished = self.store.finish_job(&job.record.id, event, Timestamp::now(), found);
        finished.await.map_err(|error| FinishError::Store(in_job_store(error)))
    }
}

/// One file of a job, and which of its node's it is.
struct OutputPlace<'a> {
    node: &'a str,
    index: u32,
    file: &'a FileRef,
}

impl Collector {
    async fn asset(
        &self,
        job: &Job,
        client: &Client,
        place: OutputPlace<'_>,
    ) -> Result<Asset, FinishError> {
        let OutputPlace { node, index, file } = place;
        let view = client.view(file).await.map_err(|error| unreachable(file, node, &error))?;
        let interrupted = Arc::new(OnceLock::new());
        let why = Arc::clone(&interrupted);
        let head = Arc::new(Mutex::new(Vec::new()));
        let passing = Arc::clone(&head);
        // What a piece of the download fails with, the store can only pass on as text.
        let bytes = view.map(move |piece| {
            let piece = piece.map_err(|error| {
                let text = error.to_string();
                let _first = why.set(error);
                text
            })?;
            keep_head(&mut locked(&passing), &piece);
            Ok(piece)
        });
        let stored = self.blobs.put(Box::pin(bytes), Limits::default().view_bytes_max).await;
        let stored = match (stored, interrupted.get()) {
            (Ok(stored), _) => stored,
            (Err(_), Some(error)) => return Err(unreachable(file, node, error)),
            (Err(error), None) => return Err(not_kept(file, node, &error)),
        };
        let head = std::mem::take(&mut *locked(&head));
        let record = &job.record;
        let now = Timestamp::now();
        let origin = Origin {
            workflow_digest: record.workflow_digest.clone(),
            workflow: record.workflow.clone(),
            parameters: record.parameters.clone(),
            seed: record.seed,
            model: record.model.clone(),
            template: record.template.clone(),
            server: job.server().unwrap_or_default().to_owned(),
            server_file: ServerFile {
                filename: file.filename.clone(),
                subfolder: file.subfolder.clone(),
                folder: file.folder.as_str().to_owned(),
            },
            started_at: job.started_at(),
            finished_at: Some(now),
            ..Origin::new(record.id.as_uuid(), node, index)
        };
        let mut asset = Asset::new(AssetId::from(Uuid::now_v7()), stored.digest, origin, now);
        media::sniff(&head, &file.filename).clone_into(&mut asset.media_type);
        asset.size_bytes = stored.size_bytes;
        asset.file_name = readable_name(&asset, &file.filename);
        (asset.width, asset.height) = media::picture_size(&head).unzip();
        asset.expires_at = self
            .asset_ttl
            .and_then(|ttl| now.checked_add(SignedDuration::try_from(ttl).ok()?).ok());
        Ok(asset)
    }

    /// Puts a copy of the blob into the output folder under its readable name. A copy and not a
    /// link: who edits the file there must not change the blob.
    async fn place(&self, asset: &Asset) -> Result<(), String> {
        let to = self.output_dir.join(&asset.file_name);
        let blob = self.blobs.path(&asset.blob).await.map_err(|error| error.to_string())?;
        let Some(blob) = blob else { return Ok(()) };
        let temporary = self.output_dir.join(format!(".{}.part", asset.id));
        let placing = {
            let to = to.clone();
            // At once, where waiting for the disk holds up no task.
            task::spawn_blocking(move || place(&blob, &temporary, &to))
        };
        let placed = placing.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        placed.map_err(|error| format!("cannot write {}: {error}", to.display()))
    }
}

/// Copies a file to a place where there is none yet. What is there under its name is whole,
/// whenever the process is killed or the power fails.
fn place(blob: &Path, temporary: &Path, to: &Path) -> io::Result<()> {
    if to.exists() {
        return Ok(());
    }
    let copied = fs::copy(blob, temporary)
        .and_then(|_| fs::File::open(temporary)?.sync_all())
        .and_then(|()| fs::rename(temporary, to));
    if copied.is_err() && fs::remove_file(temporary).is_err() {
        tracing::debug!(path = %temporary.display(), "there was no part of a copy to remove");
    }
    copied
}

/// Takes as much of a piece as the beginning of a file still lacks.
fn keep_head(head: &mut Vec<u8>, piece: &[u8]) {
    let room = HEAD_BYTES_MAX.saturating_sub(head.len());
    head.extend(piece.iter().take(room));
}

/// It is held for one look only.
fn locked(head: &Mutex<Vec<u8>>) -> MutexGuard<'_, Vec<u8>> {
    head.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The server did not give the file. It may only be away: then the file is fetched again.
fn unreachable(file: &FileRef, node: &str, error: &comfy_client::Error) -> FinishError {
    let kind = "results_unreachable";
    let failure =
        results(kind, file, node, error, "the server may have the results cached: run it again");
    FinishError::Results { failure, try_again: error.is_retryable() }
}

/// The file could not be stored here. A disk that is full may have room soon: then the file is
/// fetched again. Access is given by a person, who has to hear of it first.
fn not_kept(file: &FileRef, node: &str, error: &assets::Error) -> FinishError {
    let hint = "make room or give access, then run it again: the server has the results cached";
    let failure = results("results_not_kept", file, node, error, hint);
    let try_again = matches!(error.retry(), Retry::Later | Retry::AfterFreeingSpace);
    FinishError::Results { failure, try_again }
}

fn results(
    kind: &str,
    file: &FileRef,
    node: &str,
    error: &dyn std::error::Error,
    hint: &str,
) -> Failure {
    let message = format!("cannot keep {file}: {}", failure::with_causes(error));
    let mut failure = Failure::new(kind, message);
    failure.node = Some(node.to_owned());
    failure.hint = Some(hint.to_owned());
    failure
}

#[expect(clippy::wildcard_enum_match_arm, reason = "all others are the database's own")]
fn in_job_store(error: store_sqlite::Error) -> StoreError {
    match error {
        store_sqlite::Error::Job(error) => error,
        other => StoreError::Backend { doing: "finish a job", source: Box::new(other) },
    }
}

/// A name that says what the file is and never meets another file's: what it was made with, its
/// seed, the beginning of its digest. The server's own name repeats on every new server.
fn readable_name(asset: &Asset, server_name: &str) -> String {
    let origin = &asset.origin;
    let what = match &origin.template {
        Some(template) => template.clone(),
        None => stem(server_name),
    };
    let digest: String = asset.blob.to_string().chars().take(12).collect();
    let seed = origin.seed.map(|seed| format!("_{seed}")).unwrap_or_default();
    let extension = extension(server_name);
    format!("{}{seed}_{digest}{extension}", plain(&what))
}

fn stem(name: &str) -> String {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    stem.trim_end_matches(|character: char| character == '_' || character.is_ascii_digit())
        .to_owned()
}

fn extension(name: &str) -> String {
    name.rsplit_once('.').map(|(_, extension)| format!(".{}", plain(extension))).unwrap_or_default()
}

/// The longest part of a file name that comes from elsewhere.
const NAME_CHARS_MAX: usize = 64;

/// Letters, digits, `-` and `_` only: a server's file name is text from a stranger.
fn plain(text: &str) -> String {
    let plain: String =
        text.chars()
            .map(|character| {
                if character.is_ascii_alphanumeric() || character == '-' { character } else { '_' }
            })
            .take(NAME_CHARS_MAX)
            .collect();
    if plain.is_empty() { "output".to_owned() } else { plain }
}

#[cfg(test)]
mod tests {
    use assets::BlobDigest;

    use super::*;

    #[track_caller]
    fn check(template: Option<&str>, seed: Option<u64>, server_name: &str, expected: &str) {
        let mut origin = Origin::new(Uuid::nil(), "9", 0);
        (origin.template, origin.seed) = (template.map(str::to_owned), seed);
        let id = AssetId::from(Uuid::nil());
        let asset = Asset::new(id, BlobDigest::of(b"x"), origin, Timestamp::UNIX_EPOCH);
        assert_eq!(readable_name(&asset, server_name), expected);
    }

    /// Whether a file is fetched again after the disk did not take it.
    fn is_fetched_again(why: io::ErrorKind) -> bool {
        let json = br#"{"filename": "a.png", "subfolder": "", "type": "output"}"#;
        let file = FileRef::from_json(&workflow_graph::Json::parse(json).unwrap()).unwrap();
        let source = io::Error::from(why);
        let error = assets::Error::Io { doing: "write", path: PathBuf::from("blobs"), source };
        let FinishError::Results { failure, try_again } = not_kept(&file, "9", &error) else {
            unreachable!("it is about results")
        };
        assert_eq!(failure.kind, "results_not_kept");
        assert!(failure.message.contains("cannot write blobs"), "{}", failure.message);
        try_again
    }

    #[test]
    fn a_full_disk_is_waited_for_and_a_locked_one_is_told_at_once() {
        assert!(is_fetched_again(io::ErrorKind::StorageFull));
        assert!(is_fetched_again(io::ErrorKind::QuotaExceeded));
        assert!(!is_fetched_again(io::ErrorKind::PermissionDenied));
    }

    #[test]
    fn names_say_what_a_file_is_and_stay_in_their_folder() {
        check(Some("sdxl_txt2img"), Some(7), "a_00001_.png", "sdxl_txt2img_7_2d711642b726.png");
        check(None, None, "ComfyUI_00001_.png", "ComfyUI_2d711642b726.png");
        check(None, None, "../../etc/passwd", "_____2d711642b726._etc_passwd");
        check(None, None, "00001", "output_2d711642b726");
    }
}

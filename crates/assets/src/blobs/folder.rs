//! Blobs as files of one folder.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt as _, future, stream};
use sha2::{Digest as _, Sha256};
use tokio::{io::AsyncWriteExt as _, task};
use uuid::Uuid;

use super::{BlobStore, ByteStream, StoredBlob};
use crate::{BlobDigest, Error};

/// Blobs as files below one folder: `sha256/ab/abcdef…`.
///
/// Bytes come into a file of their own below `incoming` (small ones through memory), are hashed
/// on the way, forced to the disk and only then given their name, so a file under `sha256` is
/// whole whenever the process or the machine stops. What a stopped process left in `incoming` is
/// removed at the next [`FolderBlobs::open`]. Several processes may use one folder at a time.
///
/// A blob that is there is not written again; only if its file has another size than the same
/// bytes have now is it replaced. Damage that keeps the size is found by [`BlobStore::read`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use assets::{BlobStore, FolderBlobs};
/// let folder = tempfile::tempdir()?;
/// let blobs = FolderBlobs::open(folder.path()).await?;
/// let stored = blobs.put_bytes("fox".into()).await?;
/// let path = blobs.path(&stored.digest).await?.ok_or("it is a file")?;
/// assert_eq!(std::fs::read(path)?, b"fox");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct FolderBlobs {
    root: PathBuf,
    /// Held shared while this value lives, so that no other process sweeps `incoming`.
    _in_use: fs::File,
}

/// What is no larger comes into memory first and is then written in one go: most pictures.
const SMALL_BYTES_MAX: usize = 1024 * 1024;

/// How often the lock is tried, and the pause in between: ten seconds in all.
const LOCK_ATTEMPTS_MAX: u32 = 500;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// A file in `incoming` that is removed unless it became a blob.
struct Incoming {
    path: PathBuf,
}

impl FolderBlobs {
    /// Uses `root`, which is created when it is not there.
    pub async fn open(root: impl Into<PathBuf>) -> Result<Self, Error> {
        let root = root.into();
        blocking(move || Self::open_blocking(root)).await
    }

    fn open_blocking(root: PathBuf) -> Result<Self, Error> {
        create_folders(&root)?;
        let lock_path = root.join("lock");
        let lock = fs::File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(io_error("open", &lock_path))?;
        // Nobody else holds the lock: what lies in `incoming` belongs to nobody.
        if lock.try_lock().is_ok() {
            sweep(&root.join("incoming"))?;
            lock.unlock().map_err(io_error("unlock", &lock_path))?;
        }
        share(&lock).map_err(io_error("lock", &lock_path))?;
        Ok(Self { root, _in_use: lock })
    }

    fn blob_path(&self, digest: &BlobDigest) -> PathBuf {
        path_of(&self.root, digest)
    }
}

fn path_of(root: &Path, digest: &BlobDigest) -> PathBuf {
    let name = digest.to_string();
    let shard = name.get(..2).unwrap_or_default();
    root.join("sha256").join(shard).join(&name)
}

#[async_trait]
impl BlobStore for FolderBlobs {
    async fn put(&self, bytes: ByteStream, size_limit_bytes: u64) -> Result<StoredBlob, Error> {
        let path = self.root.join("incoming").join(Uuid::new_v4().to_string());
        let bytes = match gather(bytes, size_limit_bytes).await? {
            Gathered::Whole(whole) => {
                let root = self.root.clone();
                return blocking(move || write_small(&root, path, &whole)).await;
            }
            Gathered::Beginning(bytes) => bytes,
        };
        let (incoming, file) = blocking(move || Incoming::create(path)).await?;
        let (file, digest, size_bytes) = receive(&incoming, file, bytes, size_limit_bytes).await?;
        let target = self.blob_path(&digest);
        let is_new = blocking(move || publish(&file, &incoming, &target, size_bytes)).await?;
        Ok(StoredBlob { digest, size_bytes, is_new })
    }

    async fn read(&self, digest: &BlobDigest) -> Result<Bytes, Error> {
        let (digest, path) = (*digest, self.blob_path(digest));
        blocking(move || {
            let bytes = match fs::read(&path) {
                Ok(bytes) => bytes,
                Err(source) if source.kind() == io::ErrorKind::NotFound => {
                    return Err(Error::NoSuchBlob { digest });
                }
                Err(source) => return Err(Error::Io { doing: "read", path, source }),
            };
            let found = BlobDigest::of(&bytes);
            if found == digest {
                Ok(Bytes::from(bytes))
            } else {
                Err(Error::DamagedBlob { digest, found })
            }
        })
        .await
    }

    async fn path(&self, digest: &BlobDigest) -> Result<Option<PathBuf>, Error> {
        Ok(self.has(digest).await?.then(|| self.blob_path(digest)))
    }

    async fn has(&self, digest: &BlobDigest) -> Result<bool, Error> {
        let path = self.blob_path(digest);
        blocking(move || Ok(size_of(&path)?.is_some())).await
    }

    async fn remove(&self, digest: &BlobDigest) -> Result<bool, Error> {
        let path = self.blob_path(digest);
        match tokio::fs::remove_file(&path).await {
            Ok(()) => Ok(true),
            Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(Error::Io { doing: "remove", path, source }),
        }
    }
}

impl Incoming {
    /// Creates the file. The two are made together: when nobody waits for them any more, they
    /// are dropped together too, and no file stays behind.
    fn create(path: PathBuf) -> Result<(Self, fs::File), Error> {
        let file = fs::File::create_new(&path).map_err(io_error("create", &path))?;
        Ok((Self { path }, file))
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // Usually the file has its final name by now. What cannot be removed is swept later.
        drop(fs::remove_file(&self.path));
    }
}

/// A stream whose beginning was taken in.
enum Gathered {
    /// There is no more.
    Whole(Vec<u8>),
    /// There is more; the stream has all of it.
    Beginning(ByteStream),
}

async fn gather(mut bytes: ByteStream, size_limit_bytes: u64) -> Result<Gathered, Error> {
    let mut beginning = Vec::new();
    while beginning.len() <= SMALL_BYTES_MAX {
        let Some(chunk) = bytes.next().await else { return Ok(Gathered::Whole(beginning)) };
        let received_bytes = size_of_bytes(&beginning);
        let chunk = chunk.map_err(|source| Error::Incoming { received_bytes, source })?;
        beginning.extend_from_slice(&chunk);
        if size_of_bytes(&beginning) > size_limit_bytes {
            return Err(Error::TooLarge { limit_bytes: size_limit_bytes });
        }
    }
    let beginning = stream::once(future::ready(Ok(Bytes::from(beginning))));
    Ok(Gathered::Beginning(Box::pin(beginning.chain(bytes))))
}

/// Writes a blob that is in memory as a whole.
fn write_small(root: &Path, path: PathBuf, whole: &[u8]) -> Result<StoredBlob, Error> {
    let (digest, size_bytes) = (BlobDigest::of(whole), size_of_bytes(whole));
    let (incoming, mut file) = Incoming::create(path)?;
    file.write_all(whole).map_err(io_error("write", &incoming.path))?;
    let is_new = publish(&file, &incoming, &path_of(root, &digest), size_bytes)?;
    Ok(StoredBlob { digest, size_bytes, is_new })
}

fn size_of_bytes(bytes: &[u8]) -> u64 {
    bytes.len().try_into().unwrap_or(u64::MAX)
}

async fn receive(
    incoming: &Incoming,
    file: fs::File,
    mut bytes: ByteStream,
    size_limit_bytes: u64,
) -> Result<(fs::File, BlobDigest, u64), Error> {
    let path = &incoming.path;
    let mut file = tokio::fs::File::from_std(file);
    let mut hash = Sha256::new();
    let mut size_bytes = 0_u64;
    while let Some(chunk) = bytes.next().await {
        let chunk =
            chunk.map_err(|source| Error::Incoming { received_bytes: size_bytes, source })?;
        size_bytes = size_bytes.saturating_add(size_of_bytes(&chunk));
        if size_bytes > size_limit_bytes {
            return Err(Error::TooLarge { limit_bytes: size_limit_bytes });
        }
        hash.update(&chunk);
        file.write_all(&chunk).await.map_err(io_error("write", path))?;
    }
    file.flush().await.map_err(io_error("write", path))?;
    Ok((file.into_std().await, BlobDigest::of_hashed(hash), size_bytes))
}

/// Makes every folder that a blob may need, and their names survive a power failure: then a blob
/// is durable when its file and the folder that names it are.
fn create_folders(root: &Path) -> Result<(), Error> {
    let blobs = root.join("sha256");
    for folder in [&blobs, &root.join("incoming")] {
        fs::create_dir_all(folder).map_err(io_error("create the folder", folder))?;
    }
    for shard in 0..=u8::MAX {
        let shard = blobs.join(format!("{shard:02x}"));
        match fs::create_dir(&shard) {
            Err(source) if source.kind() != io::ErrorKind::AlreadyExists => {
                return Err(Error::Io { doing: "create the folder", path: shard, source });
            }
            Ok(()) | Err(_) => {}
        }
    }
    sync_folder(&blobs)?;
    sync_folder(root)?;
    // The root may be new too; that of a relative path stands in the present folder.
    let synced = match root.parent() {
        None => Ok(()),
        Some(parent) if parent.as_os_str().is_empty() => sync_folder(Path::new(".")),
        Some(parent) => sync_folder(parent),
    };
    match synced {
        // A folder that may be used but not listed is beyond reach; most parents are older.
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        synced => synced,
    }
}

/// Takes the lock shared. Another process holds it alone only while it sweeps, which takes
/// moments: one that holds it for longer is stuck, and this one must not hang with it.
fn share(lock: &fs::File) -> io::Result<()> {
    for _ in 0..LOCK_ATTEMPTS_MAX {
        match lock.try_lock_shared() {
            Ok(()) => return Ok(()),
            Err(fs::TryLockError::WouldBlock) => thread::sleep(LOCK_PAUSE),
            Err(fs::TryLockError::Error(error)) => return Err(error),
        }
    }
    let waited = (LOCK_PAUSE * LOCK_ATTEMPTS_MAX).as_secs();
    let words = format!("another process has held it alone for {waited} seconds");
    Err(io::Error::new(io::ErrorKind::TimedOut, words))
}

/// Gives a received file its final name, and says whether the name was free.
fn publish(
    file: &fs::File,
    incoming: &Incoming,
    target: &Path,
    size_bytes: u64,
) -> Result<bool, Error> {
    let is_new = size_of(target)? != Some(size_bytes);
    if is_new {
        file.sync_all().map_err(io_error("write to the disk", &incoming.path))?;
        fs::rename(&incoming.path, target).map_err(io_error("create", target))?;
    }
    // Also for a blob that was there: its file was forced to the disk before it had this name,
    // but whoever named it may not have come to this line yet.
    sync_folder(target.parent().unwrap_or(target))?;
    Ok(is_new)
}

fn size_of(path: &Path) -> Result<Option<u64>, Error> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(metadata.is_file().then_some(metadata.len())),
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Io { doing: "look at", path: path.into(), source }),
    }
}

/// Makes names in a folder survive a power failure. Windows has no such call for folders, and
/// journals its names.
fn sync_folder(folder: &Path) -> Result<(), Error> {
    if cfg!(unix) {
        fs::File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(io_error("write to the disk", folder))?;
    }
    Ok(())
}

fn sweep(incoming: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(incoming).map_err(io_error("list", incoming))? {
        let entry = entry.map_err(io_error("list", incoming))?;
        let path = entry.path();
        // Every leftover is a file; what else lies here is somebody's, and in nobody's way.
        if !entry.file_type().map_err(io_error("look at", &path))?.is_file() {
            tracing::warn!(path = %path.display(), "left what is not a file of this store");
            continue;
        }
        fs::remove_file(&path).map_err(io_error("remove", &path))?;
        tracing::debug!(path = %path.display(), "removed what a stopped process left");
    }
    Ok(())
}

fn io_error(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Io { doing, path: path.into(), source }
}

/// Runs file work where waiting for the disk holds up no task.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    task::spawn_blocking(work).await.unwrap_or_else(|source| {
        Err(Error::Backend { doing: "finish its file work", source: Box::new(source) })
    })
}

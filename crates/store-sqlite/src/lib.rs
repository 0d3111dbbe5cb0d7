//! The one database: the stores of jobs and of assets on SQLite.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use assets::{Asset, AssetQuery, AssetStore, BlobDigest, Origin};
//! use batch::{Event, JobId, JobRecord, JobStore, OwnerId, State};
//! use store_sqlite::SqliteStore;
//! use uuid::Uuid;
//! use workflow_graph::Json;
//!
//! let folder = tempfile::tempdir()?;
//! let store = SqliteStore::open(folder.path().join("factory.db")).await?;
//! let at = "2026-01-02T03:04:05Z".parse()?;
//! let id = JobId::from(Uuid::now_v7());
//! store.create(JobRecord::new(id, at, Json::parse(b"{}")?), &OwnerId::random()).await?;
//! let sent = Event::SubmitStarted { server: "http://127.0.0.1:8188/".to_owned() };
//! store.append(&id, sent, at).await?;
//! store.append(&id, Event::Accepted { warnings: Vec::new() }, at).await?;
//!
//! let origin = Origin::new(id.as_uuid(), "9", 0);
//! let asset = Asset::new(Uuid::now_v7().into(), BlobDigest::of(b"fox"), origin, at);
//! let finished = Event::Finished { nodes: vec![], texts: vec![], ran: None, memory: None };
//! assert_eq!(store.finish_job(&id, finished, at, vec![asset]).await?, State::Succeeded);
//!
//! let of_job = AssetQuery { job: Some(id.as_uuid()), ..AssetQuery::default() };
//! assert_eq!(AssetStore::list(&store, &of_job).await?.total, 1);
//! store.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! That a job ended and what it made commit together: after a crash there is never a job that
//! succeeded without its assets. Several processes may open the same file.
//!
//! # What it does not do
//!
//! Bytes are not in the database but in a [`BlobStore`](assets::BlobStore). Nothing is ever
//! removed from the log of a job; a finished job may be forgotten as a whole.

mod asset_table;
mod columns;
mod conditions;
mod connections;
mod error;
mod jobs;
mod schema;

use std::{path::PathBuf, sync::Arc};

use assets::Asset;
use batch::{Event, Job, JobId, State};
use jiff::Timestamp;
use rusqlite::Connection;
use tokio::task;

use crate::{
    connections::{Durability, Readers, Writer},
    error::Fault,
};

pub use crate::error::Error;

/// One database, for [`batch::JobStore`] and [`assets::AssetStore`]. Clones use the same one.
///
/// A write is on the disk when its method returns `Ok`, and survives a power failure; only log
/// entries that a job can do without ([`Event::is_dispensable`]) and leases survive no more than the
/// end of the process until the next write. Writes that wait at the same time share one commit.
/// When the last clone is dropped, the writes that are queued are done first, on the dropping
/// thread; in async code call [`SqliteStore::close`] before.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use batch::{JobQuery, JobStore};
/// let store = store_sqlite::SqliteStore::open_in_memory()?;
/// assert_eq!(JobStore::list(&store, &JobQuery::default()).await?.total, 0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

/// The fields drop in this order: the connection that writes is the last to close, and tidies up.
#[derive(Debug)]
struct Inner {
    /// None for a database in memory, which only its one connection sees.
    readers: Option<Arc<Readers>>,
    writer: Writer,
}

impl SqliteStore {
    /// Opens the database in the file `path`, whose folder must exist. A file that is not there is
    /// created, an older database is brought to the present schema, and a newer one is refused.
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        // On a thread that may wait: another process may be opening the same file.
        let opening = task::spawn_blocking(move || {
            let writer = Writer::start(connections::open_writer(&path)?)?;
            let readers = Some(Arc::new(Readers::new(path)));
            Ok(Self { inner: Arc::new(Inner { readers, writer }) })
        });
        opening.await.map_err(connections::ended)?
    }

    /// A database that is gone with its last clone.
    pub fn open_in_memory() -> Result<Self, Error> {
        let writer = Writer::start(connections::open_in_memory()?)?;
        Ok(Self { inner: Arc::new(Inner { readers: None, writer }) })
    }

    /// Adds the last event to a job's log and records what the job made, both or neither. All
    /// `assets` must be of that job.
    ///
    /// An output that is already recorded is left as it is, under its older id: under which ids
    /// the outputs now stand, a query for the job's assets tells. After a lost answer this is not
    /// repeated but the job read again: if it came to its end, its assets are recorded too, and a
    /// repetition would be refused as an event that cannot follow.
    pub async fn finish_job(
        &self,
        id: &JobId,
        event: Event,
        at: Timestamp,
        assets: Vec<Asset>,
    ) -> Result<State, Error> {
        let id = *id;
        let foreign = assets.iter().find(|asset| asset.origin.job != id.as_uuid());
        if let Some(asset) = foreign {
            let found = JobId::from(asset.origin.job);
            return Err(Error::AssetOfAnotherJob { asset: asset.id, found, job: id });
        }
        self.write(move |connection| {
            let appended = jobs::append(connection, id, &event, at)?;
            asset_table::insert(connection, &assets)?;
            Ok(appended.state)
        })
        .await
    }

    /// A job with what it made, in the order in which that was recorded: both as of one moment.
    pub async fn job_with_assets(&self, id: &JobId) -> Result<Option<(Job, Vec<Asset>)>, Error> {
        let id = *id;
        self.read(move |connection| {
            let Some(job) = jobs::of_id(connection, &id)? else { return Ok(None) };
            Ok(Some((job, asset_table::of_job(connection, &id)?)))
        })
        .await
    }

    /// Waits for the writes that are queued and closes the database. Whatever is asked of it
    /// afterwards, through any clone, is answered with [`Error::Closed`].
    pub async fn close(&self) {
        let inner = Arc::clone(&self.inner);
        let closing = task::spawn_blocking(move || {
            if let Some(readers) = &inner.readers {
                readers.close();
            }
            inner.writer.close();
        });
        if let Err(error) = closing.await {
            tracing::error!(%error, "closing the database did not end");
        }
    }

    /// A write that is on the disk when this answers.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Error> {
        self.inner.writer.run(Durability::OnDisk, work).await
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Error> {
        match &self.inner.readers {
            Some(readers) => readers.run(work).await,
            None => self.inner.writer.run(Durability::InFile, work).await,
        }
    }
}

//! Opening and closing the factory.

use std::{fmt, io, path::Path, sync::Arc, time::Duration};

use assets::{BlobStore, FolderBlobs};
use batch::{Engine, EngineOptions, JobStore};
use comfy_client::{Client, ClientOptions, Limits, ServerUrl};
use jiff::Timestamp;
use store_sqlite::SqliteStore;

use crate::{
    collect::Collector,
    config::{Backend, Config},
    error::{Error, FailureCode},
    failure,
    nodes::NodeCache,
    templates::Templates,
};

/// How many unfinished jobs one process takes on. Each costs a task and a few kilobytes; the
/// limit is for callers that loop.
const UNFINISHED_JOBS_MAX: usize = 1000;

/// How much longer than a request may take a job that is being sent is left to its sender: the
/// clocks of two processes differ, and a machine may be busy.
const SUBMIT_MARGIN: Duration = Duration::from_secs(30);

/// MediaFactory as a library: one ComfyUI server, one database, one folder of results. Clones
/// share all of it.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use mediafactory::{Factory, config::Config};
///
/// let folder = tempfile::tempdir()?;
/// let factory = Factory::open(Config::new(folder.path())).await?;
/// assert!(factory.templates().all().len() >= 3);
/// factory.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Factory {
    pub(crate) parts: Arc<Parts>,
}

pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) client: Client,
    pub(crate) store: SqliteStore,
    pub(crate) blobs: Arc<dyn BlobStore>,
    pub(crate) engine: Engine,
    pub(crate) templates: Templates,
    pub(crate) nodes: NodeCache,
}

impl Factory {
    /// Opens the database and the folders. The server is not needed for that: it is asked when
    /// the first job or question needs it. Unfinished jobs of earlier processes are left as they
    /// are until [`resume`](Self::resume).
    pub async fn open(config: Config) -> Result<Self, Error> {
        let templates = Templates::own()?;
        let client = client(&config)?;
        for folder in [&config.data_dir, &config.output_dir] {
            tokio::fs::create_dir_all(folder).await.map_err(|error| no_folder(folder, error))?;
        }
        let store = SqliteStore::open(config.data_dir.join("mediafactory.db"))
            .await
            .map_err(|error| failure::database("cannot open the database", error))?;
        let blobs = FolderBlobs::open(config.data_dir.join("blobs"))
            .await
            .map_err(|error| failure::storage("cannot open the folder of results", error))?;
        let blobs: Arc<dyn BlobStore> = Arc::new(blobs);
        let collector = Collector {
            client: client.clone(),
            store: store.clone(),
            blobs: Arc::clone(&blobs),
            output_dir: config.output_dir.clone(),
            asset_ttl: config.asset_ttl,
        };
        let jobs: Arc<dyn JobStore> = Arc::new(store.clone());
        let options = EngineOptions {
            running_time_max: config.job_timeout,
            in_flight_max: usize::try_from(config.max_concurrent_jobs).unwrap_or(usize::MAX),
            unfinished_max: UNFINISHED_JOBS_MAX,
            submit_grace: config.connect_timeout + config.reply_timeout + SUBMIT_MARGIN,
            server_away_max: config.server_away_max,
            clock: Timestamp::now,
        };
        let engine = Engine::new(client.clone(), jobs, Arc::new(collector), options);
        let nodes = NodeCache::default();
        let parts = Parts { config, client, store, blobs, engine, templates, nodes };
        Ok(Self { parts: Arc::new(parts) })
    }

    /// Takes up the unfinished jobs of this server, whichever process left them, and says how
    /// many they are. Those that were never sent are sent; the others are looked up.
    pub async fn resume(&self) -> Result<usize, Error> {
        let taken = self.parts.engine.recover().await;
        taken.map_err(|error| failure::storage("cannot read the unfinished jobs", error))
    }

    /// What it was opened with.
    pub fn config(&self) -> &Config {
        &self.parts.config
    }

    /// The ready workflows.
    pub fn templates(&self) -> &Templates {
        &self.parts.templates
    }

    /// Takes no more jobs, stops following those that run, and closes the database. The jobs go
    /// on at the server; the next process on the same folder takes them up.
    pub async fn shutdown(&self) {
        self.parts.engine.shutdown().await;
        self.parts.store.close().await;
    }
}

impl fmt::Debug for Factory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Factory").field("engine", &self.parts.engine).finish_non_exhaustive()
    }
}

pub(crate) fn client(config: &Config) -> Result<Client, Error> {
    let Backend { url, auth } = match &config.comfyui {
        Some(backend) => backend.clone(),
        None => Backend { url: default_server()?, auth: None },
    };
    let limits = Limits {
        connect_timeout: config.connect_timeout,
        reply_timeout: config.reply_timeout,
        gone_after: config.server_away_max,
        ..Limits::default()
    };
    Client::new(url, ClientOptions { auth, limits }).map_err(failure::client)
}

fn default_server() -> Result<ServerUrl, Error> {
    Config::default_server().parse().map_err(|error| {
        Error::new(FailureCode::ValidationError, "the default server is no URL").with_source(error)
    })
}

fn no_folder(folder: &Path, error: io::Error) -> Error {
    let message = format!("cannot create the folder {}", folder.display());
    failure::storage(message, error)
}

/// How long any wait of a library call lasts at most when the caller names no time.
pub(crate) const WAIT_MAX: Duration = Duration::from_hours(24);

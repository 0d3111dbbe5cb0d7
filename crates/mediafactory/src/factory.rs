//! Opening and closing the factory.

use std::{fmt, io, path::Path, sync::Arc, time::Duration};

use assets::{BlobStore, FolderBlobs};
use batch::{Engine, EngineOptions, JobStore, ServerOptions};
use jiff::Timestamp;
use store_sqlite::SqliteStore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    collect::Collector,
    config::{Config, NamedServer},
    error::{Error, FailureCode},
    failure, retention,
    servers::Server,
    services::Shelf,
    templates::Templates,
};

/// MediaFactory as a library: its ComfyUI servers, one database, one folder of results. Clones
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
    /// In the order of the configuration; never empty.
    pub(crate) servers: Vec<Server>,
    pub(crate) store: SqliteStore,
    pub(crate) blobs: Arc<dyn BlobStore>,
    pub(crate) engine: Engine,
    pub(crate) templates: Templates,
    pub(crate) services: Shelf,
    tasks: TaskTracker,
    stopping: CancellationToken,
}

impl Factory {
    /// Opens the database and the folders. No server is needed for that: it is asked when the
    /// first job or question needs it. Services are read, and a wrong one is an error. Unfinished jobs of earlier processes are left as they
    /// are until [`resume`](Self::resume).
    pub async fn open(config: Config) -> Result<Self, Error> {
        let templates = Templates::own()?;
        let named = config.all_servers().map_err(|error| {
            Error::new(FailureCode::ValidationError, "the default server is no URL")
                .with_source(error)
        })?;
        let servers = (0..).zip(&named).map(|(place, named)| Server::new(&config, named, place));
        let servers: Vec<Server> = servers.collect::<Result<_, _>>()?;
        let services = Shelf::open(&config).await?;
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
            store: store.clone(),
            blobs: Arc::clone(&blobs),
            output_dir: config.output_dir.clone(),
            asset_ttl: config.asset_ttl,
        };
        let jobs: Arc<dyn JobStore> = Arc::new(store.clone());
        let options = EngineOptions {
            running_time_max: config.job_timeout,
            unfinished_max: size(config.max_unfinished_jobs),
            lease: config.job_lease,
            unsure: config.unsure,
            server_away_max: config.server_away_max,
            clock: Timestamp::now,
        };
        let work = servers.iter().zip(&named).map(|(server, named)| share(&config, server, named));
        let engine = Engine::new(work.collect(), jobs, Arc::new(collector), options);
        let (tasks, stopping) = (TaskTracker::new(), CancellationToken::new());
        let parts =
            Parts { config, servers, store, blobs, engine, templates, services, tasks, stopping };
        Ok(Self { parts: Arc::new(parts) })
    }

    /// Takes up the unfinished jobs of these servers that no living process has, and says how many
    /// they are: those that were never sent are sent, the others are looked up. From here on it
    /// takes over from every process that dies, and forgets finished jobs as configured. For
    /// programs that stay.
    pub async fn resume(&self) -> Result<usize, Error> {
        let parts = &self.parts;
        if parts.tasks.is_empty() && retention::is_wanted(&parts.config) {
            let (store, config) = (parts.store.clone(), parts.config.clone());
            parts.tasks.spawn(retention::keep(store, config, parts.stopping.clone()));
        }
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
        self.parts.stopping.cancel();
        self.parts.tasks.close();
        self.parts.tasks.wait().await;
        self.parts.engine.shutdown().await;
        self.parts.store.close().await;
    }
}

impl fmt::Debug for Factory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Factory").field("engine", &self.parts.engine).finish_non_exhaustive()
    }
}

/// How much of the work a server gets.
fn share(config: &Config, server: &Server, named: &NamedServer) -> ServerOptions {
    ServerOptions {
        weight: named.weight,
        in_flight_max: size(named.in_flight_max.unwrap_or(config.max_concurrent_jobs)),
        ..ServerOptions::new(server.name.as_str(), server.client.clone())
    }
}

fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn no_folder(folder: &Path, error: io::Error) -> Error {
    let message = format!("cannot create the folder {}", folder.display());
    failure::storage(message, error)
}

/// How long any wait of a library call lasts at most when the caller names no time.
pub(crate) const WAIT_MAX: Duration = Duration::from_hours(24);

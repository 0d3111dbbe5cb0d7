//! The services of a process: those of the file for good, those of the folder as they are now.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::{
    sync::{Mutex, watch},
    task::spawn_blocking,
};

use super::{
    ServiceSet, configured,
    dropped::{self, Sight},
};
use crate::{config::Config, error::Error, factory::Factory, failure};

/// The services that there are, and what they were read from.
pub(crate) struct Shelf {
    configured: Arc<ServiceSet>,
    folder: Option<PathBuf>,
    /// The folder as it was when it was read last.
    seen: Mutex<Sight>,
    current: watch::Sender<Arc<ServiceSet>>,
}

/// What one look at both places found.
struct Found {
    configured: ServiceSet,
    sight: Sight,
    all: ServiceSet,
}

impl Found {
    async fn of(config: &Config) -> Result<Self, Error> {
        let (file, folder) = (config.services_file.clone(), config.services_dir.clone());
        let read = move || {
            let configured = file.as_deref().map(configured::services).unwrap_or_default();
            let sight = folder.as_deref().map(dropped::look).unwrap_or_default();
            let all = joined(&configured, folder.as_deref(), &sight);
            Self { configured, sight, all }
        };
        spawn_blocking(read).await.map_err(broken)
    }
}

impl ServiceSet {
    /// The services that a configuration names, and what is wrong with those that cannot be read.
    /// Nothing is opened, and no server is asked; what would keep a [`Factory`] from opening is among
    /// the problems.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use mediafactory::{ServiceSet, config::Config};
    ///
    /// let mut config = Config::new("/var/lib/mediafactory");
    /// config.services_file = Some("/none/config.json".into());
    /// let set = ServiceSet::of(&config).await?;
    /// assert!(set.services.is_empty() && set.problems[0].stops_start);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn of(config: &Config) -> Result<Self, Error> {
        let Found { sight, mut all, .. } = Found::of(config).await?;
        if sight.problem().is_some() {
            let is_folder = |file: &PathBuf| Some(file) == config.services_dir.as_ref();
            let of_folder = all.problems.iter_mut().filter(|problem| is_folder(&problem.file));
            of_folder.for_each(|problem| problem.stops_start = true);
        }
        Ok(all)
    }
}

impl Shelf {
    /// Reads both places. A folder that is not there is an error too: it was named.
    pub(crate) async fn open(config: &Config) -> Result<Self, Error> {
        let Found { configured, sight, all } = Found::of(config).await?;
        let file = config.services_file.as_deref();
        let refused = file.and_then(|file| configured::refusal(file, &configured.problems));
        if let Some(refused) = refused {
            return Err(refused);
        }
        let folder = config.services_dir.clone();
        if let (Some(folder), Some(problem)) = (&folder, sight.problem()) {
            let message = format!("`services_dir`: {}: {problem}", folder.display());
            return Err(
                failure::argument(message).with_hint("create the folder, or leave the setting out")
            );
        }
        tell(&all, &ServiceSet::default());
        Ok(Self {
            configured: Arc::new(configured),
            folder,
            seen: Mutex::new(sight),
            current: watch::Sender::new(Arc::new(all)),
        })
    }

    pub(crate) fn current(&self) -> Arc<ServiceSet> {
        Arc::clone(&self.current.borrow())
    }

    /// Looks at the folder, and reads it when it is not as it was.
    async fn look_again(&self) -> Result<Arc<ServiceSet>, Error> {
        let Some(folder) = self.folder.clone() else { return Ok(self.current()) };
        let mut seen = self.seen.lock().await;
        let (before, configured) = (seen.clone(), Arc::clone(&self.configured));
        let look = move || {
            let sight = dropped::look(&folder);
            let is_new = sight != before;
            is_new.then(|| (joined(&configured, Some(&folder), &sight), sight))
        };
        if let Some((all, sight)) = spawn_blocking(look).await.map_err(broken)? {
            tell(&all, &self.current());
            *seen = sight;
            self.current.send_replace(Arc::new(all));
        }
        Ok(self.current())
    }
}

impl Factory {
    /// The services as they were when they were last looked at.
    pub fn services(&self) -> Arc<ServiceSet> {
        self.parts.services.current()
    }

    /// The services as they are now: a workflow that was dropped into `services_dir` is there, one
    /// that was taken out is not. What cannot become a service is among the problems.
    pub async fn look_at_services(&self) -> Result<Arc<ServiceSet>, Error> {
        self.parts.services.look_again().await
    }

    /// Whether services may come and go while this process runs.
    pub fn has_services_folder(&self) -> bool {
        self.parts.config.services_dir.is_some()
    }
}

fn joined(configured: &ServiceSet, folder: Option<&Path>, sight: &Sight) -> ServiceSet {
    let mut all = configured.clone();
    if let Some(folder) = folder {
        let dropped = dropped::services(folder, sight, configured);
        all.services.extend(dropped.services);
        all.problems.extend(dropped.problems);
    }
    all
}

/// Tells whoever runs this program once what could not become a service.
fn tell(all: &ServiceSet, before: &ServiceSet) {
    for problem in all.problems.iter().filter(|problem| !before.problems.contains(problem)) {
        tracing::warn!("services: {problem}");
    }
}

fn broken(error: tokio::task::JoinError) -> Error {
    failure::storage("the services were not read", error)
}

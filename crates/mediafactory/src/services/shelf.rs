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

impl Shelf {
    /// Reads both places. A folder that is not there is an error too: it was named.
    pub(crate) async fn open(config: &Config) -> Result<Self, Error> {
        let (file, folder) = (config.services_file.clone(), config.services_dir.clone());
        let of_folder = folder.clone();
        let read = move || {
            let configured = file.as_deref().map(configured::services).transpose()?;
            let configured = configured.unwrap_or_default();
            let sight = of_folder.as_deref().map(dropped::look).unwrap_or_default();
            if let Some(problem) = sight.problem() {
                return Err(failure::argument(format!("`services_dir`: {problem}"))
                    .with_hint("create the folder, or leave the setting out"));
            }
            let all = joined(&configured, of_folder.as_deref(), &sight);
            Ok((configured, sight, all))
        };
        let (configured, sight, all) = spawn_blocking(read).await.map_err(broken)??;
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

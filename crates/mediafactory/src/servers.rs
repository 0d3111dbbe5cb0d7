//! The ComfyUI servers that there are, and which of them a job may go to.

use std::{
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use comfy_client::{Client, ClientOptions, Limits, SystemStats};
use futures::future::join_all;
use workflow_graph::Json;

use crate::{
    config::{Config, NamedServer},
    error::{Error, FailureCode},
    factory::Factory,
    failure::{self, with_causes},
    gallery::GalleryCache,
    models::FileCache,
    nearest,
    nodes::NodeCache,
    requests::{BackendReport, Device},
};

/// What a server says it was deployed as when it is our simulator.
const SIMULATOR: &str = "comfy-sim";

/// What callers say who leave the choice to us.
const AUTO: &str = "auto";

/// How long a look at all servers waits for each: one that hangs is worth being told of.
const LOOK_PATIENCE: Duration = Duration::from_secs(5);

/// One server, and what was learned of its node classes.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) name: String,
    pub(crate) client: Client,
    tags: Vec<String>,
    gpu_id: u32,
    pub(crate) nodes: NodeCache,
    pub(crate) gallery: GalleryCache,
    pub(crate) files: FileCache,
    /// Its `models` folder, where this machine can read it.
    pub(crate) models_dir: Option<PathBuf>,
    /// Whether it is our simulator, and on which connection that was asked.
    simulated: Mutex<Option<(u64, bool)>>,
}

impl Server {
    /// The `place` is that in the list of all servers.
    pub(crate) fn new(config: &Config, named: &NamedServer, place: u32) -> Result<Self, Error> {
        Ok(Self {
            name: named.name.clone(),
            client: client(config, named)?,
            tags: named.tags.clone(),
            gpu_id: named.gpu_id.unwrap_or(place),
            nodes: NodeCache::default(),
            gallery: GalleryCache::default(),
            files: FileCache::default(),
            models_dir: named.models_dir.clone(),
            simulated: Mutex::default(),
        })
    }

    /// Its address, as the log of a job names it.
    pub(crate) fn url(&self) -> String {
        self.client.url().to_string()
    }

    /// Whether it is our simulator. It is asked once for each `connection` of the engine to it, and
    /// each time while there is none: another server may have been started at the same address.
    pub(crate) async fn is_simulated(&self, connection: Option<u64>) -> Result<bool, Error> {
        if let Some((asked_on, is_simulated)) = *self.simulated()
            && connection == Some(asked_on)
        {
            return Ok(is_simulated);
        }
        let stats = self.client.system_stats().await.map_err(failure::client)?;
        let is_simulated = is_simulator(&stats);
        *self.simulated() = connection.map(|asked_on| (asked_on, is_simulated));
        Ok(is_simulated)
    }

    /// The answer is never half written.
    fn simulated(&self) -> MutexGuard<'_, Option<(u64, bool)>> {
        self.simulated.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Factory {
    /// The server that is asked where a question names none.
    fn first_server(&self) -> Result<&Server, Error> {
        self.parts.servers.first().ok_or_else(|| {
            Error::new(FailureCode::ComfyuiUnreachable, "no ComfyUI server is configured")
        })
    }

    /// The server that a question is put to: the first of those that the word stands for, or of
    /// all where none is given.
    pub(crate) fn asked(&self, backend: Option<&str>) -> Result<&Server, Error> {
        let Some(word) = backend else { return self.first_server() };
        self.placed(Some(word))?.first().copied().map_or_else(|| self.first_server(), Ok)
    }

    /// The servers that a caller's word stands for: a name, a tag, the number of a GPU, or `auto`
    /// for all of them.
    pub(crate) fn placed(&self, placement: Option<&str>) -> Result<Vec<&Server>, Error> {
        let all: Vec<&Server> = self.parts.servers.iter().collect();
        let Some(word) = placement.filter(|word| *word != AUTO) else { return Ok(all) };
        if let Some(named) = all.iter().find(|server| server.name == word) {
            return Ok(vec![named]);
        }
        let gpu_id = word.parse().ok();
        let meant = |server: &&&Server| {
            server.tags.iter().any(|tag| tag == word) || Some(server.gpu_id) == gpu_id
        };
        let found: Vec<&Server> = all.iter().filter(meant).copied().collect();
        if !found.is_empty() {
            return Ok(found);
        }
        let names = all.iter().map(|server| server.name.as_str());
        let words: Vec<&str> = names
            .chain(all.iter().flat_map(|server| server.tags.iter().map(String::as_str)))
            .chain([AUTO])
            .collect();
        Err(failure::argument(format!("no ComfyUI server has the name, tag or GPU `{word}`"))
            .with_hint(nearest::hint("names and tags", word, words.iter().copied())))
    }

    /// Those of `servers` that answer; why not, when none does. One that the engine has set aside
    /// is waited for only where there is no other.
    pub(crate) async fn reachable<'a>(
        &self,
        servers: Vec<&'a Server>,
    ) -> Result<Vec<&'a Server>, Error> {
        let known = self.parts.engine.servers();
        let is_in_use = |server: &&&Server| {
            known.iter().any(|status| status.set_aside.is_none() && status.url == server.url())
        };
        let in_use: Vec<&Server> = servers.iter().filter(is_in_use).copied().collect();
        let servers = if in_use.is_empty() { servers } else { in_use };
        let tries = servers.iter().map(|server| async {
            let url = server.url();
            self.parts.engine.connect(&url).await.unwrap_or(Ok(())).map_err(failure::client)
        });
        let outcomes = join_all(tries).await;
        let mut failed = None;
        let mut answering = Vec::new();
        for (server, outcome) in servers.iter().copied().zip(outcomes) {
            match outcome {
                Ok(()) => answering.push(server),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        match failed {
            Some(error) if answering.is_empty() => Err(error),
            _ => Ok(answering),
        }
    }

    /// Every server: what it is, whether it answers, and what it does.
    pub async fn backends(&self) -> Vec<BackendReport> {
        let known = self.parts.engine.servers();
        let asked = self.parts.servers.iter().map(|server| async move {
            let asked = tokio::time::timeout(LOOK_PATIENCE, server.client.system_stats()).await;
            let answer = asked.map(|answer| answer.map_err(|error| with_causes(&error)));
            (server, answer.unwrap_or_else(|_| Err(format!("no answer within {LOOK_PATIENCE:?}"))))
        });
        let reports = join_all(asked).await.into_iter().map(|(server, answer)| {
            let url = server.url();
            let status = known.iter().find(|status| status.url == url).cloned();
            let problem = answer.as_ref().err().cloned();
            let answer = answer.ok();
            BackendReport {
                name: server.name.clone(),
                url,
                tags: server.tags.clone(),
                gpu_id: server.gpu_id,
                version: answer.as_ref().and_then(|stats| stats.comfyui_version.clone()),
                simulated: answer.as_ref().is_some_and(is_simulator),
                devices: answer.map(devices).unwrap_or_default(),
                problem,
                set_aside: status.as_ref().and_then(|status| status.set_aside.clone()),
                socket_open: status.as_ref().is_some_and(|status| status.is_connected),
                in_flight: count(status.as_ref().map(|status| status.in_flight)),
                in_flight_max: count(status.as_ref().map(|status| status.in_flight_max)),
                queue_remaining: status.as_ref().and_then(|status| status.queue_remaining),
                warm_models: status.map(|status| status.warm_models).unwrap_or_default(),
            }
        });
        reports.collect()
    }

    /// The name of the server at this address, as long as it is configured.
    pub(crate) fn server_name(&self, url: &str) -> Option<&str> {
        let server = self.parts.servers.iter().find(|server| server.url() == url)?;
        Some(&server.name)
    }
}

pub(crate) fn is_simulator(stats: &SystemStats) -> bool {
    let deployed = stats.raw.at(&["system", "deploy_environment"]).and_then(Json::as_str);
    deployed == Some(SIMULATOR)
}

pub(crate) fn devices(stats: SystemStats) -> Vec<Device> {
    let devices = stats.devices.into_iter().map(|device| Device {
        name: device.name,
        kind: device.kind,
        vram_total_bytes: device.vram_total_bytes,
        vram_free_bytes: device.vram_free_bytes,
    });
    devices.collect()
}

fn count(number: Option<usize>) -> u32 {
    u32::try_from(number.unwrap_or_default()).unwrap_or(u32::MAX)
}

/// The way to the server that is asked where a question names none.
pub(crate) fn first_client(config: &Config) -> Result<Client, Error> {
    let all = config.all_servers().map_err(|error| failure::argument(error.to_string()))?;
    let first = all.first().ok_or_else(|| failure::argument("no ComfyUI server is configured"))?;
    client(config, first)
}

/// The way to one server.
pub(crate) fn client(config: &Config, named: &NamedServer) -> Result<Client, Error> {
    let limits = Limits {
        connect_timeout: config.connect_timeout,
        reply_timeout: config.reply_timeout,
        gone_after: config.server_away_max,
        ..Limits::default()
    };
    let options = ClientOptions { auth: named.backend.auth.clone(), limits };
    Client::new(named.backend.url.clone(), options).map_err(failure::client)
}

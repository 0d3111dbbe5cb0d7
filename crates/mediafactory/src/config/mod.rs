//! What a MediaFactory process is told: its server, its folders, its limits.
//!
//! [`Config`] is plain data: a library fills it in as it likes, starting from [`Config::new`]. Programs
//! get theirs from [`load`], which lays a TOML file, environment variables and flags over the
//! defaults, names the source of every value, and reports everything that is wrong at once.
//! [`SETTINGS`] is the one table that all of this, `config show` and the README are made from.
//!
//! Nothing here reads the environment: it comes in as an argument. Only [`load`] touches files: the
//! configuration file, and the `config.json` of services, which may name a server too.

mod error;
mod file;
mod load;
mod resolve;
mod servers;
mod services_file;
mod settings;
mod source;

#[cfg(test)]
mod tests;

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use batch::Unsure;
use comfy_client::{Auth, InvalidServerUrl, Secret, ServerUrl};

pub use self::{
    error::{Error, Problem},
    load::{is_name_of_ours, load},
    resolve::{Directories, Resolved, ResolvedSetting, Sources, Warning, resolve},
    settings::{SETTINGS, Setting},
    source::Source,
};

/// Everything that can be set, with nothing left to be looked up.
///
/// Any combination of values is legal, so there is no builder.
///
/// ```
/// use mediafactory::config::Config;
/// let mut config = Config::new("/var/lib/mediafactory");
/// config.max_concurrent_jobs = 1;
/// assert!(config.comfyui.is_none(), "no server until one is named");
/// assert_eq!(config.output_dir, std::path::Path::new("/var/lib/mediafactory/output"));
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    /// The ComfyUI server. `None` when nothing names one: [`Config::default_server`] is then used,
    /// and a program may put the simulator in its place.
    pub comfyui: Option<Backend>,
    /// The `models` folder of that server, where this machine can read it: the headers of files
    /// then say what they hold.
    pub models_dir: Option<PathBuf>,
    /// Further ComfyUI servers, or all of them where `comfyui` names none.
    pub servers: Vec<NamedServer>,
    /// The folder of the database and of what was made.
    pub data_dir: PathBuf,
    /// The folder where finished files also stand under readable names.
    pub output_dir: PathBuf,
    /// How long assets are kept after they were made; `None` keeps them for ever.
    pub asset_ttl: Option<Duration>,
    /// How long a job may run at the server; waiting in a queue does not count.
    pub job_timeout: Duration,
    /// How long a server that has one of our jobs may give no answer before the job is lost.
    pub server_away_max: Duration,
    /// How many jobs this process gives to one server at the same time; the others wait here.
    pub max_concurrent_jobs: u32,
    /// How many jobs this process may have unfinished.
    pub max_unfinished_jobs: u32,
    /// How long a process that was killed keeps others from its unfinished jobs.
    pub job_lease: Duration,
    /// What becomes of a job whose sending was broken off, when the server says that it does not
    /// have it.
    pub unsure: Unsure,
    /// How long finished jobs stay on record; `None` keeps them for ever.
    pub max_job_age: Option<Duration>,
    /// How many finished jobs stay on record; `None` keeps all.
    pub max_jobs: Option<u64>,
    /// How often finished jobs that are too old or too many are forgotten.
    pub cleanup_interval: Duration,
    /// How long opening a connection to ComfyUI may take.
    pub connect_timeout: Duration,
    /// How long ComfyUI may take to answer one request.
    pub reply_timeout: Duration,
    /// The folder for facts about model files. Nothing is kept there yet.
    pub model_cache_dir: PathBuf,
    /// The folders that workflows may be imported from by a tool, which anyone may call who talks
    /// to the server. None until some are named.
    pub import_dirs: Vec<PathBuf>,
    /// A `config.json` that lists services, each a workflow with named parameters.
    pub services_file: Option<PathBuf>,
    /// A folder in which every workflow with placeholders is a service.
    pub services_dir: Option<PathBuf>,
    /// What only the HTTP server needs.
    pub http: HttpConfig,
    /// Which log lines are written, as a `tracing` filter such as `info,comfy_client=debug`.
    pub log: String,
    /// Whether the built-in simulator may stand in for a server.
    pub simulate: Simulate,
}

/// A ComfyUI server and how to be let in.
#[derive(Clone, Debug)]
pub struct Backend {
    /// Its address, without credentials.
    pub url: ServerUrl,
    /// What to identify with, when the server asks for it.
    pub auth: Option<Auth>,
}

/// One of several ComfyUI servers.
///
/// ```
/// use mediafactory::config::NamedServer;
/// let server = NamedServer::new("gpu-1", "http://gpu-1:8188".parse()?);
/// assert!(server.tags.is_empty() && server.in_flight_max.is_none());
/// # Ok::<(), mediafactory::InvalidServerUrl>(())
/// ```
#[derive(Clone, Debug)]
pub struct NamedServer {
    /// What people and callers call it.
    pub name: String,
    /// Where it is, and how to be let in.
    pub backend: Backend,
    /// How much faster it is than one of weight 1.
    pub weight: f64,
    /// Words that callers may ask for instead of the name, such as `video`.
    pub tags: Vec<String>,
    /// How many jobs this process gives to it at the same time; [`Config::max_concurrent_jobs`]
    /// when not given.
    pub in_flight_max: Option<u32>,
    /// The number by which callers ask for its GPU; its place in the list when not given.
    pub gpu_id: Option<u32>,
    /// Its `models` folder, where this machine can read it.
    pub models_dir: Option<PathBuf>,
}

impl NamedServer {
    /// A server of weight 1 without tags.
    pub fn new(name: impl Into<String>, url: ServerUrl) -> Self {
        Self {
            name: name.into(),
            backend: Backend { url, auth: None },
            weight: 1.0,
            tags: Vec::new(),
            in_flight_max: None,
            gpu_id: None,
            models_dir: None,
        }
    }
}

/// What only the HTTP server needs.
///
/// ```
/// use mediafactory::config::HttpConfig;
/// assert!(HttpConfig::default().bind.ip().is_loopback());
/// ```
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// Where it listens.
    pub bind: SocketAddr,
    /// What callers must present as a bearer token; `None` lets everyone in.
    pub token: Option<Secret>,
    /// `Host` headers that are answered besides those of this machine.
    pub allowed_hosts: Vec<String>,
    /// Web origins whose pages may call.
    pub allowed_origins: Vec<String>,
    /// The largest request body that is read, in bytes.
    pub body_bytes_max: u64,
}

/// Whether the built-in simulator may stand in for a ComfyUI server.
///
/// ```
/// use mediafactory::config::Simulate;
/// assert_eq!(Simulate::Fallback.to_string(), "fallback");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Simulate {
    /// No: a server that does not answer is an error.
    #[default]
    Never,
    /// Only when no server is configured and none answers at [`Config::default_server`].
    Fallback,
    /// Yes, even where a server is configured.
    Always,
}

/// What the server is called that `comfyui.url` names.
const DEFAULT_NAME: &str = "default";

/// Where a ComfyUI listens that was started without further arguments.
const DEFAULT_SERVER: &str = "http://127.0.0.1:8188";

impl Config {
    /// The defaults, with everything under one folder.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        let data_dir = data_dir.into();
        Self {
            comfyui: None,
            models_dir: None,
            servers: Vec::new(),
            output_dir: data_dir.join("output"),
            model_cache_dir: data_dir.join("models"),
            data_dir,
            asset_ttl: None,
            job_timeout: Duration::from_mins(10),
            server_away_max: Duration::from_mins(10),
            // One more than a server runs keeps it busy.
            max_concurrent_jobs: 2,
            max_unfinished_jobs: 1000,
            job_lease: Duration::from_secs(10),
            unsure: Unsure::Lost,
            max_job_age: None,
            max_jobs: None,
            cleanup_interval: Duration::from_hours(1),
            connect_timeout: Duration::from_secs(10),
            reply_timeout: Duration::from_mins(1),
            import_dirs: Vec::new(),
            services_file: None,
            services_dir: None,
            http: HttpConfig::default(),
            log: "warn".to_owned(),
            simulate: Simulate::Never,
        }
    }

    /// All servers: the one of `comfyui`, which is called `default`, and those of `servers`. Where
    /// neither names one, it is [`Config::default_server`].
    pub(crate) fn all_servers(&self) -> Result<Vec<NamedServer>, InvalidServerUrl> {
        let first = match &self.comfyui {
            Some(backend) => Some(backend.clone()),
            None if self.servers.is_empty() => {
                Some(Backend { url: DEFAULT_SERVER.parse()?, auth: None })
            }
            None => None,
        };
        let first = first.map(|backend| {
            let auth = backend.auth.clone();
            let named = NamedServer::new(DEFAULT_NAME, backend.url);
            let backend = Backend { auth, ..named.backend };
            NamedServer { backend, models_dir: self.models_dir.clone(), ..named }
        });
        Ok(first.into_iter().chain(self.servers.iter().cloned()).collect())
    }

    /// The name that two servers have, of which `comfyui` is one.
    pub(crate) fn twin_server(&self) -> Option<&str> {
        self.comfyui.as_ref()?;
        let twin = self.servers.iter().find(|server| server.name == DEFAULT_NAME)?;
        Some(&twin.name)
    }

    /// The server that is used when none is configured: this machine's own, at ComfyUI's usual port.
    pub fn default_server() -> &'static str {
        DEFAULT_SERVER
    }
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            token: None,
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            // Room for a long workflow with its UI twin; pictures travel by path or resource.
            body_bytes_max: 8 * 1024 * 1024,
        }
    }
}

impl fmt::Display for Simulate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Never => "never",
            Self::Fallback => "fallback",
            Self::Always => "always",
        })
    }
}

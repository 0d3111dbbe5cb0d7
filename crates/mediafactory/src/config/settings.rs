//! The table of settings: names, kinds, defaults and what they mean.

use std::{path::PathBuf, time::Duration};

use batch::Unsure;
use comfy_client::{Auth, Secret, ServerUrl};

use super::{Config, Simulate, servers};

/// One setting: its names, what it takes, and where its value goes.
///
/// ```
/// use mediafactory::config::SETTINGS;
/// let url = SETTINGS.iter().find(|setting| setting.key() == "comfyui.url").unwrap();
/// assert_eq!(url.environment()[1], "COMFYUI_URL");
/// ```
#[derive(Debug)]
pub struct Setting {
    key: &'static str,
    environment: &'static [&'static str],
    default: &'static str,
    description: &'static str,
    pub(super) kind: Kind,
    pub(super) show: fn(&Config) -> Option<String>,
}

impl Setting {
    /// The key in the file, with a dot between table and member.
    pub fn key(&self) -> &'static str {
        self.key
    }

    /// The environment variables that set it. The first counts when several are set.
    pub fn environment(&self) -> &'static [&'static str] {
        self.environment
    }

    /// The default, as people read it.
    pub fn default_text(&self) -> &'static str {
        self.default
    }

    /// What it is for, in one sentence.
    pub fn description(&self) -> &'static str {
        self.description
    }

    /// What it takes, such as `a whole number from 1 to 64`.
    pub fn expected(&self) -> String {
        self.kind.expected()
    }

    /// Whether its value is never shown.
    pub fn is_secret(&self) -> bool {
        matches!(self.kind, Kind::Secret { .. })
    }

    /// The flag that sets it on the command line, such as `--comfyui-url`.
    pub fn flag(&self) -> String {
        format!("--{}", self.key.replace(['.', '_'], "-"))
    }
}

/// What is being put together while values are read.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) config: Config,
    pub(super) url: Option<(ServerUrl, Option<Auth>)>,
    pub(super) token: Option<Secret>,
}

/// What a setting takes, and how a value of that kind is put in its place.
#[derive(Debug)]
pub(super) enum Kind {
    /// The address of a ComfyUI server.
    Url,
    /// Text that is never shown.
    Secret { set: fn(&mut Draft, Secret) },
    /// A folder; `~` is the home folder.
    Folder { set: fn(&mut Config, PathBuf) },
    /// A file; `~` is the home folder.
    File { set: fn(&mut Config, PathBuf) },
    /// A list of folders, each as a [`Kind::Folder`].
    Folders { set: fn(&mut Config, Vec<PathBuf>) },
    /// A whole number within bounds, both included.
    Whole { minimum: u64, maximum: u64, unit: &'static str, set: fn(&mut Config, u64) },
    /// An IP address with a port.
    Socket { set: fn(&mut Config, std::net::SocketAddr) },
    /// A list of short texts.
    List { of: &'static str, set: fn(&mut Config, Vec<String>) },
    /// A text.
    Text { of: &'static str, set: fn(&mut Config, String) },
    /// A list of servers.
    Servers,
    /// One of a few words.
    Unsure,
    /// One of a few words.
    Simulate,
}

impl Kind {
    fn expected(&self) -> String {
        match self {
            Self::Url => "an address such as http://127.0.0.1:8188".to_owned(),
            Self::Secret { .. } => "visible ASCII text without spaces".to_owned(),
            Self::Folder { .. } => "the path of a folder".to_owned(),
            Self::File { .. } => "the path of a file".to_owned(),
            Self::Folders { .. } => "a list of paths of folders".to_owned(),
            Self::Whole { minimum, maximum, unit: "", .. } => {
                format!("a whole number from {minimum} to {maximum}")
            }
            Self::Whole { minimum, maximum, unit, .. } => {
                format!("a whole number of {unit} from {minimum} to {maximum}")
            }
            Self::Socket { .. } => "an IP address with a port, such as 127.0.0.1:8080".to_owned(),
            Self::List { of, .. } => format!("a list of {of}"),
            Self::Text { of, .. } => (*of).to_owned(),
            Self::Servers => servers::EXPECTED.to_owned(),
            Self::Unsure => "`lost` or `send_again`".to_owned(),
            Self::Simulate => "`never`, `fallback` or `always`".to_owned(),
        }
    }
}

/// A week: longer than any picture or film takes, short enough that a forgotten job ends.
const JOB_SECONDS_MAX: u64 = 7 * 24 * 3600;

/// Ten years, which is as good as for ever.
const TTL_HOURS_MAX: u64 = 10 * 365 * 24;

/// Every setting, in the order in which they are shown.
pub static SETTINGS: &[Setting] = &[
    Setting {
        key: "comfyui.url",
        environment: &["MEDIAFACTORY_COMFYUI_URL", "COMFYUI_URL", "COMFYUI_MCP_COMFYUI_URL"],
        default: "",
        description: "The ComfyUI server. A user name and password in it are sent as basic \
                      authentication and shown nowhere. Without one, http://127.0.0.1:8188 is used.",
        kind: Kind::Url,
        show: |config| {
            let backend = config.comfyui.as_ref()?;
            let with = match backend.auth {
                Some(Auth::Basic { .. }) => " (with a user name and password)",
                Some(Auth::Bearer(_)) | None => "",
            };
            Some(format!("{}{with}", backend.url))
        },
    },
    Setting {
        key: "comfyui.token",
        environment: &["MEDIAFACTORY_COMFYUI_TOKEN"],
        default: "",
        description: "A bearer token for the ComfyUI server, or for the proxy before it.",
        kind: Kind::Secret { set: |draft, token| draft.token = Some(token) },
        show: |config| {
            let auth = config.comfyui.as_ref()?.auth.as_ref()?;
            matches!(auth, Auth::Bearer(_)).then(|| "(set)".to_owned())
        },
    },
    Setting {
        key: "comfyui.models_dir",
        environment: &["MEDIAFACTORY_COMFYUI_MODELS_DIR"],
        default: "",
        description: "The `models` folder of the ComfyUI server, where this machine can read it: \
                      estimates of memory then rest on the headers of the files.",
        kind: Kind::Folder { set: |config, path| config.models_dir = Some(path) },
        show: |config| Some(config.models_dir.as_ref()?.display().to_string()),
    },
    Setting {
        key: "comfyui.connect_timeout_seconds",
        environment: &["MEDIAFACTORY_COMFYUI_CONNECT_TIMEOUT_SECONDS"],
        default: "10",
        description: "How long opening a connection to ComfyUI may take.",
        kind: Kind::Whole {
            minimum: 1,
            maximum: 300,
            unit: "seconds",
            set: |config, seconds| config.connect_timeout = Duration::from_secs(seconds),
        },
        show: |config| Some(config.connect_timeout.as_secs().to_string()),
    },
    Setting {
        key: "comfyui.reply_timeout_seconds",
        environment: &["MEDIAFACTORY_COMFYUI_REPLY_TIMEOUT_SECONDS"],
        default: "60",
        description: "How long ComfyUI may take to answer one request. Jobs have their own limit.",
        kind: Kind::Whole {
            minimum: 1,
            maximum: 3600,
            unit: "seconds",
            set: |config, seconds| config.reply_timeout = Duration::from_secs(seconds),
        },
        show: |config| Some(config.reply_timeout.as_secs().to_string()),
    },
    Setting {
        key: "data_dir",
        environment: &["MEDIAFACTORY_DATA_DIR"],
        default: "~/.local/share/mediafactory",
        description: "The folder of the database and of what was made. XDG_DATA_HOME moves the default.",
        kind: Kind::Folder { set: |config, path| config.data_dir = path },
        show: |config| Some(config.data_dir.display().to_string()),
    },
    Setting {
        key: "output_dir",
        environment: &["MEDIAFACTORY_OUTPUT_DIR", "COMFYUI_OUTPUT_DIR"],
        default: "<data_dir>/output",
        description: "The folder where finished files also stand under readable names.",
        kind: Kind::Folder { set: |config, path| config.output_dir = path },
        show: |config| Some(config.output_dir.display().to_string()),
    },
    Setting {
        key: "model_cache_dir",
        environment: &["MEDIAFACTORY_MODEL_CACHE_DIR", "COMFYUI_MCP_MODEL_CACHE_DIR"],
        default: "<data_dir>/models",
        description: "The folder for facts about model files. Nothing is kept there yet.",
        kind: Kind::Folder { set: |config, path| config.model_cache_dir = path },
        show: |config| Some(config.model_cache_dir.display().to_string()),
    },
    Setting {
        key: "import_dirs",
        environment: &["MEDIAFACTORY_IMPORT_DIRS"],
        default: "",
        description: "Folders that the tools may read workflows and pictures from. None unless set.",
        kind: Kind::Folders { set: |config, folders| config.import_dirs = folders },
        show: |config| {
            let folders = config.import_dirs.iter().map(|path| path.display().to_string());
            joined(&folders.collect::<Vec<_>>())
        },
    },
    Setting {
        key: "services_file",
        environment: &["MEDIAFACTORY_SERVICES_FILE"],
        default: "",
        description: "A `config.json` that lists services: workflows with named parameters, each of \
                      which becomes a tool. docs/formats.md shows it.",
        kind: Kind::File { set: |config, path| config.services_file = Some(path) },
        show: |config| Some(config.services_file.as_ref()?.display().to_string()),
    },
    Setting {
        key: "services_dir",
        environment: &["MEDIAFACTORY_SERVICES_DIR"],
        default: "",
        description: "A folder in which every workflow with placeholders becomes a tool, as soon as \
                      it is there.",
        kind: Kind::Folder { set: |config, path| config.services_dir = Some(path) },
        show: |config| Some(config.services_dir.as_ref()?.display().to_string()),
    },
    Setting {
        key: "asset_ttl_hours",
        environment: &["MEDIAFACTORY_ASSET_TTL_HOURS", "COMFY_MCP_ASSET_TTL_HOURS"],
        default: "0",
        description: "How long assets stay on record, in hours; 0 keeps them for ever. Files in the output folder stay.",
        kind: Kind::Whole {
            minimum: 0,
            maximum: TTL_HOURS_MAX,
            unit: "hours",
            set: |config, hours| {
                config.asset_ttl = (hours > 0).then(|| Duration::from_hours(hours));
            },
        },
        show: |config| Some(config.asset_ttl.map_or(0, |ttl| ttl.as_secs() / 3600).to_string()),
    },
    Setting {
        key: "job_timeout_seconds",
        environment: &["MEDIAFACTORY_JOB_TIMEOUT_SECONDS", "COMFYUI_MCP_DEFAULT_TIMEOUT_SECONDS"],
        default: "600",
        description: "How long a job may run at the server, waiting not included, unless the caller says otherwise.",
        kind: Kind::Whole {
            minimum: 1,
            maximum: JOB_SECONDS_MAX,
            unit: "seconds",
            set: |config, seconds| config.job_timeout = Duration::from_secs(seconds),
        },
        show: |config| Some(config.job_timeout.as_secs().to_string()),
    },
    Setting {
        key: "server_away_seconds",
        environment: &["MEDIAFACTORY_SERVER_AWAY_SECONDS"],
        default: "600",
        description: "How long a ComfyUI that has a job may give no answer before the job is lost.",
        kind: Kind::Whole {
            minimum: 1,
            maximum: JOB_SECONDS_MAX,
            unit: "seconds",
            set: |config, seconds| config.server_away_max = Duration::from_secs(seconds),
        },
        show: |config| Some(config.server_away_max.as_secs().to_string()),
    },
    Setting {
        key: "max_concurrent_jobs",
        environment: &["MEDIAFACTORY_MAX_CONCURRENT_JOBS", "COMFYUI_MCP_MAX_CONCURRENT_JOBS"],
        default: "2",
        description: "How many jobs this process gives to one server at the same time; the others wait.",
        kind: Kind::Whole {
            minimum: 1,
            maximum: 64,
            unit: "",
            // The bound holds, so the number always fits.
            set: |config, jobs| {
                config.max_concurrent_jobs = u32::try_from(jobs).unwrap_or(u32::MAX);
            },
        },
        show: |config| Some(config.max_concurrent_jobs.to_string()),
    },
    Setting {
        key: "servers",
        environment: &["MEDIAFACTORY_SERVERS"],
        default: "",
        description: "Further ComfyUI servers, or all of them where `comfyui.url` names none.",
        kind: Kind::Servers,
        show: |config| {
            let servers = config.servers.iter();
            let shown = servers.map(|server| format!("{}={}", server.name, server.backend.url));
            joined(&shown.collect::<Vec<_>>())
        },
    },
    Setting {
        key: "max_unfinished_jobs",
        environment: &["MEDIAFACTORY_MAX_UNFINISHED_JOBS"],
        default: "1000",
        description: "How many jobs of this process may be unfinished; more are refused.",
        kind: Kind::Whole {
            minimum: 1,
            maximum: 100_000,
            unit: "",
            set: |config, jobs| {
                config.max_unfinished_jobs = u32::try_from(jobs).unwrap_or(u32::MAX);
            },
        },
        show: |config| Some(config.max_unfinished_jobs.to_string()),
    },
    Setting {
        key: "job_lease_seconds",
        environment: &["MEDIAFACTORY_JOB_LEASE_SECONDS"],
        default: "10",
        description: "How long a process that was killed keeps others from its unfinished jobs.",
        kind: Kind::Whole {
            minimum: 1,
            maximum: 3600,
            unit: "seconds",
            set: |config, seconds| config.job_lease = Duration::from_secs(seconds),
        },
        show: |config| Some(config.job_lease.as_secs().to_string()),
    },
    Setting {
        key: "when_unsure",
        environment: &["MEDIAFACTORY_WHEN_UNSURE"],
        default: "lost",
        description: "What becomes of a job whose sending was broken off, when the server says \
                      that it does not have it: `lost` leaves it to whoever asked for it, \
                      `send_again` sends it again.",
        kind: Kind::Unsure,
        show: |config| Some(unsure_name(config.unsure).to_owned()),
    },
    Setting {
        key: "max_job_age_hours",
        environment: &["MEDIAFACTORY_MAX_JOB_AGE_HOURS"],
        default: "0",
        description: "How long finished jobs stay on record, in hours; 0 keeps them for ever. Their assets stay.",
        kind: Kind::Whole {
            minimum: 0,
            maximum: TTL_HOURS_MAX,
            unit: "hours",
            set: |config, hours| {
                config.max_job_age = (hours > 0).then(|| Duration::from_hours(hours));
            },
        },
        show: |config| {
            // A `config.json` of services counts in milliseconds.
            Some(config.max_job_age.map_or(0.0, |age| age.as_secs_f64() / 3600.0).to_string())
        },
    },
    Setting {
        key: "max_jobs",
        environment: &["MEDIAFACTORY_MAX_JOBS"],
        default: "0",
        description: "How many finished jobs stay on record; 0 keeps all. Their assets stay.",
        kind: Kind::Whole {
            minimum: 0,
            maximum: 100_000_000,
            unit: "",
            set: |config, jobs| config.max_jobs = (jobs > 0).then_some(jobs),
        },
        show: |config| Some(config.max_jobs.unwrap_or(0).to_string()),
    },
    Setting {
        key: "cleanup_interval_seconds",
        environment: &["MEDIAFACTORY_CLEANUP_INTERVAL_SECONDS"],
        default: "3600",
        description: "How often finished jobs that are too old or too many are forgotten.",
        kind: Kind::Whole {
            minimum: 1,
            maximum: JOB_SECONDS_MAX,
            unit: "seconds",
            set: |config, seconds| config.cleanup_interval = Duration::from_secs(seconds),
        },
        show: |config| Some(config.cleanup_interval.as_secs_f64().to_string()),
    },
    Setting {
        key: "simulate",
        environment: &["MEDIAFACTORY_SIMULATE"],
        default: "never",
        description: "Whether the built-in simulator may stand in for ComfyUI: `fallback` when no \
                      server is configured and none answers on this machine, `always` in any case. \
                      `mediafactory generate` and `run` fall back unless this is set.",
        kind: Kind::Simulate,
        show: |config| Some(config.simulate.to_string()),
    },
    Setting {
        key: "log",
        environment: &["MEDIAFACTORY_LOG"],
        default: "warn",
        description: "Which log lines are written to stderr, such as `info,comfy_client=debug`.",
        kind: Kind::Text {
            of: "a log filter such as info,comfy_client=debug",
            set: |config, filter| config.log = filter,
        },
        show: |config| Some(config.log.clone()),
    },
    Setting {
        key: "http.bind",
        environment: &["MEDIAFACTORY_HTTP_BIND"],
        default: "127.0.0.1:8080",
        description: "Where the HTTP server listens. Beyond this machine it needs a token.",
        kind: Kind::Socket { set: |config, address| config.http.bind = address },
        show: |config| Some(config.http.bind.to_string()),
    },
    Setting {
        key: "http.token",
        environment: &["MEDIAFACTORY_HTTP_TOKEN"],
        default: "",
        description: "What callers of the HTTP server must present as a bearer token.",
        kind: Kind::Secret { set: |draft, token| draft.config.http.token = Some(token) },
        show: |config| config.http.token.as_ref().map(|_| "(set)".to_owned()),
    },
    Setting {
        key: "http.allowed_hosts",
        environment: &["MEDIAFACTORY_HTTP_ALLOWED_HOSTS"],
        default: "",
        description: "`Host` headers that are answered besides localhost, 127.0.0.1 and ::1.",
        kind: Kind::List {
            of: "host names",
            set: |config, hosts| config.http.allowed_hosts = hosts,
        },
        show: |config| joined(&config.http.allowed_hosts),
    },
    Setting {
        key: "http.allowed_origins",
        environment: &["MEDIAFACTORY_HTTP_ALLOWED_ORIGINS"],
        default: "",
        description: "Web origins whose pages may call the HTTP server, such as https://app.example.",
        kind: Kind::List {
            of: "web origins",
            set: |config, origins| config.http.allowed_origins = origins,
        },
        show: |config| joined(&config.http.allowed_origins),
    },
    Setting {
        key: "http.body_bytes_max",
        environment: &["MEDIAFACTORY_HTTP_BODY_BYTES_MAX"],
        default: "8388608",
        description: "The largest request body that the HTTP server reads.",
        kind: Kind::Whole {
            minimum: 1024,
            maximum: 1024 * 1024 * 1024,
            unit: "bytes",
            set: |config, bytes| config.http.body_bytes_max = bytes,
        },
        show: |config| Some(config.http.body_bytes_max.to_string()),
    },
];

fn joined(list: &[String]) -> Option<String> {
    (!list.is_empty()).then(|| list.join(","))
}

fn unsure_name(unsure: Unsure) -> &'static str {
    match unsure {
        Unsure::Lost => "lost",
        Unsure::SendAgain => "send_again",
    }
}

/// Reads the words of [`Kind::Unsure`].
pub(super) fn unsure(word: &str) -> Option<Unsure> {
    [Unsure::Lost, Unsure::SendAgain].into_iter().find(|choice| unsure_name(*choice) == word)
}

/// Reads the words of [`Kind::Simulate`].
pub(super) fn simulate(word: &str) -> Option<Simulate> {
    [Simulate::Never, Simulate::Fallback, Simulate::Always]
        .into_iter()
        .find(|choice| choice.to_string() == word)
}

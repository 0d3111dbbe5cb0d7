//! What a server says of itself.

use workflow_graph::Json;

use crate::{client::Client, error::Error};

/// Versions, memory and devices of a server. Old versions leave members out.
///
/// ```
/// use comfy_client::SystemStats;
/// use workflow_graph::Json;
///
/// let json = Json::parse(br#"{"system": {"comfyui_version": "0.33.0", "ram_total": 1024},
///     "devices": [{"name": "cpu", "type": "cpu", "index": null, "vram_total": 1024}]}"#)?;
/// let stats = SystemStats::from_json(json);
/// assert_eq!(stats.comfyui_version.as_deref(), Some("0.33.0"));
/// assert_eq!(stats.devices.len(), 1);
/// # Ok::<(), workflow_graph::json::ParseError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SystemStats {
    /// The version of ComfyUI.
    pub comfyui_version: Option<String>,
    /// The version of Python.
    pub python_version: Option<String>,
    /// The version of `PyTorch`.
    pub pytorch_version: Option<String>,
    /// The operating system, in Python's words.
    pub os: Option<String>,
    /// Memory of the machine, in bytes.
    pub ram_total_bytes: Option<u64>,
    /// Memory of the machine that is free, in bytes.
    pub ram_free_bytes: Option<u64>,
    /// The arguments that the server was started with.
    pub argv: Vec<String>,
    /// The devices it computes on, the main one first.
    pub devices: Vec<Device>,
    /// The whole reply.
    pub raw: Json,
}

/// One device that a server computes on.
///
/// ```
/// use comfy_client::Device;
/// let device = Device { name: "cpu".to_owned(), kind: "cpu".to_owned(), ..Device::default() };
/// assert_eq!(device.index, None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// Its name, such as `cuda:0 NVIDIA H200 : native`.
    pub name: String,
    /// Its kind, such as `cuda`, `mps` or `cpu`.
    pub kind: String,
    /// Its index among its kind; the CPU has none.
    pub index: Option<u64>,
    /// Its memory, in bytes.
    pub vram_total_bytes: Option<u64>,
    /// Its memory that is free, in bytes.
    pub vram_free_bytes: Option<u64>,
    /// Memory that `PyTorch` holds, in bytes.
    pub torch_vram_total_bytes: Option<u64>,
    /// Memory that `PyTorch` holds and does not use, in bytes.
    pub torch_vram_free_bytes: Option<u64>,
}

impl SystemStats {
    /// Reads the reply of `GET /system_stats`.
    pub fn from_json(raw: Json) -> Self {
        let system = raw.get("system").cloned().unwrap_or_default();
        let text = |name| system.get(name).and_then(Json::as_str).map(ToOwned::to_owned);
        let bytes = |name| system.get(name).and_then(Json::as_u64);
        let list = |json: Option<&Json>| json.and_then(Json::as_array).unwrap_or_default().to_vec();
        Self {
            comfyui_version: text("comfyui_version"),
            python_version: text("python_version"),
            pytorch_version: text("pytorch_version"),
            os: text("os"),
            ram_total_bytes: bytes("ram_total"),
            ram_free_bytes: bytes("ram_free"),
            argv: list(system.get("argv"))
                .iter()
                .filter_map(|argument| Some(argument.as_str()?.to_owned()))
                .collect(),
            devices: list(raw.get("devices")).iter().map(Device::read).collect(),
            raw,
        }
    }
}

impl Device {
    fn read(json: &Json) -> Self {
        let text = |name| json.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
        let number = |name| json.get(name).and_then(Json::as_u64);
        Self {
            name: text("name"),
            kind: text("type"),
            index: number("index"),
            vram_total_bytes: number("vram_total"),
            vram_free_bytes: number("vram_free"),
            torch_vram_total_bytes: number("torch_vram_total"),
            torch_vram_free_bytes: number("torch_vram_free"),
        }
    }
}

/// What a server can do beyond the basics. A server that does not say can none of it.
///
/// ```
/// use comfy_client::Features;
/// use workflow_graph::Json;
/// let json = Json::parse(br#"{"supports_preview_metadata": true, "max_upload_size": 1048576.0}"#)?;
/// let features = Features::from_json(json);
/// assert!(features.preview_metadata && !features.assets);
/// assert_eq!(features.upload_bytes_max, Some(1_048_576));
/// # Ok::<(), workflow_graph::json::ParseError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Features {
    /// Previews can name their node and prompt.
    pub preview_metadata: bool,
    /// The largest request body it takes, in bytes.
    pub upload_bytes_max: Option<u64>,
    /// It lists replacements for old node classes.
    pub node_replacements: bool,
    /// It keeps a database of files.
    pub assets: bool,
    /// Everything it said.
    pub raw: Json,
}

impl Features {
    /// Reads the reply of `GET /features`, or the data of a `feature_flags` message.
    pub fn from_json(raw: Json) -> Self {
        let flag = |name| raw.get(name).and_then(Json::as_bool).unwrap_or(false);
        Self {
            preview_metadata: flag("supports_preview_metadata"),
            upload_bytes_max: raw.get("max_upload_size").and_then(Json::as_u64),
            node_replacements: flag("node_replacements"),
            assets: flag("assets"),
            raw,
        }
    }
}

/// What is known of a server before anything is asked of it: its version and what it can do.
///
/// ```
/// use comfy_client::ServerProfile;
/// let profile = ServerProfile { version: Some("0.33.0".to_owned()), ..ServerProfile::default() };
/// assert!(profile.is_at_least([0, 9]) && !profile.is_at_least([1, 0]));
/// assert!(!ServerProfile::default().is_at_least([0, 0]), "a server that does not say is none");
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServerProfile {
    /// The version of ComfyUI in the server's words, if it says one.
    pub version: Option<String>,
    /// What else it can do.
    pub features: Features,
    /// Whether it has a route that cancels a job wherever it is. [`Client::cancel`] does without
    /// where it has not.
    pub cancels_jobs: bool,
}

impl ServerProfile {
    /// Whether the server is of this version, given as major and minor number, or of a later
    /// one. One whose version is not known or no number is not.
    pub fn is_at_least(&self, [major, minor]: [u64; 2]) -> bool {
        self.numbers().is_some_and(|numbers| numbers >= (major, minor))
    }

    fn numbers(&self) -> Option<(u64, u64)> {
        let version = self.version.as_deref()?;
        let mut numbers = version.strip_prefix('v').unwrap_or(version).split('.');
        Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
    }
}

impl Client {
    /// Versions, memory and devices.
    pub async fn system_stats(&self) -> Result<SystemStats, Error> {
        Ok(SystemStats::from_json(self.http.get_json(&["system_stats"], &[]).await?))
    }

    /// What the server can do. Old versions have no such route and can none of it.
    pub async fn features(&self) -> Result<Features, Error> {
        let reply = self.http.get(&["features"], &[]).await?;
        if matches!(reply.status, 404 | 405) {
            return Ok(Features::default());
        }
        let reply = reply.success(&self.http)?;
        Ok(Features::from_json(reply.json(&self.http)?))
    }

    /// The server's version and what it can do. Three requests; what an old version or a fork
    /// does not say counts as absent. A [`Client`] does not need this to be asked first.
    pub async fn profile(&self) -> Result<ServerProfile, Error> {
        let version = self.system_stats().await?.comfyui_version;
        let features = self.features().await?;
        Ok(ServerProfile { version, features, cancels_jobs: self.probe_cancelling().await? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(version: &str, is_at_least: [u64; 2], expected: bool) {
        let version = Some(version.to_owned());
        let profile = ServerProfile { version, ..ServerProfile::default() };
        assert_eq!(profile.is_at_least(is_at_least), expected);
    }

    #[test]
    fn versions_compare_by_number() {
        check("0.8.0", [0, 33], false);
        check("0.33.0", [0, 8], true);
        check("v0.33", [0, 33], true);
        check("0.33.0+local.7", [0, 33], true);
        check("1.0.0-rc1", [0, 99], true);
        check("nightly", [0, 0], false);
        check("0", [0, 0], false);
    }
}

//! What has to be right at the server.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use comfy_client::{Client, Device, SystemStats};
use futures::future::join_all;
use tokio::time::Instant;

use super::{Finding, Level};
use crate::{
    config::{Config, NamedServer},
    error::Error,
    failure, servers,
    templates::{Template, Templates},
};

/// How long each question may take here. A person waits, and a server that is slower than this is
/// worth being told of.
const PATIENCE: Duration = Duration::from_secs(10);

/// The oldest version whose protocol we speak, and the newest that all of it was tried with.
const OLDEST: Version = Version { major: 0, minor: 8 };
const TESTED: Version = Version { major: 0, minor: 33 };

/// The folders that hold what a picture is made with.
const MODEL_KINDS: [&str; 2] = ["checkpoints", "diffusion_models"];

/// An answer that takes longer makes every job wait noticeably before it is sent.
const LATENCY_MAX: Duration = Duration::from_secs(1);

/// Looks at every server at the same time, and tells of them in their order.
pub(super) async fn examine(config: &Config) -> Vec<Finding> {
    let config = super::patient(config, PATIENCE);
    let servers = match config.all_servers() {
        Ok(servers) => servers,
        Err(error) => return vec![Finding::problem(SERVER, error.to_string())],
    };
    let examined = join_all(servers.iter().map(|named| examine_one(&config, named))).await;
    let can_work =
        |findings: &Vec<Finding>| findings.iter().all(|finding| finding.level != Level::Problem);
    let one_works = examined.iter().any(can_work);
    let mut findings: Vec<Finding> = examined.into_iter().flatten().collect();
    if one_works {
        let problems = findings.iter_mut().filter(|finding| finding.level == Level::Problem);
        problems.for_each(|finding| finding.level = Level::Warning);
    }
    findings
}

async fn examine_one(config: &Config, named: &NamedServer) -> Vec<Finding> {
    let findings = findings(config, named).await.into_iter();
    findings.map(|finding| finding.of_server(&named.name)).collect()
}

async fn findings(config: &Config, named: &NamedServer) -> Vec<Finding> {
    let stats = async {
        let client = servers::client(config, named)?;
        let stats = client.system_stats().await.map_err(failure::client)?;
        Ok::<_, Error>((client, stats))
    };
    let (client, stats) = match stats.await {
        Ok(found) => found,
        Err(error) => return vec![unreachable(&error)],
    };
    let mut findings = vec![identity(&client, &stats), devices(&stats.devices), version(&stats)];
    findings.extend([latency(&client).await, queue(&client).await, socket(&client).await]);
    let (models, runnable) = models(&client).await;
    findings.push(models);
    findings.push(runnable);
    findings
}

const SERVER: &str = "server";

fn unreachable(error: &Error) -> Finding {
    let hint = error.hint().unwrap_or("start ComfyUI, or correct `comfyui.url`");
    Finding::problem(SERVER, error.to_string()).with_advice(hint)
}

fn identity(client: &Client, stats: &SystemStats) -> Finding {
    let server = client.url();
    if servers::is_simulator(stats) {
        return Finding::warning(SERVER, format!("{server} is the built-in simulator"))
            .with_advice(
                "its pictures are drawn, not generated; set COMFYUI_URL to a real server",
            );
    }
    Finding::ok(SERVER, format!("{server} is ComfyUI"))
}

fn devices(devices: &[Device]) -> Finding {
    const CHECK: &str = "devices";
    let told = devices.iter().map(|device| {
        let memory = device.vram_free_bytes.zip(device.vram_total_bytes.filter(|total| *total > 0));
        let memory = memory.map(|(free, total)| format!(", {} of {} free", mib(free), mib(total)));
        format!("{}{}", device.name, memory.unwrap_or_default())
    });
    let told: Vec<String> = told.collect();
    if told.is_empty() {
        return Finding::warning(CHECK, "the server names none");
    }
    Finding::ok(CHECK, told.join("; "))
}

fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes / (1024 * 1024))
}

/// How long an answer takes over a connection that is open already.
async fn latency(client: &Client) -> Finding {
    const CHECK: &str = "latency";
    let asked_at = Instant::now();
    if let Err(error) = client.system_stats().await {
        return Finding::warning(CHECK, failure::client(error).to_string());
    }
    let took = asked_at.elapsed();
    let told = format!("an answer takes {} ms", took.as_millis());
    if took > LATENCY_MAX {
        return Finding::warning(CHECK, told)
            .with_advice("look whether the server is busy or the way to it is slow");
    }
    Finding::ok(CHECK, told)
}

async fn queue(client: &Client) -> Finding {
    const CHECK: &str = "queue";
    match client.queue().await {
        Ok(queue) => {
            let (running, waiting) = (queue.running.len(), queue.pending.len());
            Finding::ok(CHECK, format!("{running} running, {waiting} waiting"))
        }
        Err(error) => Finding::warning(CHECK, failure::client(error).to_string()),
    }
}

fn version(stats: &SystemStats) -> Finding {
    const CHECK: &str = "version";
    let Some(text) = &stats.comfyui_version else {
        return Finding::warning(CHECK, "the server does not tell its version")
            .with_advice(format!("MediaFactory needs ComfyUI {OLDEST} or later"));
    };
    match Version::of(text) {
        None => Finding::warning(CHECK, format!("`{text}` is a version of unknown form")),
        Some(version) if version < OLDEST => {
            Finding::problem(CHECK, format!("{text} is older than {OLDEST}"))
                .with_advice("update ComfyUI")
        }
        Some(version) if version > TESTED => {
            Finding::ok(CHECK, format!("{text}, newer than {TESTED}, the last one tested"))
        }
        Some(_) => Finding::ok(CHECK, text.clone()),
    }
}

async fn socket(client: &Client) -> Finding {
    const CHECK: &str = "socket";
    match tokio::time::timeout(PATIENCE, client.open_session()).await {
        Ok(Ok(session)) => {
            session.close().await;
            Finding::ok(CHECK, "the WebSocket opens")
        }
        Ok(Err(error)) => {
            Finding::warning(CHECK, failure::client(error).to_string()).with_advice(NO_SOCKET)
        }
        Err(_) => {
            Finding::warning(CHECK, format!("the WebSocket did not open within {PATIENCE:?}"))
                .with_advice(NO_SOCKET)
        }
    }
}

const NO_SOCKET: &str =
    "jobs run without it, but show no progress; let the proxy before the server pass `Upgrade`";

/// What is there to make pictures with, and which templates can run with it.
async fn models(client: &Client) -> (Finding, Finding) {
    const MODELS: &str = "models";
    const TEMPLATES: &str = "templates";
    let mut files: Vec<(&str, Vec<String>)> = Vec::new();
    for kind in MODEL_KINDS {
        match client.models(kind).await {
            Ok(found) => files.push((kind, found.unwrap_or_default())),
            Err(error) => {
                let error = failure::client(error);
                let message = format!("the server does not list its {kind}: {error}");
                let unknown = Finding::warning(TEMPLATES, "unknown without the list of models");
                return (Finding::warning(MODELS, message), unknown);
            }
        }
    }
    let counts: Vec<_> =
        files.iter().map(|(kind, files)| format!("{kind}: {}", files.len())).collect();
    let counts = counts.join(", ");
    let models = if files.iter().all(|(_, files)| files.is_empty()) {
        Finding::warning(MODELS, counts)
            .with_advice("put a checkpoint into ComfyUI's folder models/checkpoints")
    } else {
        Finding::ok(MODELS, counts)
    };
    let runnable = match Templates::own() {
        Ok(templates) => runnable(TEMPLATES, client, &templates).await,
        Err(error) => Finding::problem(TEMPLATES, error.to_string()),
    };
    (models, runnable)
}

/// How many templates a line lists.
const LISTED_MAX: usize = 3;

async fn runnable(check: &'static str, client: &Client, templates: &Templates) -> Finding {
    let there = match files_there(client, templates).await {
        Ok(there) => there,
        Err(error) => return Finding::warning(check, error.to_string()),
    };
    let (mut ready, mut missing) = (Vec::new(), Vec::new());
    for template in templates.all() {
        let files = missing_files(&there, template);
        if files.is_empty() {
            ready.push(template.name.as_str());
        } else {
            missing.push(format!("{} needs {}", template.name, files.join(" and ")));
        }
    }
    if ready.is_empty() {
        return Finding::warning(check, "no template has all the models it names").with_advice(
            format!(
                "name a model that is there with `--model`, or get what is missing: {}",
                first_of(&missing, "; ")
            ),
        );
    }
    let (count, all) = (ready.len(), templates.all().len());
    let message = format!("{count} of {all} can run as they are: {}", first_of(&ready, ", "));
    Finding::ok(check, message)
}

/// The first templates of a list, and how many more there are.
fn first_of(list: &[impl AsRef<str>], separator: &str) -> String {
    let first: Vec<&str> = list.iter().take(LISTED_MAX).map(AsRef::as_ref).collect();
    match list.len().saturating_sub(LISTED_MAX) {
        0 => first.join(separator),
        more => format!("{} and {more} more", first.join(separator)),
    }
}

/// What the server has in every folder that a template loads from, asked for once.
async fn files_there<'a>(
    client: &Client,
    templates: &'a Templates,
) -> Result<BTreeMap<&'a str, Vec<String>>, Error> {
    let models = templates.all().iter().flat_map(|template| &template.models);
    let folders: BTreeSet<&str> = models.map(|model| model.folder.as_str()).collect();
    let mut there = BTreeMap::new();
    for folder in folders {
        let files = client.models(folder).await.map_err(failure::client)?;
        there.insert(folder, files.unwrap_or_default());
    }
    Ok(there)
}

/// The files a template names that the server does not list.
fn missing_files(there: &BTreeMap<&str, Vec<String>>, template: &Template) -> Vec<String> {
    let is_there =
        |folder: &str, file: &String| there.get(folder).is_some_and(|files| files.contains(file));
    template
        .models
        .iter()
        .filter(|model| !is_there(&model.folder, &model.file))
        .map(|model| format!("{}/{}", model.folder, model.file))
        .collect()
}

/// The part of a version that protocols change with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    major: u32,
    minor: u32,
}

impl Version {
    /// Reads `0.33.0`, and `v0.33` too.
    fn of(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix('v').unwrap_or(text).split('.');
        let major = parts.next()?.parse().ok()?;
        let minor = parts.next()?.parse().ok()?;
        Some(Self { major, minor })
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use comfy_client::SystemStats;
    use workflow_graph::Json;

    use super::*;
    use crate::doctor::Level;

    #[track_caller]
    fn check_version(text: &str, level: Level, message: &str) {
        let json = format!(r#"{{"system": {{"comfyui_version": "{text}"}}, "devices": []}}"#);
        let stats = SystemStats::from_json(Json::parse(json.as_bytes()).unwrap());
        let finding = version(&stats);
        assert_eq!((finding.level, finding.message.as_str()), (level, message));
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        check_version("0.33.0", Level::Ok, "0.33.0");
        check_version("0.8.2", Level::Ok, "0.8.2");
        check_version("0.7.9", Level::Problem, "0.7.9 is older than 0.8");
        check_version("0.100.0", Level::Ok, "0.100.0, newer than 0.33, the last one tested");
        check_version("nightly", Level::Warning, "`nightly` is a version of unknown form");
    }
}

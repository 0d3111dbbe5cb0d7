//! The server itself: its models, its health.

use batch::{JobQuery, JobStore, State};
use comfy_client::SystemStats;
use workflow_graph::Json;

use crate::{
    error::{Error, FailureCode},
    factory::Factory,
    failure, nearest,
    requests::{Device, Health, ModelList},
};

/// Other names of model folders: those of loaders, of old servers, and the singular.
const FOLDER_ALIASES: [(&str, &str); 12] = [
    ("checkpoint", "checkpoints"),
    ("clip", "text_encoders"),
    ("control_net", "controlnet"),
    ("controlnets", "controlnet"),
    ("diffusion_model", "diffusion_models"),
    ("embedding", "embeddings"),
    ("lora", "loras"),
    ("text_encoder", "text_encoders"),
    ("unet", "diffusion_models"),
    ("unets", "diffusion_models"),
    ("upscaler", "upscale_models"),
    ("vaes", "vae"),
];

/// What a server says it was deployed as when it is our simulator.
const SIMULATOR: &str = "comfy-sim";

impl Factory {
    /// The kinds of model files that the server knows: its model folders.
    pub async fn model_kinds(&self) -> Result<Vec<String>, Error> {
        self.parts.client.model_folders().await.map_err(failure::client)
    }

    /// The files of one kind. Common other names of a folder are understood.
    pub async fn models(&self, kind: &str) -> Result<ModelList, Error> {
        let alias = FOLDER_ALIASES.iter().find(|(alias, _)| *alias == kind);
        let folder = alias.map_or(kind, |(_, folder)| folder);
        if let Some(files) = self.parts.client.models(folder).await.map_err(failure::client)? {
            return Ok(ModelList { kind: folder.to_owned(), files });
        }
        let kinds = self.model_kinds().await?;
        let hint = nearest::hint("kinds", kind, kinds.iter().map(String::as_str));
        let message = format!("the server has no model folder `{kind}`");
        Err(Error::new(FailureCode::ValidationError, message).with_hint(hint))
    }

    /// Whether the server answers, what it is, and what it does now.
    pub async fn health(&self) -> Result<Health, Error> {
        let client = &self.parts.client;
        let stats = client.system_stats().await.map_err(failure::client)?;
        let queue = client.queue().await.map_err(failure::client)?;
        let simulated = is_simulator(&stats);
        let devices = stats.devices.into_iter().map(|device| Device {
            name: device.name,
            kind: device.kind,
            vram_total_bytes: device.vram_total_bytes,
            vram_free_bytes: device.vram_free_bytes,
        });
        Ok(Health {
            server: client.url().to_string(),
            version: stats.comfyui_version,
            simulated,
            socket_open: self.parts.engine.is_connected(),
            queue_running: u32::try_from(queue.running.len()).unwrap_or(u32::MAX),
            queue_pending: u32::try_from(queue.pending.len()).unwrap_or(u32::MAX),
            devices: devices.collect(),
            jobs: self.job_counts().await?,
        })
    }

    /// Whether the server is our simulator. It is asked each time: another server may have been
    /// started at the same address.
    pub(crate) async fn is_simulated(&self) -> Result<bool, Error> {
        let stats = self.parts.client.system_stats().await.map_err(failure::client)?;
        Ok(is_simulator(&stats))
    }

    async fn job_counts(&self) -> Result<Vec<(State, u64)>, Error> {
        let mut counts = Vec::new();
        for state in State::ALL {
            let query = JobQuery { states: vec![state], limit: 1, ..JobQuery::default() };
            let page = JobStore::list(&self.parts.store, &query).await;
            let total =
                page.map_err(|error| failure::storage("the jobs cannot be read", error))?.total;
            if total > 0 {
                counts.push((state, total));
            }
        }
        Ok(counts)
    }
}

fn is_simulator(stats: &SystemStats) -> bool {
    let deployed = stats.raw.at(&["system", "deploy_environment"]).and_then(Json::as_str);
    deployed == Some(SIMULATOR)
}

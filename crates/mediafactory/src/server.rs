//! The server itself: its models, its health.

use batch::{JobQuery, JobStore, State};

use crate::{
    error::{Error, FailureCode},
    factory::Factory,
    failure, nearest,
    requests::{Health, ModelList},
    servers,
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

impl Factory {
    /// The kinds of model files that a server knows, its model folders: the first server that
    /// `backend` stands for, or of all.
    pub async fn model_kinds(&self, backend: Option<&str>) -> Result<Vec<String>, Error> {
        self.asked(backend)?.client.model_folders().await.map_err(failure::client)
    }

    /// The files of one kind, of the same server. Common other names of a folder are understood.
    pub async fn models(&self, kind: &str, backend: Option<&str>) -> Result<ModelList, Error> {
        let alias = FOLDER_ALIASES.iter().find(|(alias, _)| *alias == kind);
        let folder = alias.map_or(kind, |(_, folder)| folder);
        let client = &self.asked(backend)?.client;
        if let Some(files) = client.models(folder).await.map_err(failure::client)? {
            return Ok(ModelList { kind: folder.to_owned(), files });
        }
        let kinds = client.model_folders().await.map_err(failure::client)?;
        let hint = nearest::hint("kinds", kind, kinds.iter().map(String::as_str));
        let message = format!("the server has no model folder `{kind}`");
        Err(Error::new(FailureCode::ValidationError, message).with_hint(hint))
    }

    /// Whether a server answers, what it is, and what it does now, be it the first that `backend`
    /// stands for, or of all; and what is wrong with the services of this process.
    pub async fn health(&self, backend: Option<&str>) -> Result<Health, Error> {
        let client = &self.asked(backend)?.client;
        let stats = client.system_stats().await.map_err(failure::client)?;
        let queue = client.queue().await.map_err(failure::client)?;
        let server = client.url().to_string();
        let known = self.parts.engine.servers();
        Ok(Health {
            version: stats.comfyui_version.clone(),
            simulated: servers::is_simulator(&stats),
            socket_open: known.iter().any(|status| status.url == server && status.is_connected),
            server,
            queue_running: u32::try_from(queue.running.len()).unwrap_or(u32::MAX),
            queue_pending: u32::try_from(queue.pending.len()).unwrap_or(u32::MAX),
            devices: servers::devices(stats),
            jobs: self.job_counts().await?,
            service_problems: self.look_at_services().await?.problems.clone(),
        })
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

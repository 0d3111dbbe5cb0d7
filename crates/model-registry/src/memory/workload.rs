//! What of a workflow decides the memory that it takes, to compare jobs by.

use std::fmt;

use workflow_graph::{
    Workflow,
    roles::{self, Role, Roles},
};

use super::{
    plan::{Canvas, Plan, PlannedStage},
    workflow,
};
use crate::{registry::Registry, resolve::file_name};

/// How many files are told. No workflow that anybody made loads as many.
const FILES_MAX: usize = 64;

/// What of a workflow decides the memory that it takes: two with the same files and the same
/// sizes need about the same.
///
/// ```
/// use model_registry::Registry;
/// use workflow_graph::{Json, Workflow};
/// # let texts = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/texts.rs"));
/// let registry = Registry::load(texts)?;
/// let json = Json::parse(br#"{
///     "1": {"class_type": "UNETLoader", "inputs": {"unet_name": "fox_1_bf16.safetensors"}},
///     "2": {"class_type": "EmptySD3LatentImage", "inputs": {"width": 1024, "height": 1024, "batch_size": 1}},
///     "3": {"class_type": "KSampler", "inputs": {"model": ["1", 0], "positive": ["9", 0], "latent_image": ["2", 0], "seed": 1}}
/// }"#)?;
/// let workload = registry.workload(&Workflow::from_json(&json)?);
/// assert_eq!(workload.files, ["diffusion_models/fox_1_bf16.safetensors"]);
/// assert_eq!(workload.sizes.as_deref(), Some("[1, 16, 128, 128]"));
/// assert_eq!(workload.to_string(), "diffusion_models/fox_1_bf16.safetensors at [1, 16, 128, 128]");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Workload {
    /// The files of weights that it names, as `folder/name`, sorted and each once; at most 64.
    /// Those that the data does not know and whose kind has no folder of its own are in `models`.
    pub files: Vec<String>,
    /// The shapes of its latents, each once, and what else changes the memory: reference pictures,
    /// other types of weights, tiles. `None` where its nodes do not say how large they are, as
    /// where a picture that is read decides.
    pub sizes: Option<String>,
}

impl Registry {
    /// What decides the memory that a workflow takes. It is read as for
    /// [`estimate`](Self::estimate), without a device.
    pub fn workload(&self, workflow: &Workflow) -> Workload {
        let roles = roles::of(workflow);
        let files = files(self, &roles);
        if files.is_empty() {
            return Workload::default();
        }
        let sizes = sizes(&workflow::plan(self, workflow, &roles));
        Workload { files, sizes }
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.files.join(", "))?;
        self.sizes.as_ref().map_or(Ok(()), |sizes| write!(f, " at {sizes}"))
    }
}

fn files(registry: &Registry, roles: &Roles) -> Vec<String> {
    let named = roles.models().filter_map(|found| {
        let Role::Model(kind) = found.role else { return None };
        let file = found.value.as_str().filter(|_| kind != roles::ModelKind::Service)?;
        let name = file_name(file);
        let in_data = registry.users(name).find_map(|family| family.file(name));
        let folder = in_data.map(|file| file.folder.as_str()).or_else(|| kind.folder());
        Some(format!("{}/{file}", folder.unwrap_or("models")))
    });
    let mut files: Vec<String> = named.take(FILES_MAX).collect();
    files.sort_unstable();
    files.dedup();
    files
}

/// `None` where the size of a stage is not written, and where nothing has a size.
fn sizes(plan: &Plan<'_>) -> Option<String> {
    let mut parts: Vec<String> = Vec::new();
    for stage in &plan.stages {
        let references = stage.references.iter().flatten();
        if stage.canvas.iter().chain(references).any(|canvas| canvas.is_assumed) {
            return None;
        }
        for part in parts_of(stage) {
            if !parts.contains(&part) {
                parts.push(part);
            }
        }
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn parts_of(stage: &PlannedStage<'_>) -> impl Iterator<Item = String> {
    let canvas = stage.canvas.as_ref();
    let shape = stage.latent().map(|latent| latent.to_string()).or_else(|| canvas.map(pixels));
    let references = stage.reference_places().together;
    let references = (references > 0).then(|| format!("{references} places of reference pictures"));
    let dtypes = stage.models.iter().filter_map(|model| model.requested);
    let dtypes = dtypes.map(|dtype| format!("weights as {dtype:?}").to_lowercase());
    let tile = stage.tile.map(|tile| match tile.frames {
        Some(frames) => format!("in tiles of {} pixels and {frames} frames", tile.side),
        None => format!("in tiles of {} pixels", tile.side),
    });
    shape.into_iter().chain(references).chain(dtypes).chain(tile)
}

/// What is made by a model whose latents nothing is known of.
fn pixels(canvas: &Canvas) -> String {
    let Canvas { width, height, batch, .. } = canvas;
    let frames = canvas.frames.map(|frames| format!(", {frames} frames")).unwrap_or_default();
    let seconds = canvas.seconds.map(|seconds| format!(", {seconds} s")).unwrap_or_default();
    let tokens = canvas.tokens.map(|tokens| format!(", {tokens} tokens")).unwrap_or_default();
    format!("{width}x{height}{frames}{seconds}{tokens}, {batch} at once")
}

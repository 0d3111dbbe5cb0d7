//! What the inputs of a workflow are for: which text is the prompt, which number the seed.
//!
//! ```
//! use workflow_graph::{Json, Workflow, roles::{self, Role}};
//! let json = Json::parse(br#"{
//!     "3": {"class_type": "KSampler", "inputs": {"seed": 5, "positive": ["6", 0], "negative": ["7", 0]}},
//!     "6": {"class_type": "CLIPTextEncode", "inputs": {"text": ["8", 0]}},
//!     "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry"}},
//!     "8": {"class_type": "PrimitiveString", "inputs": {"value": "a fox"}}
//! }"#)?;
//! let workflow = Workflow::from_json(&json)?;
//! let roles = roles::of(&workflow);
//! let prompt = roles.first(Role::PositivePrompt).unwrap();
//! assert_eq!((prompt.node.as_str(), &*prompt.input), ("8", "value"));
//! assert_eq!(roles.first(Role::NegativePrompt).unwrap().node.as_str(), "7");
//! assert_eq!(roles.first(Role::Seed).unwrap().value, Json::from(5_u64));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! It walks the graph: from what samples over guiders and conditioning to what encodes text,
//! and from an input that is linked to the node where its value is written. It goes by the
//! names of inputs, which ComfyUI's own nodes and most packs agree on, so it needs no catalog
//! and knows classes it has never seen. A node that calls a service (a prompt and a seed, no
//! conditioning) is found the same way.
//!
//! # What it does not do
//!
//! It does not guess: a value that a picture or a computation decides has no place and is not
//! listed, and neither is what is nowhere written.

mod models;
mod names;
mod sampling;
mod services;
pub(crate) mod sources;
mod values;
mod walk;

use std::collections::HashSet;

use crate::{ids::NodeId, json::Json, workflow::Workflow};

/// What an input is for.
///
/// ```
/// use workflow_graph::roles::{ModelKind, Role};
/// assert_eq!(Role::PositivePrompt.as_str(), "positive_prompt");
/// assert_eq!(Role::Model(ModelKind::Lora).as_str(), "lora");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Role {
    /// The text of what is wanted.
    PositivePrompt,
    /// The text of what is not wanted.
    NegativePrompt,
    /// Where chance starts.
    Seed,
    /// How many sampling steps.
    Steps,
    /// The scale of classifier-free guidance.
    Cfg,
    /// The guidance that some models take as a part of the conditioning.
    Guidance,
    /// How much of the input is replaced by noise, from 0 to 1.
    Denoise,
    /// The sampling algorithm.
    Sampler,
    /// The schedule of noise.
    Scheduler,
    /// Width in pixels.
    Width,
    /// Height in pixels.
    Height,
    /// A size that is one value: megapixels, an aspect ratio, `720p`.
    Resolution,
    /// How many frames.
    Frames,
    /// How long, in seconds.
    Duration,
    /// Frames a second.
    FrameRate,
    /// How many results at once.
    BatchSize,
    /// A file of weights, or the name of a service's model.
    Model(ModelKind),
    /// A picture that is read.
    Image,
    /// A video that is read.
    Video,
    /// A sound that is read.
    Audio,
    /// A 3D model that is read.
    Mesh,
    /// The beginning of the names of the files that are written.
    OutputName,
}

/// What a model does in the graph.
///
/// ```
/// use workflow_graph::roles::ModelKind;
/// assert_ne!(ModelKind::Checkpoint, ModelKind::Diffusion);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ModelKind {
    /// Diffusion model, text encoder and VAE in one file.
    Checkpoint,
    /// The model that samples, alone.
    Diffusion,
    /// What turns text into conditioning.
    TextEncoder,
    /// What turns latents into pictures or sound.
    Vae,
    /// A change to other weights.
    Lora,
    /// What makes a picture steer sampling.
    ControlNet,
    /// What turns pictures into conditioning.
    ClipVision,
    /// What makes pictures or latents larger.
    Upscaler,
    /// A model that runs elsewhere, by its name.
    Service,
    /// Any other file of weights.
    Other,
}

impl ModelKind {
    /// The folder of ComfyUI that files of this kind are in, where they all are in one.
    ///
    /// ```
    /// use workflow_graph::roles::ModelKind;
    /// assert_eq!(ModelKind::Lora.folder(), Some("loras"));
    /// assert_eq!(ModelKind::Service.folder(), None);
    /// ```
    pub fn folder(self) -> Option<&'static str> {
        Some(match self {
            Self::Checkpoint => "checkpoints",
            Self::Diffusion => "diffusion_models",
            Self::TextEncoder => "text_encoders",
            Self::Vae => "vae",
            Self::Lora => "loras",
            Self::ControlNet => "controlnet",
            Self::ClipVision => "clip_vision",
            Self::Upscaler => "upscale_models",
            Self::Service | Self::Other => return None,
        })
    }
}

/// An input whose role is known, and what is written there.
///
/// ```
/// use workflow_graph::{Json, Workflow, roles::{self, Role}};
/// let json = Json::parse(br#"{"1": {"class_type": "LoadImage", "inputs": {"image": "a.png"}}}"#)?;
/// let roles = roles::of(&Workflow::from_json(&json)?);
/// let image = roles.first(Role::Image).unwrap();
/// assert_eq!((image.value.as_str(), image.user.clone()), (Some("a.png"), None));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// What it is for.
    pub role: Role,
    /// The node it is written on.
    pub node: NodeId,
    /// The input it is written in.
    pub input: String,
    /// The value written there.
    pub value: Json,
    /// The sampler or service that uses it, where one was walked from.
    pub user: Option<NodeId>,
    /// Whether it is only what the value is computed from: seconds where the role is frames.
    pub computed: bool,
}

/// Everything whose role is known, the most telling first: samplers in the order they run, and
/// of each what is nearest to it.
///
/// ```
/// use workflow_graph::{Json, Workflow, roles};
/// let json = Json::parse(br#"{"1": {"class_type": "SaveImage", "inputs": {"images": ["2", 0]}}}"#)?;
/// assert_eq!(roles::of(&Workflow::from_json(&json)?).found(), []);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Roles {
    found: Vec<Found>,
    samplers: Vec<NodeId>,
    /// Places that have a role already: one place has one.
    taken: HashSet<(NodeId, String)>,
}

/// Finds the roles in a workflow. Linear in its size; every walk visits a node once, whatever
/// circles there are, and in a graph that only a program makes the last walks are left out.
pub fn of(workflow: &Workflow) -> Roles {
    let graph = walk::Graph::new(workflow);
    let mut roles = Roles { samplers: sampling::samplers(&graph), ..Roles::default() };
    for sampler in roles.samplers.clone() {
        sampling::walk_from(&graph, &sampler, &mut roles);
    }
    services::find(&graph, &mut roles);
    models::find(&graph, &mut roles);
    roles
}

impl Roles {
    /// All that was found, in order.
    pub fn found(&self) -> &[Found] {
        &self.found
    }

    /// The nodes that sample, in the order they run.
    pub fn samplers(&self) -> &[NodeId] {
        &self.samplers
    }

    /// All inputs of one role, in order.
    pub fn all(&self, role: Role) -> impl Iterator<Item = &Found> {
        self.found.iter().filter(move |found| found.role == role)
    }

    /// The first input of a role: the one to set when only one is meant.
    pub fn first(&self, role: Role) -> Option<&Found> {
        self.all(role).next()
    }

    /// The models, of every kind.
    pub fn models(&self) -> impl Iterator<Item = &Found> {
        self.found.iter().filter(|found| matches!(found.role, Role::Model(_)))
    }

    /// The roles as JSON: for every role that was found its places, in order.
    ///
    /// ```
    /// use workflow_graph::{Json, Workflow, roles};
    /// let json = Json::parse(br#"{"1": {"class_type": "LoadImage", "inputs": {"image": "a.png"}}}"#)?;
    /// assert_eq!(
    ///     roles::of(&Workflow::from_json(&json)?).to_json().to_string(),
    ///     r#"{"image":[{"node":"1","input":"image","value":"a.png"}]}"#
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_json(&self) -> Json {
        let mut roles: indexmap::IndexMap<&str, Vec<Json>> = indexmap::IndexMap::new();
        for found in &self.found {
            let place = [
                ("node", Json::from(found.node.as_str())),
                ("input", Json::from(&*found.input)),
                ("value", found.value.clone()),
            ];
            let user = found.user.iter().map(|user| ("user", Json::from(user.as_str())));
            let computed = found.computed.then(|| ("computed", Json::from(true)));
            let place = Json::object(place.into_iter().chain(user).chain(computed));
            roles.entry(found.role.as_str()).or_default().push(place);
        }
        Json::object(roles.into_iter().map(|(role, places)| (role, Json::Array(places))))
    }

    fn add(&mut self, role: Role, place: values::Written<'_>, user: Option<&NodeId>) {
        let values::Written { node, input, value, computed } = place;
        if self.taken.insert((node.clone(), input.to_owned())) {
            let (node, input, user) = (node.clone(), input.to_owned(), user.cloned());
            self.found.push(Found { role, node, input, value: value.clone(), user, computed });
        }
    }

    fn has(&self, role: Role) -> bool {
        self.first(role).is_some()
    }
}

impl Role {
    /// The name of the role, as in the JSON form. The kinds of models have names of their own.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PositivePrompt => "positive_prompt",
            Self::NegativePrompt => "negative_prompt",
            Self::Seed => "seed",
            Self::Steps => "steps",
            Self::Cfg => "cfg",
            Self::Guidance => "guidance",
            Self::Denoise => "denoise",
            Self::Sampler => "sampler",
            Self::Scheduler => "scheduler",
            Self::Width => "width",
            Self::Height => "height",
            Self::Resolution => "resolution",
            Self::Frames => "frames",
            Self::Duration => "duration",
            Self::FrameRate => "frame_rate",
            Self::BatchSize => "batch_size",
            Self::Model(ModelKind::Checkpoint) => "checkpoint",
            Self::Model(ModelKind::Diffusion) => "diffusion_model",
            Self::Model(ModelKind::TextEncoder) => "text_encoder",
            Self::Model(ModelKind::Vae) => "vae",
            Self::Model(ModelKind::Lora) => "lora",
            Self::Model(ModelKind::ControlNet) => "controlnet",
            Self::Model(ModelKind::ClipVision) => "clip_vision",
            Self::Model(ModelKind::Upscaler) => "upscaler",
            Self::Model(ModelKind::Service) => "service_model",
            Self::Model(ModelKind::Other) => "other_model",
            Self::Image => "image",
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Mesh => "mesh",
            Self::OutputName => "output_name",
        }
    }
}

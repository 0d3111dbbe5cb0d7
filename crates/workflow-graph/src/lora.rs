//! LoRA models put into a workflow: loaders behind every model that samples, everything that was
//! linked from it linked from the last of them.
//!
//! ```
//! use workflow_graph::{Json, Workflow, lora::{self, Lora}};
//! let json = Json::parse(br#"{
//!     "1": {"class_type": "UNETLoader", "inputs": {"unet_name": "flux.safetensors"}},
//!     "2": {"class_type": "KSampler", "inputs": {"seed": 1, "model": ["1", 0], "positive": ["3", 0]}}
//! }"#)?;
//! let mut workflow = Workflow::from_json(&json)?;
//! let patch = lora::inject(&workflow, &[Lora::new("style.safetensors", 0.8)])?;
//! workflow.apply(&patch)?;
//! let sampler = workflow.node(&"2".parse()?).unwrap();
//! let (loader, _) = sampler.input("model").unwrap().as_link().unwrap();
//! assert_eq!(workflow.node(loader).unwrap().class_type().as_str(), "LoraLoaderModelOnly");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it does not do
//!
//! It does not know which LoRA fits which model, nor which files a server has.

use std::collections::HashSet;

use thiserror::Error;

use crate::{
    ids::{ClassType, NodeId},
    json::Json,
    patch::{Operation, Patch, Reroute, Through},
    roles::sources,
    workflow::{Input, Node, Workflow},
};

/// One LoRA and how strongly it works.
///
/// ```
/// use workflow_graph::lora::Lora;
/// let lora = Lora::new("style.safetensors", 0.8);
/// assert_eq!((lora.strength_model, lora.strength_clip), (0.8, None));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Lora {
    /// The file, as the server names it.
    pub file: String,
    /// The strength on the model that samples; 1.0 is as it was trained, 0.0 is none.
    pub strength_model: f64,
    /// The strength on the text encoder. Without it, a text encoder that came in one file with
    /// the model gets the model's strength, and a separate one is left alone.
    pub strength_clip: Option<f64>,
}

/// An output that gives a model that samples: where a LoRA goes.
///
/// ```
/// use workflow_graph::{Json, Workflow, lora};
/// let json = Json::parse(br#"{
///     "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd.safetensors"}},
///     "2": {"class_type": "CLIPTextEncode", "inputs": {"text": "a fox", "clip": ["1", 1]}},
///     "3": {"class_type": "KSampler", "inputs": {"seed": 1, "model": ["1", 0], "positive": ["2", 0]}}
/// }"#)?;
/// let sources = lora::sources(&Workflow::from_json(&json)?);
/// assert_eq!((sources[0].node.as_str(), sources[0].slot, sources[0].clip.clone()), ("1", 0, Some(("1".parse()?, 1))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelSource {
    /// The node that loads the model.
    pub node: NodeId,
    /// Which of its outputs is the model.
    pub slot: u32,
    /// The text encoder that belongs to it: of the same loader, or else the only one there is.
    pub clip: Option<(NodeId, u32)>,
}

/// Why no LoRA was injected.
///
/// ```
/// use workflow_graph::{Json, Workflow, lora::{self, Lora}};
/// let json = Json::parse(br#"{"1": {"class_type": "SaveImage", "inputs": {}}}"#)?;
/// let error = lora::inject(&Workflow::from_json(&json)?, &[Lora::new("a", 1.0)]).unwrap_err();
/// assert_eq!(error.to_string(), "no node of the workflow samples with a model, so there is none to put a LoRA behind");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LoraError {
    /// Nothing samples with a model that a node loads.
    #[error("no node of the workflow samples with a model, so there is none to put a LoRA behind")]
    NoModel,
    /// A strength is no finite number.
    #[error("the strength of LoRA {file:?} is not a finite number; 1.0 is as it was trained")]
    Strength {
        /// The LoRA.
        file: String,
    },
    /// A strength for the text encoder is given, but there is none, or more than one.
    #[error(
        "LoRA {file:?} is to work on the text encoder with strength {strength}, but model {model} \
         has no text encoder of its own and the workflow has not exactly one; leave that strength out"
    )]
    NoTextEncoder {
        /// The LoRA.
        file: String,
        /// The strength as it was given.
        strength: String,
        /// The node that loads the model.
        model: NodeId,
    },
}

impl Lora {
    /// A LoRA with one strength for all that its model source gives.
    pub fn new(file: &str, strength: f64) -> Self {
        Self { file: file.to_owned(), strength_model: strength, strength_clip: None }
    }
}

/// The models that sample, found by walking from every sampler to what loads its model, over
/// guiders, patches and LoRA loaders that are there already.
pub fn sources(workflow: &Workflow) -> Vec<ModelSource> {
    let clips = sources::text_encoders(workflow);
    let own_clip = |node: &NodeId| clips.iter().find(|(from, _)| from == node).cloned();
    let only_clip = if let [only] = clips.as_slice() { Some(only.clone()) } else { None };
    let models = sources::models(workflow).into_iter();
    models
        .map(|(node, slot)| {
            let clip = own_clip(&node).or_else(|| only_clip.clone());
            ModelSource { node, slot, clip }
        })
        .collect()
}

/// The patch that puts each LoRA behind every model that samples, the first of the list nearest to
/// the model.
pub fn inject(workflow: &Workflow, loras: &[Lora]) -> Result<Patch, LoraError> {
    inject_behind(workflow, &sources(workflow), loras)
}

/// The patch that puts each LoRA behind some of the [`sources`], for workflows whose models
/// each have their own.
pub fn inject_behind(
    workflow: &Workflow,
    sources: &[ModelSource],
    loras: &[Lora],
) -> Result<Patch, LoraError> {
    if sources.is_empty() {
        return Err(LoraError::NoModel);
    }
    for lora in loras {
        let strengths = [Some(lora.strength_model), lora.strength_clip];
        if !strengths.into_iter().flatten().all(f64::is_finite) {
            return Err(LoraError::Strength { file: lora.file.clone() });
        }
    }
    let mut ids = workflow.free_ids();
    // A text encoder that two models share is changed once.
    let mut clips_done = HashSet::new();
    let mut operations = Vec::new();
    for source in sources {
        let mut chain = Chain {
            model: (source.node.clone(), source.slot),
            clip: source.clip.clone().filter(|clip| clips_done.insert(clip.clone())),
            clip_is_own: source.clip.as_ref().is_some_and(|(node, _)| *node == source.node),
            source,
        };
        for lora in loras {
            operations.push(chain.put(ids.next(), lora)?);
        }
    }
    Ok(Patch::new(operations))
}

/// The end of the loaders that were put behind one model so far.
struct Chain<'a> {
    model: (NodeId, u32),
    clip: Option<(NodeId, u32)>,
    clip_is_own: bool,
    source: &'a ModelSource,
}

impl Chain<'_> {
    fn put(&mut self, id: NodeId, lora: &Lora) -> Result<Operation, LoraError> {
        if let Some(strength) = lora.strength_clip
            && self.source.clip.is_none()
            && strength != 0.0
        {
            return Err(LoraError::NoTextEncoder {
                file: lora.file.clone(),
                strength: Json::from(strength).to_string(),
                model: self.source.node.clone(),
            });
        }
        let strength_clip = match lora.strength_clip {
            None if self.clip_is_own => Some(lora.strength_model),
            given => given,
        };
        let mut inputs = vec![
            ("lora_name", Input::Literal(Json::from(&*lora.file))),
            ("strength_model", Input::Literal(Json::from(lora.strength_model))),
        ];
        let mut through = vec![behind(&self.model, "model", 0)];
        self.model = (id.clone(), 0);
        let class_type = match (&mut self.clip, strength_clip) {
            (Some(clip), Some(strength)) => {
                inputs.push(("strength_clip", Input::Literal(Json::from(strength))));
                through.push(behind(clip, "clip", 1));
                *clip = (id.clone(), 1);
                ClassType::own("LoraLoader")
            }
            (None, _) | (_, None) => ClassType::own("LoraLoaderModelOnly"),
        };
        Ok(Operation::Splice { id, node: Node::new(class_type, inputs), through })
    }
}

/// A way of a splice that takes over everything linked from an output.
fn behind(from: &(NodeId, u32), input: &str, output: u32) -> Through {
    let (from, slot) = from.clone();
    Through { from, slot, input: input.to_owned(), output, reroute: Reroute::All }
}

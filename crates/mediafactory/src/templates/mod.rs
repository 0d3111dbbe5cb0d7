//! Ready workflows with named parameters.
//!
//! A template is a folder with two files: `workflow.json`, an ordinary workflow in API format
//! that runs as it is, and `template.toml`, which says what may be changed in it (its keys stand in
//! `docs/formats.md`). Parameters are set on the tree, never in the text.

mod fill;
mod memory;
mod numbers;
mod read;

use std::collections::BTreeMap;

pub use self::memory::TemplateMemory;
use include_dir::{Dir, include_dir};
use workflow_graph::{Input, Json, NodeId, Workflow};

use crate::{
    error::{Error, FailureCode},
    nearest,
};

/// The parameter that names the main model file.
pub(crate) const MODEL_PARAMETER: &str = "model";

/// The templates that are part of the program.
static OWN: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../templates");

/// One ready workflow.
///
/// ```
/// let templates = mediafactory::Templates::own()?;
/// assert!(templates.all()[0].parameter("prompt").is_some());
/// # Ok::<(), mediafactory::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    /// The name of its folder, such as `sdxl_txt2img`.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// What it does and with what.
    pub description: String,
    /// The task, such as `text-to-image`: a word of the registry of models.
    pub task: String,
    /// The family of models in the registry whose settings these are; none where it is of no one
    /// family, or of one that the registry does not have.
    pub family: Option<String>,
    /// The variant within the family.
    pub variant: Option<String>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// The oldest ComfyUI that has all its nodes.
    pub minimum_version: String,
    /// Its place among all templates; lower is earlier. Between those of one model, `generate` takes
    /// the first.
    pub generate_order: u32,
    /// The model files it loads when nothing else is said.
    pub models: Vec<TemplateModel>,
    /// What may be changed.
    pub parameters: Vec<Parameter>,
    pub(crate) workflow: Workflow,
}

/// A model file that a template loads.
///
/// ```
/// let template = mediafactory::Templates::own()?.get("sdxl_txt2img")?.clone();
/// assert_eq!(template.models[0].folder, "checkpoints");
/// # Ok::<(), mediafactory::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateModel {
    /// The folder under the server's `models`.
    pub folder: String,
    /// The file name.
    pub file: String,
    /// Where the file is published.
    pub url: String,
    /// The node that loads it.
    pub node: NodeId,
    /// The input of that node.
    pub input: String,
}

/// One named value of a template.
///
/// ```
/// use mediafactory::ParameterKind;
/// let template = mediafactory::Templates::own()?.get("sdxl_txt2img")?.clone();
/// let steps = template.parameter("steps").ok_or("no steps")?;
/// assert_eq!((steps.kind, steps.minimum), (ParameterKind::Integer, Some(1.0)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// The name callers use.
    pub name: String,
    /// The kind of value it takes.
    pub kind: ParameterKind,
    /// What it does.
    pub description: String,
    /// Whether it must be given.
    pub required: bool,
    /// The value when it is not given.
    pub default: Option<Json>,
    /// The least value of a number.
    pub minimum: Option<f64>,
    /// The greatest value of a number.
    pub maximum: Option<f64>,
    /// An integer must be a multiple of this, plus `offset`: ComfyUI would round it down without a
    /// word.
    pub multiple_of: Option<u64>,
    /// What is added to the multiple: video models take 1, 5, 9, … frames, which is 4n + 1.
    pub offset: u64,
    /// The model folder whose files it takes.
    pub folder: Option<String>,
    /// The values of a choice, all of them; empty for any other kind.
    pub choices: Vec<String>,
    /// Where it is set.
    pub targets: Vec<Target>,
}

impl Parameter {
    /// Which values of its kind it takes, in words; empty where it takes all of them.
    ///
    /// ```
    /// let template = mediafactory::Templates::own()?.get("sdxl_txt2img")?.clone();
    /// let takes = |name| template.parameter(name).map(|parameter| parameter.takes());
    /// assert_eq!(takes("width").as_deref(), Some("16 to 16384, a multiple of 8"));
    /// assert_eq!(takes("model").as_deref(), Some("a file of checkpoints"));
    /// # Ok::<(), mediafactory::Error>(())
    /// ```
    pub fn takes(&self) -> String {
        let range = match (self.minimum, self.maximum) {
            (Some(minimum), Some(maximum)) => Some(format!("{minimum} to {maximum}")),
            (Some(minimum), None) => Some(format!("{minimum} or more")),
            (None, Some(maximum)) => Some(format!("{maximum} or less")),
            (None, None) => None,
        };
        let rule = numbers::Rule::of(self).map(|rule| rule.to_string());
        let file = self.folder.as_ref().map(|folder| format!("a file of {folder}"));
        let input = self.kind.is_file().then(|| "a file of the server's input folder".to_owned());
        let choices = (!self.choices.is_empty()).then(|| self.choices.join(", "));
        let all: Vec<String> =
            range.into_iter().chain(rule).chain(file).chain(input).chain(choices).collect();
        all.join(", ")
    }
}

/// The kind of value a parameter takes.
///
/// ```
/// use mediafactory::ParameterKind;
/// assert!(ParameterKind::Image.is_file() && !ParameterKind::Model.is_file());
/// assert_eq!(ParameterKind::Image.as_str(), "image");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParameterKind {
    /// Any text.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// A file of the parameter's model folder.
    Model,
    /// A whole number from 0 to 2^64 - 1; a random one when not given.
    Seed,
    /// True or false.
    Boolean,
    /// One of the parameter's choices.
    Choice,
    /// A picture in the server's input folder, by its file name.
    Image,
    /// A sound in the server's input folder, by its file name.
    Audio,
    /// A video in the server's input folder, by its file name.
    Video,
}

impl ParameterKind {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Text,
        Self::Integer,
        Self::Number,
        Self::Model,
        Self::Seed,
        Self::Boolean,
        Self::Choice,
        Self::Image,
        Self::Audio,
        Self::Video,
    ];

    /// The kind of a word, spelled as in `template.toml`.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == word)
    }

    /// The kind as it stands in `template.toml` and in tool results.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Model => "model",
            Self::Seed => "seed",
            Self::Boolean => "boolean",
            Self::Choice => "choice",
            Self::Image => "image",
            Self::Audio => "audio",
            Self::Video => "video",
        }
    }

    /// Whether it is a file that the caller brings: one in the server's input folder.
    pub fn is_file(self) -> bool {
        matches!(self, Self::Image | Self::Audio | Self::Video)
    }
}

/// An input of a node that a parameter sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The node.
    pub node: NodeId,
    /// Its input.
    pub input: String,
}

/// A template with its parameters set: a workflow that can be run.
#[derive(Clone, Debug, PartialEq)]
pub struct FilledTemplate {
    /// The workflow in API format.
    pub workflow: Workflow,
    /// The parameters in force, defaults included, as an object.
    pub parameters: Json,
    /// The seed, where the template has one.
    pub seed: Option<u64>,
    /// The file of the main model, where the template has the parameter `model`.
    pub model: Option<String>,
}

/// A set of templates, each read and checked.
///
/// ```
/// let templates = mediafactory::Templates::own()?;
/// assert!(templates.get("sdxl_txt2img").is_ok());
/// let error = templates.get("sdxl_text2img").unwrap_err();
/// assert!(error.hint().unwrap().contains("sdxl_txt2img"));
/// # Ok::<(), mediafactory::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Templates {
    all: Vec<Template>,
}

impl Templates {
    /// The templates that are part of the program, in the order `generate` tries them.
    pub fn own() -> Result<Self, Error> {
        let mut all = OWN.dirs().map(read::folder).collect::<Result<Vec<_>, _>>()?;
        all.sort_by(|one, other| {
            (one.generate_order, &one.name).cmp(&(other.generate_order, &other.name))
        });
        Ok(Self { all })
    }

    /// All of them.
    pub fn all(&self) -> &[Template] {
        &self.all
    }

    /// One by its name.
    pub fn get(&self, name: &str) -> Result<&Template, Error> {
        self.all.iter().find(|template| template.name == name).ok_or_else(|| {
            let names = self.all.iter().map(|template| template.name.as_str());
            Error::new(FailureCode::TemplateNotFound, format!("there is no template `{name}`"))
                .with_hint(nearest::hint("templates", name, names))
        })
    }
}

impl Template {
    /// The workflow as it stands in the template's folder.
    pub fn workflow(&self) -> &Workflow {
        &self.workflow
    }

    /// One parameter by its name.
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }

    /// The value that stands in the workflow where a target is; none where there is a link.
    pub fn value(&self, target: &Target) -> Option<&Json> {
        match self.workflow.node(&target.node)?.input(&target.input)? {
            Input::Literal(value) => Some(value),
            Input::Link { .. } => None,
        }
    }

    /// The parameters that have no value unless the caller gives one.
    pub fn required(&self) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter().filter(|parameter| parameter.required)
    }

    /// Sets parameters; `random_seed` is used where the template has a seed and none is given.
    /// Every wrong parameter is named in the error, not only the first.
    pub fn fill(
        &self,
        given: &BTreeMap<String, Json>,
        random_seed: u64,
    ) -> Result<FilledTemplate, Error> {
        fill::fill(self, given, random_seed)
    }
}

#[cfg(test)]
mod tests;

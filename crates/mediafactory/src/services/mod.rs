//! Services: workflows of whoever runs this program, each under a name with typed parameters.
//!
//! They come from two places. `services_file` is a `config.json` that lists them, each with its
//! workflow file and the widget that every parameter sets; it is read once, and what is wrong with
//! it stops the start. `services_dir` is a folder in which every workflow with placeholders is a
//! service; it is looked at again and again, and what is wrong in it is told, while the rest works.

mod configured;
mod dropped;
mod fill;
mod read;
mod shelf;
mod start;

use std::{fmt, path::PathBuf, sync::Arc};

use workflow_graph::{
    Json,
    placeholders::{Kind, Placeholders},
};

use crate::{
    error::{Error, FailureCode},
    nearest,
};

pub(crate) use self::{read::text as read_text, shelf::Shelf};

/// A workflow with a name, and parameters to set in it.
///
/// Its name has 1 to 64 letters, digits, `_` and `-`, so that it can be the name of a tool.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// The name callers use.
    pub name: String,
    /// What it does.
    pub description: String,
    /// Who says so.
    pub origin: ServiceOrigin,
    /// The file of its workflow.
    pub workflow_file: PathBuf,
    /// What can be set, in the order of the file.
    pub parameters: Vec<ServiceParameter>,
    template: Placeholders,
}

/// Where a service comes from.
///
/// ```
/// use mediafactory::ServiceOrigin;
/// assert_eq!(ServiceOrigin::Dropped.as_str(), "services_dir");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServiceOrigin {
    /// The list in `services_file`: its words are those of whoever runs this program.
    Configured,
    /// A workflow in `services_dir`, which may hold a stranger's texts.
    Dropped,
}

/// One named value of a service.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceParameter {
    /// The name callers use.
    pub name: String,
    /// What it is for, where somebody wrote that down.
    pub description: Option<String>,
    /// What its values must be.
    pub kind: ServiceKind,
    /// Whether it must be given. One that need not be, and has no default, keeps what stands in
    /// the workflow; a seed is then a random one.
    pub required: bool,
    /// The value when none is given.
    pub default: Option<Json>,
    /// The name in the workflow.
    placeholder: String,
}

/// What the values of a parameter must be.
///
/// ```
/// use mediafactory::ServiceKind;
/// assert_eq!(ServiceKind::from_name("int"), Some(ServiceKind::Integer));
/// assert_eq!(ServiceKind::from_name("colour"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServiceKind {
    /// Any text.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Flag,
    /// The name of a file that the ComfyUI server has, such as a picture among its inputs.
    File,
    /// A whole number from 0 to 2^64 - 1.
    Seed,
    /// Any value.
    Any,
}

/// The services there are now, and what could not become one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServiceSet {
    /// Those of the file in its order, then those of the folder by name.
    pub services: Vec<Arc<Service>>,
    /// What is wrong in the file and the folder, and what in the file is not used.
    pub problems: Vec<ServiceProblem>,
}

/// One thing that is wrong with the services of a process.
///
/// ```
/// use mediafactory::ServiceProblem;
/// let problem = ServiceProblem {
///     file: "services/fox.json".into(),
///     service: Some("fox".to_owned()),
///     problem: "has no placeholders".to_owned(),
///     stops_start: false,
/// };
/// assert_eq!(problem.to_string(), "services/fox.json: has no placeholders");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceProblem {
    /// The list of services, the workflow of one, or the folder.
    pub file: PathBuf,
    /// The name of the service, where one has the problem.
    pub service: Option<String>,
    /// What is wrong, with its place in the file, and the node where it is one's.
    pub problem: String,
    /// Whether no process starts before it is put right; otherwise only this service is missing, or
    /// what is named is not used.
    pub stops_start: bool,
}

impl fmt::Display for ServiceProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.problem)
    }
}

impl Service {
    /// One parameter by its name.
    pub fn parameter(&self, name: &str) -> Option<&ServiceParameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }
}

impl ServiceSet {
    /// One by its name.
    ///
    /// ```
    /// let none = mediafactory::ServiceSet::default();
    /// let error = none.get("portrait").unwrap_err();
    /// assert_eq!(error.to_string(), "there is no service `portrait`");
    /// ```
    pub fn get(&self, name: &str) -> Result<&Arc<Service>, Error> {
        self.services.iter().find(|service| service.name == name).ok_or_else(|| {
            let names = self.services.iter().map(|service| service.name.as_str());
            let message = format!("there is no service `{}`", name.escape_debug());
            Error::new(FailureCode::ValidationError, message)
                .with_hint(nearest::hint("services", name, names))
        })
    }
}

impl ServiceOrigin {
    /// The setting that names the place.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Configured => "services_file",
            Self::Dropped => "services_dir",
        }
    }
}

impl ServiceKind {
    /// The kind by a name that is used for it in a `config.json`.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "seed" => Self::Seed,
            "image" | "mask" | "video" | "audio" | "file" => Self::File,
            other => Self::of(Kind::from_name(other)?),
        })
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Flag => "boolean",
            Self::File => "file",
            Self::Seed => "seed",
            Self::Any => "any",
        }
    }

    fn of(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text,
            Kind::Integer => Self::Integer,
            Kind::Number => Self::Number,
            Kind::Flag => Self::Flag,
            Kind::Any | _ => Self::Any,
        }
    }

    /// What is set in the workflow.
    fn in_workflow(self) -> Kind {
        match self {
            Self::Text | Self::File => Kind::Text,
            Self::Integer | Self::Seed => Kind::Integer,
            Self::Number => Kind::Number,
            Self::Flag => Kind::Flag,
            Self::Any => Kind::Any,
        }
    }
}

impl fmt::Display for ServiceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What every client takes as the name of a tool and of an argument.
const NAME_CHARS_MAX: usize = 64;

/// Holds a name against what clients take.
fn check_name(name: &str) -> Result<(), String> {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    if (1..=NAME_CHARS_MAX).contains(&name.len()) && name.chars().all(is_letter) {
        return Ok(());
    }
    let shown: String = name.chars().take(NAME_CHARS_MAX).collect();
    Err(format!(
        "`{}` can be no name; one has 1 to {NAME_CHARS_MAX} letters of a-z and A-Z, digits, `_` \
         and `-`",
        shown.escape_debug()
    ))
}

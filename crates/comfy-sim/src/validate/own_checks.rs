//! The checks that single node classes bring along. An input that such a check takes is not checked otherwise.

use serde_json::{Map, Value, json};

use super::declared::DeclaredInputs;
use super::top_level;
use crate::folders::Folders;
use crate::python::{self, Raised};

/// What a class checks itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnCheck {
    takes: Takes,
    rule: Rule,
}

#[derive(Clone, Copy, Debug)]
enum Takes {
    Inputs(&'static [&'static str]),
    /// One input by name, and every other one as well.
    All(&'static str),
    Types,
}

#[derive(Clone, Copy, Debug)]
enum Rule {
    Anything,
    FileExists { what: &'static str },
    ModelFileExists,
    SomeBranch,
    AspectRatio,
    TaskId,
}

pub(crate) fn own_check(class: &str) -> Option<OwnCheck> {
    let check = |takes, rule| Some(OwnCheck { takes, rule });
    match class {
        "LoadImage" | "LoadImageMask" | "LoadImageOutput" => {
            check(Takes::Inputs(&["image"]), Rule::FileExists { what: "image" })
        }
        "LoadLatent" => check(Takes::Inputs(&["latent"]), Rule::FileExists { what: "latent" }),
        "LoadVideo" => check(Takes::Inputs(&["file"]), Rule::FileExists { what: "video" }),
        "LoadAudio" => check(Takes::Inputs(&["audio"]), Rule::FileExists { what: "audio" }),
        "Load3D" | "Load3DAdvanced" => check(Takes::All("model_file"), Rule::ModelFileExists),
        "CustomCombo" => check(Takes::All("choice"), Rule::Anything),
        "ComfySoftSwitchNode" => {
            check(Takes::Inputs(&["switch", "on_false", "on_true"]), Rule::SomeBranch)
        }
        "SelectModelDevice" | "SelectCLIPDevice" | "SelectVAEDevice" => {
            check(Takes::Inputs(&["device"]), Rule::Anything)
        }
        "ModelAttentionBackend" => check(Takes::Inputs(&["attention"]), Rule::Anything),
        "FluxProUltraImageNode" => check(Takes::Inputs(&["aspect_ratio"]), Rule::AspectRatio),
        "TripoConversionNode" => check(Takes::Types, Rule::TaskId),
        _ => None,
    }
}

impl OwnCheck {
    pub(crate) fn judges(&self, input: &str) -> bool {
        match self.takes {
            Takes::Inputs(inputs) => inputs.contains(&input),
            Takes::All(_) => true,
            Takes::Types => false,
        }
    }

    pub(crate) fn judges_types(&self) -> bool {
        matches!(self.takes, Takes::Types)
    }

    /// The errors of the check. A linked input is seen as `None`, for it has no value yet.
    pub(crate) fn run(
        &self,
        inputs: &Map<String, Value>,
        declared: &DeclaredInputs,
        folders: &Folders,
    ) -> Result<Vec<Value>, Raised> {
        let is_known = |name: &str| declared.inputs.iter().any(|input| input.name == name);
        let seen: Vec<(&str, Value)> = inputs
            .iter()
            .filter(|(name, value)| {
                self.judges(name) && (value.is_array() || is_known(name) || self.takes_unknown())
            })
            .map(|(name, value)| {
                (name.as_str(), if value.is_array() { Value::Null } else { value.clone() })
            })
            .collect();
        let value =
            |name: &str| seen.iter().find(|(seen, _)| *seen == name).map(|(_, value)| value);
        let complaint = match self.rule {
            Rule::Anything => None,
            Rule::FileExists { what } => {
                let value = self.argument(value)?;
                (!exists(value, folders)?)
                    .then(|| format!("Invalid {what} file: {}", python::str(value)))
            }
            Rule::ModelFileExists => {
                let value = self.argument(value)?;
                let is_none = !python::truthy(value) || value == "none";
                (!is_none && !exists(value, folders)?)
                    .then(|| format!("Invalid 3D model file: {}", python::str(value)))
            }
            Rule::SomeBranch => {
                let has_none = value("on_false").is_none() && value("on_true").is_none();
                has_none.then(|| {
                    "At least one of on_false or on_true must be connected to Switch node"
                        .to_owned()
                })
            }
            Rule::AspectRatio => {
                check_aspect_ratio(&python::str(self.argument(value)?))?;
                None
            }
            Rule::TaskId => return check_task_id(inputs),
        };
        Ok(complaint.map_or_else(Vec::new, |text| {
            seen.iter().map(|(name, _)| failed(name, &text)).collect()
        }))
    }

    fn takes_unknown(&self) -> bool {
        matches!((self.takes, self.rule), (Takes::All(_), Rule::Anything))
    }

    /// The value of the one argument that the check cannot do without.
    fn argument<'v>(&self, value: impl Fn(&str) -> Option<&'v Value>) -> Result<&'v Value, Raised> {
        let name = match self.takes {
            Takes::Inputs(inputs) => inputs.first().copied().unwrap_or_default(),
            Takes::All(name) => name,
            Takes::Types => "input_types",
        };
        let missing = || format!("validation is missing 1 required positional argument: '{name}'");
        value(name).ok_or_else(|| Raised::new("TypeError", missing()))
    }
}

fn failed(input: &str, text: &str) -> Value {
    let details = format!("{input} - {text}");
    let message = "Custom validation failed for node";
    top_level("custom_validation_failed", message, &details, &json!({"input_name": input}))
}

fn exists(value: &Value, folders: &Folders) -> Result<bool, Raised> {
    let Some(name) = value.as_str() else {
        let text = format!("'{}' object has no attribute 'endswith'", python::type_name(value));
        return Err(Raised::new("AttributeError", text));
    };
    Ok(folders.annotated(name).is_some_and(|path| path.exists()))
}

/// Width to height, between 1:4 and 4:1.
fn check_aspect_ratio(text: &str) -> Result<(), Raised> {
    let sides =
        text.split_once(':').and_then(|(width, height)| Some((side(width)?, side(height)?)));
    let Some((width, height)) = sides else {
        return Err(Raised::new(
            "ValueError",
            format!("Aspect ratio must be 'X:Y' (e.g., 16:9), got '{text}'."),
        ));
    };
    if width > height * 4 || height > width * 4 {
        return Err(Raised::new("ValueError", "Aspect ratio must be between 1:4 and 4:1."));
    }
    Ok(())
}

fn side(text: &str) -> Option<u64> {
    text.trim().parse::<u32>().ok().filter(|side| *side > 0).map(u64::from)
}

fn check_task_id(inputs: &Map<String, Value>) -> Result<Vec<Value>, Raised> {
    let is_linked = inputs.get("original_model_task_id").is_some_and(Value::is_array);
    if is_linked {
        Ok(Vec::new())
    } else {
        Err(Raised::key_error(&json!("original_model_task_id")))
    }
}

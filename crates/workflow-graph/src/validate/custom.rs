//! The own checks of ComfyUI's own node classes. `/object_info` does not tell of them, so they
//! are a table here; those of other packs are code that nobody outside the server can know.

use std::{borrow::Cow, collections::HashMap};

use super::{
    ErrorKind, Finding, Profile,
    context::Context,
    expand::Plan,
    files, input,
    python::{self, Raised},
    suggest::Suggest,
};
use crate::{
    catalog::{InputSpec, NodeClass},
    json::Json,
};

/// One check, as far as its signature decides what the server does.
#[derive(Debug)]
pub(crate) struct Validator {
    classes: &'static [&'static str],
    /// How Python names the function in its complaints.
    function: &'static str,
    required: &'static [&'static str],
    /// Further parameters, which have defaults.
    optional: &'static [&'static str],
    /// Whether it takes all inputs; then the server checks no range and no choice of any.
    takes_all: bool,
    check: Check,
    /// The rules under which the class has it; none means all.
    only: Option<Profile>,
}

#[derive(Clone, Copy, Debug)]
enum Check {
    /// The file must be there; the word names its kind in the complaint.
    File(&'static str),
    /// The same, but nothing and `none` are also fine.
    FileOrNone(&'static str),
    /// It only exists to switch the server's own checks off.
    Anything,
    /// `16:9`, between 1:4 and 4:1.
    AspectRatio,
    /// Not all of the numbers are zero.
    AnyNonZero,
    /// The linked type must be one of these.
    LinkedType(&'static str, &'static [&'static str]),
}

impl Validator {
    const fn new(
        classes: &'static [&'static str],
        function: &'static str,
        required: &'static [&'static str],
        check: Check,
    ) -> Self {
        Self { classes, function, required, optional: &[], takes_all: false, check, only: None }
    }

    const fn only(self, profile: Profile) -> Self {
        Self { only: Some(profile), ..self }
    }

    const fn optional(self, optional: &'static [&'static str]) -> Self {
        Self { optional, ..self }
    }

    const fn takes_all(self) -> Self {
        Self { takes_all: true, ..self }
    }
}

static VALIDATORS: [Validator; 14] = [
    Validator::new(
        &["LoadImage", "LoadImageOutput", "WebcamCapture"],
        "LoadImage.VALIDATE_INPUTS",
        &["image"],
        Check::File("image"),
    ),
    Validator::new(
        &["LoadImageMask"],
        "LoadImage.VALIDATE_INPUTS",
        &["image"],
        Check::File("image"),
    )
    .only(Profile::V0_33),
    Validator::new(
        &["LoadImageMask"],
        "LoadImageMask.VALIDATE_INPUTS",
        &["image"],
        Check::File("image"),
    )
    .only(Profile::V0_8),
    Validator::new(
        &["LoadLatent"],
        "LoadLatent.VALIDATE_INPUTS",
        &["latent"],
        Check::File("latent"),
    ),
    Validator::new(&["LoadAudio"], "LoadAudio.validate_inputs", &["audio"], Check::File("audio")),
    Validator::new(&["LoadVideo"], "LoadVideo.validate_inputs", &["file"], Check::File("video")),
    Validator::new(
        &["Load3D"],
        "Load3D.validate_inputs",
        &["model_file"],
        Check::FileOrNone("3D model"),
    )
    .takes_all()
    .only(Profile::V0_33),
    Validator::new(
        &["Load3DAdvanced"],
        "Load3DAdvanced.validate_inputs",
        &["model_file"],
        Check::FileOrNone("3D model"),
    )
    .takes_all(),
    Validator::new(
        &["SelectModelDevice", "SelectCLIPDevice", "SelectVAEDevice"],
        "validate_inputs",
        &[],
        Check::Anything,
    )
    .optional(&["device"]),
    Validator::new(
        &["ModelAttentionBackend"],
        "ModelAttentionBackend.VALIDATE_INPUTS",
        &["attention"],
        Check::Anything,
    ),
    Validator::new(
        &["CustomCombo"],
        "CustomComboNode.validate_inputs",
        &["choice"],
        Check::Anything,
    )
    .takes_all()
    .only(Profile::V0_33),
    Validator::new(
        &["CustomCombo"],
        "CustomComboNode.validate_inputs",
        &["choice"],
        Check::Anything,
    )
    .only(Profile::V0_8),
    Validator::new(
        &["FluxProUltraImageNode"],
        "FluxProUltraImageNode.validate_inputs",
        &["aspect_ratio"],
        Check::AspectRatio,
    ),
    Validator::new(
        &["KlingCameraControls"],
        "KlingCameraControls.validate_inputs",
        &["horizontal_movement", "vertical_movement", "pan", "tilt", "roll", "zoom"],
        Check::AnyNonZero,
    ),
];

/// Kept apart because it takes the linked types in place of inputs.
static TRIPO: Validator = Validator::new(
    &["TripoConversionNode"],
    "TripoConversionNode.validate_inputs",
    &[],
    Check::LinkedType(
        "original_model_task_id",
        &["MODEL_TASK_ID", "RIG_TASK_ID", "RETARGET_TASK_ID"],
    ),
);

/// The check of a class, when it is one of ComfyUI's own that has one.
pub(crate) fn of(class: &NodeClass, profile: Profile) -> Option<&'static Validator> {
    if class.python_module.starts_with("custom_nodes.") {
        return None;
    }
    VALIDATORS
        .iter()
        .chain([&TRIPO])
        .filter(|validator| validator.only.is_none_or(|only| only == profile))
        .find(|validator| validator.classes.contains(&class.name.as_str()))
}

/// The names of the classes that have an input which names a file, some more than once.
pub(crate) fn file_classes() -> impl Iterator<Item = &'static str> {
    VALIDATORS
        .iter()
        .filter(|validator| validator.is_of_file())
        .flat_map(|validator| validator.classes.iter().copied())
}

/// The input of a class that names a file in the server's input folder.
pub(crate) fn file_input(class: &NodeClass, profile: Profile) -> Option<&InputSpec> {
    let validator = of(class, profile)?;
    if validator.is_of_file() { class.input(validator.required.first()?) } else { None }
}

impl Validator {
    fn is_of_file(&self) -> bool {
        matches!(self.check, Check::File(_) | Check::FileOrNone(_))
    }

    /// Whether it stands in for the server's own check of range and choices.
    pub(crate) fn checks(&self, key: &str) -> bool {
        self.takes_all || self.required.contains(&key) || self.optional.contains(&key)
    }

    /// Whether it stands in for the server's own check of linked types.
    pub(crate) fn takes_types(&self) -> bool {
        matches!(self.check, Check::LinkedType(..))
    }

    pub(crate) fn run(
        &self,
        context: Context<'_>,
        inputs: Option<&Json>,
        plan: &Plan<'_>,
        suggest: &Suggest<'_>,
    ) -> Result<Vec<Finding>, Raised> {
        let arguments = self.arguments(inputs, plan);
        self.require(&arguments)?;
        let argument =
            |name: &str| arguments.iter().find(|(key, _)| *key == name).map(|(_, value)| value);
        let first = self.required.first().copied().unwrap_or_default();
        let value = argument(first).unwrap_or(&Json::Null);
        let mut choices = Vec::new();
        let complaint = match self.check {
            Check::Anything => None,
            Check::FileOrNone(_)
                if !python::truth(value) || value.as_str() == Some(files::NO_FILE) =>
            {
                None
            }
            Check::File(kind) | Check::FileOrNone(kind) => {
                let found = files::look_up(context, value)?;
                if found == files::Found::No {
                    choices = suggest.nearest_files(value);
                }
                let words = || format!("Invalid {kind} file: {}", python::text(value));
                (found == files::Found::No).then(words)
            }
            Check::AspectRatio => {
                aspect_ratio(&python::text(value))?;
                None
            }
            Check::AnyNonZero => {
                let zero = |(_, value): &(&str, Json)| !python::truth(value);
                arguments.iter().all(zero).then(|| {
                    "Invalid camera control configs: at least one of the values must be non-zero".to_owned()
                })
            }
            Check::LinkedType(name, types) => {
                return linked_type(context, inputs, plan, name, types);
            }
        };
        let Some(complaint) = complaint else { return Ok(Vec::new()) };
        let finding = |key: &str| refused(key, &complaint, choices.clone());
        Ok(arguments.iter().map(|(key, _)| finding(key)).collect())
    }

    /// What the function is called with: links are not yet known and count as nothing.
    fn arguments<'j>(&self, inputs: Option<&'j Json>, plan: &Plan<'_>) -> Vec<(&'j str, Json)> {
        let members = inputs.and_then(Json::as_object).into_iter().flatten();
        let specs: HashMap<String, &InputSpec> =
            plan.iter().map(|declared| (declared.key.into_owned(), declared.spec)).collect();
        members
            .filter(|(key, _)| self.checks(key))
            .filter_map(|(key, value)| {
                if is_link(value) {
                    return Some((key.as_str(), Json::Null));
                }
                let spec = specs.get(key.as_str())?;
                let value =
                    if value.as_array().is_some() { value } else { input::unwrapped(value) };
                let stored =
                    input::converted(spec, value).map_or_else(|_| value.clone(), Cow::into_owned);
                Some((key.as_str(), stored))
            })
            .collect()
    }

    fn require(&self, arguments: &[(&str, Json)]) -> Result<(), Raised> {
        let given = |name: &str| arguments.iter().any(|(key, _)| *key == name);
        let missing: Vec<String> = self
            .required
            .iter()
            .filter(|name| !given(name))
            .map(|name| format!("'{name}'"))
            .collect();
        let list = match missing.as_slice() {
            [] => return Ok(()),
            [one] => one.clone(),
            [one, other] => format!("{one} and {other}"),
            [most @ .., last] => format!("{}, and {last}", most.join(", ")),
        };
        let plural = if missing.len() == 1 { "" } else { "s" };
        let message = format!(
            "{}() missing {} required positional argument{plural}: {list}",
            self.function,
            missing.len()
        );
        Err(Raised::new("TypeError", message))
    }
}

fn refused(key: &str, complaint: &str, choices: Vec<Json>) -> Finding {
    Finding {
        kind: ErrorKind::CustomValidationFailed,
        input: Some(key.to_owned()),
        message: "Custom validation failed for node".to_owned(),
        details: format!("{key} - {complaint}"),
        extra_info: Json::object([("input_name", Json::from(key))]),
        choices,
        culprit: None,
        alternatives: Vec::new(),
    }
}

/// `is_link` of the server's graph: a list of a string and a number.
pub(crate) fn is_link(value: &Json) -> bool {
    matches!(value.as_array(), Some([Json::String(_), Json::Number(_) | Json::Bool(_)]))
}

fn linked_type(
    context: Context<'_>,
    inputs: Option<&Json>,
    plan: &Plan<'_>,
    name: &str,
    types: &[&str],
) -> Result<Vec<Finding>, Raised> {
    let link = inputs.and_then(|inputs| inputs.get(name)).and_then(Json::as_array);
    let received = match link {
        Some([from, slot]) if plan.find(name).is_some() => {
            input::follow(context, from, slot).ok().map(|(_, received)| received)
        }
        _ => None,
    };
    let received = received.ok_or_else(|| Raised::key_error(&Json::from(name)))?;
    if received.as_str().is_some_and(|received| types.contains(&received)) {
        return Ok(Vec::new());
    }
    let (last, most) = types.split_last().unwrap_or((&"", &[]));
    let complaint = format!("{name} must be {} or {last} type", most.join(", "));
    Ok(vec![refused("input_types", &complaint, Vec::new())])
}

/// The check of an `X:Y` that must lie between 1:4 and 4:1.
fn aspect_ratio(text: &str) -> Result<(), Raised> {
    let invalid = |message: String| Err(Raised::new("ValueError", message));
    let Some((width, height)) = text.split_once(':').filter(|(_, rest)| !rest.contains(':')) else {
        return invalid(format!("Aspect ratio must be 'X:Y' (e.g., 16:9), got '{text}'."));
    };
    let whole = |part: &str| {
        let part = Json::from(part);
        let number = python::int(&part).ok()?;
        number.as_f64().map(|value| (number.to_string(), value))
    };
    let (Some((width_text, width)), Some((height_text, height))) = (whole(width), whole(height))
    else {
        return invalid(format!(
            "Aspect ratio must contain integers separated by ':', got '{text}'."
        ));
    };
    if width <= 0.0 || height <= 0.0 {
        return invalid(format!(
            "Aspect ratio parts must be positive integers, got {width_text}:{height_text}."
        ));
    }
    let ratio = width / height;
    if ratio < 0.25 {
        return invalid(format!("Aspect ratio `{}` must be ≤ 0.25.", python::two_digits(ratio)));
    }
    if ratio > 4.0 {
        return invalid(format!("Aspect ratio `{}` must be ≤ 4.", python::two_digits(ratio)));
    }
    Ok(())
}

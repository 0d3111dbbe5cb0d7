//! Files in a server's folders, as far as a catalog lists them in its choices.

use super::{
    context::Context,
    custom,
    python::{self, Raised},
};
use crate::{catalog::InputSpec, json::Json};

/// The choice of a 3D loader that is no file.
pub(crate) const NO_FILE: &str = "none";

/// Whether a file is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Yes,
    No,
    /// Lists of choices hold pictures, sound and film at the top of the input folder, and 3D
    /// models in one folder below; what is elsewhere only the server knows.
    Unknown,
}

pub(crate) fn look_up(context: Context<'_>, name: &Json) -> Result<Found, Raised> {
    let Json::String(name) = name else {
        let message = format!("'{}' object has no attribute 'endswith'", python::type_name(name));
        return Err(Raised::new("AttributeError", message));
    };
    if name.ends_with("[output]") || name.ends_with("[temp]") {
        return Ok(Found::Unknown);
    }
    // The server cuts the space before the mark too, without looking.
    let cut = name.strip_suffix("[input]").map(|rest| {
        let mut rest = rest.chars();
        rest.next_back();
        rest.as_str()
    });
    let name = cut.unwrap_or(name);
    let listed = || {
        name != NO_FILE
            && lists(context)
                .any(|choices| choices.iter().any(|choice| choice.as_str() == Some(name)))
    };
    // The empty name is the folder itself, which is there.
    Ok(if name.is_empty() || listed() {
        Found::Yes
    } else if name.contains(['/', '\\']) || is_3d(name) {
        Found::Unknown
    } else {
        Found::No
    })
}

/// Whether the name has an ending of the 3D models that ComfyUI reads.
fn is_3d(name: &str) -> bool {
    const ENDINGS: [&str; 9] =
        ["fbx", "glb", "gltf", "ksplat", "obj", "ply", "splat", "spz", "stl"];
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}

/// Every file that some class lists.
pub(crate) fn known(context: Context<'_>) -> Vec<Json> {
    let mut known: Vec<Json> = Vec::new();
    for choices in lists(context) {
        known.extend(choices.iter().filter(|choice| choice.as_str() != Some(NO_FILE)).cloned());
    }
    known.sort_by(|one, other| one.as_str().cmp(&other.as_str()));
    known.dedup();
    known
}

fn lists(context: Context<'_>) -> impl Iterator<Item = &[Json]> {
    custom::file_classes()
        .filter_map(move |name| context.catalog.class(name))
        .filter_map(move |class| custom::file_input(class, context.profile))
        .filter_map(InputSpec::choices)
}

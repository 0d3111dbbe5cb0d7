//! What is known of models, held against what the servers have.
//!
//! ```
//! let registry = mediafactory::models::registry()?;
//! let found = mediafactory::models::find("wan 2.2")?;
//! assert_eq!(found.family.name, "wan-2.2-14b");
//! let error = mediafactory::models::find("wan-2.2-14c").unwrap_err();
//! assert_eq!(error.hint(), Some("did you mean `wan-2.2-14b`?"));
//! # Ok::<(), mediafactory::Error>(())
//! ```
//!
//! The knowledge is data (`model-registry/*.toml`) and part of the program, so these questions have
//! an answer without a server; which files it has, and what memory, only a server can say. Where
//! none answers, that is said and the rest stands. Nothing is fetched from the web.
//!
//! # What it does not do
//!
//! Memory is computed as ComfyUI computes it; what was seen in use while past jobs ran is told beside
//! that and changes no number. It downloads nothing.

mod among;
mod current;
mod fits;
mod headers;
mod inventory;
mod measured;
mod memory;
mod past;
mod recommend;
mod search;
mod settings;
mod told;

use std::sync::LazyLock;

use include_dir::{Dir, include_dir};
use model_registry::{Day, ModelFile, Registry, Resolution};
pub use model_registry::{
    Family, Found, Freshness, How, Licence, Medium, Runs, State, Task, Variant,
};

pub(crate) use self::{
    among::Contest, inventory::FileCache, memory::in_gib, past::workload, recommend::task_named,
};
pub use self::{
    current::{CurrentModels, ModelQuery, ModelToday},
    fits::FitQuestion,
    measured::{Likeness, Measured, describe_peak},
    memory::{MemoryAnswer, OnDevice},
    recommend::{ModelAdvice, Wish},
    search::{ModelHit, ModelHits},
    settings::{FileState, ModelSettings},
};
use crate::{
    error::{Error, FailureCode},
    failure, nearest,
};

/// The data that is part of the program.
static FILES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../model-registry");

static OWN: LazyLock<Result<Registry, model_registry::Error>> = LazyLock::new(|| {
    let texts =
        FILES.files().filter_map(|file| Some((file.path().to_str()?, file.contents_utf8()?)));
    Registry::load(texts)
});

/// The models that this program knows. The data is read once; that it can be read is tested, so
/// the error is one of a program built from other data.
pub fn registry() -> Result<&'static Registry, Error> {
    OWN.as_ref().map_err(|error| {
        Error::new(FailureCode::StorageFailed, format!("the model registry is wrong: {error}"))
            .with_hint("the program was built with data that no test has seen")
    })
}

/// The day of the youngest model or template in the data: what came later is not known here.
pub fn newest_day() -> Result<Option<Day>, Error> {
    let days = registry()?.families().flat_map(|family| {
        let released = family.released_by.as_ref().map(|released| released.value);
        let published = family.variants.iter().filter_map(|variant| variant.published);
        published.chain(released)
    });
    Ok(days.max())
}

/// The family that a name, an alias, a template or a file stands for; the error names what may have
/// been meant.
pub fn find(name: &str) -> Result<Found<'static>, Error> {
    match registry()?.resolve(name) {
        Resolution::Found(found) => Ok(found),
        Resolution::Shared { families } => {
            let names: Vec<&str> = families.iter().map(|family| family.name.as_str()).collect();
            let message = format!("`{name}` belongs to several models: {}", names.join(", "));
            let details = workflow_graph::Json::object([("models", failure::list(names))]);
            Err(failure::argument(message).with_hint("name one of them").with_details(details))
        }
        Resolution::Unknown { near } => Err(unknown(name, &near)),
        _ => Err(unknown(name, &[])),
    }
}

/// What is known of a model file by its name, whatever folders are before it.
pub(crate) fn known_file(path: &str) -> Option<&'static ModelFile> {
    let name = inventory::base_name(path);
    registry().ok()?.users(name).find_map(|family| family.file(name))
}

fn unknown(name: &str, near: &[&str]) -> Error {
    let hint = match near.first() {
        Some(near) => format!("did you mean `{near}`?"),
        None => "no model has a name like it; search_models finds models by words".to_owned(),
    };
    let details = workflow_graph::Json::object([("nearest", failure::list(near.iter().copied()))]);
    failure::argument(format!("no model is known as `{name}`"))
        .with_hint(hint)
        .with_details(details)
}

/// The variants of a family that are meant: the one of a name, or those that were found.
fn variants(found: &Found<'static>, variant: Option<&str>) -> Result<Vec<&'static Variant>, Error> {
    let Some(name) = variant else { return Ok(found.variants.clone()) };
    let family = found.family;
    family.variant(name).map(|variant| vec![variant]).ok_or_else(|| {
        let names = family.variants.iter().map(|variant| variant.name.as_str());
        let details = workflow_graph::Json::object([("variants", failure::list(names.clone()))]);
        failure::argument(format!("{} has no variant `{name}`", family.name))
            .with_hint(nearest::hint("variants", name, names))
            .with_details(details)
    })
}

/// What a word means of a fixed set; the error names the nearest.
fn word<T: Copy>(
    what: &str,
    word: &str,
    all: &'static [T],
    spelled: fn(T) -> &'static str,
) -> Result<T, Error> {
    let found = all.iter().copied().find(|known| spelled(*known) == word);
    found.ok_or_else(|| {
        let names = all.iter().map(|known| spelled(*known));
        let details = workflow_graph::Json::object([("choices", failure::list(names.clone()))]);
        failure::argument(format!("there is no {what} `{word}`"))
            .with_hint(nearest::hint(&plural(what), word, names))
            .with_details(details)
    })
}

fn plural(what: &str) -> String {
    match what.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{what}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_of_the_program_can_be_read() {
        let registry = registry().unwrap();
        assert!(registry.families().len() > 90);
        assert_eq!(FILES.files().count(), registry.families().len() + 1, "and the sources");
        assert!(newest_day().unwrap().is_some());
    }

    #[test]
    fn every_family_is_found_by_its_own_name() {
        for family in registry().unwrap().families() {
            assert_eq!(find(&family.name).unwrap().family.name, family.name);
        }
    }

    #[test]
    fn a_file_of_many_models_names_them() {
        let error = find("clip_l.safetensors").unwrap_err();
        assert!(error.to_string().starts_with("`clip_l.safetensors` belongs to several models:"));
        assert_eq!(error.hint(), Some("name one of them"));
    }
}

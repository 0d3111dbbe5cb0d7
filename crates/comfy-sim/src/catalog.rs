//! The node classes of ComfyUI 0.33.0: what `/object_info` answers and what validation goes by.

use std::sync::{Arc, OnceLock};

use flate2::read::DeflateDecoder;
use serde_json::{Map, Value, json};

use crate::SimError;
use crate::folders::{self, Folders};

/// Written by `examples/pack_node_facts.rs`.
const PACKED: &[u8] = include_bytes!("../data/node_facts.json.deflate");

static UNPACKED: OnceLock<Arc<Catalog>> = OnceLock::new();

/// Every node class, by name, in the order of the real server.
#[derive(Debug)]
pub(crate) struct Catalog {
    classes: Map<String, Value>,
}

/// One node class, as `/object_info` describes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NodeClass<'a> {
    info: &'a Value,
}

/// One declared input: its type (a name, or a list of choices in the old spelling) and its options.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InputSpec<'a> {
    pub(crate) spec: &'a Value,
}

impl Catalog {
    /// The catalog, unpacked at the first call in this process.
    pub(crate) fn shared() -> Result<Arc<Self>, SimError> {
        if let Some(catalog) = UNPACKED.get() {
            return Ok(Arc::clone(catalog));
        }
        let mut classes: Map<String, Value> = serde_json::from_reader(DeflateDecoder::new(PACKED))
            .map_err(|error| SimError::NodeFacts { source: error.into() })?;
        classes.values_mut().for_each(complete);
        Ok(Arc::clone(UNPACKED.get_or_init(|| Arc::new(Self { classes }))))
    }

    pub(crate) fn class(&self, name: &str) -> Option<NodeClass<'_>> {
        self.classes.get(name).map(|info| NodeClass { info })
    }

    /// The reply of `GET /object_info`.
    pub(crate) fn object_info(&self, folders: &Folders) -> Map<String, Value> {
        let files = folders.input_files();
        self.classes
            .iter()
            .map(|(name, info)| (name.clone(), with_files(name, info, &files)))
            .collect()
    }

    /// The reply of `GET /object_info/{class}`: one member, or none.
    pub(crate) fn object_info_of(&self, name: &str, folders: &Folders) -> Map<String, Value> {
        let info =
            self.classes.get(name).map(|info| with_files(name, info, &folders.input_files()));
        info.map(|info| (name.to_owned(), info)).into_iter().collect()
    }

    /// The choices of a combo input, wherever it is spelled: how model lists are known.
    pub(crate) fn choices(&self, class: &str, input: &str) -> Vec<Value> {
        let spec = self.class(class).and_then(|class| class.input(input));
        spec.and_then(InputSpec::choices).cloned().unwrap_or_default()
    }
}

impl<'a> NodeClass<'a> {
    fn flag(self, name: &str) -> bool {
        self.info.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    pub(crate) fn is_output(self) -> bool {
        self.flag("output_node")
    }

    pub(crate) fn has_intermediate_output(self) -> bool {
        self.flag("has_intermediate_output")
    }

    /// Whether the class talks to a paid service.
    pub(crate) fn is_api(self) -> bool {
        self.flag("api_node")
    }

    /// Whether the class is written against the newer node API, which is where dynamic inputs exist.
    pub(crate) fn is_v3(self) -> bool {
        self.info.get("output_matchtypes").is_some()
    }

    pub(crate) fn outputs(self) -> &'a [Value] {
        self.info.get("output").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn output_name(self, slot: usize) -> &'a str {
        self.info
            .get("output_name")
            .and_then(|names| names.get(slot))
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// The groups of inputs as declared: `required`, `optional`, `hidden`.
    pub(crate) fn inputs(self) -> Option<&'a Map<String, Value>> {
        self.info.get("input").and_then(Value::as_object)
    }

    pub(crate) fn input(self, name: &str) -> Option<InputSpec<'a>> {
        let groups = self.inputs()?;
        ["required", "optional"]
            .into_iter()
            .find_map(|group| groups.get(group)?.get(name).map(|spec| InputSpec { spec }))
    }

    /// Whether two nodes of the class never share a cached result.
    pub(crate) fn wants_its_own_id(self) -> bool {
        let hidden =
            self.inputs().and_then(|groups| groups.get("hidden")).and_then(Value::as_object);
        hidden.is_some_and(|hidden| hidden.values().any(|kind| kind == "UNIQUE_ID"))
    }
}

impl<'a> InputSpec<'a> {
    pub(crate) fn kind(self) -> &'a Value {
        self.spec.get(0).unwrap_or(&Value::Null)
    }

    pub(crate) fn option(self, name: &str) -> Option<&'a Value> {
        self.spec.get(1)?.get(name)
    }

    pub(crate) fn is_lazy(self) -> bool {
        self.option("lazy").and_then(Value::as_bool).unwrap_or(false)
    }

    fn choices(self) -> Option<&'a Vec<Value>> {
        self.kind().as_array().or_else(|| self.option("options")?.as_array())
    }
}

/// Adds the members that hold prose on a real server, in the form they have there when empty.
fn complete(info: &mut Value) {
    let outputs = info.get("output").and_then(Value::as_array).map_or(0, Vec::len);
    let Some(info) = info.as_object_mut() else { return };
    info.insert("description".to_owned(), json!(""));
    if info.contains_key("output_matchtypes") {
        info.insert("output_tooltips".to_owned(), json!(vec![Value::Null; outputs]));
        info.insert("price_badge".to_owned(), Value::Null);
        info.insert("search_aliases".to_owned(), Value::Null);
        info.insert("essentials_category".to_owned(), Value::Null);
    } else {
        info.insert("search_aliases".to_owned(), json!([]));
    }
}

/// A class description whose file choices are those of this server's own input folder.
fn with_files(class: &str, info: &Value, files: &[String]) -> Value {
    let mut info = info.clone();
    let (input, kinds): (&str, &[&str]) = match class {
        "LoadImage" | "LoadImageMask" => ("image", &["image"]),
        "LoadVideo" => ("file", &["video"]),
        "LoadAudio" => ("audio", &["audio", "video"]),
        _ => return info,
    };
    let is_wanted = |name: &&String| {
        let kind = folders::media_type(name).and_then(|media| media.split('/').next());
        kind.is_some_and(|kind| kinds.contains(&kind))
    };
    let choices: Value = files.iter().filter(is_wanted).cloned().collect();
    let Some(spec) = info.pointer_mut(&format!("/input/required/{input}")) else { return info };
    if spec.get(0).is_some_and(Value::is_array) {
        if let Some(list) = spec.get_mut(0) {
            *list = choices;
        }
    } else if let Some(options) = spec.get_mut(1).and_then(Value::as_object_mut) {
        options.insert("options".to_owned(), choices);
    }
    info
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_keep_all_sixty_four_bits() {
        let catalog = Catalog::shared().unwrap();
        let seed = catalog.class("KSampler").unwrap().input("seed").unwrap();
        assert_eq!(seed.option("max"), Some(&json!(u64::MAX)));
    }

    #[test]
    fn loaders_offer_what_is_in_the_input_folder() {
        let catalog = Catalog::shared().unwrap();
        let folders = Folders::prepare(None).unwrap();
        std::fs::write(folders.path(folders::Root::Input).join("mine.png"), b"").unwrap();
        std::fs::write(folders.path(folders::Root::Input).join("mine.mp4"), b"").unwrap();
        let info = catalog.object_info_of("LoadImage", &folders);
        assert_eq!(info["LoadImage"]["input"]["required"]["image"][0], json!(["mine.png"]));
        let info = catalog.object_info_of("LoadVideo", &folders);
        assert_eq!(
            info["LoadVideo"]["input"]["required"]["file"][1]["options"],
            json!(["mine.mp4"])
        );
    }
}

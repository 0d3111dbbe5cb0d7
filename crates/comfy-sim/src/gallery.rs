//! The workflows that the server offers: templates, blueprints of subgraphs, examples of packs.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// Which workflows a simulated server offers.
///
/// ```
/// use comfy_sim::{Gallery, SimOptions};
/// let old = SimOptions { gallery: Gallery::Absent, ..SimOptions::default() };
/// assert_ne!(old.gallery, Gallery::default());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Gallery {
    /// A few of its own, among them such that lack a model and a class of nodes.
    #[default]
    Own,
    /// Those of a folder with `templates/*.json`, `blueprints/*.json` and `packs/<pack>/*.json`, each of which may be
    /// missing. Its `index.json` is sent as it is, whatever stands in it; without one, an index of all templates is
    /// made. Files are read anew for every request.
    Folder(PathBuf),
    /// None, and no routes for them: as a server of before they existed, or one without the package of templates.
    Absent,
}

/// The own files by their paths below a folder of the layout above.
const OWN: &[(&str, &str)] = &[
    ("index.json", include_str!("../data/gallery/index.json")),
    ("index.mcp.json", include_str!("../data/gallery/index.mcp.json")),
    (
        "templates/sim_text_to_image.json",
        include_str!("../data/gallery/templates/sim_text_to_image.json"),
    ),
    (
        "templates/sim_missing_model.json",
        include_str!("../data/gallery/templates/sim_missing_model.json"),
    ),
    (
        "templates/sim_edit_image.json",
        include_str!("../data/gallery/templates/sim_edit_image.json"),
    ),
    (
        "templates/sim_missing_nodes.json",
        include_str!("../data/gallery/templates/sim_missing_nodes.json"),
    ),
    (
        "blueprints/Invert and Scale.json",
        include_str!("../data/gallery/blueprints/Invert and Scale.json"),
    ),
    (
        "packs/comfy-sim-example-pack/one_color.json",
        include_str!("../data/gallery/packs/comfy-sim-example-pack/one_color.json"),
    ),
];

impl Gallery {
    pub(crate) fn is_absent(&self) -> bool {
        *self == Self::Absent
    }

    /// What is served below `/templates`: an index or a template.
    pub(crate) fn template_asset(&self, file: &str) -> Option<Vec<u8>> {
        if !is_file_name(file) {
            return None;
        }
        if file.starts_with("index.") {
            return self.read(file).or_else(|| (file == "index.json").then(|| self.made_index()));
        }
        self.read(&format!("templates/{file}"))
    }

    /// One example of a pack.
    pub(crate) fn pack_example(&self, pack: &str, file: &str) -> Option<Vec<u8>> {
        let is_inside = is_file_name(pack) && is_file_name(file);
        is_inside.then(|| self.read(&format!("packs/{pack}/{file}")))?
    }

    /// `{pack: [name, …]}`.
    pub(crate) fn pack_examples(&self) -> Value {
        let mut packs = Map::new();
        for path in self.paths_below("packs/") {
            let Some((pack, name)) = path.split_once('/') else { continue };
            let names = packs.entry(pack).or_insert_with(|| json!([]));
            if let Value::Array(names) = names {
                names.push(json!(name));
            }
        }
        Value::Object(packs)
    }

    /// All blueprints by id, without their workflows.
    pub(crate) fn blueprints(&self) -> Value {
        let names = self.paths_below("blueprints/");
        let entries = names.into_iter().map(|name| (blueprint_id(&name), blueprint_entry(&name)));
        Value::Object(entries.collect())
    }

    /// One blueprint with the text of its file, or null.
    pub(crate) fn blueprint(&self, id: &str) -> Value {
        let names = self.paths_below("blueprints/");
        let name = names.into_iter().find(|name| blueprint_id(name) == id);
        let found = name.and_then(|name| {
            let text = String::from_utf8(self.read(&format!("blueprints/{name}.json"))?).ok()?;
            let mut entry = blueprint_entry(&name);
            entry.as_object_mut()?.insert("data".to_owned(), json!(text));
            Some(entry)
        });
        found.unwrap_or(Value::Null)
    }

    fn made_index(&self) -> Vec<u8> {
        let names = self.paths_below("templates/");
        let entries = names.iter().map(|name| json!({"name": name, "title": name}));
        let entries: Vec<Value> = entries.collect();
        let category = json!({"moduleName": "default", "title": "All", "templates": entries});
        json!([category]).to_string().into_bytes()
    }

    fn read(&self, path: &str) -> Option<Vec<u8>> {
        match self {
            Self::Own => {
                let (_, text) = OWN.iter().find(|(own, _)| *own == path)?;
                Some(text.as_bytes().to_vec())
            }
            Self::Folder(folder) => fs::read(folder.join(path)).ok(),
            Self::Absent => None,
        }
    }

    /// The files below a prefix in alphabetical order, without the prefix and `.json`.
    fn paths_below(&self, prefix: &str) -> Vec<String> {
        let paths: Vec<String> = match self {
            Self::Own => OWN.iter().map(|(path, _)| (*path).to_owned()).collect(),
            Self::Folder(folder) => {
                let below = folder.join(prefix);
                let found = files_below(&below).into_iter();
                found.map(|path| format!("{prefix}{path}")).collect()
            }
            Self::Absent => Vec::new(),
        };
        let names = paths
            .iter()
            .filter_map(|path| path.strip_prefix(prefix)?.strip_suffix(".json").map(str::to_owned));
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }
}

/// The files of a folder and of the folders in it.
fn files_below(folder: &Path) -> Vec<String> {
    let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found = Vec::new();
    for entry in entries(folder) {
        let Ok(name) = entry.file_name().into_string() else { continue };
        if !entry.path().is_dir() {
            found.push(name);
            continue;
        }
        let inner = entries(&entry.path()).filter_map(|inner| inner.file_name().into_string().ok());
        found.extend(inner.map(|inner| format!("{name}/{inner}")));
    }
    found
}

fn blueprint_id(name: &str) -> String {
    let digest = Sha256::digest(format!("templates/blueprints/{name}.json"));
    digest.iter().fold(String::new(), |id, byte| format!("{id}{byte:02x}"))
}

fn blueprint_entry(name: &str) -> Value {
    json!({"source": "templates", "name": name, "info": {"node_pack": "comfyui"}})
}

fn is_file_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\\', '\0'])
}

//! Writes what each target starts from: `seeds DIR` makes `DIR/<target>/<name>` of our own small
//! documents, and of ground truth where `MEDIAFACTORY_GROUND_TRUTH` says where that is.

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
};

use fuzz::{SEPARATOR, SMALL_CATALOG, ground_truth};

const API: &[u8] = include_bytes!("../seeds/api.json");
const REAL: &[u8] = include_bytes!("../seeds/real.json");
const UI: &[u8] = include_bytes!("../seeds/ui.json");
const SUBGRAPH: &[u8] = include_bytes!("../seeds/subgraph.json");
const PATCH: &[u8] = include_bytes!("../seeds/patch.json");
const MAPPING: &[u8] = include_bytes!("../seeds/mapping.json");
const VALUES: &[u8] =
    br#"{"NAME": "a {{b}}", "STYLE": "c", "NEGATIVE": "d", "prompt": "e", "steps": 4}"#;

/// A larger document slows every run that is made of it.
const SEED_BYTES_MAX: usize = 24_000;

struct Seeds {
    folder: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: seeds DIR")?;
    let seeds = Seeds { folder: folder.into() };
    seeds.own()?;
    if let Some(truth) = ground_truth() {
        seeds.from_ground_truth(&truth)?;
    }
    Ok(())
}

impl Seeds {
    fn own(&self) -> Result<(), Box<dyn Error>> {
        let catalog = SMALL_CATALOG.as_bytes();
        for (name, text) in [("api", API), ("real", REAL), ("ui", UI), ("catalog", catalog)] {
            self.write("json", name, &[text])?;
        }
        for (name, text) in [("api", API), ("real", REAL)] {
            self.write("workflow", name, &[text])?;
            self.write("lift", name, &[text])?;
            self.write("validate", name, &[text])?;
            self.write("placeholders", name, &[text, VALUES, MAPPING])?;
            self.write("patch", name, &[text, PATCH])?;
            self.write("diff_merge", name, &[text, API, REAL])?;
        }
        for (name, text) in [("ui", UI), ("subgraph", SUBGRAPH)] {
            self.write("ui", name, &[text])?;
            self.write("catalog", name, &[catalog, API, text])?;
        }
        self.write("catalog", "alone", &[catalog])
    }

    fn from_ground_truth(&self, truth: &Path) -> Result<(), Box<dyn Error>> {
        for part in ["ui", "legacy-ui", "changed-ui"] {
            for (name, text) in documents(&truth.join("corpus").join(part))? {
                self.write("ui", &name, &[&text])?;
            }
        }
        let mut previous = API.to_vec();
        for part in ["api", "legacy-api", "changed-api"] {
            for (name, text) in documents(&truth.join("corpus").join(part))? {
                for target in ["json", "workflow", "lift", "validate"] {
                    self.write(target, &name, &[&text])?;
                }
                self.write("placeholders", &name, &[&text, VALUES, MAPPING])?;
                self.write("patch", &name, &[&text, PATCH])?;
                self.write("diff_merge", &name, &[&text, &previous])?;
                previous = text;
            }
        }
        Ok(())
    }

    fn write(&self, target: &str, name: &str, documents: &[&[u8]]) -> Result<(), Box<dyn Error>> {
        let folder = self.folder.join(target);
        fs::create_dir_all(&folder)?;
        Ok(fs::write(folder.join(name), documents.join(&SEPARATOR))?)
    }
}

/// The small documents of a folder, with names that tell the folder.
fn documents(folder: &Path) -> Result<Vec<(String, Vec<u8>)>, Box<dyn Error>> {
    let part = folder.file_name().ok_or("a folder has a name")?.to_string_lossy().into_owned();
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let text = fs::read(entry.as_ref().map_err(ToString::to_string)?.path())?;
        if text.len() <= SEED_BYTES_MAX {
            found.push((format!("{part}-{}", entry?.file_name().to_string_lossy()), text));
        }
    }
    Ok(found)
}

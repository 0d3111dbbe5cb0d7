//! The folder with other people's workflows and a real server's answers.

use std::{fs, path::PathBuf};

use workflow_graph::{Json, Workflow};

/// The folder, or `None` after saying so: ground truth is not part of the repository.
#[expect(clippy::disallowed_methods, reason = "where the ground truth is, only the caller knows")]
pub(crate) fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("MEDIAFACTORY_GROUND_TRUTH").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: MEDIAFACTORY_GROUND_TRUTH does not say where the corpus is");
    }
    folder
}

/// The API workflows of a folder of the corpus, by name, in the order of their names.
pub(crate) fn api_workflows(part: &str) -> Vec<(String, Workflow)> {
    json_files(part)
        .into_iter()
        .map(|(name, json)| {
            let workflow = Workflow::from_json(&json).unwrap_or_else(|e| panic!("{name}: {e}"));
            (name, workflow)
        })
        .collect()
}

/// The JSON files of a folder of the corpus, by name, in the order of their names.
pub(crate) fn json_files(part: &str) -> Vec<(String, Json)> {
    let Some(folder) = folder() else { return Vec::new() };
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder.join(part)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |path: PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let json = Json::parse(&fs::read(&path).unwrap());
        (name.clone(), json.unwrap_or_else(|error| panic!("{name}: {error}")))
    };
    files.into_iter().map(read).collect()
}

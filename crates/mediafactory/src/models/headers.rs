//! What model files hold, by their headers, where this machine can read them.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use model_registry::memory::{MemoryError, TensorTable, WeightFiles};

use super::inventory::base_name;
use crate::{
    error::{Error, FailureCode},
    failure::with_causes,
};

/// The kind of file whose header says what it holds.
const EXTENSION: &str = "safetensors";

/// The names of folders that ComfyUI has two of, for the same files.
const TWINS: [(&str, &str); 2] = [("diffusion_models", "unet"), ("text_encoders", "clip")];

/// Enough for the length of a header, which the file begins with.
const FIRST_BYTES: u64 = 8;

/// Adds the headers of these files, each given with its folder as the server lists it. A file that
/// cannot be read is noted; what the server tells of it stands.
pub(super) async fn read(
    root: PathBuf,
    files: Vec<(String, String)>,
    weights: &mut WeightFiles,
    notes: &mut Vec<String>,
) -> Result<(), Error> {
    let reading = tokio::task::spawn_blocking(move || {
        let of_file = |(folder, name): (String, String)| {
            let table = header(&root, &folder, &name);
            (folder, name, table)
        };
        let readable = files.into_iter().filter(|(_, name)| {
            Path::new(name).extension().is_some_and(|extension| extension == EXTENSION)
        });
        readable.map(of_file).collect::<Vec<_>>()
    });
    let tables = reading.await.map_err(|error| {
        Error::new(FailureCode::StorageFailed, "the headers of model files were not read")
            .with_source(error)
    })?;
    for (folder, name, table) in tables {
        match table {
            Ok((bytes, table)) => {
                weights.insert_table(&folder, base_name(&name), bytes, table.clone());
                weights.insert_table(&folder, &name, bytes, table);
            }
            Err(why) => notes.push(format!("the header of {folder}/{name} was not read: {why}")),
        }
    }
    Ok(())
}

fn header(root: &Path, folder: &str, name: &str) -> Result<(u64, TensorTable), String> {
    let file = located(root, folder, name)?;
    let told = |error: io::Error| format!("{}: {error}", file.display());
    let about = fs::metadata(&file).map_err(told)?;
    // Opening a pipe would wait for whoever writes into it.
    if !about.is_file() {
        return Err(format!("{} is no file", file.display()));
    }
    let opened = File::open(&file).map_err(told)?;
    let mut beginning = Vec::new();
    (&opened).take(FIRST_BYTES).read_to_end(&mut beginning).map_err(told)?;
    // How much more there is to read is told, unless the file is no safetensors at all.
    if let Err(MemoryError::HeaderCut { needed, given }) = TensorTable::parse(&beginning) {
        let rest = needed.saturating_sub(given);
        (&opened).take(rest).read_to_end(&mut beginning).map_err(told)?;
    }
    let table = TensorTable::parse(&beginning).map_err(|error| with_causes(&error))?;
    Ok((about.len(), table))
}

/// Where a file lies under the root, links resolved.
fn located(root: &Path, folder: &str, name: &str) -> Result<PathBuf, String> {
    let whole = |path: &Path| {
        fs::canonicalize(path).map_err(|error| format!("{}: {error}", path.display()))
    };
    let root = whole(root)?;
    let name: PathBuf = name.split(['/', '\\']).collect();
    let twin = TWINS.iter().find(|(first, _)| *first == folder).map(|(_, second)| *second);
    let mut places = [Some(folder), twin].into_iter().flatten().map(|place| {
        let file = whole(&root.join(place).join(&name))?;
        if file.starts_with(&root) {
            return Ok(file);
        }
        Err(format!("{} lies outside of {}", file.display(), root.display()))
    });
    let first = places.next().unwrap_or_else(|| Err("it has no folder".to_owned()));
    first.or_else(|why| places.find_map(Result::ok).ok_or(why))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of one tensor with four numbers of 16 bits.
    fn small() -> Vec<u8> {
        let text = br#"{"w":{"dtype":"F16","shape":[2,2],"data_offsets":[0,8]}}"#;
        let length = u64::try_from(text.len()).unwrap().to_le_bytes();
        [&length[..], text, &[0; 8]].concat()
    }

    async fn read_one(root: &Path, folder: &str, name: &str) -> (WeightFiles, Vec<String>) {
        let (mut weights, mut notes) = (WeightFiles::default(), Vec::new());
        let files = vec![(folder.to_owned(), name.to_owned())];
        read(root.to_owned(), files, &mut weights, &mut notes).await.unwrap();
        (weights, notes)
    }

    #[tokio::test]
    async fn a_header_is_read_from_the_folder_or_its_twin_and_from_below() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["vae/deep", "clip"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
            fs::write(root.path().join(folder).join("a.safetensors"), small()).unwrap();
        }
        let whole = u64::try_from(small().len()).unwrap();
        let (weights, notes) = read_one(root.path(), "vae", "deep\\a.safetensors").await;
        assert_eq!(weights.bytes("vae", "deep\\a.safetensors"), Some(whole), "{notes:?}");
        assert_eq!(weights.bytes("vae", "a.safetensors"), Some(whole));
        let (weights, _) = read_one(root.path(), "text_encoders", "a.safetensors").await;
        assert_eq!(weights.bytes("text_encoders", "a.safetensors"), Some(whole));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn what_cannot_be_read_is_noted() {
        let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (vae, other) = (root.path().join("vae"), outside.path().join("o.safetensors"));
        fs::create_dir(&vae).unwrap();
        fs::write(&other, small()).unwrap();
        std::os::unix::fs::symlink(&other, vae.join("link.safetensors")).unwrap();
        fs::create_dir(vae.join("folder.safetensors")).unwrap();
        fs::write(vae.join("cut.safetensors"), &small()[..20]).unwrap();
        fs::write(vae.join("empty.safetensors"), []).unwrap();
        for (name, expected) in [
            ("link.safetensors", "lies outside of"),
            ("../../o.safetensors", "o.safetensors"),
            ("folder.safetensors", "is no file"),
            ("cut.safetensors", "header"),
            ("empty.safetensors", "header"),
            ("none.safetensors", "No such file"),
        ] {
            let (weights, notes) = read_one(root.path(), "vae", name).await;
            assert_eq!(weights, WeightFiles::default());
            assert!(notes.len() == 1 && notes[0].contains(expected), "{name}: {notes:?}");
        }
        // A file of another kind has no header, and none is missed.
        let (_, notes) = read_one(root.path(), "vae", "a.ckpt").await;
        assert_eq!(notes, Vec::<String>::new());
    }
}

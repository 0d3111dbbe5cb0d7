//! What is known of the sizes of files.

use std::collections::HashMap;

use super::tensors::{Dtype, Part, Sums, TensorTable};
use crate::resolve::file_name;

/// The files of a server with their sizes, as far as anybody could look.
///
/// ```
/// use model_registry::memory::WeightFiles;
/// let mut files = WeightFiles::default();
/// files.insert("diffusion_models", "fox_1_bf16.safetensors", 12_000_000_000);
/// assert_eq!(files.bytes("diffusion_models", "fox_1_bf16.safetensors"), Some(12_000_000_000));
/// assert_eq!(files.bytes("vae", "fox_1_bf16.safetensors"), None);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WeightFiles {
    files: HashMap<(String, String), File>,
}

#[derive(Clone, Debug, PartialEq)]
struct File {
    bytes: u64,
    tensors: Option<TensorTable>,
}

impl WeightFiles {
    /// A file whose size is known. `name` may have subfolders before it, as the server lists it.
    pub fn insert(&mut self, folder: &str, name: &str, bytes: u64) {
        let key = (folder.to_owned(), name.to_owned());
        self.files.insert(key, File { bytes, tensors: None });
    }

    /// A file whose header was read, with its size.
    pub fn insert_table(&mut self, folder: &str, name: &str, bytes: u64, tensors: TensorTable) {
        let key = (folder.to_owned(), name.to_owned());
        self.files.insert(key, File { bytes, tensors: Some(tensors) });
    }

    /// How large a file is, where that is known.
    pub fn bytes(&self, folder: &str, name: &str) -> Option<u64> {
        self.get(folder, name).map(|file| file.bytes)
    }

    pub(super) fn sums(&self, folder: &str, name: &str, part: Part) -> Option<Sums> {
        self.get(folder, name)?.tensors.as_ref().map(|tensors| tensors.sums(part))
    }

    fn get(&self, folder: &str, name: &str) -> Option<&File> {
        self.files.get(&(folder.to_owned(), name.to_owned()))
    }
}

/// The type of the weights that the name of a file tells, and whether they are stored with
/// scales beside them.
pub(super) fn told_by_name(name: &str) -> Option<(Dtype, bool)> {
    let name = file_name(name).to_ascii_lowercase();
    let has = |part: &str| name.contains(part);
    if ["scaled", "mixed", "nvfp4", "mxfp8", "int8", "int4", "convrot", ".gguf"]
        .iter()
        .any(|part| has(part))
    {
        return Some((Dtype::F8, true));
    }
    let types = [
        ("fp8", Dtype::F8),
        ("e4m3", Dtype::F8),
        ("e5m2", Dtype::F8),
        ("bf16", Dtype::Bf16),
        ("fp16", Dtype::F16),
        ("fp32", Dtype::F32),
    ];
    types.into_iter().find(|(part, _)| has(part)).map(|(_, dtype)| (dtype, false))
}

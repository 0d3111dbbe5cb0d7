//! The data that a bench loads.

use std::{fs, path::Path};

/// Every file of a folder of the repository with its text.
pub(crate) fn texts(folder: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder);
    let text = |file: fs::DirEntry| {
        let text = fs::read_to_string(file.path()).expect("a text");
        (file.file_name().into_string().expect("a plain name"), text)
    };
    fs::read_dir(folder).expect("the folder").map(|file| text(file.expect("a file"))).collect()
}

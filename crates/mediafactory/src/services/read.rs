//! Reading files of JSON that stay in their folder.

use std::{
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
};

use workflow_graph::{Json, Workflow};

use crate::workflows;

/// Far more than a list of services or a workflow without pictures in it has. All of them are kept,
/// so it is less than a workflow may have that is sent once.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// A folder that what is read stays in, wherever links lead.
pub(super) struct Root(PathBuf);

impl Root {
    pub(super) fn new(folder: &Path) -> Result<Self, String> {
        let is_here = folder.as_os_str().is_empty();
        let folder = if is_here { Path::new(".") } else { folder };
        let whole = fs::canonicalize(folder);
        whole.map(Self).map_err(|error| format!("cannot read {}: {error}", folder.display()))
    }

    /// The file itself, links resolved, when it lies in the folder.
    pub(super) fn file(&self, path: &Path) -> Result<PathBuf, String> {
        let shown = path.display();
        let file = fs::canonicalize(self.0.join(path))
            .map_err(|error| format!("cannot read {shown}: {error}"))?;
        if file.starts_with(&self.0) {
            return Ok(file);
        }
        Err(format!("{shown} lies outside of {}, from where nothing is read", self.0.display()))
    }
}

/// The text of a file, without its name in what is wrong with it.
pub(crate) fn text(file: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |error| format!("cannot be read: {error}");
    // Opening a pipe would wait for whoever writes into it.
    if !fs::metadata(file).map_err(unreadable)?.is_file() {
        return Err("is no file".to_owned());
    }
    let mut text = Vec::new();
    let opened = File::open(file).map_err(unreadable)?;
    opened.take(FILE_BYTES_MAX + 1).read_to_end(&mut text).map_err(unreadable)?;
    if u64::try_from(text.len()).is_ok_and(|bytes| bytes > FILE_BYTES_MAX) {
        return Err(format!("has more than {FILE_BYTES_MAX} bytes"));
    }
    Ok(text)
}

/// A workflow in API format, also where it is the body of a request.
pub(super) fn workflow(file: &Path) -> Result<Workflow, String> {
    let json = Json::parse(&text(file)?).map_err(|error| error.to_string())?;
    let found = workflows::recognize(json).map_err(|error| error.to_string())?;
    let api = found.api.ok_or("is in UI format; export it from ComfyUI in API format")?;
    workflows::api(&api).map_err(|error| error.to_string())
}

//! The three folders of a server, and how names from outside become paths inside them.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use crate::SimError;

/// Which of the three folders a file is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Root {
    Input,
    Output,
    Temp,
}

impl Root {
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "input" => Some(Self::Input),
            "output" => Some(Self::Output),
            "temp" => Some(Self::Temp),
            _ => None,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Output => "output",
            Self::Temp => "temp",
        }
    }
}

/// Where the server keeps its files. The last copy removes a temporary folder.
#[derive(Clone, Debug)]
pub(crate) struct Folders {
    base: PathBuf,
    _kept: Option<Arc<tempfile::TempDir>>,
}

impl Folders {
    pub(crate) fn prepare(storage: Option<&Path>) -> Result<Self, SimError> {
        let folders = match storage {
            Some(base) => Self { base: base.to_owned(), _kept: None },
            None => {
                let kept = tempfile::Builder::new()
                    .prefix("comfy-sim-")
                    .tempdir()
                    .map_err(|source| SimError::Storage { path: std::env::temp_dir(), source })?;
                Self { base: kept.path().to_owned(), _kept: Some(Arc::new(kept)) }
            }
        };
        for root in [Root::Input, Root::Output, Root::Temp] {
            let path = folders.path(root);
            std::fs::create_dir_all(&path).map_err(|source| SimError::Storage { path, source })?;
        }
        folders.empty_temp();
        Ok(folders)
    }

    pub(crate) fn base(&self) -> &Path {
        &self.base
    }

    pub(crate) fn path(&self, root: Root) -> PathBuf {
        self.base.join(root.name())
    }

    /// What a start and a restart do: temporary files do not survive them.
    pub(crate) fn empty_temp(&self) {
        let temp = self.path(Root::Temp);
        if let Err(error) =
            std::fs::remove_dir_all(&temp).and_then(|()| std::fs::create_dir_all(&temp))
        {
            tracing::warn!(%error, folder = %temp.display(), "temporary files could not be removed");
        }
    }

    /// The path of `relative` below a root, or nothing when it would leave the root.
    pub(crate) fn inside(&self, root: Root, relative: &str) -> Option<PathBuf> {
        let base = self.path(root);
        let path = normalized(&base.join(relative));
        (path.starts_with(&base) && !leaves_through_a_link(&base, &path)).then_some(path)
    }

    /// The file that a loader node's value names, such as `a.png`, `sub/a.png` or `a.png [output]`.
    pub(crate) fn annotated(&self, value: &str) -> Option<PathBuf> {
        let (name, root) = split_annotation(value);
        self.inside(root.unwrap_or(Root::Input), name)
    }

    /// The names of the files at the top of the input folder, sorted.
    pub(crate) fn input_files(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.path(Root::Input)) else { return Vec::new() };
        let mut names: Vec<String> = entries
            .filter_map(Result::ok)
            .filter(|entry| entry.path().is_file())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort_unstable();
        names
    }
}

/// Splits a suffix such as ` [output]` off a file name.
pub(crate) fn split_annotation(value: &str) -> (&str, Option<Root>) {
    for root in [Root::Output, Root::Input, Root::Temp] {
        if let Some(rest) = value.strip_suffix(&format!("[{}]", root.name())) {
            // The real server cuts one more letter, which it takes to be the space.
            let mut name = rest.chars();
            name.next_back();
            return (name.as_str(), Some(root));
        }
    }
    (value, None)
}

/// Resolves `.` and `..` without looking at the disk.
fn normalized(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => out.push(part),
        }
    }
    out
}

/// Whether the part of `path` that exists resolves to somewhere outside `base`.
fn leaves_through_a_link(base: &Path, path: &Path) -> bool {
    let Ok(base) = base.canonicalize() else { return true };
    path.ancestors()
        .find_map(|part| part.canonicalize().ok())
        .is_none_or(|real| !real.starts_with(&base))
}

/// The media type that a file name's extension stands for.
pub(crate) fn media_type(name: &str) -> Option<&'static str> {
    let (_, extension) = name.rsplit_once('.')?;
    Some(match extension.to_ascii_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "bmp" => "image/bmp",
        "tif" | "tiff" => "image/tiff",
        "svg" => "image/svg+xml",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "mov" => "video/quicktime",
        "mkv" => "video/x-matroska",
        "mp3" => "audio/mpeg",
        "wav" => "audio/x-wav",
        "flac" => "audio/flac",
        "ogg" => "audio/ogg",
        "glb" => "model/gltf-binary",
        "json" => "application/json",
        "txt" => "text/plain",
        "html" | "htm" => "text/html",
        "js" => "text/javascript",
        "css" => "text/css",
        "xml" => "text/xml",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_root() {
        let folders = Folders::prepare(None).unwrap();
        assert!(folders.inside(Root::Output, "../output-evil/x").is_none());
        assert!(folders.inside(Root::Output, "a/../../x").is_none());
        assert!(folders.inside(Root::Output, "/etc/passwd").is_none());
        assert_eq!(
            folders.inside(Root::Output, "a/../b"),
            Some(folders.path(Root::Output).join("b"))
        );
    }

    #[test]
    fn an_annotation_chooses_the_root() {
        assert_eq!(split_annotation("a.png [output]"), ("a.png", Some(Root::Output)));
        assert_eq!(split_annotation("a.png"), ("a.png", None));
    }
}

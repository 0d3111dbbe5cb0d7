//! Workflows out of files: saved JSON, and the metadata of pictures and films.

use std::path::{Path, PathBuf};

use assets::AssetId;
use workflow_graph::Json;

use super::{
    metadata::{self, Texts},
    mp4, read, recognize,
};
use crate::{
    error::{Error, FailureCode},
    factory::Factory,
    failure,
};

/// The largest file that is looked into.
const FILE_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// A workflow that came in a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// What the file is.
    pub container: Container,
    /// The workflow as a server runs it, when it is there.
    pub api: Option<Json>,
    /// The workflow as the front end saves it, when it is there.
    pub ui: Option<Json>,
    /// What is there and could not be used, in sentences.
    pub notes: Vec<String>,
}

/// What a workflow came in.
///
/// ```
/// use mediafactory::workflows::Container;
/// assert_eq!(Container::Png.as_str(), "png");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Container {
    /// A JSON file: a workflow of either format, a request body, an entry of the history.
    Json,
    /// A PNG picture.
    Png,
    /// A WebP picture.
    WebP,
    /// A JPEG picture.
    Jpeg,
    /// A film in MP4 or MOV.
    Mp4,
    /// The record of an asset that was made here.
    Asset,
}

/// Takes the workflows out of a file's bytes. Whatever is in them is a stranger's data.
///
/// ```
/// use mediafactory::workflows::{Container, import};
/// let found = import(br#"{"1": {"class_type": "SaveImage", "inputs": {}}}"#)?;
/// assert_eq!(found.container, Container::Json);
/// assert!(found.api.is_some() && found.ui.is_none());
/// # Ok::<(), mediafactory::Error>(())
/// ```
pub fn import(bytes: &[u8]) -> Result<Imported, Error> {
    if bytes.starts_with(metadata::PNG_SIGNATURE) {
        return of_texts(Container::Png, metadata::of_png(bytes));
    }
    if metadata::is_webp(bytes) {
        return of_texts(Container::WebP, metadata::of_webp(bytes));
    }
    if bytes.starts_with(metadata::JPEG_SIGNATURE) {
        return of_texts(Container::Jpeg, metadata::of_jpeg(bytes));
    }
    if mp4::is_mp4(bytes) {
        return of_texts(Container::Mp4, mp4::of_mp4(bytes));
    }
    let text = bytes.trim_ascii_start();
    if !text.starts_with(b"{") && !text.starts_with(b"[") {
        return Err(failure::argument("the file is of no kind that workflows are read from")
            .with_hint("workflows are read from JSON, and from PNG, WebP, JPEG and MP4 metadata"));
    }
    let found = recognize(read(bytes)?)?;
    Ok(Imported { container: Container::Json, api: found.api, ui: found.ui, notes: Vec::new() })
}

impl Factory {
    /// The workflow of an asset: as it was sent, and as its file has it embedded.
    pub async fn import_asset(&self, id: &AssetId) -> Result<Imported, Error> {
        let asset = self.asset(id).await?;
        let bytes = self.asset_bytes(id).await?;
        let embedded = import(&bytes).ok().and_then(|imported| imported.ui);
        let api = Some(asset.origin.workflow).filter(|workflow| !workflow.is_null());
        Ok(Imported { container: Container::Asset, api, ui: embedded, notes: Vec::new() })
    }

    /// The workflow in a file of this machine. Only files in the folders of the setting
    /// `import_dirs` are read, wherever links in the path may lead.
    pub async fn import_file(&self, path: &Path) -> Result<Imported, Error> {
        let roots = &self.parts.config.import_dirs;
        let file = allowed(path, roots).await?;
        let facts = tokio::fs::metadata(&file).await.map_err(|error| unreadable(path, &error))?;
        if !facts.is_file() {
            return Err(failure::argument(format!("{} is no file", path.display())));
        }
        if facts.len() > FILE_BYTES_MAX {
            let message = format!("{} has more than {FILE_BYTES_MAX} bytes", path.display());
            return Err(Error::new(FailureCode::LimitExceeded, message));
        }
        let bytes = tokio::fs::read(&file).await.map_err(|error| unreadable(path, &error))?;
        import(&bytes)
    }
}

impl Imported {
    /// `{container, workflow, ui_workflow, notes}`; the workflows are null where they are absent.
    pub fn to_json(&self) -> Json {
        let notes = self.notes.iter().map(|note| Json::from(note.as_str())).collect();
        Json::object([
            ("container", Json::from(self.container.as_str())),
            ("workflow", self.api.clone().unwrap_or_default()),
            ("ui_workflow", self.ui.clone().unwrap_or_default()),
            ("notes", Json::Array(notes)),
        ])
    }
}

impl Container {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Png => "png",
            Self::WebP => "webp",
            Self::Jpeg => "jpeg",
            Self::Mp4 => "mp4",
            Self::Asset => "asset",
        }
    }
}

fn of_texts(container: Container, texts: Texts) -> Result<Imported, Error> {
    let mut notes = Vec::new();
    let mut parsed = |name: &str, text: Option<String>| {
        let json = Json::parse(text?.as_bytes());
        json.map_err(|error| notes.push(format!("`{name}` is there, but does not read: {error}")))
            .ok()
    };
    let mut imported = Imported { container, api: None, ui: None, notes: Vec::new() };
    let texts_there = [parsed("prompt", texts.prompt), parsed("workflow", texts.workflow)];
    for json in texts_there.into_iter().flatten() {
        match recognize(json) {
            Ok(found) => {
                imported.api = imported.api.or(found.api);
                imported.ui = imported.ui.or(found.ui);
            }
            Err(error) => notes.push(error.to_string()),
        }
    }
    if texts.compressed {
        notes.push(
            "there are compressed texts, which ComfyUI does not write; they are not read"
                .to_owned(),
        );
    }
    if imported.api.is_none() && imported.ui.is_none() {
        let kind = container.as_str();
        let why = if notes.is_empty() { String::new() } else { format!(": {}", notes.join("; ")) };
        return Err(failure::argument(format!("the {kind} file has no workflow{why}")).with_hint(
            "metadata is lost when a file is edited, converted or sent by a messenger; use it as \
             ComfyUI saved it",
        ));
    }
    imported.notes = notes;
    Ok(imported)
}

/// The file itself, links resolved, when it lies below one of the folders.
async fn allowed(path: &Path, roots: &[PathBuf]) -> Result<PathBuf, Error> {
    let forbidden = |message: String| {
        let hint = match roots {
            [] => "set `import_dirs` to the folders that files may be read from".to_owned(),
            roots => {
                let names: Vec<_> = roots.iter().map(|root| root.display().to_string()).collect();
                format!("files are read from {}", names.join(", "))
            }
        };
        Error::new(FailureCode::Forbidden, message).with_hint(hint)
    };
    for root in roots {
        let Ok(root) = tokio::fs::canonicalize(root).await else { continue };
        // An absolute path stands for itself.
        if let Ok(file) = tokio::fs::canonicalize(root.join(path)).await
            && file.starts_with(&root)
        {
            return Ok(file);
        }
    }
    // Whether the file exists elsewhere is nobody's business.
    Err(forbidden(format!("there is no file {} that may be read", path.display())))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    failure::argument(format!("cannot read {}: {error}", path.display()))
}

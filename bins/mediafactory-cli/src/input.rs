//! Reading what people hand over: a file, or `-` for stdin.

use std::path::Path;

use mediafactory::{
    FailureCode, Json,
    workflows::{Container, Found, Imported, import, recognize},
};
use tokio::{
    fs::File,
    io::{AsyncRead, AsyncReadExt as _},
};

use crate::failure::Failure;

/// More than any workflow has: the largest known ones, with pictures inside, stay below a tenth.
const WORKFLOW_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// More than most pictures and films have that a workflow is taken from.
const MEDIA_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// More than any server answers: one with every known pack has a fifth of it.
const DEFINITIONS_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// More than any model reads of a prompt, and little enough to be kept with every picture.
const PROMPT_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// A JSON file.
pub(crate) async fn workflow(path: &Path) -> Result<Json, Failure> {
    parsed(path, &bytes(path, WORKFLOW_BYTES_MAX).await?)
}

/// The workflow of a JSON file, a picture or a film: in API format where it is there in both.
pub(crate) async fn api_or_ui(path: &Path) -> Result<Json, Failure> {
    let Imported { api, ui, .. } = found(path).await?;
    Ok(api.or(ui).unwrap_or_default())
}

/// The same, but in UI format where it is there in both.
pub(crate) async fn ui_or_api(path: &Path) -> Result<Json, Failure> {
    let Imported { api, ui, .. } = found(path).await?;
    Ok(ui.or(api).unwrap_or_default())
}

/// Node classes as a server answers on `/object_info`.
pub(crate) async fn definitions(path: &Path) -> Result<Vec<u8>, Failure> {
    bytes(path, DEFINITIONS_BYTES_MAX).await
}

async fn found(path: &Path) -> Result<Imported, Failure> {
    let bytes = bytes(path, MEDIA_BYTES_MAX).await?;
    // What is text is told by the reader of JSON, which names the place of a mistake.
    let is_text = bytes.trim_ascii_start().first().is_some_and(u8::is_ascii_graphic);
    if !is_text || bytes.starts_with(b"RIFF") {
        return Ok(import(&bytes)?);
    }
    if u64::try_from(bytes.len()).is_ok_and(|length| length > WORKFLOW_BYTES_MAX) {
        let what = path.display().to_string();
        return Err(Failure::TooLarge { what, bytes_max: WORKFLOW_BYTES_MAX });
    }
    let json = parsed(path, &bytes)?;
    // What is no workflow goes on as it is: who uses it says what it should have been.
    let found = match recognize(json.clone()) {
        Ok(found) => found,
        Err(error) if error.code() == FailureCode::LimitExceeded => return Err(error.into()),
        Err(_) => Found { api: Some(json), ui: None },
    };
    Ok(Imported { container: Container::Json, api: found.api, ui: found.ui, notes: Vec::new() })
}

async fn bytes(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Failure> {
    let bytes = if path == Path::new("-") {
        bounded(tokio::io::stdin(), "stdin", bytes_max).await?
    } else {
        let what = path.display().to_string();
        let file = File::open(path).await;
        let file = file.map_err(|source| Failure::Unreadable { what: what.clone(), source })?;
        bounded(file, &what, bytes_max).await?
    };
    if bytes.trim_ascii().is_empty() {
        return Err(Failure::Empty { path: path.to_owned() });
    }
    Ok(bytes)
}

fn parsed(path: &Path, bytes: &[u8]) -> Result<Json, Failure> {
    Json::parse(bytes)
        .map_err(|error| Failure::NotJson { path: path.to_owned(), source: Box::new(error) })
}

/// A prompt: the text itself, or stdin for `-`. An argument of a process has at most 128 KiB on
/// Linux, so a longer prompt has no other way in.
pub(crate) async fn prompt(text: String) -> Result<String, Failure> {
    if text != "-" {
        return Ok(text);
    }
    let bytes = bounded(tokio::io::stdin(), "the prompt on stdin", PROMPT_BYTES_MAX).await?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::usage("the prompt on stdin is not valid UTF-8"))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

async fn bounded(
    from: impl AsyncRead + Unpin,
    what: &str,
    bytes_max: u64,
) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = from.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes).await;
    read.map_err(|source| Failure::Unreadable { what: what.to_owned(), source })?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > bytes_max) {
        return Err(Failure::TooLarge { what: what.to_owned(), bytes_max });
    }
    Ok(bytes)
}

//! Uploads: pictures as they are, and masks that are put onto a picture.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::multipart::MultipartRejection;
use axum::extract::{Multipart, State};
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use serde_json::{Value, json};

use super::{blocking, empty, reply};
use crate::folders::{Folders, Root, split_annotation};
use crate::png_file::{self, Pixels};
use crate::server::Server;

/// How many names with a number are tried before giving up.
const RENAMES_MAX: u32 = 100_000;

/// The fields of an upload that the server looks at.
#[derive(Default)]
struct Form {
    image: Option<(String, Bytes)>,
    image_is_text: bool,
    root: Option<String>,
    subfolder: String,
    overwrite: bool,
    original: Option<String>,
}

pub(super) async fn image(
    State(server): State<Arc<Server>>,
    form: Result<Multipart, MultipartRejection>,
) -> Response {
    match Form::read(form, server.options.body_bytes_max).await {
        Ok(form) => {
            blocking(move || {
                store(&server.folders, &form, |path, image| fs::write(path, image).map_err(|_| ()))
            })
            .await
        }
        Err(response) => response,
    }
}

pub(super) async fn mask(
    State(server): State<Arc<Server>>,
    form: Result<Multipart, MultipartRejection>,
) -> Response {
    match Form::read(form, server.options.body_bytes_max).await {
        Ok(form) => {
            blocking(move || {
                let folders = &server.folders;
                store(folders, &form, |path, mask| {
                    put_onto_original(folders, form.original.as_deref(), path, mask)
                })
            })
            .await
        }
        Err(response) => response,
    }
}

impl Form {
    async fn read(
        form: Result<Multipart, MultipartRejection>,
        limit: usize,
    ) -> Result<Self, Response> {
        // Without a multipart body there is no image, which is a bad request.
        let Ok(mut fields) = form else { return Err(empty(StatusCode::BAD_REQUEST)) };
        let mut form = Self::default();
        let too_large = || {
            let words = format!(
                "Maximum request body size {limit} exceeded, actual body size over {limit}"
            );
            reply::text(StatusCode::PAYLOAD_TOO_LARGE, &words)
        };
        let failed = |error: axum::extract::multipart::MultipartError| {
            if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
                too_large()
            } else {
                reply::in_trouble()
            }
        };
        while let Some(field) = fields.next_field().await.map_err(failed)? {
            let name = field.name().unwrap_or_default().to_owned();
            let filename = field.file_name().map(str::to_owned);
            let bytes = field.bytes().await.map_err(failed)?;
            let text = || String::from_utf8_lossy(&bytes).into_owned();
            match (name.as_str(), filename) {
                ("image", Some(filename)) => form.image = Some((filename, bytes)),
                ("image", None) => form.image_is_text = !bytes.is_empty(),
                ("type", _) => form.root = Some(text()),
                ("subfolder", _) => form.subfolder = text(),
                ("overwrite", _) => form.overwrite = matches!(text().as_str(), "true" | "1"),
                ("original_ref", _) => form.original = Some(text()),
                _ => {}
            }
        }
        Ok(form)
    }
}

fn store(
    folders: &Folders,
    form: &Form,
    save: impl FnOnce(&Path, &[u8]) -> Result<(), ()>,
) -> Response {
    let Some(root) = Root::from_name(form.root.as_deref().unwrap_or("input")) else {
        return reply::in_trouble();
    };
    if form.image_is_text {
        return reply::in_trouble();
    }
    let Some((filename, image)) = form.image.as_ref().filter(|(filename, _)| !filename.is_empty())
    else {
        return empty(StatusCode::BAD_REQUEST);
    };
    let relative = if form.subfolder.is_empty() {
        filename.clone()
    } else {
        format!("{}/{filename}", form.subfolder)
    };
    let place = folders.inside(root, &form.subfolder).zip(folders.inside(root, &relative));
    let is_absolute = form.subfolder.starts_with('/') || filename.starts_with('/');
    let Some((folder, path)) = place.filter(|_| !is_absolute) else {
        return empty(StatusCode::BAD_REQUEST);
    };
    if fs::create_dir_all(&folder).is_err() {
        return reply::in_trouble();
    }
    let (name, path, is_there) = if form.overwrite {
        (filename.clone(), path, false)
    } else {
        free_name(&folder, filename, path, image)
    };
    if !is_there && save(&path, image).is_err() {
        return reply::in_trouble();
    }
    reply::json(&json!({"name": name, "subfolder": form.subfolder, "type": root.name()}))
}

/// A name that is not taken, or one whose file has the same content already.
fn free_name(
    folder: &Path,
    filename: &str,
    path: PathBuf,
    image: &[u8],
) -> (String, PathBuf, bool) {
    let (stem, extension) = match filename.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => (stem, format!(".{extension}")),
        _ => (filename, String::new()),
    };
    let (mut name, mut path) = (filename.to_owned(), path);
    for number in 1..RENAMES_MAX {
        if !path.exists() {
            return (name, path, false);
        }
        if fs::read(&path).is_ok_and(|stored| stored == image) {
            return (name, path, true);
        }
        name = format!("{stem} ({number}){extension}");
        path = folder.join(&name);
    }
    (name, path, false)
}

/// Gives the original the transparency of the mask. A reference to nothing writes nothing and is no error: the real
/// server does not look at what this step returns.
fn put_onto_original(
    folders: &Folders,
    original: Option<&str>,
    path: &Path,
    mask: &[u8],
) -> Result<(), ()> {
    let reference: Value = serde_json::from_str(original.ok_or(())?).map_err(|_| ())?;
    let filename = reference.get("filename").and_then(Value::as_str).ok_or(())?;
    let (filename, annotated) = split_annotation(filename);
    if filename.is_empty() || filename.starts_with('/') || filename.contains("..") {
        return Ok(());
    }
    let kind = reference.get("type").and_then(Value::as_str).unwrap_or("output");
    let Some(root) = annotated.or_else(|| Root::from_name(kind)) else { return Ok(()) };
    let subfolder = reference.get("subfolder").and_then(Value::as_str).unwrap_or_default();
    let Some(file) =
        folders.inside(root, format!("{subfolder}/{filename}").trim_start_matches('/'))
    else {
        return Ok(());
    };
    let Ok(original) = fs::read(file) else { return Ok(()) };
    let mut picture = image::load_from_memory(&original).map_err(|_| ())?.to_rgba8();
    let mask = image::load_from_memory(mask).map_err(|_| ())?.to_rgba8();
    if mask.dimensions() != picture.dimensions() {
        return Err(());
    }
    for (pixel, mask) in picture.pixels_mut().zip(mask.pixels()) {
        let ([.., alpha], [.., wanted]) = (&mut pixel.0, mask.0);
        *alpha = wanted;
    }
    let pixels =
        Pixels { size: picture.dimensions(), color: png::ColorType::Rgba, bytes: picture.as_raw() };
    png_file::write(path, &pixels, &png_file::texts(&original)).map_err(|_| ())
}

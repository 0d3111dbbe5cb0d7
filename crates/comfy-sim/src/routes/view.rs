//! `GET /view`: files of the three folders, as they are or encoded anew.

use std::collections::HashMap;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageFormat, Rgba, RgbaImage};

use super::{blocking, empty, reply};
use crate::folders::{Folders, Root, media_type, split_annotation};
use crate::server::Server;

const JPEG_QUALITY: u8 = 90;

/// Types that a browser would run rather than show; they are sent as files to be saved.
const DANGEROUS: &[&str] =
    &["text/html", "text/javascript", "text/css", "image/svg+xml", "text/xml"];

type Parameters = HashMap<String, String>;

pub(super) async fn view(
    State(server): State<Arc<Server>>,
    Query(query): Query<Parameters>,
    headers: HeaderMap,
) -> Response {
    blocking(move || answer(&server.folders, &query, &headers).unwrap_or_else(empty)).await
}

fn answer(
    folders: &Folders,
    query: &Parameters,
    headers: &HeaderMap,
) -> Result<Response, StatusCode> {
    let path = file_of(folders, query)?;
    if !path.is_file() {
        return Err(StatusCode::NOT_FOUND);
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let bytes = fs::read(&path).map_err(|_| StatusCode::NOT_FOUND)?;
    let channel = query.get("channel").map_or("rgba", String::as_str);
    let encoded = match (query.get("preview"), channel) {
        (Some(preview), _) => {
            encode_preview(&bytes, preview, query.get("channel").map_or("", String::as_str))
        }
        (None, "rgb") => encode_png(&bytes, |image| DynamicImage::ImageRgb8(image.to_rgb8())),
        (None, "a") => {
            encode_png(&bytes, |image| DynamicImage::ImageRgba8(only_alpha(&image.to_rgba8())))
        }
        (None, _) => return Ok(raw(&path, &name, bytes, headers)),
    };
    let Some((content_type, body)) = encoded else { return Ok(reply::in_trouble()) };
    let mut response = reply::with_body(StatusCode::OK, content_type, body);
    reply::set(&mut response, header::CONTENT_DISPOSITION, &format!("filename=\"{name}\""));
    Ok(response)
}

fn file_of(folders: &Folders, query: &Parameters) -> Result<PathBuf, StatusCode> {
    let filename = query.get("filename").ok_or(StatusCode::NOT_FOUND)?;
    // Assets are switched off here, and so no hash is known.
    if filename.starts_with("blake3:") {
        return Err(StatusCode::NOT_FOUND);
    }
    let (filename, annotated) = split_annotation(filename);
    if filename.is_empty() || filename.starts_with('/') || filename.contains("..") {
        return Err(StatusCode::BAD_REQUEST);
    }
    let kind = query.get("type").map_or("output", String::as_str);
    let root = annotated.or_else(|| Root::from_name(kind)).ok_or(StatusCode::BAD_REQUEST)?;
    let folder = folders
        .inside(root, query.get("subfolder").map_or("", String::as_str))
        .ok_or(StatusCode::FORBIDDEN)?;
    let basename = filename.rsplit('/').next().unwrap_or_default();
    let path = folder.join(basename);
    let relative = path.strip_prefix(folders.path(root)).map_err(|_| StatusCode::FORBIDDEN)?;
    folders.inside(root, &relative.to_string_lossy()).ok_or(StatusCode::NOT_FOUND)
}

type Encoded = Option<(&'static str, Vec<u8>)>;

fn encode_preview(bytes: &[u8], preview: &str, channel: &str) -> Encoded {
    let image = image::load_from_memory(bytes).ok()?;
    let mut parts = preview.split(';');
    let is_jpeg = parts.next() == Some("jpeg") && !channel.contains('a');
    let quality =
        preview.rsplit(';').next().and_then(|part| part.parse::<u8>().ok()).unwrap_or(JPEG_QUALITY);
    let mut out = Cursor::new(Vec::new());
    if is_jpeg {
        image
            .to_rgb8()
            .write_with_encoder(JpegEncoder::new_with_quality(&mut out, quality.clamp(1, 100)))
            .ok()?;
        return Some(("image/jpeg", out.into_inner()));
    }
    let image = if channel == "rgb" {
        DynamicImage::ImageRgb8(image.to_rgb8())
    } else {
        DynamicImage::ImageRgba8(image.to_rgba8())
    };
    image.write_to(&mut out, ImageFormat::WebP).ok()?;
    Some(("image/webp", out.into_inner()))
}

fn encode_png(bytes: &[u8], change: impl FnOnce(&DynamicImage) -> DynamicImage) -> Encoded {
    let image = image::load_from_memory(bytes).ok()?;
    let mut out = Cursor::new(Vec::new());
    change(&image).write_to(&mut out, ImageFormat::Png).ok()?;
    Some(("image/png", out.into_inner()))
}

fn only_alpha(image: &RgbaImage) -> RgbaImage {
    RgbaImage::from_fn(image.width(), image.height(), |x, y| {
        let [.., alpha] = image.get_pixel(x, y).0;
        Rgba([0, 0, 0, alpha])
    })
}

/// The file as it is, or the part of it that a `Range` header asks for.
fn raw(path: &Path, name: &str, bytes: Vec<u8>, headers: &HeaderMap) -> Response {
    let guessed = media_type(name).unwrap_or("application/octet-stream");
    let header = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let is_dangerous = DANGEROUS.contains(&guessed);
    let is_shown_safely = guessed == "image/svg+xml"
        && headers.get("sec-fetch-dest").is_some_and(|value| value == "image");
    let is_attachment = is_dangerous && !is_shown_safely;
    let content_type = if is_attachment { "application/octet-stream" } else { guessed };
    let length = bytes.len();
    let mut response = match header(header::RANGE).and_then(|range| range_of(range, length)) {
        Some((start, end)) => {
            let part = bytes.get(start..=end).map(<[u8]>::to_vec).unwrap_or_default();
            let mut response = reply::with_body(StatusCode::PARTIAL_CONTENT, content_type, part);
            reply::set(
                &mut response,
                header::CONTENT_RANGE,
                &format!("bytes {start}-{end}/{length}"),
            );
            response
        }
        None => reply::with_body(StatusCode::OK, content_type, bytes),
    };
    let safe_name = name.replace('\\', "\\\\").replace('"', "\\\"");
    let kind = if is_attachment { "attachment; " } else { "" };
    reply::set(
        &mut response,
        header::CONTENT_DISPOSITION,
        &format!("{kind}filename=\"{safe_name}\""),
    );
    reply::set(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    reply::set(&mut response, header::ACCEPT_RANGES, "bytes");
    if is_dangerous {
        reply::set(&mut response, header::VARY, "Sec-Fetch-Dest");
        reply::set(&mut response, header::CACHE_CONTROL, "no-store");
    }
    if let Some(modified) =
        fs::metadata(path).and_then(|metadata| metadata.modified()).ok().and_then(http_date)
    {
        reply::set(&mut response, header::LAST_MODIFIED, &modified);
    }
    response
}

fn http_date(time: SystemTime) -> Option<String> {
    let time = jiff::Timestamp::try_from(time).ok()?;
    jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&time).ok()
}

/// The first and the last byte of a range; nothing when the header is not one that is understood.
fn range_of(range: &str, length: usize) -> Option<(usize, usize)> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let end = length.checked_sub(1)?;
    let (start, stop) = match (first.parse::<usize>().ok(), last.parse::<usize>().ok()) {
        (Some(start), Some(stop)) => (start, stop.min(end)),
        (Some(start), None) => (start, end),
        (None, Some(count)) => (length.saturating_sub(count), end),
        (None, None) => return None,
    };
    (start <= stop).then_some((start, stop))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_from_both_ends() {
        assert_eq!(range_of("bytes=2-5", 10), Some((2, 5)));
        assert_eq!(range_of("bytes=2-", 10), Some((2, 9)));
        assert_eq!(range_of("bytes=-3", 10), Some((7, 9)));
        assert_eq!(range_of("bytes=20-", 10), None);
        assert_eq!(range_of("lines=1-2", 10), None);
    }
}

//! The workflows that the server offers.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::Response;

use super::{blocking, reply};
use crate::server::Server;

/// An index or a template. The real server keeps a table of all files and knows no folders.
pub(super) async fn template(
    State(server): State<Arc<Server>>,
    Path(file): Path<String>,
) -> Response {
    blocking(move || {
        if server.options.gallery.is_absent() {
            return reply::static_not_found();
        }
        match server.options.gallery.template_asset(&file) {
            Some(bytes) => {
                let mut response = served(bytes);
                // What a browser may keep are templates; which there are, it asks each time.
                if file.starts_with("index.") {
                    reply::set(&mut response, header::CACHE_CONTROL, "no-store");
                }
                response
            }
            None => reply::text(StatusCode::NOT_FOUND, "404: Not Found"),
        }
    })
    .await
}

pub(super) async fn blueprints(State(server): State<Arc<Server>>) -> Response {
    blocking(move || match &server.options.gallery {
        gallery if gallery.is_absent() => reply::static_not_found(),
        gallery => reply::json(&gallery.blueprints()),
    })
    .await
}

pub(super) async fn blueprint(
    State(server): State<Arc<Server>>,
    Path(id): Path<String>,
) -> Response {
    blocking(move || match &server.options.gallery {
        gallery if gallery.is_absent() => reply::static_not_found(),
        gallery => reply::json(&gallery.blueprint(&id)),
    })
    .await
}

pub(super) async fn pack_examples(State(server): State<Arc<Server>>) -> Response {
    blocking(move || match &server.options.gallery {
        gallery if gallery.is_absent() => reply::static_not_found(),
        gallery => reply::json(&gallery.pack_examples()),
    })
    .await
}

pub(super) async fn pack_example(
    State(server): State<Arc<Server>>,
    Path((pack, file)): Path<(String, String)>,
) -> Response {
    blocking(move || match server.options.gallery.pack_example(&pack, &file) {
        Some(bytes) => served(bytes),
        None => reply::static_not_found(),
    })
    .await
}

fn served(bytes: Vec<u8>) -> Response {
    reply::with_body(StatusCode::OK, "application/json", bytes)
}

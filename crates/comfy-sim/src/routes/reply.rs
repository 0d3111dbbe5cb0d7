//! Replies in the form of the real server, and bodies as it reads them.

use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

use super::empty;
use crate::python;
use crate::server::Server;

pub(super) fn json(value: &Value) -> Response {
    json_with(StatusCode::OK, value)
}

pub(super) fn json_with(status: StatusCode, value: &Value) -> Response {
    with_body(status, "application/json; charset=utf-8", python::dumps(value))
}

pub(super) fn bad_request(text: &str) -> Response {
    json_with(StatusCode::BAD_REQUEST, &json!({"error": text}))
}

pub(super) fn text(status: StatusCode, text: &str) -> Response {
    with_body(status, "text/plain; charset=utf-8", text.to_owned())
}

/// The answer of a handler that failed.
pub(super) fn in_trouble() -> Response {
    text(
        StatusCode::INTERNAL_SERVER_ERROR,
        "500 Internal Server Error\n\nServer got itself in trouble",
    )
}

pub(super) fn static_not_found() -> Response {
    with_body(StatusCode::NOT_FOUND, "application/octet-stream", Body::empty())
}

pub(super) fn method_not_allowed(allowed: &'static str) -> Response {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "405: Method Not Allowed");
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

pub(super) fn scripted(status: u16, body: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    with_body(status, "text/plain; charset=utf-8", body)
}

pub(super) fn with_body(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Body>,
) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// The reply with numbers in it that Python writes and JSON does not have. A reply that is no object stays as it is.
pub(super) async fn with_not_a_number(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let odd = "\"not_a_number\": NaN, \"endless\": [Infinity, -Infinity]";
    let text = String::from_utf8_lossy(&bytes);
    let text = match text.strip_prefix('{') {
        Some("}") => format!("{{{odd}}}"),
        Some(rest) => format!("{{{odd}, {rest}"),
        None => text.into_owned(),
    };
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(text))
}

/// Sets a header whose value may not be one, in which case it is left out.
pub(super) fn set(response: &mut Response, name: HeaderName, value: &str) {
    match HeaderValue::from_bytes(value.as_bytes()) {
        Ok(value) => {
            response.headers_mut().insert(name, value);
        }
        Err(error) => tracing::debug!(%error, %name, "a header was left out"),
    }
}

/// The body of a request, whatever its content type says: the real server does not look at it.
pub(super) struct Posted(Bytes);

impl Posted {
    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.0).ok()
    }
}

impl FromRequest<Arc<Server>> for Posted {
    type Rejection = Response;

    async fn from_request(request: Request, server: &Arc<Server>) -> Result<Self, Response> {
        let limit = server.options.body_bytes_max;
        let announced = request
            .headers()
            .get(header::CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        match to_bytes(request.into_body(), limit).await {
            Ok(bytes) => Ok(Self(bytes)),
            Err(error) => Err(too_large_or_broken(&error, limit, announced)),
        }
    }
}

fn too_large_or_broken(error: &axum::Error, limit: usize, announced: Option<String>) -> Response {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if error.to_string().contains("length limit") {
            let size = announced.unwrap_or_else(|| format!("over {limit}"));
            let words =
                format!("Maximum request body size {limit} exceeded, actual body size {size}");
            return text(StatusCode::PAYLOAD_TOO_LARGE, &words);
        }
        cause = error.source();
    }
    empty(StatusCode::BAD_REQUEST)
}

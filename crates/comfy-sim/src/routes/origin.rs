//! The guard against pages of other origins that post to a server on the loopback interface.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use super::empty;

pub(super) async fn check(request: Request, next: Next) -> Response {
    if is_foreign(request.headers()) {
        return empty(StatusCode::FORBIDDEN);
    }
    // A preflight is answered for every path.
    if request.method() == Method::OPTIONS {
        return empty(StatusCode::OK);
    }
    next.run(request).await
}

fn is_foreign(headers: &HeaderMap) -> bool {
    let header = |name: &str| {
        headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_ascii_lowercase)
    };
    if header("sec-fetch-site").as_deref() == Some("cross-site") {
        return true;
    }
    let (Some(host), Some(origin)) = (header("host"), header("origin")) else { return false };
    let origin =
        origin.split_once("//").map_or("", |(_, rest)| rest).split('/').next().unwrap_or_default();
    let (host_name, host_port) = split_port(&host);
    let (origin_name, origin_port) = split_port(origin);
    if !is_loopback(host_name) || origin_name.is_empty() {
        return false;
    }
    // Where one side names no port, ports are not compared.
    host_name != origin_name
        || (host_port.is_some() && origin_port.is_some() && host_port != origin_port)
}

fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((name, port))
            if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            (name, Some(port))
        }
        _ => (authority, None),
    }
}

fn is_loopback(name: &str) -> bool {
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(host: &str, origin: &str, is_refused: bool) {
        let headers =
            HeaderMap::from_iter([("host", host), ("origin", origin)].map(|(name, value)| {
                (axum::http::HeaderName::from_static(name), value.parse().unwrap())
            }));
        assert_eq!(is_foreign(&headers), is_refused, "{host} {origin}");
    }

    #[test]
    fn only_the_own_origin_may_ask_a_loopback_server() {
        check("127.0.0.1:8188", "http://127.0.0.1:8188", false);
        check("127.0.0.1:8188", "http://127.0.0.1", false);
        check("127.0.0.1:8188", "http://127.0.0.1:9999", true);
        check("localhost:8188", "https://evil.example", true);
        check("comfy.example", "https://evil.example", false);
    }
}

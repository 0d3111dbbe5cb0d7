//! What is answered where, and to whom.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use mcp_tools::Server;
use mediafactory::{Secret, config::HttpConfig};
use rmcp::transport::streamable_http_server::{
    StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
};
use subtle::ConstantTimeEq as _;
use tokio_util::sync::CancellationToken;

/// How long a session of the older protocol may be silent. The library counts a tool that works
/// without progress as silent, and a video takes hours.
const SESSION_IDLE_MAX: Duration = Duration::from_hours(24);

/// Names of this machine that are always accepted as `Host`.
const LOCAL_HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// `/mcp` for callers with the token, `/healthz` for everyone.
pub(crate) fn router(
    server: Server,
    http: &HttpConfig,
    address: SocketAddr,
    sessions_end: &CancellationToken,
) -> Router {
    let mut sessions = LocalSessionManager::default();
    sessions.session_config.keep_alive = Some(SESSION_IDLE_MAX);
    let config = StreamableHttpServerConfig::default()
        .with_cancellation_token(sessions_end.child_token())
        .with_allowed_hosts(hosts(http, address))
        .with_allowed_origins(&http.allowed_origins)
        .enforce_origin_validation()
        .with_max_request_body_bytes(usize::try_from(http.body_bytes_max).unwrap_or(usize::MAX));
    let service =
        StreamableHttpService::new(move || Ok(server.session()), Arc::new(sessions), config);
    let mut mcp = Router::new().nest_service("/mcp", service);
    if let Some(token) = http.token.clone() {
        mcp = mcp.layer(middleware::from_fn_with_state(Arc::new(token), with_token));
    }
    mcp.route("/healthz", get(health))
}

/// The names under which this server may be called: a page of another site that resolves its
/// own name to this machine is refused.
fn hosts(http: &HttpConfig, address: SocketAddr) -> Vec<String> {
    let mut hosts: Vec<String> = LOCAL_HOSTS.map(str::to_owned).into();
    if !address.ip().is_unspecified() {
        hosts.push(address.ip().to_string());
    }
    hosts.extend(http.allowed_hosts.iter().cloned());
    hosts
}

async fn health() -> Json<serde_json::Value> {
    Json(serde_json::json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")}))
}

async fn with_token(State(token): State<Arc<Secret>>, request: Request, next: Next) -> Response {
    let given = request.headers().get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    match given.and_then(bearer) {
        // Comparing takes the same time wherever the first wrong byte stands.
        Some(given) if given.ct_eq(token.expose().as_bytes()).into() => next.run(request).await,
        Some(_) => refuse("Bearer realm=\"mediafactory\", error=\"invalid_token\""),
        None => refuse("Bearer realm=\"mediafactory\""),
    }
}

/// The token of an `Authorization` header.
fn bearer(header: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = header.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
}

fn refuse(challenge: &'static str) -> Response {
    let text = "this server wants its token as `Authorization: Bearer …`\n";
    (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)], text).into_response()
}

#[cfg(test)]
mod tests;

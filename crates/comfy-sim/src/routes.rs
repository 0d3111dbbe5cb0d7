//! The HTTP face: every route with and without `/api`, and the answers of the real server where there is no route.

mod gallery;
mod history;
mod info;
mod jobs;
mod logs;
mod origin;
mod prompt;
mod queue;
mod reply;
mod socket;
mod uploads;
mod view;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{MethodRouter, get, patch, post};

use crate::fault::Fault;
use crate::server::Server;

pub(crate) fn router(server: Arc<Server>) -> Router {
    let paths: [(&str, MethodRouter<Arc<Server>>); 32] = [
        ("/ws", get(socket::open)),
        ("/prompt", get(queue::remaining).post(prompt::submit)),
        ("/queue", get(queue::list).post(queue::change)),
        ("/interrupt", post(queue::interrupt)),
        ("/free", post(queue::free)),
        ("/history", get(history::list).post(history::change)),
        ("/history/{prompt_id}", get(history::entry)),
        ("/api/jobs", get(jobs::list)),
        ("/api/jobs/cancel", post(jobs::cancel_many)),
        ("/api/jobs/{id}", get(jobs::one)),
        ("/api/jobs/{id}/cancel", post(jobs::cancel)),
        ("/object_info", get(info::object_info)),
        ("/object_info/{class}", get(info::object_info_of)),
        ("/models", get(info::model_folders)),
        ("/models/{folder}", get(info::models)),
        ("/experiment/models/{folder}", get(info::models_in_detail)),
        ("/embeddings", get(info::embeddings)),
        ("/extensions", get(info::extensions)),
        ("/features", get(info::features)),
        ("/node_replacements", get(info::node_replacements)),
        ("/system_stats", get(info::system_stats)),
        ("/view_metadata/{folder}", get(info::view_metadata)),
        ("/upload/image", post(uploads::image)),
        ("/upload/mask", post(uploads::mask)),
        ("/view", get(view::view)),
        ("/users", get(info::users)),
        ("/settings", get(info::settings)),
        ("/userdata", get(info::userdata)),
        ("/global_subgraphs", get(gallery::blueprints)),
        ("/global_subgraphs/{id}", get(gallery::blueprint)),
        ("/workflow_templates", get(gallery::pack_examples)),
        ("/i18n", get(info::none_of_these)),
    ];
    let mut router = Router::new();
    for (path, methods) in paths {
        router = router.route(path, methods.clone()).route(&format!("/api{path}"), methods);
    }
    // These exist only outside of `/api`.
    router = router
        .route("/templates/{*file}", get(gallery::template))
        .route("/internal/logs", get(logs::text))
        .route("/internal/logs/raw", get(logs::raw))
        .route("/internal/logs/subscribe", patch(logs::subscribe));
    // This exists only below `/api`.
    router = router.route("/api/workflow_templates/{pack}/{file}", get(gallery::pack_example));
    // These exist only below `/api`, and say that they are switched off.
    for path in ["/api/assets", "/api/assets/{*rest}", "/api/tags"] {
        router = router.route(path, axum::routing::any(info::assets));
    }
    router
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(middleware::from_fn_with_state(Arc::clone(&server), scripted))
        .layer(middleware::from_fn(origin::check))
        .layer(axum::extract::DefaultBodyLimit::max(server.options.body_bytes_max))
        .with_state(server)
}

/// What scripted faults do to any request.
async fn scripted(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    server.until_it_answers().await;
    let path = without_api(request.uri().path()).to_owned();
    let delay = server.script.take(|fault| {
        let Fault::SlowReply { path: slow, delay } = fault else { return None };
        (without_api(slow) == path).then_some(*delay)
    });
    let failure = server.script.take(|fault| {
        let Fault::FailRequest { path: failing, status, body } = fault else { return None };
        (without_api(failing) == path).then(|| (*status, body.clone()))
    });
    let response = match failure {
        Some((status, body)) => reply::scripted(status, body),
        None => next.run(request).await,
    };
    if let Some(delay) = delay {
        tokio::time::sleep(delay).await;
    }
    let is_here = |fault: &Fault| {
        let Fault::NotANumber { path: odd } = fault else { return None };
        (without_api(odd) == path).then_some(())
    };
    let response = match server.script.take(is_here) {
        Some(()) => reply::with_not_a_number(response).await,
        None => response,
    };
    server.until_it_answers().await;
    response
}

fn without_api(path: &str) -> &str {
    path.strip_prefix("/api").filter(|rest| rest.starts_with('/')).unwrap_or(path)
}

/// The static root of the frontend: it matches every path, and has none of the files.
async fn no_route(method: Method) -> Response {
    match method {
        Method::GET | Method::HEAD => reply::static_not_found(),
        _ => reply::method_not_allowed("GET,HEAD"),
    }
}

/// A path that exists with another method. `GET` still finds the static root.
async fn no_method(method: Method, request: Request) -> Response {
    const POSTED: &[&str] = &[
        "/prompt",
        "/queue",
        "/interrupt",
        "/free",
        "/history",
        "/upload/image",
        "/upload/mask",
        "/jobs/cancel",
    ];
    let path = without_api(without_api(request.uri().path()));
    match method {
        _ if path == "/internal/logs/subscribe" => reply::method_not_allowed("PATCH"),
        Method::GET | Method::HEAD => reply::static_not_found(),
        _ if POSTED.contains(&path) || path.ends_with("/cancel") => {
            reply::method_not_allowed("GET,HEAD,POST")
        }
        _ => reply::method_not_allowed("GET,HEAD"),
    }
}

/// Runs something that reads files or takes time, away from the async runtime.
async fn blocking(work: impl FnOnce() -> Response + Send + 'static) -> Response {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        tracing::error!(%error, "a request could not be answered");
        reply::in_trouble()
    })
}

/// A reply without a body or a content type: what most commands answer.
fn empty(status: StatusCode) -> Response {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}

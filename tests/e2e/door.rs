//! Who gets into the HTTP server, and with what.

use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use crate::{comfy, mcp::hello, place::Place, process::Process, requests::closed_port};

/// A server and a client that may say anything.
struct Door {
    http: reqwest::Client,
    url: String,
    _process: Process,
    _place: Place,
}

impl Door {
    async fn open(place: Place) -> Self {
        let mut process = place.http();
        let url = process.line("listening on ").await;
        Self { http: comfy::http(), url, _process: process, _place: place }
    }

    async fn plain() -> Self {
        Self::open(Place::new(&closed_port())).await
    }

    /// A request that is right in every respect.
    fn knock(&self) -> RequestBuilder {
        let hello = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello()});
        self.post(hello.to_string(), "application/json, text/event-stream")
    }

    fn post(&self, body: String, accept: &str) -> RequestBuilder {
        let post = self.http.post(&self.url).body(body);
        post.header("accept", accept).header("content-type", "application/json")
    }
}

async fn status(request: RequestBuilder) -> StatusCode {
    reply(request).await.status()
}

async fn reply(request: RequestBuilder) -> Response {
    request.send().await.expect("a reply")
}

#[tokio::test]
async fn pages_of_other_sites_stay_outside() {
    let door = Door::plain().await;
    assert_eq!(status(door.knock()).await, StatusCode::OK);
    assert_eq!(status(door.knock().header("host", "evil.example")).await, StatusCode::FORBIDDEN);
    let foreign = door.knock().header("origin", "https://evil.example");
    assert_eq!(status(foreign).await, StatusCode::FORBIDDEN);
    assert_eq!(status(door.knock().header("host", "localhost")).await, StatusCode::OK);

    let place = Place::new(&closed_port())
        .with("MEDIAFACTORY_HTTP_ALLOWED_ORIGINS", "https://app.example")
        .with("MEDIAFACTORY_HTTP_ALLOWED_HOSTS", "factory.example");
    let door = Door::open(place).await;
    let listed = door.knock().header("origin", "https://app.example");
    assert_eq!(status(listed.header("host", "factory.example")).await, StatusCode::OK);
    let foreign = door.knock().header("origin", "https://evil.example");
    assert_eq!(status(foreign).await, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn only_the_token_opens_a_guarded_server() {
    let token = "correct-horse-battery-staple";
    let place = Place::new(&closed_port()).with("MEDIAFACTORY_HTTP_TOKEN", token);
    let door = Door::open(place).await;
    let wrong = &token.replace("horse", "house");
    let longer = &format!("{token}s");
    for given in [None, Some(""), Some(wrong.as_str()), Some(longer.as_str())] {
        let request = match given {
            Some(given) => door.knock().bearer_auth(given),
            None => door.knock(),
        };
        let refused = reply(request).await;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED, "{given:?}");
        let challenge = refused.headers()["www-authenticate"].to_str().unwrap();
        assert!(challenge.starts_with("Bearer"), "{challenge}");
        assert!(!refused.text().await.unwrap().contains(token));
    }
    assert_eq!(status(door.knock().basic_auth("me", Some(token))).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(door.knock().bearer_auth(token)).await, StatusCode::OK);
}

#[tokio::test]
async fn its_health_is_for_everyone() {
    let place = Place::new(&closed_port()).with("MEDIAFACTORY_HTTP_TOKEN", "secret");
    let door = Door::open(place).await;
    let health = door.http.get(door.url.replace("/mcp", "/healthz"));
    let health = reply(health).await;
    assert_eq!(health.status(), StatusCode::OK);
    let health: Value = health.json().await.unwrap();
    assert_eq!(health, json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")}));
    let elsewhere = door.http.get(door.url.replace("/mcp", "/"));
    assert_eq!(status(elsewhere).await, StatusCode::UNAUTHORIZED, "nothing else is");
}

#[tokio::test]
async fn what_is_too_large_or_no_message_is_refused() {
    let place = Place::new(&closed_port()).with("MEDIAFACTORY_HTTP_BODY_BYTES_MAX", "4096");
    let door = Door::open(place).await;
    let both = "application/json, text/event-stream";
    let large = format!("{{\"jsonrpc\": \"2.0\", \"pad\": \"{}\"}}", "x".repeat(5000));
    assert_eq!(status(door.post(large, both)).await, StatusCode::PAYLOAD_TOO_LARGE);
    for broken in ["", "{\"jsonrpc\":", "hello?", "[]"] {
        let refused = status(door.post(broken.to_owned(), both)).await;
        assert!(refused.is_client_error(), "{broken}: {refused}");
    }
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}).to_string();
    assert_eq!(status(door.post(ping, "text/html")).await, StatusCode::NOT_ACCEPTABLE);
    assert_eq!(status(door.knock()).await, StatusCode::OK, "it serves on");
}

#[tokio::test]
async fn it_does_not_listen_to_the_world_without_a_token() {
    let place = Place::new(&closed_port());
    let mut process = place.http_at("0.0.0.0:0");
    assert_eq!(process.ended().await.code(), Some(1));
    let said = process.stderr();
    assert!(said.contains("MEDIAFACTORY_HTTP_TOKEN") && said.contains("127.0.0.1"), "{said}");
    assert!(!said.contains("listening"), "{said}");
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let place = Place::new(&closed_port());
    let mut process = place.http_at(&address);
    assert_eq!(process.ended().await.code(), Some(1));
    assert!(process.stderr().contains(&address), "{}", process.stderr());
}

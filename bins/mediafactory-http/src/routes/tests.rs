use std::error::Error;

use mcp_tools::Selection;
use mediafactory::{Factory, config::Config};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::*;

const DISCOVER: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"0"}}}"#;

/// Serves one router and answers raw requests from it, so that every header is ours.
struct Site {
    address: SocketAddr,
    serving: JoinSet<()>,
    _folder: tempfile::TempDir,
}

impl Site {
    async fn open(http: HttpConfig) -> Result<Self, Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let factory = Factory::open(Config::new(folder.path())).await?;
        let server = Server::new(factory, &Selection::default())?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let router = router(server, &http, address, &CancellationToken::new());
        let mut serving = JoinSet::new();
        serving.spawn(async move { drop(axum::serve(listener, router).await) });
        Ok(Self { address, serving, _folder: folder })
    }

    /// The head of the answer to an `initialize` with these headers.
    async fn post(&self, headers: &str, body: &str) -> Result<String, Box<dyn Error>> {
        let request = format!(
            "POST /mcp HTTP/1.1\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\nContent-Length: {}\r\n\
             Connection: close\r\n{headers}\r\n{body}",
            body.len()
        );
        self.send(&request).await
    }

    async fn send(&self, request: &str) -> Result<String, Box<dyn Error>> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = vec![0; 4096];
        let length = stream.read(&mut answer).await?;
        answer.truncate(length);
        Ok(String::from_utf8(answer)?.to_lowercase())
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.serving.abort_all();
    }
}

#[track_caller]
fn status(answer: &str, wanted: u16) {
    assert!(answer.starts_with(&format!("http/1.1 {wanted} ")), "{answer}");
}

#[tokio::test]
async fn a_token_is_wanted_and_compared() -> Result<(), Box<dyn Error>> {
    let resolved = mediafactory::config::load(
        [
            ("HOME".into(), "/nonexistent".into()),
            ("MEDIAFACTORY_HTTP_TOKEN".into(), "open-sesame".into()),
        ],
        Vec::new(),
    )?;
    let site = Site::open(resolved.config.http).await?;
    let refused = site.post("Host: localhost\r\n", DISCOVER).await?;
    status(&refused, 401);
    assert!(refused.contains("www-authenticate: bearer realm=\"mediafactory\"\r\n"), "{refused}");
    for wrong in ["Bearer open-sesam", "Bearer open-sesame2", "Bearer ", "Basic open-sesame", "Bea"]
    {
        let headers = format!("Host: localhost\r\nAuthorization: {wrong}\r\n");
        status(&site.post(&headers, DISCOVER).await?, 401);
    }
    let right = "Host: localhost\r\nAuthorization: bearer open-sesame\r\n";
    status(&site.post(right, DISCOVER).await?, 200);
    let health = site.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await?;
    status(&health, 200);
    assert!(health.contains(r#""status":"ok""#), "{health}");
    Ok(())
}

#[tokio::test]
async fn foreign_hosts_and_origins_are_refused() -> Result<(), Box<dyn Error>> {
    let http = HttpConfig {
        allowed_hosts: vec!["media.example".to_owned()],
        allowed_origins: vec!["https://app.example:443".to_owned()],
        ..HttpConfig::default()
    };
    let site = Site::open(http).await?;
    for (headers, wanted) in [
        ("Host: localhost:8080\r\n", 200),
        ("Host: media.example\r\n", 200),
        ("Host: rebound.example\r\n", 403),
        ("Host: localhost\r\nOrigin: https://app.example\r\n", 200),
        ("Host: localhost\r\nOrigin: https://other.example\r\n", 403),
    ] {
        status(&site.post(headers, DISCOVER).await?, wanted);
    }
    Ok(())
}

#[tokio::test]
async fn without_a_list_no_page_may_call() -> Result<(), Box<dyn Error>> {
    let site = Site::open(HttpConfig::default()).await?;
    status(&site.post("Host: localhost\r\n", DISCOVER).await?, 200);
    status(&site.post("Host: localhost\r\nOrigin: http://localhost\r\n", DISCOVER).await?, 403);
    Ok(())
}

#[tokio::test]
async fn bodies_have_a_limit() -> Result<(), Box<dyn Error>> {
    let http = HttpConfig { body_bytes_max: 64, ..HttpConfig::default() };
    let site = Site::open(http).await?;
    status(&site.post("Host: localhost\r\n", DISCOVER).await?, 413);
    Ok(())
}

//! MediaFactory as an MCP server over streamable HTTP, at `/mcp`.
//!
//! It listens on this machine only, unless a bearer token guards it. It starts without asking
//! ComfyUI anything and ends when it is told to; jobs go on at ComfyUI and are taken up again at
//! the next start.

mod options;
mod routes;
mod start;

use std::{error::Error, io::Write as _, net::SocketAddr, process::ExitCode, time::Duration};

use clap::Parser as _;
use mcp_tools::Server;
use mediafactory::config::HttpConfig;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::options::Options;

/// How long open calls may take to end, and the factory to close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> ExitCode {
    match run(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            start::complain(error.as_ref());
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), Box<dyn Error + Send + Sync>> {
    let selection = options.selection();
    let started = start::start(options.settings()).await?;
    let http = &started.factory.config().http;
    let address = address(http, options.port())?;
    let server = Server::new(started.factory.clone(), &selection)?;
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| format!("cannot listen on {address}: {error}"))?;
    let stop = CancellationToken::new();
    let router = routes::router(server.clone(), http, address, &stop);
    writeln!(std::io::stderr(), "listening on http://{}/mcp", listener.local_addr()?)?;

    let stopped = stop.clone();
    let serving = axum::serve(listener, router)
        .with_graceful_shutdown(async move { stopped.cancelled().await });
    let serving = serving.into_future();
    tokio::pin!(serving);
    let outcome = tokio::select! {
        ended = &mut serving => ended,
        signal = start::asked_to_stop() => {
            signal?;
            server.leave();
            stop.cancel();
            // A client that keeps its stream open is not waited for.
            tokio::time::timeout(CLOSE_TIMEOUT, serving).await.unwrap_or(Ok(()))
        }
    };
    if tokio::time::timeout(CLOSE_TIMEOUT, started.close()).await.is_err() {
        writeln!(std::io::stderr(), "closing took too long; jobs are looked up at the next start")?;
    }
    outcome.map_err(Into::into)
}

/// Where to listen: on this machine only, as long as nothing keeps strangers out.
fn address(http: &HttpConfig, port: Option<u16>) -> Result<SocketAddr, String> {
    let mut address = http.bind;
    if let Some(port) = port {
        address.set_port(port);
    }
    if http.token.is_none() && !address.ip().is_loopback() {
        return Err(format!(
            "refusing to listen on {address} without a token: everyone who reaches it could use \
             your server; set MEDIAFACTORY_HTTP_TOKEN, or listen on 127.0.0.1"
        ));
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_address_needs_a_token() {
        let mut http = HttpConfig::default();
        assert_eq!(address(&http, None), Ok("127.0.0.1:8080".parse().expect("an address")));
        assert_eq!(address(&http, Some(0)), Ok("127.0.0.1:0".parse().expect("an address")));
        http.bind = "0.0.0.0:8080".parse().expect("an address");
        let refused = address(&http, None).expect_err("there is no token");
        assert!(refused.contains("without a token"), "{refused}");
    }
}

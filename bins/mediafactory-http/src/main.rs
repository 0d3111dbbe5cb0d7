//! MediaFactory as an MCP server over streamable HTTP, at `/mcp`.
//!
//! It listens on this machine only, unless a bearer token guards it. It starts without asking
//! ComfyUI anything and ends when it is told to; jobs go on at ComfyUI and are taken up again at
//! the next start.

mod routes;

// Both servers start alike; a crate for so little would be one more to know.
#[path = "../../mediafactory-stdio/src/options.rs"]
mod options;
#[path = "../../mediafactory-stdio/src/start.rs"]
mod start;

use std::{error::Error, io::Write as _, net::SocketAddr, process::ExitCode, time::Duration};

use clap::Parser;
use mcp_tools::Server;
use mediafactory::config::HttpConfig;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::options::Options;

/// MediaFactory as an MCP server over streamable HTTP, at `/mcp`.
///
/// Callers present the token in `MEDIAFACTORY_HTTP_TOKEN` as a bearer token when it is set.
#[derive(Debug, Parser)]
#[command(version)]
struct CommandLine {
    #[command(flatten)]
    options: Options,
    /// Address and port to listen on
    #[arg(long, value_name = "ADDRESS:PORT")]
    bind: Option<SocketAddr>,
    /// Port to listen on, whatever else is set; 0 takes any free one
    #[arg(long)]
    port: Option<u16>,
}

/// How long answers that are ready may take to reach their callers.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// How long open streams may take to end, and the factory to close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> ExitCode {
    match run(CommandLine::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            start::complain(error.as_ref());
            ExitCode::FAILURE
        }
    }
}

async fn run(line: CommandLine) -> Result<(), Box<dyn Error + Send + Sync>> {
    let selection = line.options.selection();
    let mut settings = line.options.settings();
    settings.extend(line.bind.map(|address| ("http.bind".to_owned(), address.to_string())));
    let signals = start::StopSignals::listen()?;
    let started = start::start(settings).await?;
    let http = &started.factory.config().http;
    let address = address(http, line.port)?;
    let server = Server::new(started.factory.clone(), &selection)?;
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| format!("cannot listen on {address}: {error}"))?;
    let stop = CancellationToken::new();
    let sessions = CancellationToken::new();
    let router = routes::router(server.clone(), http, address, &sessions);
    writeln!(std::io::stderr(), "listening on http://{}/mcp", listener.local_addr()?)?;

    let stopped = stop.clone();
    let serving = axum::serve(listener, router)
        .with_graceful_shutdown(async move { stopped.cancelled().await });
    let serving = serving.into_future();
    tokio::pin!(serving);
    let outcome = tokio::select! {
        ended = &mut serving => ended,
        signal = signals.asked_to_stop() => {
            signal?;
            server.close().await;
            stop.cancel();
            // Answers are on their way; a client that keeps a stream open is not waited for.
            match tokio::time::timeout(ANSWER_TIMEOUT, &mut serving).await {
                Ok(ended) => ended,
                Err(_) => {
                    sessions.cancel();
                    tokio::time::timeout(CLOSE_TIMEOUT, serving).await.unwrap_or(Ok(()))
                }
            }
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
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        CommandLine::command().debug_assert();
    }

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

//! MediaFactory as an MCP server on standard input and output.
//!
//! Standard output is the protocol; everything for people goes to standard error. The server
//! starts without asking ComfyUI anything, and ends when its input ends or it is told to stop.
//! Jobs go on at ComfyUI either way and are taken up again at the next start.

mod options;
mod start;

use std::{error::Error, io::Write as _, process::ExitCode, time::Duration};

use clap::Parser;
use mcp_tools::{Server, serve_pipes};
use tokio_util::sync::CancellationToken;

use crate::options::Options;

/// MediaFactory as an MCP server on standard input and output.
#[derive(Debug, Parser)]
#[command(version)]
struct CommandLine {
    #[command(flatten)]
    options: Options,
}

/// How long the factory may take to close. A client that ends us waits for that, not longer.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let options = CommandLine::parse().options;
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Into::into)
        .and_then(|runtime| {
            let outcome = runtime.block_on(run(options));
            // A thread may still read standard input, which nothing can interrupt.
            runtime.shutdown_background();
            outcome
        });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            start::complain(error.as_ref());
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), Box<dyn Error + Send + Sync>> {
    let selection = options.selection();
    let signals = start::StopSignals::listen()?;
    let started = start::start(options.settings()).await?;
    let server = Server::new(started.factory.clone(), &selection)?;
    let stop = CancellationToken::new();
    let (reader, writer) = rmcp::transport::stdio_pipes();
    let serving = serve_pipes(server, reader, writer, stop.clone());
    tokio::pin!(serving);
    let outcome = tokio::select! {
        ended = &mut serving => ended,
        signal = signals.asked_to_stop() => {
            signal?;
            stop.cancel();
            serving.await
        }
    };
    if tokio::time::timeout(CLOSE_TIMEOUT, started.close()).await.is_err() {
        writeln!(std::io::stderr(), "closing took too long; jobs are looked up at the next start")?;
    }
    outcome.map_err(Into::into)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        CommandLine::command().debug_assert();
        let line = CommandLine::parse_from(["mediafactory-stdio", "--simulate", "--log", "info"]);
        let settings = line.options.settings();
        let given: Vec<_> = settings.iter().map(|(key, value)| (&**key, &**value)).collect();
        assert_eq!(given, [("simulate", "always"), ("log", "info")]);
    }
}

//! What comes before every task: the configuration and the log.

use mediafactory::config::{Resolved, load};
use tracing_subscriber::EnvFilter;

use crate::{failure::Failure, output};

/// Reads the configuration, tells its warnings, and starts the log on stderr.
pub(crate) fn configure(settings: Vec<(String, String)>) -> Result<Resolved, Failure> {
    let resolved = resolve(settings)?;
    for warning in &resolved.warnings {
        output::note(&format!("warning: {warning}"));
    }
    let filter = EnvFilter::try_new(&resolved.config.log).map_err(|error| {
        let source = resolved.settings.iter().find(|setting| setting.key == "log");
        let source = source.map(|setting| setting.source.to_string()).unwrap_or_default();
        Failure::usage(format!("{source}: `log` is not a log filter: {error}"))
    })?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .init();
    Ok(resolved)
}

/// The configuration of this process.
pub(crate) fn resolve(settings: Vec<(String, String)>) -> Result<Resolved, Failure> {
    Ok(load(std::env::vars_os(), settings)?)
}

//! From settings to an open factory, with a simulator where one is wanted.

use std::{error::Error, io::Write as _, time::Duration};

use comfy_sim::{Sim, SimOptions};
use mediafactory::{
    Factory,
    config::{Backend, Config, Simulate, load},
    doctor,
};
use tracing_subscriber::EnvFilter;

/// How long a ComfyUI on this machine may take to answer before the simulator takes its place.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// An open factory and what it runs on.
pub(crate) struct Started {
    pub(crate) factory: Factory,
    simulator: Option<Sim>,
}

impl Started {
    /// Closes everything in order. Jobs of a real server go on there; those of our simulator end
    /// with it.
    pub(crate) async fn close(self) {
        if self.simulator.is_some() {
            self.factory.cancel_all().await;
        }
        self.factory.shutdown().await;
        if let Some(simulator) = self.simulator {
            simulator.stop().await;
        }
    }
}

/// Reads the configuration, begins to log, and opens the factory. No server is asked anything,
/// unless the simulator may have to take its place.
pub(crate) async fn start(
    flags: Vec<(String, String)>,
) -> Result<Started, Box<dyn Error + Send + Sync>> {
    let resolved = load(std::env::vars_os(), flags)?;
    let mut config = resolved.config;
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_env_filter(EnvFilter::try_new(&config.log)?)
        .try_init()?;
    for warning in resolved.warnings {
        tracing::warn!("{warning}");
    }
    let simulator = simulator(&mut config).await?;
    let factory = Factory::open(config).await?;
    factory.resume().await?;
    Ok(Started { factory, simulator })
}

/// Starts the simulator where the configuration wants it, and points the configuration at it.
async fn simulator(config: &mut Config) -> Result<Option<Sim>, Box<dyn Error + Send + Sync>> {
    let is_wanted = match config.simulate {
        Simulate::Never => false,
        Simulate::Always => true,
        Simulate::Fallback => {
            config.comfyui.is_none() && !doctor::comfyui_answers(config, PROBE_TIMEOUT).await
        }
    };
    if !is_wanted {
        return Ok(None);
    }
    let simulator = Sim::start(SimOptions::default()).await?;
    writeln!(
        std::io::stderr(),
        "using the built-in simulator at {}: pictures are drawn, not generated",
        simulator.url()
    )?;
    config.comfyui = Some(Backend { url: simulator.url().parse()?, auth: None });
    Ok(Some(simulator))
}

/// The wish of the system or of a person that this process stops.
#[cfg(unix)]
pub(crate) struct StopSignals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl StopSignals {
    /// Listens from now on; before, a signal ends the process where it stands. So this comes
    /// before anyone is told that the server is there.
    pub(crate) fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { terminate, interrupt })
    }

    /// Waits until one came.
    pub(crate) async fn asked_to_stop(mut self) -> std::io::Result<()> {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        Ok(())
    }
}

/// The wish of the system or of a person that this process stops.
#[cfg(not(unix))]
pub(crate) struct StopSignals;

#[cfg(not(unix))]
impl StopSignals {
    /// Nothing has to be prepared here.
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self)
    }

    /// Waits until one came.
    pub(crate) async fn asked_to_stop(self) -> std::io::Result<()> {
        tokio::signal::ctrl_c().await
    }
}

/// Says on standard error what went wrong, with every cause.
pub(crate) fn complain(error: &(dyn Error + 'static)) {
    let chain = std::iter::successors(Some(error), |error| (*error).source());
    let told = chain.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    // Nothing is left to tell it to when standard error is closed.
    drop(writeln!(std::io::stderr(), "error: {told}"));
}

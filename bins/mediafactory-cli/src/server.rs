//! Which server a task uses, and the simulator where there is none.

use std::time::Duration;

use comfy_sim::{Sim, SimOptions};
use mediafactory::{
    Factory,
    config::{Backend, Config, Resolved, Simulate},
    doctor,
};

use crate::{failure::Failure, output};

/// How long a ComfyUI on this machine has to answer before the simulator takes its place.
const PROBE_WITHIN: Duration = Duration::from_secs(1);

/// A factory, and the simulator behind it when there is one.
#[derive(Debug)]
pub(crate) struct Workplace {
    pub(crate) factory: Factory,
    simulator: Option<Sim>,
}

impl Workplace {
    /// For tasks that make something: unless the configuration says otherwise, the simulator takes
    /// the place of a server that nobody named and that is not there.
    pub(crate) async fn for_making(resolved: &Resolved) -> Result<Self, Failure> {
        let is_set = resolved.is_set("simulate");
        let policy = if is_set { resolved.config.simulate } else { Simulate::Fallback };
        let workplace = Self::open(resolved.config.clone(), policy).await?;
        workplace.factory.resume().await?;
        Ok(workplace)
    }

    /// For tasks that look: the simulator only where the configuration asks for it.
    pub(crate) async fn for_looking(resolved: &Resolved) -> Result<Self, Failure> {
        Self::open(resolved.config.clone(), resolved.config.simulate).await
    }

    /// For tasks that only concern what is on record: nothing is started for them.
    pub(crate) async fn for_records(resolved: &Resolved) -> Result<Self, Failure> {
        Self::open(resolved.config.clone(), Simulate::Never).await
    }

    async fn open(config: Config, policy: Simulate) -> Result<Self, Failure> {
        let Backing { config, simulator } = Backing::by(policy, config).await?;
        match Factory::open(config).await {
            Ok(factory) => Ok(Self { factory, simulator }),
            Err(error) => {
                stop(simulator).await;
                Err(error.into())
            }
        }
    }

    /// Whether no job goes on after this program.
    pub(crate) fn ends_with_its_jobs(&self) -> bool {
        self.simulator.is_some()
    }

    /// Whether pictures of this server are drawn. One of somebody else is asked; it may be a
    /// simulator too.
    pub(crate) async fn is_simulated(&self, backend: Option<&str>) -> bool {
        self.simulator.is_some()
            || self.factory.health(backend).await.is_ok_and(|health| health.simulated)
    }

    /// Puts everything away, unless the person wants to wait for nothing any more.
    pub(crate) async fn close<T>(self, done: Result<T, Failure>) -> Result<T, Failure> {
        if !matches!(done, Err(Failure::Left)) {
            if self.simulator.is_some() {
                self.factory.cancel_all().await;
            }
            self.factory.shutdown().await;
            stop(self.simulator).await;
        }
        done
    }
}

/// A configuration whose server is settled.
#[derive(Debug)]
pub(crate) struct Backing {
    pub(crate) config: Config,
    simulator: Option<Sim>,
}

impl Backing {
    /// Starts the simulator where the policy says so, and says so too.
    pub(crate) async fn by(policy: Simulate, mut config: Config) -> Result<Self, Failure> {
        let is_missing = match policy {
            Simulate::Never => false,
            Simulate::Always => {
                output::note("using the built-in simulator: pictures are drawn, not generated");
                true
            }
            Simulate::Fallback if config.comfyui.is_some() => false,
            Simulate::Fallback if doctor::comfyui_answers(&config, PROBE_WITHIN).await => false,
            Simulate::Fallback => {
                output::note(&format!(
                    "no ComfyUI at {}: using the built-in simulator; the picture is drawn, not \
                     generated. Set COMFYUI_URL to use a real server",
                    Config::default_server().trim_start_matches("http://")
                ));
                true
            }
        };
        let simulator = if is_missing { Some(start(&mut config).await?) } else { None };
        Ok(Self { config, simulator })
    }

    pub(crate) async fn close(self) {
        stop(self.simulator).await;
    }
}

async fn start(config: &mut Config) -> Result<Sim, Failure> {
    let sim =
        Sim::start(SimOptions::default()).await.map_err(|source| Failure::Simulator { source })?;
    let url = sim.url().parse().map_err(|error| {
        Failure::usage(format!("the simulator's own address {} is {error}", sim.url()))
    })?;
    config.comfyui = Some(Backend { url, auth: None });
    Ok(sim)
}

async fn stop(simulator: Option<Sim>) {
    if let Some(simulator) = simulator {
        simulator.stop().await;
    }
}

//! `mediafactory sim`: the simulator as a server of its own.

use std::{
    future,
    net::{Ipv4Addr, SocketAddr},
    process::ExitCode,
    time::Duration,
};

use clap::{Args, value_parser};
use comfy_sim::{Sim, SimOptions};

use crate::{failure::Failure, follow, output};

/// Slow enough to watch; a step of a real model rarely takes longer.
const STEP_MS_MAX: u64 = 60_000;

#[derive(Debug, Args)]
pub(crate) struct Simulator {
    /// The port on 127.0.0.1; 0 takes any that is free
    #[arg(long, default_value_t = 8188)]
    port: u16,
    /// How long one sampling step takes, in milliseconds
    #[arg(long, value_name = "MS", value_parser = value_parser!(u64).range(0..=STEP_MS_MAX))]
    step_ms: Option<u64>,
}

pub(crate) async fn perform(task: &Simulator) -> Result<ExitCode, Failure> {
    let mut options = SimOptions {
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, task.port)),
        ..SimOptions::default()
    };
    if let Some(step_ms) = task.step_ms {
        options.step_time = Duration::from_millis(step_ms);
    }
    let sim = Sim::start(options).await.map_err(|source| Failure::Simulator { source })?;
    let announced = async {
        output::note(
            "simulating a ComfyUI server: pictures are drawn, not generated; Ctrl-C ends it",
        );
        output::result(&sim.url())?;
        future::pending().await
    };
    // In this order: whoever has read the address may end it, and is then listened to.
    let served = tokio::select! {
        biased;
        () = follow::interrupted() => Ok(ExitCode::SUCCESS),
        failed = announced => failed,
    };
    sim.stop().await;
    served
}

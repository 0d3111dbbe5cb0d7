//! Serves the simulation on a port until Ctrl-C, to try a client by hand.
//!
//! ```text
//! cargo run -p comfy-sim --example serve -- 8188
//! ```

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};

use comfy_sim::{Sim, SimOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::args().nth(1).map_or(Ok(0), |port| port.parse())?;
    let options = SimOptions {
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        ..SimOptions::default()
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let sim = Sim::start(options).await?;
        writeln!(std::io::stdout(), "{} ({})", sim.url(), sim.storage().display())?;
        tokio::signal::ctrl_c().await?;
        sim.stop().await;
        Ok(())
    })
}

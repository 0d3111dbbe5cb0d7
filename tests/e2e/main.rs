//! The two servers as processes, held to what an agent, a person with `kill` and a ComfyUI see.
//!
//! The scripts run on every cell of {stdio, HTTP} × {2025-11-25, 2026-07-28} × {raw JSON-RPC,
//! rmcp's client}. ComfyUI is the simulator in this process, or the real server that
//! `COMFYUI_URL` names; what only a simulator can do (vanish, forget, drop a reply) runs on the
//! simulator either way. Nothing sleeps: a test waits for a message, or asks for a state outside
//! of it until a deadline.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a helper of a test fails by panicking, and a run says which ComfyUI it uses"
)]

/// One test for each cell of the matrix.
macro_rules! for_each_cell {
    ($script:ident) => {
        mod $script {
            use crate::cell::{Cell, Client::*, Generation::*, Transport::*};

            for_each_cell!(@ $script stdio_2025_raw(Stdio, Of2025, Raw));
            for_each_cell!(@ $script stdio_2025_rmcp(Stdio, Of2025, Rmcp));
            for_each_cell!(@ $script stdio_2026_raw(Stdio, Of2026, Raw));
            for_each_cell!(@ $script stdio_2026_rmcp(Stdio, Of2026, Rmcp));
            for_each_cell!(@ $script http_2025_raw(Http, Of2025, Raw));
            for_each_cell!(@ $script http_2025_rmcp(Http, Of2025, Rmcp));
            for_each_cell!(@ $script http_2026_raw(Http, Of2026, Raw));
            for_each_cell!(@ $script http_2026_rmcp(Http, Of2026, Rmcp));
        }
    };
    (@ $script:ident $name:ident($transport:ident, $generation:ident, $client:ident)) => {
        #[tokio::test]
        async fn $name() {
            let cell = Cell { transport: $transport, generation: $generation, client: $client };
            super::$script(cell).await;
        }
    };
}

mod cell;
mod comfy;
mod mcp;
mod place;
mod process;
mod programs;
mod requests;

mod cancelling;
mod door;
mod ending;
mod generating;
mod listing;
mod outages;
mod refusing;
mod restarting;
mod stepping;

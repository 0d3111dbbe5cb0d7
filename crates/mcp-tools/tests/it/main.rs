//! The server as a client sees it: over pipes, against the simulated ComfyUI.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::panic,
    reason = "helpers of a test fail by panicking, and take the JSON that a test writes in place"
)]

mod bench;
mod discovering;
mod failing;
mod following;
mod gallery;
mod generating;
mod listing;
mod models;
mod prompting;
mod protocol;
mod routing;
mod running;
mod services;
mod switching;
mod telling;
mod wire;
mod workflows;

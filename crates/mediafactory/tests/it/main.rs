//! The front door, on a simulated server.

#![expect(
    clippy::unwrap_used,
    reason = "what sets the stage of a test fails that test; the lints know only #[test] itself"
)]

mod choosing;
mod crash;
mod failures;
mod faults;
mod gallery;
mod generate;
mod jobs;
mod models;
mod results;
mod server;
mod services;
mod stage;
mod templates;
mod workflows;

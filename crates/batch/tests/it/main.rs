//! What the crate promises, seen from outside.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what sets the stage of a test fails that test; the lints know only #[test] itself"
)]

mod engine;
mod faults;
mod memory;
mod prefixes;
mod recovery;
mod servers;
mod stage;
mod steps;
mod store;

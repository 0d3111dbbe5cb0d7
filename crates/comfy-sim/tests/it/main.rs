//! The simulated server over loopback: its own behavior, and the behavior of a real server that was recorded.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a helper of a test fails by panicking, and a skipped test says so"
)]

mod client;
mod executing;
mod faults;
mod gallery;
mod recordings;
mod routes;
mod shapes;
mod traps;

//! The built program, as people run it. It never sees this process's environment, and never a
//! server that happens to run on this machine.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what runs the program for a test fails that test; the lints know only #[test] itself"
)]

mod doctor;
mod generate;
mod jobs;
mod logs;
mod models;
mod process;
mod run;
mod services;
mod settings;
mod workflow;

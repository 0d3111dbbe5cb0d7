//! The front door, on a simulated server.

mod failures;
mod generate;
mod results;
mod server;
mod stage;
mod workflows;

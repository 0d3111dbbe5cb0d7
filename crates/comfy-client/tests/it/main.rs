//! The client against a scripted server, the simulator, recordings and, where there is one, a
//! real ComfyUI.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking, in its helper functions too, and says when it skips"
)]

mod cancel;
mod faults;
mod gallery;
mod logs;
mod recordings;
mod requests;
mod scripted;
mod servers;
mod socket;
mod states;

//! The server as a client sees it: over pipes, against the simulated ComfyUI.

mod bench;
mod discovering;
mod failing;
mod generating;
mod listing;
mod protocol;
mod running;
mod wire;

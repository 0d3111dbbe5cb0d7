//! The client against a scripted server, the simulator, recordings and, where there is one, a
//! real ComfyUI.

mod live;
mod recordings;
mod requests;
mod scripted;
mod socket;

//! A ComfyUI-compatible server in process: what a newcomer without a GPU runs, and the double that tests run against.
//!
//! ```
//! use comfy_sim::{Sim, SimOptions};
//!
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! let sim = Sim::start(SimOptions::default()).await?;
//! println!("point a ComfyUI client at {}", sim.url());
//! sim.stop().await;
//! # Ok::<(), comfy_sim::SimError>(())
//! # }).unwrap();
//! ```
//!
//! It imitates ComfyUI 0.33.0: routes, validation, queue, history, cache, events and their order. Nodes that compute
//! with pixels, text and files really do so. Models, samplers and latents are simulated: they take their steps, and
//! `VAEDecode` draws a placeholder that says on its face that it is one; a picture that a few other nodes would have
//! changed (`Canny`, `LTXVPreprocess`, `ImageUpscaleWithModel`, `SeedVR2PostProcessing`) has a mark that they did not.
//! Videos and animations are made of such pictures, and sound is silence, which says of itself where it stands for the
//! sound of a model; an MP4 file is Motion JPEG instead of H.264, says so, and has no sound. A film that is loaded is not
//! decoded but stood for by pictures that say so. The meshes of `Hunyuan3D` are cubes, and the splats of `TripoSplat`
//! boards, that show such a placeholder and name themselves one; `RemoveBackground` keeps all of a picture. What could be
//! taken for real (other models of 3D, paid services) is refused with an `execution_error`.
//!
//! # What it does not imitate
//!
//! - Traps that take the real server down by themselves: a node without `inputs`, or a `client_id` that is not text,
//!   ends one prompt at most. [`Fault::WorkerDies`] and [`Fault::EventsStop`] do what they do there.
//! - A client that does not read: it is cut off instead of holding up everybody.
//! - The static frontend, the assets API (503, as where it is not enabled), users and settings beyond what a client
//!   asks at its start.
//! - The random order in which the real server walks inputs and outputs: here it is the order of declaration.
//!
//! # Failures on demand
//!
//! A [`Fault`] makes one thing go wrong at a defined place; a [`Gate`] holds a run at a defined place, so that no test
//! has to sleep. `docs/design/006-simulator.md` has a table of the traps that await a client, and what brings each
//! about.

mod sim;

mod options;

mod fault;

mod error;

mod animation_file;
mod catalog;
mod cut;
mod execute;
mod flac_file;
mod folders;
mod gallery;
mod glb_file;
mod hub;
mod listener;
mod log;
mod memory;
mod mp3_file;
mod mp4_file;
mod png_file;
mod python;
mod queue;
mod routes;
mod server;
mod splat_file;
mod validate;

pub use crate::error::SimError;
pub use crate::fault::{Fault, Gate, Moment};
pub use crate::gallery::Gallery;
pub use crate::memory::SimMemory;
pub use crate::options::SimOptions;
pub use crate::server::ReceivedPrompt;
pub use crate::sim::Sim;

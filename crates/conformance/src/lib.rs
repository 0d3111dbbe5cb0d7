//! Recorded traffic of a real ComfyUI, replayed against any server and compared.
//!
//! A [`Recording`] is one scenario: requests, replies and the frames of every socket in their order. [`replay`] sends
//! the requests to a [`Server`] and reports the first [`Difference`].
//!
//! ```no_run
//! use conformance::{Recording, Server, replay};
//!
//! # async fn doc() -> Result<(), conformance::Error> {
//! let server = Server::at("http://127.0.0.1:8188")?;
//! for recording in Recording::all("../shared/comfyui/recordings".as_ref())? {
//!     replay(&server, &recording).await?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What is compared
//!
//! Status, content type, the recorded headers and the body of every reply; every event of every socket, with its
//! data and in its order. What two runs of one server do not share is taken out first, and only that:
//!
//! - Prompt ids, client ids and the names of files: the first meeting of two binds them to each other, and from
//!   then on they have to stand for each other everywhere.
//! - Times, and the numbers that a server counts for itself: their type and sign are compared.
//! - Sets that Python walks in random order (`executed`, `dependent_outputs`, …), and with them the order in which
//!   nodes run that do not depend on each other. That a node runs after what it depends on is checked.
//! - How often progress is told, which is a matter of time; that it is told, and what it says, is compared.
//! - Where `status` falls among other events when prompts are submitted or deleted while one runs. The sequence of
//!   its own values is compared.
//! - The directories in error messages, the text of tracebacks, and prose: tooltips and descriptions of nodes.
//! - What belongs to a machine (`/system_stats`, `/users`, lists of model files and of earlier jobs): the shape is
//!   compared. An error that lists the model files is compared without the list.
//!
//! # What it does to a server
//!
//! It empties the cache, runs small prompts and leaves some small files. The queue has to be empty, the checkpoint
//! `tiny-sd15.safetensors` has to be there, and nobody else may use the server meanwhile.

mod compare;
mod error;
mod names;
mod prepare;
mod recording;
mod replay;
mod server;
mod shape;
mod story;

pub use crate::error::{Difference, Error};
pub use crate::recording::Recording;
pub use crate::replay::replay;
pub use crate::server::Server;

//! The MCP face of MediaFactory, shared by the stdio and the HTTP server.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use mcp_tools::{Selection, Server, serve_pipes};
//! use mediafactory::{Factory, config::Config};
//! use tokio_util::sync::CancellationToken;
//!
//! # let folder = tempfile::tempdir()?;
//! # let data_dir = folder.path();
//! let factory = Factory::open(Config::new(data_dir)).await?;
//! let server = Server::new(factory, &Selection::default())?;
//!
//! let (client, pipe) = tokio::io::duplex(64 * 1024);
//! drop(client); // a client that leaves at once
//! let (reader, writer) = tokio::io::split(pipe);
//! serve_pipes(server, reader, writer, CancellationToken::new()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! A tool is data plus a function: arguments in, one call of the facade, a result out. What a
//! caller can act on is a failed result with `code`, `message`, `hint`, `details` and `retry`;
//! only defects are protocol errors.
//!
//! # What it does not do
//!
//! It decides nothing: what a request means is the facade's affair. It opens no file and no
//! connection of its own.

mod arguments;
mod assets;
mod backends;
mod completion;
mod definition;
mod discovery;
mod elsewhere;
mod execution;
mod failure;
mod gallery;
mod jobs;
mod models;
mod names;
mod offer;
mod paging;
mod pipes;
mod progress;
mod prompts;
mod recommending;
mod reference;
mod resources;
mod results;
mod router;
mod schema;
mod server;
mod services;
mod shelf;
mod shorten;
mod subscriptions;
mod switching;
mod tasks;
mod templates;
mod toolsets;
mod uris;
mod workflows;

pub use crate::{
    pipes::{PipeError, serve_pipes},
    reference::reference,
    server::{Server, ServerError},
    toolsets::{Profile, Selection, Toolset, UnknownName},
};

//! One ComfyUI server over HTTP and WebSocket.
//!
//! ```no_run
//! use comfy_client::{Client, ClientOptions, PromptId, Submission};
//! use workflow_graph::{Json, Workflow};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::new("http://127.0.0.1:8188".parse()?, ClientOptions::default())?;
//! let workflow = Workflow::from_json(&Json::parse(&std::fs::read("workflow.json")?)?)?;
//!
//! let session = client.open_session().await?;
//! let prompt_id = PromptId::from_uuid(uuid::Uuid::new_v4());
//! let mut watch = session.watch(&prompt_id).await;
//! let client_id = Some(session.client_id());
//! client.submit(&Submission { client_id, ..Submission::new(prompt_id, &workflow) }).await?;
//! while let Some(event) = watch.next().await {
//!     tracing::info!(?event);
//! }
//! let ended = watch.finish().await?;
//! for file in ended.outputs().flat_map(|output| output.files()) {
//!     let bytes = client.view(file).await?.bytes().await?;
//!     std::fs::write(&file.filename, bytes)?;
//! }
//! session.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! The history decides how a prompt ended; the socket only reports progress. So a lost socket, a
//! lost reply or a restarted server never make a wrong outcome, and [`Error::retry`] says what
//! may be done after each failure.
//!
//! Everything a server sends is decoded by hand from [`Json`](workflow_graph::Json), which keeps
//! seeds of 64 bits and Python's `NaN`. What this crate does not know is kept, not dropped.
//!
//! # What it does not do
//!
//! It does not repeat a submission, choose between servers, check a workflow against the server's
//! nodes, or write files. It ignores proxy settings of the environment and follows no redirect.

mod advice;
mod auth;
mod cancel;
mod client;
mod error;
mod excerpt;
mod files;
mod gallery;
mod history;
mod http;
mod ids;
mod limits;
mod log;
mod nodes;
mod outcome;
mod outputs;
mod queue;
mod rejection;
mod session;
mod submit;
mod system;
mod timings;
mod url;
mod watch;
pub mod wire;

pub use crate::{
    advice::{Advice, Cause},
    auth::{Auth, Secret},
    cancel::Cancelled,
    client::{Client, ClientOptions},
    error::{BoxError, Call, Error, Method, Retry},
    files::{FileRef, Folder, OnConflict, Upload, View},
    gallery::{
        Blueprint, BlueprintEntry, GalleryCategory, GalleryIndex, GalleryItem, PackExamples,
    },
    history::{HistoryEntry, HistoryMessage},
    ids::{ClientId, InvalidPromptId, PromptId},
    limits::Limits,
    log::{LogEvent, LogFollower, LogLine},
    nodes::ModelFile,
    outcome::{ExecutionError, Outcome},
    outputs::{NodeOutput, OutputItem},
    queue::{Free, Queue, QueueItem},
    rejection::{NodeError, NodeErrors, Rejection},
    session::Session,
    submit::{Accepted, Previews, QueuePlace, Submission},
    system::{Device, Features, ServerProfile, SystemStats},
    timings::{NodeTiming, NodeTimings},
    url::{InvalidServerUrl, ServerUrl, UrlProblem},
    watch::{Ended, Event, Watch},
};

//! The front door of MediaFactory: from a request to a finished, traceable media file.
//!
//! ```no_run
//! use mediafactory::{Factory, GenerateRequest, config::Config};
//!
//! # async fn run() -> Result<(), mediafactory::Error> {
//! let factory = Factory::open(Config::new("/var/lib/mediafactory")).await?;
//! let made = factory.generate(GenerateRequest::new("a red fox in the snow")).await?;
//! for asset in &made.assets {
//!     println!("{} (seed {:?})", factory.asset_path(asset).display(), made.seed);
//! }
//! factory.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! [`Factory`] is the only place where the steps stand in order: a template becomes a workflow,
//! the workflow a job, the job's results become assets that know where they came from. Plain
//! data goes in and comes out; every failure is an [`Error`] with a code, a hint and an answer to
//! whether trying again is safe.
//!
//! # What it does not do
//!
//! It starts no ComfyUI and no simulator, and reads no environment.

mod choice;
mod collect;
pub mod config;
pub mod doctor;
mod error;
mod factory;
mod failure;
mod follow;
mod gallery;
mod jobs;
mod listing;
pub mod models;
mod nearest;
mod nodes;
mod prepare;
mod queue;
mod requests;
mod results;
mod retention;
mod server;
mod server_log;
mod servers;
mod services;
mod start;
mod templates;
pub mod workflows;

pub use assets::{Asset, AssetId, Origin, ServerFile};
pub use batch::{
    Failure, JobId, MemoryPeak, NodeProgress, NodeRun, NodeText, Preview, Progress, State, Steps,
    Unsure,
};
pub use comfy_client::{Auth, InvalidServerUrl, LogEvent, LogLine, Secret, ServerUrl};
pub use workflow_graph::{Json, Workflow, near};

pub use crate::{
    error::{Error, FailureCode, Retry},
    factory::Factory,
    follow::{Follower, News},
    gallery::{
        GalleryEntry, GalleryFilled, GalleryFilter, GalleryList, GallerySource, GalleryTemplate,
        MissingModel, Needs,
    },
    listing::{JobFilter, JobSummary},
    queue::{BackendQueue, Forget, Freed, Interrupted, QueueEntry, QueueReport},
    requests::{
        AssetFilter, BackendReport, Device, GenerateRequest, Health, InlinePicture, JobReport,
        ModelList, NodeMatch, Page, Placing, RecordedProgress, RunService, RunWorkflow, StartedJob,
        Waited,
    },
    server_log::LogFollower,
    services::{Service, ServiceKind, ServiceOrigin, ServiceParameter, ServiceProblem, ServiceSet},
    templates::{
        FilledTemplate, Parameter, ParameterKind, Target, Template, TemplateMemory, TemplateModel,
        Templates,
    },
};

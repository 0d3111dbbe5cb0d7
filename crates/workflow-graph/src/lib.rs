//! Typed editing of ComfyUI workflows in API format.
//!
//! ```
//! use workflow_graph::{Json, Workflow};
//!
//! let text = br#"{"3": {"class_type": "KSampler", "inputs": {"seed": 18446744073709551615, "model": ["4", 0]}}}"#;
//! let mut workflow = Workflow::from_json(&Json::parse(text)?)?;
//! let replaced = workflow.set(&"3".parse()?, "seed", Json::from(7_u64))?;
//! assert_eq!(replaced, Some(Json::from(18446744073709551615_u64)));
//! assert_eq!(
//!     workflow.to_json().to_string(),
//!     r#"{"3":{"class_type":"KSampler","inputs":{"seed":7,"model":["4",0]}}}"#
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Nothing here does IO, and no text makes it panic. A workflow that is read and written
//! unchanged is the same JSON value: members in the same order, unknown members kept, every
//! number spelled as it was.
//!
//! # What it does not do
//!
//! It does not know what nodes a server has until it is told: [`catalog`] reads a server's
//! `/object_info`, and what depends on it ([`validate`], [`fix`]) takes a catalog. A [`Workflow`]
//! is in API format.

pub mod catalog;
pub mod check;
pub mod convert;
pub mod diff;
pub mod draw;
pub mod fix;
mod hash;
mod ids;
pub mod json;
mod layout;
pub mod lift;
pub mod lora;
pub mod merge;
pub mod near;
pub mod patch;
pub mod placeholders;
pub mod roles;
pub mod ui;
pub mod validate;
mod workflow;

pub use crate::{
    ids::{ClassType, InvalidId, NodeId},
    json::Json,
    workflow::{EditError, Input, Node, ReadError, Workflow, WorkflowDigest},
};

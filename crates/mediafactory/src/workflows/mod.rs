//! Workflows as data: checked, corrected, converted, edited, compared, merged, drawn, imported.
//!
//! ```
//! use mediafactory::{Json, workflows::{Rulebook, Rules}};
//! let rulebook = Rulebook::from_bytes(br#"{
//!     "Save": {"input": {"required": {"quality": ["INT", {"min": 1, "max": 100}]}},
//!              "output": [], "output_node": true}}"#, Rules::V0_33)?;
//! let workflow = Json::parse(br#"{"2": {"class_type": "Save", "inputs": {"quality": 400}}}"#)?;
//! let verdict = rulebook.validate(&workflow);
//! assert_eq!(verdict.errors[0].kind, "value_bigger_than_max");
//! assert!(rulebook.fix(&workflow).after.valid);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What depends on the node classes of a server is asked of a [`Rulebook`], which
//! [`Factory::rulebook`](crate::Factory::rulebook) gives or a file; all else are functions. Both
//! faces, the tools and the command line, show the `to_json` of what comes back.
//!
//! # Limits
//!
//! Time and memory are linear in what is given. [`read`] and [`import`] take at most
//! [`WORKFLOW_BYTES_MAX`] bytes of JSON, [`recognize`] and whatever takes a workflow in API format at
//! most [`WORKFLOW_NODES_MAX`] nodes, [`draw`] at most [`DRAWN_NODES_MAX`].

mod compare;
mod convert;
mod draw;
mod edit;
mod fix;
mod import;
mod inspect;
mod metadata;
mod mp4;
mod read;
mod rulebook;
mod validate;

pub use workflow_graph::{lora::Lora, validate::Profile as Rules};

pub(crate) use self::read::{api, is_ui};
pub use self::{
    compare::{Difference, MergeChoice, MergeStrategy, Merged, diff, merge},
    convert::{ConversionNote, Converted, Lifted},
    draw::{DRAWN_NODES_MAX, Drawing, draw, draw_diff},
    edit::{Edited, apply_lora, edit},
    fix::{Correction, Fixes},
    import::{Container, Imported, import},
    inspect::{Inspection, MissingNode, ModelUse},
    read::{Found, WORKFLOW_BYTES_MAX, WORKFLOW_NODES_MAX, read, recognize},
    rulebook::Rulebook,
    validate::{Advice, Objection, Refused, Validation},
};

//! What models there are, what they need, how they are run and which are current.
//!
//! ```
//! use model_registry::{Registry, Resolution};
//! # let texts = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/texts.rs"));
//! let registry = Registry::load(texts)?; // (file name, text), of all files of the data
//! let Resolution::Found(found) = registry.resolve("fox one") else { panic!() };
//! let stage = &found.variants[0].stages[0];
//! let steps = stage.steps.as_ref().unwrap();
//! assert_eq!((steps.value, steps.source.text()), (20, "The model's card"));
//! # Ok::<(), model_registry::Error>(())
//! ```
//!
//! Everything that is known of a model stands in data (`model-registry/*.toml`, described in
//! `docs/formats.md`), nothing in code, and every figure says where it comes from. Nothing here
//! does IO, and no text makes it panic: a wrong file is an error with file, line and key.
//!
//! [`Lexicon`] reads what a sentence asks for, and [`Registry::recommend`] says which model to take for
//! it and why; `docs/design/009-recommendation.md` tells how.
//!
//! # What it does not do
//!
//! It does not guess. What the data does not know is `None`, a file that nobody has heard of is
//! [`Fit::Unknown`], and a name that is only near to another stands for nothing. It does not know
//! which files a server has: [`memory`] computes what models need from the sizes that it is told.

mod advice;
mod error;
mod family;
mod figure;
mod fit;
mod freshness;
pub mod memory;
mod names;
mod read;
mod recommend;
mod registry;
mod resolve;
mod variant;

pub use crate::{
    advice::{Advice, Rule},
    error::{Error, Place},
    family::{Family, Geometry, Licence, Memory, ModelFile},
    figure::{Day, Setting, Source},
    fit::Fit,
    freshness::{CurrentModel, Freshness, State},
    names::{Age, Medium, Negative, Recommendation, Runs, Task, VaeKind},
    recommend::{
        AskError, Candidate, Choice, Evidence, History, Lexicon, MemoryFit, MemoryNeed,
        MissingFile, Need, Priority, Reason, Recommended, Request, Style, Surroundings, Term,
        Understanding, gigabytes, tasks_of,
    },
    registry::Registry,
    resolve::{Found, How, Pattern, Resolution},
    variant::{
        Extent, FramesRule, Latent, Load, LoraUse, Range, Rank, Shift, SizeRule, Stage, Switch,
        Variant,
    },
};

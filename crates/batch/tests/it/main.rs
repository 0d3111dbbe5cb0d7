//! What the crate promises, seen from outside.

mod engine;
mod recovery;
mod stage;
mod store;

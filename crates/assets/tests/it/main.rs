//! What the crate promises, seen from outside.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helper functions too")]

mod errors;
mod folder;
mod memory;

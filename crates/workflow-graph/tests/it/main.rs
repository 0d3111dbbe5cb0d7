//! The integration tests of `workflow-graph`, as one binary.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, in its helper functions too, and says when it skips"
)]

mod bad_input;
mod big_input;
mod convert_corpus;
mod convert_rules;
mod convert_subgraphs;
mod diff;
mod draw;
mod fixes;
mod graphs;
mod ground_truth;
mod lift;
mod links;
mod lora;
mod merge;
mod near;
mod patch;
mod placeholders;
mod roles;
mod verdicts;

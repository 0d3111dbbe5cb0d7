//! The integration tests of `workflow-graph`, as one binary.

mod diff;
mod draw;
mod fixes;
mod graphs;
mod ground_truth;
mod lora;
mod merge;
mod patch;
mod placeholders;
mod roles;
mod verdicts;

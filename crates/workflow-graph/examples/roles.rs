//! Prints the roles found in API workflows: `roles FILE...`.
#![expect(clippy::print_stdout, reason = "it is a program that prints")]

use workflow_graph::{Json, Workflow, roles};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for file in std::env::args().skip(1) {
        let workflow = Workflow::from_json(&Json::parse(&std::fs::read(&file)?)?)?;
        println!(
            "{}",
            Json::object([("file", Json::from(file)), ("roles", roles::of(&workflow).to_json())])
        );
    }
    Ok(())
}

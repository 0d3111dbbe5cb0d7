//! Checks and generators of this workspace: `cargo xtask check`, `cargo xtask gen [--check]`, `cargo xtask
//! conformance [--url URL]`.

mod documents;
mod error;
mod layers;
mod metadata;
mod pages;
mod sources;
mod suite;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use crate::{error::Error, metadata::Member, suite::Conformance};

const USAGE: &str = "\
usage: cargo xtask <task>

  check          hold the workspace against its rules: layers, sources, generated documents
  gen            write the generated parts of the documents, and the pages of the templates
  gen --check    only say which of them are out of date
  conformance    replay recorded traffic of a real ComfyUI against a server
    --url URL           the server; without, a comfy-sim of its own
    --scenario NAME     only this one
    --recordings DIR    default $MEDIAFACTORY_GROUND_TRUTH/comfyui/recordings";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let root = workspace_root();
    let done = match arguments.as_slice() {
        ["check"] => check(&root),
        ["gen"] => write_generated(&root).map(|()| Vec::new()),
        ["gen", "--check"] => check_generated(&root),
        ["conformance", rest @ ..] if let Some(asked) = Conformance::from_arguments(rest) => {
            asked.run()
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(violations) if violations.is_empty() => ExitCode::SUCCESS,
        Ok(violations) => {
            for violation in &violations {
                eprintln!("{violation}");
            }
            eprintln!("{} broken rules", violations.len());
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error}");
            let mut beneath = std::error::Error::source(&error);
            while let Some(source) = beneath {
                eprintln!("  because: {source}");
                beneath = source.source();
            }
            ExitCode::FAILURE
        }
    }
}

/// Every rule that is broken, one sentence each.
fn check(root: &Path) -> Result<Vec<String>, Error> {
    let members = Member::of_workspace(root)?;
    let layers = layers::check(&members).into_iter().map(|violation| violation.to_string());
    let sources = sources::check(root, &members)?;
    let documents = check_generated(root)?;
    println!("checked {} crates, {} source files", members.len(), sources.files);
    Ok(layers.chain(sources.violations).chain(documents).collect())
}

fn write_generated(root: &Path) -> Result<(), Error> {
    documents::write(root)?;
    pages::write(root)
}

fn check_generated(root: &Path) -> Result<Vec<String>, Error> {
    Ok([documents::check(root)?, pages::check(root)?].concat())
}

fn workspace_root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

//! `workflow inspect`.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use mediafactory::{
    Json,
    workflows::{Inspection, MissingNode, ModelUse},
};

use super::rulebook::Definitions;
use crate::{failure::Failure, input, output};

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// The workflow: JSON of either format, or a picture that has one; `-` reads it from stdin
    #[arg(value_name = "WORKFLOW")]
    workflow: PathBuf,
    #[command(flatten)]
    definitions: Definitions,
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

pub(super) async fn inspect(
    task: Inspect,
    settings: Vec<(String, String)>,
) -> Result<ExitCode, Failure> {
    let rulebook = task.definitions.rulebook(settings).await?;
    let found = rulebook.inspect(&input::api_or_ui(&task.workflow).await?)?;
    if task.json {
        output::result(&found.to_json().to_string())?;
    } else {
        output::result(&lines(&found))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn lines(found: &Inspection) -> String {
    let mut rows = Vec::new();
    let mut row = |name: &str, value: String| rows.push([name.to_owned(), value]);
    row("format", found.format.to_owned());
    row("nodes", found.nodes.to_string());
    row("digest", found.digest.clone());
    for (name, nodes) in [("output", &found.outputs), ("service", &found.services)] {
        for (node, class) in nodes {
            row(name, format!("{node} {class}"));
        }
    }
    for (role, places) in found.inputs.as_object().into_iter().flatten() {
        for place in places.as_array().unwrap_or_default() {
            row(role, place_in_words(place));
        }
    }
    for model in &found.models {
        row("model", model_in_words(model));
    }
    for missing in &found.missing_nodes {
        row("missing", missing_in_words(missing));
    }
    for problem in &found.problems {
        row("problem", problem.clone());
    }
    for finding in &found.findings {
        row("finding", finding.message.clone());
    }
    output::aligned(&rows)
}

fn place_in_words(place: &Json) -> String {
    let text = |name: &str| place.get(name).and_then(Json::as_str).unwrap_or_default();
    let value = place.get("value").map(Json::to_string).unwrap_or_default();
    format!("{}.{} = {value}", text("node"), text("input"))
}

fn model_in_words(model: &ModelUse) -> String {
    let state = match model.installed {
        Some(true) => "is there".to_owned(),
        Some(false) if model.nearest.is_empty() => "is missing".to_owned(),
        Some(false) => format!("is missing; nearest is {}", model.nearest.join(", ")),
        None => "cannot be looked up".to_owned(),
    };
    format!("{} {} (node {}) {state}", model.kind, model.file, model.node)
}

fn missing_in_words(missing: &MissingNode) -> String {
    let pack = missing.pack.as_ref().map(|pack| format!(" of {pack}")).unwrap_or_default();
    let near = match missing.nearest.as_slice() {
        [] => String::new(),
        near => format!("; nearest is {}", near.join(", ")),
    };
    format!(
        "node {} has class {}{pack}, which the server lacks{near}",
        missing.node, missing.class_type
    )
}

//! `workflow validate` and `workflow fix`.

use std::{
    io::{self, BufRead, BufWriter, Read as _, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::Args;
use mediafactory::{
    Json,
    workflows::{Objection, Rulebook, Validation, WORKFLOW_BYTES_MAX},
};

use super::rulebook::Definitions;
use crate::{failure::Failure, input, output};

#[derive(Debug, Args)]
pub(crate) struct Validate {
    /// The workflow: JSON of either format, or a picture that has one; `-` reads it from stdin
    #[arg(value_name = "WORKFLOW", required_unless_present = "jsonl", conflicts_with = "jsonl")]
    workflow: Option<PathBuf>,
    #[command(flatten)]
    definitions: Definitions,
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
    /// Read one prompt in API format a line from stdin, and answer each with one line of JSON
    ///
    /// The answer is {"valid", "error", "outputs", "errors": [{"node", "input", "type", "message"}],
    /// "warnings"}. An error with "alternative": true is another name that the server may give the
    /// one before it, depending on the order in which it happens to walk.
    #[arg(long)]
    jsonl: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Fix {
    /// The workflow: JSON of either format, or a picture that has one; `-` reads it from stdin
    #[arg(value_name = "WORKFLOW")]
    workflow: PathBuf,
    #[command(flatten)]
    definitions: Definitions,
    /// Print the corrected workflow instead of the corrections
    #[arg(long)]
    apply: bool,
    /// Make only the correction at this place, such as /3/inputs/steps; may be repeated
    #[arg(long = "only", value_name = "PATH")]
    only: Vec<String>,
    /// Print one JSON object instead of lines
    #[arg(long, conflicts_with = "apply")]
    json: bool,
}

/// Exits with 1 when ComfyUI would refuse the workflow.
pub(super) async fn validate(
    task: Validate,
    settings: Vec<(String, String)>,
) -> Result<ExitCode, Failure> {
    let rulebook = task.definitions.rulebook(settings).await?;
    let Some(path) = &task.workflow else {
        return lines(&rulebook, io::stdin().lock());
    };
    let verdict = rulebook.validate(&prompt(&rulebook, path).await?);
    if task.json {
        output::result(&verdict.to_json().to_string())?;
    } else {
        output::result(&shown(&verdict))?;
    }
    Ok(if verdict.valid { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Exits with 1 when ComfyUI would refuse the workflow even then.
pub(super) async fn fix(task: Fix, settings: Vec<(String, String)>) -> Result<ExitCode, Failure> {
    let rulebook = task.definitions.rulebook(settings).await?;
    let workflow = prompt(&rulebook, &task.workflow).await?;
    let fixes = if task.only.is_empty() {
        rulebook.fix(&workflow)
    } else {
        rulebook.fix_at(&workflow, &task.only)?
    };
    let rows = fixes.corrections.iter().map(|correction| {
        let side = |value: &Option<Json>| value.as_ref().map_or("(none)".into(), Json::to_string);
        let change = format!("{} -> {}", side(&correction.from), side(&correction.to));
        [correction.path.clone(), change, correction.reason.clone()]
    });
    let rows = output::aligned(&rows.collect::<Vec<_>>());
    if task.apply {
        output::note(rows.trim_end());
        output::result(&fixes.workflow.to_string())?;
    } else if task.json {
        output::result(&fixes.to_json().to_string())?;
    } else {
        output::result(&format!("{rows}after that:\n{}", shown(&fixes.after)))?;
    }
    Ok(if fixes.after.valid { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A workflow in API format, converted where it must be.
pub(super) async fn prompt(rulebook: &Rulebook, path: &std::path::Path) -> Result<Json, Failure> {
    let workflow = input::api_or_ui(path).await?;
    if workflow.get("nodes").and_then(Json::as_array).is_none() {
        return Ok(workflow);
    }
    let converted = rulebook.convert(workflow)?;
    for finding in &converted.findings {
        output::note(&format!("note: {}", finding.message));
    }
    Ok(converted.workflow)
}

fn lines(rulebook: &Rulebook, mut prompts: impl BufRead) -> Result<ExitCode, Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut line = Vec::new();
    loop {
        line.clear();
        let bytes_max = u64::try_from(WORKFLOW_BYTES_MAX).unwrap_or(u64::MAX);
        let read = prompts.by_ref().take(bytes_max.saturating_add(1)).read_until(b'\n', &mut line);
        read.map_err(|source| Failure::Unreadable { what: "stdin".to_owned(), source })?;
        if line.is_empty() {
            break;
        }
        if line.len() > WORKFLOW_BYTES_MAX {
            return Err(Failure::TooLarge { what: "a line of stdin".to_owned(), bytes_max });
        }
        let answer = match Json::parse(&line) {
            Ok(prompt) => rulebook.validate(&prompt).to_json(),
            Err(error) => unreadable(&error.to_string()),
        };
        if writeln!(out, "{answer}").is_err() {
            // A reader that has gone away has had enough.
            return Ok(ExitCode::SUCCESS);
        }
    }
    out.flush().map_err(|source| Failure::Stdout { source })?;
    Ok(ExitCode::SUCCESS)
}

/// Every line has an answer, so that answers and prompts can be put side by side.
fn unreadable(why: &str) -> Json {
    let none = || Json::Array(Vec::new());
    Json::object([
        ("valid", Json::from(false)),
        ("error", Json::from("not_json")),
        ("message", Json::from(why)),
        ("outputs", none()),
        ("errors", none()),
        ("warnings", none()),
    ])
}

fn shown(verdict: &Validation) -> String {
    let verdict_line = match (&verdict.error, verdict.errors.is_empty()) {
        (None, true) => "valid".to_owned(),
        (None, false) => "valid, but not all of it would run".to_owned(),
        (Some(error), _) => format!("refused: {} ({})", error.sentence(), error.kind),
    };
    let near = verdict.error.iter().flat_map(|error| &error.choices).take(CHOICES_SHOWN);
    let near: Vec<&str> = near.map(String::as_str).collect();
    let near = match (&verdict.error, near.as_slice()) {
        (Some(error), []) if error.kind == MISSING_CLASS => {
            Some(["nearest".to_owned(), "none of the classes has a name like it".to_owned()])
        }
        (_, []) => None,
        (_, near) => Some(["nearest".to_owned(), near.join(", ")]),
    };
    let errors = verdict.errors.iter().filter(|error| !error.alternative);
    let errors = errors.map(|error| row("error", error));
    let warnings = verdict.warnings.iter().map(|warning| row("warning", warning));
    let advice = verdict.advice.iter().map(|advice| ["advice".to_owned(), advice.sentence()]);
    let outputs =
        (!verdict.outputs.is_empty()).then(|| ["outputs".to_owned(), verdict.outputs.join(", ")]);
    let rows: Vec<_> =
        near.into_iter().chain(errors).chain(warnings).chain(advice).chain(outputs).collect();
    format!("{verdict_line}\n{}", output::aligned(&rows))
}

/// How a server names a class that it lacks.
const MISSING_CLASS: &str = "missing_node_type";

/// How many near names a refusal shows.
const CHOICES_SHOWN: usize = 5;

fn row(level: &str, objection: &Objection) -> [String; 2] {
    [level.to_owned(), objection.sentence()]
}

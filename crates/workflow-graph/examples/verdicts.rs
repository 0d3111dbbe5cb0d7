//! Foresees a server's verdict on each prompt of standard input, one a line, and answers each
//! with one line: what `compare_verdicts.py` holds against a real server.
//!
//! usage: `verdicts OBJECT_INFO PROFILE [body]`, where PROFILE is a version such as 0.33.0; with
//! `body` each answer is the body that the server would answer with

use std::io::{BufRead as _, Write as _};

use workflow_graph::{
    Json,
    catalog::NodeCatalog,
    validate::{ErrorKind, Profile, Targets, Verdict, validate},
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(definitions), Some(version)) = (arguments.next(), arguments.next()) else {
        return Err("usage: verdicts OBJECT_INFO PROFILE [body]".into());
    };
    let whole_body = arguments.next().is_some_and(|word| word == "body");
    let catalog = NodeCatalog::from_bytes(&std::fs::read(definitions)?)?;
    let profile = Profile::of_version(&version);
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let prompt = Json::parse(line?.as_bytes())?;
        let verdict = validate(&prompt, &catalog, Targets::All, profile);
        let line = if whole_body { verdict.to_json() } else { answer(&verdict) };
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn answer(verdict: &Verdict) -> Json {
    let error = verdict.refusal().map_or(Json::Null, |refusal| Json::from(refusal.kind.as_str()));
    let text = |text: &Option<String>| text.as_deref().map_or(Json::Null, Json::from);
    let errors = verdict.errors().flat_map(|error| {
        let named = |kind: ErrorKind, input: &Option<String>| {
            Json::object([
                ("node", Json::from(error.node)),
                ("input", text(input)),
                ("type", Json::from(kind.as_str())),
                ("message", Json::from(error.finding.message.as_str())),
                ("details", Json::from(error.finding.details.as_str())),
                ("choices", Json::from(error.finding.choices.clone())),
            ])
        };
        // The server names one of these, which one depends on the order of a hash set.
        let others = error.finding.alternatives.iter().map(|other| named(other.kind, &other.input));
        [named(error.finding.kind, &error.finding.input)]
            .into_iter()
            .chain(others)
            .collect::<Vec<_>>()
    });
    let warnings = verdict.warnings().iter().map(|warning| {
        Json::object([
            ("type", Json::from(warning.kind.as_str())),
            ("node", Json::from(warning.node.as_str())),
            ("input", text(&warning.input)),
            ("message", Json::from(warning.message.as_str())),
            ("choices", Json::from(warning.choices.clone())),
        ])
    });
    let outputs = verdict.outputs().iter().map(|id| Json::from(id.as_str()));
    Json::object([
        ("valid", Json::from(verdict.is_accepted())),
        ("error", error),
        ("outputs", Json::from(outputs.collect::<Vec<_>>())),
        ("errors", Json::from(errors.collect::<Vec<_>>())),
        ("warnings", Json::from(warnings.collect::<Vec<_>>())),
    ])
}

//! `mediafactory doctor`: whether everything that a job needs is there.

use std::{collections::BTreeSet, process::ExitCode};

use clap::Args;
use mediafactory::{
    Json,
    config::Resolved,
    doctor::{Finding, Level, examine},
};

use crate::{failure::Failure, output, server::Backing};

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Print one JSON array instead of lines
    #[arg(long)]
    json: bool,
}

pub(crate) async fn perform(task: &Doctor, resolved: &Resolved) -> Result<ExitCode, Failure> {
    let mut findings = configuration(resolved);
    let backing = Backing::by(resolved.config.simulate, resolved.config.clone()).await?;
    findings.extend(examine(&backing.config).await);
    backing.close().await;
    if task.json {
        output::result(&Json::Array(findings.iter().map(json).collect()).to_string())?;
    } else {
        output::result(&lines(&findings))?;
    }
    let has_problem = findings.iter().any(|finding| finding.level == Level::Problem);
    Ok(if has_problem { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// It has been read already: a broken one is an error that stands before every task.
fn configuration(resolved: &Resolved) -> Vec<Finding> {
    const CHECK: &str = "configuration";
    let file = match &resolved.file {
        Some(file) => file.display().to_string(),
        None => "no file; defaults, environment and command line".to_owned(),
    };
    let warnings =
        resolved.warnings.iter().map(|warning| Finding::warning(CHECK, warning.to_string()));
    std::iter::once(Finding::ok(CHECK, file)).chain(warnings).collect()
}

/// Servers are named where there are several to tell apart.
fn lines(findings: &[Finding]) -> String {
    let servers: BTreeSet<_> =
        findings.iter().filter_map(|finding| finding.server.as_ref()).collect();
    let mut rows = Vec::new();
    for finding in findings {
        let level = finding.level.to_string();
        let check = match &finding.server {
            Some(server) if servers.len() > 1 => format!("{} of {server}", finding.check),
            Some(_) | None => finding.check.to_owned(),
        };
        rows.push([level, check, finding.message.clone()]);
        if let Some(advice) = &finding.advice {
            rows.push([String::new(), String::new(), format!("→ {advice}")]);
        }
    }
    output::aligned(&rows)
}

fn json(finding: &Finding) -> Json {
    Json::object([
        ("check", Json::from(finding.check)),
        ("server", finding.server.as_deref().map_or(Json::Null, Json::from)),
        ("level", Json::from(finding.level.as_str())),
        ("message", Json::from(finding.message.as_str())),
        ("advice", finding.advice.as_deref().map_or(Json::Null, Json::from)),
    ])
}

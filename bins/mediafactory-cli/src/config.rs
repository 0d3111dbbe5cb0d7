//! `mediafactory config`: what is set, and by whom.

use std::process::ExitCode;

use clap::Subcommand;
use mediafactory::{Json, config::Resolved};

use crate::{failure::Failure, output, startup};

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigTask {
    /// Every setting with its value and where that comes from
    Show {
        /// Print one JSON object instead of lines
        #[arg(long)]
        json: bool,
    },
    /// The configuration file
    Path,
}

pub(crate) fn perform(
    task: &ConfigTask,
    settings: Vec<(String, String)>,
) -> Result<ExitCode, Failure> {
    let resolved = startup::resolve(settings)?;
    match task {
        ConfigTask::Show { json: true } => output::result(&json(&resolved).to_string())?,
        ConfigTask::Show { json: false } => output::result(&lines(&resolved))?,
        ConfigTask::Path => path(&resolved)?,
    }
    for warning in &resolved.warnings {
        output::note(&format!("warning: {warning}"));
    }
    Ok(ExitCode::SUCCESS)
}

fn lines(resolved: &Resolved) -> String {
    let rows: Vec<_> = resolved
        .settings
        .iter()
        .map(|setting| {
            let value = setting.value.clone().unwrap_or_else(|| "(not set)".to_owned());
            [setting.key.to_owned(), value, setting.source.to_string()]
        })
        .collect();
    output::aligned(&rows)
}

fn json(resolved: &Resolved) -> Json {
    Json::object(resolved.settings.iter().map(|setting| {
        let value = setting.value.as_deref().map_or(Json::Null, Json::from);
        let source = Json::from(setting.source.to_string());
        (setting.key, Json::object([("value", value), ("source", source)]))
    }))
}

fn path(resolved: &Resolved) -> Result<(), Failure> {
    match (&resolved.file, &resolved.usual_file) {
        (Some(file), _) => output::result(&file.display().to_string()),
        (None, Some(usual)) => {
            output::note("there is no configuration file; this one would be read");
            output::result(&usual.display().to_string())
        }
        (None, None) => Err(Failure::usage(
            "there is no configuration file, and no usual place for one because HOME is not set",
        )),
    }
}

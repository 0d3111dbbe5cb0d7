//! Whether everything that a job needs is there, and what to do where it is not.

mod machine;
mod server;
mod services;

use std::{fmt, time::Duration};

use crate::{config::Config, servers};

/// One thing that was looked at.
///
/// ```
/// use mediafactory::doctor::{Finding, Level};
/// let finding = Finding::problem("server", "nothing answers").with_advice("start ComfyUI");
/// assert_eq!(finding.level, Level::Problem);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at, in a word or two.
    pub check: &'static str,
    /// The name of the ComfyUI server that it is about, where it is about one.
    pub server: Option<String>,
    /// How it is.
    pub level: Level,
    /// What was found.
    pub message: String,
    /// What to do about it; `None` where nothing has to be done.
    pub advice: Option<String>,
}

/// How a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Ok,
    /// Some requests will fail, or something is probably not meant.
    Warning,
    /// Nothing works before this does.
    Problem,
}

impl Level {
    /// The level in one word: `ok`, `warning` or `problem`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Finding {
    /// As it should be.
    pub fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self { check, server: None, level: Level::Ok, message: message.into(), advice: None }
    }

    /// Something that some requests will stumble over.
    pub fn warning(check: &'static str, message: impl Into<String>) -> Self {
        Self { level: Level::Warning, ..Self::ok(check, message) }
    }

    /// Something without which nothing works.
    pub fn problem(check: &'static str, message: impl Into<String>) -> Self {
        Self { level: Level::Problem, ..Self::ok(check, message) }
    }

    /// Says what to do about it.
    #[must_use]
    pub fn with_advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// Says which server it is about.
    #[must_use]
    fn of_server(mut self, name: &str) -> Self {
        self.server = Some(name.to_owned());
        self
    }
}

/// Looks at the folders, the database, the services, and at every configured server with its models,
/// in this order. No job is touched, and nothing is written but a file in each folder that is
/// removed at once.
///
/// What is wrong with one of several servers is a warning as long as another one can work.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use mediafactory::{config::Config, doctor::{self, Level}};
///
/// let folder = tempfile::tempdir()?;
/// let findings = doctor::examine(&Config::new(folder.path())).await;
/// assert_eq!(findings[0].level, Level::Ok, "a fresh folder can be written");
/// # Ok(())
/// # }
/// ```
pub async fn examine(config: &Config) -> Vec<Finding> {
    let mut findings = vec![
        machine::folder("data folder", "data_dir", &config.data_dir).await,
        machine::folder("output folder", "output_dir", &config.output_dir).await,
        machine::database(&config.data_dir).await,
    ];
    findings.extend(services::examine(config).await);
    findings.extend(server::examine(config).await);
    findings
}

/// Whether a ComfyUI answers at the configured address, or else at [`Config::default_server`].
///
/// Programs that may put the simulator in its place ask this first.
pub async fn comfyui_answers(config: &Config, within: Duration) -> bool {
    let Ok(client) = servers::first_client(&patient(config, within)) else { return false };
    let answer = tokio::time::timeout(within, client.system_stats()).await;
    matches!(answer, Ok(Ok(stats)) if stats.comfyui_version.is_some())
}

/// The same configuration, with no wait for a server longer than `patience`.
fn patient(config: &Config, patience: Duration) -> Config {
    let connect_timeout = config.connect_timeout.min(patience);
    let reply_timeout = config.reply_timeout.min(patience);
    Config { connect_timeout, reply_timeout, ..config.clone() }
}

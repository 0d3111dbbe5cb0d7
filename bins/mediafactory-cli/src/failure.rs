//! Why a task could not be done, and what the shell is told.

use std::{
    error::Error,
    path::{Path, PathBuf},
    process::ExitCode,
};

use mediafactory::FailureCode;

use crate::output;

/// Exit code of a command line or a configuration that cannot be used.
const USAGE: u8 = 2;

/// Exit code of what Ctrl-C stopped: 128 and the number of the signal, as shells count it.
pub(crate) const INTERRUPTED: u8 = 130;

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Failure {
    #[error(transparent)]
    Factory(#[from] mediafactory::Error),
    #[error(transparent)]
    Configuration(#[from] mediafactory::config::Error),
    #[error("the simulator cannot be started")]
    Simulator { source: comfy_sim::SimError },
    #[error("{message}")]
    Usage { message: String, hint: Option<String> },
    #[error("cannot read {what}")]
    Unreadable { what: String, source: std::io::Error },
    #[error("{what} has more than {bytes_max} bytes")]
    TooLarge { what: String, bytes_max: u64 },
    #[error("{} is empty", path.display())]
    Empty { path: PathBuf },
    #[error("{} is not JSON", path.display())]
    NotJson { path: PathBuf, source: Box<dyn Error + Send + Sync> },
    #[error("cannot write {what}")]
    Unwritable { what: String, source: std::io::Error },
    #[error("cannot write to stdout")]
    Stdout { source: std::io::Error },
    #[error("cannot start the asynchronous runtime")]
    NoRuntime { source: std::io::Error },
    #[error("left at once; the job stays recorded")]
    Left,
}

impl Failure {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), hint: None }
    }

    pub(crate) fn unwritable(path: &Path, source: std::io::Error) -> Self {
        Self::Unwritable { what: path.display().to_string(), source }
    }

    /// Says it on stderr, and to the shell.
    pub(crate) fn tell(&self) -> ExitCode {
        output::note(&format!("error: {self}"));
        if let Some(hint) = self.hint() {
            output::note(&format!("hint: {hint}"));
        }
        let mut told = self.to_string();
        let mut beneath = self.source();
        while let Some(source) = beneath {
            let text = source.to_string();
            // The facade's texts stand alone and so hold those of their causes.
            if !told.contains(&text) {
                output::note(&format!("because: {text}"));
                told.push_str(&text);
            }
            beneath = source.source();
        }
        ExitCode::from(self.exit_code())
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Factory(error) => error.hint().map(str::to_owned),
            Self::Usage { hint, .. } => hint.clone(),
            Self::Configuration(_) => {
                Some("`mediafactory --help` lists the settings and what they take".to_owned())
            }
            Self::Empty { .. } | Self::NotJson { .. } => Some(
                "give a workflow as ComfyUI saves it, or as its menu `Export (API)` writes it"
                    .to_owned(),
            ),
            Self::Simulator { .. }
            | Self::Unreadable { .. }
            | Self::TooLarge { .. }
            | Self::Unwritable { .. }
            | Self::Stdout { .. }
            | Self::NoRuntime { .. }
            | Self::Left => None,
        }
    }

    fn exit_code(&self) -> u8 {
        match self {
            Self::Configuration(_) | Self::Usage { .. } => USAGE,
            Self::Factory(error) if error.code() == FailureCode::Cancelled => INTERRUPTED,
            Self::Left => INTERRUPTED,
            Self::Factory(_)
            | Self::Simulator { .. }
            | Self::Unreadable { .. }
            | Self::TooLarge { .. }
            | Self::Empty { .. }
            | Self::NotJson { .. }
            | Self::Unwritable { .. }
            | Self::Stdout { .. }
            | Self::NoRuntime { .. } => 1,
        }
    }
}

//! Where servers run: a home with a data folder, and the ComfyUI they are pointed at.

use tempfile::TempDir;

use crate::{process::Process, programs::program};

/// A home folder with the environment of what runs in it. Several servers may.
#[derive(Debug)]
pub(crate) struct Place {
    _home: TempDir,
    environment: Vec<(String, String)>,
}

impl Place {
    /// A home where nothing was ever made, for the ComfyUI at `url`.
    pub(crate) fn new(url: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().to_str().unwrap().to_owned();
        let environment = [
            ("HOME", path.clone()),
            ("MEDIAFACTORY_DATA_DIR", format!("{path}/data")),
            ("MEDIAFACTORY_LOG", "info".to_owned()),
            ("COMFYUI_URL", url.to_owned()),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value)).into();
        Self { _home: home, environment }
    }

    /// With one more setting.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn stdio(&self) -> Process {
        Process::spawn(&program("mediafactory-stdio"), &[], &self.environment)
    }

    /// A server that listens on the loopback interface, at a free port.
    pub(crate) fn http(&self) -> Process {
        self.http_at("127.0.0.1:0")
    }

    /// A server that is to listen at some address, or to refuse that.
    pub(crate) fn http_at(&self, address: &str) -> Process {
        Process::spawn(&program("mediafactory-http"), &["--bind", address], &self.environment)
    }

    /// The command line, with these words.
    pub(crate) fn command(&self, words: &[&str]) -> Process {
        Process::spawn(&program("mediafactory"), words, &self.environment)
    }
}

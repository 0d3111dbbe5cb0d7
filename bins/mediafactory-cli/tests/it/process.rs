//! Running the program in a home of its own.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// A home folder that is removed at the end, and what runs in it.
pub(crate) struct Home(TempDir);

/// What a finished program left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mediafactory"));
        command.args(words).env_clear().env("HOME", self.path()).current_dir(self.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, words: &[&str]) -> Ended {
        self.command(words).output().unwrap().into()
    }

    pub(crate) fn run_with(&self, words: &[&str], environment: &[(&str, &str)]) -> Ended {
        self.command(words).envs(environment.iter().copied()).output().unwrap().into()
    }

    /// With a simulator that does not wait between steps.
    pub(crate) fn run_at(&self, server: &Simulator, words: &[&str]) -> Ended {
        self.run_with(words, &[("COMFYUI_URL", &server.url)])
    }

    pub(crate) fn run_with_stdin(&self, server: &Simulator, words: &[&str], stdin: &[u8]) -> Ended {
        let mut command = self.command(words);
        let mut child =
            command.env("COMFYUI_URL", &server.url).stdin(Stdio::piped()).spawn().unwrap();
        // A program that has read enough closes its stdin, which is no failure of the test.
        child.stdin.take().unwrap().write_all(stdin).ok();
        child.wait_with_output().unwrap().into()
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ended {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code, Some(0), "{self:?}");
        serde_json::from_str(&self.stdout).unwrap()
    }

    /// The value of one of the aligned lines.
    #[track_caller]
    pub(crate) fn line(&self, name: &str) -> &str {
        let found = self.stdout.lines().find_map(|line| line.strip_prefix(name));
        found.unwrap_or_else(|| panic!("no line `{name}` in {self:?}")).trim()
    }

    /// For snapshots: what differs from run to run is named instead, and columns lose
    /// their width, which comes from paths.
    pub(crate) fn told(&self, names: &[(&str, &str)]) -> String {
        let code = self.code.map_or_else(|| "a signal".to_owned(), |code| code.to_string());
        let mut told =
            format!("exit {code}\n--- stdout\n{}--- stderr\n{}", self.stdout, self.stderr);
        for (value, name) in names {
            told = told.replace(value, name);
        }
        while told.contains("   ") {
            told = told.replace("   ", "  ");
        }
        told
    }

    /// Holds it to one error of the job or the server, whose text belongs to other crates.
    #[track_caller]
    pub(crate) fn expect_failure(&self, parts: &[&str]) {
        assert_eq!((self.code, self.stdout.as_str()), (Some(1), ""), "{self:?}");
        assert_eq!(self.stderr.matches("error: ").count(), 1, "{self:?}");
        for part in parts {
            assert!(self.stderr.contains(part), "no `{part}` in {self:?}");
        }
    }
}

/// `mediafactory sim` as a process, ended at the end of the test.
pub(crate) struct Simulator {
    child: Child,
    pub(crate) url: String,
}

impl Simulator {
    pub(crate) fn start() -> Self {
        Self::with_step("0")
    }

    pub(crate) fn with_step(milliseconds: &str) -> Self {
        let home = Home::new();
        let mut command = home.command(&["sim", "--port", "0", "--step-ms", milliseconds]);
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut url).unwrap();
        Self { child, url: url.trim().to_owned() }
    }

    /// From here on it keeps its connections and answers nothing.
    #[cfg(unix)]
    pub(crate) fn freeze(&self) {
        signal(&self.child, "-STOP");
    }

    #[cfg(unix)]
    pub(crate) fn interrupt(mut self) -> Option<i32> {
        interrupt(&self.child);
        self.child.wait().unwrap().code()
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Ctrl-C.
#[cfg(unix)]
pub(crate) fn interrupt(child: &Child) {
    signal(child, "-INT");
}

#[cfg(unix)]
fn signal(child: &Child, signal: &str) {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// Reads stderr up to a line that holds `text`; gives back all that was read.
pub(crate) fn read_until(stderr: &mut BufReader<ChildStderr>, text: &str) -> String {
    let mut all = String::new();
    while !all.contains(text) {
        assert_ne!(stderr.read_line(&mut all).unwrap(), 0, "stderr ended before `{text}`: {all}");
    }
    all
}

/// The address of a server that is not there.
pub(crate) fn closed_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/", listener.local_addr().unwrap())
}

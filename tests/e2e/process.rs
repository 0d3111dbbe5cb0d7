//! A running program: what it says on standard error, and how it is ended.

use std::{path::Path, process::ExitStatus, process::Stdio};

use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
    sync::watch,
    task::JoinSet,
    time::timeout,
};

use crate::requests::PATIENCE;

/// One process. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    stderr: watch::Receiver<String>,
    _reading: JoinSet<()>,
}

impl Process {
    /// Starts a program that sees nothing of this process's environment.
    pub(crate) fn spawn(program: &Path, words: &[&str], environment: &[(String, String)]) -> Self {
        let mut child = Command::new(program)
            .args(words)
            .env_clear()
            .envs(environment.iter().cloned())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (said, stderr) = watch::channel(String::new());
        let mut reading = JoinSet::new();
        reading.spawn(listen(child.stderr.take().unwrap(), said));
        Self { child, stderr, _reading: reading }
    }

    /// Its standard output and input; they are there once.
    pub(crate) fn take_pipes(&mut self) -> (ChildStdout, ChildStdin) {
        (self.child.stdout.take().unwrap(), self.child.stdin.take().unwrap())
    }

    /// The rest of the first line on standard error that begins with `start`.
    pub(crate) async fn line(&mut self, start: &str) -> String {
        let found = |said: &String| line_after(said, start).is_some();
        let said = timeout(PATIENCE, self.stderr.wait_for(found)).await;
        let Ok(Ok(said)) = said else { panic!("no line `{start}…` on standard error") };
        line_after(&said, start).unwrap().to_owned()
    }

    /// What it has said on standard error. All of it, once it has ended.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.borrow().clone()
    }

    /// `kill -9`: it gets no chance to do anything.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Asks it to end, as a service manager does.
    pub(crate) async fn terminate(&self) {
        let id = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
    }

    /// How it ended, and after its last word.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let ended = timeout(PATIENCE, self.child.wait()).await.expect("it ends in time").unwrap();
        // The sender goes when standard error is read to its end.
        while self.stderr.changed().await.is_ok() {}
        ended
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- standard error of the program\n{}---", *self.stderr.borrow());
        }
    }
}

async fn listen(stderr: ChildStderr, said: watch::Sender<String>) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        said.send_modify(|said| {
            said.push_str(&line);
            said.push('\n');
        });
    }
}

fn line_after<'a>(said: &'a str, start: &str) -> Option<&'a str> {
    said.lines().find_map(|line| line.strip_prefix(start))
}

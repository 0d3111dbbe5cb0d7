//! The server of a benchmark: the one at `COMFYUI_URL`, or comfy-sim in a process of its own.
//!
//! Its own process, as ComfyUI has one: its work is then not that of the client that is measured,
//! and its memory is told apart. The process is this very program with another argument.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "benchmarks fail by panicking and print"
)]

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use comfy_sim::{Sim, SimOptions};

/// The argument that makes this program the server.
const ARGUMENT: &str = "--be-the-simulator";

/// The server, which ends with this value.
pub(crate) struct Simulator {
    url: String,
    /// Where it is ours.
    pub(crate) process: Option<Child>,
}

/// What a benchmark's `main` begins with: whether it was the server, and has ended as such.
pub(crate) fn was_served(options: SimOptions) -> bool {
    let is_server = std::env::args().any(|argument| argument == ARGUMENT);
    if is_server {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(serve(options));
    }
    is_server
}

async fn serve(options: SimOptions) {
    let simulator = Sim::start(options).await.expect("a free port");
    println!("{}", simulator.url());
    // The other end holds the pipe as long as it lives.
    let until_end = tokio::task::spawn_blocking(|| {
        let mut nothing = String::new();
        drop(std::io::stdin().lock().read_line(&mut nothing));
    });
    drop(until_end.await);
    simulator.stop().await;
}

impl Simulator {
    pub(crate) fn start() -> Self {
        #[expect(clippy::disallowed_methods, reason = "a benchmark is told its server this way")]
        if let Ok(url) = std::env::var("COMFYUI_URL") {
            return Self { url, process: None };
        }
        let mut process = Command::new(std::env::current_exe().expect("this program"))
            .arg(ARGUMENT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program again");
        let mut url = String::new();
        let told = process.stdout.take().expect("it is a pipe");
        BufReader::new(told).read_line(&mut url).expect("an address");
        Self { url: url.trim().to_owned(), process: Some(process) }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            drop(process.kill());
            drop(process.wait());
        }
    }
}

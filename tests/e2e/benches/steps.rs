//! How long after its frame each step of a sampling run reaches an MCP client.
//!
//! Claim: within 50 ms. The client speaks to the stdio server through its pipes; a relay between
//! that server and ComfyUI notes when each frame passes. ComfyUI is comfy-sim, whose steps come as
//! far apart as in the recorded run of a real server, or the real one that `COMFYUI_URL` names.
//! The server is the program in the folder of this benchmark's own profile.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark fails by panicking and prints what it measured"
)]

use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::{Command as Build, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use comfy_sim::{Sim, SimOptions};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    net::{TcpListener, TcpStream, tcp},
    process::{Child, ChildStdin, ChildStdout, Command},
    task::JoinSet,
};

/// As far apart as the quicker ones of the recorded run (`txt2img_with_previews`).
const STEP_TIME: Duration = Duration::from_millis(27);

const STEPS: u32 = 100;

/// When the frame of each step passed.
type Passed = Arc<Mutex<BTreeMap<u32, Instant>>>;

#[tokio::main]
async fn main() {
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    let steps = if is_measured { STEPS } else { 3 };
    let options = SimOptions { step_time: STEP_TIME, previews: true, ..SimOptions::default() };
    let simulator = Sim::start(options).await.expect("a free port");
    #[expect(clippy::disallowed_methods, reason = "a benchmark is told its server this way")]
    let comfy = std::env::var("COMFYUI_URL").unwrap_or_else(|_| simulator.url());
    let (passed, relay, _relaying) = relay_to(comfy.trim_end_matches('/').to_owned()).await;

    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(&relay, &folder);
    let delays = server.sample(steps, &passed).await;
    report(steps, delays);
}

fn report(steps: u32, mut delays: Vec<Duration>) {
    let told = delays.len();
    delays.sort_unstable();
    let ms = |delay: Option<&Duration>| delay.map_or(f64::NAN, |delay| delay.as_secs_f64() * 1e3);
    println!("{told} of {steps} steps reached the client");
    println!(
        "delay: median {:.2} ms, largest {:.2} ms",
        ms(delays.get(told / 2)),
        ms(delays.last())
    );
}

/// The stdio server as a process.
struct Server {
    _process: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Server {
    fn start(comfy: &str, folder: &tempfile::TempDir) -> Self {
        let mut process = Command::new(program())
            .env_clear()
            .env("HOME", folder.path())
            .env("MEDIAFACTORY_DATA_DIR", folder.path().join("data"))
            .env("COMFYUI_URL", comfy)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("the stdio server");
        let input = process.stdin.take().expect("it is a pipe");
        let output = BufReader::new(process.stdout.take().expect("it is a pipe")).lines();
        Self { _process: process, input, output }
    }

    /// Runs one job and gives how late each of its steps was told.
    async fn sample(&mut self, steps: u32, passed: &Passed) -> Vec<Duration> {
        let client = json!({"name": "bench", "version": "0"});
        let hello =
            json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client});
        self.say(&json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}))
            .await;
        self.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
        let arguments = json!({
            "prompt": "a red fox in the snow", "template": "sd15_txt2img",
            "model": "tiny-sd15.safetensors", "width": 64, "height": 64, "steps": steps
        });
        let params = json!({
            "name": "generate", "arguments": arguments, "_meta": {"progressToken": 2}
        });
        self.say(&json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params}))
            .await;
        let mut told = BTreeMap::new();
        loop {
            let line = self.output.next_line().await.expect("output").expect("an answer");
            let now = Instant::now();
            let message: Value = serde_json::from_str(&line).expect("JSON");
            if message["id"] == 2 {
                assert_eq!(message["result"]["isError"], json!(false), "{message}");
                break;
            }
            if let Some(step) = step_of(&message) {
                told.entry(step).or_insert(now);
            }
        }
        let passed = passed.lock().expect("no panic");
        let delay = |(step, told): (u32, Instant)| Some(told.duration_since(*passed.get(&step)?));
        told.into_iter().filter_map(delay).collect()
    }

    async fn say(&mut self, message: &Value) {
        self.input.write_all(format!("{message}\n").as_bytes()).await.expect("it reads");
    }
}

/// The number in `57 %: KSampler, step 23 of 40`.
fn step_of(message: &Value) -> Option<u32> {
    let (_, step) = message["params"]["message"].as_str()?.split_once("step ")?;
    step.split_once(" of ")?.0.parse().ok()
}

/// The stdio server of the profile that this program was built with, built first.
fn program() -> PathBuf {
    let this = std::env::current_exe().expect("this program");
    // <target>/<profile>/deps/steps-<hash>
    let folder = this.ancestors().nth(2).expect("the folder of the profile");
    let is_release = folder.ends_with("release");
    let target = folder.parent().expect("the target folder");
    let built = Build::new(env!("CARGO"))
        .args(["build", "--quiet", "--offline", "-p", "mediafactory-stdio", "--profile"])
        .arg(if is_release { "release" } else { "dev" })
        .arg("--target-dir")
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    assert!(built.expect("cargo").success(), "the stdio server does not build");
    folder.join("mediafactory-stdio").with_extension(std::env::consts::EXE_EXTENSION)
}

/// Passes every connection on to ComfyUI, and gives the address where it does.
async fn relay_to(comfy: String) -> (Passed, String, JoinSet<()>) {
    let passed = Passed::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let to = comfy.strip_prefix("http://").expect("a plain address").to_owned();
    let notes = Arc::clone(&passed);
    let mut relaying = JoinSet::new();
    relaying.spawn(async move {
        let mut passing = JoinSet::new();
        while let Ok((ours, _)) = listener.accept().await {
            let theirs = TcpStream::connect(&to).await.expect("ComfyUI");
            drop((ours.set_nodelay(true), theirs.set_nodelay(true)));
            let (ours_in, ours_out) = ours.into_split();
            let (theirs_in, theirs_out) = theirs.into_split();
            passing.spawn(pass(ours_in, theirs_out, None));
            passing.spawn(pass(theirs_in, ours_out, Some(Arc::clone(&notes))));
        }
    });
    (passed, address, relaying)
}

async fn pass(mut from: tcp::OwnedReadHalf, mut to: tcp::OwnedWriteHalf, notes: Option<Passed>) {
    let mut piece = vec![0; 1 << 20];
    while let Ok(length) = from.read(&mut piece).await {
        let now = Instant::now();
        if length == 0 {
            return;
        }
        if let Some(notes) = &notes {
            let mut notes = notes.lock().expect("no panic");
            for step in steps_in(&piece[..length]) {
                notes.entry(step).or_insert(now);
            }
        }
        if to.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
}

/// The steps that the frames of type `progress` in a piece of the stream tell. A frame that a read
/// cuts in two is missed; then its step counts for nothing.
fn steps_in(piece: &[u8]) -> Vec<u32> {
    let text = String::from_utf8_lossy(piece);
    let frames = text.split(r#""type": "progress", "data": {"value": "#).skip(1);
    frames.filter_map(|frame| frame.split(',').next()?.trim().parse().ok()).collect()
}

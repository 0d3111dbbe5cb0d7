//! Runs many trivial prompts one after another and prints, for each thousand, how long one took and how much memory
//! the process holds: neither may grow with the number of jobs.
//!
//! ```text
//! cargo run --release -p comfy-sim --example many_jobs -- 10000
//! ```

use std::io::Write as _;
use std::time::{Duration, Instant};

use comfy_sim::{Sim, SimOptions};
use futures::StreamExt as _;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

const CLIENT: &str = "many";

/// How many jobs make up one line.
const JOBS_A_LINE: u32 = 1000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let jobs: u32 = std::env::args().nth(1).map_or(Ok(10_000), |jobs| jobs.parse())?;
    drop(rustls::crypto::ring::default_provider().install_default());
    let sim = Sim::start(SimOptions { step_time: Duration::ZERO, ..SimOptions::default() }).await?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    let socket = format!("ws://{}/ws?clientId={CLIENT}", sim.address());
    let (mut socket, _) = tokio_tungstenite::connect_async(socket).await?;
    let mut began = Instant::now();
    for number in 1..=jobs {
        let prompt = json!({
            "1": {"class_type": "PrimitiveInt", "inputs": {"value": number}},
            "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
        });
        let body = json!({"prompt": prompt, "client_id": CLIENT});
        let reply = http.post(format!("{}/prompt", sim.url())).json(&body).send().await?;
        let reply: Value = reply.error_for_status()?.json().await?;
        let id = reply.get("prompt_id").cloned().unwrap_or_default();
        while let Some(message) = socket.next().await {
            if let Message::Text(text) = message?
                && is_end(&serde_json::from_str(&text)?, &id)
            {
                break;
            }
        }
        if number % JOBS_A_LINE == 0 {
            let each = began.elapsed() / JOBS_A_LINE;
            writeln!(std::io::stdout(), "{number}: {each:?} a job, {}", resident())?;
            began = Instant::now();
        }
    }
    sim.stop().await;
    Ok(())
}

fn is_end(event: &Value, id: &Value) -> bool {
    let data = event.get("data");
    event.get("type").is_some_and(|kind| kind == "executing")
        && data.and_then(|data| data.get("prompt_id")) == Some(id)
        && data.and_then(|data| data.get("node")).is_some_and(Value::is_null)
}

/// The memory of this process, where the system says it.
fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.map_or_else(|| "memory unknown".to_owned(), |line| line.trim().to_owned())
}

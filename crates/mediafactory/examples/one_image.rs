//! One picture, as a whole program: `cargo run --example one_image -- "a red fox in the snow"`.
//!
//! It needs a ComfyUI at 127.0.0.1:8188, or at the address given as the second argument. To try
//! it without one, run `cargo run --bin mediafactory -- sim --port 8188` beside it.

use std::{env, error::Error};

use mediafactory::{
    Factory, GenerateRequest, Waited,
    config::{Backend, Config},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let prompt = arguments.next().unwrap_or_else(|| "a red fox in the snow".to_owned());
    let server = arguments.next().unwrap_or_else(|| Config::default_server().to_owned());

    let mut config = Config::new(env::temp_dir().join("mediafactory-example"));
    config.comfyui = Some(Backend { url: server.parse()?, auth: None });
    let factory = Factory::open(config).await?;

    let started = factory.start_generate(GenerateRequest::new(prompt)).await?;
    if let Some(mut progress) = factory.progress(&started.job) {
        while progress.changed().await.is_ok() {
            let now = progress.borrow_and_update().clone();
            let node = now.node.map(|node| node.class_type).unwrap_or_default();
            say(&format!("{:>3.0} % {} {node}", now.percent, now.state));
        }
    }
    match factory.wait(&started.job, factory.config().job_timeout).await? {
        Waited::Finished(report) => {
            for asset in &Factory::require_success(report)?.assets {
                say(&factory.asset_path(asset).display().to_string());
            }
        }
        Waited::StillRunning(report) => say(&format!("job {} still runs", report.job)),
    }
    factory.shutdown().await;
    Ok(())
}

#[expect(clippy::print_stdout, reason = "an example prints")]
fn say(line: &str) {
    println!("{line}");
}

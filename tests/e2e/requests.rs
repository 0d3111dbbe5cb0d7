//! What is asked for, and how long a test waits for it.

use std::{
    hash::{BuildHasher as _, Hasher as _, RandomState},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval, timeout};

/// How long a test waits for what must come; only a failing test waits this long. A real ComfyUI
/// on a processor takes its time, and runs one prompt after the other.
pub(crate) const PATIENCE: Duration = Duration::from_mins(4);

/// Steps that no machine takes before a test has stopped them.
pub(crate) const ENDLESS: u32 = 4000;

/// A seed that no job had before: no cache has its picture, and it marks its job at the server.
pub(crate) fn fresh_seed() -> u64 {
    RandomState::new().build_hasher().finish() >> 11
}

/// Arguments of `generate` that a tiny checkpoint can follow.
pub(crate) fn fox(seed: u64, steps: u32) -> Value {
    json!({
        "prompt": "a red fox in the snow", "template": "sd15_txt2img",
        "model": "tiny-sd15.safetensors", "width": 64, "height": 64, "steps": steps, "seed": seed
    })
}

/// The same arguments and some more.
pub(crate) fn with(mut arguments: Value, more: Value) -> Value {
    let members = arguments.as_object_mut().unwrap();
    let Value::Object(more) = more else { panic!("not an object: {more}") };
    members.extend(more);
    arguments
}

/// A workflow that samples.
pub(crate) fn sampling_workflow(seed: u64, steps: u32) -> Value {
    json!({
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "tiny-sd15.safetensors"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a fox", "clip": ["4", 1]}},
        "3": {"class_type": "KSampler", "inputs": {
            "seed": seed, "steps": steps, "cfg": 7.0, "sampler_name": "euler",
            "scheduler": "normal", "denoise": 1.0, "model": ["4", 0], "positive": ["6", 0],
            "negative": ["6", 0], "latent_image": ["5", 0]}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "e2e", "images": ["8", 0]}}
    })
}

/// Asks again and again until there is an answer. For what lies outside of the servers under
/// test, and tells nobody when it changes.
pub(crate) async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let mut turns = interval(Duration::from_millis(20));
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let asking = async {
        loop {
            turns.tick().await;
            if let Some(answer) = ask().await {
                return answer;
            }
        }
    };
    timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("never: {what}"))
}

/// The address of a server that is not there.
pub(crate) fn closed_port() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

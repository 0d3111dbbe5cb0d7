//! A small client: requests as JSON, and the frames of a socket one by one.

use std::time::Duration;

use comfy_sim::{Sim, SimOptions};
use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// How long a test waits for what must come; only a failing test waits this long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn quick_sim() -> Sim {
    let options = SimOptions {
        step_time: Duration::ZERO,
        progress_interval: Duration::ZERO,
        ..SimOptions::default()
    };
    Sim::start(options).await.unwrap()
}

pub(crate) fn http() -> reqwest::Client {
    // Another test of this process may have installed it already.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder().no_proxy().build().unwrap()
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: Option<String>,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) async fn of(response: reqwest::Response) -> Self {
        let headers = response.headers().clone();
        let content_type =
            headers.get("content-type").map(|value| value.to_str().unwrap().to_owned());
        Self {
            status: response.status().as_u16(),
            content_type,
            headers,
            body: response.bytes().await.unwrap().to_vec(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

pub(crate) async fn get(sim: &Sim, path: &str) -> Reply {
    Reply::of(http().get(format!("{}{path}", sim.url())).send().await.unwrap()).await
}

pub(crate) async fn post(sim: &Sim, path: &str, body: &Value) -> Reply {
    Reply::of(http().post(format!("{}{path}", sim.url())).json(body).send().await.unwrap()).await
}

/// Submits and expects to be accepted.
pub(crate) async fn submit(sim: &Sim, body: &Value) -> String {
    let reply = post(sim, "/prompt", body).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["prompt_id"].as_str().unwrap().to_owned()
}

pub(crate) struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Frame {
    Text(Value),
    Broken(String),
    Binary(Vec<u8>),
}

impl Socket {
    pub(crate) async fn open(sim: &Sim, client_id: &str) -> Self {
        let url = format!("ws://{}/ws?clientId={client_id}", sim.address());
        let (stream, _) = tokio_tungstenite::connect_async(url).await.unwrap();
        Self { stream }
    }

    pub(crate) async fn send(&mut self, message: &Value) {
        self.stream.send(Message::Text(message.to_string().into())).await.unwrap();
    }

    /// The next frame, or nothing when the server is gone.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        let next = tokio::time::timeout(PATIENCE, self.stream.next()).await.expect("no frame came");
        match next {
            Some(Ok(Message::Text(text))) => Some(
                serde_json::from_str(&text)
                    .map_or_else(|_| Frame::Broken(text.to_string()), Frame::Text),
            ),
            Some(Ok(Message::Binary(bytes))) => Some(Frame::Binary(bytes.to_vec())),
            _ => None,
        }
    }

    pub(crate) async fn next_event(&mut self) -> Value {
        match self.next().await {
            Some(Frame::Text(event)) => event,
            other => panic!("not an event: {other:?}"),
        }
    }

    /// Everything up to and with the event that `is_last` recognizes.
    pub(crate) async fn until(&mut self, is_last: impl Fn(&Value) -> bool) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = self.next().await {
            let is_end = matches!(&frame, Frame::Text(event) if is_last(event));
            frames.push(frame);
            if is_end {
                return frames;
            }
        }
        panic!("the socket closed after {frames:?}");
    }

    /// Everything up to the end of this prompt.
    pub(crate) async fn until_done(&mut self, prompt_id: &str) -> Vec<Frame> {
        self.until(|event| is_end_of(event, prompt_id)).await
    }
}

pub(crate) fn is_end_of(event: &Value, prompt_id: &str) -> bool {
    event["type"] == "executing"
        && event["data"]["node"].is_null()
        && event["data"]["prompt_id"] == prompt_id
}

/// The types of events, and the first number of binary frames.
pub(crate) fn kinds(frames: &[Frame]) -> Vec<String> {
    let kind = |frame: &Frame| match frame {
        Frame::Text(event) => event["type"].as_str().unwrap_or("?").to_owned(),
        Frame::Broken(_) => "broken".to_owned(),
        Frame::Binary(bytes) => format!("binary {}", bytes.get(3).copied().unwrap_or_default()),
    };
    frames.iter().map(kind).collect()
}

pub(crate) fn texts(frames: &[Frame]) -> Vec<Value> {
    frames
        .iter()
        .filter_map(|frame| if let Frame::Text(event) = frame { Some(event.clone()) } else { None })
        .collect()
}

pub(crate) fn image_prompt(color: u32) -> Value {
    json!({
        "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 48, "batch_size": 1, "color": color}},
        "2": {"class_type": "ImageScale", "inputs": {"image": ["1", 0], "upscale_method": "bilinear", "width": 128, "height": 96, "crop": "disabled"}},
        "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "img"}},
        "4": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
    })
}

pub(crate) fn sampling_prompt(seed: u64, steps: u32) -> Value {
    json!({
        "3": {"class_type": "KSampler", "inputs": {"seed": seed, "steps": steps, "cfg": 7.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0, "model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0]}},
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "tiny-sd15.safetensors"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 128, "height": 96, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a dragon", "clip": ["4", 1]}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "bad", "clip": ["4", 1]}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "rec", "images": ["8", 0]}},
    })
}

pub(crate) const CLIENT: &str = "a-client";

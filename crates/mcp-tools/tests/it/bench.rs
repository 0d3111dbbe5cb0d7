//! What every test stands on: a simulated ComfyUI, a factory in a folder of its own, a server.

use std::{net::SocketAddr, time::Duration};

use comfy_sim::{Sim, SimOptions};
use mcp_tools::{Profile, Selection, Server};
use mediafactory::{
    Factory,
    config::{Backend, Config},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::wire::Wire;

/// A server with everything behind it.
pub(crate) struct Bench {
    pub(crate) sim: Sim,
    pub(crate) factory: Factory,
    pub(crate) server: Server,
    _folder: TempDir,
}

impl Bench {
    pub(crate) async fn start() -> Self {
        let options = SimOptions {
            step_time: Duration::ZERO,
            progress_interval: Duration::ZERO,
            ..SimOptions::default()
        };
        let sim = Sim::start(options).await.expect("a free port");
        let (factory, folder) = factory(&sim.url()).await;
        let server = Server::new(factory.clone(), &Selection::default()).expect("no names");
        Self { sim, factory, server, _folder: folder }
    }

    pub(crate) async fn wire(&self) -> Wire {
        Wire::open(self.server.clone()).await
    }
}

/// A server that tells everything of its tools.
pub(crate) fn telling_all(factory: Factory) -> Server {
    let selection = Selection { profile: Profile::Full, ..Selection::default() };
    Server::new(factory, &selection).expect("no names")
}

/// A factory for a server at some address, which need not exist.
pub(crate) async fn factory(url: &str) -> (Factory, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = Config::new(folder.path());
    config.comfyui = Some(Backend { url: url.parse().expect("a URL"), auth: None });
    (Factory::open(config).await.expect("an empty folder"), folder)
}

/// Where a server is meant to answer, but none does.
pub(crate) struct Nowhere {
    pub(crate) address: SocketAddr,
    _folder: TempDir,
}

/// A server without a ComfyUI.
pub(crate) async fn deserted() -> (Server, Nowhere) {
    let unused = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = unused.local_addr().expect("it is bound");
    drop(unused);
    let (factory, folder) = factory(&format!("http://{address}")).await;
    let server = Server::new(factory, &Selection::default()).expect("no names");
    (server, Nowhere { address, _folder: folder })
}

/// A workflow that samples, by node id.
pub(crate) fn sampling_workflow() -> Value {
    json!({
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "tiny-sd15.safetensors"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a fox", "clip": ["4", 1]}},
        "3": {"class_type": "KSampler", "inputs": {
            "seed": 7, "steps": 4, "cfg": 7.0, "sampler_name": "euler", "scheduler": "normal",
            "denoise": 1.0, "model": ["4", 0], "positive": ["6", 0], "negative": ["6", 0],
            "latent_image": ["5", 0]}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "fox", "images": ["8", 0]}}
    })
}

/// A workflow that makes one plain picture.
pub(crate) fn drawing_workflow(color: u32) -> Value {
    json!({
        "1": {"class_type": "EmptyImage", "inputs": {"width": 32, "height": 16, "batch_size": 1, "color": color}},
        "2": {"class_type": "SaveImage", "inputs": {"filename_prefix": "plain", "images": ["1", 0]}}
    })
}

/// The same workflow as the front end saves it.
pub(crate) fn drawn_workflow(color: u32) -> Value {
    json!({
        "last_node_id": 2, "last_link_id": 1, "version": 0.4,
        "nodes": [
            {"id": 1, "type": "EmptyImage", "pos": [0, 0], "size": [300, 130], "flags": {},
             "order": 0, "mode": 0, "inputs": [],
             "outputs": [{"name": "IMAGE", "type": "IMAGE", "links": [1]}],
             "properties": {}, "widgets_values": [32, 16, 1, color]},
            {"id": 2, "type": "SaveImage", "pos": [400, 0], "size": [300, 130], "flags": {},
             "order": 1, "mode": 0, "inputs": [{"name": "images", "type": "IMAGE", "link": 1}],
             "outputs": [], "properties": {}, "widgets_values": ["plain"]}
        ],
        "links": [[1, 1, 0, 2, 0, "IMAGE"]]
    })
}

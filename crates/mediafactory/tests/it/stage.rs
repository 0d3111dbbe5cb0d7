//! What the tests share: a simulated server and a factory in a folder of its own.

use std::time::Duration;

use comfy_sim::{Gallery, Sim, SimOptions};
use mediafactory::{
    Factory, Json, RunWorkflow,
    config::{Backend, Config},
};
use tempfile::TempDir;

pub(crate) struct Stage {
    pub(crate) sim: Sim,
    pub(crate) factory: Factory,
    folder: TempDir,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// On a server that offers these workflows.
    pub(crate) async fn offering(gallery: Gallery) -> Self {
        Self::set_up(gallery, |_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::set_up(Gallery::default(), change).await
    }

    async fn set_up(gallery: Gallery, change: impl FnOnce(&mut Config)) -> Self {
        let options = SimOptions { step_time: Duration::ZERO, gallery, ..SimOptions::default() };
        let sim = Sim::start(options).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::new(folder.path());
        config.comfyui = Some(Backend { url: sim.url().parse().unwrap(), auth: None });
        change(&mut config);
        Self { sim, factory: Factory::open(config).await.unwrap(), folder }
    }

    /// A second process on the same folder.
    pub(crate) async fn another_factory(&self) -> Factory {
        Factory::open(self.factory.config().clone()).await.unwrap()
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }
}

/// A small picture of one color, without any model.
pub(crate) fn one_color(color: u32) -> RunWorkflow {
    run(&format!(
        r#"{{"1": {{"class_type": "EmptyImage", "inputs": {{"width": 48, "height": 32, "batch_size": 1, "color": {color}}}}},
            "2": {{"class_type": "SaveImage", "inputs": {{"images": ["1", 0], "filename_prefix": "one color"}}}}}}"#
    ))
}

pub(crate) fn run(workflow: &str) -> RunWorkflow {
    RunWorkflow::new(Json::parse(workflow.as_bytes()).unwrap())
}

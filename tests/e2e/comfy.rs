//! The ComfyUI behind the servers, seen from outside: its own queue and history over plain HTTP.

use std::{io::Write as _, sync::Once, time::Duration};

use comfy_sim::{Sim, SimOptions};
use serde_json::Value;

/// How long a simulated step takes: long enough for a server to be killed and started again
/// before a job of some steps has ended.
const STEP_TIME: Duration = Duration::from_millis(50);

/// A ComfyUI: ours for one test, or a real one that is there for all.
#[derive(Debug)]
pub(crate) struct Comfy {
    url: String,
    http: reqwest::Client,
    sim: Option<Sim>,
}

impl Comfy {
    /// The real server that `COMFYUI_URL` names, else a simulator.
    pub(crate) async fn start() -> Self {
        static SAID: Once = Once::new();
        let Some(url) = real_url() else {
            SAID.call_once(|| say("comfy-sim, in the process of the tests"));
            return Self::simulated().await;
        };
        let comfy = Self { url, http: http(), sim: None };
        let stats = comfy.get("/system_stats").await;
        let version = &stats["system"]["comfyui_version"];
        SAID.call_once(|| say(&format!("{version} at {}", comfy.url)));
        comfy
    }

    /// A simulator, whatever else there is.
    pub(crate) async fn simulated() -> Self {
        Self::simulated_with(SimOptions { step_time: STEP_TIME, ..SimOptions::default() }).await
    }

    /// A simulator that is not like the others.
    pub(crate) async fn simulated_with(options: SimOptions) -> Self {
        let sim = Sim::start(options).await.unwrap();
        Self { url: sim.url(), http: http(), sim: Some(sim) }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The simulator of a test that needs one.
    pub(crate) fn sim(&self) -> &Sim {
        self.sim.as_ref().expect("this test runs on the simulator only")
    }

    /// The simulator, to be stopped.
    pub(crate) fn into_sim(self) -> Sim {
        self.sim.expect("this test runs on the simulator only")
    }

    async fn get(&self, path: &str) -> Value {
        let reply = self.http.get(format!("{}{path}", self.url)).send().await.unwrap();
        assert!(reply.status().is_success(), "{path}: {}", reply.status());
        reply.json().await.unwrap()
    }

    /// The bytes of a file that a node has saved.
    pub(crate) async fn view(&self, server_file: &Value) -> Vec<u8> {
        let part = |name: &str| server_file[name].as_str().unwrap().to_owned();
        let query = [
            ("filename", part("filename")),
            ("subfolder", part("subfolder")),
            ("type", part("folder")),
        ];
        let request = self.http.get(format!("{}/view", self.url)).query(&query);
        request.send().await.unwrap().bytes().await.unwrap().to_vec()
    }

    /// The ids of the prompts with this seed that run or wait.
    pub(crate) async fn queued_with_seed(&self, seed: u64) -> Vec<String> {
        let queue = self.get("/queue").await;
        let entries =
            ["queue_running", "queue_pending"].map(|part| queue[part].as_array().cloned());
        let entries = entries.into_iter().flatten().flatten();
        entries.filter(|entry| has_seed(&entry[2], seed)).map(|entry| id_of(&entry)).collect()
    }

    /// The ids of the prompts with this seed that have ended, however they did.
    pub(crate) async fn ended_with_seed(&self, seed: u64) -> Vec<String> {
        let history = self.get("/history?max_items=200").await;
        let entries = history.as_object().unwrap().values();
        let prompts = entries.map(|entry| &entry["prompt"]);
        prompts.filter(|prompt| has_seed(&prompt[2], seed)).map(id_of).collect()
    }

    /// How often a prompt with this id was accepted. A real server does not count that.
    pub(crate) fn submissions_of(&self, prompt_id: &str) -> Option<usize> {
        self.sim.as_ref().map(|sim| sim.submissions_of(prompt_id))
    }

    /// What the history says of one prompt; nothing when it does not know it.
    pub(crate) async fn history_of(&self, prompt_id: &str) -> Option<Value> {
        self.get(&format!("/history/{prompt_id}")).await.get(prompt_id).cloned()
    }

    /// Whether the history says that the prompt was interrupted.
    pub(crate) async fn was_interrupted(&self, prompt_id: &str) -> bool {
        let Some(entry) = self.history_of(prompt_id).await else { return false };
        let mut messages = entry["status"]["messages"].as_array().into_iter().flatten();
        messages.any(|message| message[0] == "execution_interrupted")
    }
}

/// Says which ComfyUI it is, past the test harness, which hides what a test prints.
fn say(which: &str) {
    writeln!(std::io::stderr(), "ComfyUI: {which}").expect("standard error is open");
}

#[expect(clippy::disallowed_methods, reason = "the person who runs the tests names the server")]
fn real_url() -> Option<String> {
    let url = std::env::var("COMFYUI_URL").ok().filter(|url| !url.is_empty())?;
    Some(url.trim_end_matches('/').to_owned())
}

/// A client that goes to the loopback interface directly, whatever proxy is set.
pub(crate) fn http() -> reqwest::Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        rustls::crypto::ring::default_provider().install_default().expect("it is the first");
    });
    reqwest::Client::builder().no_proxy().build().unwrap()
}

fn has_seed(workflow: &Value, seed: u64) -> bool {
    let mut nodes = workflow.as_object().into_iter().flat_map(|nodes| nodes.values());
    nodes.any(|node| node["inputs"]["seed"] == seed)
}

/// The id in an entry `[number, id, workflow, …]`.
fn id_of(entry: &Value) -> String {
    entry[1].as_str().unwrap().to_owned()
}

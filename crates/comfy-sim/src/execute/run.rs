//! One prompt from its first event to its place in the history.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::{Map, Value, json};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use crate::catalog::NodeClass;
use crate::execute::Workshop;
use crate::execute::cache::{Kept, as_link, signatures};
use crate::execute::nodes::{self, Context, Exception, Produced, Work};
use crate::execute::order::{Graph, Order};
use crate::execute::progress::Progress;
use crate::execute::scripted::leaves_success;
use crate::execute::values::{Inputs, NodeValue, plain};
use crate::fault::{Fault, Moment};
use crate::hub;
use crate::queue::QueueItem;
use crate::server::{Server, now_ms};

pub(crate) struct Run<'a> {
    pub(super) server: &'a Arc<Server>,
    workshop: &'a mut Workshop,
    pub(super) item: Arc<QueueItem>,
    pub(super) abandon: CancellationToken,
    /// The client that submitted the prompt; `None` when it named none.
    client: Option<String>,
    signatures: HashMap<String, String>,
    results: HashMap<String, Arc<Kept>>,
    pub(super) progress: Progress,
    order: Order,
    pub(super) executed: Vec<String>,
    messages: Vec<Value>,
    outputs: Map<String, Value>,
    meta: Map<String, Value>,
    /// Whether every event is sent twice, because a test asked for it.
    pub(super) repeats: bool,
}

/// Why a run does not go on.
pub(crate) enum Halt {
    Interrupted,
    /// The server stops, or lost its memory: nothing is told to anyone.
    Abandoned,
    Raised(Exception),
}

struct Failure {
    node: String,
    halt: Halt,
    inputs: Value,
}

impl<'a> Run<'a> {
    pub(crate) fn new(
        server: &'a Arc<Server>,
        workshop: &'a mut Workshop,
        item: Arc<QueueItem>,
        abandon: CancellationToken,
    ) -> Self {
        let client =
            item.extra_data.get("client_id").filter(|id| !id.is_null()).map(crate::python::str);
        let prompt = &item.prompt;
        workshop.temp_prefixes.retain(|(id, _), _| prompt.contains_key(id));
        Self {
            server,
            workshop,
            item,
            abandon,
            client,
            signatures: HashMap::new(),
            results: HashMap::new(),
            progress: Progress::default(),
            order: Order::default(),
            executed: Vec::new(),
            messages: Vec::new(),
            outputs: Map::new(),
            meta: Map::new(),
            repeats: false,
        }
    }

    /// Runs the prompt, tells the clients, and files it in the history.
    pub(crate) async fn complete(mut self) {
        self.server.take_interrupt();
        let prompt_id = self.item.prompt_id.clone();
        self.message("execution_start", json!({"prompt_id": prompt_id}), false);
        let result = self.go().await;
        let is_success = match result {
            Ok(()) => {
                self.message("execution_success", json!({"prompt_id": prompt_id}), false);
                true
            }
            Err(Failure { halt: Halt::Abandoned, .. }) => return,
            Err(failure) => {
                let is_success =
                    matches!(&failure.halt, Halt::Raised(exception) if leaves_success(exception));
                self.tell_failure(failure);
                is_success
            }
        };
        if self.at(Moment::BeforeHistory).await.is_ok() {
            self.file(is_success);
        }
    }

    async fn go(&mut self) -> Result<(), Failure> {
        self.find_cached().await;
        self.at(Moment::NextPrompt).await.map_err(|halt| Failure {
            node: String::new(),
            halt,
            inputs: json!({}),
        })?;
        let (server, item) = (Arc::clone(self.server), Arc::clone(&self.item));
        let cached: HashSet<String> = self.results.keys().cloned().collect();
        let graph = Graph { catalog: &server.catalog, prompt: &item.prompt, cached: &cached };
        for output in &item.outputs {
            self.order.add(output, &graph);
        }
        while let Some(id) = self.order.next() {
            self.node(&id, &graph).await?;
        }
        self.show_cached_intermediates(&server);
        Ok(())
    }

    /// Looks every node of the prompt up, needed or not, and says which were found.
    async fn find_cached(&mut self) {
        let (server, item) = (Arc::clone(self.server), Arc::clone(&self.item));
        let found =
            spawn_blocking(move || signatures(&server.catalog, &server.folders, &item.prompt))
                .await;
        self.signatures = found.unwrap_or_default();
        for id in self.item.prompt.keys() {
            if let Some(kept) =
                self.signatures.get(id).and_then(|signature| self.workshop.cache.get(signature))
            {
                self.results.insert(id.clone(), kept);
            }
        }
        let cached: Vec<&String> =
            self.item.prompt.keys().filter(|id| self.results.contains_key(*id)).collect();
        let data = json!({"nodes": cached, "prompt_id": self.item.prompt_id});
        self.message("execution_cached", data, false);
    }

    async fn node(&mut self, id: &str, graph: &Graph<'_>) -> Result<(), Failure> {
        if self.abandon.is_cancelled() {
            return Err(Failure { node: id.to_owned(), halt: Halt::Abandoned, inputs: json!({}) });
        }
        let known =
            self.signatures.get(id).and_then(|signature| self.workshop.cache.get(signature));
        if let Some(kept) = self.results.get(id).cloned().or(known) {
            self.show_cached(id, &kept);
            self.progress.finish(id);
            self.tell_progress();
            self.results.insert(id.to_owned(), kept);
            self.order.complete(id);
            return Ok(());
        }
        self.progress.start(id);
        self.tell_progress();
        let (class_type, inputs) = self.inputs_of(id);
        if let Some(current) = self.server.state().current.as_mut() {
            current.node = Some(id.to_owned());
        }
        let data = json!({"node": id, "display_node": id, "prompt_id": self.item.prompt_id});
        self.tell("executing", &data);
        self.tell_scripted(id);
        let needed = self.lazy_needs(id, &class_type, &inputs);
        if !needed.is_empty() {
            for from in &needed {
                self.order.also_needs(id, from, graph);
            }
            return Ok(());
        }
        let shown: Map<String, Value> =
            inputs.iter().map(|(name, value)| (name.clone(), json!([value.shown()]))).collect();
        let result = self.work(id, &class_type, inputs).await;
        let produced =
            result.map_err(|halt| Failure { node: id.to_owned(), halt, inputs: shown.into() })?;
        self.keep(id, produced);
        Ok(())
    }

    fn keep(&mut self, id: &str, produced: Produced) {
        let ui = self.shown(produced.ui);
        if let Some(ui) = &ui {
            self.show(id, ui);
        }
        let kept = Arc::new(Kept { outputs: produced.outputs, ui });
        if let Some(signature) = self.signatures.get(id) {
            self.workshop.cache.insert(signature, Arc::clone(&kept));
        }
        self.results.insert(id.to_owned(), kept);
        self.progress.finish(id);
        self.tell_progress();
        self.executed.push(id.to_owned());
        self.order.complete(id);
    }

    async fn work(&mut self, id: &str, class_type: &str, inputs: Inputs) -> Result<Produced, Halt> {
        if self.server.take_interrupt() {
            return Err(Halt::Interrupted);
        }
        if let Some(exception) = self.scripted_exception(id) {
            return Err(Halt::Raised(exception));
        }
        let Some(class) = self.server.catalog.class(class_type) else {
            return Err(Halt::Raised(Exception::new("KeyError", format!("'{class_type}'"))));
        };
        match nodes::work_of(class_type, class) {
            Work::Real(run) => {
                let context = self.context(id, class_type);
                let task = spawn_blocking(move || run(&inputs, &context));
                task.await
                    .unwrap_or_else(|error| Err(Exception::new("RuntimeError", error.to_string())))
                    .map_err(Halt::Raised)
            }
            Work::Simulated => Ok(nodes::simulated(class, &inputs)),
            Work::Sampler => self.sample(id, class_type, class, &inputs).await,
            Work::SendPictures => self.send_pictures(id, &inputs).await,
            Work::Refused => Err(Halt::Raised(Exception::new(
                "NotImplementedError",
                format!("comfy-sim does not execute {class_type}; use a real ComfyUI"),
            ))),
        }
    }

    fn context(&mut self, id: &str, class_type: &str) -> Context {
        let key = (id.to_owned(), class_type.to_owned());
        let temp_prefix =
            self.workshop.temp_prefixes.entry(key).or_insert_with(random_letters).clone();
        Context { folders: self.server.folders.clone(), item: Arc::clone(&self.item), temp_prefix }
    }

    /// The inputs of a node with its links followed. What is not there yet is left out.
    fn inputs_of(&self, id: &str) -> (String, Inputs) {
        let Some(node) = self.item.prompt.get(id) else { return Default::default() };
        let class_type = node.get("class_type").and_then(Value::as_str).unwrap_or_default();
        let inputs = node.get("inputs").and_then(Value::as_object);
        let resolve = |value: &Value| match as_link(value) {
            None => Some(NodeValue::Plain(value.clone())),
            Some((from, slot)) => {
                let outputs = &self.results.get(from)?.outputs;
                let index = slot.as_i64().and_then(|slot| match usize::try_from(slot) {
                    Ok(index) => Some(index),
                    Err(_) => outputs.len().checked_sub(usize::try_from(slot.unsigned_abs()).ok()?),
                })?;
                outputs.get(index).cloned()
            }
        };
        let inputs = inputs
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| Some((name.clone(), resolve(value)?)))
            .collect();
        (class_type.to_owned(), inputs)
    }

    /// The nodes behind lazy inputs that this node turns out to need and that have not run.
    fn lazy_needs(&self, id: &str, class_type: &str, inputs: &Inputs) -> Vec<String> {
        let Some(class) = self.server.catalog.class(class_type) else { return Vec::new() };
        let live =
            self.item.prompt.get(id).and_then(|node| node.get("inputs")).and_then(Value::as_object);
        let chosen = plain(inputs, "switch")
            .map(|switch| if crate::python::truthy(switch) { "on_true" } else { "on_false" });
        let is_needed = |name: &str| {
            class.input(name).is_some_and(crate::catalog::InputSpec::is_lazy)
                && chosen.is_none_or(|chosen| chosen == name)
        };
        let links = live
            .into_iter()
            .flatten()
            .filter(|(name, _)| is_needed(name))
            .filter_map(|(_, value)| as_link(value));
        links
            .map(|(from, _)| from.to_owned())
            .filter(|from| !self.results.contains_key(from))
            .collect()
    }

    /// Sends an event to the submitter; to nobody when the prompt named no client.
    pub(super) fn tell(&self, kind: &str, data: &Value) {
        if let (Some(client), false) = (&self.client, self.abandon.is_cancelled()) {
            let event = hub::event(kind, data);
            (0..=u8::from(self.repeats)).for_each(|_| self.server.hub.send_to(client, &event));
        }
    }

    /// Sends an event to the submitter, or to everybody when the prompt named no client.
    pub(super) fn tell_or_broadcast(&self, kind: &str, data: &Value) {
        match &self.client {
            Some(_) => self.tell(kind, data),
            None if self.abandon.is_cancelled() => {}
            None => self.server.hub.send_to_all(&hub::event(kind, data)),
        }
    }

    pub(super) fn client(&self) -> Option<&str> {
        self.client.as_deref()
    }

    pub(super) fn tell_progress(&self) {
        self.tell_or_broadcast("progress_state", &self.progress.data(&self.item.prompt_id));
    }

    /// Sends one of the timestamped events, which are also kept for the history.
    fn message(&mut self, kind: &str, mut data: Value, is_broadcast: bool) {
        if let Some(data) = data.as_object_mut() {
            data.insert("timestamp".to_owned(), json!(now_ms()));
        }
        if is_broadcast {
            self.tell_or_broadcast(kind, &data);
        } else {
            self.tell(kind, &data);
        }
        self.messages.push(json!([kind, data]));
    }

    fn show(&mut self, id: &str, ui: &Value) {
        let meta =
            json!({"node_id": id, "display_node": id, "parent_node": null, "real_node_id": id});
        self.show_as(id, ui, meta);
    }

    pub(super) fn show_as(&mut self, id: &str, ui: &Value, meta: Value) {
        let display_node = meta.get("display_node").cloned();
        self.outputs.insert(id.to_owned(), ui.clone());
        self.meta.insert(id.to_owned(), meta);
        self.tell("executed", &json!({"node": id, "display_node": display_node, "output": ui, "prompt_id": self.item.prompt_id}));
    }

    fn show_cached(&mut self, id: &str, kept: &Kept) {
        match &kept.ui {
            Some(ui) => self.show(id, ui),
            None => {
                let data = json!({"node": id, "display_node": id, "output": null, "prompt_id": self.item.prompt_id});
                self.tell("executed", &data);
            }
        }
    }

    /// Nodes that show something on the way are shown again even when nothing led past them.
    fn show_cached_intermediates(&mut self, server: &Server) {
        let item = Arc::clone(&self.item);
        for (id, node) in &item.prompt {
            let class = node
                .get("class_type")
                .and_then(Value::as_str)
                .and_then(|name| server.catalog.class(name));
            if self.executed.contains(id) || !class.is_some_and(NodeClass::has_intermediate_output)
            {
                continue;
            }
            if let Some(kept) = self.results.get(id).cloned() {
                self.show_cached(id, &kept);
            }
        }
    }

    fn tell_failure(&mut self, failure: Failure) {
        let class_type =
            self.item.prompt.get(&failure.node).and_then(|node| node.get("class_type")).cloned();
        let mut data = json!({
            "prompt_id": self.item.prompt_id,
            "node_id": failure.node,
            "node_type": class_type,
            "executed": self.executed,
        });
        let Halt::Raised(exception) = failure.halt else {
            return self.message("execution_interrupted", data, true);
        };
        let all: Vec<&String> = self.item.prompt.keys().collect();
        if let Some(data) = data.as_object_mut() {
            let text = format!("{}\n{}", exception.message, exception.tips);
            data.insert("exception_message".to_owned(), json!(text));
            data.insert("exception_type".to_owned(), json!(exception.kind));
            data.insert(
                "traceback".to_owned(),
                json!([format!("  comfy-sim, in {}\n", failure.node)]),
            );
            let inputs = if leaves_success(&exception) { json!([]) } else { failure.inputs };
            data.insert("current_inputs".to_owned(), inputs);
            data.insert("current_outputs".to_owned(), json!(all));
        }
        self.message("execution_error", data, false);
    }

    /// Files the prompt in the history, and only then says that it is over.
    fn file(self, is_success: bool) {
        let result = Map::from_iter([
            ("outputs".to_owned(), Value::Object(self.outputs.clone())),
            ("meta".to_owned(), Value::Object(self.meta.clone())),
        ]);
        let status_str = if is_success { "success" } else { "error" };
        let status =
            json!({"status_str": status_str, "completed": is_success, "messages": self.messages});
        let mut state = self.server.state();
        if self.abandon.is_cancelled() {
            return;
        }
        if let Some(current) = state.current.as_mut() {
            current.node = None;
        }
        if self.server.script.take_exact(&Fault::HistoryEvicted) {
            state.queue.drop_running();
        } else {
            state.queue.finish(result, &status);
        }
        self.server.announce(&state);
        self.tell("executing", &json!({"node": null, "prompt_id": self.item.prompt_id}));
    }
}

/// Five letters, as the real server puts them into the names of temporary files.
fn random_letters() -> String {
    let bytes = uuid::Uuid::new_v4().into_bytes();
    bytes.iter().take(5).map(|byte| char::from(b'a' + byte % 26)).collect()
}
